"""Plot: what a sweep's figures are over its most varied number, a line for each setting of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.present.numbers import show
from experiments.present.plots import style
from experiments.present.plots.base import Plot
from simulator import registry
from simulator.registry import register

PANELS = {"completion_ns": "completion time", "slowdown": "slowdown", "hard_faults": "hard faults",
          "stall_share": "share of time stalled"}  # fmt: skip
POLICY = "memory_manager.trimming.policy"
"""The key whose values have looks of their own."""
MOST_LINES = 8
"""lines of a panel; of more settings of the other keys, those of the first key alone are told apart, as means"""
SPAN = 8.0
"""how far apart the values must lie for a logarithmic axis"""
Points = tuple[pd.DataFrame, Sequence[str]]
"""A sweep's points, one row a run, and the columns that are its parameters."""


@register("plot", "sweep-curves")
class SweepCurves(Plot[Points]):
    """A sweep's figures over the number that takes most values, such as memory, as means over replications.

    Each line is a setting of the other keys. Where lines lie together, those keys don't matter; where a line bends,
    more of the number on the axis stops paying.
    """

    reads: ClassVar[str] = "sweep"
    title = "Figures over the swept values"

    def applies(self, result: Points) -> bool:
        frame, parameters = result
        return along(frame, parameters) is not None and bool(_panels(frame))

    def draw(self, result: Points, figure: Figure) -> None:
        frame, parameters = result
        key = along(frame, parameters)
        assert key is not None
        drawn = _panels(frame)
        lines = -(-len(drawn) // 2)
        style.begin(figure, self.title, "", 0.9 + 2.2 * lines)
        grid = figure.subplots(lines, min(2, len(drawn)), squeeze=False, sharex=True)
        ran = frame[frame[drawn].notna().any(axis=1)]
        looks = _lines(ran, [name for name in parameters if name != key])
        for number, axes in enumerate(grid.flat):
            axes.set_visible(number < len(drawn))
            if number < len(drawn):
                _panel(axes, frame, key, drawn[number], looks)
        if len(looks) > 1:
            handles = [look.stroke(style.plain(name, 34)) for name, (look, _) in looks.items()]
            for handle, (look, _) in zip(handles, looks.values(), strict=True):
                handle.set(marker=look.marker, markersize=4)
            figure.legend(handles=handles, loc="outside lower left", ncols=4).set_alignment("left")

    def describe(self, result: Points) -> str:
        frame, parameters = result
        keys = [name for name in parameters if name in frame]
        if "completion_ns" not in frame or not keys:
            return ""
        known = frame[frame["completion_ns"].notna()]
        means = known.groupby(keys, sort=False, dropna=False)["completion_ns"].mean().astype(float)
        if not len(means) or means.min() == means.max():
            return ""
        first, last = (_setting(keys, value) for value in (means.idxmin(), means.idxmax()))
        least, most = means.min(), means.max()
        same = int((means == least).sum()) - 1
        others = f" and {same} other{'s' if same > 1 else ''}" if same else ""
        return (
            f"Completion times go from {show(float(least), 'ns')} ({first}{others}) to {show(float(most), 'ns')} "
            f"({last})."
        )


def _setting(keys: Sequence[str], values: Any) -> str:
    """A setting's values in a line."""
    parts = zip(keys, values if isinstance(values, tuple) else (values,), strict=True)
    return ", ".join(show(value, "bytes") if key == "machine.memory" else str(value) for key, value in parts)


def along(frame: pd.DataFrame, parameters: Sequence[str]) -> str | None:
    """The parameter to draw against: the number that takes most values; None if none takes two."""
    counts = {
        name: frame[name].nunique() for name in parameters
        if name in frame and pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
    }  # fmt: skip
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] > 1 else None


def _panels(frame: pd.DataFrame) -> list[str]:
    return [name for name in PANELS if name in frame and frame[name].notna().any()]


def _lines(frame: pd.DataFrame, others: Sequence[str]) -> dict[str, tuple[style.Look, pd.Series[bool]]]:
    """The lines by their names: how each is drawn, and which rows it is the mean of."""
    varied = [name for name in others if len(set(frame[name].astype(str))) > 1]
    named = frame[varied].astype(str).agg(", ".join, axis=1) if varied else pd.Series("", index=frame.index)
    if named.nunique() > MOST_LINES:
        named = frame[varied[0]].astype(str)
    names = list(dict.fromkeys(named))[:MOST_LINES]
    if varied == [POLICY]:
        known = registry.names("policy")
        return {name: (style.policy_look(name, known), named == name) for name in names}
    return {name: (style.process_look(index), named == name) for index, name in enumerate(names)}


def _panel(
    axes: Axes, frame: pd.DataFrame, key: str, metric: str, looks: dict[str, tuple[style.Look, pd.Series[bool]]]
) -> None:
    factor, unit = 1.0, ""
    if metric == "completion_ns":
        scale = style.time_unit(float(frame[metric].max()))
        factor, unit = scale.factor, f" ({scale.name})"
    known = frame[frame[metric].notna()]
    values = known[metric].astype(np.float64) / factor
    for look, chosen in looks.values():
        means = values[chosen.reindex(known.index, fill_value=False)].groupby(known[key]).mean()
        at = means.index.to_numpy(np.float64)
        axes.plot(at, means.to_numpy(), color=look.colour, linestyle=look.line, marker=look.marker, markersize=4)
    title = f"{PANELS[metric]}{unit}"
    if values.min() > 0 and values.max() > SPAN * values.min():
        title += ", log scale"
        style.log_axis(axes.yaxis, style.COUNTS, steps=style.ONE_TWO_FIVE)
    else:
        style.rate_axis(axes, "")
        axes.set_ylim(0, 1.08 * float(values.max()) or 1.0)
    axes.set_title(title)
    _across(axes, known[key], key)


def _across(axes: Axes, values: pd.Series[float], key: str) -> None:
    """Make x the swept number: a size by its units, anything else as it is."""
    axes.set_xlabel(style.plain(key, 34))
    if key == "machine.memory":
        sizes = sorted({int(value) for value in values})
        axes.set_xscale("log")
        axes.set_xlabel(f"{key} (log scale)")
        axes.minorticks_off()
        axes.set_xticks(sizes[:: -(-len(sizes) // 5)])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value, "bytes")))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(style.COUNTS)
