"""What the plain model keeps of pages, allocations, sections and views."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PAGE, UNIT = 4096, 16
"""Bytes of a page, pages of an allocation unit."""


class Unspecified(Exception):
    """The documentation doesn't say what happens: the operation is left out."""


@dataclass(frozen=True)
class Outcome:
    """What a call gives: whether it succeeds, else the last error (None: any) or the status of an exception."""

    done: bool
    code: int | None = None
    raised: bool = False


@dataclass
class Section:
    """A section: what it charges and who keeps it."""

    pages: int
    protect: int
    name: str | None
    file: bool = False
    reserve: bool = False
    committed: set[int] = field(default_factory=set)
    handles: int = 0
    views: int = 0

    def alive(self) -> bool:
        """Whether a handle or a view is left."""
        return self.handles + self.views > 0

    def charged(self) -> int:
        """Pages of commit charge."""
        return 0 if self.file or not self.alive() else len(self.committed)


@dataclass
class Event:
    """An event that resets itself."""

    name: str | None
    on: bool = False
    handles: int = 0


@dataclass
class Allocation:
    """A reservation, or a view if it has a section."""

    base: int
    pages: int
    protect: int
    section: Section | None = None
    copies: bool = False
    """a copy-on-write view"""
    placeholder: bool = False
    replaced: bool = False
    """whether it has replaced a placeholder"""


@dataclass
class Page:
    """A page of an allocation."""

    allocation: Allocation
    index: int
    committed: bool = False
    protect: int = 0
    valid: bool = False
    locked: bool = False
    offered: bool = False
    copied: bool = False

    @property
    def private(self) -> bool:
        """Whether it belongs to no view."""
        return self.allocation.section is None

    def is_committed(self) -> bool:
        """Committed in its own right, or by the section."""
        section = self.allocation.section
        return self.committed if section is None else self.index in section.committed


@dataclass(frozen=True)
class Op:
    """A call of one process, with its arguments."""

    who: int
    name: str
    arguments: tuple[Any, ...]
