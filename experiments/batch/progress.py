"""Progress of a batch on a terminal: points done, failed, how long the rest will take; nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from experiments.batch.point import Outcome


@contextmanager
def batch_reporter(title: str, total: int) -> Iterator[Callable[[Outcome], None]]:
    """A function to be told each outcome, which draws a bar on stderr if that is a terminal."""
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
        failures: list[str] = []

        def report(outcome: Outcome) -> None:
            if outcome.error is not None:
                failures.append(outcome.point.label)
            bars.update(task, advance=1, failed=f"{len(failures)} failed" if failures else "")

        yield report
