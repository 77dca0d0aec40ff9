"""What the pages of a replayed trace are backed by: files that processes share, and private memory.

A page whose mapping went away and that was mapped anew is another content, so each later life of a page is a page of
its own: `lives` says from which run on (MODEL.md section 15).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.config import Region
from workloads.base import MAX_PAGE, InputError
from workloads.traces.regions import TraceRegion
from workloads.traces.store import NativeTrace
from workloads.traces.tally import FETCHED, PAGE_BITS, STORED
from workloads.traces.window import Extent

Backing = Literal["auto", "recorded", "image", "file", "anonymous"]
Chosen = Literal["recorded", "image", "file", "anonymous"]

BLOCK_FORMATS = ("spc", "arc", "oracle-general", "libcachesim-csv")
"""Formats of block traces: what they refer to are pages of a file."""

GAP = 8
"""Pages that nobody refers to, between two of a made file that are, are kept up to one less: as many as a read of a
cluster may bring in."""


class Life(NamedTuple):
    """Pages of a region that were mapped before, as they are from a run on."""

    run: int
    """the first run of it, in the file's order"""
    region: TraceRegion
    first: int
    """page of the machine, without the workload's offset, that stands for the region's first page"""


class Regions(NamedTuple):
    """The regions of a process that replays a trace; page numbers are the machine's, without the workload's offset."""

    regions: tuple[Region, ...] = ()
    lives: tuple[Life, ...] = ()
    files: Mapping[str, int] = {}
    """how many pages each file that is mapped must have"""


def chosen(trace: NativeTrace, backing: Backing, private: bool) -> Chosen:
    """What `auto` stands for: private memory where the machine wants that; the trace's regions if it has some; a file
    for a block trace; an image if pages are fetched.

    Raises InputError for `recorded` if the trace has no regions.
    """
    if backing == "recorded" and not trace.facts.regions:
        raise InputError(
            f"{trace.name}: backing: found 'recorded' for a trace without regions, allowed is auto, image, file or "
            "anonymous"
        )
    if backing != "auto":
        return backing
    if private:
        return "anonymous"
    if trace.facts.regions:
        return "recorded"
    if trace.about.get("format") in BLOCK_FORMATS:
        return "file"
    return "image" if any(origin.fetches for origin in trace.origins) else "anonymous"


def made_up(trace: NativeTrace, kind: Chosen, name: str, ratio: int, inside: NDArray[np.bool_], warm: bool) -> Regions:
    """The regions of a trace that doesn't tell of them, for a process with some of its keys.

    All pages that are fetched (`image`, mapped copy-on-write) or all that there are (`file`, shared) are those of one
    file, `name`, one process's behind another's.
    """
    if kind == "anonymous":
        return Regions()
    keys = trace.facts.keys
    of_file = np.ones(len(keys), np.bool_) if kind == "file" else (trace.uses() & FETCHED) > 0
    if not (of_file & inside).any():
        return Regions()
    number = np.uint64((1 << PAGE_BITS) - 1)
    page = (keys & number) // np.uint64(ratio)
    contents, index = np.unique((keys & ~number | page)[of_file], return_inverse=True)
    place = np.cumsum(np.minimum(np.diff(contents, prepend=contents[:1]), np.uint64(GAP))).astype(np.int64)
    mine = inside[of_file]
    pages, first = np.unique(page[of_file][mine], return_index=True)
    offsets = place[index][mine][first]
    protection = "read-write" if kind == "file" else "copy-on-write"
    regions = _stretches(pages.astype(np.int64), offsets, 1 if warm else GAP, file=name, protection=protection)
    return Regions(tuple(_region(warm, region) for region in regions), (), {name: int(place[-1]) + 1})


def _stretches(
    pages: NDArray[np.int64], offsets: NDArray[np.int64], gap: int, **fields: str
) -> Iterator[dict[str, Any]]:
    """Regions of pages that lie in a file as in memory, each no more than `gap` after the one before."""
    cut = (np.diff(pages) != np.diff(offsets)) | (np.diff(pages) > gap)
    starts = np.concatenate([[0], np.flatnonzero(cut) + 1])
    ends = np.append(starts[1:], len(pages))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        first, offset = int(pages[start]), int(offsets[start])
        length = int(pages[end - 1]) - first + 1
        yield {"first": first, "pages": length, "offset": offset, **fields}


def _region(warm: bool, fields: Mapping[str, Any]) -> Region:
    return Region(**fields, warm=warm)


