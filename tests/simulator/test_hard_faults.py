"""Faults that read: from a paging file, from a file, in clusters, in collision, in vain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator.config import File, PagingFile, Region
from simulator.state.constants import STATUS_IN_PAGE_ERROR
from tests.reference.cases import PAGE
from tests.simulator.small import (
    FREE,
    TEXTBOOK,
    build,
    constant,
    hard,
    immediate,
    limits,
    loads,
    run,
    stores,
    windows,
)


def mapped(pages: int, **others: Any) -> dict[str, Any]:
    """A process that maps file "f" at page 10."""
    return {"regions": [Region(first=10, pages=pages, file="f")], **others}


def with_file(pages: int, **others: Any) -> dict[str, Any]:
    """A machine with file "f"."""
    return {"files": {"f": File(size=pages * PAGE)}, **others}


def test_a_written_page_comes_back_from_the_paging_file() -> None:
    """One frame. 0: page 1 is stored to. 1: page 2 wants its frame, page 1 is written until 1001, page 2 executes then.
    1002: page 1 again: page 2, zeroed and never written, is until 2002; the read takes until 3002; the end is at
    3003."""
    done = run([[*stores([1]), *loads([2, 1])]], 1, manager=immediate(), process=hard(1))
    assert done.faults() == [
        (0, "a", 1, "demand-zero", "first touch", 0, 0, 0),
        (1, "a", 2, "demand-zero", "first touch", 1000, 0, 0),
        (1002, "a", 1, "hard", "paging file", 1000, 1000, 0),
    ]
    assert done.io() == [
        (1, 1, 1001, "write", 0, 1),
        (1002, 1002, 2002, "write", 1, 1),
        (2002, 2002, 3002, "read", 0, 1),
    ]
    row = done.process()
    assert (row["finished_ns"], row["stall_frame_ns"], row["stall_read_ns"]) == (3003, 2000, 1000)
    assert done.summary["dirty_evictions"] == 2


def test_a_page_that_was_only_read_is_demand_zero_once_and_then_read_back() -> None:
    """One frame [ros: ARM3/pagfault.c, MiResolveDemandZeroFault: the frame is modified from birth]. Pages 1 and 2 are
    written once each; what is read back is clean and keeps its slot."""
    done = run([loads([1, 2, 1, 2, 1])], 1, manager=immediate(), process=hard(1))
    assert done.faults("page", "kind") == [
        (1, "demand-zero"), (2, "demand-zero"), (1, "hard"), (2, "hard"), (1, "hard"),
    ]  # fmt: skip
    assert done.io("kind", "offset") == [("write", 0), ("write", 1), ("read", 0), ("read", 1), ("read", 0)]


def test_a_read_only_page_is_modified_from_birth_too() -> None:
    """Its page-table entry has no dirty bit, its frame holds zeros that no paging file has."""
    region = {"regions": [Region(first=1, pages=1, protection="read-only")], **hard(1)}
    done = run([loads([1, 2, 1])], 1, manager=immediate(), process=region)
    assert done.faults("page", "kind")[-1] == (1, "hard")


def test_a_zeroed_page_is_dirty_if_it_may_be_stored_to() -> None:
    region = {"regions": [Region(first=1, pages=1, protection="read-only")]}
    machine = build([[*loads([1, 2]), (2, 0, 200, 0)]], process=region, duration=100)
    machine.run()
    pages = machine.snapshot()["pages"]
    assert [pages["a", page][2] for page in (1, 2)] == [False, True]
    assert [pages["a", page][6] for page in (1, 2)] == [1, 1], "the zeros are the first version"


def test_the_textbook_machine_reads_every_page_from_its_place_and_writes_it_there() -> None:
    """One frame; a's pages have the places 64 and 65, behind the paging file of 64 pages. 0: page 1 is read until
    1000. 1001: page 2: page 1, stored to, is written until 2001, page 2 read until 3001. 3002: page 1: page 2 is
    clean, page 1 read until 4002; the end is at 4003."""
    done = run([[*stores([1]), *loads([2, 1])]], 1, manager=TEXTBOOK)
    assert done.faults() == [
        (0, "a", 1, "hard", "paging file", 0, 1000, 0),
        (1001, "a", 2, "hard", "paging file", 1000, 1000, 0),
        (3002, "a", 1, "hard", "paging file", 0, 1000, 0),
    ]
    assert done.io() == [
        (0, 0, 1000, "read", 64, 1),
        (1001, 1001, 2001, "write", 64, 1),
        (2001, 2001, 3001, "read", 65, 1),
        (3002, 3002, 4002, "read", 64, 1),
    ]
    assert done.process()["finished_ns"] == 4003
    assert done.summary["dirty_evictions"] == 1
    assert done.machine.state.arrays["stores"]["used"].tolist()[0] == 0


def test_the_places_of_the_textbook_machine_go_by_process_and_page_behind_paging_files_and_files() -> None:
    """Disk d holds a paging file of at most 3 pages and a file of 2, disk e nothing: b2 comes before b10, though it
    starts later."""
    done = run(
        [loads([7, 5]), loads([9, 20])],
        machine={
            "disks": {"e": constant(), "d": constant()},
            "paging_files": [PagingFile(size=PAGE, maximum=3 * PAGE)],
            "files": {"f": File(size=2 * PAGE)},
        },
        manager=TEXTBOOK,
        process=[
            {"name": "b10"},
            {"name": "b2", "start": 9000, "regions": [Region(first=20, pages=2, file="f", protection="copy-on-write")]},
        ],
    )
    assert done.io("disk", "offset") == [("d", 8), ("d", 7), ("d", 5), ("d", 3)]


def test_a_copy_of_the_textbook_machine_has_a_place_of_its_own() -> None:
    """Two frames. The store to page 5 of the file, at 64, is copied; the copy is written to 65 and read from there."""
    done = run(
        [[*stores([5]), *loads([1, 2, 5])]],
        2,
        machine=with_file(1),
        manager=TEXTBOOK,
        process={"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")]},
    )
    assert [row for row in done.io("kind", "offset") if row[1] == 67] == [("write", 67), ("read", 67)]
    assert done.faults("page", "kind")[:2] == [(5, "hard"), (5, "copy-on-write")]


def test_a_file_lies_behind_the_paging_file_and_is_read_at_its_offset() -> None:
    """64 pages of paging file; the region shows the file from page 2 on, and page 11 is its second page: 64 + 3. The
    processor time of the fault, 50 ns, comes after the read: the reference is at 1050."""
    done = run(
        [loads([11])],
        machine=with_file(8, costs=replace(FREE, hard=50)),
        process={"regions": [Region(first=10, pages=4, file="f", offset=2)]},
    )
    assert done.io() == [(0, 0, 1000, "read", 67, 1)]
    assert done.faults("kind", "cause", "service_ns", "cpu_ns", "latency_ns") == [("hard", "file", 1000, 50, 1050)]
    assert done.process()["finished_ns"] == 1051


def test_neighbours_come_along_and_wait_on_standby() -> None:
    """Clusters of 4: pages 10-13 in one read, then 14-17; the other six are soft faults."""
    done = run([loads(range(10, 18))], 16, machine=with_file(8), manager=windows(read_cluster=4), process=mapped(8))
    assert done.io("kind", "offset", "pages") == [("read", 64, 4), ("read", 68, 4)]
    assert (done.summary["hard_faults"], done.summary["transition_faults"]) == (2, 6)
    assert (done.summary["page_reads"], done.summary["pages_input"]) == (2, 8)


def test_neighbours_that_nobody_wants_stay_on_standby() -> None:
    done = run([loads([10])], 16, machine=with_file(8), manager=windows(read_cluster=4), process=mapped(8))
    assert [len(pages) for pages in done.lists()["standby"]] == [0, 0, 0, 0, 0, 4, 0, 0]
    assert done.lists()["standby"][5][:3] == [("file:f", 1), ("file:f", 2), ("file:f", 3)]


def test_a_cluster_ends_with_the_file() -> None:
    done = run([loads([12])], 16, machine=with_file(4), manager=windows(read_cluster=8), process=mapped(4))
    assert done.io("offset", "pages") == [(66, 2)]


def test_a_resident_page_inside_a_run_is_read_and_ignored() -> None:
    """b holds 2 of 6 frames until some 3000, so a's first read, of page 11 at 100, finds 3 available after its own
    frame, no more than low: one page. Later 4 are available, and pages 10, 11, 12 are read in one I/O, page 11 for
    nothing. Page 12 is found on standby."""
    done = run(
        [
            [*loads([11]), *[(11, 0, 250, 0)] * 20, *loads([10, 12])],
            [*loads([1]), (2, 0, 100, 0), *[(2, 0, 200, 0)] * 15],
        ],
        6,
        machine=with_file(3, processors=2),
        manager=windows("none", read_cluster=8, low_memory=3, high_memory=3),
        process=[mapped(3, start=100), {}],
    )
    assert done.io("kind", "offset", "pages") == [("read", 65, 1), ("read", 64, 3)]
    assert done.faults("process", "page", "kind")[3:] == [("a", 10, "hard"), ("a", 12, "transition")]
    assert done.process()["pages_input"] == 4


def test_dirty_private_neighbours_come_back_together() -> None:
    """Two frames of which one is kept: pages 1, 2, 3 are written to slots 0, 1, 2 as they leave; when all are out, a
    read of page 1 brings page 2 along into the one other frame, and page 2 is soft."""
    done = run(
        [[*stores([1, 2, 3]), *loads([7, 8, 9]), *[(9, 0, 250, 0)] * 40, *loads([1, 2])]],
        3,
        manager=immediate(read_cluster=2),
        process={"working_set": limits(1, 1)},
    )
    assert done.io("kind", "offset", "pages")[-1] == ("read", 0, 2)
    assert done.faults("page", "kind", "cause")[-2:] == [(1, "hard", "paging file"), (2, "transition", "standby")]


def test_who_touches_a_page_that_is_being_read_collides() -> None:
    """a's read lasts 0-1000; b touches the page at 400 and waits 600 ns of service; both go on at 1000, a first."""
    done = run(
        [loads([10]), loads([10])],
        machine=with_file(1, processors=2),
        manager=windows(),
        process=[mapped(1), mapped(1, start=400)],
    )
    assert done.faults() == [
        (0, "a", 10, "hard", "file", 0, 1000, 0),
        (400, "b", 10, "collided", "in-flight read", 0, 600, 0),
    ]
    assert done.summary["page_reads"] == 1
    assert done.process("b")["stall_collided_ns"] == 600


