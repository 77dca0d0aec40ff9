"""The reference machine by itself, against cases worked out by hand (from simulator/MODEL.md section 2 for
demand-zero pages, MODEL.md section 14 for the textbook machine)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from simulator.config import (
    Costs,
    Disk,
    File,
    Machine,
    MemoryManager,
    PagingFile,
    Process,
    Region,
    Trimming,
    WorkingSet,
)
from tests.reference.cases import PAGE, Case, Run, RunList, Spec
from tests.reference.compare import Outcome, run_reference
from tests.reference.invariants import check

FREE = Costs(reference=1, demand_zero=0, zero_page=0, transition=0, copy_on_write=0, hard=0, trim=0, age=0, write=0)
WINDOWS: dict[str, Any] = {"model": "windows"}
BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]


def run(frames: int, runs: Sequence[list[Run] | list[RunList]], **options: Any) -> Outcome:
    """A machine with a constant disk of 1000 ns and processes a, b, ..., each given as its runs or as its threads'
    streams; options go to where their names belong."""
    processes = []
    for i, rows in enumerate(runs):
        streams = [row for row in rows if isinstance(row, RunList)]
        alone = RunList([row for row in rows if not isinstance(row, RunList)])
        processes.append(
            Spec(Process(name=chr(97 + i), **options.get("process", {})), tuple(streams) if streams else (alone,))
        )
    machine = Machine(
        memory=frames * PAGE,
        paging_files=[PagingFile(size=64 * PAGE, maximum=64 * PAGE)],
        **{"costs": FREE, "disks": {"d": constant()}, **options.get("machine", {})},
    )
    settings = {"model": "demand-paging", "trimming": Trimming(policy="fifo"), **options.get("manager", {})}
    return run_reference(Case(machine, MemoryManager(**settings), processes), check=check)


def constant(read_error_rate: float = 0) -> Disk:
    """A disk that takes 1000 ns for each request."""
    return Disk(model="constant", parameters={"read": 1000, "write": 1000}, read_error_rate=read_error_rate)


def loads(pages: list[int]) -> list[Run]:
    """One load of each page."""
    return [(page, 0, 1, 0) for page in pages]


@pytest.mark.parametrize(("frames", "reads"), [(3, 9), (4, 10)])
def test_fifo_shows_beladys_anomaly(frames: int, reads: int) -> None:
    """Belady, Nelson, Shedler (1969): the reference string on which fifo does worse with more memory. All pages are on
    disk at the start: each fault reads one page in 1000 ns, nothing is written, and a reference takes 1 ns."""
    summary = run(frames, [loads(BELADY)]).summary
    assert [summary[key] for key in ("page_faults", "hard_faults", "page_reads", "pages_input")] == [reads] * 4
    assert summary["repurposed"] == reads - frames
    assert (summary["demand_zero_faults"], summary["page_writes"], summary["dirty_evictions"]) == (0, 0, 0)
    assert summary["simulated_ns"] == 12 + 1000 * reads


def test_a_textbook_machine_writes_a_dirty_victim_in_place() -> None:
    """One frame. The paging file takes the disk's pages 0 to 63 and stays empty, so pages 1 and 2 lie at 64 and 65.
    Page 1 is read (0-1000) and stored to. At 1001 page 2 faults: 1 is replaced and written to 64, 2 waits for the frame
    until 2001 and is read until 3001. At 3002 page 1 faults: 2 is clean, so its frame is reused at once, and the read
    ends at 4002. The process finishes at 4003."""
    machine = run(1, [[(1, 0, 0, 1), (2, 0, 1, 0), (1, 0, 1, 0)]])
    assert machine.faults == [
        (0, "a", 0, 1, "hard", 0, 1000, 0, 1000),
        (1001, "a", 0, 2, "hard", 1000, 1000, 0, 2000),
        (3002, "a", 0, 1, "hard", 0, 1000, 0, 1000),
    ]
    assert machine.io == [
        (0, 0, 1000, "d", "read", 64, 1, True),
        (1001, 1001, 2001, "d", "write", 64, 1, True),
        (2001, 2001, 3001, "d", "read", 65, 1, True),
        (3002, 3002, 4002, "d", "read", 64, 1, True),
    ]
    summary = machine.summary
    assert (summary["dirty_evictions"], summary["repurposed"]) == (1, 2)
    process = summary["processes"]["a"]
    assert (process["stall_frame_ns"], process["stall_read_ns"], process["finished_ns"]) == (1000, 3000, 4003)


def test_a_copy_on_write_page_of_a_textbook_machine_has_a_place_for_its_copy() -> None:
    """Two frames. The paging file takes the disk's pages 0 to 63, the file page 64, then come the process's contents:
    page 1 at 65, page 2 at 66, page 5's copy at 67. The store to 5 reads the file's page until 1000 and copies it into
    the other frame. At 1001 page 1 takes the frame of the file's page and is read until 2001. At 2002 page 2 faults:
    fifo takes 5, whose copy is written to 67 until 3002, then page 2 is read until 4002. At 4003 page 5 faults: fifo
    takes 1, which is clean, and the copy is read until 5003."""
    machine = run(
        2,
        [[(5, 0, 0, 1), (1, 0, 1, 0), (2, 0, 1, 0), (5, 0, 1, 0)]],
        machine={"files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")]},
    )
    assert [(row[0], *row[3:7]) for row in machine.faults] == [
        (0, 5, "hard", 0, 1000),
        (1000, 5, "copy-on-write", 0, 0),
        (1001, 1, "hard", 0, 1000),
        (2002, 2, "hard", 1000, 1000),
        (4003, 5, "hard", 0, 1000),
    ]
    assert [(row[0], *row[4:6]) for row in machine.io] == [
        (0, "read", 64),
        (1001, "read", 65),
        (2002, "write", 67),
        (3002, "read", 66),
        (4003, "read", 67),
    ]
    summary = machine.summary
    assert (summary["simulated_ns"], summary["repurposed"], summary["dirty_evictions"]) == (5004, 3, 1)


@pytest.mark.parametrize("protection", ["read-write", "read-only"])
def test_a_page_that_is_only_read_is_demand_zero_once_written_once_and_then_hard(protection: Any) -> None:
    """One frame, nothing stored. At 1 page 2 waits for the frame of page 1, which counts as modified from its
    demand-zero fault on: trimmed, it is written to slot 0 until 1001. At 1002 page 1 waits for page 2's frame, written
    to slot 1 until 2002, and is read until 3002. At 3003 page 2 faults: page 1 was read back, so it is clean, its frame
    is reused at once, and the read of page 2 ends at 4003."""
    machine = run(
        1,
        [loads([1, 2, 1, 2])],
        manager={**WINDOWS, "high_memory": 1},
        process={"regions": [Region(first=1, pages=2, protection=protection)]},
    )
    assert machine.faults == [
        (0, "a", 0, 1, "demand-zero", 0, 0, 0, 0),
        (1, "a", 0, 2, "demand-zero", 1000, 0, 0, 1000),
        (1002, "a", 0, 1, "hard", 1000, 1000, 0, 2000),
        (3003, "a", 0, 2, "hard", 0, 1000, 0, 1000),
    ]
    assert machine.io == [
        (1, 1, 1001, "d", "write", 0, 1, True),
        (1002, 1002, 2002, "d", "write", 1, 1, True),
        (2002, 2002, 3002, "d", "read", 0, 1, True),
        (3003, 3003, 4003, "d", "read", 1, 1, True),
    ]
    summary = machine.summary
    assert (summary["repurposed"], summary["dirty_evictions"], summary["simulated_ns"]) == (3, 2, 4004)


def test_two_processes_collide_on_a_file_page() -> None:
    """Two processors; both touch file page 0 at t=0. The first reads it (1000 ns), the second waits for that read."""
    machine = run(
        4,
        [loads([5]), loads([5])],
        machine={"processors": 2, "files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f")]},
    )
    assert [row[1:7] for row in machine.faults] == [("a", 0, 5, "hard", 0, 1000), ("b", 0, 5, "collided", 0, 1000)]
    assert machine.summary["page_reads"] == 1
    assert machine.snapshot["lists"]["standby"][5] == [("file:f", 0)]


def test_copy_on_write_copies_on_the_first_store_only() -> None:
    """A load brings the file page, the first store copies it, the second store is a hit."""
    machine = run(
        4,
        [[(5, 0, 1, 2)]],
        machine={"files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")]},
    )
    summary = machine.summary
    assert (summary["hard_faults"], summary["copy_on_write_faults"], summary["page_faults"]) == (1, 1, 2)
    assert machine.snapshot["files"] == {("f", 0): (True, 0)}


def test_a_copy_in_a_full_textbook_machine_replaces_first() -> None:
    """Two frames, of page 1 and of the file page, both read; the store needs a third, so fifo takes page 1, clean."""
    machine = run(
        2,
        [[(1, 0, 1, 0), (5, 0, 1, 1)]],
        machine={"files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")]},
    )
    summary = machine.summary
    assert (summary["copy_on_write_faults"], summary["replaced"], summary["repurposed"]) == (1, 1, 1)


def test_a_page_that_is_to_be_copied_does_not_make_room_for_its_own_copy() -> None:
    """Two frames, fifo: page 5 of the file came first, so it would be the victim when the store to it, at 2002, wants a
    frame for the copy; page 1 goes instead (MODEL.md section 14)."""
    machine = run(
        2,
        [[(5, 0, 1, 0), (1, 0, 1, 0), (5, 0, 0, 1)]],
        machine={"files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")]},
    )
    assert [(row[0], *row[3:7]) for row in machine.faults] == [
        (0, 5, "hard", 0, 1000),
        (1001, 1, "hard", 0, 1000),
        (2002, 5, "copy-on-write", 0, 0),
    ]
    assert (machine.summary["replaced"], machine.summary["repurposed"]) == (1, 1)


def test_a_hard_maximum_replaces_and_finds_the_page_in_flight() -> None:
    """Maximum of one page: 1, 2, 1 replaces twice. Page 1, modified since it was zeroed, is being written from 1 to
    1001, so the third fault, at 2, is soft."""
    machine = run(
        8,
        [loads([1, 2, 1])],
        manager=WINDOWS,
        process={"working_set": WorkingSet(minimum=PAGE, maximum=PAGE, hard_maximum=True)},
    )
    summary = machine.summary
    assert (summary["demand_zero_faults"], summary["transition_faults"], summary["replaced"]) == (2, 1, 2)


def test_reserved_memory_ends_the_process() -> None:
    """A touch of reserved memory is an access violation, not a page fault."""
    machine = run(4, [loads([1, 2, 3])], process={"regions": [Region(first=2, pages=1, state="reserved")]})
    summary = machine.summary
    assert (summary["access_violations"], summary["page_faults"], summary["references"]) == (1, 1, 1)
    assert summary["processes"]["a"]["exit_status"] == 0xC0000005


def test_without_policy_a_full_machine_is_stuck() -> None:
    """One frame, two pages, nobody who takes the first page away."""
    assert run(1, [loads([1, 2])], manager={"trimming": Trimming(policy="none")}).error


def test_the_quantum_is_shared_in_turn() -> None:
    """Quantum 2 ns: a runs 0-2, b 2-4, a 4-5 (ends), b 5-6 (ends)."""
    machine = run(4, [[(1, 0, 3, 0)], [(1, 0, 3, 0)]], machine={"quantum": 2}, manager=WINDOWS)
    processes = machine.summary["processes"]
    assert [processes[name]["finished_ns"] for name in "ab"] == [5, 6]
    assert [processes[name]["ready_ns"] for name in "ab"] == [2, 3]


FILE_PAGE: dict[str, Any] = {"files": {"f": File(size=PAGE)}}
AT_5_AND_9 = {"regions": [Region(first=5, pages=1, file="f"), Region(first=9, pages=1, state="reserved")]}
"""page 5 is the file's, page 9 may not be touched"""


