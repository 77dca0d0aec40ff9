"""The native store: a trace ready to be replayed, an Arrow IPC file that any Arrow library reads.

Record batches of `BATCH` runs, compressed with Zstandard, have the columns `page` (place among `Facts.keys`),
`fetches`, `loads`, `stores` and, if the trace has them, `origin` (place in the table of threads) and `time`
(nanoseconds since the trace's first reference). The schema's metadata tells where the trace comes from. The last batch
is empty; its metadata holds what was counted (see tally.Facts), `regions` (see regions), and where each batch ends in
the file, with its check sum. So a byte that is changed anywhere is found. Stores of versions 2 and 3 are read, too: in
them nothing is compressed, and nothing tells where batches end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block
from workloads.base import MAX_PAGE, InputError
from workloads.traces.regions import KEY, LateRegions, Regions, TraceRegion, moments_of, regions_from, text_of
from workloads.traces.runs import OPTIONAL, Runs, optional_columns, select
from workloads.traces.tally import MOST_TIME, PAGE_BITS, Facts, Origin, Tally, note_uses

VERSION = "5"
READABLE = ("2", "3", VERSION)

BATCH = 1 << 20
"""Runs in a record batch, and most in a Block: 8 MiB."""

_LEVEL = 9
"""Of Zstandard: recorded traces take no more room than as Parquet files, and are read three times as fast as at 3."""

_TYPES: dict[str, Any] = {
    "page": np.uint32, "fetches": np.uint16, "loads": np.uint8, "stores": np.uint8, "origin": np.uint16,
    "time": np.int64,
}  # fmt: skip
_NEEDED = ("page", "fetches", "loads", "stores")
_PLAIN = pa.ipc.IpcReadOptions(use_threads=False)
_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError)


class Batch(NamedTuple):
    """Consecutive runs of a store: arrays of one length, which belong to whoever asked for them."""

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

    One batch is in memory at a time, so memory in use doesn't depend on the length of the trace.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Read what is known of the trace; the caller may close `file` and remove it afterwards.

        `name` is what messages call it. Raises InputError if it is no native store, or damaged.
        """
        self.name = name
        self._file = os.fdopen(os.dup(file.fileno()), "rb")
        weakref.finalize(self, self._file.close)
        try:
            self._open()
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        except _DAMAGE as error:
            raise self._damaged(" ".join(str(error).split())[:200]) from error
        self.page_size = int(self.about["page_size"]) if "page_size" in self.about else None
        self.source = self.about.get("source", "")
        self.runs = self.facts.runs
        self.references: int | None = self.facts.references
        self.pages, self._index = _union(self.facts)

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self.name}: found damaged native trace data ({what}), allowed is a whole file")

    def _open(self) -> None:
        self._reader = pa.ipc.open_file(pa.PythonFile(self._file, "r"), options=_PLAIN)
        schema = self._reader.schema
        self.about = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        known = {name: pa.from_numpy_dtype(kind) for name, kind in _TYPES.items()}
        names = {field.name: field.type for field in schema}
        version = self.about.pop("pagesim", None)
        if version not in READABLE or not set(_NEEDED) <= set(names) or not names.items() <= known.items():
            raise ValueError(f"no native store of version {VERSION}")
        self._batches = self._reader.num_record_batches - 1
        last, metadata = self._reader.get_batch_with_custom_metadata(self._batches)
        found = {key.decode(): value for key, value in dict(metadata or {}).items()}
        if last.num_rows or found.pop("digest", b"").decode() != _digest({**self.about, **found}):
            raise ValueError("metadata that was changed")
        self.facts = _facts(found, names)
        self._ends, self._checks = (
            _unpack(found[key], self._batches + 1) if version == VERSION else None for key in ("ends", "checks")
        )
        self._rows: list[int] = []
        if self._ends is not None:
            self._check(0)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The threads that made the references."""
        return self.facts.origins

    @cached_property
    def moments(self) -> dict[int, int]:
        """For each number of references at which a region begins or ends, the number of the first run after them."""
        found: dict[int, int] = {}
        moments = np.array(moments_of(self.facts.regions), np.int64)
        before = 0
        for batch in self.batches() if len(moments) else ():
            ends = before + np.cumsum(batch.fetches.astype(np.int64) + batch.loads + batch.stores)
            inside = moments[(moments >= before) & (moments < ends[-1])]
            rows = batch.first + np.searchsorted(np.append(before, ends[:-1]), inside)
            found.update(zip(inside.tolist(), rows.tolist(), strict=True))
            before = int(ends[-1])
        return {moment: found.get(moment, self.runs) for moment in moments.tolist()}

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
        at = 0
        for number in range(self._batches):
            if end is not None and at >= end:
                return
            if number < len(self._rows) and at + self._rows[number] <= first:
                at += self._rows[number]
                continue
            batch = self._batch(number, at)
            rows = len(batch.page)
            start, stop = max(first - at, 0), rows if end is None else min(end - at, rows)
            if stop > start:
                columns: Any = (None if column is None else column[start:stop] for column in batch[1:])
                yield batch if stop - start == rows else Batch(at + start, *columns)
            at += rows

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

    def _batch(self, number: int, first: int) -> Batch:
        try:
            known = number < len(self._rows)
            if not known and self._ends is not None:
                self._check(number + 1)
            arrow = self._reader.get_batch(number)
            if not 0 < arrow.num_rows <= BATCH or any(column.null_count or column.offset for column in arrow.columns):
                raise ValueError("a batch that is empty, too large or has nulls")
            columns = {name: _array(column) for name, column in zip(arrow.schema.names, arrow.columns, strict=True)}
            page, fetches, loads, stores = (columns[name] for name in _NEEDED)
            batch = Batch(first, page, fetches, loads, stores, columns.get("origin"), columns.get("time"))
            if not known:
                self._look_at(batch)
                self._rows.append(len(page))
        except _DAMAGE as error:
            raise self._damaged(" ".join(str(error).split())[:200]) from error
        return batch

    def _check(self, part: int) -> None:
        """Compare the check sum of a part of the file: 0 is what comes before the batches, then come these."""
        assert self._ends is not None
        assert self._checks is not None
        start = int(self._ends[part - 1]) if part else 0
        self._file.seek(start)
        if zlib.crc32(self._file.read(max(int(self._ends[part]) - start, 0))) != self._checks[part]:
            raise ValueError(f"part {part} was changed")

    def _look_at(self, batch: Batch) -> None:
        # An index beyond `keys` would make the simulator read foreign memory: every batch is looked at once.
        spans = dict(zip(self.facts.processes, self.facts.spans(), strict=True))
        bounds = np.array([spans[origin.process] for origin in self.origins], np.int64)
        origin = np.empty(0, np.uint16) if batch.origin is None else batch.origin
        if not _sound(*batch[1:5], origin, bounds, len(self.facts.keys)):
            raise ValueError(f"runs {batch.first} to {batch.first + len(batch.page) - 1} contradict what is known")


def _array(column: pa.Array) -> NDArray[Any]:
    # Arrow expands a batch into memory of its own, which nobody else has.
    array: NDArray[Any] = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype(), len(column))
    return array if array.flags.writeable and array.flags.aligned else array.copy()


@compiled
def _sound(page: Any, fetches: Any, loads: Any, stores: Any, origin: Any, bounds: Any, pages: int) -> bool:
    # Whether each run refers to a page of its process, and at least once.
    most, empty_runs = np.uint32(0), 0
    for row in range(len(page)):  # no early exit, so that it runs on vectors
        most = max(most, page[row])
        empty_runs += (fetches[row] | loads[row] | stores[row]) == 0
    if most >= pages or empty_runs:
        return False
    for row in range(len(origin)):
        if origin[row] >= len(bounds) or not bounds[origin[row], 0] <= page[row] < bounds[origin[row], 1]:
            return False
    return True


def _union(facts: Facts) -> tuple[NDArray[np.uint64], NDArray[np.uint32] | None]:
    """The distinct page numbers of all processes, and for each key its place among them if that isn't its own."""
    if len(facts.processes) == 1:
        return facts.keys, None
    pages, index = np.unique(facts.keys & np.uint64((1 << PAGE_BITS) - 1), return_inverse=True)
    return pages, index.astype(np.uint32)


