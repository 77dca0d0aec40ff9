"""The invariants observer: silent on machines that are right, loud on each record that is made wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.config import File, ModifiedWriter, Region
from simulator.invariants import InvariantBroken, Invariants, check
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.memory.state import State
from simulator.result import SimulationError
from simulator.state import constants
from tests.reference.cases import PAGE, Case
from tests.reference.machines import random_case
from tests.simulator.small import build, constant, limits, loads, stores, windows


def watch(case: Case) -> Invariants:
    """Run a case with the observer at every step; a run may end in a message for people, but never in a
    contradiction."""
    watcher = Invariants(every=1)
    processes = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    machine = Machine(
        case.machine,
        case.memory_manager,
        processes,
        case.seed,
        duration=min(case.duration or 60_000, 60_000),
        observe=Observe(sample_every=1_499),
        observers=[watcher],
    )
    try:
        machine.run()
    except SimulationError as error:
        assert "wait for a frame" in str(error)  # noqa: PT017
    return watcher


@pytest.mark.parametrize("first", range(0, 300, 20))
def test_random_machines_keep_every_invariant(first: int) -> None:
    for seed in range(first, first + 20):
        assert watch(random_case(random.Random(70_000 + seed))).checks >= 2


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_failing_disks_break_no_invariant_and_lose_no_write(first: int) -> None:
    """A third of the reads and half of the writes fail; the engine itself raises on any page that comes back too
    old."""
    for seed in range(first, first + 20):
        case = random_case(random.Random(80_000 + seed))
        disks = {
            name: replace(disk, read_error_rate=0.3 * (seed % 2), write_error_rate=0.5)
            for name, disk in case.machine.disks.items()
        }
        watch(replace(case, machine=replace(case.machine, disks=disks)))


def test_small_machines_are_looked_at_after_each_step_large_ones_now_and_then() -> None:
    for pages, every in ((8, 1), (16_384, 4)):
        watcher = Invariants()
        build([loads([1])], pages, observers=[watcher]).run()
        assert watcher.every == every


def rich_state() -> State:
    """At 1500 ns: active and modified pages, a file's page that is on standby from the start, a read and a write in
    flight, one of each queued, a thread waiting for each read, one running."""
    machine = build(
        [[*stores([1, 2]), *loads([3, 4]), (4, 0, 250, 0), *[(4, 0, 250, 0)] * 9], loads([20]), loads([21, 22, 23])],
        16,
        machine={
            "processors": 3,
            "files": {"f": File(size=4 * PAGE), "g": File(size=PAGE)},
            "disks": {"d": constant(2000, 2000)},
        },
        manager=windows(modified_writer=ModifiedWriter(free_trigger=100, modified_maximum=0, cluster=1)),
        process=[
            {"regions": [Region(first=40, pages=1, file="g", warm=True)], "working_set": limits(1, 1)},
            {"regions": [Region(first=20, pages=4, file="f")]},
            {"regions": [Region(first=20, pages=4, file="f")]},
        ],
        duration=1500,
    )
    machine.run()
    return machine.state


def set_field(array: str, field: str, where: Callable[[State], Any], value: Any) -> Callable[[State], None]:
    """A change of one field of the records that `where` selects."""

    def change(state: State) -> None:
        chosen = where(state)
        assert np.size(chosen) > 0, "the machine has none of these"
        state.arrays[array][field][chosen] = value

    return change


def frames_in(*states: int) -> Callable[[State], Any]:
    """The first frame in one of the states."""
    return lambda state: np.flatnonzero(
        np.isin(state.arrays["frames"]["state"], states) & (np.arange(16) < state.record[0]["fresh"])
    )[:1]


def valid_pte(state: State) -> Any:
    """The first valid PTE."""
    return np.flatnonzero(state.arrays["bits"] & constants.VALID)[:1]


def set_bits(mask: int, on: bool) -> Callable[[State], None]:
    """Set or clear bits of the first PTE that is valid (to clear) or isn't (to set)."""

    def change(state: State) -> None:
        bits = state.arrays["bits"]
        chosen = np.flatnonzero(((bits & constants.VALID) != 0) != on)[:1]
        bits[chosen] = bits[chosen] | mask if on else bits[chosen] & (255 ^ mask)

    return change


def set_total(name: str, change: int) -> Callable[[State], None]:
    """Add to a number of the machine."""

    def apply(state: State) -> None:
        state.record[name] += change

    return apply


