"""How a native store lies in its file: an Arrow IPC file, readable with any Arrow library.

Record batches of `BATCH` runs with the columns `page` (place in the table of pages), `fetches`, `loads`, `stores` and,
if the trace has them, `origin` (place in the table of threads) and `time` (nanoseconds since the trace's first
reference). The schema's metadata tells where the trace comes from. The last batch is empty; its metadata holds what is
known only at the end: `pages`, `origins`, `processes`, `epoch`, `uses` (see tally.Facts), `regions` (see regions),
`moments`, the run at each begin and end of a region, and `checks`, the check sums of the batches; and `digest`, that of
all metadata. The two bytes that pad Arrow's magic number are a check sum of the schema: Arrow's own reader may crash on
a damaged one. So a byte that is changed anywhere is found.
"""

from __future__ import annotations

import base64
import hashlib
import json
import mmap
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import MAX_PAGE
from workloads.traces.regions import KEY, moments_of, regions_from, text_of
from workloads.traces.runs import OPTIONAL
from workloads.traces.tally import MOST_TIME, PAGE_BITS, Facts, Origin

VERSION = "3"
READABLE = ("2", VERSION)
"""Stores of version 2 lack `uses`, `regions` and `moments`."""

MAGIC = b"ARROW1"
_START = 8
"""Bytes before the first message."""
_PREFIX = 8
"""Bytes before what a message holds: a mark, and its length."""

COLUMNS: dict[str, np.dtype[Any]] = {
    name: np.dtype(kind)
    for name, kind in (
        ("page", "u4"), ("fetches", "u2"), ("loads", "u1"), ("stores", "u1"), ("origin", "u2"), ("time", "i8"),
    )
}  # fmt: skip
NEEDED = ("page", "fetches", "loads", "stores")


class Window(NamedTuple):
    """Where a batch lies in the file."""

    first: int
    """number of its first run"""
    rows: int
    columns: dict[str, int]
    """bytes from the start of the file to each column"""


class Layout(NamedTuple):
    """All that is known without reading the runs."""

    windows: list[Window]
    facts: Facts
    about: dict[str, str]
    """where the trace comes from"""
    checks: NDArray[np.uint64]
    """the check sum of each batch"""
    moments: dict[int, int]
    """for each number of references at which a region begins or ends the number of the first run after them"""


def schema(columns: Sequence[str], about: Mapping[str, str]) -> pa.Schema:
    """The schema of a store with certain columns."""
    fields = [pa.field(column, pa.from_numpy_dtype(COLUMNS[column]), nullable=False) for column in columns]
    return pa.schema(fields, metadata={**about, "pagesim": VERSION})


def totals(
    facts: Facts, checks: Sequence[int], moments: Sequence[int], about: Mapping[str, str]
) -> dict[str, str | bytes]:
    """What the last batch's metadata holds."""
    found: dict[str, str | bytes] = {
        "runs": str(facts.runs),
        "references": str(facts.references),
        "distinct": str(len(facts.keys)),
        "columns": " ".join(facts.columns),
        "origins": json.dumps(facts.origins),
        "processes": json.dumps(facts.processes),
        "epoch": str(facts.epoch),
        "pages": _pack(np.diff(facts.keys, prepend=np.uint64(0))),
        "checks": _pack(np.array(checks, np.uint64)),
        "moments": _pack(np.array(moments, np.uint64)),
        **({} if facts.uses is None else {"uses": _pack(facts.uses.astype(np.uint64))}),
        **({KEY: text_of(facts.regions)} if facts.regions else {}),
    }
    return {**found, "digest": _digest({**about, **found})}