def test_two_threads_of_one_process_collide_on_a_page() -> None:
    """One processor. At t=0 thread 0 starts the read of page 5 and gives up the processor to thread 1, which finds the
    read in flight. At 1000 the page is mapped once, for both, and both references take effect; thread 0 burns its 1 ns
    until 1001, thread 1, ready meanwhile, until 1002. The page was in the working set from 1000 to 1002."""
    machine = run(4, [[RunList(loads([5])), RunList(loads([5]))]], machine=FILE_PAGE, process=AT_5_AND_9)
    assert machine.faults == [
        (0, "a", 0, 5, "hard", 0, 1000, 0, 1000),
        (0, "a", 1, 5, "collided", 0, 1000, 0, 1000),
    ]
    process = machine.summary["processes"]["a"]
    assert (process["threads"], process["references"], process["page_reads"], process["peak_working_set"]) == (
        2,
        2,
        1,
        1,
    )
    assert (process["stall_read_ns"], process["stall_collided_ns"], process["stall_ns"]) == (1000, 1000, 2000)
    assert (process["run_ns"], process["ready_ns"], process["finished_ns"]) == (2, 1, 1002)
    assert process["space_time_page_ns"] == 2


def test_a_thread_sleeps_for_a_pause_and_until_a_time() -> None:
    """The process starts at 50. Row 0 pauses 10: asleep 50-60, reference at 60. Row 1 would begin at 5 (55), which is
    past: reference at 61. Row 2 begins at 100 (150): asleep 62-150, reference at 150. Row 3, the first of its block,
    may begin, but pauses 7: asleep 151-158, reference at 158. In all 10 + 88 + 7 ns asleep, 4 ns of references,
    finished at 159. The fault comes after the wait."""
    waits = {0: (0, 10), 1: (5, 0), 2: (100, 0), 3: (100, 7)}
    machine = run(4, [[RunList(loads([1, 1, 1, 1]), 3, waits)]], manager=WINDOWS, process={"start": 50})
    assert machine.faults == [(60, "a", 0, 1, "demand-zero", 0, 0, 0, 0)]
    process = machine.summary["processes"]["a"]
    assert (process["sleep_ns"], process["run_ns"], process["stall_ns"]) == (105, 4, 0)
    assert (process["finished_ns"], process["space_time_page_ns"]) == (159, 99)


