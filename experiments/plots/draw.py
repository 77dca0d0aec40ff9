"""Drawing a result: every plot that applies, each into a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from matplotlib.figure import Figure

from experiments.plots import style
from simulator import registry

if TYPE_CHECKING:
    from simulator.result import RunResult


class Plot(Protocol):
    """What a plot owes: a class registered with `@register("plot", name)` that is made without arguments."""

    title: str
    """what is seen, as the figure's title says it"""

    def applies(self, result: RunResult) -> bool:
        """Whether the result holds what this plot shows; asked before `draw`."""
        ...

    def draw(self, result: RunResult, figure: Figure) -> None:
        """Draw into an empty figure, whose size it may set; the result stays as it is."""
        ...


def draw(
    result: RunResult, directory: Path, kinds: Sequence[str] | None = None, format: str = "png"  # noqa: A002
) -> list[Path]:  # fmt: skip
    """Draw the plots named in `kinds` (None: all there are) that apply to the result; returns the files written.

    A file is called `<kind>.<format>`; the format is png, svg or pdf. The same result gives the same bytes.
    Raises `simulator.registry.UnknownName` for a kind that there isn't and ValueError for another format, both before
    anything is written.
    """
    if format not in style.FORMATS:
        raise ValueError(f"found format {format!r}, allowed is one of {', '.join(style.FORMATS)}")
    names = registry.names("plot") if kinds is None else list(dict.fromkeys(kinds))
    plots = {name: cast("Plot", registry.find("plot", name)()) for name in names}
    written = []
    with style.applied():
        for name, plot in plots.items():
            if plot.applies(result):
                directory.mkdir(parents=True, exist_ok=True)
                figure = Figure()
                plot.draw(result, figure)
                path = directory / f"{name}.{format}"
                style.save(figure, path, format)
                written.append(path)
    return written
