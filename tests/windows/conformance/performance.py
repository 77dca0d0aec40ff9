"""GetPerformanceInfo and the memory notifications."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    PAGE,
    PARAMETER,
    RELEASE,
    UNIT,
    Steps,
    Table,
    equal,
    fails,
    mapped,
    region,
    several,
    works,
)

case = Table()
INFORMATION, EVENTS = "[PERFORMANCE_INFORMATION]", "[Standard Event Objects]"
NOTIFICATION = "[CreateMemoryResourceNotification]"
LOW, HIGH = w.LOW_MEMORY_RESOURCE_NOTIFICATION, w.HIGH_MEMORY_RESOURCE_NOTIFICATION
THRESHOLDS: dict[str, Any] = {"settings": {"conditions": {"low_memory": 100 * PAGE, "high_memory": 200 * PAGE}}}


@case("GetPerformanceInfo", "says how large pages and memory are", INFORMATION)
def _(process: Any) -> Steps:
    found = yield from process.get_performance_info()
    equal((found.page_size, found.physical_total), (PAGE, 512))


@case("GetPerformanceInfo", "the commit limit is memory and paging files", INFORMATION)
def _(process: Any) -> Steps:
    equal((yield from process.get_performance_info()).commit_limit, 512 + 1024)


@case("GetPerformanceInfo", "the peak of the commit charge is kept", INFORMATION)
def _(process: Any) -> Steps:
    base = yield from region(process, 100)
    full = (yield from process.get_performance_info()).commit_total
    yield from works(process.virtual_free(base, 0, RELEASE))
    found = yield from process.get_performance_info()
    equal(found.commit_peak >= full > found.commit_total, True)


@case("GetPerformanceInfo", "available memory falls page by page as pages are touched", INFORMATION)
def _(process: Any) -> Steps:
    base = yield from region(process, 50)
    before = (yield from process.get_performance_info()).physical_available
    yield from process.write(base, 50 * PAGE)
    equal((yield from process.get_performance_info()).physical_available, before - 50)


@case("GetPerformanceInfo", "standby pages are available", INFORMATION, files={"data": UNIT})
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from process.read(base, UNIT)
    before = yield from process.get_performance_info()
    yield from works(process.unmap_view_of_file(base))
    after = yield from process.get_performance_info()
    equal(after.physical_available - before.physical_available, 16)
    equal(after.system_cache - before.system_cache, 16)


@case("GetPerformanceInfo", "counts processes and threads", INFORMATION)
def _(process: Any) -> Steps:
    before = yield from process.get_performance_info()

    def quiet(child: Any) -> Steps:
        yield from child.sleep(10)

    yield from works(process.create_process("b", quiet))
    handle = yield from works(process.create_thread(quiet))
    during = yield from process.get_performance_info()
    yield from process.wait_for_single_object(handle)
    yield from process.sleep(5)
    after = yield from process.get_performance_info()
    counts = [(found.process_count, found.thread_count) for found in (before, during, after)]
    equal(counts, [(1, 1), (2, 3), (1, 1)])


@case("QueryMemoryResourceNotification", "with plenty of memory it is high, not low", NOTIFICATION, **THRESHOLDS)
def _(process: Any) -> Steps:
    low = yield from works(process.create_memory_resource_notification(LOW))
    high = yield from works(process.create_memory_resource_notification(HIGH))
    found = yield from several(process.query_memory_resource_notification(handle) for handle in (low, high))
    equal(found, [False, True])


@case(
    "QueryMemoryResourceNotification",
    "with little memory it is low, and high again when it is freed",
    NOTIFICATION,
    **THRESHOLDS,
)
def _(process: Any) -> Steps:
    low = yield from works(process.create_memory_resource_notification(LOW))
    high = yield from works(process.create_memory_resource_notification(HIGH))
    base = yield from region(process, 430)
    yield from process.write(base, 430 * PAGE)
    found = yield from several(process.query_memory_resource_notification(handle) for handle in (low, high))
    equal(found, [True, False])
    yield from works(process.virtual_free(base, 0, RELEASE))
    found = yield from several(process.query_memory_resource_notification(handle) for handle in (low, high))
    equal(found, [False, True])


@case("QueryMemoryResourceNotification", "between the thresholds neither is set", NOTIFICATION, **THRESHOLDS)
def _(process: Any) -> Steps:
    low = yield from works(process.create_memory_resource_notification(LOW))
    high = yield from works(process.create_memory_resource_notification(HIGH))
    available = (yield from process.get_performance_info()).physical_available
    base = yield from region(process, available - 150)
    yield from process.write(base, (available - 150) * PAGE)
    found = yield from several(process.query_memory_resource_notification(handle) for handle in (low, high))
    equal(found, [False, False])


@case("CreateMemoryResourceNotification", "a thread can wait for low memory", NOTIFICATION, **THRESHOLDS)
def _(process: Any) -> Steps:
    low = yield from works(process.create_memory_resource_notification(LOW))
    equal((yield from process.wait_for_single_object(low, 0)), w.WAIT_TIMEOUT)

    def eater(child: Any) -> Steps:
        base = yield from region(child, 430)
        yield from child.write(base, 430 * PAGE)
        yield from child.sleep(20)

    yield from works(process.create_process("b", eater))
    equal((yield from process.wait_for_single_object(low, 1000)), 0)


@case("CreateMemoryResourceNotification", "another kind is refused", NOTIFICATION)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.create_memory_resource_notification(2))


@case("Standard events", "a full commit charge is announced", EVENTS, paging_pages=64)
def _(process: Any) -> Steps:
    high = yield from works(process.open_event("KernelObjects\\HighCommitCondition"))
    low = yield from works(process.open_event("KernelObjects\\LowCommitCondition"))
    found = yield from several(process.wait_for_single_object(handle, 0) for handle in (high, low))
    equal(found, [w.WAIT_TIMEOUT, 0])
    now = yield from process.get_performance_info()
    yield from region(process, now.commit_limit - now.commit_total - 8)
    found = yield from several(process.wait_for_single_object(handle, 0) for handle in (high, low))
    equal(found, [0, w.WAIT_TIMEOUT])


for _name, _pool in (("PagedPool", w.PAGED_POOL), ("NonPagedPool", w.NON_PAGED_POOL)):
    _limit = {"settings": {"pools": {f"{_name.lower()[:-4]}_limit": 1 << 20}}}

    @case("Standard events", f"Low{_name}Condition is set when little is left", EVENTS, **_limit)
    def _(process: Any, name: str = _name, pool: int = _pool) -> Steps:
        low = yield from works(process.open_event(f"KernelObjects\\Low{name}Condition"))
        equal((yield from process.wait_for_single_object(low, 0)), w.WAIT_TIMEOUT)
        blocks = []
        while block := (yield from process.ex_allocate_pool_with_tag(pool, PAGE, "Test")):
            blocks.append(block)
            assert len(blocks) <= 256
        equal((yield from process.wait_for_single_object(low, 0)), 0)
        for block in blocks:
            yield from works(process.ex_free_pool_with_tag(block, "Test"))
        equal((yield from process.wait_for_single_object(low, 0)), w.WAIT_TIMEOUT)
