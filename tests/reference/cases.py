"""A case: all that a run takes, on either side; and how it is written down as constructor code."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import Machine, MemoryManager, Process
from simulator.stream import Block, Waits

PAGE = 4096
Run = tuple[int, int, int, int]
"""virtual page number, fetches, loads, stores"""
Wait = tuple[int, int]
"""until (nanoseconds since the process's start), pause (nanoseconds)"""


class RunList:
    """A reference stream from a list of runs, in blocks of a given length, with waits before some of the runs (by
    number); pages may be more than the runs touch."""

    def __init__(self, runs: list[Run], block: int = 64, waits: dict[int, Wait] | None = None) -> None:
        self.runs, self.block, self.waits = runs, block, waits or {}
        self.pages: NDArray[np.uint64] = np.array(sorted({run[0] for run in runs}), np.uint64)
        self.references: int | None = sum(sum(run[1:]) for run in runs)

    def blocks(self) -> Iterator[Block]:
        """The runs, `block` at a time."""
        index = {int(page): i for i, page in enumerate(self.pages)}
        for first in range(0, len(self.runs), self.block):
            page, fetches, loads, stores = zip(*self.runs[first : first + self.block], strict=True)
            yield Block(
                np.array([index[number] for number in page], np.uint32),
                np.array(fetches, np.uint16),
                np.array(loads, np.uint8),
                np.array(stores, np.uint8),
                self._waits(first),
            )

    def _waits(self, first: int) -> Waits | None:
        rows = sorted(row for row in self.waits if first <= row < first + self.block)
        if not rows:
            return None
        until, pause = zip(*(self.waits[row] for row in rows), strict=True)
        return Waits(np.array(rows, np.int64) - first, np.array(until, np.int64), np.array(pause, np.int64))

    def __repr__(self) -> str:
        """Constructor code."""
        waits = f", {self.waits!r}" if self.waits else ""
        return f"RunList({self.runs!r}, {self.block}{waits})"


def threads(*streams: RunList) -> tuple[RunList, ...]:
    """The streams of the threads of one process: each has the pages of all."""
    pages = np.unique(np.concatenate([stream.pages for stream in streams]))
    together = []
    for stream in streams:
        together.append(copy(stream))
        together[-1].pages = pages
    return tuple(together)


@dataclass(frozen=True)
class Spec:
    """A process and the streams of its threads, as a machine takes it."""

    config: Process
    streams: tuple[RunList, ...]

    def __post_init__(self) -> None:
        """Each stream has the pages of all."""
        object.__setattr__(self, "streams", threads(*self.streams))


@dataclass(frozen=True)
class Case:
    """All that a run takes."""

    machine: Machine
    memory_manager: MemoryManager
    processes: list[Spec]
    seed: int = 1
    duration: int | None = None


def code(value: Any) -> str:
    """Constructor code for a case or any part of it, defaults left out."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = []
        for field in fields(value):
            inner = getattr(value, field.name)
            default = default_of(type(value), field.name)
            if inner != default:
                parts.append(f"{field.name}={code(inner)}")
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, list):
        return "[" + ", ".join(code(item) for item in value) + "]"
    if isinstance(value, tuple):
        return "(" + "".join(f"{code(item)}, " for item in value).rstrip() + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {code(item)}" for key, item in value.items()) + "}"
    return repr(value)


def default_of(cls: Any, name: str) -> Any:
    """The default of a field of a (pydantic) dataclass; a marker that equals nothing else if it has none."""
    field = next(field for field in fields(cls) if field.name == name)
    default: Any = field.default
    default = getattr(default, "default", default)
    factory = getattr(field.default, "default_factory", None) or field.default_factory
    return factory() if callable(factory) else default
