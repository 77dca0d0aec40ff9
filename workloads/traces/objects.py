"""References that are in memory: pandas DataFrames, NumPy arrays, Arrow tables, as streams or as trace files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.base import MAX_PAGE, InputError
from workloads.traces.convert import target, write
from workloads.traces.runs import MAX_FETCHES, MAX_LOADS, MAX_STORES, OPTIONAL, Runs
from workloads.traces.store import NativeTrace, write_native
from workloads.traces.tally import MOST_TIME

ROWS = 1 << 18
"""Rows that are looked at together."""

KINDS = {"r": "loads", "w": "stores", "x": "fetches"}
"""Values of a column `kind`, in either case, to what they count as."""

_COUNTS: dict[str, tuple[int, type[np.generic]]] = {
    "fetches": (MAX_FETCHES, np.uint16), "loads": (MAX_LOADS, np.uint8), "stores": (MAX_STORES, np.uint8),
}  # fmt: skip
_IDS = {"process": (0, (1 << 32) - 1), "thread": (0, (1 << 32) - 1), "time": (1 - MOST_TIME, MOST_TIME - 1)}
_KNOWN = ("page", "address", "kind", *_COUNTS, *_IDS)


def from_frame(data: Any, columns: Mapping[str, str] | None = None, page_size: int | None = None) -> NativeTrace:
    """The references in an object as a trace, which is a ReferenceStream; it lives in a temporary file.

    `data` is a pandas DataFrame, a NumPy array (one-dimensional: page numbers; structured: its fields are columns), an
    Arrow table, record batch or reader of record batches, or a mapping of names to one-dimensional arrays. A row is a
    run. Columns, of integers:

    - `page`: the virtual page number; or `address` in bytes, which `page_size` divides (4096 if it isn't given)
    - `fetches`, `loads`, `stores`: how many references of each kind; those that are missing are 0; or `kind`: one
      reference, R (load), W (store) or X (fetch). Without any of the four each row is one load.
    - `process`, `thread`: ids below 2^32, `time`: nanoseconds, from any origin (or a column of type datetime64 or
      timedelta64); without them all is of one process, of one thread in each process, and without times.

    `columns` maps names of these to those in `data`; columns of other names are left out. `page_size` is kept with the
    trace, None if page numbers are those of the machine. Raises InputError, which names the column and row.
    """
    with cast("BinaryIO", tempfile.TemporaryFile()) as file:
        write_native(file, runs_of(data, columns, page_size), "", "data", _about(data, columns, page_size))
        return NativeTrace(file, "data")


def write_trace(data: Any, path: Path, columns: Mapping[str, str] | None = None, page_size: int | None = None) -> None:
    """Write the references in an object, as `from_frame` takes it, to a trace file: .arrow, .parquet or .txt.

    The file appears when it is complete. Raises InputError as `from_frame` does, and OSError.
    """
    write(path, target(path), runs_of(data, columns, page_size), "", _about(data, columns, page_size))


def runs_of(data: Any, columns: Mapping[str, str] | None = None, page_size: int | None = None) -> Iterator[Runs]:
    """The rows of an object as runs, in pieces; see `from_frame`."""
    if page_size is not None and (page_size < 1 or page_size & (page_size - 1)):
        raise InputError(f"page_size: found {page_size}, allowed is a power of two")
    first = 0
    for piece in _pieces(data):
        names = _names(piece, columns or {})
        for at in range(0, len(next(iter(piece.values()))), ROWS):
            rows = {name: np.asarray(piece[source][at : at + ROWS]) for name, source in names.items()}
            yield _runs(rows, first + at, page_size or 4096)
        first += len(next(iter(piece.values())))


def _about(data: Any, columns: Mapping[str, str] | None, page_size: int | None) -> dict[str, str]:
    about = {"source_name": type(data).__name__}
    if page_size is not None:
        about["page_size"] = str(page_size)
    elif "address" in (columns or {}) or "address" in _columns_of(data):
        about["page_size"] = "4096"
    return about


def _columns_of(data: Any) -> list[str]:
    if isinstance(data, np.ndarray):
        return list(data.dtype.names or ())
    if isinstance(data, Mapping):
        return list(data)
    schema = getattr(data, "schema", None)
    return list(map(str, schema.names if schema is not None else getattr(data, "columns", ())))


def _pieces(data: Any) -> Iterator[dict[str, Any]]:
    """The columns of an object, by name; several times if it comes in batches."""
    if isinstance(data, np.ndarray):
        if data.ndim != 1:
            raise InputError(f"data: found an array of {data.ndim} dimensions, allowed is one")
        yield {name: data[name] for name in data.dtype.names} if data.dtype.names else {"page": data}
    elif isinstance(data, pa.RecordBatchReader):
        for batch in data:
            yield from _pieces(batch)
    elif isinstance(data, (pa.Table, pa.RecordBatch)):
        for batch in data.to_batches() if isinstance(data, pa.Table) else [data]:
            yield {name: _plain(name, batch.column(name)) for name in batch.schema.names}
    elif isinstance(data, Mapping) or hasattr(data, "columns"):
        yield {str(name): np.asarray(data[name]) for name in (data if isinstance(data, Mapping) else data.columns)}
    else:
        raise InputError(
            f"data: found a {type(data).__name__}, allowed is a pandas DataFrame, a NumPy array, an Arrow table, "
            "record batch or reader, or a mapping of columns"
        )


def _plain(name: str, column: Any) -> NDArray[Any]:
    if column.null_count:
        raise InputError(f"column {name}: found {column.null_count} values missing, allowed are none")
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _names(piece: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    """What each column that is used is called in the object."""
    if unknown := sorted(set(columns) - set(_KNOWN)):
        raise InputError(f"columns: found {unknown[0]!r}, allowed is one of {', '.join(_KNOWN)}")
    names = {name: columns.get(name, name) for name in _KNOWN if name in columns or name in piece}
    if missing := [source for source in names.values() if source not in piece]:
        found = ", ".join(map(str, piece)) or "none"
        raise InputError(f"columns: found no column {missing[0]!r}, allowed is one of {found}")
    if ("page" in names) == ("address" in names):
        found = "both" if "page" in names else f"the columns {', '.join(map(str, piece)) or 'none'}"
        raise InputError(f"columns: found {found}, allowed is either page or address")
    if "kind" in names and set(names) & set(_COUNTS):
        raise InputError("columns: found kind and counts, allowed is either kind or fetches, loads and stores")
    if len({len(piece[source]) for source in names.values()}) > 1:
        raise InputError("columns: found columns of different lengths, allowed are equal ones")
    return names


def _runs(rows: Mapping[str, NDArray[Any]], first: int, page_size: int) -> Runs:
    if "address" in rows:
        page = _whole(rows, "address", 0, (1 << 64) - 1, first).astype(np.uint64) // np.uint64(page_size)
    else:
        page = _whole(rows, "page", 0, MAX_PAGE, first).astype(np.uint64)
    more: dict[str, Any] = {
        name: _whole(rows, name, *_IDS[name], first).astype(kind) for name, kind in OPTIONAL.items() if name in rows
    }
    return Runs(page, **_counts(rows, len(page), first), **more)


def _counts(rows: Mapping[str, NDArray[Any]], length: int, first: int) -> dict[str, Any]:
    given = [name for name in _COUNTS if name in rows]
    if "kind" in rows:
        kinds = np.char.lower(rows["kind"].astype(str))
        wrong = ~np.isin(kinds, list(KINDS))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(f"column kind: row {first + row}: found {rows['kind'][row]!r}, allowed is R, W or X")
        return {KINDS[letter]: (kinds == letter).astype(_COUNTS[KINDS[letter]][1]) for letter in KINDS}
    counts = {name: np.zeros(length, kind) for name, (_, kind) in _COUNTS.items()}
    if not given:
        counts["loads"][:] = 1
    for name in given:
        most, kind = _COUNTS[name]
        counts[name] = _whole(rows, name, 0, most, first).astype(kind)
    nothing = sum(count.astype(np.int64) for count in counts.values()) == 0
    if np.any(nothing):
        row = first + int(np.argmax(nothing))
        raise InputError(f"row {row}: found {', '.join(given)} all 0, allowed is at least one reference")
    return counts


def _whole(rows: Mapping[str, NDArray[Any]], name: str, least: int, most: int, first: int) -> NDArray[Any]:
    """A column of whole numbers within bounds; raises InputError."""
    values = rows[name]
    if name == "time" and values.dtype.kind in "mM":
        missing = np.isnat(values)
        if missing.any():
            raise InputError(f"column time: row {first + int(np.argmax(missing))}: found none, allowed is a time")
        values = values.astype(f"{values.dtype.kind}8[ns]").astype(np.int64)
    if values.dtype.kind not in "iu":
        raise InputError(f"column {name}: found type {values.dtype}, allowed is an integer type")
    if len(values) and (int(values.min()) < least or int(values.max()) > most):
        row = next(row for row, value in enumerate(values.tolist()) if not least <= value <= most)
        raise InputError(f"column {name}: row {first + row}: found {values[row]}, allowed is {least} to {most}")
    return values