def windows(whole: pa.Buffer) -> Iterator[tuple[Window, pa.Message]]:
    """The batches in the bytes of a store, which needn't have an end yet; only their headers are touched.

    Raises ValueError, pyarrow.ArrowException or struct.error where they aren't as they should be.
    """
    messages = pa.ipc.MessageReader.open_stream(pa.BufferReader(whole.slice(_START)))
    columns = pa.ipc.read_schema(next(messages)).names
    first = 0
    for message in messages:
        if message.type != "record batch" or _compressed(message.metadata.to_pybytes()):
            raise ValueError(f"a {message.type} that is no plain record batch")
        batch = pa.ipc.read_record_batch(message, _untold(columns))
        batch.validate()
        yield Window(first, batch.num_rows, _offsets(batch, whole)), message
        first += batch.num_rows


def _untold(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([pa.field(column, pa.from_numpy_dtype(COLUMNS[column]), nullable=False) for column in columns])


def _offsets(batch: pa.RecordBatch, whole: pa.Buffer) -> dict[str, int]:
    offsets = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = column.buffers()[1]
        offset = values.address - whole.address if values and batch.num_rows else 0
        if column.null_count or column.offset or offset % 8 or not 0 <= offset <= whole.size:
            raise ValueError("a batch that has nulls or is not aligned")
        offsets[name] = offset
    return offsets


def _compressed(header: bytes) -> bool:
    # A batch that expands to more than the file holds could fill memory, so we look for its field `compression` (the
    # fourth of the table RecordBatch, which is the third of the table Message: Arrow's Message.fbs) before Arrow does.
    message = struct.unpack_from("<I", header)[0]
    batch = _field(header, message, 2)
    batch += struct.unpack_from("<I", header, batch)[0]
    return _field(header, batch, 3) > 0


def _field(header: bytes, table: int, number: int) -> int:
    """Where a field of a FlatBuffers table is; 0 if it isn't there."""
    entries = table - struct.unpack_from("<i", header, table)[0]
    length = struct.unpack_from("<H", header, entries)[0]
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", header, entries + at)[0] if at + 2 <= length else 0
    return table + int(offset) if offset else 0


def seal(file: BinaryIO) -> None:
    """Write the check sum of the schema into a store that is otherwise complete."""
    file.seek(_START)
    prefix = file.read(_PREFIX)
    mark = _schema_mark(prefix + file.read(struct.unpack("<iI", prefix)[1]))
    file.seek(len(MAGIC))
    file.write(mark)
    file.flush()


def _schema_mark(message: bytes) -> bytes:
    return hashlib.blake2b(message, digest_size=_START - len(MAGIC)).digest()


def _check_schema(mapped: mmap.mmap) -> None:
    end = _START + _PREFIX
    length = struct.unpack("<iI", mapped[_START:end])[1] if len(mapped) >= end else 0
    if _schema_mark(mapped[_START : end + length]) != mapped[len(MAGIC) : _START]:
        raise ValueError(f"no native store of version {VERSION}, or one whose schema was changed")


def layout(descriptor: int) -> Layout:
    """What is in a store; raises the errors of `windows`, OSError, KeyError, OverflowError or MemoryError."""
    # This mapping of the whole file touches only the batches' headers, and goes away on return.
    mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    if mapped[:6] != MAGIC or mapped[-6:] != MAGIC:
        raise ValueError("the Arrow file's first or last bytes are missing")
    _check_schema(mapped)
    whole = pa.py_buffer(mapped)
    schema = next(pa.ipc.MessageReader.open_stream(pa.BufferReader(whole.slice(_START))), None)
    if schema is None:
        raise ValueError("the schema is missing")
    found = pa.ipc.read_schema(schema)
    about = {key.decode(): value.decode() for key, value in (found.metadata or {}).items()}
    known = {name: pa.from_numpy_dtype(kind) for name, kind in COLUMNS.items()}
    names = {field.name: field.type for field in found}
    version = about.pop("pagesim", None)
    if version not in READABLE or not set(NEEDED) <= set(names) or not names.items() <= known.items():
        raise ValueError(f"no native store of version {VERSION}")
    *batches, (last, message) = windows(whole)
    if last.rows or not batches or not all(window.rows for window, _ in batches):
        raise ValueError("batches that are empty, or none")
    metadata = _custom(found, message)
    facts, checks = _facts(metadata, about, last.first, names)
    if len(checks) != len(batches) or (version == VERSION and facts.uses is None):
        raise ValueError("check sums that are not of the batches")
    at = moments_of(facts.regions)
    runs = _unpack(metadata["moments"], len(at)).tolist() if at else []
    if any(run > last.first for run in runs) or runs != sorted(runs):
        raise ValueError("moments that are not in the trace")
    return Layout([window for window, _ in batches], facts, about, checks, dict(zip(at, runs, strict=True)))


def _custom(found: pa.Schema, message: pa.Message) -> dict[str, bytes]:
    stream = pa.BufferReader(found.serialize().to_pybytes() + message.serialize().to_pybytes())
    metadata = pa.ipc.open_stream(stream).read_next_batch_with_custom_metadata()[1] or {}
    return {key.decode(): value for key, value in dict(metadata).items()}


def _facts(
    found: dict[str, bytes], about: Mapping[str, str], rows: int, names: Mapping[str, Any]
) -> tuple[Facts, NDArray[np.uint64]]:
    if found.pop("digest", b"").decode() != _digest({**about, **found}):
        raise ValueError("metadata that was changed")
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
        facts.runs != rows
        or not 1 <= distinct <= rows
        or int(found["references"]) != facts.references
        or not set(columns) <= set(OPTIONAL)
        or any((name in names) != is_kept for name, is_kept in kept.items())
        or known != set(facts.processes)
        or len(known) != len(facts.processes)
        or not known.issuperset(region.process for region in regions)
        or abs(facts.epoch) >= MOST_TIME
        or int(keys[-1]) >> PAGE_BITS >= len(facts.processes)
        or (keys & np.uint64((1 << PAGE_BITS) - 1)).max() > MAX_PAGE
        or (keys[1:] <= keys[:-1]).any()
    ):
        raise ValueError("metadata that contradicts itself")
    return facts, _unpack(found["checks"], None)


