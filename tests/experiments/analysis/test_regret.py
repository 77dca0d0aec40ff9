"""Trim regret: a small machine worked out by hand, and random machines counted row by row."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from experiments.analysis.biography import biography, where_at
from experiments.analysis.regret import AFTER_USE, FROM_DISK, OUT, curve, figures, regret, removals, standby_stays
from simulator.config import ModifiedWriter
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.result import RunResult, SimulationError
from tests.reference.cases import RunList
from tests.reference.machines import random_case
from tests.simulator.small import hard, loads, run, windows


@pytest.fixture(scope="module")
def small() -> RunResult:
    """Three frames, of which "a" may have one. 0: a stores to page 1. 1: its page 2 replaces it; written by 1001. At
    2001 b takes its frame. At 5000 a wants page 1 again, for which page 2 goes: no disk has its zeros, so it is written
    at once, by 6000. The read of page 1 waits for that; the page is there at 7000, and a ends."""
    sleeper = RunList([(1, 0, 0, 1), (2, 0, 1, 0), (1, 0, 1, 0)], waits={2: (5_000, 0)})
    return run(
        [[sleeper], loads([7, 8])],
        3,
        manager=windows(modified_writer=ModifiedWriter(free_trigger=0, immediate=True)),
        process=[hard(1), {"start": 2_000}],
    ).result


def test_removals_by_hand(small: RunResult) -> None:
    """Page 1 comes back after 4999 ns, one page having gone meanwhile, its frame given away; page 2 never does."""
    columns = (
        "time_ns",
        "process",
        "page",
        "reason",
        "gap_ns",
        "hard",
        "latency_ns",
        "distance",
        "rescued",
        "repurposed",
    )
    found = removals(small)
    assert list(found.columns) == list(columns)
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        (1, "a", 1, "replaced", 4_999, True, 2_000, 1, False, True),
        (5_000, "a", 2, "replaced", -1, False, -1, -1, False, False),
    ]


def test_stays_on_standby_by_hand(small: RunResult) -> None:
    """Page 1 from the end of its write to b's fault; page 2 likewise from 6000 to the end of a."""
    found = [tuple(row) for row in standby_stays(small).itertuples(index=False)]
    assert found == [("a", 1_000, "repurposed"), ("a", 1_001, "freed")]


@pytest.mark.parametrize(("within", "share", "stall"), [(4_998, 0.0, 0), (4_999, 0.5, 2_000)])
def test_figures_by_hand(small: RunResult, within: int, share: float, stall: int) -> None:
    everything, each = regret(small, within)
    assert everything == each["a"]
    assert each["b"] == {**dict.fromkeys(everything), "taken_out": 0, "regret_stall_ns": 0}
    assert (everything["taken_out"], everything["regret_soft_share"], everything["rescued_share"]) == (2, 0.0, 0.0)
    assert everything["regret_share"] == everything["regret_hard_share"] == share
    assert everything["repurposed_share"] == 0.5
    assert everything["regret_stall_ns"] == stall
    assert everything["standby_median_ns"] == 1_000.5
    assert everything["distance_median"] == 1


def test_a_biography_by_hand(small: RunResult) -> None:
    steps = biography(small, "a", 1, "fifo")
    replaced = "replaced by fifo: thread 0 of a needs room for its page 2; accessed bit set, age 0"
    assert [(step.time_ns, step.text, step.where) for step in steps] == [
        (0, "touched: gets a zeroed frame, at a fault of thread 0", "in the working set"),
        (1, replaced, "in memory"),
        (1, "goes on the modified list: no disk has what it holds yet", "on the modified list"),
        (1_001, "written to disk d, page 0", "on the modified list"),
        (1_001, "clean again, goes on the standby list", "on the standby list"),
        (2_001, "repurposed: its frame goes to page 8 of b", "not in memory"),
        (7_000, "read back from the paging file, at a fault of thread 0", "in the working set"),
        (7_001, "leaves: its process ends", "in memory"),
        (7_001, "its frame is freed: it was deleted, or its process has ended", "not in memory"),
    ]
    assert steps[6].latency == {"latency_ns": 2_000, "queue_ns": 1_000, "service_ns": 1_000, "cpu_ns": 0}
    assert biography(small, "a", 3, "fifo") == []


@pytest.mark.parametrize(
    ("time", "where"),
    [
        (0, "in the working set"),
        (1, "on the modified list, being written"),
        (1_000, "on the modified list, being written"),
        (1_001, "on the standby list"),
        (2_000, "on the standby list"),
        (2_001, "not in memory"),
        (4_999, "not in memory"),
        (5_000, "not in memory, being brought in"),
        (6_999, "not in memory, being brought in"),
        (7_000, "in the working set"),
        (7_001, "not in memory"),
    ],
)
def test_where_a_page_was_by_hand(small: RunResult, time: int, where: str) -> None:
    assert where_at(biography(small, "a", 1, "fifo"), time) == where


