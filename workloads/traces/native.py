"""The native store: a trace ready to be replayed, mapped into memory a window at a time."""

from __future__ import annotations

import mmap
import os
import struct
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block
from workloads.base import InputError
from workloads.traces.regions import LateRegions, Regions, TraceRegion, moments_of, regions_from, text_of
from workloads.traces.runs import Runs, optional_columns, select
from workloads.traces.store import COLUMNS, NEEDED, VERSION, Window, check, layout, schema, seal, totals, windows
from workloads.traces.tally import PAGE_BITS, Facts, Origin, Tally, note_uses

__all__ = ["BATCH", "VERSION", "Batch", "NativeTrace", "write_native"]

BATCH = 1 << 20
"""Runs in a record batch, and most in a Block: 8 MiB."""

_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError, struct.error)


class Batch(NamedTuple):
    """Consecutive runs of a store: views of the file, of one length."""

    first: int
    """number of the first of these runs"""
    page: NDArray[np.uint32]
    """place in `Facts.keys`"""
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]
    origin: NDArray[np.uint16] | None
    """place in `Facts.origins`; None: they are all of the one there is"""
    time: NDArray[np.int64] | None
    """nanoseconds since the trace's first reference; None: the trace doesn't tell"""


class NativeTrace:
    """A trace in a native store; as a ReferenceStream all of it is one thread of one process, without waits.

    Batches and blocks are views of the file and stay valid for as long as they are held; what was mapped for one is
    given back with it, so memory in use doesn't depend on the length of the trace.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Read what is known of the trace; the caller may close `file` and remove it afterwards.

        `name` is what messages call it. Raises InputError if it is no native store, or damaged.
        """
        self.name = name
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        try:
            self._windows, self.facts, self.about, self._checks, self.moments = layout(self._descriptor)
            self.page_size = int(self.about["page_size"]) if "page_size" in self.about else None
        except _DAMAGE as error:
            what = " ".join(str(error).split())[:200]
            raise InputError(f"{name}: found damaged native trace data ({what}), allowed is a whole file") from error
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        self.source = self.about.get("source", "")
        self.runs = self.facts.runs
        self.references: int | None = self.facts.references
        self.pages, self._index = _union(self.facts)
        self._checked = 0

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The threads that made the references."""
        return self.facts.origins

    def uses(self) -> NDArray[np.uint8]:
        """For each key how its page was referenced (tally.FETCHED and others); counted in a pass over an old store."""
        if self.facts.uses is None:
            uses: NDArray[np.uint8] = np.zeros(len(self.facts.keys), np.uint8)
            for batch in self.batches():
                note_uses(uses, batch.page, batch.fetches, batch.loads, batch.stores)
            self.facts = self.facts._replace(uses=uses)
        assert self.facts.uses is not None
        return self.facts.uses

    def batches(self, first: int = 0, end: int | None = None) -> Iterator[Batch]:
        """The runs from the start, at most `BATCH` at a time; with `first` and `end`, those whose numbers lie between.

        Raises InputError where the file is damaged.
        """
        for number, window in enumerate(self._windows):
            stop = window.rows if end is None else min(end - window.first, window.rows)
            start = max(first - window.first, 0)
            if stop <= start and number != self._checked:
                continue
            batch = self._batch(window)
            if number == self._checked:
                self._check(number, batch)
            if (start, stop) != (0, window.rows):
                batch = _rows(batch, start, stop)
            if stop > start:
                yield batch

    def blocks(self) -> Iterator[Block]:
        """The runs from the start, in blocks of at most `BATCH`; raises InputError where the file is damaged."""
        for batch in self.batches():
            page = batch.page if self._index is None else self._index[batch.page]
            yield Block(page, batch.fetches, batch.loads, batch.stores)

    def numbered(self) -> Iterator[Runs]:
        """The runs from the start, as they were recorded; raises InputError as `batches` does."""
        numbers = self.facts.keys & np.uint64((1 << PAGE_BITS) - 1)
        ids = {
            name: np.array([getattr(origin, name) for origin in self.origins], np.uint32)
            for name in self.facts.columns
            if name != "time"
        }
        for batch in self.batches():
            more: dict[str, Any] = {name: known[batch.origin] for name, known in ids.items()}
            if batch.time is not None:
                more["time"] = batch.time + self.facts.epoch
            yield Runs(numbers[batch.page], batch.fetches, batch.loads, batch.stores, **more)

    def _batch(self, window: Window) -> Batch:
        views: dict[str, Any] = dict(zip(window.columns, _views(self._descriptor, window), strict=True))
        page, fetches, loads, stores = (views[name] for name in NEEDED)
        return Batch(window.first, page, fetches, loads, stores, views.get("origin"), views.get("time"))

    def _check(self, number: int, batch: Batch) -> None:
        # An index beyond `keys` would make the simulator read foreign memory: every batch is looked at once.
        columns = [column for column in (*batch[2:], batch.page) if column is not None]
        if check(columns) != int(self._checks[number]):
            raise InputError(
                f"{self.name}: found damaged native trace data (runs {batch.first} to "
                f"{batch.first + len(batch.page) - 1} were changed), allowed is a whole file"
            )
        wrong = int(_first_wrong(*batch[1:5], len(self.facts.keys)))
        if wrong < 0 and batch.origin is not None:
            wrong = int(_first_stranger(batch.page, batch.origin, self._bounds()))
        if wrong >= 0:
            raise InputError(
                f"{self.name}: row {batch.first + wrong}: found page index {batch.page[wrong]} with "
                f"{batch.fetches[wrong]}, {batch.loads[wrong]} and {batch.stores[wrong]} references, allowed is an "
                f"index below {len(self.facts.keys)}, of a page of the run's process, and at least one reference"
            )
        self._checked += 1

    def _bounds(self) -> NDArray[np.int64]:
        spans = dict(zip(self.facts.processes, self.facts.spans(), strict=True))
        return np.array([spans[origin.process] for origin in self.origins], np.int64)


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    columns = {name: getattr(batch, name) for name in Batch._fields[1:]}
    kept: dict[str, Any] = {name: None if column is None else column[start:stop] for name, column in columns.items()}
    return Batch(batch.first + start, **kept)


def _union(facts: Facts) -> tuple[NDArray[np.uint64], NDArray[np.uint32] | None]:
    """The distinct page numbers of all processes, and for each key its place among them if that isn't its own."""
    if len(facts.processes) == 1:
        return facts.keys, None
    pages, index = np.unique(facts.keys & np.uint64((1 << PAGE_BITS) - 1), return_inverse=True)
    return pages, index.astype(np.uint32)


