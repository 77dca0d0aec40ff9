"""The metrics of a run: what it says in one number each, defined once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from experiments.analysis.processes import has_threads, time_share

Unit = Literal["ns", "bytes", "byte seconds", "count", "share", "ratio"]


@dataclass(frozen=True)
class Metric:
    """One figure of a run."""

    key: str
    """its column in the frames"""
    heading: str
    """its column in tables"""
    unit: Unit
    meaning: str


METRICS = (
    Metric("completion_ns", "completion", "ns", "simulated time until the last process has ended; none if one didn't "
           "end normally"),
    Metric("slowdown", "slowdown", "ratio", "geometric mean over processes of elapsed time over that in unlimited "
           "memory; none if one didn't end normally"),
    Metric("stall_share", "stalled", "share", "sum of stall times over sum of run, ready, stall and sleep times"),
    Metric("hard_faults", "hard", "count", "hard faults"),
    Metric("transition_faults", "transition", "count", "transition faults"),
    Metric("demand_zero_faults", "demand-zero", "count", "demand-zero faults"),
    Metric("pages_input", "pages in", "count", "pages read, neighbours included"),
    Metric("pages_output", "pages out", "count", "pages written"),
    Metric("mean_memory_bytes", "memory held", "bytes", "pages in working sets, averaged over simulated time"),
    Metric("trimming_ns", "trimming", "ns", "processor time that trimming took"),
)  # fmt: skip
"""What the tables show, in their order."""

MORE = (
    Metric("worst_slowdown", "worst slowdown", "ratio", "the largest slowdown of a process"),
    Metric("space_time_byte_s", "space-time", "byte seconds", "mean memory held times simulated seconds"),
    Metric("stall_ns", "stall time", "ns", "sum of the processes' stall times"),
    Metric(
        "regret_share",
        "regretted",
        "share",
        "pages taken out of working sets and wanted again within 10 ms, of all taken out",
    ),
    Metric("regret_soft_share", "regretted, soft", "share", "those of them that came back without the disk"),
    Metric("regret_hard_share", "regretted, hard", "share", "those of them that had to be read"),
    Metric("regret_stall_ns", "stall of regret", "ns", "latency of the faults that brought them back"),
    Metric(
        "rescued_share",
        "rescued",
        "share",
        "pages taken out and back before their frames were given away, of all taken out",
    ),
    Metric(
        "standby_median_ns", "time on standby", "ns", "median stay on standby of pages that had been in working sets"
    ),
)
"""Further figures of the frames."""

REGRET = tuple(metric.key for metric in MORE if metric.key.startswith(("regret", "rescued", "standby")))
"""Figures that come from the page log; None without one."""

BY_KEY = {metric.key: metric for metric in (*METRICS, *MORE)}


def elapsed(process: Mapping[str, Any]) -> int | None:
    """Nanoseconds from a process's start to its normal end; None if it had none."""
    if process["finished_ns"] is None or process["exit_status"] != 0:
        return None
    return int(process["finished_ns"]) - int(process["start_ns"])


def slowdowns(summary: Mapping[str, Any], unlimited: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Each process's elapsed time over that in unlimited memory; None if either didn't end normally.

    `unlimited` is the summary of the run in unlimited memory; without one, a run's own slowdowns are taken.
    """
    processes: Mapping[str, Mapping[str, Any]] = summary["processes"]
    if unlimited is None:
        return {name: process.get("slowdown") for name, process in processes.items()}
    ratios: dict[str, float | None] = {}
    for name, process in processes.items():
        ours, theirs = elapsed(process), elapsed(unlimited["processes"][name])
        ratios[name] = ours / theirs if ours is not None and theirs else None
    return ratios


def figures(measured: Mapping[str, Any], unlimited: Mapping[str, Any] | None) -> dict[str, float | int | None]:
    """Every number of a run that was `reduced`: the summary's, and those of METRICS and MORE; `unlimited` is as for
    `slowdowns`. None: there is no such figure."""
    summary = measured["summary"]
    named = {name: process for name, process in summary["processes"].items() if has_threads(process)}
    processes = list(named.values())
    ends = [None if elapsed(process) is None else int(process["finished_ns"]) for process in processes]
    ratios = [ratio for name, ratio in slowdowns(summary, unlimited).items() if name in named]
    known = [ratio for ratio in ratios if ratio]
    whole = len(known) == len(ratios) > 0
    memory = float(measured["mean_memory_bytes"])
    return {
        **{key: value for key, value in summary.items() if isinstance(value, (int, float))},
        "completion_ns": None if None in ends else max((end for end in ends if end is not None), default=None),
        "slowdown": math.exp(math.fsum(map(math.log, known)) / len(known)) if whole else None,
        "worst_slowdown": max(known) if whole else None,
        "stall_share": time_share(processes, "stall_ns") or 0.0,
        "stall_ns": sum(process["stall_ns"] for process in processes),
        "mean_memory_bytes": memory,
        "space_time_byte_s": memory * summary["simulated_ns"] / 1e9,
        "trimming_ns": summary.get("trimming_ns"),
        **{key: (measured.get("regret") or {}).get(key) for key in REGRET},
    }
