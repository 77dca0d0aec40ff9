"""Faults without a read: demand-zero, transition, shared, copy-on-write; and access violations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.config import File, Region, ZeroPageThread
from simulator.state.constants import STATUS_ACCESS_VIOLATION
from tests.reference.cases import PAGE
from tests.simulator.small import FREE, TEXTBOOK, hard, immediate, limits, loads, run, stores, windows

NO_ZEROING = ZeroPageThread(enabled=False)


def mapped(pages: int = 1, **region: Any) -> dict[str, Any]:
    """A process that maps file "f" at page 5."""
    return {"regions": [Region(first=5, pages=pages, file="f", **region)]}


def with_file(pages: int = 1, **others: Any) -> dict[str, Any]:
    """A machine with file "f"."""
    return {"files": {"f": File(size=pages * PAGE)}, **others}


def test_a_first_touch_is_demand_zero() -> None:
    """Fault 100 ns at 0, reference at 100; the next fault at 101."""
    done = run([loads([1, 2])], machine={"costs": replace(FREE, demand_zero=100, zero_page=10)})
    assert done.faults() == [
        (0, "a", 1, "demand-zero", "first touch", 0, 0, 100),
        (101, "a", 2, "demand-zero", "first touch", 0, 0, 100),
    ]
    assert done.process()["finished_ns"] == 202


@pytest.mark.parametrize(("zeroing", "cost"), [(NO_ZEROING, 110), (ZeroPageThread(trigger=2), 100)])
def test_a_free_frame_is_zeroed_within_the_fault_unless_the_zero_page_thread_did_it(
    zeroing: ZeroPageThread, cost: int
) -> None:
    """a's two frames are free from its end on; b comes much later."""
    done = run(
        [loads([1, 2]), loads([1])],
        2,
        machine={"costs": replace(FREE, demand_zero=100, zero_page=10)},
        manager=windows(zero_page_thread=zeroing),
        process=[{}, {"start": 10_000}],
    )
    assert done.faults("time_ns", "process", "cpu_ns")[-1] == (10_000, "b", cost)


def test_a_page_on_standby_comes_back_by_a_transition_fault() -> None:
    """At most one page. 0: page 1. 1: page 2, for which page 1 is trimmed (7 ns); it is written by 1001. Page 2 is
    referenced from 8 to 2008; then page 1 again: 7 + 50 ns; its reference is at 2065, the end at 2066."""
    done = run(
        [[*loads([1]), *[(2, 0, 100, 0)] * 20, *loads([1])]],
        machine={"costs": replace(FREE, transition=50, trim=7)},
        manager=immediate(),
        process=hard(1),
    )
    assert done.faults("time_ns", "page", "kind", "cause", "cpu_ns") == [
        (0, 1, "demand-zero", "first touch", 0),
        (1, 2, "demand-zero", "first touch", 7),
        (2008, 1, "transition", "standby", 57),
    ]
    assert done.process()["finished_ns"] == 2066
    assert done.summary["replaced"] == 2


def test_a_page_on_the_modified_list_comes_back_by_a_transition_fault() -> None:
    """Nothing is written: the modified writer has no reason to. Page 1 stays modified though it is only read now, and
    page 2, which was only ever read, has been since it was zeroed."""
    done = run([[*stores([1]), *loads([2, 1, 2])]], manager=windows(), process=hard(1))
    assert done.faults("page", "kind", "cause") == [
        (1, "demand-zero", "first touch"),
        (2, "demand-zero", "first touch"),
        (1, "transition", "modified"),
        (2, "transition", "modified"),
    ]
    assert done.summary["page_writes"] == 0


def test_a_metadata_page_waits_on_the_no_write_list_and_comes_back_from_there() -> None:
    done = run(
        [[*stores([5]), *loads([1, 5])]],
        machine={"files": {"f": File(size=PAGE, metadata=True)}},
        manager=windows(),
        process={**mapped(), "working_set": limits(1, 1)},
    )
    assert done.faults("page", "kind", "cause") == [
        (5, "hard", "file"),
        (1, "demand-zero", "first touch"),
        (5, "transition", "modified-no-write"),
    ]


def test_a_page_being_written_comes_back_by_a_transition_fault_and_the_write_goes_on() -> None:
    """1: page 1 leaves, its write takes until 1001. 2: page 1 again; page 2 leaves, and is written until 2001. Page 1
    isn't stored to any more, so at 3002 it leaves clean (it has its slot) and at 3003 it is found on standby."""
    done = run(
        [[*stores([1]), *loads([2]), *[(1, 0, 100, 0)] * 30, *loads([2, 1])]],
        manager=immediate(),
        process=hard(1),
    )
    assert done.faults("time_ns", "page", "kind", "cause") == [
        (0, 1, "demand-zero", "first touch"),
        (1, 2, "demand-zero", "first touch"),
        (2, 1, "transition", "in-flight write"),
        (3002, 2, "transition", "standby"),
        (3003, 1, "transition", "standby"),
    ]
    assert done.io("submit_ns", "end_ns", "kind") == [(1, 1001, "write"), (2, 2001, "write")]


def test_a_page_stored_to_during_its_write_is_written_again() -> None:
    """As above, but page 1 is stored to at 2: at 3003 it leaves modified, and is written a second time."""
    done = run(
        [[*stores([1]), *loads([2]), (1, 0, 0, 1), *[(1, 0, 100, 0)] * 30, *[(2, 0, 100, 0)] * 30]],
        manager=immediate(),
        process=hard(1),
    )
    assert done.io("submit_ns", "end_ns", "kind") == [(1, 1001, "write"), (2, 2001, "write"), (3003, 4003, "write")]