@compiled
def _first_wrong(page: Any, fetches: Any, loads: Any, stores: Any, pages: int) -> int:
    most, empty_runs = np.uint32(0), 0
    for row in range(len(page)):  # no early exit, so that it runs on vectors
        most = max(most, page[row])
        empty_runs += (fetches[row] | loads[row] | stores[row]) == 0
    if most < pages and not empty_runs:
        return -1
    for row in range(len(page)):
        if page[row] >= pages or (fetches[row] | loads[row] | stores[row]) == 0:
            return row
    return -1


@compiled
def _first_stranger(page: Any, origin: Any, bounds: Any) -> int:
    for row in range(len(page)):
        if origin[row] >= len(bounds) or not bounds[origin[row], 0] <= page[row] < bounds[origin[row], 1]:
            return row
    return -1


def write_native(
    file: BinaryIO,
    chunks: Iterable[Runs],
    source: str,
    name: str,
    about: Mapping[str, str] | None = None,
    regions: LateRegions = tuple,
) -> Facts:
    """Write runs to an empty file, open for reading and writing, as a native store; gives what was counted.

    `source` is the digest of what they come from, `about` what else is known of it (`page_size` in bytes), `name` what
    messages call it, `regions` gives what pages were backed by and is called when all runs were read. One pass over the
    runs: pages get provisional indices, which are replaced by ranks at the end. Memory: two batches, and 32 to 64 bytes
    for each distinct page of a process. Raises InputError if there are no runs, or they can't be kept (tally.Tally),
    and OSError if they can't be written.
    """
    head, pieces = _begun(chunks, name)
    known = {key: text for key, text in (about or {}).items() if key != "pagesim"} | {"source": source}
    tally = Tally(optional_columns(head), name)
    columns = [*NEEDED, *(["origin"] if tally.told_apart else []), *(["time"] if "time" in tally.columns else [])]
    arrow = schema(columns, known)
    checks: list[int] = []
    with pa.ipc.new_file(pa.PythonFile(file, "w"), arrow) as writer:
        for batch in _batches(chain([head], pieces), tally, columns):
            checks.append(check([batch[column] for column in columns[1:]]))
            writer.write_batch(_record(batch, arrow))
        facts, rank = tally.facts()
        facts = facts._replace(regions=_regions(regions(), facts, name))
        file.flush()
        checks = _rank(file.fileno(), rank, checks)
        moments = _runs_at(file.fileno(), moments_of(facts.regions))
        nothing = {column: np.empty(0, COLUMNS[column]) for column in columns}
        writer.write_batch(_record(nothing, arrow), custom_metadata=totals(facts, checks, moments, known))
    file.flush()
    seal(file)
    return facts


