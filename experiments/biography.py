"""A page's biography: what happened to it from its first touch to its end, from a run's page log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simulator.result import RunResult

LISTS = {
    "standby": "on the standby list",
    "modified": "on the modified list",
    "modified-no-write": "on the modified-no-write list",
}
INSIDE = "in the working set"
ABSENT = "not in memory"
FOUND = {
    "first touch": "touched: gets a zeroed frame",
    "standby": "back from standby",
    "modified": "back from the modified list",
    "modified-no-write": "back from the modified-no-write list",
    "in-flight write": "back while it is being written",
    "another process": "found in another process's working set",
    "in-flight read": "arrives, read for somebody else's fault (collided)",
    "paging file": "read back from the paging file",
    "file": "read from its file",
}
"""What a page's entry is called, by where the fault found it."""
ARRIVED = {
    "out of working sets": "goes {}",
    "written": "clean again, goes {}",
    "write overtaken": "changed meanwhile, goes {}",
    "write failed": "still dirty, goes {}",
    "read-ahead": "read as a neighbour, goes {}",
    "read in vain": "read for a thread that has ended, goes {}",
    "flush": "to be flushed, goes {}",
}
WRITTEN = {
    "written": "written to disk {}, page {}",
    "write overtaken": "written to disk {}, page {}, but changed or gone meanwhile",
    "write failed": "not written: the write to disk {}, page {} failed",
}
PARTS = ("queue_ns", "service_ns", "cpu_ns")


@dataclass(frozen=True)
class Step:
    """One thing that happened to the page."""

    time_ns: int
    event: str
    reason: str
    text: str
    where: str
    """where the page is from then on"""
    since_ns: int | None
    """when the fault or the I/O began that ended here"""
    latency: dict[str, int] | None
    """of the fault: `latency_ns` and its parts, `queue_ns`, `service_ns` and `cpu_ns`"""

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        return {**{key: value for key, value in vars(self).items() if key != "latency"}, **(self.latency or {})}


def biography(result: RunResult, process: str, page: int, policy: str) -> list[Step]:
    """What happened to a process's page, in order; nothing if it was never in memory.

    Of a file's page also what happened to the file's page as such, and which other processes brought it in, until the
    process has a copy of its own. `policy` is named as the one who took it out.
    """
    log = result.pages
    rows = _concerning(log, process, page)
    faults = result.faults
    if len(faults):
        faults = faults[(faults["process"] == process) & (faults["page"] == page)]
    teller = _Teller(process, policy, faults)
    return [teller.step(row) for row in rows.to_dict("records")]


def where_at(steps: list[Step], time: int) -> str:
    """Where the page was at a time: after all that happened up to it, and what was going on."""
    past = [step for step in steps if step.time_ns <= time]
    where = past[-1].where if past else "not yet in memory"
    for step in steps[len(past) :]:
        if step.since_ns is not None and step.since_ns <= time:
            return f"{where}, being written" if step.event == "written" else f"{where}, being brought in"
    return where


def _concerning(log: pd.DataFrame, process: str, page: int) -> pd.DataFrame:
    """The rows on a page: its own, and those of the file's page behind it until it is copied."""
    own = np.asarray((log["process"] == process) & (log["page"] == page).fillna(False), np.bool_)
    mapped = log[own & log["file"].notna()]
    if not len(mapped):
        return log[own]
    file, number = mapped["file"].iloc[0], mapped["file_page"].iloc[0]
    theirs = np.asarray((log["file"] == file) & (log["file_page"] == number).fillna(False), np.bool_)
    copies = np.flatnonzero(own & (log["event"] == "copied").to_numpy())
    if len(copies):
        theirs[copies[0] :] = False
    return log[own | theirs]


class _Teller:
    """Puts rows into words, one after another, and keeps track of where the page is."""

    def __init__(self, process: str, policy: str, faults: pd.DataFrame) -> None:
        self._process, self._policy = process, policy
        self._faults: dict[tuple[int, int], dict[Any, Any]] = {}
        for fault in faults.to_dict("records"):
            self._faults.setdefault((int(fault["thread"]), int(fault["time_ns"])), fault)
        self._inside = False
        self._frame = ABSENT
        self._say: dict[str, Callable[[dict[Any, Any]], str]] = {
            "entered": self._entered,
            "left": self._left,
            "copied": lambda _: "copied on write: from now on a page of the process's own",
            "written": lambda row: WRITTEN[row["reason"]].format(row["disk"], row["offset"]),
            "repurposed": lambda row: f"repurposed: its frame goes to {_page(row, 'for_')}",
            "freed": lambda row: f"its frame is freed ({row['reason']})",
        }

    def step(self, row: dict[Any, Any]) -> Step:
        """One row as a step."""
        event = row["event"]
        mine = row["process"] == self._process
        text = ARRIVED[row["reason"]].format(LISTS[event]) if event in LISTS else self._say[event](row)
        if event in ("entered", "left") and not mine:
            text = f"process {row['process']}: {text}"
        self._move(event, mine)
        latency = self._latency(row) if event in ("entered", "copied") and mine else None
        since = None if pd.isna(row["since_ns"]) else int(row["since_ns"])
        where = INSIDE if self._inside else self._frame
        return Step(int(row["time_ns"]), event, row["reason"], text, where, since, latency)

    def _move(self, event: str, mine: bool) -> None:
        if mine and event in ("entered", "left", "copied"):
            self._inside = event != "left"
        if event in ("entered", "left", "copied"):
            self._frame = "in memory"
        elif event in LISTS:
            self._frame = LISTS[event]
        elif event in ("repurposed", "freed"):
            self._frame = ABSENT

    def _latency(self, row: dict[Any, Any]) -> dict[str, int] | None:
        fault = self._faults.get((int(row["thread"]), int(row["since_ns"])))
        return None if fault is None else {key: int(fault[key]) for key in ("latency_ns", *PARTS)}

    def _entered(self, row: dict[Any, Any]) -> str:
        return f"{FOUND[row['reason']]}, at a fault of thread {row['thread']}"

    def _left(self, row: dict[Any, Any]) -> str:
        if row["reason"] == "process ended":
            return "leaves: its process ends"
        state = f"accessed bit {'set' if row['accessed'] else 'clear'}, age {row['age']}"
        if row["reason"] == "replaced":
            needed = f"thread {row['thread']} of {row['for_process']} needs room for its page {row['for_page']}"
            return f"replaced by {self._policy}: {needed}; {state}"
        if row["reason"] == "withdrawn":
            return f"withdrawn by {self._policy}; {state}"
        return f"trimmed by {self._policy} in a pass that wants {row['wanted']} pages; {state}"


def _page(row: dict[Any, Any], prefix: str) -> str:
    if isinstance(row[f"{prefix}process"], str):
        return f"page {row[f'{prefix}page']} of {row[f'{prefix}process']}"
    return f"page {row[f'{prefix}file_page']} of file {row[f'{prefix}file']}"
