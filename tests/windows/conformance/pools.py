"""Paged and nonpaged pool: what a driver allocates, its limits, tags and quotas."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import PAGE, MiB, Steps, Table, charge, equal, fails, raises, several, works

case = Table()
ALLOCATE, FREE, POOLS = "[ExAllocatePoolWithTag]", "[ExFreePoolWithTag]", "[Memory Pools]"
POOLMON, LEAK = "[PoolMon]", "[Determining Whether a Leak Exists]"
PAGED, NONPAGED = w.PAGED_POOL, w.NON_PAGED_POOL
KINDS = {"paged": PAGED, "nonpaged": NONPAGED}


def take(process: Any, pool: int, size: int, tag: str = "Test") -> Steps:
    """The address of a new block."""
    return (yield from works(process.ex_allocate_pool_with_tag(pool, size, tag)))


def give(process: Any, *blocks: int) -> Steps:
    """Free blocks: what a driver allocates outlives the process."""
    for block in blocks:
        yield from works(process.ex_free_pool_with_tag(block, "Test"))


def line(process: Any, tag: str = "Test") -> Any:
    """The line of a tag in PoolMon's table."""
    table = process.system.pool.table()
    return table[table["tag"] == tag].iloc[0]


for _name, _pool in KINDS.items():

    @case("ExAllocatePoolWithTag", f"{_name} pool is counted", "[PERFORMANCE_INFORMATION]")
    def _(process: Any, pool: int = _pool, name: str = _name) -> Steps:
        before = yield from process.get_performance_info()
        block = yield from take(process, pool, 40 * PAGE)
        after = yield from process.get_performance_info()
        equal(getattr(after, f"kernel_{name}") - getattr(before, f"kernel_{name}"), 40)
        equal(after.kernel_total, after.kernel_paged + after.kernel_nonpaged)
        yield from give(process, block)

    @case("ExAllocatePoolWithTag", f"{_name} pool is charged", "MODEL section 5")
    def _(process: Any, pool: int = _pool) -> Steps:
        before = yield from charge(process)
        block = yield from take(process, pool, 40 * PAGE)
        equal((yield from charge(process)) - before >= 40, True)
        yield from give(process, block)
        equal((yield from charge(process)), before)

    @case("ExAllocatePoolWithTag", f"blocks of {_name} pool of a page or more begin at a page", ALLOCATE)
    def _(process: Any, pool: int = _pool) -> Steps:
        blocks = yield from several(take(process, pool, size) for size in (PAGE, 2 * PAGE, PAGE + 1))
        equal([block % PAGE for block in blocks], [0, 0, 0])
        yield from give(process, *blocks)

    @case("ExAllocatePoolWithTag", f"small blocks of {_name} pool share pages", ALLOCATE)
    def _(process: Any, pool: int = _pool) -> Steps:
        blocks = yield from several(take(process, pool, 64) for _ in range(32))
        equal(len({block // PAGE for block in blocks}) <= 16, True)
        equal(len(set(blocks)), 32)
        equal([block % 16 for block in blocks], [0] * 32)
        yield from give(process, *blocks)

    @case("ExFreePoolWithTag", f"a freed block of {_name} pool can be had again", FREE)
    def _(process: Any, pool: int = _pool) -> Steps:
        for _ in range(50):
            block = yield from take(process, pool, 30 * PAGE)
            yield from give(process, block)

    @case("PoolMon", f"counts allocations, frees and bytes of a tag in {_name} pool", POOLMON)
    def _(process: Any, pool: int = _pool) -> Steps:
        blocks = yield from several(take(process, pool, 100) for _ in range(10))
        yield from give(process, *blocks[:4])
        found = line(process)
        equal((int(found["allocs"]), int(found["frees"]), int(found["diff"])), (10, 4, 6))
        equal(int(found["bytes"]) >= 600, True)
        yield from give(process, *blocks[4:])
        equal((int(line(process)["diff"]), int(line(process)["bytes"])), (0, 0))


for _name, _pool, _code in (
    ("paged", PAGED, w.ERROR_PAGED_SYSTEM_RESOURCES),
    ("nonpaged", NONPAGED, w.ERROR_NONPAGED_SYSTEM_RESOURCES),
):

    @case(
        "ExAllocatePoolWithTag",
        f"at the limit of {_name} pool it fails",
        "[Memory Limits]",
        settings={"pools": {f"{_name}_limit": MiB}},
    )
    def _(process: Any, pool: int = _pool, code: int = _code) -> Steps:
        blocks = []
        while block := (yield from process.ex_allocate_pool_with_tag(pool, 8 * PAGE, "Test")):
            blocks.append(block)
            assert len(blocks) <= 32
        equal(process.get_last_error(), code)
        equal(len(blocks) >= 24, True)
        yield from give(process, *blocks)


@case(
    "ExAllocatePoolWithTag", "without commit charge it fails for lack of resources", "MODEL section 10", paging_pages=64
)
def _(process: Any) -> Steps:
    call = process.ex_allocate_pool_with_tag(PAGED, 64 * MiB, "Test")
    yield from fails(process, 0, call)
    equal(process.get_last_error() in {w.ERROR_NO_SYSTEM_RESOURCES, w.ERROR_PAGED_SYSTEM_RESOURCES}, True)


@case("ExAllocatePoolWithTag", "nonpaged pool has its frames at once", POOLS)
def _(process: Any) -> Steps:
    before = (yield from process.get_performance_info()).physical_available
    block = yield from take(process, NONPAGED, 40 * PAGE)
    equal((yield from process.get_performance_info()).physical_available, before - 40)
    yield from give(process, block)
    equal((yield from process.get_performance_info()).physical_available, before)


@case("ExAllocatePoolWithTag", "paged pool takes frames when it is touched", POOLS)
def _(process: Any) -> Steps:
    before = (yield from process.get_performance_info()).physical_available
    block = yield from take(process, PAGED, 100 * PAGE)
    equal(before - (yield from process.get_performance_info()).physical_available < 10, True)
    yield from give(process, block)


@case("ExAllocatePoolWithTag", "paged pool isn't in the working set of the process", POOLS)
def _(process: Any) -> Steps:
    before = (yield from process.get_process_memory_info()).working_set_size
    block = yield from take(process, PAGED, 10 * PAGE)
    equal((yield from process.get_process_memory_info()).working_set_size, before)
    yield from give(process, block)


@case("ExFreePoolWithTag", "a block is freed once", FREE)
def _(process: Any) -> Steps:
    block = yield from take(process, PAGED, 100)
    yield from give(process, block)
    yield from fails(process, 0, process.ex_free_pool_with_tag(block, "Test"))


@case("ExFreePoolWithTag", "the tag must be that of the block", FREE)
def _(process: Any) -> Steps:
    block = yield from take(process, PAGED, 100)
    yield from fails(process, 0, process.ex_free_pool_with_tag(block, "Else"))
    yield from give(process, block)


for _processors, _count in ((1, 3), (2, 5)):

    @case("Pools", f"there are {_count} paged pools on {_processors} processor(s)", POOLS, processors=_processors)
    def _(process: Any, count: int = _count) -> Steps:
        blocks = yield from several(take(process, PAGED, 64) for _ in range(2 * count))
        equal(len({block // PAGE for block in blocks}), count, "pages that the blocks lie in")
        yield from give(process, *blocks)


@case("ExAllocatePoolWithQuotaTag", "is charged to the process's quota", "[ExAllocatePoolWithQuotaTag]")
def _(process: Any) -> Steps:
    before = (yield from process.get_process_memory_info()).quota_non_paged_pool_usage
    block = yield from works(process.ex_allocate_pool_with_quota_tag(NONPAGED, 1000, "Test"))
    after = (yield from process.get_process_memory_info()).quota_non_paged_pool_usage
    equal(1000 <= after - before <= 1100, True)
    yield from give(process, block)
    equal((yield from process.get_process_memory_info()).quota_non_paged_pool_usage, before)


@case(
    "ExAllocatePoolWithQuotaTag",
    "beyond the quota it raises STATUS_QUOTA_EXCEEDED",
    "[ExAllocatePoolWithQuotaTag]",
    settings={"pools": {"nonpaged_quota": 65536}},
)
def _(process: Any) -> Steps:
    blocks = []

    def greedy() -> Steps:
        while True:
            blocks.append((yield from process.ex_allocate_pool_with_quota_tag(NONPAGED, 3000, "Test")))

    yield from raises(0xC0000044, greedy())
    equal(10 <= len(blocks) <= 21, True)
    yield from give(process, *blocks)


@case("Leak", "a handle leak raises Pool Paged Bytes", LEAK)
def _(process: Any) -> Steps:
    before = yield from process.get_performance_info()
    for _ in range(3000):
        yield from works(process.create_event())
    after = yield from process.get_performance_info()
    equal(after.kernel_paged - before.kernel_paged >= 8, True)
    equal(int(line(process, "Even")["diff"]) >= 3000, True)


@case("Leak", "a leak of private memory raises Private Bytes, not Pool Paged Bytes", "MODEL section 13 (11)")
def _(process: Any) -> Steps:
    system = yield from process.get_performance_info()
    own = yield from process.get_process_memory_info()
    for _ in range(50):
        yield from works(process.malloc(8000))
    after = yield from process.get_process_memory_info()
    equal(after.private_usage - own.private_usage >= 300_000, True)
    equal((yield from process.get_performance_info()).kernel_paged - system.kernel_paged <= 1, True)
