"""Performance information, counters, and the conditions that the system tells of."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.windows.constants import MEM_RESERVE, PAGE_READWRITE
from simulator.windows.information import process_counters, system_counters
from simulator.windows.notifications import low_memory_threshold
from tests.windows.small_system import PAGE, SmallSystem, done

MiB, GiB = 1 << 20, 1 << 30


def set_events(system: SmallSystem) -> set[str]:
    """The conditions that hold."""
    system.notifications.check()
    return {name for name, event in system.notifications.events.items() if event.signalled}


@pytest.mark.parametrize(
    ("memory", "low"),
    [
        (32 * MiB, 1 * MiB),  # 1/32 is less than 400 pages
        (60 * MiB, 400 * PAGE),
        (128 * MiB, 800 * PAGE),
        (256 * MiB, 800 * PAGE + 4 * MiB),
        (512 * MiB, 800 * PAGE + 12 * MiB),
        (GiB, 800 * PAGE + 28 * MiB),
        (2 * GiB, 40 * MiB),
        (4 * GiB, 56 * MiB),
        (5 * GiB, 64 * MiB),
        (64 * GiB, 64 * MiB),
    ],
)
def test_low_memory_is_what_reactos_computes_up_to_64_mib(memory: int, low: int) -> None:
    assert low_memory_threshold(memory, PAGE) == low


def test_memory_is_low_or_high_or_neither_and_the_events_follow() -> None:
    """512 frames: low at 512 / 32 = 16 available, high at 3 x 16 = 48. Frames are taken by nonpaged pool."""
    system = SmallSystem(pools={"nonpaged_limit": 512 * PAGE})
    watch = system.watch()
    assert (watch.low_memory, watch.high_memory) == (16, 48)
    seen = []
    free = []
    for available in (48, 47, 17, 16, 17, 48):
        while system.pages.available() > available:
            free.append(system.pool.allocate(PAGE, "Eat", paged=False))
        while system.pages.available() < available:
            system.pool.free(free.pop())
        seen.append(sorted(name for name in set_events(system) if "Memory" in name))
    assert seen == [["HighMemory"], [], [], ["LowMemory"], [], ["HighMemory"]]


def test_the_thresholds_of_memory_can_be_set() -> None:
    watch = SmallSystem(conditions={"low_memory": 40 * PAGE, "high_memory": 50 * PAGE}).watch()
    assert (watch.low_memory, watch.high_memory) == (40, 50)


def test_a_notification_is_waited_for_and_asked_for() -> None:
    system = SmallSystem(pools={"nonpaged_limit": 512 * PAGE})
    system.watch()
    process = system.process()
    low, high = (done(process.create_memory_resource_notification(kind)) for kind in (0, 1))
    assert done(process.query_memory_resource_notification(low)) is False
    assert done(process.query_memory_resource_notification(high)) is True
    assert done(process.wait_for_single_object(low, 0)) == 258
    system.pool.allocate((system.pages.available() - 10) * PAGE, "Eat", paged=False)
    system.notifications.check()
    assert done(process.wait_for_single_object(low, 0)) == 0
    assert done(process.wait_for_single_object(low, 0)) == 0, "it is set as long as it is so"
    assert done(process.query_memory_resource_notification(low)) is True
    assert system.woken.count(system.notifications.events["LowMemory"]) == 1


def test_other_notifications_fail() -> None:
    system = SmallSystem()
    system.watch()
    process = system.process()
    assert done(process.create_memory_resource_notification(2)) == 0
    assert process.get_last_error() == 87
    for handle, error in ((0, 87), (-1, 87), (4000, 6)):
        assert done(process.query_memory_resource_notification(handle)) is None
        assert process.get_last_error() == error
    assert done(process.query_memory_resource_notification(done(process.create_event()))) is False, "it is an event"


def test_pool_conditions_follow_free_pool() -> None:
    """Limits of 60 pages: nonpaged pool is low from 60 / 3 = 20 free pages down, high from 60 / 2 = 30 up; paged pool
    from 60 / 5 = 12 down, and from 60 x 2 / 5 = 24 up."""
    system = SmallSystem(frames=1024, pools={"nonpaged_limit": 60 * PAGE, "paged_limit": 60 * PAGE})
    system.watch()
    for paged, name, low, high in ((False, "NonPagedPool", 20, 30), (True, "PagedPool", 12, 24)):
        pages = system.pool.paged if paged else system.pool.nonpaged
        for free, expected in ((high, {"High"}), (high - 1, set()), (low + 1, set()), (low, {"Low"})):
            while 60 - pages.used > free:
                system.pool.allocate(PAGE, "Eat", paged=paged)
            assert {
                event.removesuffix(name) for event in set_events(system) if event.endswith(("w" + name, "h" + name))
            } == expected


def test_commit_conditions_follow_the_charge() -> None:
    """A limit of 512 + 512 pages, of a possible 512 + 512: low up to 768, high and near the maximum from 921.6 on."""
    system = SmallSystem(frames=512, paging_pages=512)
    system.watch()
    seen = []
    for total in (768, 769, 921, 922):
        assert system.pages.charge(total - system.pages.commit_total())
        seen.append({name for name in set_events(system) if "Commit" in name})
    assert seen == [{"LowCommit"}, set(), set(), {"HighCommit", "MaximumCommit"}]


@pytest.mark.parametrize(
    "name", ["LowPagedPool", "HighPagedPool", "LowNonPagedPool", "HighNonPagedPool", "LowCommit", "HighCommit"]
)
def test_the_kernels_events_are_opened_by_name_and_stay(name: str) -> None:
    system = SmallSystem()
    system.watch()
    process = system.process()
    for _ in range(2):
        handle = done(process.open_event(f"KernelObjects\\{name}Condition"))
        assert handle
        assert (done(process.wait_for_single_object(handle, 0)) == 0) == (name in set_events(system))
        assert done(process.close_handle(handle))


def information(system: SmallSystem, process: Any) -> Any:
    return done(process.get_performance_info())


def test_performance_information_is_in_pages_and_counts_what_lives() -> None:
    system = SmallSystem(frames=512, paging_pages=256)
    one, two = system.process(), system.process()
    two.own.threads = [1, 2]
    done(one.create_event())
    done(two.create_event())
    done(two.create_event())
    found = information(system, one)
    assert (found.commit_limit, found.physical_total, found.page_size) == (768, 512, PAGE)
    assert found.commit_total == found.kernel_total == system.pool.paged.used + system.pool.nonpaged.used
    assert (found.kernel_paged, found.kernel_nonpaged) == (2, 1)
    assert found.physical_available == 511
    assert (found.handle_count, found.process_count, found.thread_count) == (3, 2, 3)
    two.own.handles.close_all()
    two.own.threads = []
    found = information(system, one)
    assert (found.handle_count, found.process_count, found.thread_count) == (1, 1, 1)
    assert found.commit_peak == 3


def test_counters_have_perfmons_names_and_are_in_bytes() -> None:
    system = SmallSystem()
    process = system.process()
    done(process.create_event())
    assert system.pages.charge(7, process.own.number)
    process.own.space.virtual_alloc(0, 65536, MEM_RESERVE, PAGE_READWRITE)
    assert system_counters(system) == {  # type: ignore[arg-type]
        r"Memory\Pool Nonpaged Bytes": PAGE,
        r"Memory\Pool Paged Bytes": PAGE,
        r"Memory\Pool Paged Resident Bytes": 0,
    }
    assert process_counters(process.own) == {
        r"Process(p0)\Private Bytes": 7 * PAGE,
        r"Process(p0)\Page File Bytes": 7 * PAGE,
        r"Process(p0)\Virtual Bytes": 65536,
        r"Process(p0)\Handle Count": 1,
        r"Process(p0)\Pool Paged Bytes": PAGE,
        r"Process(p0)\Pool Nonpaged Bytes": 128,
    }
