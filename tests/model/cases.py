"""A case: all that a run takes, on either side; and how it is written down as constructor code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import Machine, MemoryManager, Process
from simulator.stream import Block

PAGE = 4096
Run = tuple[int, int, int, int]
"""virtual page number, fetches, loads, stores"""


class RunList:
    """A reference stream from a list of runs, in blocks of a given length; pages may be more than the runs touch."""

    def __init__(self, runs: list[Run], block: int = 64) -> None:
        self.runs, self.block = runs, block
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
            )

    def __repr__(self) -> str:
        """Constructor code."""
        return f"RunList({self.runs!r}, {self.block})"


@dataclass(frozen=True)
class Spec:
    """A process and its stream, as a machine takes it."""

    config: Process
    stream: RunList


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