def first(count: int = 1) -> Callable[[State], Any]:
    """The first records."""
    return lambda _: np.arange(count)


def on_standby(state: State) -> Any:
    """The first page on standby."""
    return state.arrays["frames"]["content"][frames_in(constants.STANDBY)(state)]


def with_io(state: State) -> Any:
    """The first frame with I/O in flight."""
    return np.flatnonzero(state.arrays["frames"]["io"] != 0)[:1]


BROKEN: dict[str, tuple[Callable[[State], None], str]] = {
    "state": (set_field("frames", "state", frames_in(constants.STANDBY), constants.FREE), "frame|page"),
    "list": (
        set_field("frames", "list", frames_in(constants.ACTIVE), constants.ON_FREE + 1),
        "list that its state says",
    ),
    "link": (set_field("frames", "previous", frames_in(constants.STANDBY), 15), "list"),
    "loop": (set_field("frames", "next", frames_in(constants.STANDBY), 0), "list"),
    "length": (set_field("lists", "count", lambda _: constants.ON_FREE, 3), "another length"),
    "head": (set_field("lists", "head", lambda _: constants.ON_STANDBY + 5, -1), "head"),
    "share count": (set_field("frames", "share", frames_in(constants.ACTIVE), 2), "share count"),
    "no share": (set_field("frames", "share", frames_in(constants.ACTIVE), 0), "active"),
    "content": (set_field("frames", "content", frames_in(constants.ACTIVE), 0), "frame"),
    "frame": (set_field("contents", "frame", on_standby, -1), "frame"),
    "I/O ended": (set_field("frames", "io", with_io, 0), "without I/O"),
    "other I/O": (set_field("frames", "request", with_io, 3), "request|I/O|frame"),
    "dirty on standby": (set_field("frames", "modified", frames_in(constants.STANDBY), 1), "dirtiness"),
    "valid": (set_bits(constants.VALID, on=True), "valid|frame|working"),
    "invalid": (set_bits(255, on=False), "frame|share"),
    "unwritable": (set_bits(constants.WRITE, on=False), "write bit|dirty"),
    "order of entry": (set_field("ptes", "entered", valid_pte, 1 << 40), "future"),
    "size": (set_field("processes", "size", first(), 5), "size"),
    "tail": (set_field("processes", "tail", first(), -1), "tail"),
    "hand": (set_field("processes", "hand", first(), 0), "hand"),
    "lost": (set_field("contents", "version", on_standby, 9), "backing store"),
    "zeroed twice": (set_field("contents", "zeroed", first(), 2), "zeroed a second time"),
    "zeroed for nothing": (set_field("contents", "zeroed", on_standby, 1), "having no contents"),
    "reset, yet kept": (set_field("contents", "discardable", first(), 1), "needn't be kept"),
    "slot count": (set_field("stores", "used", first(), 9), "slot"),
    "busy": (set_field("disks", "busy", first(), 0), "channels"),
    "request": (set_total("fresh_request", 1), "request is lost"),
    "commit": (set_total("commit", 1), "commit"),
    "active": (set_total("states_active", 1), "active frames"),
    "transition": (set_total("states_transition", -1), "in transition"),
    "ready": (set_total("ready", 1), "miscounted"),
    "waiting": (set_total("frame_waiting", 1), "miscounted"),
    "running": (set_field("threads", "state", first(), constants.BLOCKED), "running"),
    "processor": (set_field("processors", "thread", first(3), -1), "miscounted|nowhere"),
}


def test_the_machine_that_is_to_be_broken_is_whole_and_has_one_of_each() -> None:
    state = rich_state()
    check(state)
    condition = state.arrays["frames"]["state"]
    assert {constants.ZEROED, constants.STANDBY, constants.ACTIVE, constants.TRANSITION} <= set(condition.tolist())
    assert set(state.arrays["frames"]["io"].tolist()) == {constants.IO_NONE, constants.IO_READ, constants.IO_WRITE}
    assert state.arrays["disks"]["waiting"][0] > 0


@pytest.mark.parametrize("name", BROKEN)
def test_a_record_made_wrong_is_found(name: str) -> None:
    change, message = BROKEN[name]
    state = rich_state()
    change(state)
    with pytest.raises(InvariantBroken, match=f"invariant broken: .*({message})"):
        check(state)
