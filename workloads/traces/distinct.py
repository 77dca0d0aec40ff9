"""Numbers of up to 64 bits turned into small consecutive integers, at the speed of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import InputError
from workloads.traces.runs import Runs

MOST = (1 << 32) - 1
"""Most distinct pages: a block of a stream holds indices as uint32."""

_UNUSED = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_FULL = -1


class Distinct:
    """The distinct numbers seen so far, each with a provisional index: how many were seen before it. 2^64 - 1 is none.

    An open-addressing hash table in which neighbouring pages share a cache line, because programs touch neighbouring
    pages together. Memory: 32 to 64 bytes for each distinct page.
    """

    def __init__(self) -> None:
        """None seen yet."""
        self.count = 0
        self._seen: NDArray[np.uint64] = np.empty(1 << 11, np.uint64)
        self._allocate(1 << 12)

    def encode(self, page: NDArray[np.uint64], index: NDArray[np.uint32]) -> None:
        """Write the provisional index of each page into `index`; raises InputError beyond 2^32 - 1 pages."""
        done = 0
        while done < len(page):
            done, self.count = _encode(page, index, done, self.count, self._keys, self._indices, self._seen)
            if done < len(page):
                self._grow()

    def seen(self) -> NDArray[np.uint64]:
        """The numbers by provisional index."""
        return self._seen[: self.count]

    def ranked(self) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """The pages ascending, and for each provisional index its rank among them."""
        seen = self._seen[: self.count]
        order = np.argsort(seen)
        rank = np.empty(self.count, np.uint32)
        rank[order] = np.arange(self.count, dtype=np.uint32)
        return seen[order], rank

    def _allocate(self, slots: int) -> None:
        self._keys = np.full(slots, _UNUSED)
        self._indices = np.empty(slots, np.uint32)

    def _grow(self) -> None:
        slots = 2 * len(self._keys)
        if slots // 2 > MOST:
            raise InputError(f"trace: found more than {self.count} distinct pages, allowed is at most {MOST}")
        seen = np.empty(slots // 2, np.uint64)
        seen[: self.count] = self._seen[: self.count]
        self._seen = seen
        self._allocate(slots)
        _insert(seen, self.count, self._keys, self._indices)


@compiled
def _slot(key: Any) -> Any:
    # Multiplying the number of a group of 8 scatters groups; the pages of a group stay side by side. The upper half is
    # scattered apart, since a product's lower bits know nothing of it: many processes may have the same pages.
    group = (key >> np.uint64(3)) ^ ((key >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93))
    return (group * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(29)) ^ (key & np.uint64(7))


@compiled
def _encode(page: Any, index: Any, start: int, count: int, keys: Any, indices: Any, seen: Any) -> tuple[int, int]:
    mask = np.uint64(len(keys) - 1)
    for row in range(start, len(page)):
        key = page[row]
        slot = _slot(key) & mask
        while keys[slot] != key:
            if keys[slot] == _UNUSED:
                if count == len(seen):
                    return row, count
                keys[slot], indices[slot], seen[count] = key, count, key
                count += 1
                break
            slot = (slot + np.uint64(1)) & mask
        index[row] = indices[slot]
    return len(page), count


@compiled
def _insert(seen: Any, count: int, keys: Any, indices: Any) -> None:
    mask = np.uint64(len(keys) - 1)
    for position in range(count):
        key = seen[position]
        slot = _slot(key) & mask
        while keys[slot] != _UNUSED:
            slot = (slot + np.uint64(1)) & mask
        keys[slot], indices[slot] = key, position


def numbered(chunks: Iterable[Runs]) -> Iterator[Runs]:
    """The same runs with pages numbered from 0 in the order of their first appearance.

    Pages may be any numbers below 2^64 - 1. Memory: 32 to 64 bytes for each distinct one. Raises InputError beyond
    2^32 - 1 of them.
    """
    distinct = Distinct()
    for chunk in chunks:
        index = np.empty(len(chunk.page), np.uint32)
        distinct.encode(chunk.page, index)
        yield chunk._replace(page=index.astype(np.uint64))