def test_an_access_violation_ends_a_sleeping_thread_and_one_that_waits_for_a_read() -> None:
    """One processor. At t=0 thread 0 of a starts the read of page 5 and waits, thread 1 sleeps until 5000; thread 2
    makes ten loads of page 1 (0-9) and touches page 9 at 10: all three end. The read goes on for nobody and leaves the
    page on standby at 1000, where b, ready from 0 to 10 and then asleep until 2000, finds it."""
    threads = [RunList(loads([5])), RunList(loads([1]), waits={0: (0, 5000)}), RunList([(1, 0, 10, 0), (9, 0, 1, 0)])]
    later = RunList(loads([5]), waits={0: (2000, 0)})
    machine = run(4, [threads, [later]], machine=FILE_PAGE, manager=WINDOWS, process=AT_5_AND_9)
    assert machine.faults == [
        (0, "a", 2, 1, "demand-zero", 0, 0, 0, 0),
        (10, "a", 2, 9, "access-violation", 0, 0, 0, 0),
        (2000, "b", 0, 5, "transition", 0, 0, 0, 0),
    ]
    assert machine.io == [(0, 0, 1000, "d", "read", 64, 1, True)]
    a, b = machine.summary["processes"].values()
    assert (a["finished_ns"], a["exit_status"], a["references"]) == (10, 0xC0000005, 10)
    assert (a["run_ns"], a["ready_ns"], a["stall_read_ns"], a["sleep_ns"]) == (10, 0, 10, 10)
    assert (a["page_reads"], a["pages_input"], a["page_faults"], a["space_time_page_ns"]) == (1, 1, 1, 10)
    assert (b["ready_ns"], b["sleep_ns"], b["run_ns"], b["finished_ns"]) == (10, 1990, 1, 2001)


