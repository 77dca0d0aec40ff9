"""The LRU miss-ratio curve from a sample of the pages, with an error band: SHARDS.

A page is sampled if the hash of its number lies below a threshold; among sampled pages a stack distance is, on average,
the share of pages sampled times the whole one, and misses are counted against the expected number of requests, not the
number that happened to be sampled (SHARDS-adj: Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC construction with
SHARDS", FAST 2015, section 3.4). Beyond the paper, because a sample of a small footprint has only a few pages:

 - A distance among sampled pages counts the page itself, which is there for certain: the others alone are scaled. The
   scale is the share of pages that were sampled in fact.
 - A sample at rate r tells nothing of distances below 1 / r. Those are counted exactly, with a stack of so many pages
   and no more; so are first requests. The sample tells how the rest is spread, and the curve never leaves what is
   known: it lies between the exact miss ratio where the exact part ends, and that of first requests alone.
 - There are `SAMPLES` samples, disjoint, each at the given rate. The curve is that of all together; the band is from
   what leaving each of them out changes (the delete-a-group jackknife: Wolter, "Introduction to Variance Estimation",
   chapter 4), at 95 % by Student's t. It tells of the choice of pages only. Measured with 12 seeds at rate 0.01: of the
   true curve, 88 to 97 % lies in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.rng import stream_key
from workloads.profile.lru import LruStack

SAMPLES = 8
STUDENT = 2.365
"""The 97.5 % quantile of Student's t with SAMPLES - 1 degrees of freedom."""
MOST_RATE = 1 / SAMPLES
LEAST_HEAD, MOST_HEAD = 32, 1024
"""Pages of the exact part, whatever the rate. Chosen: searching a longer list would take longer than sampling saves."""

_NONE = SAMPLES
_UNSEEN, _BELOW, _IN_HEAD = 0, 1, 2

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A curve with its band: misses at each of the asked sizes."""

    misses: Floats
    low: Floats
    high: Floats


class Shards:
    """Samples of a stream of page indices, and the curve estimated from them.

    Memory: 6 bytes for each page, and 36 for each sampled one.
    """

    def __init__(self, pages: NDArray[np.uint64], rate: float, seed: int) -> None:
        """Nothing requested yet; `pages` are the page numbers by index, 0 < `rate` <= 1/8, `seed` chooses the hash."""
        drawn = _hashed(pages, seed)
        self._group = np.minimum(np.floor(drawn / rate), _NONE).astype(np.uint8)
        self._index = np.zeros(len(pages), np.uint32)
        self.sampled: list[int] = []
        """pages in each sample"""
        for group in range(SAMPLES):
            members = np.flatnonzero(self._group == group)
            self._index[members] = np.arange(len(members))
            self.sampled.append(len(members))
        self._stacks = [LruStack(count) for count in self.sampled]
        self._deep = [np.zeros(count + 1, np.int64) for count in self.sampled]
        self._pages = len(pages)
        self.rate = rate
        self.head: NDArray[np.int64] = np.zeros(int(np.clip(np.ceil(1 / rate), LEAST_HEAD, MOST_HEAD)) + 1, np.int64)
        """requests at each exact distance; at 0: first requests"""
        self._list = np.zeros(len(self.head) - 1, np.uint32)
        self._where = np.full(len(pages), _UNSEEN, np.uint8)
        self._held = 0
        self.runs = 0

    def add(self, page: NDArray[np.uint32]) -> None:
        """Take further requests, in order."""
        rows = np.empty(len(page), np.uint32)
        deep = np.empty(len(page), np.bool_)
        self._held, taken = _select(page, self._where, self._list, self._held, self.head, self._group, rows, deep)
        chosen = page[rows[:taken]]
        groups, index = self._group[chosen], self._index[chosen]
        for group, stack in enumerate(self._stacks):
            mine = np.flatnonzero(groups == group)
            distance = stack.add(index[mine])
            counted = distance[deep[mine] & (distance > 0)]
            self._deep[group] += np.bincount(counted, minlength=len(self._deep[group]))
        self.runs += len(page)

    def curve(self, sizes: NDArray[np.int64]) -> Estimate:
        """The misses in `sizes` (pages, at least 1) with their 95 % band."""
        first, end = int(self.head[0]), len(self.head) - 1
        exact = self.runs - np.cumsum(self.head) + first
        rest = float(exact[end] - first)
        beyond = np.array([self._beyond(group, sizes) for group in range(SAMPLES)])
        pages = np.array(self.sampled, np.float64)
        spread = _share(beyond.sum(axis=0), pages.sum(), self._pages, rest)
        without = _share(beyond.sum(axis=0) - beyond, (pages.sum() - pages)[:, None], self._pages, rest)
        error = np.sqrt((SAMPLES - 1) / SAMPLES * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
        error = np.where(np.count_nonzero(beyond[:, 0]) > 1, STUDENT * error, 1.0)
        known = np.where(sizes <= end, exact[np.minimum(sizes, end)], 0).astype(np.float64)
        known = np.where(sizes >= self._pages, first, known)
        sure = (sizes <= end) | (sizes >= self._pages)
        shares = (spread, np.clip(spread - error, 0, 1), np.clip(spread + error, 0, 1))
        return Estimate(*(np.where(sure, known, first + rest * share) for share in shares))

    def _beyond(self, group: int, sizes: NDArray[np.int64]) -> Floats:
        """How many of a sample's requests below the head have an estimated distance of more than each size."""
        counts, sampled = self._deep[group], self.sampled[group]
        scale = (self._pages - 1) / (sampled - 1) if sampled > 1 else 1 / self.rate
        distances = 1 + (np.arange(1, sampled + 1) - 1) * scale
        within = np.concatenate(([0], np.cumsum(counts[1:])))
        return (within[-1] - within[np.searchsorted(distances, sizes, "right")]).astype(np.float64)


def _share(part: Floats, sampled: Any, pages: int, whole: float) -> Floats:
    return np.minimum(part * pages / np.maximum(sampled, 1) / max(whole, 1.0), 1.0)


def _hashed(pages: NDArray[np.uint64], seed: int) -> Floats:
    """Each page number as a number in [0, 1): SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), keyed."""
    mixed = pages ^ np.uint64(stream_key(seed, "profile/shards"))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


@compiled
def _select(
    page: Any, where: Any, head: Any, held: int, histogram: Any, group: Any, rows: Any, deep: Any
) -> tuple[int, int]:
    """Count what the head sees, and note the rows of sampled pages, and which of them the head didn't hold."""
    taken = 0
    for row in range(len(page)):
        wanted = page[row]
        state = where[wanted]
        if state == _IN_HEAD:
            depth, carried = 0, head[0]
            head[0] = wanted
            while carried != wanted:
                depth += 1
                carried, head[depth] = head[depth], carried
            histogram[depth + 1] += 1
        else:
            histogram[0] += state == _UNSEEN
            if held < len(head):
                held += 1
            else:
                where[head[held - 1]] = _BELOW
            for depth in range(held - 1, 0, -1):
                head[depth] = head[depth - 1]
            head[0] = wanted
            where[wanted] = _IN_HEAD
        if group[wanted] != _NONE:
            rows[taken], deep[taken] = row, state != _IN_HEAD
            taken += 1
    return held, taken
