"""Parquet traces: one run in each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from workloads.base import MAX_PAGE, InputError, plugin
from workloads.traces.beside import beside
from workloads.traces.compression import opened
from workloads.traces.format import PageSize
from workloads.traces.regions import KEY, LateRegions, Regions, regions_from, text_of
from workloads.traces.runs import (
    MAX_FETCHES,
    MAX_LOADS,
    MAX_STORES,
    OPTIONAL,
    Runs,
    concatenated,
    optional_columns,
    select,
)

COUNTS = {"fetches": MAX_FETCHES, "loads": MAX_LOADS, "stores": MAX_STORES}
"""Count columns and the most that a row may hold."""

ROWS = 1 << 16
"""Rows in a piece that is read: what fits into a processor's cache is read twice as fast."""

ROW_GROUP = 1 << 21
"""Rows in a row group that is written."""

MAX_TIME = (1 << 62) - 1
"""Largest time, so that differences fit into 64 bits."""

_TYPES = {"fetches": np.uint16, "loads": np.uint8, "stores": np.uint8}
_DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, KeyError, IndexError)


@plugin("format", "parquet")
class Parquet:
    """A Parquet file of integer columns `page` (virtual page number), `fetches` (at most 65535), `loads` and `stores`
    (at most 255), and, if it is known, `process` and `thread` (ids below 2^32) and `time` (nanoseconds, from any
    origin). A count column that is missing is all 0; with none of the three each row is one load. A row has at least
    one reference. The file's metadata may hold `page_size` in bytes."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    page_size: PageSize | None = Field(
        default=None,
        description="of the pages that are numbered; none: as the file's metadata says, else the machine's",
    )

    def recognises(self, head: bytes) -> bool:
        """By Parquet's magic number."""
        return head.startswith(b"PAR1")

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each row."""
        first_row = 0
        for batch in _batches(path):
            yield _runs(path, batch, first_row)
            first_row += batch.num_rows

    def metadata(self, path: Path) -> dict[str, str]:
        """What the file's metadata says of the trace."""
        return {key: text for key, text in _metadata(path).items() if key not in ("ARROW:schema", "pandas", KEY)}

    def regions(self, path: Path) -> Regions:
        """What pages were backed by."""
        return regions_from(_metadata(path).get(KEY), str(path))


def _metadata(path: Path) -> dict[str, str]:
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, value in metadata.items()}


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with opened(path) as file:
            # Without a buffer of its own the reader would hold a whole row group, which may be the whole file.
            parquet = pq.ParquetFile(
                pa.PythonFile(file), buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True
            )
            _check_columns(path, parquet.schema_arrow)
            for batch in parquet.iter_batches(ROWS):
                batch.validate()
                yield batch
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    what = " ".join(str(error).split())[:200]
    return InputError(f"{path}: found damaged Parquet data ({what}), allowed is a whole Parquet file")


def _check_columns(path: Path, schema: pa.Schema) -> None:
    found = schema.names
    known = (*COUNTS, *OPTIONAL)
    if "page" not in found or set(found) - {"page", *known} or len(set(found)) < len(found):
        listed = ", ".join(name if name.isprintable() else repr(name) for name in found)[:200] or "none"
        raise InputError(f"{path}: found columns {listed}, allowed are page and optionally {', '.join(known)}")
    for field in schema:
        if not pa.types.is_integer(field.type):
            raise InputError(f"{path}: column {field.name}: found type {field.type}, allowed is an integer type")