def _begun(chunks: Iterable[Runs], name: str) -> tuple[Runs, Iterator[Runs]]:
    pieces = iter(chunks)
    head = next((piece for piece in pieces if len(piece.page)), None)
    if head is None:
        raise InputError(f"{name}: found no references, allowed is a trace with at least one")
    return head, pieces


def _regions(regions: Sequence[TraceRegion], facts: Facts, name: str) -> Regions:
    """The regions of a trace, in order; raises InputError for one of a process that the trace hasn't."""
    for region in regions:
        if region.process not in facts.processes:
            raise InputError(f"{name}: regions: found one of process {region.process}, allowed is one of the trace's")
    return regions_from(text_of(regions), name)


def _runs_at(descriptor: int, moments: Sequence[int]) -> list[int]:
    """For each number of references (ascending) the number of the first run that begins after them."""
    if not moments:
        return []
    mapped = pa.py_buffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    runs: list[int] = []
    before = 0
    for window, _ in windows(mapped):
        columns = dict(zip(window.columns, _views(descriptor, window), strict=True))
        ends = before + np.cumsum(sum(columns[name].astype(np.int64) for name in NEEDED[1:]))
        later = np.searchsorted(moments, ends[-1], "right")
        rows = np.searchsorted(np.append(before, ends[:-1]), moments[len(runs) : later])
        runs += (window.first + rows).tolist()
        before = int(ends[-1])
    return runs + [window.first + window.rows] * (len(moments) - len(runs))


def _record(batch: Mapping[str, NDArray[Any]], arrow: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array(batch[column]) for column in arrow.names], schema=arrow)


def _batches(chunks: Iterable[Runs], tally: Tally, columns: Iterable[str]) -> Iterator[dict[str, NDArray[Any]]]:
    # The same arrays each time: what is yielded must be used up before the next.
    room = {column: np.empty(BATCH, COLUMNS[column]) for column in columns}
    held = 0
    for chunk in chunks:
        taken = 0
        while taken < len(chunk.page):
            step = min(BATCH - held, len(chunk.page) - taken)
            part = select(chunk, slice(taken, taken + step))
            target = {name: column[held : held + step] for name, column in room.items()}
            indices = {name: target[name] for name in ("page", "origin", "time") if name in target}
            tally.add(part, **indices)
            for name in NEEDED[1:]:
                target[name][:] = getattr(part, name)
            taken += step
            held += step
            if held == BATCH:
                yield room
                held = 0
    if held:
        yield {name: column[:held] for name, column in room.items()}


def _rank(descriptor: int, rank: NDArray[np.uint32], checks: list[int]) -> list[int]:
    # The last batch isn't written yet, since it holds the check sums that the right page indices have.
    in_order = np.array_equal(rank, np.arange(len(rank)))
    room = np.empty(BATCH, np.uint32)
    whole: list[int] = []
    mapped = pa.py_buffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    places = [(window.rows, window.columns["page"]) for window, _ in windows(mapped)]
    with os.fdopen(os.dup(descriptor), "r+b") as file:  # read and written: mapping it would cost a fault a page
        for (rows, offset), others in zip(places, checks, strict=True):
            page = room[:rows]
            file.seek(offset)
            file.readinto(page.data)
            if not in_order:
                page = rank[page]
                file.seek(offset)
                file.write(page.data)
            whole.append(check([page], others))
        file.seek(0, os.SEEK_END)
    return whole


def _views(descriptor: int, window: Window) -> list[NDArray[Any]]:
    # One mapping for each batch: it goes away with the last array that shows it.
    offsets = window.columns.items()
    start = min(window.columns.values()) // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    end = max(offset + window.rows * COLUMNS[name].itemsize for name, offset in offsets)
    mapped = mmap.mmap(descriptor, end - start, access=mmap.ACCESS_COPY, offset=start)
    return [np.frombuffer(mapped, COLUMNS[name], window.rows, offset - start) for name, offset in offsets]
