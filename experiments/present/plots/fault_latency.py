"""Plot: how long faults take, and on what that time goes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from experiments.present.numbers import show
from experiments.present.plots import data, style
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult

COLUMNS = {"queueing": "queue_ns", "service": "service_ns", "processor time": "cpu_ns"}
BANDS = (0.0, 0.5, 0.9, 0.99, 0.999, 1.0)
"""the shares of the hard faults, from the fastest to the slowest, that get a bar each"""
POINTS = 1500
"""most points of a curve"""


@register("plot", "fault-latency")
class FaultLatency(RunPlot):
    """The distribution of fault latency by kind, and what the latency is made of.

    Above, for each kind, the share of its faults that take at least as long as x says: read the median at 50%, the
    slowest in a thousand at 0.1%. Below, how the time divides into queueing (for the disk or for a frame), service by
    the disk and processor time: for each kind, and for the hard faults from the fastest half to the slowest few.
    """

    title = "Latency of page faults, by kind"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.faults, "kind", "latency_ns", *COLUMNS.values())

    def draw(self, result: RunResult, figure: Figure) -> None:
        codes, names = data.labels(result.faults, "kind")
        latency = result.faults["latency_ns"].to_numpy()
        parts = {part: result.faults[column].to_numpy() for part, column in COLUMNS.items()}
        rows = {kind: np.flatnonzero(codes == names.index(kind)) for kind in style.FAULTS if kind in names}
        rows = {kind: found for kind, found in rows.items() if len(found)}
        hard = "hard" in rows
        style.begin(figure, self.title, data.run_name(result), 4.4 + 0.24 * max(len(rows), 5 if hard else 0))
        grid = figure.add_gridspec(2, 2 if hard else 1, height_ratios=(2.6, 0.5 + 0.24 * max(len(rows), 5)))
        _distribution(figure.add_subplot(grid[0, :]), {kind: latency[found] for kind, found in rows.items()})
        bars = {kind: _divide(parts, found) for kind, found in rows.items()}
        axes = figure.add_subplot(grid[1, 0])
        _bars(axes, bars, "Mean latency of each kind")
        if hard:
            axes = figure.add_subplot(grid[1, 1])
            _bars(axes, _bands(parts, latency, rows["hard"]), "Mean latency of hard faults, fastest to slowest")
        figure.legend(
            handles=[look.patch(part) for part, look in style.PARTS.items()], loc="outside lower left", ncols=3
        )

    def describe(self, result: RunResult) -> str:
        parts = []
        for kind in style.FAULTS:
            latencies = result.faults.loc[data.chosen(result.faults, "kind", kind), "latency_ns"].to_numpy()
            if len(latencies):
                half, most = (show(float(value), "ns", 3) for value in np.quantile(latencies, (0.5, 0.99)))
                parts.append(f"{kind} {half} and {most}")
        return f"Median latency and 99th percentile: {'; '.join(parts)}."


def _distribution(axes: Axes, latencies: dict[str, NDArray[Any]]) -> None:
    fastest = min(int(values.min()) for values in latencies.values())
    for kind, values in latencies.items():
        look = style.FAULTS[kind]
        at, share = _tail(np.maximum(values, 1))
        axes.step(at, share, where="pre", color=look.colour, linestyle=look.line)
        axes.plot(at[-1], share[-1], marker=look.marker, markersize=4, color=look.colour, clip_on=False, zorder=4)
    least = 1.0 / max(map(len, latencies.values()))
    style.log_axis(axes.xaxis, style.LATENCIES, 12)
    style.log_axis(axes.yaxis, style.SHARES)
    axes.set_ylim(10.0 ** np.floor(np.log10(least)) if least < 1 else 0.1, 1.25)
    left, right = axes.get_xlim()
    axes.set_xlim(10.0 ** np.floor(np.log10(max(left, 1))), 10.0 ** np.ceil(np.log10(right)))
    axes.set_xlabel("fault latency (log scale; none at all is drawn as 1 ns)" if fastest < 1 else
                    "fault latency (log scale)")  # fmt: skip
    axes.set_ylabel("share of faults that take\nat least as long (log scale)")
    handles = [_entry(kind, len(values)) for kind, values in latencies.items()]
    style.legend_beside(axes, handles, "Kind, number of faults")


def _entry(kind: str, count: int) -> Line2D:
    handle = style.FAULTS[kind].stroke(f"{kind}, {count:,}")
    handle.set_marker(style.FAULTS[kind].marker)
    handle.set_markersize(4)
    return handle


def _tail(values: NDArray[Any]) -> tuple[data.Floats, data.Floats]:
    """The complementary distribution as at most POINTS steps, dense in the tail: latencies, shares at least as long."""
    ordered = np.sort(values)
    count = len(ordered)
    ranks = np.arange(count)
    if count > POINTS:
        tail = count - np.geomspace(1, count, POINTS // 2).round().astype(np.int64)
        ranks = np.unique(np.concatenate((tail, np.linspace(0, count - 1, POINTS // 2).astype(np.int64))))
    at, first = np.unique(ordered[ranks], return_index=True)
    share = (count - ranks[first]) / count
    return np.append(at, at[-1]).astype(np.float64), np.append(share, 1.0 / count)


def _divide(parts: dict[str, NDArray[Any]], rows: NDArray[Any]) -> dict[str, float]:
    return {part: float(values[rows].mean()) for part, values in parts.items()}


def _bands(parts: dict[str, NDArray[Any]], latency: NDArray[Any], rows: NDArray[Any]) -> dict[str, dict[str, float]]:
    ordered = rows[np.argsort(latency[rows], kind="stable")]
    cuts = (np.array(BANDS) * len(ordered)).round().astype(np.int64)
    cuts, first = np.unique(cuts, return_index=True)  # few faults leave some bands empty
    limits = [*(BANDS[place] for place in first[:-1]), 1.0]
    named = (_band_name(low, high) for low, high in pairwise(limits))
    return {name: _divide(parts, ordered[low:high]) for name, (low, high) in zip(named, pairwise(cuts), strict=True)}


def _band_name(low: float, high: float) -> str:
    if low == 0:
        return "all" if high == 1 else f"fastest {100 * high:.3g}%"
    return f"slowest {100 * (1 - low):.3g}%" if high == 1 else f"{100 * low:.3g} to {100 * high:.3g}%"


def _bars(axes: Axes, bars: dict[str, dict[str, float]], title: str) -> None:
    for row, parts in enumerate(bars.values()):
        whole = sum(parts.values())
        left = 0.0
        for part, mean in parts.items():
            look = style.PARTS[part]
            share = 100.0 * mean / whole if whole else 0.0
            axes.barh(
                row, share, left=left, height=0.72, facecolor=look.colour, edgecolor=look.hatch_colour,
                hatch=look.hatch, linewidth=0,
            )  # fmt: skip
            left += share
        axes.barh(row, left, height=0.72, facecolor="none", edgecolor=style.MUTED, linewidth=0.6)
        axes.text(102, row, show(whole, "ns", 3), va="center", fontsize=8)
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(visible=False)
    axes.tick_params(left=False)
    axes.set_title(title)
    axes.set_xlabel("share of the mean latency (%)")
