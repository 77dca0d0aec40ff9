"""A plot as a figure in memory, that a notebook shows and whoever wants it saves."""

from __future__ import annotations

import base64
import io
from typing import Any

from matplotlib.figure import Figure

from experiments.errors import BadInput
from experiments.present.plots import style
from experiments.present.plots.base import about, sentence
from experiments.present.plots.draw import kinds_that_read, plot

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
    return [name for name in kinds_that_read(reads) if plot(name).applies(result)]


def picture(result: Any, kind: str, reads: str) -> Picture:
    """A plot of a result; `reads` says what kind of result it is, as in `experiments.present.plots.draw`.

    Raises BadInput for a plot that there isn't for such a result, or that has nothing to show of this one.
    """
    known = kinds_that_read(reads)
    if kind not in known:
        raise BadInput(f"plot({kind!r}): found no such plot, allowed is one of {', '.join(known)}")
    drawing = plot(kind)
    if not drawing.applies(result):
        raise BadInput(
            f"plot({kind!r}): found nothing to draw in this result, allowed is one of "
            f"{', '.join(applying(result, reads)) or 'none'}"
        )
    made = Picture()
    with style.applied():
        drawing.draw(result, made)
    made.alt = f"{drawing.title}. {sentence(drawing, result) or about(drawing)[0]}".strip()
    return made
