"""Trim regret: what became of the pages that were taken out of working sets, from a run's page log.

A page is taken out when a pass of the balance set manager trims it, a fault replaces it or its policy withdraws it. It
comes back when its process references it again: softly, while it is still in memory, or hard, from the disk. To have
taken it out is regretted if it comes back soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.result import RunResult
from simulator.units import MILLISECOND

OUT = ("trimmed", "replaced", "withdrawn")
"""Reasons for which a page is taken out; the end of its process is none."""
FROM_DISK = ("paging file", "file", "in-flight read")
"""Causes of faults that wait for a disk."""
AFTER_USE = ("out of working sets", "written", "write overtaken")
"""Reasons for which a page is on standby that was in a working set; read-ahead is none."""
WITHIN = 10 * MILLISECOND
"""The T of a table that isn't asked for another: a hundred reads of a flash disk, a period or two of the balance set
manager in the configs here, which compress time; chosen."""

Numbers = NDArray[Any]
Figures = dict[str, Any]


def removals(result: RunResult) -> pd.DataFrame:
    """One row for each page taken out, in order of time.

    Columns: `time_ns`, `process`, `page`, `reason`; `gap_ns` until its process referenced it again, -1 if it never
    did; `hard`, it had to be read then; `latency_ns` of the fault that brought it back, -1 if there is none or no fault
    log; `distance`, pages taken out of any working set meanwhile, the refault distance [Linux, mm/workingset.c], -1 if
    it didn't come back; `rescued`, it came back before its frame was given to another page; `repurposed`, its frame was
    given away first. A page that is neither was still in memory when its process or the run ended.
    """
    log = result.pages
    time, since = log["time_ns"].to_numpy(), log["since_ns"].fillna(-1).to_numpy(np.int64)
    entries, contents = identities(log)
    out = _has(log, "event", "left") & _has(log, "reason", *OUT)
    rows = np.flatnonzero(out)
    back = _next(entries, rows, np.flatnonzero(_has(log, "event", "entered")))
    given = _next(contents, rows, np.flatnonzero(_has(log, "event", "repurposed")))
    returned, gave = back >= 0, given >= 0
    taken = np.cumsum(out)
    rescued = returned & (~gave | (given > back))
    return pd.DataFrame(
        {
            "time_ns": time[rows],
            "process": log["process"].take(rows).array,
            "page": log["page"].to_numpy(np.uint64, na_value=0)[rows],
            "reason": log["reason"].take(rows).array,
            "gap_ns": np.where(returned, np.maximum(0, since[back] - time[rows]), -1),
            "hard": returned & _has(log, "reason", *FROM_DISK)[back],
            "latency_ns": _latencies(result, back),
            "distance": np.where(returned, taken[back] - taken[rows], -1),
            "rescued": rescued,
            "repurposed": gave & ~rescued,
        }
    )


def standby_stays(result: RunResult) -> pd.DataFrame:
    """One row for each stay on the standby list of a page that had been in a working set: `process` (none for files'
    pages), `length_ns` and how it `ended` ("entered", "repurposed" or "freed"). Stays that outlast the run are left
    out."""
    log = result.pages
    time = log["time_ns"].to_numpy()
    _, contents = identities(log)
    rows = np.flatnonzero(_has(log, "event", "standby") & _has(log, "reason", *AFTER_USE))
    ends = _next(contents, rows, np.flatnonzero(_has(log, "event", "entered", "repurposed", "freed")))
    rows, ends = rows[ends >= 0], ends[ends >= 0]
    return pd.DataFrame(
        {
            "process": log["process"].take(rows).array,
            "length_ns": time[ends] - time[rows],
            "ended": log["event"].take(ends).array,
        }
    )


def _has(log: pd.DataFrame, column: str, *names: str) -> NDArray[np.bool_]:
    """Which rows have one of these names in a column."""
    return np.asarray(log[column].isin(names), np.bool_)


def identities(log: pd.DataFrame) -> tuple[Numbers, Numbers]:
    """Numbers for the page-table entry (-1: none) and for the content that each row of a page log is about."""
    process = log["process"].astype("category").cat.codes.to_numpy(np.int64)
    pages, page = np.unique(log["page"].to_numpy(np.uint64, na_value=0), return_inverse=True)
    file = log["file"].astype("category").cat.codes.to_numpy(np.int64)
    file_page = log["file_page"].to_numpy(np.int64, na_value=0)
    entries = np.where(process >= 0, process * len(pages) + page, -1)
    private = (int(process.max(initial=0)) + 1) * len(pages)
    wide = int(file_page.max(initial=0)) + 1
    return entries, np.where(file >= 0, private + file * wide + file_page, entries)


def _next(identity: Numbers, rows: Numbers, candidates: Numbers) -> Numbers:
    """For each of `rows`, the first of `candidates` behind it with the same identity; -1: there is none."""
    count = len(identity)
    keys = np.sort(identity[candidates] * count + candidates)
    if not len(keys):
        return np.full(len(rows), -1)
    place = np.searchsorted(keys, identity[rows] * count + rows, side="right")
    found = keys[np.minimum(place, len(keys) - 1)]
    same = (place < len(keys)) & (found // count == identity[rows])
    return np.where(same, found % count, -1)


def _latencies(result: RunResult, rows: Numbers) -> Numbers:
    """The latency of the fault that each row of the page log (an entry; -1: none) belongs to; -1: it isn't known."""
    found = np.full(len(rows), -1)
    known = np.flatnonzero(rows >= 0)
    if not len(known):
        return found
    names = list(result.summary["processes"])
    entered = _fault_keys(result.pages.take(rows[known]), names, "since_ns").assign(place=known)
    faults = _fault_keys(result.faults, names, "time_ns")
    if len(faults) and len(entered):
        keys = list(faults.columns)
        first = faults.assign(latency_ns=result.faults["latency_ns"].to_numpy()).drop_duplicates(keys)
        joined = entered.merge(first, on=keys)
        found[joined["place"]] = joined["latency_ns"]
    return found


