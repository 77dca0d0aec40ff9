"""Paged and nonpaged pool: what a driver allocates, its limits, tags and quotas."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

ALLOCATE, FREE, POOLS = "[ExAllocatePoolWithTag]", "[ExFreePoolWithTag]", "[Memory Pools]"
POOLMON, LEAK = "[PoolMon]", "[Determining Whether a Leak Exists]"
PAGED, NONPAGED = w.PAGED_POOL, w.NON_PAGED_POOL
KINDS = {"paged": PAGED, "nonpaged": NONPAGED}


def take(p: Any, pool: int, size: int, tag: str = "Test") -> Any:
    """The address of a new block."""
    return works(p.ex_allocate_pool_with_tag(pool, size, tag))


def give(p: Any, *blocks: int) -> None:
    """Free blocks: what a driver allocates outlives the process."""
    for block in blocks:
        works(p.ex_free_pool_with_tag(block, "Test"))


def line(p: Any, tag: str = "Test") -> Any:
    """The line of a tag in PoolMon's table."""
    table = p.system.pool.table()
    return table[table["tag"] == tag].iloc[0]


def test_ex_allocate_pool_with_tag(rule: Rule) -> None:
    for name, pool in KINDS.items():
        with rule(f"{name} pool is counted", "[PERFORMANCE_INFORMATION]") as p:
            before = p.get_performance_info()
            block = take(p, pool, 40 * PAGE)
            after = p.get_performance_info()
            assert getattr(after, f"kernel_{name}") - getattr(before, f"kernel_{name}") == 40
            assert after.kernel_total == after.kernel_paged + after.kernel_nonpaged
            give(p, block)
        with rule(f"{name} pool is charged", "MODEL section 5") as p:
            before = p.charge()
            block = take(p, pool, 40 * PAGE)
            assert p.charge() - before >= 40
            give(p, block)
            assert p.charge() == before
        with rule(f"blocks of {name} pool of a page or more begin at a page", ALLOCATE) as p:
            blocks = [take(p, pool, size) for size in (PAGE, 2 * PAGE, PAGE + 1)]
            assert [block % PAGE for block in blocks] == [0, 0, 0]
            give(p, *blocks)
        with rule(f"small blocks of {name} pool share pages", ALLOCATE) as p:
            blocks = [take(p, pool, 64) for _ in range(32)]
            assert len({block // PAGE for block in blocks}) <= 16
            assert len(set(blocks)) == 32
            assert [block % 16 for block in blocks] == [0] * 32
            give(p, *blocks)
        with rule(f"a freed block of {name} pool can be had again", FREE) as p:
            for _ in range(50):
                block = take(p, pool, 30 * PAGE)
                give(p, block)
        with rule(f"counts allocations, frees and bytes of a tag in {name} pool", POOLMON) as p:
            blocks = [take(p, pool, 100) for _ in range(10)]
            give(p, *blocks[:4])
            found = line(p)
            assert (int(found["allocs"]), int(found["frees"]), int(found["diff"])) == (10, 4, 6)
            assert int(found["bytes"]) >= 600
            give(p, *blocks[4:])
            assert (int(line(p)["diff"]), int(line(p)["bytes"])) == (0, 0)


def test_pools_that_are_full(rule: Rule) -> None:
    for name, pool, code in (
        ("paged", PAGED, w.ERROR_PAGED_SYSTEM_RESOURCES),
        ("nonpaged", NONPAGED, w.ERROR_NONPAGED_SYSTEM_RESOURCES),
    ):
        with rule(
            f"at the limit of {name} pool it fails", "[Memory Limits]", settings={"pools": {f"{name}_limit": MiB}}
        ) as p:
            blocks = []
            while block := p.ex_allocate_pool_with_tag(pool, 8 * PAGE, "Test"):
                blocks.append(block)
                assert len(blocks) <= 32
            assert p.get_last_error() == code
            assert len(blocks) >= 24
            give(p, *blocks)
    with rule("without commit charge it fails for lack of resources", "MODEL section 10", paging_pages=64) as p:
        p.fails(0).ex_allocate_pool_with_tag(PAGED, 64 * MiB, "Test")
        assert p.get_last_error() in {w.ERROR_NO_SYSTEM_RESOURCES, w.ERROR_PAGED_SYSTEM_RESOURCES}
    with rule("nonpaged pool has its frames at once", POOLS) as p:
        before = p.get_performance_info().physical_available
        block = take(p, NONPAGED, 40 * PAGE)
        assert p.get_performance_info().physical_available == before - 40
        give(p, block)
        assert p.get_performance_info().physical_available == before
    with rule("paged pool takes frames when it is touched", POOLS) as p:
        before = p.get_performance_info().physical_available
        block = take(p, PAGED, 100 * PAGE)
        assert before - p.get_performance_info().physical_available < 10
        give(p, block)
    with rule("paged pool isn't in the working set of the process", POOLS) as p:
        before = p.get_process_memory_info().working_set_size
        block = take(p, PAGED, 10 * PAGE)
        assert p.get_process_memory_info().working_set_size == before
        give(p, block)


def test_ex_free_pool_with_tag(rule: Rule) -> None:
    with rule("a block is freed once", FREE) as p:
        block = take(p, PAGED, 100)
        give(p, block)
        p.fails(0).ex_free_pool_with_tag(block, "Test")
    with rule("the tag must be that of the block", FREE) as p:
        block = take(p, PAGED, 100)
        p.fails(0).ex_free_pool_with_tag(block, "Else")
        give(p, block)


def test_pools(rule: Rule) -> None:
    for processors, count in ((1, 3), (2, 5)):
        with rule(f"there are {count} paged pools on {processors} processor(s)", POOLS, processors=processors) as p:
            blocks = [take(p, PAGED, 64) for _ in range(2 * count)]
            assert len({block // PAGE for block in blocks}) == count
            give(p, *blocks)


def test_ex_allocate_pool_with_quota_tag(rule: Rule) -> None:
    with rule("is charged to the process's quota", "[ExAllocatePoolWithQuotaTag]") as p:
        before = p.get_process_memory_info().quota_non_paged_pool_usage
        block = works(p.ex_allocate_pool_with_quota_tag(NONPAGED, 1000, "Test"))
        after = p.get_process_memory_info().quota_non_paged_pool_usage
        assert 1000 <= after - before <= 1100
        give(p, block)
        assert p.get_process_memory_info().quota_non_paged_pool_usage == before
    with rule(
        "beyond the quota it raises STATUS_QUOTA_EXCEEDED",
        "[ExAllocatePoolWithQuotaTag]",
        settings={"pools": {"nonpaged_quota": 65536}},
    ) as p:
        blocks = []

        def greedy() -> None:
            while True:
                blocks.append(p.ex_allocate_pool_with_quota_tag(NONPAGED, 3000, "Test"))

        p.raises(0xC0000044).do(
            greedy,
        )
        assert 10 <= len(blocks) <= 21
        give(p, *blocks)


def test_leak(rule: Rule) -> None:
    with rule("a handle leak raises Pool Paged Bytes", LEAK) as p:
        before = p.get_performance_info()
        for _ in range(3000):
            works(p.create_event())
        after = p.get_performance_info()
        assert after.kernel_paged - before.kernel_paged >= 8
        assert int(line(p, "Even")["diff"]) >= 3000
    with rule("a leak of private memory raises Private Bytes, not Pool Paged Bytes", "MODEL section 13 (11)") as p:
        system = p.get_performance_info()
        own = p.get_process_memory_info()
        for _ in range(50):
            works(p.malloc(8000))
        after = p.get_process_memory_info()
        assert after.private_usage - own.private_usage >= 300_000
        assert p.get_performance_info().kernel_paged - system.kernel_paged <= 1
