"""What must hold of every figure: all is inside, nothing lies on anything else."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from experiments.present.plots import style
from simulator.registry import find


def drawn(kind: str, result: Any) -> Figure:
    """A figure with the plot of this kind, laid out."""
    with style.applied():
        find("plot", kind)().draw(result, figure := Figure())
        figure.draw_without_rendering()
    return figure


def inside(figure: Figure, box: Bbox | None) -> bool:
    """Whether a box lies within the figure."""
    assert box is not None
    whole = figure.bbox
    return bool(min(box.x0 - whole.x0, whole.x1 - box.x1, box.y0 - whole.y0, whole.y1 - box.y1) > -1)


def check(figure: Figure) -> None:
    """No panel is cut off or tiny, no labels of ticks collide, no legend covers data, titles fit."""
    panels = [axes for axes in figure.axes if axes.get_visible()]
    for axes in panels:
        assert inside(figure, axes.get_tightbbox())
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=False)  # none inside a grid
            shown = [label.get_window_extent() for at, label in ticks if low <= at <= high and label.get_text()]
            assert not any(one.overlaps(other) for one, other in combinations(shown, 2))
    for legend in [*figure.legends, *(axes.get_legend() for axes in panels)]:
        if legend is not None:
            assert not any(legend.get_window_extent().overlaps(axes.bbox) for axes in panels)
    for text in (figure._supxlabel, figure._supylabel, figure._suptitle):  # type: ignore[attr-defined]
        assert text is None or inside(figure, text.get_window_extent())


def roomy(figure: Figure) -> bool:
    """Whether every panel is large enough to see something in."""
    return all(min(axes.bbox.width, axes.bbox.height) > 40 for axes in figure.axes if axes.get_visible())
