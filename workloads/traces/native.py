"""The native store: a trace ready to be replayed, mapped into memory a window at a time.

An Arrow IPC file, readable with any Arrow library: record batches of `BATCH` runs with the columns of a Block, `page`
being an index into the trace's distinct pages. The last batch is empty; its metadata holds what is known only at the
end: `runs`, `references`, `distinct`, and `pages`, the distinct page numbers ascending, as the base64 of the Zstandard
of their little-endian uint64 differences. The schema's metadata holds `pagesim` (the version of this layout) and
`source` (the digest of what the trace was made from).
"""

from __future__ import annotations

import base64
import mmap
import os
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block
from workloads.base import MAX_PAGE, InputError
from workloads.traces.distinct import Distinct
from workloads.traces.runs import Runs, count

VERSION = "1"
BATCH = 1 << 20
"""Runs in a record batch, and most in a Block: 8 MiB."""

_COLUMNS = {
    name: np.dtype(kind) for name, kind in (("page", "u4"), ("fetches", "u2"), ("loads", "u1"), ("stores", "u1"))
}
_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError)


class _Window(NamedTuple):
    """Where a batch lies in the file."""

    rows: int
    offsets: tuple[int, ...]
    """bytes from the start of the file to each column"""


class _Totals(NamedTuple):
    runs: int
    references: int
    pages: NDArray[np.uint64]


class NativeTrace:
    """A trace in a native store; a ReferenceStream.

    Blocks are views of the file and stay valid for as long as they are held; what was mapped for a block is given back
    with it, so memory in use doesn't depend on the length of the trace.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Read what is known of the trace; the caller may close `file` and remove it afterwards.

        `name` is what messages call it. Raises InputError if it is no native store, or damaged.
        """
        self._name = name
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        try:
            self._windows, totals, self.source = _layout(self._descriptor)
        except _DAMAGE as error:
            what = " ".join(str(error).split())[:200]
            raise InputError(f"{name}: found damaged native trace data ({what}), allowed is a whole file") from error
        self.runs = totals.runs
        self.references: int | None = totals.references
        self.pages = totals.pages
        self._checked = 0

    def blocks(self) -> Iterator[Block]:
        """The runs from the start, in blocks of at most `BATCH`; raises InputError where the file is damaged."""
        for number, window in enumerate(self._windows):
            block = Block._make(_views(self._descriptor, window))
            if number == self._checked:
                self._check(number, block)
            yield block

    def numbered(self) -> Iterator[Runs]:
        """The runs from the start, with page numbers instead of indices; raises InputError as `blocks` does."""
        for block in self.blocks():
            yield Runs(self.pages[block.page], block.fetches, block.loads, block.stores)

    def _check(self, number: int, block: Block) -> None:
        # An index beyond `pages` would make the simulator read foreign memory: every block is looked at once.
        wrong = int(_first_wrong(*block, len(self.pages)))
        if wrong >= 0:
            row = number * BATCH + wrong
            raise InputError(
                f"{self._name}: row {row}: found page index {block.page[wrong]} with {block.fetches[wrong]}, "
                f"{block.loads[wrong]} and {block.stores[wrong]} references, allowed is an index below "
                f"{len(self.pages)} and at least one reference"
            )
        self._checked += 1


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


def write_native(file: BinaryIO, chunks: Iterable[Runs], source: str, name: str) -> None:
    """Write runs to an empty file, open for reading and writing, as a native store.

    `source` is the digest of what they come from, `name` what messages call it. One pass over the runs: pages get
    provisional indices, which are replaced by ranks at the end. Memory: two batches, and 32 to 64 bytes for each
    distinct page. Raises InputError if there are no runs, OSError if they can't be written.
    """
    distinct = Distinct()
    schema = pa.schema(
        [pa.field(column, pa.from_numpy_dtype(kind), nullable=False) for column, kind in _COLUMNS.items()],
        metadata={"pagesim": VERSION, "source": source},
    )
    runs = references = 0
    with pa.ipc.new_file(pa.PythonFile(file, "w"), schema) as writer:
        for block in _batches(chunks, distinct):
            runs += len(block.page)
            references += count(block)
            writer.write_batch(_record(block, schema))
        if not runs:
            raise InputError(f"{name}: found no references, allowed is a trace with at least one")
        pages, rank = distinct.ranked()
        totals = {"runs": str(runs), "references": str(references), "distinct": str(len(pages)), "pages": _pack(pages)}
        nothing = Block._make(np.empty(0, kind) for kind in _COLUMNS.values())
        writer.write_batch(_record(nothing, schema), custom_metadata=totals)
    file.flush()
    _rank(file.fileno(), rank)


def _record(block: Block, schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array(column) for column in block], schema=schema)


