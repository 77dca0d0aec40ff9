"""What every policy owes: proposals within the goal, of entries that it may name; and what the manager does
otherwise."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.config import File, Region, Trimming
from simulator.hardware.scheduler import commit_all
from simulator.machine import Machine
from simulator.memory.decisions import compiled_pass, install
from simulator.memory.state import State
from simulator.memory.view import View
from simulator.policies.base import Decision, MemoryView, Policy
from simulator.registry import find, names
from simulator.result import PolicyRefused
from simulator.state import constants
from tests.reference.cases import PAGE, code
from tests.reference.compare import run_engine
from tests.reference.machines import random_case
from tests.simulator.policies import PlainFifo, compiled, enter, proposing
from tests.simulator.small import TEXTBOOK, build, constant, hard, limits, loads, run, stores, windows

NAMES = names("policy")
WITHOUT_FUTURE = [name for name in NAMES if "future" not in find("policy", name).requires]  # type: ignore[attr-defined]
COMPILED = [name for name in WITHOUT_FUTURE if find("policy", name).compiled is not None]  # type: ignore[attr-defined]


def busy_machine() -> State:
    """Three processes with 6, 5 and 4 valid pages, some accessed and some not, of different ages."""
    rows = [[*loads(range(6)), *stores(range(0, 6, 2)), (0, 0, 250, 0)], [*loads(range(5)), (0, 0, 250, 0)]]
    machine = build(
        [*rows, [*loads(range(4)), (0, 0, 250, 0)]],
        32,
        machine={"processors": 3},
        manager=windows(),
        process=[
            {"working_set": limits(2, 100, hard=False)},
            {"working_set": limits(5, 100, hard=False)},
            {"working_set": limits(1, 100, hard=False), "foreground": True},
        ],
        duration=100,
    )
    machine.run()
    state = machine.state
    commit_all(state.address, 100)
    state.arrays["bits"][::3] &= np.uint8(0xFF ^ constants.ACCESSED)
    state.arrays["ptes"]["age"] = np.arange(len(state.arrays["ptes"])) % 8
    return state


def lock(state: State, entries: list[int]) -> None:
    """Lock some entries."""
    state.arrays["bits"][entries] |= np.uint8(constants.LOCKED)


def policy_of(state: State, name: str, **parameters: Any) -> Policy:
    """A policy joined to a machine that has run with another one, as if it had watched from the start."""
    policy: Policy = find("policy", name)(**parameters)
    install(state, policy)
    for entry in np.argsort(state.arrays["ptes"]["entered"]):
        if state.arrays["bits"][entry] & constants.VALID and policy.compiled and "entered" in policy.compiled.hooks:
            policy.compiled.hooks["entered"](state.address, int(entry))
    return policy


def trimmed_by(state: State, policy: Policy, goal: int) -> list[int]:
    """What one pass of the balance set manager trims."""
    if policy.compiled is not None:
        return [int(entry) for entry in compiled_pass(state, goal, 100)[0]]
    return [int(entry) for entry in policy.trim(View(state, 100), goal).trimmed]


@pytest.mark.parametrize("goal", [0, 1, 4, 9, 15, 100])
@pytest.mark.parametrize("locked", [[], [0, 1, 2, 7, 14], list(range(15))], ids=["none", "some", "all"])
@pytest.mark.parametrize("name", WITHOUT_FUTURE)
def test_trimming_keeps_to_the_goal_and_to_entries_that_may_be_trimmed(name: str, locked: list[int], goal: int) -> None:
    state = busy_machine()
    policy = policy_of(state, name)
    lock(state, locked)
    valid = np.flatnonzero(state.arrays["bits"] & constants.VALID)
    trimmed = trimmed_by(state, policy, goal)
    assert len(trimmed) <= goal
    assert len(set(trimmed)) == len(trimmed)
    assert not set(trimmed) & set(locked)
    assert np.isin(trimmed, valid).all()
    assert state.record[0]["examined"] >= 0


@pytest.mark.parametrize("name", ["fifo", "clock", "windows"])
def test_a_goal_that_can_be_met_above_the_minima_is_met_there(name: str) -> None:
    """Sizes 6, 5, 4 and minima 2, 5, 1: seven pages can go without going below any minimum."""
    state = busy_machine()
    trimmed = trimmed_by(state, policy_of(state, name), 7)
    owners = np.bincount(state.arrays["ptes"]["process"][trimmed], minlength=3)
    assert owners.tolist() == [4, 0, 3]


@pytest.mark.parametrize("process", [0, 1, 2, -1])
@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_replacement_is_an_entry_of_the_process_that_is_not_locked(name: str, process: int) -> None:
    state = busy_machine()
    policy = policy_of(state, name)
    assert policy.compiled is not None
    choose = policy.compiled.hooks["replace"]
    lock(state, [0, 6, 11])
    victim = choose(state.address, process)
    if name == "none":
        assert victim == -1
        return
    assert state.arrays["bits"][victim] & constants.VALID
    assert victim not in (0, 6, 11)
    if process >= 0:
        assert state.arrays["ptes"]["process"][victim] == process
    lock(state, list(range(15)))
    assert choose(state.address, process) == -1


@pytest.mark.parametrize("name", WITHOUT_FUTURE)
def test_an_empty_machine_gives_nothing_to_trim(name: str) -> None:
    state = build([loads([1])], manager=windows()).state
    assert trimmed_by(state, policy_of(state, name), 5) == []


@pytest.mark.parametrize("seed", range(60))
def test_a_policy_in_plain_python_works_like_a_compiled_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same first in, first out, once compiled and once from Python lists, on random machines of both models."""
    case = random_case(random.Random(40_000 + seed))
    duration = min(case.duration or 300_000, 300_000)
    outcomes = []
    for name in ("fifo", enter(monkeypatch, "plain-fifo", PlainFifo)):
        trimming = replace(case.memory_manager.trimming, policy=name)
        same = replace(case, memory_manager=replace(case.memory_manager, trimming=trimming), duration=duration)
        outcomes.append(run_engine(same))
    fifo, plain = outcomes
    if fifo.error:
        assert plain.error == fifo.error
        return
    assert (fifo.summary, fifo.faults, fifo.io, fifo.snapshot) == (
        plain.summary,
        plain.faults,
        plain.io,
        plain.snapshot,
    ), code(case)