def recorded(
    trace: NativeTrace,
    processes: Collection[int | None],
    part: Extent,
    ratio: int,
    inside: NDArray[np.bool_],
    warm: bool,
) -> Regions:
    """The regions that a trace tells of, for a process that stands for some of the recorded ones and has some of the
    trace's keys in a part of the trace.

    A page of the machine that several regions have a part of is the first one's. A region may be written to if it ever
    could, or ever was.
    """
    numbers = trace.facts.keys & np.uint64((1 << PAGE_BITS) - 1)
    used = np.unique(numbers[inside] // np.uint64(ratio)).astype(np.int64)
    stored = np.unique(numbers[inside & ((trace.uses() & STORED) > 0)] // np.uint64(ratio)).astype(np.int64)
    mine = [region for region in trace.facts.regions if region.process in processes]
    firsts, later = _lives(trace, mine, part)
    regions = list(_apart(firsts, ratio))
    fresh = _room(used, regions, later, ratio, trace.name)
    lives = []
    for region in later:
        length = (region.first + region.pages - 1) // ratio - region.first // ratio + 1
        lives.append(Life(trace.moments[region.begin], region, fresh))
        regions.append((region, fresh, length, region.offset // ratio))
        fresh += length
    files: dict[str, int] = {}
    for region in trace.facts.regions:
        if region.file:
            files[region.file] = max(files.get(region.file, 1), -(-(region.offset + region.pages) // ratio))
    mapped = [_region(warm, part) for region in regions for part in _mapped(*region, used if warm else None, stored)]
    return Regions(tuple(mapped), tuple(lives), files)


def _lives(
    trace: NativeTrace, regions: Iterable[TraceRegion], part: Extent
) -> tuple[list[TraceRegion], list[TraceRegion]]:
    """The regions of a part of a trace whose pages weren't mapped before in it, by first page, and the others in the
    order of their begins."""
    lives = []
    for region in regions:
        gone = region.end is not None and trace.moments[region.end] <= part.first
        if not gone and trace.moments.get(region.begin, 0) < part.end:
            lives.append(region)
    lives.sort(key=lambda region: region.begin)
    starts = np.array([region.first for region in lives], np.int64)
    ends = starts + np.array([region.pages for region in lives], np.int64)
    firsts: list[TraceRegion] = []
    later: list[TraceRegion] = []
    for number, region in enumerate(lives):
        again = region.begin and ((starts[:number] < ends[number]) & (starts[number] < ends[:number])).any()
        (later if again else firsts).append(region)
    return sorted(firsts, key=lambda region: region.first), later


_Placed = tuple[TraceRegion, int, int, int]
"""A region, its first page in the machine, how many, and the page of the file that the first one shows."""


def _apart(regions: Iterable[TraceRegion], ratio: int) -> Iterator[_Placed]:
    end = 0
    for region in regions:
        whole = region.first // ratio
        first = max(whole, end)
        last = (region.first + region.pages - 1) // ratio
        if first <= last:
            yield region, first, last - first + 1, region.offset // ratio + first - whole
            end = last + 1


def _room(
    pages: NDArray[np.int64], regions: Sequence[_Placed], later: Sequence[TraceRegion], ratio: int, name: str
) -> int:
    """The first page of the largest gap between a process's pages and regions; raises InputError if the later lives of
    pages don't fit into it."""
    starts = np.concatenate([pages, np.array([first for _, first, _, _ in regions], np.int64), [MAX_PAGE + 1]])
    ends = np.concatenate([pages + 1, np.array([first + length for _, first, length, _ in regions], np.int64), [0]])
    order = np.argsort(starts, kind="stable")
    before = np.concatenate([[0], np.maximum.accumulate(ends[order][:-1])])
    gap = starts[order] - before
    largest = int(np.argmax(gap))
    if sum(region.pages // ratio + 2 for region in later) > int(gap[largest]):
        raise InputError(f"{name}: regions: found more pages than an address space has, allowed is at most {MAX_PAGE}")
    return int(before[largest])


def _mapped(
    region: TraceRegion, first: int, pages: int, offset: int, used: NDArray[np.int64] | None, stored: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """A region as the machine's, if it is a file's; with `used`, pages that are referenced, only those of it."""
    if not region.file:
        return
    at, end = np.searchsorted(stored, [first, first + pages])
    writable = region.writable or end > at
    kind = "read-only" if not writable else "read-write" if region.shared else "copy-on-write"
    if used is None or region.begin:
        yield {"first": first, "pages": pages, "offset": offset, "file": region.file, "protection": kind}
        return
    inside = used[slice(*np.searchsorted(used, [first, first + pages]))]
    if len(inside):
        yield from _stretches(inside, inside - first + offset, 1, file=region.file, protection=kind)
