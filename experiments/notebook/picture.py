"""A plot as a figure in memory, that a notebook shows and whoever wants it saves."""

from __future__ import annotations

import base64
import io
from inspect import cleandoc
from typing import Any, cast

from matplotlib.figure import Figure

from experiments.errors import BadInput
from experiments.present.plots import style
from experiments.present.plots.draw import Plot, kinds_that_read
from experiments.present.report import words
from simulator import registry

DOTS = 110
"""dots per inch where a notebook shows it: a figure of 8 inches fits beside the margin"""


class Picture(Figure):
    """A figure in the style of all plots, also while it is saved; it says in words what it shows."""

    alt: str = ""
    """what is seen, in numbers, for those who don't see it"""

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """As matplotlib's."""
        with style.applied():
            super().savefig(*args, **kwargs)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """The figure as a PNG with its alternative text, by the protocol of notebooks."""
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=DOTS)
        return {"image/png": base64.b64encode(file.getvalue()).decode()}, {"image/png": {"alt": self.alt}}


def applying(result: Any, reads: str) -> list[str]:
    """The names of the plots that show this kind of result and have something to show of this one, sorted."""
    return [name for name in kinds_that_read(reads) if _plot(name).applies(result)]


def picture(result: Any, kind: str, reads: str) -> Picture:
    """A plot of a result; `reads` says what kind of result it is, as in `experiments.present.plots.draw`.

    Raises BadInput for a plot that there isn't for such a result, or that has nothing to show of this one.
    """
    known = kinds_that_read(reads)
    if kind not in known:
        raise BadInput(f"plot({kind!r}): found no such plot, allowed is one of {', '.join(known)}")
    plot = _plot(kind)
    if not plot.applies(result):
        raise BadInput(
            f"plot({kind!r}): found nothing to draw in this result, allowed is one of "
            f"{', '.join(applying(result, reads)) or 'none'}"
        )
    made = Picture()
    with style.applied():
        plot.draw(result, made)
    made.alt = f"{plot.title}. {_words(kind, result, reads) or _about(plot)}".strip()
    return made


def _plot(kind: str) -> Plot:
    return cast("Plot", registry.find("plot", kind)())


def _about(plot: Plot) -> str:
    """What a plot shows in general: the first paragraph of its docstring."""
    return " ".join(cleandoc(plot.__doc__ or "").split("\n\n")[0].replace("`", "").split())


def _words(kind: str, result: Any, reads: str) -> str:
    match reads:
        case "run":
            return words.run(kind, result)
        case "comparison":
            return words.comparison(kind, result)
    return ""