def test_a_failed_read_ends_all_threads_of_its_process_and_another_process_tries_again() -> None:
    """Three processors, a disk that can't read. At t=0 thread 0 of a reads page 5, its thread 1 and b wait for that. At
    1000 the read has failed: a ends, with both threads; b reads for itself and ends at 2000."""
    machine = run(
        4,
        [[RunList(loads([5])), RunList(loads([5]))], loads([5])],
        machine={**FILE_PAGE, "processors": 3, "disks": {"d": constant(read_error_rate=1)}},
        process=AT_5_AND_9,
    )
    assert machine.faults == [
        (0, "a", 0, 5, "in-page-error", 0, 1000, 0, 1000),
        (0, "b", 0, 5, "in-page-error", 1000, 1000, 0, 2000),
    ]
    a, b = machine.summary["processes"].values()
    assert (a["finished_ns"], a["exit_status"], a["in_page_errors"], a["page_faults"]) == (1000, 0xC0000006, 1, 1)
    assert (b["finished_ns"], b["exit_status"], b["page_reads"]) == (2000, 0xC0000006, 1)
    assert (b["stall_collided_ns"], b["stall_read_ns"]) == (1000, 1000)


@pytest.mark.parametrize(("offender", "references"), [(0, 10), (1, 11)])
def test_a_running_thread_ends_after_what_its_processor_started_before(offender: int, references: int) -> None:
    """Two processors, a thread each. One makes five loads (0-4) and touches page 9 at 5; the other, in the midst of a
    hundred loads, has made those that start at 0-4, and the one at 5 as well if its processor comes first."""
    threads = [RunList([(1, 0, 100, 0)]), RunList([(2, 0, 5, 0), (9, 0, 1, 0)])]
    machine = run(
        4,
        [threads if offender else threads[::-1]],
        machine={**FILE_PAGE, "processors": 2},
        manager=WINDOWS,
        process={"regions": AT_5_AND_9["regions"][1:]},
    )
    process = machine.summary["processes"]["a"]
    assert (process["references"], process["run_ns"], process["finished_ns"]) == (references, 10, 5)