def test_who_touches_a_neighbour_that_is_being_read_collides_too() -> None:
    """a reads 10 and 11; b wants 11: mapped for b, it never goes to standby."""
    done = run(
        [loads([10]), loads([11])],
        machine=with_file(2, processors=2),
        manager=windows(read_cluster=2),
        process=[mapped(2), mapped(2, start=400)],
    )
    assert done.faults("process", "page", "kind") == [("a", 10, "hard"), ("b", 11, "collided")]


def test_a_collided_fault_before_the_service_started_waits_in_the_queue() -> None:
    """One channel: c's read of page 11 is served 0-1000, a's of page 10 from 1000 to 2000; b collides with it at 400:
    600 in the queue, 1000 in service."""
    done = run(
        [loads([10]), loads([10]), loads([11])],
        machine=with_file(2, processors=3),
        manager=windows(),
        process=[mapped(2, start=100), mapped(2, start=400), mapped(2)],
    )
    assert done.faults("process", "queue_ns", "service_ns") == [("c", 0, 1000), ("a", 900, 1000), ("b", 600, 1000)]


def test_a_read_error_ends_the_process_and_counts_as_a_hard_fault() -> None:
    done = run(
        [loads([1, 10, 2])],
        machine=with_file(1, disks={"d": constant(read_error_rate=1.0)}),
        process=mapped(1),
    )
    assert done.faults("page", "kind", "cause")[1:] == [(10, "in-page-error", "read error")]
    row = done.process()
    assert (row["exit_status"], row["in_page_errors"], row["hard_faults"]) == (STATUS_IN_PAGE_ERROR, 1, 1)
    assert (row["page_faults"], row["references"], row["finished_ns"]) == (2, 1, 1001)
    assert done.io("kind", "ok") == [("read", False)]
    assert done.lists()["free"] + done.lists()["zeroed"] == 8


