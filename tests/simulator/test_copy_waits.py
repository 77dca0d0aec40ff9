"""A copy-on-write store that waits for a frame: the page that it copies stays where it is."""

from __future__ import annotations

import pytest

from simulator.config import File, Region, Trimming
from simulator.result import SimulationError
from tests.model.cases import PAGE
from tests.simulator.small import FREE, build, limits, loads, run, stores, windows

MAPPED = {"regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")], "working_set": limits(1, 9)}
FILE = {"files": {"f": File(size=PAGE)}, "costs": FREE}
TRIMS = windows(trimming=Trimming(policy="fifo", period=500), low_memory=1, high_memory=1)


def test_one_frame_is_too_little_for_a_copy_and_the_run_says_so() -> None:
    """The only frame holds the page that is to be copied. Were it trimmed, the fault would only bring it back."""
    machine = build([[(5, 0, 1, 1)]], 1, machine=FILE, manager=TRIMS, process=MAPPED)
    with pytest.raises(SimulationError, match="wait for a frame"):
        machine.run()


def test_a_waiting_copy_gets_the_frame_of_another_page() -> None:
    """Two frames: page 5 is trimmed, as the older one, when page 1 takes the last frame. The store brings it back and
    waits for a second one; now the manager passes 5 over, and trims 1."""
    done = run([[*loads([5, 1]), *stores([5])]], 2, machine=FILE, manager=TRIMS, process=MAPPED)
    assert done.faults("page", "kind") == [
        (5, "hard"),
        (1, "demand-zero"),
        (5, "transition"),
        (5, "copy-on-write"),
    ]
    assert done.process()["trimmed"] == 2
    assert done.process()["exit_status"] == 0
