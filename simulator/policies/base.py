"""What a trimming policy sees and what it proposes. A policy's file imports this module only.

A policy is a dataclass registered under its name; its fields are its parameters. The memory manager asks it at two
points: `trim`, at each pass of the balance set manager, and `replace`, when a process faults at its working-set limit
(or, on the textbook machine, when no frame is free). A policy proposes; the manager applies, refuses what isn't
allowed, and counts, so that a figure means the same for every policy.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as parameters

from simulator.compile import callback, compiled
from simulator.config import STRICT
from simulator.memory.working_set import requeue
from simulator.records import ACCESSED, PINNED, bits, machine, processes, ptes
from simulator.registry import register

__all__ = [
    "ACCESSED",
    "NOTHING",
    "PINNED",
    "STRICT",
    "Decision",
    "Entries",
    "Field",
    "MemoryView",
    "Policy",
    "WorkingSetView",
    "bits",
    "callback",
    "compiled",
    "machine",
    "np",
    "oldest",
    "parameters",
    "processes",
    "ptes",
    "register",
    "requeue",
]

NOTHING: NDArray[np.int64] = np.empty(0, np.int64)
"""No entries."""


class Entries(NamedTuple):
    """The entries of one working set in order of entry: arrays of one length, copies that a policy may keep."""

    entry: NDArray[np.int64]
    """the number by which a Decision names it"""
    page: NDArray[np.uint64]
    """virtual page number"""
    age: NDArray[np.uint8]
    """passes since it was seen accessed, as the policy set it; 0 on entry"""
    accessed: NDArray[np.bool_]
    """referenced since this bit was last cleared, or since entry"""
    dirty: NDArray[np.bool_]
    """stored to since entry"""
    locked: NDArray[np.bool_]
    """may not be trimmed"""
    share: NDArray[np.int32]
    """working sets that hold its frame"""
    entered: NDArray[np.int64]
    """place in the order of entry among all processes"""


class WorkingSetView(Protocol):
    """One process's working set."""

    index: int
    name: str
    size: int
    minimum: int
    maximum: int
    peak: int
    hard_maximum: bool
    memory_priority: int
    foreground: bool
    page_faults: int

    @property
    @abstractmethod
    def entries(self) -> Entries:
        """Its entries, gathered when first asked for."""


class MemoryView(Protocol):
    """What a policy may look at. Sizes are in pages, `time` in nanoseconds."""

    time: int
    available: int
    zeroed: int
    free: int
    standby: Sequence[int]
    modified: int
    writable: int
    """modified pages that have somewhere to be written to"""
    low: int
    high: int
    working_sets: Sequence[WorkingSetView]
    """of the living processes, in order of their index"""


@dataclass(frozen=True)
class Decision:
    """What a policy proposes; arrays of entry numbers, applied in the order of these fields."""

    cleared: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """their accessed bits are cleared"""
    aged: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """get a new age"""
    ages: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    """the ages for `aged`, one each"""
    requeued: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """go to the end of the order of entry, one after another"""
    trimmed: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """are taken out of their working sets, one after another"""
    examined: int = 0
    """entries looked at; processor time is charged for each"""


class Policy(Protocol):
    """What the memory manager asks of a policy."""

    name: ClassVar[str]
    requires: ClassVar[frozenset[str]]
    """what an implementation in hardware couldn't have: "last_access", "future"; empty: implementable"""
    compiled_replace: ClassVar[Any]
    """a `callback` that takes the place of `replace`, or None"""

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """Propose which pages leave which working sets; `goal` pages are wanted (0: only age)."""
        ...

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """Propose the entry that makes room in a process's working set (None: in any); None: it shall grow."""
        ...


@compiled
def oldest(a: int, process: int) -> int:
    """The entry that has been longest in a process's working set, or in any (process -1); locked ones are passed
    over; -1: there is none. For compiled `replace`s."""
    best = np.int64(-1)
    m = machine(a)
    for p in range(m.process_count):
        if process >= 0 and p != process:
            continue
        entry = np.int64(processes(a)[p].head)
        while entry >= 0 and bits(a)[entry] & PINNED:
            entry = np.int64(ptes(a)[entry].next)
        if entry >= 0 and (best < 0 or ptes(a)[entry].entered < ptes(a)[best].entered):
            best = entry
    return best