def _runs(path: Path, batch: pa.RecordBatch, first_row: int) -> Runs:
    page = _column(path, batch, "page", 0, MAX_PAGE, first_row).astype(np.uint64)
    given = [name for name in COUNTS if name in batch.schema.names]
    columns: dict[str, Any] = {}
    used = np.full(len(page), not given)
    for name, kind in _TYPES.items():
        if name in given:
            columns[name] = _column(path, batch, name, 0, COUNTS[name], first_row).astype(kind, copy=False)
            used |= columns[name] != 0
        else:
            columns[name] = np.full(len(page), not given and name == "loads", kind)
    if not used.all():
        row = first_row + int(np.argmin(used))
        raise InputError(f"{path}: row {row}: found {', '.join(given)} all 0, allowed is at least one reference")
    for name, kind in OPTIONAL.items():
        if name in batch.schema.names:
            least, most = (-MAX_TIME, MAX_TIME) if name == "time" else (0, (1 << 32) - 1)
            columns[name] = _column(path, batch, name, least, most, first_row).astype(kind, copy=False)
    return Runs(page, **columns)


def _column(path: Path, batch: pa.RecordBatch, name: str, least: int, most: int, first_row: int) -> NDArray[np.integer]:
    column = batch.column(name)
    if column.null_count:
        row = first_row + int(np.argmin(column.is_valid().to_numpy(zero_copy_only=False)))
        raise InputError(f"{path}: row {row}: found no {name}, allowed is {least} to {most}")
    values: NDArray[np.integer] = column.to_numpy()
    range_of_type = np.iinfo(values.dtype)
    fits = range_of_type.min >= least and range_of_type.max <= most
    if not fits and len(values) and (values.min() < least or values.max() > most):
        row = int(np.argmax((values < least) | (values > most)))
        raise InputError(f"{path}: row {first_row + row}: found {name} {values[row]}, allowed is {least} to {most}")
    return values


def write(
    path: Path,
    chunks: Iterable[Runs],
    metadata: Mapping[str, str],
    wide: bool = False,
    level: int = 19,
    regions: LateRegions = tuple,
) -> None:
    """Write runs as a Parquet trace, compressed with Zstandard; the file appears when it is complete.

    Numbers are stored plainly and counts split into byte planes, because Zstandard finds the repetitions of loops in
    whole bytes but not in the bit-packed indices of a Parquet dictionary: 40 % smaller on recorded traces. Pages are
    uint32, which holds addresses below 16 TiB, or with `wide` uint64. `regions` is called when all runs were read.
    Raises OSError, and InputError for a page number that doesn't fit.
    """
    with beside(path) as temporary:
        _write(temporary, chunks, metadata, wide, level, regions)


def _write(
    path: Path, chunks: Iterable[Runs], metadata: Mapping[str, str], wide: bool, level: int, regions: LateRegions
) -> None:
    writer: pq.ParquetWriter | None = None
    with ExitStack() as stack:
        for group in _groups(chunks):
            kinds = _kinds(group, wide)
            if int(group.page.max()) > (1 << (64 if wide else 32)) - 1:
                raise InputError(f"{path}: found page {group.page.max()}, allowed is at most {(1 << 32) - 1}")
            columns = [pa.array(getattr(group, name).astype(kind, copy=False)) for name, kind in kinds.items()]
            if writer is None:
                fields = [pa.field(name, pa.from_numpy_dtype(kind), nullable=False) for name, kind in kinds.items()]
                schema = pa.schema(fields, metadata=dict(metadata))
                writer = stack.enter_context(_writer(path, schema, level))
            writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=ROW_GROUP)
        if writer is not None and (late := regions()):
            writer.add_key_value_metadata({KEY: text_of(late)})
    if writer is None:
        raise InputError(f"{path}: found no references to write, allowed is a trace with at least one")


def _kinds(runs: Runs, wide: bool) -> dict[str, Any]:
    return {
        "page": np.uint64 if wide else np.uint32,
        **_TYPES,
        **{name: OPTIONAL[name] for name in optional_columns(runs)},
    }


def _writer(path: Path, schema: pa.Schema, level: int) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=level,
        use_dictionary=False,
        column_encoding={name: "PLAIN" if name == "page" else "BYTE_STREAM_SPLIT" for name in schema.names},
        data_page_size=64 << 20,
        write_page_checksum=True,
    )


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
