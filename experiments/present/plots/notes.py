"""Plot: what programs noted down, over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.plots import data, style
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult

LEAST = 3
"""fewest notes that make a curve: what is noted once or twice is a result, which tables show"""
MOST_NAMES = 8
MOST_PROCESSES = 10
"""processes that get a curve: those that noted most"""
MOST_MARKS = 60
"""most notes of a curve that are marked one by one"""


@register("plot", "notes")
class Notes(RunPlot):
    """What programs noted down over simulated time: a panel for each name, a line for each process.

    Only names that a process noted at least three times are shown. A value holds until the process notes the next one;
    a mark is a note.
    """

    title = "What programs noted down, over time"

    def applies(self, result: RunResult) -> bool:
        return len(_often(result)) > 0

    def draw(self, result: RunResult, figure: Figure) -> None:
        notes = _often(result)
        names = list(dict.fromkeys(notes["name"]))
        shown = names[:MOST_NAMES]
        known = data.processes_of(result)
        counts = notes["process"].value_counts()
        chosen = [name for name in _ordered(notes, known) if name in counts.index[:MOST_PROCESSES]]
        height = max(0.9 + 1.35 * len(shown), 1.3 + 0.18 * len(chosen))
        style.begin(figure, self.title, data.run_name(result), height)
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for axes, name in zip(panels, shown, strict=True):
            _panel(axes, result, notes[notes["name"] == name], chosen, last=axes is panels[-1])
            axes.set_title(style.plain(name, 60))
        looks = [_look(known, name).stroke(style.plain(name)) for name in chosen]
        style.legend_beside(panels[0], looks, "Process")
        _say_what_is_left_out(panels[-1], len(names) - len(shown), len(counts) - len(chosen))


def _often(result: RunResult) -> pd.DataFrame:
    """The notes whose name their process noted at least `LEAST` times, with names as text."""
    if not data.has(result.notes, "time_ns", "process", "name", "value"):
        return pd.DataFrame({"time_ns": [], "process": [], "name": [], "value": []})
    notes = result.notes.astype({"process": str, "name": str})
    return notes[notes.groupby(["process", "name"])["value"].transform("size") >= LEAST]


def _ordered(notes: pd.DataFrame, known: list[str]) -> list[str]:
    """The processes that noted something, in canonical order."""
    found = list(dict.fromkeys(notes["process"]))
    return [name for name in known if name in found] + [name for name in found if name not in known]


def _look(known: list[str], process: str) -> style.Look:
    """The look that the process has on every plot."""
    return style.process_look(known.index(process) if process in known else len(known))


def _panel(axes: Axes, result: RunResult, notes: pd.DataFrame, chosen: list[str], last: bool) -> None:
    end, known = data.end_of(result), data.processes_of(result)
    time = style.time_axis(axes, end, label=last)
    values = notes.loc[notes["process"].isin(chosen), "value"]
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    style.rate_axis(axes, "")
    axes.set_ylim(low * 1.06, high * 1.06 or 1.0)
    for process in chosen:
        mine = notes[notes["process"] == process]
        if not len(mine):
            continue
        look, at = _look(known, process), mine["time_ns"].to_numpy(dtype=np.float64)
        edges = np.append(at, max(_end(result, process), at[-1])) / time.factor
        style.step(axes, edges, mine["value"].to_numpy(dtype=np.float64), look)
        if len(mine) <= MOST_MARKS:
            axes.plot(edges[:-1], mine["value"], linestyle="none", marker="o", markersize=2.5, color=look.colour,
                      clip_on=False)  # fmt: skip


def _end(result: RunResult, process: str) -> int:
    """When a process ended, in nanoseconds; the run's end if it didn't."""
    if data.has(result.processes, "process", "finished_ns"):
        ends = result.processes.loc[result.processes["process"].astype(str) == process, "finished_ns"].dropna()
        if len(ends):
            return int(ends.iloc[0])
    return data.end_of(result)


def _say_what_is_left_out(axes: Axes, names: int, processes: int) -> None:
    parts = [f"{count} more {what}" for count, what in ((names, "names"), (processes, "processes")) if count > 0]
    if parts:
        axes.set_xlabel(f"{axes.get_xlabel()}; {' and '.join(parts)} in notes.parquet")
