"""The samples of a run as counters of a trace.

A counter keeps its value until the next event of its name, so an event is written only where a value changes. A level
is drawn from the moment of its sample on; a rate, which a sample gives for the interval that it ends, from the
interval's beginning on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from experiments.present.export.events import Event, counter_event
from experiments.present.plots.style import LISTS

STACK = "Page lists"
_INSTANCE = re.compile(r"(\w[\w ]*)\((.*)\)", re.DOTALL)
_AVERAGES = ("% Disk Time", "% Processor Time", "Avg. Disk Queue Length")


def is_rate(column: str) -> bool:
    """Whether a counter's samples are of intervals: events a second, or averages over one."""
    return column.endswith(("/sec", *_AVERAGES))


def split(counter: str) -> tuple[str, str]:
    """A counter's name and its unit, which viewers show one behind the other: "Page Reads", "per second"."""
    if counter.endswith("/sec"):
        return counter.removesuffix("/sec"), "per second"
    if counter.startswith("% "):
        return counter.removeprefix("% "), "%"
    if counter.endswith(" Bytes"):
        return counter.removesuffix(" Bytes"), "bytes"
    if counter in ("Working Set", "Commit Limit"):
        return counter, "bytes"
    return counter, "requests" if "Queue" in counter else "number"


def counter_events(
    samples: pd.DataFrame, memory: int, disks: int, processes: Mapping[str, int]
) -> Iterator[Event]:  # fmt: skip
    """All counters: those of processes stand with their process, those of disks with the disks, the rest with memory.

    The page lists are the series of one counter, which chrome://tracing stacks. Counters and lists that stay at 0 are
    left out.
    """
    lists = [name for name in LISTS if (column := f"pagesim\\{name}") in samples and samples[column].any()]
    if lists:
        yield from _series(samples, memory, STACK, {name: f"pagesim\\{name}" for name in lists})
    apart = {"time_ns", *(f"pagesim\\{name}" for name in LISTS)}
    for column in (str(name) for name in samples.columns):
        if column in apart or not samples[column].any():
            continue
        whose, _, counter = column.rpartition("\\")  # viewers don't undo the backslash's escape
        name, unit = split(counter)
        match = _INSTANCE.fullmatch(whose)
        if match and match[1] == "Process" and match[2] in processes:
            yield from _series(samples, processes[match[2]], name, {unit: column})
        elif match and match[1] == "PhysicalDisk":
            yield from _series(samples, disks, f"{match[2]}: {name}", {unit: column})
        else:
            yield from _series(samples, memory, f"{whose.removesuffix('(_Total)')}: {name}", {unit: column})


def _series(samples: pd.DataFrame, process: int, name: str, columns: Mapping[str, str]) -> Iterator[Event]:
    """One counter with its series, a key to a column each."""
    times = samples["time_ns"].to_numpy(np.int64)
    values = np.stack([samples[column].to_numpy() for column in columns.values()])
    if is_rate(next(iter(columns.values()))):
        times, values = times[:-1], values[:, 1:]
    kept = np.ones(len(times), bool)
    kept[1:] = (np.diff(values) != 0).any(axis=0)
    keys = list(columns)
    for time, row in zip(times[kept].tolist(), values[:, kept].T.tolist(), strict=True):
        yield counter_event(process, name, time, dict(zip(keys, row, strict=True)))
