"""Prototype PTEs: what the pages of a section show, whoever maps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.regions.region import Runs

if TYPE_CHECKING:
    from simulator.windows.system import System

PROTOTYPE_TAG = "MmSt"
"""The pool tag of prototype PTEs [ros: ntoskrnl/include/internal/tag.h; pooltag.txt]."""
PROTOTYPE_SIZE = 8
"""Bytes of paged pool for each page: a PTE on x86-64."""
CHUNK = 16
"""Pages whose contents are made at a time, 64 KiB: what nobody touches costs nothing."""
ENDLESS = 1 << 52
"""More pages than any segment has."""
LARGEST = 1 << 32
"""Pages of the largest section that the paging files back. Windows refuses 8 TiB for lack of pool and 128 TiB as too
big [ros: modules/rostests/apitests/ntdll/NtMapViewOfSection.c]; where between them the border lies is chosen."""


class Segment(ABC):
    """The prototype PTEs of one section: one content for each page, so that all views show the same.

    They lie in paged pool: those of a file's pages are taken when a view first shows them, those of a section that is
    backed by the paging files all at once [CreateFileMapping; MODEL.md 7]. They stay until the segment goes.
    """

    def __init__(self, system: System, pages: int) -> None:
        """`pages` long, at least 1, and without prototype PTEs; nobody uses it yet."""
        self.system = system
        self.pages = pages
        self.users = 0
        """sections that show it"""
        self._described = Runs(0, ENDLESS, 0)
        """1 for the pages that have prototype PTEs"""
        self._blocks: list[int] = []
        """addresses of blocks of prototype PTEs"""

    def show(self, first: int, count: int) -> None:
        """Have prototype PTEs for `count` pages, at least 1, that a view is about to show; raises Failure
        ERROR_NO_SYSTEM_RESOURCES if there is no pool for them (Windows' STATUS_INSUFFICIENT_RESOURCES), and changes
        nothing then."""
        missing = [run[:2] for run in self._described.within(first, first + count) if not run[2]]
        blocks: list[int] = []
        try:
            for start, end in missing:
                blocks.append(self.system.pool.allocate(PROTOTYPE_SIZE * (end - start), PROTOTYPE_TAG, paged=True))
        except Failure:
            self._free(blocks)
            raise Failure(c.ERROR_NO_SYSTEM_RESOURCES) from None
        self._blocks += blocks
        self._described.set(first, first + count, 1)

    def _free(self, blocks: list[int]) -> None:
        for block in blocks:
            self.system.pool.free(block)

    @abstractmethod
    def contents(self, first: int, count: int) -> NDArray[np.int64]:
        """The contents of `count` pages from `first` on, made now if nobody asked for them before."""

    def delete(self) -> None:
        """The last section is gone."""
        self._free(self._blocks)
        self._blocks = []


class FileSegment(Segment):
    """A segment that shows a file's pages: the file's own contents, which stay cached when the segment goes."""

    def __init__(self, system: System, name: str, pages: int) -> None:
        """`name` is the file's."""
        super().__init__(system, pages)
        self.name = name

    def contents(self, first: int, count: int) -> NDArray[np.int64]:
        """The file's contents."""
        return self.system.pages.files.contents(self.name, first, count)


class PagingSegment(Segment):
    """A segment backed by the paging files: demand-zero at first, gone with its last section.

    Commit is charged for all of it at once (SEC_COMMIT), or page by page as programs commit it (SEC_RESERVE). It
    belongs to the segment, not to a view, and stays until the end.
    """

    def __init__(self, system: System, pages: int, reserve: bool) -> None:
        """`reserve`: programs commit the pages. Raises Failure ERROR_NOT_ENOUGH_MEMORY if it is larger than any
        section, ERROR_COMMITMENT_LIMIT."""
        if pages > LARGEST:
            raise Failure(c.ERROR_NOT_ENOUGH_MEMORY)
        self._committed = Runs(0, pages, 0)
        self._chunks: dict[int, int] = {}
        self.charged = 0
        super().__init__(system, pages)
        try:
            if not reserve:
                self.commit(0, pages)
            self.show(0, pages)
        except Failure:
            self.delete()
            raise

    def commit(self, first: int, count: int) -> None:
        """Commit pages that aren't yet; all or none: raises Failure ERROR_COMMITMENT_LIMIT."""
        runs = self._committed.within(first, first + count)
        missing = sum(end - start for start, end, committed in runs if not committed)
        if missing and not self.system.pages.charge(missing):
            raise Failure(c.ERROR_COMMITMENT_LIMIT)
        self.charged += missing
        if missing:
            self._committed.set(first, first + count, 1)

    def committed(self, first: int, count: int) -> NDArray[np.bool_]:
        """For each page, whether it is committed."""
        mask = np.empty(count, np.bool_)
        for start, end, committed in self._committed.within(first, first + count):
            mask[start - first : end - first] = committed
        return mask

    def committed_run(self, first: int) -> tuple[bool, int]:
        """Whether a page is committed, and how many pages from it on are the same."""
        _, end, committed = self._committed.run(first)
        return bool(committed), end - first

    def contents(self, first: int, count: int) -> NDArray[np.int64]:
        """New contents are made in chunks of 64 KiB (the last one may be shorter)."""
        parts = []
        for chunk in range(first // CHUNK, -(-(first + count) // CHUNK)):
            start = chunk * CHUNK
            length = min(CHUNK, self.pages - start)
            number = self._chunks.get(chunk)
            if number is None:
                number = self._chunks[chunk] = int(self.system.pages.add_contents(length))
            low, high = max(first, start), min(first + count, start + length)
            parts.append(np.arange(number + low - start, number + high - start, dtype=np.int64))
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def delete(self) -> None:
        """Frames, slots, commit charge and pool are given back."""
        for chunk, number in sorted(self._chunks.items()):
            self.system.pages.delete_contents(number, min(CHUNK, self.pages - chunk * CHUNK))
        self._chunks.clear()
        self.system.pages.refund(self.charged)
        self.charged = 0
        super().delete()


class LargeSegment(PagingSegment):
    """A segment of large pages: its frames are taken at once, contiguous and nonpageable [Large-Page Support]."""

    def __init__(self, system: System, pages: int, large: int) -> None:
        """`large` is the small pages in a large one, which divides `pages`; raises Failure ERROR_COMMITMENT_LIMIT, or
        ERROR_NO_SYSTEM_RESOURCES if there aren't frames in a row for each large page."""
        self._fixed = np.zeros(0, np.int64)
        super().__init__(system, pages, reserve=False)
        contents = int(system.pages.add_contents(pages)) + np.arange(pages, dtype=np.int64)
        for first in range(0, pages, large):
            if not system.pages.fix_contiguous(contents[first : first + large]):
                self.delete()
                raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
            self._fixed = contents[: first + large]

    def contents(self, first: int, count: int) -> NDArray[np.int64]:
        """The contents, all of which exist from the beginning."""
        return self._fixed[first : first + count]

    def delete(self) -> None:
        """The frames are free again."""
        if len(self._fixed):
            self.system.pages.unfix(self._fixed)
        self._fixed = self._fixed[:0]
        super().delete()
