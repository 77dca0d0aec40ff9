"""The page-table entries of an address space, made when a page is first touched or asked about.

They come in chunks, those of 64 KiB of addresses (an allocation unit, so that a chunk belongs to one region), and stay
with their addresses: a chunk whose region is gone is spare, out of every search, until its addresses are used again.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from simulator.windows.regions.region import Numbers, Region
from simulator.windows.regions.vads import Vads

if TYPE_CHECKING:
    from simulator.memory.pages import Pages

NOTHING: Numbers = np.empty(0, np.int64)


class PageTables:
    """The PTEs of one process, by page number."""

    def __init__(self, pages: Pages, process: int, chunk: int, vads: Vads) -> None:
        """`chunk`: pages in an allocation unit."""
        self._pages, self._process, self._chunk, self._vads = pages, process, chunk, vads
        self.no_execute = True
        """whether DEP is on for the process"""
        self._chunks: dict[int, tuple[int, int]] = {}
        """chunk -> (first entry, first content of private pages or -1)"""
        self._numbers: list[int] = []
        """the keys of `_chunks`, sorted"""
        self._spare: dict[int, tuple[int, int]] = {}
        self._steps = np.arange(chunk, dtype=np.int64)

    def entries(self, first: int, end: int) -> Numbers:
        """The entries of the pages [first, end), made if need be."""
        chunk = self._chunk
        low, high = first // chunk, (end - 1) // chunk + 1
        if high - low == 1:
            if low not in self._chunks:
                self._make([low])
            start = self._chunks[low][0] - low * chunk
            return np.arange(start + first, start + end)
        i = bisect_left(self._numbers, low)
        if bisect_left(self._numbers, high, i) - i < high - low:
            self._make([number for number in range(low, high) if number not in self._chunks])
        return self.existing(first, end)[1]

    def entries_of(self, pages: Numbers) -> Numbers:
        """The entries of any pages, in their order, made if need be."""
        numbers, which = np.unique(pages // self._chunk, return_inverse=True)
        missing = [number for number in numbers.tolist() if number not in self._chunks]
        if missing:
            self._make(missing)
        firsts = np.array([self._chunks[number][0] for number in numbers.tolist()], np.int64)
        return firsts[which] + pages % self._chunk

    def existing(self, first: int, end: int) -> tuple[Numbers, Numbers]:
        """(pages, their entries) of those of [first, end) that have entries now."""
        pages, entries, _ = self._gather(first, end)
        return pages, entries

    def private_contents(self, first: int, end: int) -> Numbers:
        """The contents that private pages of [first, end) have as far as they were ever asked about."""
        _, _, contents = self._gather(first, end)
        return contents[contents >= 0]

    def pages_of(self, entries: Numbers) -> Numbers:
        """The pages that entries of chunks in use stand for."""
        numbers = np.array(self._numbers, np.int64)
        starts = np.array([self._chunks[number][0] for number in self._numbers], np.int64)
        order = np.argsort(starts)
        which = order[np.searchsorted(starts[order], entries, side="right") - 1]
        return numbers[which] * self._chunk + entries - starts[which]

    def _gather(self, first: int, end: int) -> tuple[Numbers, Numbers, Numbers]:
        chunk = self._chunk
        i = bisect_left(self._numbers, first // chunk)
        j = bisect_left(self._numbers, (end - 1) // chunk + 1, i)
        if i == j:
            return NOTHING, NOTHING, NOTHING
        numbers = self._numbers[i:j]
        chunks = np.array([self._chunks[number] for number in numbers], np.int64)
        pages = ((np.array(numbers, np.int64) * chunk)[:, None] + self._steps).ravel()
        entries = (chunks[:, 0, None] + self._steps).ravel()
        contents = np.where(chunks[:, 1, None] >= 0, chunks[:, 1, None] + self._steps, -1).ravel()
        if pages[0] < first or pages[-1] >= end:
            wanted = (pages >= first) & (pages < end)
            return pages[wanted], entries[wanted], contents[wanted]
        return pages, entries, contents

    def _make(self, numbers: list[int]) -> None:
        """Chunks that are not in use are now: taken from the spare ones, or made."""
        new = [number for number in numbers if number not in self._spare]
        if new:
            pages = ((np.array(new, np.int64) * self._chunk)[:, None] + self._steps).ravel()
            entry = int(self._pages.add_entries(self._process, pages))
            for i, number in enumerate(new):
                self._spare[number] = (entry + i * self._chunk, -1)
        for number in numbers:
            self._chunks[number] = self._spare.pop(number)
        if len(numbers) == 1:
            self._numbers.insert(bisect_left(self._numbers, numbers[0]), numbers[0])
        else:
            self._numbers = sorted(self._numbers + numbers)
        self._show(numbers)

    def _show(self, numbers: list[int]) -> None:
        """Bind chunks that have come into use to what their regions show."""
        i = 0
        while i < len(numbers):
            j = i + 1
            for region in self._regions(numbers[i]):
                end = bisect_left(numbers, (region.end - 1) // self._chunk + 1, i)
                if region.bound:
                    self._bind(region, numbers[i:end])
                j = max(j, end - (region.end % self._chunk > 0))  # other regions may have pages in its last chunk
            i = j

    def _regions(self, number: int) -> list[Region]:
        return list(self._vads.overlapping(number * self._chunk, (number + 1) * self._chunk))

    def show(self, region: Region) -> None:
        """A new region has pages in chunks of another one, which are in use: bind those to what it shows."""
        pages, _ = self.existing(region.first, region.end)
        if len(pages) and region.bound:
            self.bind(region, pages)
            self.allow(region, region.first, region.end)

    def _homes(self, numbers: list[int]) -> None:
        """Give chunks contents of their own, for private pages or copies."""
        i = 0
        while i < len(numbers):
            entry, home = self._chunks[numbers[i]]
            j = i + 1
            if home < 0:
                while j < len(numbers) and self._chunks[numbers[j]] == (entry + (j - i) * self._chunk, -1):
                    j += 1
                home = int(self._pages.add_contents((j - i) * self._chunk, self._process, entry))
                for k in range(i, j):
                    self._chunks[numbers[k]] = (entry + (k - i) * self._chunk, home + (k - i) * self._chunk)
            i = j

    def _bind(self, region: Region, numbers: list[int]) -> None:
        """Let invalid entries of chunks of one region show what the region has there."""
        pages = ((np.array(numbers, np.int64) * self._chunk)[:, None] + self._steps).ravel()
        pages = pages[(pages >= region.first) & (pages < region.end)]
        self.bind(region, pages)
        self.allow(region, int(pages[0]), int(pages[-1]) + 1)

    def bind(self, region: Region, pages: Numbers) -> None:
        """Let the invalid entries of some pages of a region, in order and all of chunks in use, show what the region
        has there; nobody may touch them yet."""
        if not len(pages):
            return
        first, end = int(pages[0]), int(pages[-1]) + 1
        numbers = np.unique(pages // self._chunk).tolist()
        copies = region.copies(first, end)
        if copies:
            self._homes(numbers)
        chunks = np.array([self._chunks[number] for number in numbers], np.int64)
        which, offsets = np.searchsorted(numbers, pages // self._chunk), pages % self._chunk
        region.bind(pages, chunks[which, 0] + offsets, chunks[which, 1] + offsets if copies else None)

    def allow(self, region: Region, first: int, end: int) -> None:
        """Give the entries that pages [first, end) of a region have the access that the region allows now."""
        pages, entries = self.existing(first, end)
        if not len(pages):
            return
        for start, stop, value in region.runs.within(first, end):
            i, j = (int(k) for k in np.searchsorted(pages, (start, stop)))
            if i < j:
                self._pages.set_access(entries[i:j], *region.rights(pages[i:j], value))

    def delete(self, first: int, end: int, reason: int) -> None:
        """Private pages of [first, end) are gone; chunks that lie there as a whole are spare from now on."""
        _, entries = self.existing(first, end)
        if len(entries):
            self._pages.delete(entries, reason)
            self._pages.set_access(entries, False, False, False)
            self._retire(first, end)

    def forget(self, first: int, end: int) -> None:
        """Chunks with pages in [first, end), one region's and all inaccessible, are spare: other things may lie there
        from now on. Those that further regions have pages in stay."""
        chunk = self._chunk
        low, high = first // chunk, -(-end // chunk)
        if first % chunk and len(self._regions(low)) > 1:
            low += 1
        if end % chunk and len(self._regions(high - 1)) > 1:
            high -= 1
        self._retire(low * chunk, high * chunk)

    def _retire(self, first: int, end: int) -> None:
        i = bisect_left(self._numbers, -(-first // self._chunk))
        j = bisect_left(self._numbers, end // self._chunk, i)
        if i < j:
            for number in self._numbers[i:j]:
                self._spare[number] = self._chunks.pop(number)
            del self._numbers[i:j]
