"""Plots of comparisons: what they show is there, nothing is cut off, the same policy looks the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from experiments.analysis.comparison import MEMORY, ComparisonResult, conclude
from experiments.analysis.metrics import METRICS, MORE
from experiments.present.plots import comparison, style
from experiments.present.plots.draw import draw
from experiments.present.plots.latency_by_policy import tail
from simulator.registry import find, names
from simulator.rng import generator
from tests.experiments.present.layout import check, drawn, roomy

KINDS = ["dashboard", "differences", "fairness", "faults-by-memory", "latency-by-policy", "space-time"]
MIB = 1 << 20


def made(
    policies: tuple[str, ...] = ("fifo", "clock", "windows", "windows"),
    memories: tuple[int, ...] = (8 * MIB, 12 * MIB, 16 * MIB, 24 * MIB, 32 * MIB),
    replications: int = 5,
    processes: int = 4,
) -> ComparisonResult:
    """A comparison in which faults fall with memory, and each policy is better than the one before it."""
    random = generator(3, "test/comparison plots")
    labels = {f"{name} {n}": name for n, name in enumerate(policies)}
    asked = {
        "name": "made", "labels": list(labels), "policies": labels, "requires": dict.fromkeys(labels, ()),
        "baseline": f"{policies[0]} 0", "bounds": [], "memories": memories, "replications": replications, "seed": 1,
        "confidence": 0.95,
    }  # fmt: skip
    points, rows, latency = [], [], []
    for index, label in enumerate(labels):
        for memory in memories:
            for n in range(replications):
                key = {"label": label, MEMORY: memory, "replication": n}
                level = 1e6 * (1 - 0.06 * index) / (memory / MIB) * float(random.normal(1, 0.02))
                numbers = {metric.key: level for metric in (*METRICS, *MORE)}
                points.append(
                    {**key, "error": None, **numbers, "slowdown": 1 + level / 1e5, "stall_share": level / 2e5}
                )
                rows += [{**key, "process": f"p{p}", "slowdown": 1 + level / 1e5 * p} for p in range(processes)]
                latency += [
                    {**key, "kind": "hard", "from_ns": 1e5 * 2 ** (b / 16), "below_ns": 1e5 * 2 ** ((b + 1) / 16),
                     "count": 1 + int(1000 * np.exp(-b / (3 + index)))}
                    for b in range(40)
                ]  # fmt: skip
    frame = pd.DataFrame(points)
    return ComparisonResult(conclude(asked, frame), frame, pd.DataFrame(rows), pd.DataFrame(latency))


CASES: dict[str, Mapping[str, Any]] = {
    "usual": {},
    "one memory, two policies": {"policies": ("fifo", "clock"), "memories": (8 * MIB,)},
    "one replication": {"replications": 1},
    "many": {
        "policies": ("fifo", "clock", "windows", "none") * 4, "memories": tuple(MIB * 2**n for n in range(12)),
        "processes": 60, "replications": 2,
    },
}  # fmt: skip


@cache
def made_once(case: str) -> ComparisonResult:
    """A case's comparison, for tests that only look at it."""
    return made(**CASES[case])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_off_and_no_labels_collide(kind: str, case: str) -> None:
    result = made_once(case)
    if not find("plot", kind)().applies(result):
        assert (kind, case) == ("faults-by-memory", "one memory, two policies")
        return
    check(figure := drawn(kind, result))
    assert roomy(figure)


@pytest.mark.slow
def test_comparisons_get_their_own_plots_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    result = made()
    first, second = (draw(result, tmp_path / name, reads="comparison") for name in "ab")
    assert [path.name for path in first] == [f"{kind}.png" for kind in KINDS]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_policy_has_its_colour_whoever_else_takes_part() -> None:
    alone, among = comparison.looks(made(("clock",))), comparison.looks(made(("windows", "fifo", "clock")))
    assert alone["clock 0"] == among["clock 2"]
    colours = {axes_line.get_color() for axes_line in drawn("faults-by-memory", made_once("usual")).axes[0].lines}
    assert {to_hex(str(colour)) for colour in colours} == {
        to_hex(look.colour) for look in comparison.looks(made_once("usual")).values()
    }


def test_policies_are_told_apart_by_colour_and_variants_by_line_and_marker() -> None:
    known = [f"policy {n:02}" for n in range(14)]
    assert len({style.policy_look(name, known).colour for name in known}) == 14
    plain, variant = style.policy_look("policy 03", known), style.policy_look("policy 03", known, 1)
    assert plain.colour == variant.colour
    assert (plain.line, plain.marker) != (variant.line, variant.marker)
    looks = [style.policy_look(name, names("policy")) for name in names("policy")]
    assert len(set(looks)) == len(looks)
    familiar = [style.policy_look(name, names("policy")).colour for name in ("windows", "clock", "fifo", "lru", "arc")]
    assert len(set(familiar)) == len(familiar)


def test_curves_and_bands_are_the_summarys() -> None:
    result = made_once("usual")
    memory, mean, low, high = comparison.curve(result, "clock 1", "hard_faults")
    rows = result.points[result.points["label"] == "clock 1"]
    assert memory.tolist() == sorted(result.summary["memories"])
    assert np.allclose(mean, rows.groupby(MEMORY)["hard_faults"].mean())
    assert (low < mean).all()
    assert (mean < high).all()


def test_the_tail_of_binned_latencies_by_hand() -> None:
    rows = pd.DataFrame({"from_ns": [4.0, 1.0, 1.0], "below_ns": [16.0, 4.0, 4.0], "count": [1, 2, 1]})
    at, share = tail(rows)  # four in all; three in the bin from 1, whose middle is 2
    assert at.tolist() == [2.0, 8.0]
    assert share.tolist() == [1.0, 0.25]


def test_filled_marks_are_the_significant_differences() -> None:
    result = made(memories=(8 * MIB,))
    axes = drawn("differences", result).axes[0]
    filled = [
        line for line in axes.lines if line.get_marker() not in ("None", "") and line.get_markerfacecolor() != "#FFFFFF"
    ]
    significant = [
        cell for cell in result.summary["cells"]
        if (found := cell["differences"]["completion_ns"]) and found["verdict"] == "significant"
    ]  # fmt: skip
    assert 0 < len(significant) == len(filled)
