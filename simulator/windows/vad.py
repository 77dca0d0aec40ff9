"""Virtual address descriptors (VADs): the regions of an address space, in the order of their addresses."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.windows.constants import MEM_PRIVATE
from simulator.windows.protection import KNOWN, cached
from simulator.windows.runs import Runs

if TYPE_CHECKING:
    from simulator.windows.stack import Stack


class MappedView(Protocol):
    """What a region asks of the view that it shows (`simulator.windows.view`); pages count from the view's first."""

    @property
    def fixed(self) -> bool:
        """Whether it is in no working set, like large pages."""

    @property
    def file_backed(self) -> bool:
        """Whether its pages come from a file."""

    def contents(self, first: int, count: int) -> NDArray[np.int64]:
        """The contents of pages, committed or not."""

    def committed(self, first: int, count: int) -> NDArray[np.bool_]:
        """Whether each page is committed."""

    def committed_run(self, first: int) -> tuple[bool, int]:
        """Whether a page is committed, and how many from it on are the same."""

    def commit(self, first: int, count: int) -> None:
        """Commit pages of a SEC_RESERVE section; raises Failure 1455."""

    def protection_run(self, first: int) -> tuple[int, int]:
        """A page's protection when the view is mapped, and how many from it on have the same."""

    def private(self, protection: int) -> bool:
        """Whether pages with this protection may be copied."""

    def allows(self, protection: int) -> bool:
        """Whether pages may get this protection."""

    def effective(self, protection: int) -> int:
        """What a protection becomes here."""

    def charge_private(self, pages: int) -> None:
        """Charge commit for copies; raises Failure 1455."""

    def unmapped(self) -> None:
        """The view is gone from its address space."""


class Vad:
    """One region: the pages [first, end) that one call reserved, allocated or mapped."""

    __slots__ = (
        "awe", "end", "first", "kind", "large", "latched", "placeholder", "protect", "replaced", "runs", "stack",
        "view", "watched",
    )  # fmt: skip

    def __init__(self, first: int, end: int, protect: int, value: int, kind: int = MEM_PRIVATE) -> None:
        """`protect`: the allocation's; `value`: each page's protection, 0 while it is reserved only."""
        self.first, self.end = first, end
        self.kind = kind
        """MEM_PRIVATE, MEM_MAPPED or MEM_IMAGE"""
        self.protect = protect
        self.runs = Runs(first, end, value)
        """by page: protection with the flags of `protection`, 0: reserved. A view's pages have a protection, and the
        view knows which of them are committed."""
        self.view: Any = None
        """a MappedView, if it is one"""
        self.awe: dict[int, int] | None = None
        """the content behind each mapped page of an Address Windowing Extensions region"""
        self.large: NDArray[np.int64] | None = None
        """the contents of a large-page region"""
        self.watched: set[int] | None = None
        """pages written since the last reset of a MEM_WRITE_WATCH region"""
        self.latched: set[int] = set()
        """those of them that count as written even when they are decommitted"""
        self.stack: Stack | None = None
        """the stack that lies here"""
        self.placeholder = False
        """whether it waits to be replaced"""
        self.replaced = False
        """whether it has replaced a placeholder"""

    @property
    def pageable(self) -> bool:
        """Whether it is private memory of the ordinary kind."""
        return self.kind == MEM_PRIVATE and self.awe is None and self.large is None and not self.placeholder

    def cached(self, protect: int) -> int:
        """What a page becomes that is given a protection: see `protection.cached`."""
        return cached(protect, self.protect)

    def committed(self, first: int, end: int) -> int:
        """Committed pages of [first, end), of private memory."""
        return sum(stop - start for start, stop, value in self.runs.within(first, end) if value)

    def state(self, page: int) -> tuple[int, int]:
        """(value without flags, end) of the run of pages like `page`, from it on; value 0: reserved."""
        _, end, value = self.runs.run(page)
        value &= KNOWN
        while end < self.end:
            _, further, beyond = self.runs.run(end)
            if beyond & KNOWN != value:
                break
            end = further
        if self.view is None:
            return value, end
        committed, length = self.view.committed_run(page - self.first)
        return (value, min(end, page + length)) if committed else (0, page + length)

    @property
    def tables(self) -> bool:
        """Whether its committed pages need page tables: large pages don't."""
        return self.large is None and not (self.view is not None and self.view.fixed)


class Vads:
    """All regions of an address space; none overlap."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.vads: list[Vad] = []

    def at(self, page: int) -> Vad | None:
        """The region that holds a page."""
        i = bisect_right(self.firsts, page) - 1
        if i < 0:
            return None
        vad = self.vads[i]
        return vad if page < vad.end else None

    def add(self, vad: Vad) -> None:
        """A new region."""
        i = bisect_left(self.firsts, vad.first)
        self.firsts.insert(i, vad.first)
        self.vads.insert(i, vad)

    def remove(self, vad: Vad) -> None:
        """A region is gone."""
        i = bisect_left(self.firsts, vad.first)
        del self.firsts[i], self.vads[i]

    def next_first(self, page: int, default: int) -> int:
        """First page of the first region after a free page."""
        i = bisect_right(self.firsts, page)
        return self.firsts[i] if i < len(self.firsts) else default

    def overlapping(self, first: int, end: int) -> Iterator[Vad]:
        """Regions with pages in [first, end)."""
        i = max(bisect_right(self.firsts, first) - 1, 0)
        while i < len(self.vads) and self.firsts[i] < end:
            if self.vads[i].end > first:
                yield self.vads[i]
            i += 1

    def tables(self, first: int, end: int, span: int) -> int:
        """How many page tables (each of `span` pages) [first, end), whole tables, has committed pages in.

        Commit is charged for page tables though they are built on the first touch only (MODEL.md section 5). All pages
        of a view count, as those of SEC_RESERVE sections become committed from elsewhere; regions of large pages have
        no page tables, and AWE regions no committed pages.
        """
        count, last, whole = 0, -1, (end - first) // span
        vads = self.vads
        for i in range(max(bisect_right(self.firsts, first) - 1, 0), bisect_left(self.firsts, end)):
            vad = vads[i]
            if vad.end <= first or not vad.tables:
                continue
            for start, stop, value in vad.runs.within(max(first, vad.first), min(end, vad.end)):
                if value:
                    lowest, highest = max(start // span, last + 1), (stop - 1) // span
                    if highest >= lowest:
                        count += highest - lowest + 1
                        last = highest
                        if count == whole:
                            return count
        return count
