"""A region: the pages that one call reserved, allocated or mapped, and what each of them is.

Windows keeps a virtual address descriptor (VAD) for each. What can be done with a region's pages is a matter of its
kind: private memory and stacks, views, AWE windows, large pages, placeholders, each a class in a file of this folder.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import KNOWN, cached, rights

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

Numbers = NDArray[np.int64]


class Runs:
    """A map from the pages [first, end) to integers, such as protections; neighbours of equal value are one run, so
    that a region's size costs nothing, only its variety does."""

    __slots__ = ("_starts", "_values", "end", "first")

    def __init__(self, first: int, end: int, value: int) -> None:
        """All pages have `value`."""
        self.first, self.end = first, end
        self._starts, self._values = [first], [value]

    def at(self, page: int) -> int:
        """The value of a page."""
        return self._values[bisect_right(self._starts, page) - 1]

    def run(self, page: int) -> tuple[int, int, int]:
        """(first page, end, value) of the run that holds a page."""
        i = bisect_right(self._starts, page) - 1
        return self._starts[i], self._starts[i + 1] if i + 1 < len(self._starts) else self.end, self._values[i]

    def within(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(first page, end, value) of each run in [first, end), cut to it; the map may not change meanwhile."""
        starts, values = self._starts, self._values
        i = bisect_right(starts, first) - 1
        last = len(starts) - 1
        while first < end:
            stop = min(end, starts[i + 1]) if i < last else end
            yield first, stop, values[i]
            first = stop
            i += 1

    def set(self, first: int, end: int, value: int) -> None:
        """Give the pages [first, end), at least one, a value."""
        starts, values = self._starts, self._values
        i = bisect_left(starts, first)
        j = bisect_left(starts, end, i)
        after = values[j - 1]
        tail_end = starts[j] if j < len(starts) else self.end
        new_starts, new_values = [first], [value]
        if i > 0 and values[i - 1] == value:
            new_starts, new_values = [], []
        if tail_end > end:
            if after != value:
                new_starts.append(end)
                new_values.append(after)
        elif j < len(starts) and values[j] == value:
            j += 1
        starts[i:j] = new_starts
        values[i:j] = new_values

    def __len__(self) -> int:
        return len(self._starts)


class Region:
    """The pages [first, end) of an address space, page numbers as everywhere in what follows.

    This class says what its calls refuse of what its kind doesn't allow; a kind overrides the others.
    """

    kind = c.MEM_PRIVATE
    """what VirtualQuery calls it: MEM_PRIVATE, MEM_MAPPED or MEM_IMAGE"""
    fixed = False
    """whether its pages are in no working set and need no page tables, like large pages"""
    bound = True
    """whether its page-table entries are bound to what it shows when they are made"""
    charged_by_page = True
    """whether the process is charged for its committed pages"""
    watched: set[int] | None = None
    """pages written since the last reset of a MEM_WRITE_WATCH region"""

    def __init__(self, space: AddressSpace, first: int, end: int, protect: int, value: int = 0) -> None:
        """`protect`: the allocation's; `value`: each page's protection, 0 while it is reserved only."""
        self.space = space
        self.first, self.end = first, end
        self.protect = protect
        self.runs = Runs(first, end, value)
        """by page: protection with the flags of `protection`, 0: reserved"""
        self.replaced = False
        """whether it has replaced a placeholder"""

    # What its pages are

    def committed(self, first: int, end: int) -> int:
        """How many pages of [first, end) have a protection: of private memory those that are committed."""
        return sum(stop - start for start, stop, value in self.runs.within(first, end) if value)

    def state(self, page: int) -> tuple[int, int]:
        """(protection, end) of the run of pages like `page`, from it on; 0: reserved."""
        _, end, value = self.runs.run(page)
        value &= KNOWN
        while end < self.end:
            _, further, beyond = self.runs.run(end)
            if beyond & KNOWN != value:
                break
            end = further
        return value, end

    def query(self, page: int) -> tuple[int, int]:
        """`state` as VirtualQuery shows it."""
        return self.state(page)

    def contents_in_use(self, first: int, end: int) -> Numbers:
        """The contents of committed pages of [first, end), as far as they may have been anywhere."""
        return np.empty(0, np.int64)

    # What calls do to them

    def commit(self, first: int, end: int, protect: int) -> None:
        """VirtualAlloc of pages that are reserved already."""
        raise Failure(c.ERROR_INVALID_ADDRESS)

    def protect_pages(self, first: int, end: int, protect: int) -> int:
        """VirtualProtect; the first page's old protection."""
        raise Failure(c.ERROR_INVALID_ADDRESS)

    def check_free(self, free_type: int) -> None:
        """Refuse what VirtualFree can't do to a region of this kind."""
        if free_type == c.MEM_DECOMMIT:
            raise Failure(c.ERROR_INVALID_PARAMETER)

    def decommit(self, first: int, end: int) -> None:
        """VirtualFree of pages that `check_free` lets go."""

    def check_reset(self) -> None:
        """Refuse MEM_RESET."""

    def assign(self, first: int, end: int, protect: int) -> None:
        """Give pages a protection; their flags stay, and so do caching modifiers of the allocation."""
        protect = cached(protect, self.protect)
        flagged = [run for run in self.runs.within(first, end) if run[2] & ~KNOWN]
        self.runs.set(first, end, protect)
        for start, stop, value in flagged:
            self.runs.set(start, stop, protect | value & ~KNOWN)
        self.space.tables.allow(self, first, end)

    def note_stores(self, first: int, end: int) -> None:
        """Pages are stored to which the page tables let nobody store to before."""

    # What page tables ask

    def copies(self, first: int, end: int) -> bool:
        """Whether pages of [first, end) need contents of their own."""
        return True

    def bind(self, pages: Numbers, entries: Numbers, own: Numbers | None) -> None:
        """Have invalid entries show what pages, in order, have; `own`: contents for pages that aren't shared."""
        assert own is not None
        self.space.pages.bind(entries, own)

    def rights(self, pages: Numbers, value: int) -> tuple[Any, Any, Any]:
        """(accessible, writable, executable), for all or each of pages with a protection and flags."""
        return rights(value, self.space.tables.no_execute)

    def allow(self) -> None:
        """What may be executed has changed."""
        self.space.tables.allow(self, self.first, self.end)

    # Its end

    def clear(self, reason: int) -> None:
        """Its pages are gone from the page tables."""
        self.space.tables.delete(self.first, self.end, reason)

    def released(self) -> None:
        """It is gone from its address space."""
