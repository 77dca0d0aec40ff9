"""The per-reference model by itself, against cases worked out by hand."""

from __future__ import annotations

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
from tests.model.cases import PAGE, RunList, Spec
from tests.model.entities import Deadlock
from tests.model.machine import ModelMachine

FREE = Costs(reference=1, demand_zero=0, zero_page=0, transition=0, copy_on_write=0, hard=0, trim=0, age=0, write=0)
BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]


def run(frames: int, runs: list[list[tuple[int, int, int, int]]], **options: Any) -> ModelMachine:
    """A machine with a constant disk of 1000 ns and processes a, b, ...; options go to where their names belong."""
    processes = [
        Spec(Process(name=chr(97 + i), **options.get("process", {})), RunList(rows)) for i, rows in enumerate(runs)
    ]
    machine = Machine(
        memory=frames * PAGE,
        disks={"d": Disk(model="constant", parameters=CONSTANT)},
        paging_files=[PagingFile(size=64 * PAGE, maximum=64 * PAGE)],
        **{"costs": FREE, **options.get("machine", {})},
    )
    settings = {"model": "demand-paging", "trimming": Trimming(policy="fifo"), **options.get("manager", {})}
    return ModelMachine(machine, MemoryManager(**settings), processes, seed=1, check=True).run()


CONSTANT = {"read": 1000, "write": 1000}


def loads(pages: list[int]) -> list[tuple[int, int, int, int]]:
    """One load of each page."""
    return [(page, 0, 1, 0) for page in pages]


@pytest.mark.parametrize(("frames", "faults"), [(3, 9), (4, 10)])
def test_fifo_shows_beladys_anomaly(frames: int, faults: int) -> None:
    """Belady, Nelson, Shedler (1969): the reference string on which fifo does worse with more memory."""
    assert run(frames, [loads(BELADY)]).summary()["page_faults"] == faults


def test_clean_untouched_pages_are_zeroed_again_and_time_is_references_alone() -> None:
    """12 references of 1 ns; nothing is ever written, so each fault is demand-zero and free of cost."""
    summary = run(3, [loads(BELADY)]).summary()
    assert summary["demand_zero_faults"] == 9
    assert summary["simulated_ns"] == 12
    assert summary["repurposed"] == 6


def test_a_written_page_comes_back_from_the_paging_file() -> None:
    """One frame. t=0 store to 1. t=1 page 2 faults: 1 is replaced, its write of 1000 ns starts, 2 waits for the frame
    until 1001 and executes then. Its reference takes 1 ns; at 1002 page 1 faults: 2 is clean, so its frame is reused at
    once and the read takes 1000 ns. It executes at 2002; the process finishes at 2003."""
    machine = run(1, [[(1, 0, 0, 1), (2, 0, 1, 0), (1, 0, 1, 0)]])
    assert machine.faults() == [
        (0, "a", 1, "demand-zero", 0, 0, 0, 0),
        (1, "a", 2, "demand-zero", 1000, 0, 0, 1000),
        (1002, "a", 1, "hard", 0, 1000, 0, 1000),
    ]
    assert machine.io() == [(1, 1, 1001, "d", "write", 0, 1, True), (1002, 1002, 2002, "d", "read", 0, 1, True)]
    summary = machine.summary()
    assert summary["processes"]["a"]["finished_ns"] == 2003
    assert summary["processes"]["a"]["stall_frame_ns"] == 1000
    assert summary["processes"]["a"]["stall_read_ns"] == 1000
    assert summary["dirty_evictions"] == 1


def test_two_processes_collide_on_a_file_page() -> None:
    """Two processors; both touch file page 0 at t=0. The first reads it (1000 ns), the second waits for that read."""
    machine = run(
        4,
        [loads([5]), loads([5])],
        machine={"processors": 2, "files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f")]},
    )
    assert [row[1:6] for row in machine.faults()] == [("a", 5, "hard", 0, 1000), ("b", 5, "collided", 0, 1000)]
    assert machine.summary()["page_reads"] == 1
    assert machine.snapshot()["lists"]["standby"][5] == [("file:f", 0)]


def test_copy_on_write_copies_on_the_first_store_only() -> None:
    """A load brings the file page, the first store copies it, the second store is a hit."""
    machine = run(
        4,
        [[(5, 0, 1, 2)]],
        machine={"files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")]},
    )
    summary = machine.summary()
    assert (summary["hard_faults"], summary["copy_on_write_faults"], summary["page_faults"]) == (1, 1, 2)
    assert machine.snapshot()["files"] == {("f", 0): (True, 0)}


def test_a_copy_in_a_full_textbook_machine_replaces_first() -> None:
    """Two frames: 1 (demand-zero) and the file page; the store needs a third, so fifo takes page 1, which is clean."""
    machine = run(
        2,
        [[(1, 0, 1, 0), (5, 0, 1, 1)]],
        machine={"files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")]},
    )
    summary = machine.summary()
    assert (summary["copy_on_write_faults"], summary["replaced"], summary["repurposed"]) == (1, 1, 1)


def test_a_hard_maximum_replaces_and_finds_the_page_on_standby() -> None:
    """Maximum of one page: 1, 2, 1 replaces twice; page 1 is still on standby, so the third fault is soft."""
    machine = run(
        8,
        [loads([1, 2, 1])],
        manager={"model": "windows"},
        process={"working_set": WorkingSet(minimum=PAGE, maximum=PAGE, hard_maximum=True)},
    )
    summary = machine.summary()
    assert (summary["demand_zero_faults"], summary["transition_faults"], summary["replaced"]) == (2, 1, 2)


def test_reserved_memory_ends_the_process() -> None:
    """A touch of reserved memory is an access violation, not a page fault."""
    machine = run(4, [loads([1, 2, 3])], process={"regions": [Region(first=2, pages=1, state="reserved")]})
    summary = machine.summary()
    assert (summary["access_violations"], summary["page_faults"], summary["references"]) == (1, 1, 1)
    assert summary["processes"]["a"]["exit_status"] == 0xC0000005


def test_without_policy_a_full_machine_is_stuck() -> None:
    """One frame, two pages, nobody who takes the first page away."""
    with pytest.raises(Deadlock):
        run(1, [loads([1, 2])], manager={"trimming": Trimming(policy="none")})


def test_the_quantum_is_shared_in_turn() -> None:
    """Quantum 2 ns: a runs 0-2, b 2-4, a 4-5 (ends), b 5-6 (ends)."""
    machine = run(4, [[(1, 0, 3, 0)], [(1, 0, 3, 0)]], machine={"quantum": 2})
    processes = machine.summary()["processes"]
    assert [processes[name]["finished_ns"] for name in "ab"] == [5, 6]
    assert [processes[name]["ready_ns"] for name in "ab"] == [2, 3]