def _facts(found: Mapping[str, bytes], names: Mapping[str, Any]) -> Facts:
    """What a store's metadata tells; raises ValueError where it contradicts itself."""
    distinct = int(found["distinct"])
    keys = np.cumsum(_unpack(found["pages"], distinct), dtype=np.uint64)
    origins = tuple(Origin(*row) for row in json.loads(found["origins"]))
    columns = tuple(found["columns"].decode().split())
    processes = tuple(json.loads(found["processes"]))
    uses = _unpack(found["uses"], distinct).astype(np.uint8) if "uses" in found else None
    regions = regions_from(found[KEY].decode() if KEY in found else None, "metadata")
    facts = Facts(columns, origins, processes, keys, int(found["epoch"]), uses, regions)
    known = {origin.process for origin in origins}
    kept = {"origin": "process" in columns or "thread" in columns, "time": "time" in columns}
    if (
        not 1 <= distinct <= facts.runs
        or not set(columns) <= set(OPTIONAL)
        or any((name in names) != is_kept for name, is_kept in kept.items())
        or known != set(processes)
        or len(known) != len(processes)
        or not known.issuperset(region.process for region in regions)
        or abs(facts.epoch) >= MOST_TIME
        or int(keys[-1]) >> PAGE_BITS >= len(processes)
        or (keys & np.uint64((1 << PAGE_BITS) - 1)).max() > MAX_PAGE
        or (keys[1:] <= keys[:-1]).any()
    ):
        raise ValueError("metadata that contradicts itself")
    return facts


