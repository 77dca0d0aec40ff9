"""A copy-on-write store that waits for a frame: the page that it copies stays where it is."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.config import File, Region, Trimming
from simulator.policies.base import Decision, MemoryView
from simulator.result import SimulationError
from tests.reference.cases import PAGE, RunList
from tests.simulator.policies import enter, proposing
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


def test_who_has_waited_to_copy_asks_no_policy_when_the_page_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three frames, with the shared page 5, 6 of a, 8 of b. At 5000 both threads of a store to 5 and wait. At 6000 page
    8 goes; it is written until 7000, and one of them copies; at 8000 the copy, whose page the other still waits for, is
    trimmed and written; at 9000 the other finds it on standby. Memory is tight then, but its room would have been made
    at its trap."""

    def trim(view: MemoryView) -> Decision:
        name, page = {6000: ("b", 8), 8000: ("a", 5)}.get(view.time, ("", 0))
        chosen = [ws.entries.entry[ws.entries.page == page] for ws in view.working_sets if ws.name == name]
        return Decision(trimmed=np.concatenate(chosen)) if chosen else Decision()

    name = enter(monkeypatch, "scripted", proposing(trim=trim))
    shared = {"regions": [Region(first=5, pages=1, file="f")], "working_set": limits(1, 9)}
    store_at_5000 = RunList([(5, 0, 0, 1), (5, 0, 1, 0)], waits={0: (5000, 0), 1: (20000, 0)})
    load_first = RunList([*loads([6, 5]), (5, 0, 0, 1), (5, 0, 1, 0)], waits={2: (5000, 0), 3: (20000, 0)})
    done = run(
        [[load_first, store_at_5000], [RunList(loads([5, 8, 5]), waits={2: (20000, 0)})]],
        3,
        machine={**FILE, "processors": 2},
        manager=windows(trimming=Trimming(policy=name, period=1000), tight_memory=2),
        process=[MAPPED, shared],
    )
    late = [row for row in done.faults("time_ns", "process", "page", "kind", "queue_ns") if row[0] == 5000]
    assert late == [(5000, "a", 5, "copy-on-write", 2000), (5000, "a", 5, "transition", 4000)]
    assert done.process()["replaced"] == 0
