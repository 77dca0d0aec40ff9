"""GetPerformanceInfo and the memory notifications."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

INFORMATION, EVENTS = "[PERFORMANCE_INFORMATION]", "[Standard Event Objects]"
NOTIFICATION = "[CreateMemoryResourceNotification]"
LOW, HIGH = w.LOW_MEMORY_RESOURCE_NOTIFICATION, w.HIGH_MEMORY_RESOURCE_NOTIFICATION
THRESHOLDS: dict[str, Any] = {"settings": {"conditions": {"low_memory": 100 * PAGE, "high_memory": 200 * PAGE}}}


def test_get_performance_info(rule: Rule) -> None:
    with rule("says how large pages and memory are", INFORMATION) as p:
        found = p.get_performance_info()
        assert (found.page_size, found.physical_total) == (PAGE, 512)
    with rule("the commit limit is memory and paging files", INFORMATION) as p:
        assert p.get_performance_info().commit_limit == 512 + 1024
    with rule("the peak of the commit charge is kept", INFORMATION) as p:
        base = p.region(100)
        full = p.get_performance_info().commit_total
        works(p.virtual_free(base, 0, RELEASE))
        found = p.get_performance_info()
        assert found.commit_peak >= full > found.commit_total
    with rule("available memory falls page by page as pages are touched", INFORMATION) as p:
        base = p.region(50)
        before = p.get_performance_info().physical_available
        p.write(base, 50 * PAGE)
        assert p.get_performance_info().physical_available == before - 50
    with rule("standby pages are available", INFORMATION, files={"data": UNIT}) as p:
        base = p.mapped()
        p.read(base, UNIT)
        before = p.get_performance_info()
        works(p.unmap_view_of_file(base))
        after = p.get_performance_info()
        assert after.physical_available - before.physical_available == 16
        assert after.system_cache - before.system_cache == 16
    with rule("counts processes and threads", INFORMATION) as p:
        before = p.get_performance_info()

        def quiet(child: Any) -> None:
            child.sleep(10)

        works(p.create_process("b", quiet))
        handle = works(p.create_thread(quiet))
        during = p.get_performance_info()
        p.wait_for_single_object(handle)
        p.sleep(5)
        after = p.get_performance_info()
        counts = [(found.process_count, found.thread_count) for found in (before, during, after)]
        assert counts == [(1, 1), (2, 3), (1, 1)]


def test_query_memory_resource_notification(rule: Rule) -> None:
    with rule("with plenty of memory it is high, not low", NOTIFICATION, **THRESHOLDS) as p:
        low = works(p.create_memory_resource_notification(LOW))
        high = works(p.create_memory_resource_notification(HIGH))
        found = [p.query_memory_resource_notification(handle) for handle in (low, high)]
        assert found == [False, True]
    with rule("with little memory it is low, and high again when it is freed", NOTIFICATION, **THRESHOLDS) as p:
        low = works(p.create_memory_resource_notification(LOW))
        high = works(p.create_memory_resource_notification(HIGH))
        base = p.region(430)
        p.write(base, 430 * PAGE)
        found = [p.query_memory_resource_notification(handle) for handle in (low, high)]
        assert found == [True, False]
        works(p.virtual_free(base, 0, RELEASE))
        found = [p.query_memory_resource_notification(handle) for handle in (low, high)]
        assert found == [False, True]
    with rule("between the thresholds neither is set", NOTIFICATION, **THRESHOLDS) as p:
        low = works(p.create_memory_resource_notification(LOW))
        high = works(p.create_memory_resource_notification(HIGH))
        available = p.get_performance_info().physical_available
        base = p.region(available - 150)
        p.write(base, (available - 150) * PAGE)
        found = [p.query_memory_resource_notification(handle) for handle in (low, high)]
        assert found == [False, False]


def test_create_memory_resource_notification(rule: Rule) -> None:
    with rule("a thread can wait for low memory", NOTIFICATION, **THRESHOLDS) as p:
        low = works(p.create_memory_resource_notification(LOW))
        assert p.wait_for_single_object(low, 0) == w.WAIT_TIMEOUT

        def eater(child: Any) -> None:
            base = child.region(430)
            child.write(base, 430 * PAGE)
            child.sleep(20)

        works(p.create_process("b", eater))
        assert p.wait_for_single_object(low, 1000) == 0
    with rule("another kind is refused", NOTIFICATION) as p:
        p.fails(PARAMETER).create_memory_resource_notification(2)


def test_standard_events(rule: Rule) -> None:
    with rule("a full commit charge is announced", EVENTS, paging_pages=64) as p:
        high = works(p.open_event("KernelObjects\\HighCommitCondition"))
        low = works(p.open_event("KernelObjects\\LowCommitCondition"))
        found = [p.wait_for_single_object(handle, 0) for handle in (high, low)]
        assert found == [w.WAIT_TIMEOUT, 0]
        now = p.get_performance_info()
        p.region(now.commit_limit - now.commit_total - 8)
        found = [p.wait_for_single_object(handle, 0) for handle in (high, low)]
        assert found == [0, w.WAIT_TIMEOUT]
    for name, pool in (("PagedPool", w.PAGED_POOL), ("NonPagedPool", w.NON_PAGED_POOL)):
        limit = {"settings": {"pools": {f"{name.lower()[:-4]}_limit": 1 << 20}}}
        with rule(f"Low{name}Condition is set when little is left", EVENTS, **limit) as p:
            low = works(p.open_event(f"KernelObjects\\Low{name}Condition"))
            assert p.wait_for_single_object(low, 0) == w.WAIT_TIMEOUT
            blocks = []
            while block := p.ex_allocate_pool_with_tag(pool, PAGE, "Test"):
                blocks.append(block)
                assert len(blocks) <= 256
            assert p.wait_for_single_object(low, 0) == 0
            for block in blocks:
                works(p.ex_free_pool_with_tag(block, "Test"))
            assert p.wait_for_single_object(low, 0) == w.WAIT_TIMEOUT
