"""A part of a trace: the references after the first `skip`, at most `limit` of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.stream import Block, ReferenceStream
from workloads.base import InputError
from workloads.traces.runs import Runs, count

_Chunk = TypeVar("_Chunk", Runs, Block)


def window(chunks: Iterable[_Chunk], skip: int, limit: int | None) -> Iterator[_Chunk]:
    """Runs cut to a range of references; the first and last run may keep only a part of theirs."""
    end = None if limit is None else skip + limit
    at = 0
    for chunk in chunks:
        if end is not None and at >= end:
            return
        ends = at + np.cumsum(chunk.fetches.astype(np.int64) + chunk.loads + chunk.stores)
        start, at = at, int(ends[-1])
        if at > skip:
            whole = start >= skip and (end is None or at <= end)
            yield chunk if whole else _cut(chunk, ends, start, skip, end)


def _cut(chunk: _Chunk, ends: NDArray[np.int64], start: int, skip: int, end: int | None) -> _Chunk:
    first = int(np.searchsorted(ends, skip, "right"))
    last = len(ends) if end is None else min(int(np.searchsorted(ends, end, "left")) + 1, len(ends))
    columns: list[Any] = [column[first:last].copy() for column in chunk]
    kept = type(chunk)(*columns)
    before = skip - (int(ends[first - 1]) if first else start)
    if before > 0:
        _drop(kept, 0, before, ("fetches", "loads", "stores"))
    if end is not None and int(ends[last - 1]) > end:
        _drop(kept, -1, int(ends[last - 1]) - end, ("stores", "loads", "fetches"))
    return kept


def _drop(chunk: _Chunk, row: int, references: int, order: tuple[str, ...]) -> None:
    # A run is its fetches, then its loads, then its stores: the front is cut in this order, the back in reverse.
    for name in order:
        column = getattr(chunk, name)
        taken = min(references, int(column[row]))
        column[row] -= taken
        references -= taken


def part(stream: ReferenceStream, skip: int, limit: int | None, name: str) -> ReferenceStream:
    """A range of a stream's references, with only the pages that are referenced in it.

    Raises InputError, which calls the stream `name`, if nothing is left.
    """
    return _Part(stream, skip, limit, name)


class _Part:
    def __init__(self, stream: ReferenceStream, skip: int, limit: int | None, name: str) -> None:
        self._stream, self._skip, self._limit = stream, skip, limit
        used = np.zeros(len(stream.pages), bool)
        references = 0
        for block in window(stream.blocks(), skip, limit):
            used[block.page] = True
            references += count(block)
        if not references:
            raise InputError(
                f"{name}: skip: found {skip}, allowed is less than the trace's {stream.references} references"
            )
        self.references: int | None = references
        self.pages = stream.pages[used]
        self._index = (np.cumsum(used) - 1).astype(np.uint32)

    def blocks(self) -> Iterator[Block]:
        """The runs of the part, from its start."""
        for block in window(self._stream.blocks(), self._skip, self._limit):
            yield block._replace(page=self._index[block.page])
