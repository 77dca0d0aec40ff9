"""The native store gives back what was written, and maps no more than it must."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.trace_files import ROWS, Row, as_runs, rows_of, same, timed_runs, write_arrow
from workloads.base import MAX_PAGE, InputError
from workloads.traces import store
from workloads.traces.cache import open_trace
from workloads.traces.distinct import Distinct
from workloads.traces.runs import Runs, concatenated, count, select
from workloads.traces.store import NativeTrace, write_native


def test_what_is_written_is_read(tmp_path: Path) -> None:
    trace = open_trace(write_arrow(tmp_path / "a.arrow", ROWS))
    assert rows_of(trace) == ROWS
    assert trace.pages.tolist() == [7, 70, 1 << 40]
    assert trace.pages.dtype == np.uint64
    assert (trace.runs, trace.references, trace.source) == (5, 9, "source")


def test_each_reading_starts_again_and_readings_may_overlap(tmp_path: Path) -> None:
    trace = open_trace(write_arrow(tmp_path / "a.arrow", ROWS))
    first, second = trace.blocks(), trace.blocks()
    assert next(first).page.tolist() == next(second).page.tolist()
    assert rows_of(trace) == rows_of(trace) == ROWS


def test_blocks_are_writable_typed_contiguous_and_do_not_reach_the_file(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS)
    trace = open_trace(path)
    block = next(trace.blocks())
    assert [column.dtype for column in block[:4]] == [np.uint32, np.uint16, np.uint8, np.uint8]
    assert all(column.flags.c_contiguous and column.flags.aligned for column in block[:4])
    block.page[:] = 0
    assert rows_of(trace) == ROWS


def test_a_block_outlives_trace_and_file(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS)
    block = next(open_trace(path).blocks())
    path.unlink()
    assert block.loads.tolist() == [row[2] for row in ROWS]


def test_batches_are_filled_whatever_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BATCH", 4)
    rows: list[Row] = [(100 - number, number, 1, number % 2) for number in range(23)]
    runs = as_runs(rows)
    path = tmp_path / "a.arrow"
    with path.open("w+b") as file:
        write_native(file, [select(runs, slice(at, at + 3)) for at in range(0, 23, 3)], "source", "a")
    trace = open_trace(path)
    assert [len(block.page) for block in trace.blocks()] == [4, 4, 4, 4, 4, 3]
    assert rows_of(trace) == rows


def test_any_arrow_library_reads_it(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS)
    table = pa.ipc.open_file(str(path)).read_all()
    assert table.column_names == ["page", "fetches", "loads", "stores"]
    assert table["page"].to_pylist() == [1, 0, 1, 2, 0]


@given(st.lists(st.integers(0, MAX_PAGE) | st.integers(0, 300), min_size=1, max_size=300))
def test_provisional_indices_are_dense_and_ranks_ascend(pages: list[int]) -> None:
    distinct = Distinct()
    index = np.empty(len(pages), np.uint32)
    half = len(pages) // 2
    distinct.encode(np.array(pages[:half], np.uint64), index[:half])
    distinct.encode(np.array(pages[half:], np.uint64), index[half:])
    ascending, rank = distinct.ranked()
    assert ascending.tolist() == sorted(set(pages))
    assert ascending[rank[index]].tolist() == pages


def test_the_table_of_pages_grows() -> None:
    pages = np.random.default_rng(1).permutation(1 << 18).astype(np.uint64) << np.uint64(20)
    distinct = Distinct()
    index = np.empty(len(pages), np.uint32)
    distinct.encode(pages, index)
    assert index.tolist() == list(range(len(pages)))
    assert np.array_equal(distinct.ranked()[0], np.sort(pages))


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS)
    whole = path.read_bytes()
    for kept in range(8, len(whole), 97):
        path.write_bytes(whole[:kept])
        with pytest.raises(InputError, match="allowed is a whole file"):
            open_trace(path)


def test_an_arrow_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    table = pa.table({"page": pa.array([1, 2], pa.uint32())})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(InputError, match="no native store of version"):
        open_trace(tmp_path / "a.arrow")


@pytest.mark.parametrize(
    "left_out", [(), ("process",), ("thread",), ("time",), ("process", "thread"), ("thread", "time")]
)
@pytest.mark.parametrize("batch", [7, 1 << 20])
def test_processes_threads_and_times_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_out: tuple[str, ...], batch: int
) -> None:
    monkeypatch.setattr(store, "BATCH", batch)
    runs = timed_runs(500)._replace(**dict.fromkeys(left_out))  # type: ignore[arg-type]
    trace = stored(tmp_path, [select(runs, slice(at, at + 60)) for at in range(0, 500, 60)])
    assert same(concatenated(list(trace.numbered())), runs)
    assert trace.references == count(runs)
    assert trace.pages.tolist() == sorted(set(runs.page.tolist()))


def test_counts_are_those_of_each_thread(tmp_path: Path) -> None:
    runs = timed_runs(2000)
    trace = stored(tmp_path, [runs])
    assert runs.process is not None
    assert runs.thread is not None
    assert runs.time is not None
    assert len(trace.origins) == 9
    for origin in trace.origins:
        mine = (runs.process == origin.process) & (runs.thread == origin.thread)
        since = runs.time[mine] - runs.time[0]
        expected = [mine.sum(), *(column[mine].sum() for column in runs[1:4]), since.min(), since.max()]
        assert list(origin[2:]) == expected
    assert trace.facts.duration == runs.time.max() - runs.time.min()
    for process, (first, end) in zip(trace.facts.processes, trace.facts.spans(), strict=True):
        assert end - first == len(np.unique(runs.page[runs.process == process]))


def stored(directory: Path, chunks: list[Runs]) -> NativeTrace:
    """The runs as a native store."""
    with (directory / "a.arrow").open("w+b") as file:
        write_native(file, chunks, "source", "a")
        return NativeTrace(file, "a")


def test_many_processes_with_the_same_pages_take_no_longer() -> None:
    # A table that doesn't scatter the processes would look at 2,000 entries for each page.
    keys = (np.arange(4000, dtype=np.uint64)[:, None] << np.uint64(52)) + np.arange(16, dtype=np.uint64)
    distinct = Distinct()
    index = np.empty(keys.size, np.uint32)
    distinct.encode(np.ascontiguousarray(keys.ravel()), index)
    table = np.flatnonzero(distinct._keys != np.uint64(0xFFFF_FFFF_FFFF_FFFF))
    full = np.split(table, np.flatnonzero(np.diff(table) > 1) + 1)
    assert max(map(len, full)) < 500
    assert distinct.count == keys.size


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"process": np.arange(5000, dtype=np.uint32)}, "found 5000 processes, allowed is at most 4095"),
        ({"thread": np.arange(70_000, dtype=np.uint32)}, "found 70000 threads, allowed is at most 65535"),
        ({"time": np.array([-(2**62), 2**62])}, "found times that are .* ns apart"),
        ({"page": np.array([1 << 52], np.uint64)}, "found page 4503599627370496, allowed is at most"),
    ],
)
def test_what_a_store_can_not_hold_is_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    rows = len(next(iter(columns.values())))
    runs = Runs(*(np.ones(rows, kind) for kind in (np.uint64, np.uint16, np.uint8, np.uint8)))._replace(**columns)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        stored(tmp_path, [runs])


def test_pieces_with_different_columns_are_refused(tmp_path: Path) -> None:
    runs = timed_runs(10)
    with pytest.raises(InputError, match="found pieces with different columns"):
        stored(tmp_path, [runs, runs._replace(time=None)])


@pytest.mark.parametrize("timed", [False, True])
def test_every_byte_that_is_changed_is_noticed_or_changes_nothing(tmp_path: Path, timed: bool) -> None:
    runs = timed_runs(40) if timed else as_runs(ROWS)
    stored(tmp_path, [runs])
    path = tmp_path / "a.arrow"
    whole = path.read_bytes()
    noticed = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        found = read_or_message(path)
        noticed += isinstance(found, str)
        assert "\n" not in found if isinstance(found, str) else same(found, runs)
    assert noticed > len(whole) // 20


def read_or_message(path: Path) -> Runs | str:
    """What is in a native store, or why it is refused."""
    try:
        with path.open("rb") as file:
            return concatenated(list(NativeTrace(file, "a").numbered()))
    except InputError as error:
        return str(error)


_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from workloads.traces.store import NativeTrace, write_native
from workloads.traces.runs import Runs

def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) >> 10

def pieces(count):
    page = (np.arange(1 << 20) * 2654435761 % 100_000).astype(np.uint64)
    runs = Runs(page, np.full(1 << 20, 30, np.uint16), np.ones(1 << 20, np.uint8), np.zeros(1 << 20, np.uint8))
    for _ in range(count):
        yield runs

def replay(count):
    with open(sys.argv[1], "w+b") as file:
        write_native(file, pieces(count), "", "a")
        trace = NativeTrace(file, "a")
    for _ in range(2):
        assert sum(int(block.fetches.sum()) for block in trace.blocks()) == (30 * count) << 20
    return trace.references

replay(2)
before = resident()
references = replay(32)
print(references, before, resident())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads resident memory from /proc")
def test_a_billion_references_take_no_more_memory_than_few(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _MEMORY, str(tmp_path / "large.arrow")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    references, before, after = map(int, printed.split())
    assert references > 1_000_000_000
    assert after < before + 40
    assert after < 500
