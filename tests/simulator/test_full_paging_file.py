"""Paging files without a free slot: slots of clean resident pages are reclaimed, and what can't go on says so."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.config import PagingFile, Trimming
from simulator.result import SimulationError
from tests.reference.cases import PAGE
from tests.simulator.small import TEXTBOOK, build, constant, hard, immediate, loads, run, stores


def slots(count: int) -> dict[str, Any]:
    """A machine whose only paging file has so many slots, and can't grow."""
    return {"paging_files": [PagingFile(size=count * PAGE, maximum=count * PAGE)] if count else []}


def test_a_clean_page_in_memory_gives_its_slot_up() -> None:
    """Two frames, two slots, fifo. Page 1 leaves for page 3, to slot 0, page 2 for page 1, to slot 1. Read back, page 1
    keeps its slot. Page 3 leaves for page 2: there is no slot, so page 1, clean and in memory, gives its own up and
    counts as modified. Page 3 is written there, and page 2 read."""
    done = run([[*stores([1]), *loads([2, 3, 1, 2])]], 2, machine=slots(2), manager=immediate(), process=hard(2))
    assert done.io("kind", "offset") == [("write", 0), ("write", 1), ("read", 0), ("write", 0), ("read", 1)]
    assert done.machine.state.arrays["stores"]["used"][0] == 0  # the process has ended and given everything back


def test_without_any_slot_a_machine_that_needs_one_says_why_it_cannot_go_on() -> None:
    """Both frames hold modified pages, and the only slot a third. The passes at 2000 and 3000 can take none of them."""
    manager = immediate(trimming=Trimming(policy="fifo", period=1000))
    machine = build([[*stores([1, 2]), *loads([3, 1])]], 2, machine=slots(1), manager=manager, process=hard(2))
    with pytest.raises(SimulationError, match=r"at 3000 ns 1 thread.* dirty pages have no room in the paging files"):
        machine.run()


def test_what_fits_in_memory_needs_no_paging_file() -> None:
    done = run([loads([1, 2, 3, 1])], 3, machine=slots(0))
    assert done.summary["demand_zero_faults"] == 3


def test_the_textbook_machine_needs_no_paging_file_at_all() -> None:
    """Its pages have places of their own: 12 pages that are stored to over and over in 2 frames."""
    done = run([stores([*range(12)] * 3)], 12, machine={**slots(0), "bad_frames": 10}, manager=TEXTBOOK)
    assert (done.summary["hard_faults"], done.summary["page_writes"]) == (36, 34)


def test_two_pages_are_never_in_one_slot() -> None:
    """A working set of 5 stored pages cycles through 2 frames and 5 slots: the observer looks at each step, and every
    read finds the version that was written."""
    done = run([stores([1, 2, 3, 4, 5] * 6)], 2, machine=slots(5), manager=immediate(), process=hard(2))
    assert done.summary["hard_faults"] == 25
    assert done.summary["demand_zero_faults"] == 5


def test_a_failed_write_is_made_again() -> None:
    """Half of the writes fail. The page stays modified until one succeeds, and none of it is lost."""
    flaky = constant(write_error_rate=0.5)
    done = run([stores([1, 2, 3] * 10)], 2, machine={"disks": {"d": flaky}}, manager=immediate(), process=hard(2))
    writes = done.result.io[done.result.io["kind"] == "write"]
    assert not writes["ok"].all()
    assert done.process()["exit_status"] == 0
    assert done.summary["hard_faults"] == 27
