"""References in memory become the trace that they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.workloads.trace_files import rows_of, same, timed_runs
from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.objects import from_frame, write_trace
from workloads.traces.runs import concatenated

RUNS = timed_runs(50)
COLUMNS = {name: column for name, column in zip(RUNS._fields, RUNS, strict=True) if column is not None}


def structured() -> Any:
    """The runs as a NumPy array of records."""
    array = np.empty(50, [(name, column.dtype) for name, column in COLUMNS.items()])
    for name, column in COLUMNS.items():
        array[name] = column
    return array


@pytest.mark.parametrize(
    "make",
    [
        lambda: COLUMNS,
        lambda: pd.DataFrame(COLUMNS),
        lambda: pa.table(COLUMNS),
        lambda: pa.record_batch(COLUMNS),
        lambda: pa.table(COLUMNS).to_reader(max_chunksize=7),
        structured,
    ],
    ids=["mapping", "pandas", "table", "batch", "reader", "numpy"],
)
def test_every_kind_of_object_gives_its_runs(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workloads.traces.objects.ROWS", 16)
    assert same(concatenated(list(from_frame(make()).numbered())), RUNS)


def test_a_plain_array_is_loads_of_pages() -> None:
    trace = from_frame(np.array([3, 1, 3]))
    assert rows_of(trace) == [(3, 0, 1, 0), (1, 0, 1, 0), (3, 0, 1, 0)]
    assert trace.page_size is None


def test_kinds_addresses_and_dates_are_understood() -> None:
    frame = pd.DataFrame(
        {"at": pd.to_datetime(["2026-01-01", "2026-01-02"]), "address": [8191, 8192], "op": ["w", "X"], "extra": [1, 2]}
    )
    trace = from_frame(frame, columns={"time": "at", "kind": "op"})
    assert rows_of(trace) == [(1, 0, 0, 1), (2, 1, 0, 0)]
    assert trace.page_size == 4096
    assert trace.facts.duration == 24 * 3600 * 10**9
    assert from_frame(frame, columns={"kind": "op"}, page_size=8192).pages.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["a.arrow", "a.parquet"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    write_trace(pd.DataFrame(COLUMNS), tmp_path / name, page_size=8192)
    trace = open_trace(tmp_path / name)
    assert same(concatenated(list(trace.numbered())), RUNS)
    assert trace.page_size == 8192


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"page": np.array([1, -2])}, "column page: row 1: found -2, allowed is 0 to 4503599627370495"),
        ({"page": np.array([1.5])}, "column page: found type float64, allowed is an integer type"),
        ({"page": np.array([1]), "loads": np.array([256])}, "column loads: row 0: found 256, allowed is 0 to 255"),
        ({"page": np.array([1, 1]), "stores": np.array([1, 0])}, "row 1: found stores all 0"),
        ({"page": np.array([1]), "kind": np.array(["Q"])}, "column kind: row 0: found .*'Q'.*, allowed is R, W or X"),
        ({"page": np.array([1]), "kind": np.array(["R"]), "loads": np.array([1])}, "found kind and counts"),
        ({"page": np.array([1]), "address": np.array([1])}, "found both, allowed is either page or address"),
        ({"pages": np.array([1])}, "found the columns pages, allowed is either page or address"),
        ({"page": np.array([1]), "time": np.array(["NaT"], "M8[s]")}, "column time: row 0: found none"),
        ({"page": np.array([1, 2]), "time": np.array([1])}, "found columns of different lengths"),
        (np.zeros((2, 2), int), "found an array of 2 dimensions, allowed is one"),
        (np.array([], int), "found no references"),
        (pa.table({"page": pa.array([1, None])}), "column page: found 1 values missing"),
        ([1, 2], "data: found a list, allowed is a pandas DataFrame"),
    ],
)
def test_what_is_no_reference_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_frame(data)


def test_unknown_columns_and_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns: found 'adress', allowed is one of page, address"):
        from_frame(COLUMNS, columns={"adress": "page"})
    with pytest.raises(InputError, match="columns: found no column 'where', allowed is one of page, fetches"):
        from_frame(COLUMNS, columns={"page": "where"})
    with pytest.raises(InputError, match="page_size: found 5, allowed is a power of two"):
        from_frame(COLUMNS, page_size=5)
    with pytest.raises(InputError, match="page: row 0: found -1"):
        write_trace(np.array([-1]), tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())
