"""The look of every plot: fonts, sizes, axes, and one place for colours.

A thing (a page list, a kind of fault, a process, a disk) has one `Look`, the same on every plot. Colours are those of
Okabe and Ito ("Color Universal Design", 2008), which people with a colour vision deficiency can tell apart; line
styles, markers, hatches and lightness carry the same difference, so that a plot also reads in greyscale.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, StepPatch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter

from experiments.present.numbers import show
from simulator.units import MICROSECOND, MILLISECOND, SECOND, GiB, KiB, MiB

WIDTH = 8.0
"""width of a figure in inches: two columns of a paper, or a page of a report"""
RESOLUTION = 160
"""dots per inch of a PNG, and of the rasterised parts of an SVG or a PDF"""
FORMATS = ("png", "svg", "pdf")

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
INK, MUTED, FAINT = "#262626", "#6B6B6B", "#DCDCDC"

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that a plot is the same on every machine
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.fontsize": 8.0,
    "legend.title_fontsize": 8.0,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.6,
    "figure.titlesize": 11.0,
    "figure.titleweight": "bold",
    "svg.fonttype": "path",
    "svg.hashsalt": "pagesim",  # element names that don't change from run to run
    "pdf.fonttype": 42,
    "path.simplify": True,
}


Stroke = Literal["-"] | tuple[float, tuple[float, ...]]
"""A line: solid, or an offset with lengths drawn and left out in turn."""


@dataclass(frozen=True)
class Look:
    """How one thing is drawn."""

    colour: str
    line: Stroke = "-"
    marker: str = "o"
    hatch: str = ""
    hatch_colour: str = INK

    def patch(self, label: str) -> Patch:
        """The legend entry of an area."""
        return Patch(facecolor=self.colour, edgecolor=self.hatch_colour, hatch=self.hatch, linewidth=0.4, label=label)

    def stroke(self, label: str) -> Line2D:
        """The legend entry of a line."""
        return Line2D([], [], color=self.colour, linestyle=self.line, label=label)


def _mix(first: str, second: str, share: float) -> str:
    red, green, blue = (a + (b - a) * share for a, b in zip(to_rgb(first), to_rgb(second), strict=True))
    return to_hex((red, green, blue))


STANDBY_PRIORITIES = range(7, -1, -1)
"""the standby lists as they are stacked: the pages that are reused last lie lowest"""

LISTS: dict[str, Look] = {
    "Active": Look(BLUE),
    "Transition": Look(PURPLE, hatch="...."),
    "Modified": Look(ORANGE, hatch="////"),
    "Modified No Write": Look(VERMILION, hatch="xxxx"),
    **{f"Standby {n}": Look(_mix("#E4F5EE", "#35A881", n / 7)) for n in STANDBY_PRIORITIES},
    "Free": Look("#CFCFCF", hatch="\\\\\\\\", hatch_colour="#A8A8A8"),
    "Zeroed": Look("#F4F4F4"),
    "Bad": Look(BLACK),
}
"""Page lists by their RAMMap name, in the order they are stacked from below."""

DOTTED: Stroke = (0.0, (1.0, 1.2))
DASHED: Stroke = (0.0, (5.0, 1.8))
DASHDOT: Stroke = (0.0, (6.0, 1.5, 1.0, 1.5))

FAULTS: dict[str, Look] = {
    "demand-zero": Look(SKY, "-", "s"),
    "transition": Look(GREEN, DASHED, "o"),
    "shared": Look(PURPLE, DASHDOT, "^"),
    "copy-on-write": Look(ORANGE, DOTTED, "v"),
    "collided": Look(BLUE, DASHED, "P"),
    "hard": Look(VERMILION, "-", "D"),
    "access-violation": Look(BLACK, "-", "X"),
    "in-page-error": Look(MUTED, DASHED, "*"),
}
"""Kinds of faults, soft before hard."""

PARTS: dict[str, Look] = {
    "queueing": Look("#7A7A7A", hatch="////", hatch_colour="#FFFFFF"),
    "service": Look("#BDBDBD"),
    "processor time": Look("#FFFFFF", hatch="....", hatch_colour=MUTED),
}
"""Parts of a fault's latency: greys, because the colour says the kind."""

