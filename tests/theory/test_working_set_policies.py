"""Working-set policies against plain versions of them, alone in memory, at a limit of their own, and in little memory;
and what only they have: rescues from standby, equal allotments, chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import Machine as MachineConfig
from simulator.config import MemoryManager, ModifiedWriter, PagingFile, Process, Trimming, WorkingSet, ZeroPageThread
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.policies.random import Random
from simulator.result import RunResult
from tests.simulator.test_policies import busy_machine, lock, policy_of, trimmed_by
from tests.theory import plain
from tests.theory import plain_working_sets as ws
from tests.theory.recorded import AT_ONCE, FREE, PAGE, Requests, from_list, misses, recorded, zeroed
from tests.theory.test_denning import Holdings

usual = settings(deadline=None, max_examples=40)
streams = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=120)
loads = st.lists(st.integers(0, 9), min_size=1, max_size=120)
SLICE = 20_000
Variant = tuple[str, dict[str, Any], Callable[[], ws.Plain]]

FIXED: dict[str, Variant] = {
    "local-clock": ("local-clock", {}, ws.Clock),
    "second-chance": ("second-chance", {}, lambda: ws.Mach(2 / 3)),
    "second-chance, a third": ("second-chance", {"inactive": 1 / 3}, lambda: ws.Mach(1 / 3)),
    "random": ("random", {"seed": 7}, lambda: ws.Random(7)),
    "nru": ("nru", {"period": 9}, lambda: ws.Nru(9)),
    "aging": ("aging", {"period": 5, "bits": 3}, lambda: ws.Aging(3, 5)),
    "aging, two bits": ("aging", {"period": 3, "bits": 2}, lambda: ws.Aging(2, 3)),
    "wsclock": ("wsclock", {"tau": 12}, lambda: ws.WsClock(12)),
    "wsclock, short": ("wsclock", {"tau": 3}, lambda: ws.WsClock(3)),
}
VARIABLE: dict[str, Variant] = {
    "pff": ("pff", {"interval": 4}, lambda: ws.Pff(4)),
    "vsws": ("vsws", {"least": 3, "most": 20, "faults": 4}, lambda: ws.Vsws(3, 20, 4)),
    "damped-working-set": (
        "damped-working-set",
        {"window": 14, "damping": 0.5, "resolution": 1},
        lambda: ws.Damped(14, 0.5, 1),
    ),
    "damped-working-set, coarse": (
        "damped-working-set",
        {"window": 14, "damping": 0.4, "resolution": 6},
        lambda: ws.Damped(14, 0.4, 6),
    ),
}
LONG: dict[str, Variant] = {
    "second-chance": FIXED["second-chance"],
    "random": FIXED["random"],
    "nru": ("nru", {"period": 500}, lambda: ws.Nru(500)),
    "aging": ("aging", {"period": 300}, lambda: ws.Aging(8, 300)),
    "wsclock": ("wsclock", {"tau": 700}, lambda: ws.WsClock(700)),
    "pff": ("pff", {"interval": 60}, lambda: ws.Pff(60)),
    "vsws": ("vsws", {"least": 200, "most": 3000, "faults": 8}, lambda: ws.Vsws(200, 3000, 8)),
    "damped-working-set": (
        "damped-working-set",
        {"window": 900, "resolution": 20},
        lambda: ws.Damped(900, 0.5, 20),
    ),
}


def keep(stream: Requests, variant: Variant, frames: int, limit: int = 0, observers: Any = ()) -> RunResult:
    """A machine with so many frames in which only references take time, 1 ns each: demand paging, or, with a limit, a
    working set of at most so many pages before standby lists."""
    machine = MachineConfig(
        memory=frames * PAGE,
        disks={"d": AT_ONCE},
        paging_files=[PagingFile(size=2 * len(stream.pages) * PAGE + PAGE)],
        costs=FREE,
    )
    trimming = Trimming(policy=variant[0], parameters=variant[1], period=10**15)
    quiet: dict[str, Any] = {"low_memory": 0, "high_memory": 0, "tight_memory": 0, "read_cluster": 1}
    if limit:
        quiet |= {"modified_writer": ModifiedWriter(immediate=True), "zero_page_thread": ZeroPageThread(enabled=False)}
    manager = MemoryManager(model="windows" if limit else "demand-paging", trimming=trimming, **quiet)
    limits = WorkingSet(minimum=PAGE, maximum=limit * PAGE, hard_maximum=True) if limit else WorkingSet()
    observe = Observe(1 if observers else 10**15, fault_log=False, io_log=False, page_map=False)
    process = Process(name="p", working_set=limits)
    return Machine(machine, manager, [ProcessSpec(process, (stream,))], observe=observe, observers=observers).run()


@usual
@pytest.mark.parametrize("name", FIXED)
@given(streams, st.integers(1, 7))
def test_in_little_memory_it_replaces_what_the_plain_one_does(
    name: str, stream: list[tuple[int, bool]], frames: int
) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    expected = ws.simulate(FIXED[name][2](), stream, frames)
    assert misses(keep(from_list(pages, stored), FIXED[name], frames)) == expected[:2]


@usual
@given(streams, st.integers(1, 7))
def test_one_process_alone_loses_to_local_lru_what_it_loses_to_lru(stream: list[tuple[int, bool]], frames: int) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    requests = from_list(pages, stored)
    variant: Variant = ("local-lru", {}, ws.Plain)
    assert misses(keep(requests, variant, frames)) == plain.lru(stream, frames)
    assert keep(requests, variant, 20, frames).summary["page_faults"] == plain.lru(stream, frames)[0]


@usual
@pytest.mark.parametrize("name", VARIABLE)
@given(loads)
def test_with_memory_for_all_it_holds_what_the_plain_one_holds(name: str, pages: list[int]) -> None:
    """Before each reference and after the last."""
    watch = Holdings()
    faults, _, held = ws.simulate(VARIABLE[name][2](), [(page, False) for page in pages], 100)
    result = keep(from_list(pages), VARIABLE[name], 11, observers=[watch])
    assert watch.sets == held
    assert result.summary["page_faults"] == faults


@usual
@pytest.mark.parametrize("name", VARIABLE)
@given(loads, st.integers(1, 7))
def test_in_too_little_memory_it_faults_as_the_plain_one_does(name: str, pages: list[int], frames: int) -> None:
    expected = ws.simulate(VARIABLE[name][2](), [(page, False) for page in pages], frames)
    assert keep(from_list(pages), VARIABLE[name], frames).summary["page_faults"] == expected[0]


@usual
@pytest.mark.parametrize("name", [*FIXED, *VARIABLE])
@given(streams, st.integers(1, 7))
def test_a_working_set_at_its_limit_loses_what_the_plain_one_loses(
    name: str, stream: list[tuple[int, bool]], limit: int
) -> None:
    """Where a policy is global by nature, at a limit it is a clock. A page is dirty from its first touch on."""
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    variant = (FIXED | VARIABLE)[name]
    expected = ws.Clock() if variant[0] in ("second-chance", "wsclock") else variant[2]()
    faults = ws.simulate(expected, zeroed(stream), limit)[0]
    assert keep(from_list(pages, stored), variant, 20, limit).summary["page_faults"] == faults


@pytest.mark.parametrize("trace", ["python", "sqlite"])
@pytest.mark.parametrize("name", LONG)
def test_it_faults_as_the_plain_one_does_on_recorded_programs(name: str, trace: str) -> None:
    stream = recorded(trace, SLICE)
    frames = len(stream.pages) // 3
    pairs = [(page, False) for page, _ in stream.pairs()]
    expected = ws.simulate(LONG[name][2](), pairs, frames)
    quiet = Requests(stream.page, np.zeros(len(stream.page), np.bool_))
    assert keep(quiet, LONG[name], frames).summary["page_faults"] == expected[0]


@pytest.mark.parametrize("name", ["pff", "damped-working-set"])
def test_what_is_withdrawn_waits_on_standby_and_is_rescued(name: str) -> None:
    """With memory for all, each page is brought in once, and every later fault is soft."""
    stream = recorded("sqlite", 60_000)
    summary = keep(stream, LONG[name], len(stream.pages) + 8, len(stream.pages)).summary
    assert summary["demand_zero_faults"] == len(stream.pages)
    assert summary["transition_faults"] > 100
    assert summary["page_faults"] == summary["demand_zero_faults"] + summary["transition_faults"]
    assert summary["trimmed"] >= summary["transition_faults"]


@pytest.mark.parametrize("name", ["local-clock", "local-lru"])
def test_who_has_most_above_its_minimum_loses_first(name: str) -> None:
    """Sizes 6, 5, 4 and minima 2, 5, 1: four above, none, three; so the first process loses one and then it is even.
    Once nobody is above its minimum, all go below it in turn."""
    owners = []
    for goal in (1, 3, 7, 10):
        state = busy_machine()
        trimmed = trimmed_by(state, policy_of(state, name), goal)
        owners.append(np.bincount(state.arrays["ptes"]["process"][trimmed], minlength=3).tolist())
    assert owners == [[1, 0, 0], [2, 0, 1], [4, 0, 3], [5, 1, 4]]


def test_each_page_is_as_likely_as_the_others_to_be_chosen_at_random() -> None:
    """15 pages, one of which is locked so that the next has its share twice; 6,000 draws; chi-square with 13 degrees of
    freedom, 34.5 at a significance of 0.1 %. Other seeds choose otherwise."""
    state = busy_machine()
    policy = policy_of(state, "random", seed=3)
    assert policy.compiled is not None
    choose = policy.compiled.hooks["replace"]
    lock(state, [2])
    counts = np.bincount([choose(state.address, -1) for _ in range(6000)], minlength=15)
    assert counts[2] == 0
    expected = np.full(15, 400.0)
    expected[3] = 800
    assert ((counts - expected)[counts > 0] ** 2 / expected[counts > 0]).sum() < 34.5
    first = [choose(state.address, 0) for _ in range(20)]
    assert set(first) <= {0, 1, 3, 4, 5}
    other = policy_of(busy_machine(), "random", seed=4)
    assert isinstance(other, Random)


@pytest.mark.parametrize(("stored", "faults"), [(None, 7), (1, 6), (2, 7)])
def test_wsclock_passes_over_a_dirty_page_for_a_clean_one(stored: int | None, faults: int) -> None:
    """Four frames. 3 takes the place of 9, and the hand finds 0, 1, 2 used at time 4. When 4 faults at 11, 0 and 1 are
    unused for 7, and the hand meets 0 first: it goes, and is missed at the end, unless it was stored to."""
    pages = [9, 0, 1, 2, 3, 2, 2, 2, 2, 2, 2, 4, 0]
    stores = [k == stored for k in range(len(pages))]
    variant: Variant = ("wsclock", {"tau": 3}, lambda: ws.WsClock(3))
    assert misses(keep(from_list(pages, stores), variant, 4))[0] == faults
