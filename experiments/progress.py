"""Progress on a terminal: how far a run or a study is and how long it will still take; nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from experiments.present.numbers import show


class _Reporter:
    """Turns what a simulation reports into a bar; a count that falls back starts the bar of the next simulation."""

    def __init__(self, bars: Progress, labels: list[str], duration: int | None) -> None:
        self._bars = bars
        self._labels = labels
        self._duration = duration
        self._task: TaskID | None = None
        self._last = -1

    def __call__(self, done: int, total: int | None, simulated_ns: int) -> None:
        if self._task is None or simulated_ns < self._last:
            label = self._labels.pop(0) if self._labels else ""
            self._task = self._bars.add_task(label, total=None, simulated="")
        self._last = simulated_ns
        share = self._share(done, total, simulated_ns)
        self._bars.update(
            self._task,
            completed=share or 0.0,
            total=None if share is None else 1.0,
            simulated=f"{show(simulated_ns, 'ns')} simulated",
        )

    def _share(self, done: int, total: int | None, simulated_ns: int) -> float | None:
        """The part that is done: of the references or of the simulated time, whichever ends first."""
        shares = [done / total] if total else []
        if self._duration:
            shares.append(simulated_ns / self._duration)
        return min(1.0, max(shares)) if shares else None


@contextmanager
def reporter(labels: list[str], duration: int | None) -> Iterator[_Reporter | None]:
    """A progress callback that draws on stderr, a bar for each simulation by its label; None if that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[simulated]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Reporter(bars, list(labels), duration)


@contextmanager
def batch_reporter(title: str, total: int) -> Iterator[Callable[[str | None], None]]:
    """A function to call with each point's error (None: it has none), which draws a bar on stderr, if a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal or not total:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(title, total=total, failed="")
        failed = 0

        def report(error: str | None) -> None:
            nonlocal failed
            failed += error is not None
            bars.update(task, advance=1, failed=f"{failed} failed" if failed else "")

        yield report