def absent(view: MemoryView, process: int | None = None) -> int:
    """An entry that isn't in a working set: b's last page, which isn't touched in time."""
    return 4


def beyond(view: MemoryView, process: int | None = None) -> int:
    """A number that no entry has."""
    return 1000


def negative(view: MemoryView, process: int | None = None) -> int:
    """A number below all entries, which isn't "none" either."""
    return -4


def foreign(view: MemoryView, process: int | None = None) -> int:
    """An entry of the other process."""
    return int(next(ws for ws in view.working_sets if ws.index != process).entries.entry[0])


def offer(place: str, choose: Any) -> type:
    """A policy that proposes one entry at one place of a Decision."""

    def decide(view: MemoryView) -> Decision:
        proposed: dict[str, Any] = {place: np.array([choose(view)], np.int64)}
        if place == "aged":
            proposed["ages"] = np.array([1], np.uint8)
        return Decision(**proposed)

    return proposing(trim=decide)


@pytest.mark.parametrize("choose", [absent, beyond, negative])
@pytest.mark.parametrize("place", ["trimmed", "cleared", "aged", "requeued"])
def test_a_decision_about_an_entry_that_is_in_no_working_set_is_refused(
    place: str, choose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = enter(monkeypatch, "wrong", offer(place, choose))
    machine = build(
        [[*loads([1]), (1, 0, 200, 0)], [*loads([1, 2, 3]), (3, 0, 200, 0), *loads([4])]],
        machine={"processors": 2},
        manager=windows(trimming=Trimming(policy=name, period=50)),
    )
    with pytest.raises(ValueError, match="policy wrong: proposed"):
        machine.run()


def when(machine: Machine, time: int, action: Callable[[], Any]) -> None:
    """Do something in the machine's environment at a time."""
    machine.env.timeout(time).callbacks.append(lambda _: action())


def test_trimming_a_locked_entry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = enter(monkeypatch, "wrong", offer("trimmed", lambda view: int(view.working_sets[0].entries.entry[0])))
    machine = build([[(1, 0, 200, 0)]], manager=windows(trimming=Trimming(policy=name, period=50)))
    when(machine, 40, lambda: lock(machine.state, [0]))
    with pytest.raises(ValueError, match="policy wrong: proposed to trim entry 0"):
        machine.run()


@pytest.mark.parametrize("choose", [absent, beyond, negative, foreign])
def test_an_illegal_replacement_is_refused(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Process b may have one page; for its second one it must give its first, and nothing else."""
    name = enter(monkeypatch, "wrong", proposing(replace=choose))
    machine = build(
        [[(1, 0, 200, 0)], [*loads([1, 2, 3]), (3, 0, 200, 0), *loads([4])]],
        machine={"processors": 2},
        manager=windows(name),
        process=[{}, hard(1)],
    )
    with pytest.raises(ValueError, match="policy wrong: proposed to replace entry"):
        machine.run()


def test_replacing_a_locked_entry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = enter(monkeypatch, "wrong", proposing(replace=lambda *_: 0))
    machine = build([[(1, 0, 200, 0), *loads([2])]], manager=windows(name), process=hard(1))
    when(machine, 40, lambda: lock(machine.state, [0]))
    with pytest.raises(ValueError, match="policy wrong: proposed to replace entry 0"):
        machine.run()


def take_a_locked_page(m: Any, process: int) -> int:
    """Entry 0 is locked by the test."""
    return 0


def take_a_page_that_is_away(m: Any, process: int) -> int:
    """The entry that is faulting."""
    return m.threads[m.actor].fault_pte  # type: ignore[no-any-return]


def raise_a_minimum(m: Any, process: int) -> int:
    """The oldest entry; but a policy only reads limits."""
    m.processes[process].minimum += 1
    return m.processes[process].head  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (take_a_locked_page, "an entry that is locked"),
        (take_a_page_that_is_away, "an entry that isn't in a working set"),
        (raise_a_minimum, "nothing, but changed what a policy may only read"),
    ],
)
def test_a_compiled_policy_is_held_to_the_same_promise(hook: Any, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled policy could write anywhere; the invariants see it."""
    name = enter(monkeypatch, "wrong", compiled(hook))
    machine = build([[(1, 0, 200, 0), *loads([2])]], manager=windows(name), process=hard(1))
    if hook is take_a_locked_page:
        when(machine, 40, lambda: lock(machine.state, [0]))
    with pytest.raises(PolicyRefused, match=f"policy wrong: proposed {why}"):
        machine.run()


def test_the_textbook_machine_may_take_any_process_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two frames: b's second fault takes a's page."""
    name = enter(monkeypatch, "foreign", proposing(replace=lambda *_: 0))
    done = run(
        [[(1, 0, 200, 0)], [*loads([1, 2]), (2, 0, 250, 0)]],
        2,
        machine={"processors": 2, "disks": {"d": constant(0, 0)}},
        manager={**TEXTBOOK, "trimming": Trimming(policy=name)},
        duration=2,
    )
    assert done.process("a")["replaced"] == 1


@pytest.mark.parametrize("spares_locked", [False, True])
def test_a_page_that_is_about_to_be_copied_is_locked(monkeypatch: pytest.MonkeyPatch, spares_locked: bool) -> None:
    """Three frames, all in use when the copy-on-write page 5 is stored to: the copy waits for a frame. The manager may
    trim page 1 for it; to trim page 5, too, is refused."""

    def trim(view: MemoryView) -> Decision:
        entries = view.working_sets[0].entries
        gone = np.isin(entries.page, [1, 5]) if view.available == 0 else np.zeros(len(entries.page), np.bool_)
        return Decision(trimmed=entries.entry[gone & ~(entries.locked & spares_locked)])

    machine = build(
        [[*loads([1, 2, 5]), *stores([5])]],
        3,
        machine={"files": {"f": File(size=PAGE)}},
        manager=windows(enter(monkeypatch, "asked", proposing(trim=trim)), high_memory=3),
        process={
            "regions": [Region(first=5, pages=1, file="f", protection="copy-on-write")],
            "working_set": limits(1, 1, hard=False),
        },
        duration=100_000,
    )
    if not spares_locked:
        with pytest.raises(ValueError, match="policy asked: proposed to trim entry 2, which is locked"):
            machine.run()
        return
    faults = machine.run().faults
    assert list(zip(faults["page"], faults["kind"], strict=True))[2:] == [(5, "hard"), (5, "copy-on-write")]
