"""Small traces, as lists of (page, fetches, loads, stores), and the files that hold them."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.stream import ReferenceStream
from workloads.traces.formats.parquet import write
from workloads.traces.regions import TraceRegion
from workloads.traces.runs import Runs
from workloads.traces.store import write_native

Row = tuple[int, int, int, int]

ROWS: list[Row] = [(70, 0, 1, 0), (7, 3, 0, 0), (70, 0, 0, 1), (1 << 40, 0, 1, 0), (7, 0, 2, 1)]

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda text: gzip.compress(text, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda text: bytes(pa.compress(text, "zstd", asbytes=True)),
}


def as_runs(rows: list[Row]) -> Runs:
    """Rows as arrays."""
    page, fetches, loads, stores = zip(*rows, strict=True)
    return Runs(
        np.array(page, np.uint64), np.array(fetches, np.uint16), np.array(loads, np.uint8), np.array(stores, np.uint8)
    )


def rows_of(stream: ReferenceStream) -> list[Row]:
    """Everything in a stream, with page numbers."""
    rows: list[Row] = []
    for block in stream.blocks():
        columns = (stream.pages[block.page], block.fetches, block.loads, block.stores)
        rows += zip(*(column.tolist() for column in columns), strict=True)
    return rows


def timed_runs(count: int, seed: int = 1, processes: int = 3) -> Runs:
    """Runs of several processes and threads, with times that mostly ascend."""
    draw = np.random.default_rng(seed)
    return Runs(
        draw.integers(0, 30, count).astype(np.uint64),
        draw.integers(0, 3, count).astype(np.uint16),
        draw.integers(0, 3, count).astype(np.uint8),
        draw.integers(1, 3, count).astype(np.uint8),
        (1000 * draw.integers(1, processes + 1, count)).astype(np.uint32),
        draw.integers(0, 3, count).astype(np.uint32),
        (np.cumsum(draw.integers(-3, 100, count)) + 10**15).astype(np.int64),
    )


def same(runs: Runs, others: Runs) -> bool:
    """Whether two pieces hold the same in the same columns."""
    return all(
        (a is None and b is None) or (a is not None and b is not None and a.dtype == b.dtype and np.array_equal(a, b))
        for a, b in zip(runs, others, strict=True)
    )


def write_arrow(path: Path, rows: list[Row], regions: Sequence[TraceRegion] = ()) -> Path:
    """A native store."""
    with path.open("w+b") as file:
        write_native(file, [as_runs(rows)], "source", str(path), None, lambda: regions)
    return path


def write_parquet(path: Path, rows: list[Row], regions: Sequence[TraceRegion] = ()) -> Path:
    """A Parquet trace as pagesim writes it."""
    write(path, [as_runs(rows)], {"command": "made by a test"}, wide=True, regions=lambda: regions)
    return path


def write_table(path: Path, **columns: object) -> Path:
    """A Parquet file of any columns."""
    pq.write_table(pa.table(columns), path)
    return path


def write_text(path: Path, text: str | bytes) -> Path:
    """A text file, compressed as its name says."""
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(COMPRESS[path.suffix if path.suffix in COMPRESS else ""](data))
    return path
