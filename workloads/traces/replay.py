"""The workload `trace`: what programs were recorded to do, done again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.config import Region
from simulator.stream import ReferenceStream
from workloads.base import MAX_PAGE, InputError, Part, StreamContext, check_footprint, plugin
from workloads.traces.backing import Backing, Life, Regions, chosen, made_up, recorded
from workloads.traces.cache import open_trace
from workloads.traces.format import named
from workloads.traces.store import NativeTrace
from workloads.traces.tally import PAGE_BITS
from workloads.traces.thread import Change, Clock, Space, Thread
from workloads.traces.window import Extent, extent

MOST_TIME = 1 << 60
"""Most simulated nanoseconds that a replay may last."""

_LISTED = 8


@plugin("workload", "trace")
class Trace:
    """A recorded trace, or a part of it, once or several times; of several processes and threads if it was recorded
    so. A trace of smaller pages than the machine's is made one of the machine's."""

    path: Path = Field(..., description="the trace file, relative to the config's directory")
    format: str = Field(default="auto", description="a registered format; auto: told by content and name")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the format")
    merge: bool = Field(default=False, description="make one run, and so one request, of adjacent runs on one page")
    process: int | None = Field(default=None, ge=0, description="the recorded process to replay; none: all")
    skip: int = Field(default=0, ge=0, description="references left out at the start, in the file's order")
    limit: int | None = Field(default=None, ge=1, description="most references after that; none: all")
    repeat: int = Field(default=1, ge=1, description="how many times over")
    offset: int = Field(default=0, description="added to every page number, in pages of the machine")
    backing: Backing = Field(
        default="auto",
        description="recorded: as the trace's regions say; image: pages that are ever fetched are those of a file "
        "called as the path says, mapped copy-on-write, others are anonymous; file: all are those of such a file, "
        "shared; anonymous: all are; auto: recorded if the trace has regions, file for block traces (formats spc, "
        "arc, oracle-general and libcachesim-csv), else image; on the textbook machine and in mixtures anonymous",
    )
    image: Literal["cold", "warm"] = Field(
        default="cold",
        description="warm: the pages of its files that it refers to are on standby at the start, as far as memory goes",
    )
    split: Literal["all", "processes", "threads", "none"] = Field(
        default="all",
        description="all: each recorded process is a process and each recorded thread one of its threads; processes: "
        "each process is of one thread; threads: all threads are of one process, where equal pages are one; none: one "
        "process of one thread, in the file's order",
    )
    time_scale: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="if the trace has times, no run begins before this many times the time since the first; 0: times "
        "are ignored, references follow each other",
    )

    @model_validator(mode="after")
    def _of_the_format(self) -> Trace:
        if self.format != "auto":
            try:
                named(self.format, self.options)
            except InputError as error:
                raise ValueError(str(error)) from None
        return self

    def processes(self, context: StreamContext) -> list[Part]:
        """A process for each recorded one, as `split` says; raises InputError where the file can't be used, the
        recorded process isn't in it, its pages don't fit the machine's, or there are too many of them."""
        trace = open_trace(context.base / self.path, self.format, self.merge, self.options)
        part = extent(trace, self._chosen(trace), self.skip, self.limit)
        clock = self._clock(trace, part)
        parts = []
        for suffix, threads in self._groups(trace, np.flatnonzero(part.references).tolist()):
            space, regions = self._space(trace, part, [origin for thread in threads for origin in thread], context)
            check_footprint(len(space.pages), context, trace.name)
            flags = [_flags(len(trace.origins), thread) for thread in threads]
            streams: list[ReferenceStream] = [Thread(trace, part, each, space, self.repeat, clock) for each in flags]
            files = {name: pages * context.page_size for name, pages in regions.files.items()}
            parts.append(Part(streams=tuple(streams), suffix=suffix, regions=self._moved(regions), maps=files))
        return parts

    def _moved(self, regions: Regions) -> tuple[Region, ...]:
        return tuple(dataclasses.replace(region, first=region.first + self.offset) for region in regions.regions)

    def _chosen(self, trace: NativeTrace) -> NDArray[np.bool_]:
        """The threads to replay: a flag for each of the trace's."""
        if self.process is None:
            return np.ones(len(trace.origins), np.bool_)
        if self.process not in trace.facts.processes:
            raise InputError(f"{trace.name}: process: found {self.process}, allowed is {_listed(trace)}")
        return np.array([origin.process == self.process for origin in trace.origins])

    def _groups(self, trace: NativeTrace, numbers: list[int]) -> list[tuple[str, list[list[int]]]]:
        """The processes to simulate: what their names end with, and for each thread the recorded ones it stands for."""
        by_process: dict[int, list[int]] = {}
        for number in sorted(numbers, key=lambda number: _ids(trace, number)):
            by_process.setdefault(_ids(trace, number)[0], []).append(number)
        groups = [(str(process), members) for process, members in by_process.items()]
        if self.split in ("threads", "none"):
            groups = [("", [number for _, members in groups for number in members])]
        if self.split in ("processes", "none"):
            made = [(suffix, [members]) for suffix, members in groups]
        else:
            made = [(suffix, [[number] for number in members]) for suffix, members in groups]
        return made if len(made) > 1 else [("", made[0][1])]

    def _space(
        self, trace: NativeTrace, part: Extent, numbers: list[int], context: StreamContext
    ) -> tuple[Space, Regions]:
        """The address space of threads, and its regions; raises InputError where the machine can't have such pages."""
        spans = dict(zip(trace.facts.processes, trace.facts.spans(), strict=True))
        processes = {trace.origins[number].process for number in numbers}
        mine = sorted(spans[process] for process in processes)
        first, end = mine[0][0], mine[-1][1]
        used = part.used[first:end]
        ratio = _ratio(trace, context)
        inside = np.zeros(len(part.used), np.bool_)
        inside[first:end] = used
        kind, warm = chosen(trace, self.backing, context.private), self.image == "warm"
        if kind == "recorded":
            regions = recorded(trace, processes, part, ratio, inside, warm)
        else:
            regions = made_up(trace, kind, self.path.as_posix(), ratio, inside, warm)
        keys = trace.facts.keys[first:end][used] & np.uint64((1 << PAGE_BITS) - 1)
        numbered = keys // np.uint64(ratio)
        fresh = [_pages_of(life, keys, ratio) for life in regions.lives]
        pages, places = np.unique(np.concatenate([numbered, *fresh]), return_inverse=True)
        self._check_pages(trace, pages)
        moved = (pages.astype(np.int64) + self.offset).astype(np.uint64)
        if len(pages) == len(used) and not regions.lives:
            return Space(moved, None, first), regions
        index = np.zeros(len(used), np.uint32)
        index[used] = places[: len(numbered)]
        changes = tuple(_changes(regions.lives, keys, places[len(numbered) :], used))
        return Space(moved, index, first, changes), regions

    def _check_pages(self, trace: NativeTrace, pages: NDArray[np.uint64]) -> None:
        least, most = int(pages[0]) + self.offset, int(pages[-1]) + self.offset
        if least < 0 or most > MAX_PAGE:
            raise InputError(
                f"{trace.name}: offset: found {self.offset}, which makes pages {least} to {most}, allowed is what "
                f"leaves them within 0 and {MAX_PAGE}"
            )

    def _clock(self, trace: NativeTrace, part: Extent) -> Clock | None:
        if not self.time_scale or "time" not in trace.facts.columns:
            return None
        period = round((part.latest - part.earliest) * self.time_scale)
        if period * self.repeat > MOST_TIME:
            raise InputError(
                f"{trace.name}: time_scale: found {self.time_scale}, with which the replay lasts "
                f"{period * self.repeat} ns, allowed is at most {MOST_TIME}"
            )
        return Clock(part.earliest, self.time_scale, period)