def results(count: int) -> list[RunResult]:
    """Random machines that ran to their end."""
    found = []
    for seed in range(95_000, 95_000 + count):
        case = random_case(random.Random(seed))
        specs = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
        duration = min(case.duration or 100_000, 100_000)
        try:
            found.append(Machine(case.machine, case.memory_manager, specs, case.seed, duration).run())
        except SimulationError:
            continue
    assert len(found) > count // 2
    return found


def plainly(result: RunResult) -> list[list[Any]]:
    """The removals, gone through row by row: process, page, gap, hard, distance, rescued, repurposed."""
    found: list[list[Any]] = []
    open_ones: dict[Any, list[Any]] = {}
    behind: dict[Any, set[Any]] = {}
    for row in result.pages.to_dict("records"):
        entry = (row["process"], row["page"])
        content = ("file", row["file"], row["file_page"]) if isinstance(row["file"], str) else entry
        if row["event"] == "left" and row["reason"] in OUT:
            found.append([*entry, -1, False, -1, False, False, row["time_ns"], len(found)])
            open_ones[entry] = found[-1]
            behind.setdefault(content, set()).add(entry)
        elif row["event"] == "entered" and entry in open_ones:
            one = open_ones.pop(entry)
            one[2] = max(0, row["since_ns"] - one[7])
            one[3] = row["reason"] in FROM_DISK
            one[4] = len(found) - one[8] - 1
            one[5] = not one[6]
        elif row["event"] == "repurposed":
            for waiting in behind.get(content, ()):
                if waiting in open_ones:
                    open_ones[waiting][6] = True
    return [row[:7] for row in found]


def test_removals_are_what_one_finds_row_by_row() -> None:
    columns = ["process", "page", "gap_ns", "hard", "distance", "rescued", "repurposed"]
    total = 0
    for result in results(45):
        found = removals(result)
        assert [list(row) for row in found[columns].itertuples(index=False)] == plainly(result)
        assert not (found["rescued"] & found["repurposed"]).any()
        assert not (found["rescued"] & found["hard"] & (found["latency_ns"] == 0)).any()
        total += len(found)
    assert total > 500


def test_every_return_has_the_latency_of_its_fault() -> None:
    for result in results(15):
        found = removals(result)
        back = found["gap_ns"] >= 0
        assert ((found["latency_ns"] >= 0) == back).all()
        everything, each = regret(result, 1 << 60)
        assert everything["regret_stall_ns"] == sum(one["regret_stall_ns"] for one in each.values())
        assert everything["regret_stall_ns"] <= result.faults["latency_ns"].sum()
        assert everything["taken_out"] == result.summary["trimmed"] + result.summary["replaced"]


def test_stays_on_standby_are_what_one_finds_row_by_row() -> None:
    for result in results(15):
        began: dict[Any, int] = {}
        found = []
        for row in result.pages.to_dict("records"):
            own = isinstance(row["process"], str) and not isinstance(row["file"], str)
            key = (row["process"], row["page"]) if own else (row["file"], row["file_page"])
            if row["event"] == "standby" and row["reason"] in AFTER_USE:
                began[key] = row["time_ns"]
            elif row["event"] in ("entered", "repurposed", "freed") and key in began:
                found.append((row["time_ns"] - began.pop(key), row["event"]))
        stays = standby_stays(result)
        assert sorted(found) == sorted(zip(stays["length_ns"], stays["ended"], strict=True))


def test_the_curve_meets_the_figures_and_rises() -> None:
    at = np.array([0, 10, 1_000, 100_000])
    for result in results(15):
        taken, stays = removals(result), standby_stays(result)
        shares = curve(taken, at)
        assert all((np.diff(share) >= 0).all() for share in shares.values())
        for place, within in enumerate(at.tolist()):
            found = figures(taken, stays, within)
            assert shares["soft"][place] == (found["regret_soft_share"] or 0)
            assert shares["hard"][place] == (found["regret_hard_share"] or 0)


def test_without_a_fault_log_the_stall_is_unknown() -> None:
    done = run([loads([1, 2, 1])], manager=windows(), process=hard(1), observe=Observe(fault_log=False))
    everything, _ = regret(done.result)
    assert (everything["regret_soft_share"], everything["regret_stall_ns"]) == (0.5, None)
