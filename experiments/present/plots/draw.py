"""Drawing a result: every plot that applies, each into a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.present.plots import style
from simulator import registry

RESULTS = {
    "pagesim result": "run", "pagesim trace profile": "trace-profile", "pagesim comparison": "comparison",
    "pagesim sweep": "sweep",
}  # fmt: skip
"""What a manifest calls a kind of result, to what a plot calls it."""


def plot(name: str) -> Any:
    """The plot of a name: one of `base.Plot`, or a third party's that looks like one."""
    return registry.find("plot", name)()


def kinds_that_read(reads: str) -> list[str]:
    """The names of the plots that show a kind of result, sorted."""
    return [name for name in registry.names("plot") if getattr(registry.find("plot", name), "reads", "run") == reads]


def check(kind: str, reads: str) -> None:
    """Raise UnknownName, which lists what there is, unless a plot has this name and shows this kind of result."""
    if kind not in (allowed := kinds_that_read(reads)):
        raise registry.UnknownName(f"found {kind!r}, allowed is one of {', '.join(allowed)}")


def draw(
    result: Any, directory: Path, kinds: Sequence[str] | None = None,
    format: str = "png", reads: str = "run",  # noqa: A002
) -> list[Path]:  # fmt: skip
    """Draw the plots named in `kinds` (None: all there are) that apply to the result; returns the files written.

    `reads` says what kind of result it is. A file is called `<kind>.<format>`; the format is png, svg or pdf. The same
    result gives the same bytes. Raises `simulator.registry.UnknownName` for a plot that there isn't for such a result
    and ValueError for another format, both before anything is written.
    """
    if format not in style.FORMATS:
        raise ValueError(f"found format {format!r}, allowed is one of {', '.join(style.FORMATS)}")
    names = kinds_that_read(reads) if kinds is None else list(dict.fromkeys(kinds))
    for name in names:
        check(name, reads)
    plots = {name: plot(name) for name in names}
    written = []
    with style.applied():
        for name, drawing in plots.items():
            if drawing.applies(result):
                directory.mkdir(parents=True, exist_ok=True)
                figure = Figure()
                drawing.draw(result, figure)
                path = directory / f"{name}.{format}"
                style.save(figure, path, format)
                written.append(path)
    return written
