"""What a plot is: one class in one file, which registers itself, draws a result and says in words what it shows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import cleandoc
from typing import Any, ClassVar, Generic, TypeVar

from matplotlib.figure import Figure

from experiments.analysis.comparison import ComparisonResult
from experiments.profile.result import TraceProfile
from simulator.result import RunResult

Result = TypeVar("Result")

MOST_NAMES = 6
"""names in a sentence"""


class Plot(ABC, Generic[Result]):
    """A plot of a kind of result: registered with `@register("plot", name)` and made without arguments.

    Its docstring's paragraphs say what is shown and how to read it; captions have them.
    """

    title: ClassVar[str]
    """what is seen, as the figure's title says it"""
    reads: ClassVar[str] = "run"
    """the kind of result that it shows, one of `draw.RESULTS`"""

    @abstractmethod
    def applies(self, result: Result) -> bool:
        """Whether the result has what is drawn."""

    @abstractmethod
    def draw(self, result: Result, figure: Figure) -> None:
        """Draw it on an empty figure."""

    def describe(self, result: Result) -> str:
        """What is seen in this one, in sentences; empty: nothing that the picture doesn't say."""
        return ""


class RunPlot(Plot[RunResult]):
    """A plot of a run."""


class ComparisonPlot(Plot[ComparisonResult]):
    """A plot of a comparison."""

    reads: ClassVar[str] = "comparison"


class ProfilePlot(Plot[TraceProfile]):
    """A plot of a trace's profile."""

    reads: ClassVar[str] = "trace-profile"


def about(plot: Any) -> tuple[str, ...]:
    """What a plot shows in general and how to read it: the paragraphs of its docstring."""
    return tuple(" ".join(part.replace("`", "").split()) for part in cleandoc(plot.__doc__ or "").split("\n\n"))


def sentence(plot: Any, result: Any) -> str:
    """What a plot shows of a result, in numbers; nothing of one that doesn't say."""
    return str(plot.describe(result)) if hasattr(plot, "describe") else ""
