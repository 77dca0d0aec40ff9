"""Progress of work on traces, drawn on a terminal; nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def reading(label: str) -> Iterator[Callable[[int, int, int], None] | None]:
    """A callback that is told bytes read, bytes in all, and references so far; None if stderr is no terminal."""
    with _bars(TimeRemainingColumn()) as bars:
        if bars is None:
            yield None
            return
        task = bars.add_task(label, total=None, references=0)

        def told(done: int, size: int, references: int) -> None:
            bars.update(task, completed=done, total=size, references=references)

        yield told


@contextmanager
def recording_line(limit: int | None, seconds: float | None) -> Iterator[Callable[[Any], None] | None]:
    """A callback that is told a `Recording` as it goes on; None if stderr is no terminal."""
    with _bars(TimeElapsedColumn(), TimeRemainingColumn()) as bars:
        if bars is None:
            yield None
            return
        task = bars.add_task("recording", total=None, references=0)

        def told(recording: Any) -> None:
            """The recording has come so far."""
            shares = [recording.references / limit] if limit else []
            shares += [recording.seconds / seconds] if seconds else []
            share = min(1.0, max(shares)) if shares else None
            bars.update(
                task,
                completed=share or 0.0,
                total=None if share is None else 1.0,
                references=recording.references,
            )

        yield told


@contextmanager
def _bars(*more: Any) -> Iterator[Progress | None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[references]:,} references"),
        *more,
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield bars
