"""Paging files without a free slot: slots of clean resident pages are reclaimed, and what can't go on says so."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.config import PagingFile
from simulator.result import SimulationError
from tests.model.cases import PAGE
from tests.simulator.small import build, constant, loads, run, stores

ONE_SLOT: dict[str, Any] = {"paging_files": [PagingFile(size=PAGE, maximum=PAGE)]}


def test_a_clean_page_in_memory_gives_its_slot_up() -> None:
    """Two frames, one slot, fifo. Page 1 is stored to and leaves for page 3: it takes the slot. Read back in place of
    page 2, it keeps the slot. Page 3 is stored to and leaves for page 2: there is no slot, so page 1, clean and in
    memory, gives its own up and counts as modified. Page 3 is written there and comes back from there."""
    done = run([[*stores([1]), *loads([2, 3, 1]), *stores([3]), *loads([2])]], 2, machine=ONE_SLOT)
    assert done.io("kind", "offset") == [("write", 0), ("read", 0), ("write", 0)]
    assert done.machine.state.arrays["stores"]["used"][0] == 0  # the process has ended and given everything back


def test_without_any_slot_a_machine_that_needs_one_says_why_it_cannot_go_on() -> None:
    """Both frames hold stored pages, and the only slot a third."""
    machine = build([[*stores([1, 2]), *loads([3, 1])]], 2, machine=ONE_SLOT)
    with pytest.raises(SimulationError, match=r"at 1003 ns 1 thread.* dirty pages have no room in the paging files"):
        machine.run()


def test_without_a_paging_file_clean_pages_still_come_and_go() -> None:
    done = run([loads([1, 2, 3, 1])], 3, machine={"paging_files": []})
    assert done.summary["demand_zero_faults"] == 3


def test_two_pages_are_never_in_one_slot() -> None:
    """A working set of 5 stored pages cycles through 2 frames and 5 slots: the observer looks at each step, and every
    read finds the version that was written."""
    done = run(
        [[*stores([1, 2, 3, 4, 5] * 6)]], 2, machine={"paging_files": [PagingFile(size=5 * PAGE, maximum=5 * PAGE)]}
    )
    assert done.summary["hard_faults"] == 25
    assert done.summary["demand_zero_faults"] == 5


def test_a_failed_write_is_made_again() -> None:
    """Half of the writes fail. The page stays modified until one succeeds, and none of it is lost."""
    flaky = constant(write_error_rate=0.5)
    done = run([[*stores([1, 2, 3] * 10)]], 2, machine={"disks": {"d": flaky}})
    writes = done.result.io[done.result.io["kind"] == "write"]
    assert not writes["ok"].all()
    assert done.process()["exit_status"] == 0
    assert done.summary["hard_faults"] == 27