THREAD_STATES: dict[str, Look] = {
    "running": Look(GREEN),
    "ready": Look(YELLOW, hatch="....", hatch_colour="#8A8200"),
    "stall: read": Look(VERMILION),
    "stall: collided": Look(BLUE, hatch="\\\\\\\\", hatch_colour="#FFFFFF"),
    "stall: frame": Look(INK, hatch="////", hatch_colour="#FFFFFF"),
    "stall: write": Look(ORANGE, hatch="xxxx"),
    "asleep": Look("#E9E9E9"),
}
"""What a thread does, as it is stacked from below; a stall for a read has the colour of hard faults."""

KERNEL: dict[str, Look] = {
    "commit charge": Look(BLUE),
    "commit limit": Look(INK, DASHED),
    "paged pool": Look(PURPLE),
    "paged pool, resident": Look(PURPLE, DOTTED),
    "nonpaged pool": Look(ORANGE, DASHDOT),
    "paging files": Look(VERMILION),
}
"""What the system has promised, and what its own memory takes."""

REFERENCED = ("#E6E6E6", "#9A9A9A")
"""referenced pages on a page map, from few to all of a cell"""

_SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK)
_LINES: tuple[Stroke, ...] = ("-", DASHED, DOTTED, DASHDOT)


def process_look(index: int) -> Look:
    """The look of a process by its index: 28 pairs of colour and line style, then again from the first."""
    return Look(_SERIES[index % len(_SERIES)], _LINES[index % len(_LINES)])


_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


_FAMILIAR = ("windows", "clock", "fifo", "lru", "working-set", "wsclock", "opt")
"""Policies that are compared most often: each has a plain colour for itself."""


def policy_look(name: str, known: Sequence[str], variant: int = 0) -> Look:
    """The look of a policy: a colour of its own for the familiar ones; the others, by their place among all registered
    names in alphabetical order, share 14 darker and lighter ones, told apart by marker and line. A `variant` (the same
    policy again with other parameters) keeps the colour and changes the line and the marker."""
    if name in _FAMILIAR:
        place, shade, again = _FAMILIAR.index(name), 0, 0
    else:
        others = sorted(set(known) - set(_FAMILIAR))
        place = others.index(name) if name in others else len(others)
        place, again = place % (2 * len(_SERIES)), place // (2 * len(_SERIES))
        shade = 1 + place // len(_SERIES)
    hue = _SERIES[place % len(_SERIES)]
    colour = (hue, _mix(hue, BLACK, 0.45), _mix(hue, "#FFFFFF", 0.4))[shade]
    marker = _MARKERS[(place + 2 * shade + 3 * again + variant) % len(_MARKERS)]
    return Look(colour, _LINES[(variant + again) % len(_LINES)], marker)


def disk_looks(index: int) -> tuple[Look, Look]:
    """The looks of a disk's reads and of its writes: one colour, the writes lighter, hatched and dashed."""
    colour = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)[index % 6]
    return Look(colour), Look(_mix(colour, "#FFFFFF", 0.6), DASHED, hatch="////", hatch_colour=colour)


@dataclass(frozen=True)
class Unit:
    """What a value is divided by before it is drawn, and what the axis then says."""

    factor: float
    name: str


def time_unit(largest: float) -> Unit:
    """The unit in which simulated times up to `largest` nanoseconds are read best."""
    units = ((SECOND, "s"), (MILLISECOND, "ms"), (MICROSECOND, "µs"))
    return next((Unit(factor, name) for factor, name in units if largest >= 2 * factor), Unit(1, "ns"))


def byte_unit(largest: float) -> Unit:
    """The unit in which sizes up to `largest` bytes are read best."""
    units = ((2 * GiB, GiB, "GiB"), (MiB, MiB, "MiB"), (KiB, KiB, "KiB"))
    return next((Unit(factor, name) for least, factor, name in units if largest >= least), Unit(1, "B"))


def time_axis(axes: Axes, end: int, label: bool = True) -> Unit:
    """Make x simulated time from 0 to `end` nanoseconds; returns the unit in which to draw."""
    unit = time_unit(end)
    axes.set_xlim(0, max(end, 1) / unit.factor)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    if label:
        axes.set_xlabel(f"simulated time ({unit.name})")
    return unit


def byte_axis(axes: Axes, largest: float, label: str = "", ticks: int = 6, room: float = 1.0) -> Unit:
    """Make y bytes from 0 to `room` times `largest`, with ticks at powers of two; returns the unit in which to draw."""
    unit = byte_unit(largest)
    top = max(largest, 1) / unit.factor * room
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(MultipleLocator(2.0 ** math.ceil(math.log2(top / ticks))))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if label:
        axes.set_ylabel(f"{label} ({unit.name})")
    return unit