def _digest(metadata: Mapping[str, str | bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for key in sorted(metadata):
        value = metadata[key]
        for part in (key.encode(), value.encode() if isinstance(value, str) else value):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _pack(numbers: Any) -> bytes:
    packed = pa.compress(np.asarray(numbers).astype("<u8").tobytes(), "zstd", asbytes=True)
    return f"{len(numbers)} ".encode() + base64.b64encode(packed)


def _unpack(packed: bytes, expected: int) -> NDArray[np.uint64]:
    # The digest was compared before: this is what we packed.
    length, text = packed.split(b" ")
    if int(length) != expected:
        raise ValueError("a table of another length")
    data = pa.decompress(base64.b64decode(text, validate=True), 8 * expected, "zstd", asbytes=True)
    return np.frombuffer(data, "<u8")


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
    messages call it, `regions` gives what pages were backed by and is called when all runs were read. Memory: two
    batches, and 32 to 64 bytes for each distinct page of a process. Raises InputError if there are no runs, or they
    can't be kept (tally.Tally), and OSError if they can't be written.
    """
    pieces = (piece for piece in chunks if len(piece.page))
    if (head := next(pieces, None)) is None:
        raise InputError(f"{name}: found no references, allowed is a trace with at least one")
    known = {key: text for key, text in (about or {}).items() if key != "pagesim"} | {"source": source}
    tally = Tally(optional_columns(head), name)
    columns = [*_NEEDED, *(["origin"] if tally.told_apart else []), *(["time"] if "time" in tally.columns else [])]
    fields = [pa.field(column, pa.from_numpy_dtype(_TYPES[column]), nullable=False) for column in columns]
    schema = pa.schema(fields, metadata={**known, "pagesim": VERSION})
    with tempfile.TemporaryFile() as waiting:  # until all pages are known, and so the place of each
        with pa.ipc.new_stream(pa.PythonFile(waiting, "w"), schema, options=_options("lz4")) as writer:
            for batch in _batches(chain([head], pieces), tally, columns):
                writer.write_batch(pa.record_batch([pa.array(batch[column]) for column in columns], schema=schema))
        facts, rank = tally.facts()
        facts = facts._replace(regions=_regions(regions(), facts, name))
        waiting.seek(0)
        _write(_Parts(file), pa.ipc.open_stream(pa.PythonFile(waiting, "r"), options=_PLAIN), facts, rank, known)
    file.flush()
    return facts


def _options(codec: str, level: int | None = None) -> pa.ipc.IpcWriteOptions:
    return pa.ipc.IpcWriteOptions(compression=pa.Codec(codec, compression_level=level), use_threads=False)


def _write(
    out: _Parts, batches: pa.RecordBatchReader, facts: Facts, rank: NDArray[np.uint32], about: Mapping[str, str]
) -> None:
    schema = batches.schema
    with pa.ipc.new_file(pa.PythonFile(out, "w"), schema, options=_options("zstd", _LEVEL)) as writer:
        for batch in batches:
            out.end()
            writer.write_batch(batch.set_column(0, schema.field(0), pa.array(rank[batch.column(0).to_numpy()])))
        out.end()
        found = {**_totals(facts), "ends": _pack(out.ends), "checks": _pack(out.checks)}
        nothing = pa.record_batch([pa.array([], field.type) for field in schema], schema=schema)
        writer.write_batch(nothing, custom_metadata={**found, "digest": _digest({**about, **found})})


class _Parts:
    """A file that is written in parts: where each ends, and its check sum."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.closed = False
        self.ends: list[int] = []
        self.checks: list[int] = []
        self._at = self._check = 0

    def write(self, data: Any) -> int:
        """As a file's."""
        self._check = zlib.crc32(data, self._check)
        self._at += len(memoryview(data))
        return self._file.write(data)

    def end(self) -> None:
        """A part ends here."""
        self.ends.append(self._at)
        self.checks.append(self._check)
        self._check = 0

    def flush(self) -> None:
        """As a file's."""
        self._file.flush()


def _totals(facts: Facts) -> dict[str, str | bytes]:
    """What the last batch's metadata tells of the runs."""
    assert facts.uses is not None
    return {
        "runs": str(facts.runs),
        "references": str(facts.references),
        "distinct": str(len(facts.keys)),
        "columns": " ".join(facts.columns),
        "origins": json.dumps(facts.origins),
        "processes": json.dumps(facts.processes),
        "epoch": str(facts.epoch),
        "pages": _pack(np.diff(facts.keys, prepend=np.uint64(0))),
        "uses": _pack(facts.uses),
        **({KEY: text_of(facts.regions)} if facts.regions else {}),
    }


def _regions(regions: Sequence[TraceRegion], facts: Facts, name: str) -> Regions:
    """The regions of a trace, in order; raises InputError for one of a process that the trace hasn't."""
    for region in regions:
        if region.process not in facts.processes:
            raise InputError(f"{name}: regions: found one of process {region.process}, allowed is one of the trace's")
    return regions_from(text_of(regions), name)


def _batches(chunks: Iterable[Runs], tally: Tally, columns: Iterable[str]) -> Iterator[dict[str, NDArray[Any]]]:
    # The same arrays each time: what is yielded must be used up before the next.
    room = {column: np.empty(BATCH, _TYPES[column]) for column in columns}
    held = 0
    for chunk in chunks:
        taken = 0
        while taken < len(chunk.page):
            step = min(BATCH - held, len(chunk.page) - taken)
            part = select(chunk, slice(taken, taken + step))
            target = {name: column[held : held + step] for name, column in room.items()}
            tally.add(part, **{name: target[name] for name in ("page", "origin", "time") if name in target})
            for name in _NEEDED[1:]:
                target[name][:] = getattr(part, name)
            taken += step
            held += step
            if held == BATCH:
                yield room
                held = 0
    if held:
        yield {name: column[:held] for name, column in room.items()}