def _fault_keys(frame: pd.DataFrame, names: list[str], time: str) -> pd.DataFrame:
    """What tells a fault from all others, in plain numbers: process, thread, page and when it began."""
    process = pd.Index(names).get_indexer(frame["process"].astype("category").cat.categories.astype(str))
    codes = frame["process"].astype("category").cat.codes.to_numpy()
    return pd.DataFrame(
        {
            "process": process[codes] if len(process) else codes,
            **{key: frame[key].to_numpy(np.int64) for key in ("thread", "page", time)},
        }
    ).rename(columns={time: "began"})


def figures(taken: pd.DataFrame, stays: pd.DataFrame, within: int = WITHIN) -> Figures:
    """What the table says of some removals and stays on standby.

    `taken_out`; the shares of these that came back within `within` nanoseconds, `regret_soft_share` and
    `regret_hard_share` and their sum `regret_share`; `regret_stall_ns`, the latency of the faults that brought these
    back, None without a fault log;
    `rescued_share` and `repurposed_share`; the medians, tenths and nine tenths of the time on standby
    (`standby_median_ns`, `standby_p10_ns`, `standby_p90_ns`) and of the refault distance of hard returns, whenever they
    were (`distance_median`, ...). Shares of nothing and medians of nothing are None.
    """
    count = len(taken)
    soon = (taken["gap_ns"] >= 0) & (taken["gap_ns"] <= within)
    hard = soon & taken["hard"]
    latency = taken.loc[soon, "latency_ns"]
    parts = {
        "regret_share": soon,
        "regret_soft_share": soon & ~taken["hard"],
        "regret_hard_share": hard,
        "rescued_share": taken["rescued"],
        "repurposed_share": taken["repurposed"],
    }
    return {
        "taken_out": count,
        **{key: float(chosen.sum() / count) if count else None for key, chosen in parts.items()},
        "regret_stall_ns": int(latency.sum()) if (latency >= 0).all() else None,
        **_quantiles(stays["length_ns"], "standby_{}_ns"),
        **_quantiles(taken.loc[taken["hard"], "distance"], "distance_{}"),
    }


def _quantiles(values: pd.Series[Any], name: str) -> Figures:
    shares = {"p10": 0.1, "median": 0.5, "p90": 0.9}
    return {name.format(key): float(values.quantile(at)) if len(values) else None for key, at in shares.items()}


def overall(result: RunResult, within: int = WITHIN) -> Figures:
    """The figures of all processes together."""
    return figures(removals(result), standby_stays(result), within)


def regret(result: RunResult, within: int = WITHIN) -> tuple[Figures, dict[str, Figures]]:
    """The figures of all processes together, and of each by name."""
    taken, stays = removals(result), standby_stays(result)
    each = {
        name: figures(taken[taken["process"] == name], stays[stays["process"] == name], within)
        for name in result.summary["processes"]
    }
    return figures(taken, stays, within), each


def curve(taken: pd.DataFrame, at: Numbers) -> Mapping[str, Numbers]:
    """Shares of the pages taken out that came back within each time of `at` (nanoseconds): `soft` and `hard`."""
    found = {}
    for name, hard in (("soft", False), ("hard", True)):
        gaps = np.sort(taken.loc[(taken["gap_ns"] >= 0) & (taken["hard"] == hard), "gap_ns"].to_numpy())
        found[name] = np.searchsorted(gaps, at, side="right") / max(1, len(taken))
    return found