def _batches(chunks: Iterable[Runs], distinct: Distinct) -> Iterator[Block]:
    # The same arrays each time: what is yielded must be used up before the next.
    room = Block._make(np.empty(BATCH, kind) for kind in _COLUMNS.values())
    held = 0
    for chunk in chunks:
        taken = 0
        while taken < len(chunk.page):
            step = min(BATCH - held, len(chunk.page) - taken)
            source, target = slice(taken, taken + step), slice(held, held + step)
            distinct.encode(chunk.page[source], room.page[target])
            room.fetches[target] = chunk.fetches[source]
            room.loads[target] = chunk.loads[source]
            room.stores[target] = chunk.stores[source]
            taken += step
            held += step
            if held == BATCH:
                yield room
                held = 0
    if held:
        yield Block._make(column[:held] for column in room)


def _rank(descriptor: int, rank: NDArray[np.uint32]) -> None:
    if np.array_equal(rank, np.arange(len(rank))):
        return
    room = np.empty(BATCH, np.uint32)
    with os.fdopen(os.dup(descriptor), "r+b") as file:  # read and written: mapping it would cost a fault a page
        for window in _layout(descriptor)[0]:
            page = room[: window.rows]
            file.seek(window.offsets[0])
            file.readinto(page.data)
            file.seek(window.offsets[0])
            file.write(rank[page].data)


def _views(descriptor: int, window: _Window) -> list[NDArray[Any]]:
    # One mapping for each batch: it goes away with the last array that shows it.
    start = min(window.offsets) // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    end = max(offset + window.rows * kind.itemsize for offset, kind in _placed(window))
    mapped = mmap.mmap(descriptor, end - start, access=mmap.ACCESS_COPY, offset=start)
    return [np.frombuffer(mapped, kind, window.rows, offset - start) for offset, kind in _placed(window)]


def _placed(window: _Window) -> Iterator[tuple[int, np.dtype[Any]]]:
    return zip(window.offsets, _COLUMNS.values(), strict=True)


def _layout(descriptor: int) -> tuple[list[_Window], _Totals, str]:
    # This mapping of the whole file touches only the batches' headers, and goes away on return.
    whole = pa.py_buffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    reader = pa.ipc.open_file(pa.BufferReader(whole))
    metadata = reader.schema.metadata or {}
    found = {field.name: field.type for field in reader.schema}
    wanted = {column: pa.from_numpy_dtype(kind) for column, kind in _COLUMNS.items()}
    if metadata.get(b"pagesim") != VERSION.encode() or found != wanted:
        raise ValueError(f"no native store of version {VERSION}")
    last = reader.num_record_batches - 1
    windows = [_window(reader.get_batch(number), whole) for number in range(last)]
    totals = _totals(dict(reader.get_batch_with_custom_metadata(last)[1]), sum(window.rows for window in windows))
    return windows, totals, metadata.get(b"source", b"").decode()


def _window(batch: pa.RecordBatch, whole: pa.Buffer) -> _Window:
    batch.validate()
    offsets = []
    for column, kind in zip(batch.columns, _COLUMNS.values(), strict=True):
        values = column.buffers()[1]
        offset = values.address - whole.address if values else -1
        if not batch.num_rows or column.null_count or offset < 0 or offset % kind.itemsize:
            raise ValueError("a batch that is empty, has nulls, is compressed or not aligned")
        if offset + batch.num_rows * kind.itemsize > whole.size:
            raise ValueError("a batch beyond the end of the file")
        offsets.append(offset)
    return _Window(batch.num_rows, tuple(offsets))


def _totals(metadata: dict[bytes, bytes], rows: int) -> _Totals:
    runs, references, distinct = (int(metadata[key]) for key in (b"runs", b"references", b"distinct"))
    if runs != rows or not 1 <= distinct <= runs or references < runs:
        raise ValueError(f"{runs} runs, {references} references and {distinct} pages in {rows} rows")
    return _Totals(runs, references, _unpack(metadata[b"pages"], distinct))


def _pack(pages: NDArray[np.uint64]) -> bytes:
    steps = np.diff(pages, prepend=np.uint64(0)).astype("<u8")
    return base64.b64encode(pa.compress(steps.tobytes(), "zstd", asbytes=True))


def _unpack(packed: bytes, distinct: int) -> NDArray[np.uint64]:
    steps = pa.decompress(base64.b64decode(packed, validate=True), 8 * distinct, "zstd", asbytes=True)
    pages = np.cumsum(np.frombuffer(steps, "<u8"), dtype=np.uint64)
    if len(pages) != distinct or pages[-1] > MAX_PAGE or (pages[1:] <= pages[:-1]).any():
        raise ValueError("page numbers that don't ascend")
    return pages
