"""Plot: which pages each process references and where it faults, over time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from experiments.present.plots import data, style
from experiments.present.plots.base import MOST_NAMES, RunPlot
from simulator.registry import register
from simulator.result import RunResult

PANELS = 6
"""most processes that get a panel"""
CELL = 1.3
"""side in points of the smallest thing drawn: what falls into one cell is drawn once"""
SMALLEST_GAP = 16
"""pages that nobody touches, in a row, before they may be cut out"""
SIZES = ((0.001, (3.4, 4.6)), (0.02, (2.2, 3.6)), (1.0, (1.7, 1.9)))
"""markers in points, (soft faults, faults that wait), up to each share of a panel's cells that one kind fills"""
LABELS = 8
"""most page numbers beside a panel"""


class Bands(NamedTuple):
    """A sparse address space folded into bands of neighbouring pages, the gaps between them cut out."""

    first: NDArray[np.uint64]
    """first page of each band, ascending"""
    base: NDArray[np.float64]
    """where each band starts on the axis, in pages"""
    height: float
    """of all bands and breaks, in pages"""
    broken: float
    """height of a break"""

    def place(self, pages: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Where pages lie on the axis; each must lie in a band."""
        band = np.searchsorted(self.first, pages, side="right") - 1
        return np.asarray(self.base[band] + (pages - self.first[band]))


def bands(pages: NDArray[np.uint64]) -> Bands:
    """Fold the distinct pages (ascending, at least one) into bands wherever a gap would waste a part of the axis."""
    gaps = np.diff(pages)
    cut = np.flatnonzero(gaps > max(SMALLEST_GAP, len(pages) // 24))
    first = pages[np.concatenate(([0], cut + 1))]
    last = pages[np.concatenate((cut, [len(pages) - 1]))]
    spans = (last - first + 1).astype(np.float64)
    broken = min(0.03 * spans.sum(), 0.3 * spans.sum() / max(len(cut), 1))
    starts = np.concatenate(([0.0], np.cumsum(spans[:-1] + broken)))
    return Bands(first, starts, float(starts[-1] + spans[-1]), float(broken))


@register("plot", "page-map")
class PageMap(RunPlot):
    """The pages that each process references (grey) and where it faults (marked), over simulated time.

    Gaps in the address space are cut out (thin lines), so that code, heap and stack stand as bands above each other.
    A steep line is a scan, a solid band a hot working set; hard faults inside a band: pages taken too soon.
    """

    title = "Pages referenced and faults over time"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.page_map, "process", "page") or data.has(result.faults, "process", "page")

    def draw(self, result: RunResult, figure: Figure) -> None:
        names = _chosen(result)
        height = max(1.35, 3.2 / len(names))
        of = len(data.processes_of(result))
        some = of > len(names)
        title = f"{self.title}, {len(names)} of {of} processes" if some else self.title
        style.begin(figure, title, data.run_name(result), 1.0 + (height + 0.28) * len(names))
        grid = figure.subplots(len(names), 1, squeeze=False, sharex=True)
        cells = int(height * 72 / CELL), int(0.74 * style.WIDTH * 72 / CELL)
        seen: set[str] = set()
        for row, name in enumerate(names):
            axes = grid[row, 0]
            style.time_axis(axes, data.end_of(result), label=row == len(names) - 1)
            seen |= _panel(result, axes, name, cells)
        which = f" (the {len(names)} processes with most faults)" if some else ""
        figure.supylabel(f"virtual page number{which}", fontsize=9)
        style.legend_beside(grid[0, 0], _handles(seen, len(result.page_map) > 0))

    def describe(self, result: RunResult) -> str:
        if not data.has(result.page_map, "process", "page"):
            return ""
        counts = result.page_map.groupby("process", observed=True)["page"].nunique().sort_values(ascending=False)
        return f"Pages referenced: {', '.join(f'{name} {count:,}' for name, count in counts.head(MOST_NAMES).items())}."


def _chosen(result: RunResult) -> list[str]:
    counted: dict[str, int] = {}
    for frame in (result.faults, result.page_map):
        if data.has(frame, "process"):
            codes, names = data.labels(frame, "process")
            tally = np.bincount(codes[codes >= 0], minlength=len(names))
            for name, number in zip(names, tally, strict=True):
                if number:
                    counted.setdefault(name, int(number))
    order = {name: place for place, name in enumerate(data.processes_of(result))}
    most = sorted(counted, key=lambda name: (-counted[name], order.get(name, len(order)), name))[:PANELS]
    return sorted(most, key=lambda name: (order.get(name, len(order)), name))


def _of(frame: pd.DataFrame, name: str) -> NDArray[np.intp]:
    return np.flatnonzero(data.chosen(frame, "process", name)) if data.has(frame, "process") else np.array([], np.intp)


def _pages(frame: pd.DataFrame, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
    return frame["page"].to_numpy(dtype=np.uint64)[rows] if len(rows) else np.array([], dtype=np.uint64)


def _panel(result: RunResult, axes: Axes, name: str, cells: tuple[int, int]) -> set[str]:
    """Draw one process; returns the kinds of faults that it shows."""
    touched, faulted = _of(result.page_map, name), _of(result.faults, name)
    used, missed = _pages(result.page_map, touched), _pages(result.faults, faulted)
    distinct = np.union1d(pd.unique(used), pd.unique(missed))
    folded = bands(distinct)
    axes.set_ylim(-0.01 * folded.height - 0.5, folded.height * 1.01)
    if len(touched):
        _references(result, axes, folded, used, result.page_map["time_ns"].to_numpy()[touched], cells)
    counts = _faults(result, axes, folded, missed, faulted, cells)
    _breaks(axes, folded)
    note = f" ({counts['hard']:,} hard)" if "hard" in counts else ""
    axes.set_title(f"{style.plain(name)}: {len(distinct):,} pages, {len(missed):,} faults{note}", pad=3)
    return set(counts)


def _references(
    result: RunResult, axes: Axes, folded: Bands, pages: NDArray[np.uint64], times: NDArray[Any], cells: tuple[int, int]
) -> None:
    """Shade the cells by the share of their pages that were referenced in the interval."""
    rows, columns = min(cells[0], max(1, int(folded.height))), cells[1]
    end = max(data.end_of(result), 1)
    which, looks = pd.factorize(times)
    ends = np.union1d(result.samples["time_ns"].to_numpy() if len(result.samples) else looks, looks)
    middles = (ends + np.concatenate(([0], ends[:-1]))) / 2
    row = np.minimum((folded.place(pages) / folded.height * rows).astype(np.int64), rows - 1)
    groups = np.minimum((middles / end * columns).astype(np.int64), columns - 1)
    slots, group = np.unique(groups, return_inverse=True)
    counted = np.bincount(
        row * len(slots) + group[np.searchsorted(ends, looks)][which], minlength=rows * len(slots)
    ).reshape(rows, len(slots))
    members = np.bincount(group, minlength=len(slots))
    share = counted / (members * max(1.0, folded.height / rows))
    centres = (np.arange(columns) + 0.5) / columns * end
    edges = ends[np.append(np.flatnonzero(np.diff(group)), len(ends) - 1)]
    image = share[:, np.minimum(np.searchsorted(edges, centres), len(slots) - 1)]
    image = np.where(centres <= ends[-1], image, 0.0)
    shades = LinearSegmentedColormap.from_list("referenced", style.REFERENCED)
    axes.imshow(
        np.ma.masked_equal(image, 0.0), cmap=shades, vmin=0, vmax=1, aspect="auto", origin="lower",
        interpolation="nearest", extent=(0, end / style.time_unit(end).factor, -0.5, folded.height - 0.5), zorder=1,
    )  # fmt: skip


def _faults(
    result: RunResult, axes: Axes, folded: Bands, pages: NDArray[np.uint64], rows: NDArray[np.intp],
    cells: tuple[int, int],
) -> dict[str, int]:  # fmt: skip
    """Mark the cells with a fault, kind by kind, hard faults above soft ones; returns how many faults of each kind."""
    if not len(rows):
        return {}
    codes, names = data.labels(result.faults, "kind")
    end = max(data.end_of(result), 1)
    column = np.minimum((result.faults["time_ns"].to_numpy()[rows] / end * cells[1]).astype(np.int64), cells[1] - 1)
    row = np.minimum((folded.place(pages) / folded.height * cells[0]).astype(np.int64), cells[0] - 1)
    counts = {}
    for depth, kind in enumerate(style.FAULTS):
        mine = codes[rows] == names.index(kind) if kind in names else np.zeros(len(rows), dtype=np.bool_)
        if mine.any():
            counts[kind] = int(mine.sum())
            marked = np.unique(row[mine] * cells[1] + column[mine])
            y = (marked // cells[1] + 0.5) / cells[0] * folded.height - 0.5
            x = (marked % cells[1] + 0.5) / cells[1] * end / style.time_unit(end).factor
            _mark(axes, x, y, kind, 2 + depth * 0.1, cells)
    return counts


def _mark(axes: Axes, x: NDArray[Any], y: NDArray[Any], kind: str, depth: float, cells: tuple[int, int]) -> None:
    look = style.FAULTS[kind]
    filled = len(x) / (cells[0] * cells[1])
    crowded = filled > 0.02
    axes.plot(
        x, y, linestyle="none", marker="s" if crowded else look.marker, markersize=_size(kind, filled),
        color=look.colour, markeredgewidth=0, zorder=depth, rasterized=len(x) > 1000,
    )  # fmt: skip


def _size(kind: str, filled: float) -> float:
    """The size in points of a marker: smaller the more there are, larger for faults that wait."""
    soft, waits = next(sizes for most, sizes in SIZES if filled <= most)
    return soft if kind in ("demand-zero", "transition", "shared", "copy-on-write") else waits


def _breaks(axes: Axes, folded: Bands) -> None:
    """Draw the cuts, and beside the panel the first page of the tallest bands that leave room for a label."""
    if len(folded.first) <= 40:
        for base in folded.base[1:]:
            axes.axhline(base - 0.5 - folded.broken / 2, color=style.MUTED, linewidth=0.5, linestyle=style.DOTTED)
    spans = np.diff(np.append(folded.base, folded.height))
    least = folded.height * 0.11
    kept: list[int] = []
    for band in np.argsort(-spans, kind="stable"):
        if len(kept) < LABELS and all(abs(folded.base[band] - folded.base[other]) >= least for other in kept):
            kept.append(int(band))
    axes.set_yticks([folded.base[band] for band in kept], [f"{int(folded.first[band]):#x}" for band in kept])
    axes.tick_params(axis="y", labelsize=7, labelfontfamily="DejaVu Sans Mono")
    axes.grid(visible=False)


def _handles(kinds: set[str], references: bool) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = []
    if references:
        few, all_of_them = style.REFERENCED
        handles += [Patch(color=all_of_them, label="all referenced"), Patch(color=few, label="some referenced")]
    for kind, look in style.FAULTS.items():
        if kind in kinds:
            handles.append(
                Line2D([], [], color=look.colour, marker=look.marker, markersize=5, linestyle="none", label=kind)
            )
    return handles
