"""Parquet traces: one run in each row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simulator.registry import register
from workloads.base import MAX_PAGE, InputError
from workloads.traces.runs import MAX_FETCHES, MAX_LOADS, MAX_STORES, Runs, concatenated, select

COUNTS = {"fetches": MAX_FETCHES, "loads": MAX_LOADS, "stores": MAX_STORES}
"""Count columns and the most that a row may hold."""

ROWS = 1 << 16
"""Rows in a piece that is read: what fits into a processor's cache is read twice as fast."""

ROW_GROUP = 1 << 21
"""Rows in a row group that is written."""

_TYPES = {"fetches": np.uint16, "loads": np.uint8, "stores": np.uint8}
_DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, KeyError, IndexError)


@register("format", "parquet")
class Parquet:
    """A Parquet file of integer columns `page` (virtual page number), `fetches` (at most 65535), `loads` and `stores`
    (at most 255). A count column that is missing is all 0; with none of the three each row is one load. A row has at
    least one reference."""

    name: str
    suffixes = (".parquet", ".pq")

    def recognises(self, head: bytes) -> bool:
        """By Parquet's magic number."""
        return head.startswith(b"PAR1")

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each row."""
        first_row = 0
        for batch in _batches(path):
            yield _runs(path, batch, first_row)
            first_row += batch.num_rows


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with path.open("rb") as file:
            # Without a buffer of its own the reader would hold a whole row group, which may be the whole file.
            parquet = pq.ParquetFile(
                pa.PythonFile(file), buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True
            )
            _check_columns(path, parquet.schema_arrow)
            for batch in parquet.iter_batches(ROWS):
                batch.validate()
                yield batch
    except _DAMAGE as error:
        what = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: found damaged Parquet data ({what}), allowed is a whole Parquet file") from error


def _check_columns(path: Path, schema: pa.Schema) -> None:
    found = schema.names
    if "page" not in found or set(found) - {"page", *COUNTS} or len(set(found)) < len(found):
        listed = ", ".join(name if name.isprintable() else repr(name) for name in found)[:200] or "none"
        raise InputError(f"{path}: found columns {listed}, allowed are page and optionally {', '.join(COUNTS)}")
    for field in schema:
        if not pa.types.is_integer(field.type):
            raise InputError(f"{path}: column {field.name}: found type {field.type}, allowed is an integer type")


def _runs(path: Path, batch: pa.RecordBatch, first_row: int) -> Runs:
    page = _column(path, batch, "page", MAX_PAGE, first_row).astype(np.uint64)
    given = [name for name in COUNTS if name in batch.schema.names]
    counts = {}
    used = np.full(len(page), not given)
    for name, kind in _TYPES.items():
        if name in given:
            counts[name] = _column(path, batch, name, COUNTS[name], first_row).astype(kind, copy=False)
            used |= counts[name] != 0
        else:
            counts[name] = np.full(len(page), not given and name == "loads", kind)
    if not used.all():
        row = first_row + int(np.argmin(used))
        raise InputError(f"{path}: row {row}: found {', '.join(given)} all 0, allowed is at least one reference")
    return Runs(page, **counts)


def _column(path: Path, batch: pa.RecordBatch, name: str, most: int, first_row: int) -> NDArray[np.integer]:
    column = batch.column(name)
    if column.null_count:
        row = first_row + int(np.argmin(column.is_valid().to_numpy(zero_copy_only=False)))
        raise InputError(f"{path}: row {row}: found no {name}, allowed is 0 to {most}")
    values: NDArray[np.integer] = column.to_numpy()
    range_of_type = np.iinfo(values.dtype)
    fits = range_of_type.min == 0 and range_of_type.max <= most
    if not fits and len(values) and (values.min() < 0 or values.max() > most):
        row = int(np.argmax((values < 0) | (values > most)))
        raise InputError(f"{path}: row {first_row + row}: found {name} {values[row]}, allowed is 0 to {most}")
    return values


def write(path: Path, chunks: Iterable[Runs], metadata: Mapping[str, str], wide: bool = False, level: int = 19) -> None:
    """Write runs as a Parquet trace, compressed with Zstandard; the file appears when it is complete.

    Numbers are stored plainly and counts split into byte planes, because Zstandard finds the repetitions of loops in
    whole bytes but not in the bit-packed indices of a Parquet dictionary: 40 % smaller on recorded traces. Pages are
    uint32, which holds addresses below 16 TiB, or with `wide` uint64. Raises OSError, and InputError for a page number
    that doesn't fit.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(temporary, chunks, metadata, wide, level)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write(path: Path, chunks: Iterable[Runs], metadata: Mapping[str, str], wide: bool, level: int) -> None:
    page = np.uint64 if wide else np.uint32
    kinds = {"page": page, **_TYPES}
    schema = pa.schema(
        [pa.field(name, pa.from_numpy_dtype(kind), nullable=False) for name, kind in kinds.items()],
        metadata=dict(metadata),
    )
    writer = pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=level,
        use_dictionary=False,
        column_encoding={name: "PLAIN" if name == "page" else "BYTE_STREAM_SPLIT" for name in kinds},
        data_page_size=64 << 20,
        write_page_checksum=True,
    )
    with writer:
        for group in _groups(chunks):
            if int(group.page.max()) > np.iinfo(page).max:
                raise InputError(f"{path}: found page {group.page.max()}, allowed is at most {np.iinfo(page).max}")
            columns = [pa.array(column) for column in (group.page.astype(page), *group[1:])]
            writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=ROW_GROUP)


def _groups(chunks: Iterable[Runs]) -> Iterator[Runs]:
    # A row group is what Zstandard can look back over, so small pieces are put together.
    held: list[Runs] = []
    rows = 0
    for chunk in chunks:
        held.append(chunk)
        rows += len(chunk.page)
        while rows >= ROW_GROUP:
            joined = concatenated(held)
            yield select(joined, slice(0, ROW_GROUP))
            held = [select(joined, slice(ROW_GROUP, rows))]
            rows -= ROW_GROUP
    if rows:
        yield concatenated(held)
