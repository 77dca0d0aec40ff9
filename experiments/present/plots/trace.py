"""What the plots of a trace's profile share: looks, axes, and where phases lie. Time is counted in references."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter

from experiments.present.numbers import show
from experiments.present.plots import style
from experiments.profile.result import TraceProfile

LRU, OPTIMAL = style.Look(style.BLUE), style.Look(style.GREEN, style.DASHED)
SAMPLED = style.Look(style.ORANGE, style.DOTTED)

KINDS: dict[str, style.Look] = {
    "fetches": style.Look(style.SKY),
    "loads": style.Look(style.BLUE, hatch="////", hatch_colour="#FFFFFF"),
    "stores": style.Look(style.VERMILION, hatch="....", hatch_colour="#FFFFFF"),
}
"""Kinds of references, as they are stacked from below."""

CLOCKS: dict[str, style.Look] = {
    "requests": style.Look(style.BLUE),
    "references": style.Look(style.PURPLE, style.DASHED),
}
"""What time is counted in."""

TRANSITION = style.Look("#E3E3E3")


def name_of(profile: TraceProfile) -> str:
    """The trace's name, or nothing."""
    return str(profile.summary.get("name") or "")


def reference_axis(axes: Axes, profile: TraceProfile, label: bool = True) -> style.Unit:
    """Make x the references from the first to the last; returns the unit in which to draw."""
    end = int(profile.summary["references"])
    units = ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands"))
    unit = next((style.Unit(factor, f"{name} of references") for factor, name in units if end >= 2 * factor), None)
    unit = unit or style.Unit(1, "references")
    axes.set_xlim(0, end / unit.factor)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    if label:
        axes.set_xlabel(f"time ({unit.name})")
    return unit


def log_counts(axes: Axes, which: str, label: str) -> None:
    """Make an axis ("x" or "y") logarithmic, with counts as labels."""
    style.log_axis(axes.xaxis if which == "x" else axes.yaxis, style.COUNTS)
    (axes.set_xlabel if which == "x" else axes.set_ylabel)(label)


def log_ratios(axes: Axes, label: str, least: float, most: float = 1.0) -> None:
    """Make y logarithmic, from below `least` to `most`, in per cent."""
    style.log_axis(axes.yaxis, style.SHARES)
    axes.set_ylim(min(max(least, 1e-12) / 2, most / 10), most * 1.3)
    axes.set_ylabel(label)


def memory_axis(axes: Axes, profile: TraceProfile, most: int) -> None:
    """Make x pages of memory from 1 to `most`, logarithmic; above it bytes, where a page's size is known."""
    axes.set_xlim(1, max(most, 2) * 1.05)
    log_counts(axes, "x", "memory (pages)")
    size = profile.summary.get("page_size")
    if size:
        above = axes.secondary_xaxis("top", functions=(lambda pages: pages * size, lambda held: held / size))
        sizes = [size << power for power in range(0, 60, 3) if size << power <= most * size * 1.05]
        above.set_xticks(sizes, [show(held, "bytes") for held in sizes])
        above.xaxis.set_minor_formatter(NullFormatter())
        above.tick_params(labelsize=7, length=2)


def shade_phases(axes: Axes, profile: TraceProfile, unit: style.Unit) -> None:
    """Shade the transitions and draw a line where one phase follows another."""
    for phase in profile.frame("phases").to_dict("records"):
        start, stop = phase["start"] / unit.factor, (phase["start"] + phase["length"]) / unit.factor
        if not phase["stable"]:
            axes.axvspan(start, stop, color=TRANSITION.colour, linewidth=0, zorder=0)
        elif start:
            axes.axvline(start, color=style.MUTED, linewidth=0.6, linestyle=style.DOTTED, zorder=0.5)


def phase_handles() -> list[Patch | Line2D]:
    """The legend entries of what `shade_phases` draws."""
    between = Line2D([], [], color=style.MUTED, linewidth=0.6, linestyle=style.DOTTED, label="start of a phase")
    return [Patch(color=TRANSITION.colour, label="between phases"), between]