def _digest(metadata: Mapping[str, str | bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for key in sorted(metadata):
        value = metadata[key]
        for part in (key.encode(), value.encode() if isinstance(value, str) else value):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _pack(numbers: NDArray[np.uint64]) -> bytes:
    packed = pa.compress(numbers.astype("<u8").tobytes(), "zstd", asbytes=True)
    return f"{len(numbers)} ".encode() + base64.b64encode(packed)


def _unpack(packed: bytes, expected: int | None) -> NDArray[np.uint64]:
    # The digest was compared before: this is what we packed.
    length, text = packed.split(b" ")
    if expected is not None and int(length) != expected:
        raise ValueError("a table of another length")
    data = pa.decompress(base64.b64decode(text, validate=True), 8 * int(length), "zstd", asbytes=True)
    return np.frombuffer(data, "<u8")


def check(columns: Sequence[NDArray[Any]], start: int = 0) -> int:
    """A check sum over columns, which any change of a byte changes; `start` is that of the columns before."""
    for column in columns:
        start = int(_check(column.view(np.uint8), np.uint64(start)))
    return start


@compiled
def _check(data: Any, start: Any) -> Any:
    # A sum of 64-bit words, each times an odd number of its own, modulo 2^64: a change in one word can't cancel out.
    words = data[: len(data) // 8 * 8].view(np.uint64)
    factor, total = np.uint64(0x9E3779B97F4A7C15), start * np.uint64(0xD6E8FEB86659FD93) + np.uint64(len(data))
    for i in range(len(words)):
        total += words[i] * (factor * np.uint64(2 * i + 1))
    for i in range(len(words) * 8, len(data)):
        total += np.uint64(data[i]) * (factor * np.uint64(2 * i + 1))
    return total
