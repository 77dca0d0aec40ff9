r"""`pagesim plot --overlay`: a real machine's log over a run's counters.

Counters go together by name, letter case aside. Of the instances, `Process(sort)` in the run goes with `Process(sort)`
in the log; copies, which a run calls NAME-1, NAME-2, ..., with what PerfMon calls NAME, NAME#1, ...; and what the user
says goes together. A run's only disk goes with the log's `_Total`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.errors import BadInput
from experiments.present.export.perfmon import PerfmonLog, is_rate, path_of, read_log
from experiments.present.plots.overlay import Curve, Overlay, Pair
from simulator.result import RunResult

_INSTANCE = re.compile(r"([^(\\]+)\((.*)\)\\([^\\]*)", re.DOTALL)
_COPY = re.compile(r"(.+)-(\d+)", re.DOTALL)


def overlay(result: RunResult, path: Path, offset: int, stretch: float, instances: Sequence[str]) -> Overlay:
    """What is drawn: each counter that the run and the log in the file both have.

    A log's time t is drawn at simulated time t / `stretch` + `offset` nanoseconds; `instances` are "LOG=RUN". Raises
    BadInput for a bad log, an instance that isn't there, or nothing in common.
    """
    log = read_log(path)
    told = _told(instances, log, result.samples)
    by_name = {name.casefold(): name for name in log.counters}
    totals = _only_disk(result.samples)
    pairs = []
    for column in (str(name) for name in result.samples.columns if name != "time_ns"):
        found = next((by_name[name] for name in _wanted(column, told, totals) if name in by_name), None)
        if found is not None:
            pairs.append(_pair(column, found, result.samples, log, offset, stretch))
    if not pairs:
        example = next(iter(log.counters))
        raise BadInput(
            rf"{path}:1: found no counter that the run has too, but {example!r}, allowed are English names such as "
            r"'Memory\Page Faults/sec'"
        )
    return Overlay(tuple(pairs), path.name, log.machine, offset, stretch)


def notes(log: Overlay, result: RunResult) -> list[str]:
    """What a user should know: where the log and the run don't meet in time."""
    end = int(result.summary["simulated_ns"])
    times = np.concatenate([pair.log.times for pair in log.pairs])
    if times.min() > end or times.max() < 0:
        return ["none of the log lies within the run's time; see --offset and --stretch"]
    return []


def _told(instances: Sequence[str], log: PerfmonLog, samples: pd.DataFrame) -> dict[str, str]:
    """The run's instances to those of the log, lower case, as the user says."""
    known = {found[2] for name in log.counters if (found := _INSTANCE.fullmatch(name))}
    own = {found[2] for name in samples.columns if (found := _INSTANCE.fullmatch(str(name)))}
    told = {}
    for text in instances:
        theirs, separator, ours = text.partition("=")
        if not separator:
            raise BadInput(f"--instance {text}: found no LOG=RUN, allowed is such as 'sqlservr#1=sqlite-2'")
        for name, names, whose in ((theirs, known, "log"), (ours, own, "run")):
            if name not in names:
                allowed = ", ".join(sorted(names)[:20]) or f"an instance of the {whose}, which has none"
                raise BadInput(f"--instance {text}: found {name!r}, allowed in the {whose} is one of {allowed}")
        told[ours.casefold()] = theirs.casefold()
    return told


def _only_disk(samples: pd.DataFrame) -> Mapping[str, str]:
    matches = (_INSTANCE.fullmatch(str(name)) for name in samples.columns)
    disks = {found[2].casefold() for found in matches if found and found[1] == "PhysicalDisk"}
    return dict.fromkeys(disks, "_total") if len(disks) == 1 else {}


def _wanted(column: str, told: Mapping[str, str], totals: Mapping[str, str]) -> list[str]:
    """The log's names that a column of the samples may go with, lower case, the best first."""
    found = _INSTANCE.fullmatch(column)
    if found is None:
        return [column.casefold()]
    kind, instance, counter = (part.casefold() for part in found.groups())
    if instance in told:
        return [f"{kind}({told[instance]})\\{counter}"]
    names = [instance, path_of(column, "x").casefold().removeprefix(f"\\\\x\\{kind}(").removesuffix(f")\\{counter}")]
    if kind == "process" and (copy := _COPY.fullmatch(instance)):
        names.append(copy[1] if copy[2] == "1" else f"{copy[1]}#{int(copy[2]) - 1}")
    if kind == "physicaldisk" and instance in totals:
        names.append(totals[instance])
    return [f"{kind}({name})\\{counter}" for name in names]


def _pair(column: str, found: str, samples: pd.DataFrame, log: PerfmonLog, offset: int, stretch: float) -> Pair:
    times = samples["time_ns"].to_numpy(np.float64)
    values = samples[column].to_numpy(np.float64).copy()
    if is_rate(column):
        values[0] = np.nan
    return Pair(
        column, found, is_rate(column), Curve(times, values),
        Curve(log.times / stretch + offset, log.counters[found]),
    )  # fmt: skip
