"""What the pages of a recorded process were backed by: regions, as they were over time.

Traces keep them as text, in their metadata under the key `regions`: a JSON object with the `version` of the form and
the `regions`, each a list of process (or null), first page, pages, file (empty: anonymous), page of the file, flags
(`s` shared, `w` writable, `x` executable), references before its life and references before its end (or null). A trace
without the key tells nothing of its regions.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect, insort
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from workloads.base import MAX_PAGE, InputError

KEY = "regions"
"""In a trace's metadata."""

VERSION = 1

MOST = 1 << 16
"""Regions that a trace may have."""

MOST_REFERENCES = 1 << 62

_FLAGS = {"s": "shared", "w": "writable", "x": "executable"}
_LONGEST_NAME = 255


class TraceRegion(NamedTuple):
    """A range of a recorded process's pages that one mapping was backing for some time.

    No two regions of a process have a page in common at the same time.
    """

    process: int | None
    """the process as recorded; None: the trace is of one process"""
    first: int
    """page number"""
    pages: int
    file: str = ""
    """name of the mapped file, without its directory; empty: anonymous, zeros at first"""
    offset: int = 0
    """page of the file that the first page shows"""
    shared: bool = False
    """what is stored goes into the file; else each process has a copy of its own of what it stores to"""
    writable: bool = True
    """ever"""
    executable: bool = False
    """ever"""
    begin: int = 0
    """references of the trace before its life; 0 also where its pages had no life before"""
    end: int | None = None
    """references of the trace before it was unmapped; None: it is there to the end"""

    @property
    def flags(self) -> str:
        """Letters of what holds: s shared, w writable, x executable."""
        return "".join(letter for letter, name in _FLAGS.items() if getattr(self, name))


Regions = tuple[TraceRegion, ...]
LateRegions = Callable[[], Sequence[TraceRegion]]
"""Regions that are known when all references are."""


def text_of(regions: Iterable[TraceRegion]) -> str:
    """Regions as a trace's metadata keeps them."""
    rows = [[*region[:5], region.flags, region.begin, region.end] for region in regions]
    return json.dumps({"version": VERSION, "regions": rows}, separators=(",", ":"))


def regions_from(text: str | None, where: str) -> Regions:
    """The regions in a trace's metadata, by process and first page; none for None.

    Raises InputError, one line that begins with `where`, if the text isn't what `text_of` makes of possible regions.
    """
    if text is None:
        return ()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong(where, text, "the JSON text of regions") from None
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get("regions"), list):
        raise _wrong(where, data, f"an object with version {VERSION} and a list of regions")
    if len(data["regions"]) > MOST:
        raise _wrong(where, f"{len(data['regions'])} regions", f"at most {MOST}")
    regions = sorted((_region(row, where) for row in data["regions"]), key=_place)
    check_apart(regions, where)
    return tuple(regions)


def _wrong(where: str, what: object, allowed: str) -> InputError:
    shown = what if isinstance(what, str) else json.dumps(what)
    return InputError(f"{where}: regions: found {shown[:80]!r}, allowed is {allowed}")


def _region(row: Any, where: str) -> TraceRegion:
    if not isinstance(row, list) or len(row) != len(TraceRegion._fields) - 2:
        raise _wrong(where, row, "a list of process, first page, pages, file, offset, flags, begin and end")
    process, first, pages, file, offset, flags, begin, end = row
    ranges = [
        (0 if process is None else process, 0, (1 << 32) - 1),
        (first, 0, MAX_PAGE),
        (pages, 1, MAX_PAGE),
        (offset, 0, MAX_PAGE),
    ]
    ranges += [(begin, 0, MOST_REFERENCES), (1 if end is None else end, 1, MOST_REFERENCES)]
    for number, least, most in ranges:
        if type(number) is not int or not least <= number <= most:
            raise _wrong(where, row, f"numbers, here one from {least} to {most}")
    if first + pages - 1 > MAX_PAGE or (end is not None and end <= begin):
        raise _wrong(where, row, f"pages up to {MAX_PAGE}, and an end after the begin")
    if not isinstance(file, str) or len(file) > _LONGEST_NAME or not (file.isprintable() and "/" not in file):
        raise _wrong(where, row, "a file's name without its directory")
    if not isinstance(flags, str) or set(flags) - set(_FLAGS):
        raise _wrong(where, row, f"flags out of {''.join(_FLAGS)}")
    shared, writable, executable = (letter in flags for letter in _FLAGS)
    return TraceRegion(process, first, pages, file, offset, shared, writable, executable, begin, end)


def _place(region: TraceRegion) -> tuple[int, int, int]:
    return region.process or 0, region.first, region.begin


def check_apart(regions: Sequence[TraceRegion], where: str) -> None:
    """Raise InputError if two regions of a process, which come in the order of `_place`, have a page in common at the
    same time."""
    alive: list[tuple[int, int, int]] = []  # begin, end, page after the last, of the regions around the current page
    leaving: list[tuple[int, tuple[int, int, int]]] = []
    process = None
    for region in regions:
        if region.process != process:
            alive, leaving, process = [], [], region.process
        while leaving and leaving[0][0] <= region.first:
            alive.remove(heapq.heappop(leaving)[1])
        last = MOST_REFERENCES if region.end is None else region.end
        life = (region.begin, last, region.first + region.pages)
        at = bisect(alive, life)
        if (at and alive[at - 1][1] > region.begin) or (at < len(alive) and alive[at][0] < last):
            raise _wrong(where, [*region], "regions that have no page in common at the same time")
        insort(alive, life)
        heapq.heappush(leaving, (life[2], life))


def cut(regions: Iterable[TraceRegion], skip: int, limit: int | None) -> Regions:
    """The regions of the references after the first `skip`, at most `limit` of them."""
    most = MOST_REFERENCES if limit is None else limit
    kept = []
    for region in regions:
        begin = max(region.begin - skip, 0)
        end = None if region.end is None or region.end - skip >= most else region.end - skip
        if begin < most and (end is None or end > begin):
            kept.append(region._replace(begin=begin, end=end))
    return tuple(kept)


def of_one_process(regions: Sequence[TraceRegion]) -> Regions:
    """The regions of a trace that doesn't tell processes apart any more: none if they were several processes'."""
    if len({region.process for region in regions}) > 1:
        return ()
    return tuple(region._replace(process=None) for region in regions)


def joined(regions: Iterable[TraceRegion]) -> Regions:
    """The same with regions that continue each other made one, in order."""
    kept: list[TraceRegion] = []
    open_ends: dict[TraceRegion, int] = {}
    for region in sorted(regions, key=_place):
        at = open_ends.pop(region._replace(pages=0), len(kept))
        pages = region.pages
        if at < len(kept):
            kept[at] = kept[at]._replace(pages=kept[at].pages + pages)
        else:
            kept.append(region)
        after = region._replace(first=region.first + pages, pages=0)
        open_ends[after._replace(offset=region.offset + pages) if region.file else after] = at
    return tuple(kept)


def moments_of(regions: Iterable[TraceRegion]) -> list[int]:
    """The numbers of references at which a region begins or ends, but for the trace's own ends, ascending."""
    moments = {moment for region in regions for moment in (region.begin, region.end) if moment}
    return sorted(moments)