def test_two_threads_wait_for_a_frame_for_one_page_and_the_second_finds_it_mapped() -> None:
    """Three processors, two frames, both b's from 1 to 101. Both threads of a come to page 1 at 10 and wait; at 101
    thread 0 gets a zeroed page into one of b's frames, thread 1 needs none any more."""
    thread = RunList(loads([1]), waits={0: (0, 10)})
    machine = run(
        2,
        [[thread, thread], [(7, 0, 1, 0), (8, 0, 100, 0)]],
        machine={"processors": 3},
        manager={**WINDOWS, "trimming": Trimming(policy="none")},
    )
    assert machine.faults[2:] == [
        (10, "a", 0, 1, "demand-zero", 91, 0, 0, 91),
        (10, "a", 1, 1, "transition", 91, 0, 0, 91),
    ]
    assert machine.snapshot["lists"]["free"] == 2
    assert machine.summary["processes"]["a"]["stall_frame_ns"] == 182


def test_warm_pages_fault_softly() -> None:
    """The file's pages are on standby at the start, whatever the process's memory priority: four soft faults without a
    read, and 1 ns a reference."""
    machine = run(
        8,
        [loads([5, 6, 7, 8])],
        machine={"files": {"f": File(size=4 * PAGE)}},
        manager=WINDOWS,
        process={"regions": [Region(first=5, pages=4, file="f", warm=True)], "memory_priority": 1},
    )
    assert [row[3:] for row in machine.faults] == [(page, "transition", 0, 0, 0, 0) for page in (5, 6, 7, 8)]
    assert machine.io == []
    assert machine.summary["simulated_ns"] == 4


def test_warm_pages_come_in_order_and_leave_zeroed_what_trimming_aims_at() -> None:
    """Seven frames, of which two stay zeroed: five are for f2's two pages and three of the four that are mapped of f10.
    The process, which touches page 1 alone and ends, takes one zeroed frame and frees it."""
    regions = [
        Region(first=20, pages=4, file="f10", offset=1, warm=True),
        Region(first=10, pages=2, file="f2", warm=True, protection="read-only"),
        Region(first=30, pages=1, file="f1"),
    ]
    machine = run(
        7,
        [loads([1])],
        machine={"files": {"f10": File(size=8 * PAGE), "f2": File(size=2 * PAGE), "f1": File(size=PAGE)}},
        manager={**WINDOWS, "high_memory": 2},
        process={"regions": regions},
    )
    lists = machine.snapshot["lists"]
    assert lists["standby"][5] == [("file:f2", 0), ("file:f2", 1), ("file:f10", 1), ("file:f10", 2), ("file:f10", 3)]
    assert (lists["zeroed"], lists["free"], machine.summary["page_reads"]) == (1, 1, 0)
