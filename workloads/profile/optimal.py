"""Stack distances of optimal replacement (Belady's MIN), at every size at once.

MIN drops the page that is wanted latest; the page that was missed must be loaded. It is a stack algorithm: the stack
is updated by carrying the top down to where the requested page was, at each place leaving the page that is wanted
sooner (Mattson et al. 1970). That needs the future, so the trace is taken from its end: a page's previous request then
is its next one. The misses are the same either way round, since a schedule that loads pages k times is, read backward,
one that loads them k times.

Runs wait for that in a temporary file, 8 bytes each, written and read in order; nothing else grows with the trace. The
way down the stack visits every page only in its first 64 places; below them it leaps from one page that is wanted later
than the one it carries to the next, with a tournament tree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled

BLOCK = 64
"""Places of the stack that the tree sees as one."""

_UNSEEN = -1
_NEVER = -1
_NOBODY = np.int64(1) << 62


class OptimalStack:
    """The histogram of the stack distances of optimal replacement, of a stream that is taken in forward and then
    worked out backward; a context manager, on leaving which the temporary file is gone.

    Memory: 16 to 24 bytes for each of the `pages` that may come.
    """

    def __init__(self, pages: int, directory: Path | None = None) -> None:
        """Nothing taken in; the temporary file is made in `directory`, by default where the system keeps such files."""
        self.histogram: NDArray[np.int64] = np.zeros(pages + 1, np.int64)
        """how many requests had a distance, by distance; at 0: those that always miss, one for each page"""
        self._pages = pages
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 (closed on exit)
        self._blocks: list[tuple[int, np.dtype[Any]]] = []
        self.runs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def keep(self, page: NDArray[np.uint32], back: NDArray[np.int64]) -> None:
        """Take in runs, in order; `back`: how many runs ago the page was requested before, 0 for never."""
        kind = np.dtype(np.uint32 if not len(back) or back.max() < 1 << 32 else np.int64)
        self._file.write(np.ascontiguousarray(page).data)
        self._file.write(back.astype(kind).data)
        self._blocks.append((len(page), kind))
        self.runs += len(page)

    def work_out(self, progress: Callable[[int], None] | None = None) -> None:
        """Fill the histogram from what was taken in, the last block first; `progress` hears how many runs are done."""
        places = np.full(self._pages, _UNSEEN, np.int64)
        stack = np.zeros(self._pages, np.uint32)
        blocks = max(1, -(-self._pages // BLOCK))
        leaves = 1 << (blocks - 1).bit_length()
        latest = np.full(leaves * BLOCK, _NOBODY, np.int64)
        tree = np.full(2 * leaves, _NOBODY, np.int64)
        held, first, at = 0, self.runs, self._file.tell()
        for rows, kind in reversed(self._blocks):
            at -= rows * (4 + kind.itemsize)
            first -= rows
            self._file.seek(at)
            page = np.frombuffer(self._file.read(rows * 4), np.uint32)
            back = np.frombuffer(self._file.read(rows * kind.itemsize), kind).astype(np.int64)
            held = int(_work_out(page, back, first, held, places, stack, latest, tree, self.histogram))
            if progress:
                progress(self.runs - first)


@compiled
def _work_out(
    page: Any, back: Any, first: int, held: int, places: Any, stack: Any, wanted: Any, tree: Any, histogram: Any
) -> int:
    """`wanted` holds, for each place of the stack, the number of the run that wants its page next, going backward: the
    smaller, the later; `tree` the smallest of each block of places, its leaves in its second half."""
    for row in range(len(page) - 1, -1, -1):
        asked = page[row]
        depth = places[asked]
        if depth < 0:
            depth = held
            held += 1
            histogram[0] += 1
        else:
            histogram[depth + 1] += 1
        carried, when = asked, first + row - back[row] if back[row] else _NEVER
        for place in range(min(depth, BLOCK)):
            if place == 0 or wanted[place] < when:
                carried, stack[place] = stack[place], carried
                when, wanted[place] = wanted[place], when
                places[stack[place]] = place
        if depth >= BLOCK:
            carried, when = _leap(carried, when, depth, places, stack, wanted, tree)
        stack[depth], wanted[depth], places[carried] = carried, when, depth
        if depth >= BLOCK:
            _refresh(depth // BLOCK, wanted, tree)
    return held


@compiled
def _leap(carried: int, when: int, depth: int, places: Any, stack: Any, wanted: Any, tree: Any) -> Any:
    """Go on with the way down, from the second block to just above `depth`; returns what is carried there."""
    last = depth // BLOCK
    block = 1
    while True:
        block = _next_block(tree, block, last, when)
        if block < 0:
            return carried, when
        changed = False
        for place in range(block * BLOCK, min((block + 1) * BLOCK, depth)):
            if wanted[place] < when:
                carried, stack[place] = stack[place], carried
                when, wanted[place] = wanted[place], when
                places[stack[place]] = place
                changed = True
        if changed:
            _refresh(block, wanted, tree)
        block += 1


@compiled
def _next_block(tree: Any, block: int, last: int, when: int) -> int:
    """The first block from `block` to `last` with a page that is wanted later than `when`; -1: none."""
    if block > last:
        return -1
    leaves = len(tree) // 2
    node = block + leaves
    while tree[node] >= when:
        while node & 1:
            node >>= 1
        if node == 0:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if tree[node] >= when:
            node += 1
    return node - leaves if node - leaves <= last else -1


@compiled
def _refresh(block: int, wanted: Any, tree: Any) -> None:
    least = wanted[block * BLOCK]
    for place in range(block * BLOCK + 1, (block + 1) * BLOCK):
        least = min(least, wanted[place])
    node = block + len(tree) // 2
    tree[node] = least
    while node > 1:
        node >>= 1
        tree[node] = min(tree[2 * node], tree[2 * node + 1])