def test_a_page_valid_in_another_working_set_is_shared() -> None:
    """a reads the page 0-1000; b touches it at 2000 and finds it active; b's later trim leaves a's page alone."""
    done = run(
        [[(5, 0, 100, 0)] * 60, loads([5, 1, 1])],
        machine=with_file(processors=2, costs=replace(FREE, transition=50)),
        manager=windows(),
        process=[mapped(), {**mapped(), "start": 2000, "working_set": limits(1, 1)}],
    )
    assert done.faults("time_ns", "process", "page", "kind", "cause") == [
        (0, "a", 5, "hard", "file"),
        (2000, "b", 5, "shared", "another process"),
        (2051, "b", 1, "demand-zero", "first touch"),
    ]
    assert done.process()["finished_ns"] == 1000 + 6000
    assert done.summary["replaced"] == 1


def test_a_store_to_a_copy_on_write_page_copies_it_once() -> None:
    """0: the store faults, the page is read until 1000; the store isn't allowed yet: it traps again and copies (150
    ns); it executes at 1150. The second store, at 1151, is a hit. The file's page is on standby again, unchanged."""
    done = run(
        [[(5, 0, 0, 2)]],
        machine=with_file(costs=replace(FREE, copy_on_write=150)),
        manager=windows(),
        process=mapped(protection="copy-on-write"),
    )
    assert done.faults("time_ns", "kind", "cause", "service_ns", "cpu_ns") == [
        (0, "hard", "file", 1000, 0),
        (1000, "copy-on-write", "copy-on-write page", 0, 150),
    ]
    assert done.process()["finished_ns"] == 1152
    assert done.machine.snapshot()["files"] == {("f", 0): (True, 0)}


def test_a_copy_is_of_one_process_the_others_keep_the_file_page() -> None:
    """b, c map the page; b copies at 2001. Its copy is charged to b; c reads the old page on."""
    done = run(
        [loads([1]), [*loads([5]), *stores([5]), *[(5, 0, 100, 0)] * 20], [*loads([5]), *[(5, 0, 100, 0)] * 20]],
        machine=with_file(processors=3),
        manager=windows(),
        process=[{}, mapped(protection="copy-on-write"), mapped(protection="copy-on-write")],
    )
    kinds = done.result.faults.groupby("process", observed=True)["kind"].agg(list)
    assert kinds["b"] == ["hard", "copy-on-write"]
    assert kinds["c"] == ["collided"]
    assert [done.process(name)["committed_pages"] for name in "abc"] == [1, 1, 1]


def test_a_copy_that_was_paged_out_comes_back_as_the_copy() -> None:
    """At most one page, written at once. Page 5 is copied, leaves, is written, its frame is reused (2 frames), and it
    comes back from the paging file, not from the file."""
    done = run(
        [[*stores([5]), *loads([1, 2, 3]), *[(3, 0, 100, 0)] * 30, *loads([1, 2, 5])]],
        2,
        machine=with_file(),
        manager=immediate(),
        process={**mapped(protection="copy-on-write"), "working_set": limits(1, 1)},
    )
    assert done.faults("page", "kind", "cause")[-1] == (5, "hard", "paging file")
    assert done.summary["copy_on_write_faults"] == 1


@pytest.mark.parametrize(("manager", "time"), [(TEXTBOOK, 1001), (windows(), 1)], ids=["textbook", "windows"])
@pytest.mark.parametrize(
    ("region", "access", "cause"),
    [
        ({"state": "reserved"}, loads, "not committed"),
        ({"state": "reserved"}, stores, "not committed"),
        ({"protection": "read-only"}, stores, "read-only page"),
        ({"protection": "read-only", "file": "f"}, stores, "read-only page"),
    ],
)
def test_an_access_violation_ends_the_process_and_is_no_page_fault(
    manager: dict[str, Any], time: int, region: dict[str, Any], access: Any, cause: str
) -> None:
    """Page 1 at 0, or once it is read, page 5 behind it: not allowed."""
    done = run(
        [[*loads([1]), *access([5]), *loads([2])]],
        machine=with_file(),
        manager=manager,
        process={"regions": [Region(first=5, pages=1, **region)]},
    )
    assert done.faults("time_ns", "page", "kind", "cause")[1:] == [(time, 5, "access-violation", cause)]
    row = done.process()
    assert (row["page_faults"], row["access_violations"], row["references"]) == (1, 1, 1)
    assert (row["exit_status"], row["finished_ns"]) == (STATUS_ACCESS_VIOLATION, time)


def test_read_only_memory_can_be_read() -> None:
    done = run([loads([5])], process={"regions": [Region(first=5, pages=1, protection="read-only")]})
    assert done.process()["exit_status"] == 0


def test_fetches_come_first_in_a_run_then_loads_then_stores() -> None:
    """One run of 2 fetches, 3 loads and a store to a page of a copy-on-write file: the store copies, at 1000 + 5."""
    done = run([[(5, 2, 3, 1)]], machine=with_file(), process=mapped(protection="copy-on-write"))
    assert done.faults("time_ns", "kind", "access") == [(0, "hard", "fetch"), (1005, "copy-on-write", "store")]
