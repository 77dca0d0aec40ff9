"""A segment: one reservation of a heap, committed piece by piece."""

from __future__ import annotations

from bisect import bisect_left


class Segment:
    """A reservation from `base` to `end`; its blocks lie one behind the other from `first` on, except where it isn't
    committed: the gaps, from `starts[i]` to `ends[i]`, in order of address."""

    __slots__ = ("base", "end", "ends", "first", "starts", "uncommitted", "unused")

    def __init__(self, base: int, end: int, first: int, committed: int) -> None:
        """`committed`: bytes from the base on."""
        self.base = base
        self.end = end
        self.first = first
        gap = base + committed < end
        self.starts: list[int] = [base + committed] if gap else []
        self.ends: list[int] = [end] if gap else []
        self.uncommitted = end - base - committed
        self.unused = False
        """whether there's no block in it, not even a free one"""

    def gap(self, size: int) -> int:
        """Where the first gap of at least `size` bytes starts; 0 if there's none [ros: RtlpFindAndCommitPages]."""
        if size <= self.uncommitted:
            for start, end in zip(self.starts, self.ends, strict=True):
                if end - start >= size:
                    return start
        return 0

    def gap_at(self, address: int) -> int:
        """The size of the gap that starts at an address; 0 if there's none."""
        index = bisect_left(self.starts, address)
        return self.ends[index] - address if index < len(self.starts) and self.starts[index] == address else 0

    def lasts(self, address: int) -> bool:
        """Whether nothing is committed from an address, where a committed stretch ends, to the segment's end."""
        return address == self.end or self.gap_at(address) == self.end - address

    def follows_gap(self, address: int) -> bool:
        """Whether a gap ends at an address."""
        index = bisect_left(self.ends, address)
        return index < len(self.ends) and self.ends[index] == address

    def committed(self, address: int, size: int) -> None:
        """The first bytes of the gap that starts at `address` are committed now."""
        index = bisect_left(self.starts, address)
        self.uncommitted -= size
        if address + size == self.ends[index]:
            del self.starts[index], self.ends[index]
        else:
            self.starts[index] = address + size

    def decommitted(self, address: int, size: int) -> int:
        """A range is no longer committed; gaps that touch it become one with it, whose start is given."""
        index = bisect_left(self.starts, address)
        start, end = address, address + size
        self.uncommitted += size
        if index < len(self.starts) and self.starts[index] == end:
            end = self.ends[index]
            del self.starts[index], self.ends[index]
        if index and self.ends[index - 1] == start:
            self.ends[index - 1] = end
            return self.starts[index - 1]
        self.starts.insert(index, start)
        self.ends.insert(index, end)
        return start