def _ratio(trace: NativeTrace, context: StreamContext) -> int:
    """How many of the trace's pages are one of the machine's."""
    size = trace.page_size or context.page_size
    if context.page_size % size:
        raise InputError(
            f"{trace.name}: found pages of {size} bytes, allowed are such that the machine's, of {context.page_size} "
            "bytes, are the same or several of them"
        )
    return context.page_size // size


def _in_life(life: Life, keys: NDArray[np.uint64]) -> slice:
    first = life.region.first
    return slice(*np.searchsorted(keys, np.array([first, first + life.region.pages], np.uint64)))


def _pages_of(life: Life, keys: NDArray[np.uint64], ratio: int) -> NDArray[np.uint64]:
    """The machine's pages that stand for those of a later life."""
    pages = keys[_in_life(life, keys)] // np.uint64(ratio)
    return pages - np.uint64(life.region.first // ratio) + np.uint64(life.first)


def _changes(
    lives: Sequence[Life], keys: NDArray[np.uint64], places: NDArray[np.int64], used: NDArray[np.bool_]
) -> Iterator[Change]:
    at = 0
    rows = np.flatnonzero(used)
    for life in lives:
        inside = rows[_in_life(life, keys)]
        yield Change(life.run, inside, places[at : at + len(inside)].astype(np.uint32))
        at += len(inside)


def _flags(length: int, numbers: list[int]) -> NDArray[np.bool_]:
    flags = np.zeros(length, np.bool_)
    flags[numbers] = True
    return flags


def _ids(trace: NativeTrace, number: int) -> tuple[int, int]:
    origin = trace.origins[number]
    return origin.process or 0, origin.thread or 0


def _listed(trace: NativeTrace) -> str:
    known = sorted(process for process in trace.facts.processes if process is not None)
    if not known:
        return "none: the trace doesn't tell processes apart"
    return f"one of {', '.join(map(str, known[:_LISTED]))}{', ...' if len(known) > _LISTED else ''}"