def _count_text(value: float, _: object = None) -> str:
    units = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
    factor, name = next((unit for unit in units if abs(value) >= unit[0]), (1.0, ""))
    return f"{value / factor:.4g}{name}"


COUNTS = FuncFormatter(_count_text)
"""labels of counts and rates, with k, M, G for thousands, millions, billions"""


def rate_axis(axes: Axes, label: str) -> None:
    """Make y a rate or a count, from 0 upwards."""
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(COUNTS)


def share_text(value: float, _: object = None) -> str:
    """A share as a label says it: in per cent."""
    text = f"{value * 100:.10f}".rstrip("0").rstrip(".")
    return f"{text}%"


SHARES = FuncFormatter(share_text)
LATENCIES = FuncFormatter(lambda value, _: show(value, "ns", 3))
"""labels of latencies: 1500 is "1.5 µs" """
RATIOS = FuncFormatter(lambda value, _: f"{value:g}×")
ONE_TWO_FIVE = (1.0, 2.0, 5.0)


def log_axis(axis: Axis, labels: FuncFormatter, ticks: int = 9, steps: Sequence[float] = (1.0,)) -> None:
    """Make an axis logarithmic, with about so many ticks at `steps` times powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    axis.set_major_locator(LogLocator(subs=tuple(steps), numticks=ticks))
    axis.set_major_formatter(labels)
    axis.set_minor_formatter(NullFormatter())


def plain(text: str, limit: int = 28) -> str:
    """A name that can't be taken for a formula, with its middle left out where it is longer than `limit`."""
    short = text if len(text) <= limit else f"{text[: limit - limit // 3 - 1]}…{text[-(limit // 3) :]}"
    return short.replace("$", r"\$")


def begin(figure: Figure, title: str, run: str, height: float, width: float = WIDTH) -> None:
    """Give an empty figure its size in inches, its layout and its title."""
    figure.set_size_inches(width, height)
    figure.set_layout_engine("constrained", w_pad=0.05, h_pad=0.05)
    named = f"{title}: {plain(run, max(8, int(width * 10.5) - len(title)))}" if run else title
    figure.suptitle(named, x=0.012, horizontalalignment="left", color=INK)


def legend_beside(axes: Axes, handles: Sequence[Artist], title: str = "") -> Legend:
    """A legend to the right of a panel, where there is no data."""
    legend = axes.legend(
        handles=list(handles), title=title or None, loc="upper left", bbox_to_anchor=(1.01, 1.02), handlelength=2.4
    )
    legend.set_alignment("left")
    return legend


def area(axes: Axes, edges: Any, values: Any, look: Look, below: Any = 0.0, alpha: float = 1.0) -> None:
    """Draw `values` (n) as a stepped area over `edges` (n + 1), on top of `below` (a number, or n).

    Neither this nor `step` changes the axes' limits, which is what takes long in `Axes.stairs`.
    """
    patch = StepPatch(
        values, edges, baseline=below, fill=True, facecolor=look.colour, edgecolor=look.hatch_colour,
        hatch=look.hatch or None, linewidth=0, alpha=alpha,
    )  # fmt: skip
    axes.add_artist(patch)


def step(axes: Axes, edges: Any, values: Any, look: Look, width: float = 1.4) -> None:
    """Draw `values` (n; NaN is a gap) as a stepped line over `edges` (n + 1)."""
    open_below: Any = None  # no way back along the axis
    line = StepPatch(
        values, edges, baseline=open_below, fill=False, edgecolor=look.colour, linestyle=look.line, lw=width
    )
    axes.add_artist(line)


@contextmanager
def applied() -> Iterator[None]:
    """The settings of all plots, in force while figures are drawn and saved."""
    with mpl.rc_context(_SETTINGS):
        yield


def save(figure: Figure, path: Path, form: str) -> None:
    """Write a figure as PNG, SVG or PDF: beside, then renamed into place. The bytes depend on the figure only.

    Raises ValueError for another format.
    """
    if form not in FORMATS:
        raise ValueError(f"found format {form!r}, allowed is one of {', '.join(FORMATS)}")
    undated: dict[str, dict[str, None]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    beside = path.with_name(f".{path.name}.partial")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # names in any script
            figure.savefig(beside, format=form, dpi=RESOLUTION, metadata=undated[form])
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
