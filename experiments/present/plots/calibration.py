"""Plot: measured latencies of a disk beside fitted models.

It is drawn by `pagesim calibrate disk` and is no plot of a result, so it isn't registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.calibrate.measured import Latencies
from experiments.present.plots import data, style

TITLE = "Measured latencies and fitted models"
LOOKS = {
    "constant": style.Look(style.MUTED, style.DOTTED, "s"),
    "nvme": style.Look(style.BLUE, "-", "o"),
    "ssd": style.Look(style.SKY, style.DASHED, "^"),
    "hdd": style.Look(style.VERMILION, style.DASHDOT, "D"),
    "empirical": style.Look(style.GREEN, style.DOTTED, "v"),
}
"""Models by their name; others take the looks of processes."""
MEASURED = style.Look(style.INK)
POINTS = 400
QQ = np.concatenate((np.linspace(0.01, 0.99, 50), (0.995, 0.999, 0.9999)))
"""shares of a QQ plot"""


def draw(
    measured: Mapping[str, Latencies], models: Mapping[str, Mapping[str, data.Floats]], file: str, path: Path
) -> None:
    """Draw a row of two panels for each kind of request into a file, whose suffix says the format: the distribution
    functions, and the models' quantiles over the measured ones. `models` is, by model and kind, equally likely
    latencies in nanoseconds, ascending."""
    looks = {name: LOOKS.get(name, style.process_look(place)) for place, name in enumerate(models)}
    with style.applied():
        figure = Figure()
        style.begin(figure, TITLE, file, 1.35 + 2.7 * len(measured))
        grid = figure.subplots(len(measured), 2, squeeze=False)
        for (kind, latencies), (left, right) in zip(measured.items(), grid, strict=True):
            chosen = {name: modelled[kind] for name, modelled in models.items()}
            _distribution(left, kind, latencies, chosen, looks)
            _quantiles(right, kind, latencies, chosen, looks)
        handles = [Line2D([], [], color=MEASURED.colour, linewidth=3.2, alpha=0.35, label="measured")]
        handles += [
            Line2D([], [], color=look.colour, linestyle=look.line, marker=look.marker, markersize=3.5, label=name)
            for name, look in looks.items()
        ]
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))
        style.save(figure, path, path.suffix[1:])


def _distribution(
    axes: Axes, kind: str, latencies: Latencies, models: Mapping[str, data.Floats], looks: Mapping[str, style.Look]
) -> None:  # fmt: skip
    low, high = latencies.quantile(np.array([0.001, 0.999])).tolist()
    axes.set_xscale("log")
    axes.set_xlim(low / 1.35, high * 1.35)
    axes.set_ylim(0, 1.02)
    shares = np.linspace(0, 1, POINTS + 1)[1:-1]
    if latencies.counted:
        axes.plot(latencies.quantile(shares), shares, color=MEASURED.colour, linewidth=3.2, alpha=0.35)
    else:
        axes.plot(latencies.values, latencies.upto, "o", color=MEASURED.colour, markersize=4, alpha=0.6)
    for name, values in models.items():
        own = np.interp(shares, (np.arange(len(values)) + 0.5) / len(values), values)
        axes.plot(own, shares, color=looks[name].colour, linestyle=looks[name].line, linewidth=1.2)
    axes.set_xlabel(f"latency of a {kind}")
    axes.set_ylabel("share of requests up to it")
    axes.set_title(f"{kind}s: distribution ({latencies.requests:,} requests)")
    _latency_ticks(axes, x=True)


def _quantiles(
    axes: Axes, kind: str, latencies: Latencies, models: Mapping[str, data.Floats], looks: Mapping[str, style.Look]
) -> None:  # fmt: skip
    enough = 1 - 5 / max(latencies.requests, 6)  # quantiles with five requests beyond them
    shares = QQ[enough >= QQ] if latencies.counted else latencies.upto
    measured = latencies.quantile(shares)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends = [measured[0] / 1.35, measured[-1] * 1.35]
    axes.set_xlim(*ends)
    axes.set_ylim(ends[0] / 1.5, ends[1] * 1.5)
    axes.plot(ends, ends, color=MEASURED.colour, linewidth=3.2, alpha=0.35)
    for name, values in models.items():
        own = np.interp(shares, (np.arange(len(values)) + 0.5) / len(values), values)
        axes.plot(measured, own, looks[name].marker, color=looks[name].colour, markersize=3, markeredgewidth=0)
    axes.set_xlabel(f"measured quantile of a {kind}")
    axes.set_ylabel("model's quantile")
    axes.set_title(f"{kind}s: quantiles against quantiles")
    _latency_ticks(axes, x=True)
    _latency_ticks(axes, x=False)


def _latency_ticks(axes: Axes, x: bool) -> None:
    """At most eight ticks, whole latencies that are 1, 2 or 5 times a power of ten."""
    low, high = axes.get_xlim() if x else axes.get_ylim()
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for factors in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= 6:
            break
    axis = axes.xaxis if x else axes.yaxis
    axis.set_ticks(ticks)
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(style.LATENCIES)
