"""A page's biography: what happened to it from its first touch to its end, from a run's page log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
UNTOUCHED = "not yet in memory"
WARM = "found on standby, where it was from the start"
"""What the first entry of a file's page is called that was in memory before the run."""
ENTERED = {
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
"""What a page's entry into a working set is called, by where the fault found it."""
READ_IN_PLACE = "read from its place on disk"
"""... and where all contents have one, on the textbook machine."""
LEFT = {
    "trimmed": "trimmed by {policy} in a pass that wants {wanted} pages; {state}",
    "replaced": "replaced by {policy}: thread {thread} of {for_process} needs room for its page {for_page}; {state}",
    "withdrawn": "withdrawn by {policy}; {state}",
    "process ended": "leaves: its process ends",
    "emptied": "leaves: its working set is emptied by a call",
    "limits lowered": "leaves: its working set is larger than its new maximum",
    "unlocked": "leaves: it is unlocked, and wasn't locked",
    "unmapped": "leaves: its view is unmapped",
    "offered": "leaves: it is offered",
    "discarded": "leaves: it is discarded",
    "decommitted": "leaves: it is decommitted or freed",
    "outswapped": "leaves: the swapper empties the working set of a process that only sleeps",
    "protected": "leaves: its new protection allows no access",
}
"""Why a page leaves its working set. A page that is copied on write leaves it, too, as the event "copied" says."""
COPIED = {"copy-on-write page": "copied on write: from now on a page of the process's own"}
ARRIVED = {
    "out of working sets": "goes {list}",
    "written": "clean again, goes {list}",
    "write overtaken": "changed meanwhile, goes {list}",
    "write failed": "still dirty, goes {list}",
    "read-ahead": "read as a neighbour, goes {list}",
    "read in vain": "read, and no thread waits for it, goes {list}",
    "flush": "to be flushed, goes {list}",
    "reset": "reset: what it holds needn't be kept, goes {list}",
    "offered": "offered or reclaimed, goes {list}",
}
"""Why a page comes onto a list."""
WRITTEN = {
    "written": "written to disk {disk}, page {offset}",
    "write overtaken": "written to disk {disk}, page {offset}, but changed or gone meanwhile",
    "write failed": "not written: the write to disk {disk}, page {offset} failed",
}
REPURPOSED = {"another page": "repurposed: its frame goes to {heir}"}
FREED = {
    "process ended": "its frame is freed: it was deleted, or its process has ended",
    "unmapped": "its frame is freed: its section is gone",
    "discarded": "its frame is freed: it was discarded",
    "decommitted": "its frame is freed: it was decommitted or freed",
    "read error": "its frame is freed: the read failed",
}
REFUSED = {
    "not committed": "{access} by thread {thread} fails: it isn't committed, or may not be accessed",
    "read-only page": "{access} by thread {thread} fails: it is read-only",
    "no-execute page": "{access} by thread {thread} fails: it isn't executable",
    "read error": "{access} by thread {thread} fails: it can't be read from the disk",
}
"""Faults that end in an exception, by their cause."""
SENTENCES: Mapping[str, Mapping[str, str]] = {
    "entered": ENTERED, "left": LEFT, "copied": COPIED, "written": WRITTEN, "repurposed": REPURPOSED, "freed": FREED,
    "refused": REFUSED, **dict.fromkeys(LISTS, ARRIVED),
}  # fmt: skip
"""What is said of each event for each of its reasons: all that the page log can hold, and refused faults."""
ON_DISK = ("written", "written")
"""The event and reason after which a disk has what a page holds."""
PARTS = {"queue_ns": "queue", "service_ns": "service", "cpu_ns": "processor"}
"""The parts of a fault's latency, and their names."""
Row = dict[Any, Any]


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


def biography(result: RunResult, process: str, page: int, policy: str, textbook: bool = False) -> list[Step]:
    """What happened to a process's page, in order; nothing if it was never touched.

    Of a file's page also what happened to the file's page as such, and which other processes brought it in, until the
    process has a copy of its own. `policy` is named as the one who took it out; on a `textbook` machine all that pages
    hold has a place on disk.
    """
    faults = result.faults
    if len(faults):
        faults = faults[(faults["process"] == process) & (faults["page"] == page)]
    teller = _Teller(process, policy, faults, textbook)
    steps = [teller.step(row) for row in _concerning(result.pages, process, page).to_dict("records")]
    refused = [_refusal(row) for row in faults.to_dict("records") if row["cause"] in REFUSED]
    if _was_warm(steps):
        steps[0] = replace(steps[0], text=steps[0].text.replace(ENTERED["standby"], WARM))
    return _merged(steps, refused) if refused else steps


def _was_warm(steps: list[Step]) -> bool:
    """Whether the page was on standby before anything happened to it."""
    return bool(steps) and (steps[0].event, steps[0].reason) in (("entered", "standby"), ("repurposed", "another page"))


def where_at(steps: list[Step], time: int) -> str:
    """Where the page was at a time: after all that happened up to it, and what was going on."""
    past = [step for step in steps if step.time_ns <= time]
    where = past[-1].where if past else LISTS["standby"] if _was_warm(steps) else UNTOUCHED
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
        theirs = theirs & (np.arange(len(log)) < copies[0])
    return log[own | theirs]


def _refusal(fault: Row) -> Step:
    """A fault that ended in an exception, at its end; where the page is, `_merged` says."""
    latency = {key: int(fault[key]) for key in ("latency_ns", *PARTS)}
    text = REFUSED[fault["cause"]].format(access=f"a {fault['access']}", thread=fault["thread"])
    began = int(fault["time_ns"])
    return Step(began + latency["latency_ns"], "refused", str(fault["cause"]), text, ABSENT, began, latency)


def _merged(steps: list[Step], refused: list[Step]) -> list[Step]:
    """Both in order of time, a refused fault before what it causes; it leaves the page where it was."""
    merged: list[Step] = []
    for step in sorted([*refused, *steps], key=lambda step: step.time_ns):
        where = merged[-1].where if merged else UNTOUCHED
        merged.append(replace(step, where=where) if step.event == "refused" else step)
    return merged


class _Teller:
    """Puts rows into words, one after another, and keeps track of where the page is."""

    def __init__(self, process: str, policy: str, faults: pd.DataFrame, textbook: bool) -> None:
        self._process, self._policy, self._textbook = process, policy, textbook
        self._faults: dict[tuple[int, int], Row] = {}
        for fault in faults.to_dict("records"):
            self._faults.setdefault((int(fault["thread"]), int(fault["time_ns"])), fault)
        self._inside = False
        self._frame = ABSENT
        self._on_disk = textbook

    def step(self, row: Row) -> Step:
        """One row as a step."""
        event, reason = str(row["event"]), str(row["reason"])
        mine = row["process"] == self._process
        self._move(event, reason, mine)
        latency = self._latency(row) if event in ("entered", "copied") and mine else None
        began: Any = row["since_ns"]
        since = None if pd.isna(began) else int(began)
        where = INSIDE if self._inside else self._frame
        text = self._sentence(event, reason, row)
        if event in ("entered", "left") and not mine:
            text = f"process {row['process']}: {text}"
        return Step(int(row["time_ns"]), event, reason, text, where, since, latency)

    def _sentence(self, event: str, reason: str, row: Row) -> str:
        state = f"accessed bit {'set' if row['accessed'] is True else 'clear'}, age {row['age']}"
        heir = _heir(row) if event == "repurposed" else ""
        pattern = SENTENCES[event][reason]
        if event == "entered":
            read = self._textbook and reason == "paging file"
            return f"{READ_IN_PLACE if read else pattern}, at a fault of thread {row['thread']}"
        text = pattern.format(**row, policy=self._policy, state=state, heir=heir, list=LISTS.get(event))
        return f"{text}: no disk has what it holds yet" if event == "modified" and not self._on_disk else text

    def _move(self, event: str, reason: str, mine: bool) -> None:
        if mine and event in ("entered", "left", "copied"):
            self._inside = event != "left"
        if event in ("entered", "left", "copied"):
            self._frame = "in memory"
        elif event in LISTS:
            self._frame = LISTS[event]
        elif event in ("repurposed", "freed"):
            self._frame = ABSENT
        if reason == "first touch" or event == "copied":
            self._on_disk = self._textbook
        elif reason in ("paging file", "file", "in-flight read", "read-ahead") or (event, reason) == ON_DISK:
            self._on_disk = True

    def _latency(self, row: Row) -> dict[str, int] | None:
        fault = self._faults.get((int(row["thread"]), int(row["since_ns"])))
        return None if fault is None else {key: int(fault[key]) for key in ("latency_ns", *PARTS)}


def _heir(row: Row) -> str:
    """The page that gets the frame."""
    if isinstance(row["for_process"], str):
        return f"page {row['for_page']} of {row['for_process']}"
    return f"page {row['for_file_page']} of file {row['for_file']}"