def test_who_collided_with_a_read_that_failed_tries_again() -> None:
    """Every read fails: a's 0-1000 ends a; b, which collided at 400, then reads itself, 1000-2000, and ends as well.
    b's wait for a's read counts as queue time."""
    done = run(
        [loads([10]), loads([10])],
        machine=with_file(1, processors=2, disks={"d": constant(read_error_rate=1.0)}),
        manager=windows(),
        process=[mapped(1), mapped(1, start=400)],
    )
    assert done.faults("time_ns", "process", "kind", "queue_ns", "service_ns") == [
        (0, "a", "in-page-error", 0, 1000),
        (400, "b", "in-page-error", 600, 1000),
    ]
    assert [done.process(name)["finished_ns"] for name in "ab"] == [1000, 2000]


def test_paging_files_share_the_load_by_free_slots() -> None:
    """Two paging files of 2 and 3 slots on two disks. Free slots 2, 3: the larger one; then 2, 2: the first; 1, 2; 1,
    1."""
    done = run(
        [[*stores([1, 2, 3, 4]), *loads([5])]],
        1,
        machine={
            "disks": {"d": constant(), "e": constant()},
            "paging_files": [
                PagingFile(disk="d", size=2 * PAGE, maximum=2 * PAGE),
                PagingFile(disk="e", size=3 * PAGE, maximum=3 * PAGE),
            ],
        },
        manager=immediate(),
        process=hard(1),
    )
    assert done.io("disk", "kind", "offset") == [
        ("e", "write", 0),
        ("d", "write", 0),
        ("e", "write", 1),
        ("d", "write", 1),
    ]
