"""Plot: what each process's threads do, over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.present.numbers import share
from experiments.present.plots import data, style
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult

STEPS = 240
"""most steps over time: finer ones would show single faults as noise"""
PANELS = 8
"""most processes with a panel of their own"""


@register("plot", "thread-states")
class ThreadStates(RunPlot):
    """For each process over simulated time: how many of its threads run, are ready, stall and sleep.

    Running is work done. Ready is waiting for a processor: there are too few. A stall is waiting for memory: for a page
    to be read, for somebody else's read of it, for a frame, or for a write that was asked for. Where processes stall
    in turns they compete for memory; where all of them stall at once the machine thrashes.
    """

    title = "What threads do"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.threads, "start_ns", "process") and bool(result.threads["process"].notna().any())

    def draw(self, result: RunResult, figure: Figure) -> None:
        panels = groups(result.threads, data.processes_of(result))
        style.begin(figure, self.title, data.run_name(result), 1.25 + 0.82 * len(panels))
        grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
        seen: set[str] = set()
        for place, (axes, (name, rows)) in enumerate(zip(grid, panels.items(), strict=True)):
            seen |= _panel(axes, rows, data.end_of(result), label=place == len(panels) - 1)
            axes.set_title(style.plain(name), pad=3)
        figure.supylabel("threads", fontsize=9)
        handles = [look.patch(state) for state, look in style.THREAD_STATES.items() if state in seen]
        figure.legend(handles=handles, loc="outside lower left", ncols=min(5, len(handles)))

    def describe(self, result: RunResult) -> str:
        log = result.threads[result.threads["process"].notna()]
        spent = (log["end_ns"] - log["start_ns"]).groupby(log["state"], observed=True).sum()
        known = [state for state in style.THREAD_STATES if state in spent.index]
        return f"Of the threads' time: {', '.join(f'{state} {share(spent[state] / spent.sum())}' for state in known)}."


def groups(threads: pd.DataFrame, names: list[str]) -> dict[str, pd.DataFrame]:
    """The rows of each process in canonical order; where there are many, of those that stall least all together."""
    threads = threads[threads["process"].notna()]
    stalls = threads["state"].astype(str).str.startswith("stall")
    stalled = (
        (threads["end_ns"] - threads["start_ns"]).where(stalls, 0).groupby(threads["process"], observed=False).sum()
    )
    own = names if len(names) <= PANELS else sorted(names, key=lambda name: -stalled.get(name, 0))[: PANELS - 1]
    found = {name: threads[data.chosen(threads, "process", name)] for name in names if name in own}
    if len(names) > len(own):
        rest = threads[~threads["process"].isin(own)]
        found[f"{len(names) - len(own)} others, together"] = rest
    return {name: rows for name, rows in found.items() if len(rows)}


def _panel(axes: Axes, rows: pd.DataFrame, end: int, label: bool) -> set[str]:
    """Stack the states of some threads; returns which there are."""
    time = style.time_axis(axes, end, label)
    edges = np.linspace(0.0, max(end, 1), STEPS + 1)
    below = np.zeros(STEPS)
    seen = set()
    for state, look in style.THREAD_STATES.items():
        mine = rows[data.chosen(rows, "state", state)]
        if not len(mine):
            continue
        above = below + data.mean_inside(mine["start_ns"].to_numpy(), mine["end_ns"].to_numpy(), edges)
        style.area(axes, edges / time.factor, above, look, below)
        below = above
        seen.add(state)
    axes.set_ylim(0, max(1.0, float(np.ceil(below.max() - 1e-6))))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return seen
