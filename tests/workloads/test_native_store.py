"""The native store gives back what was written, and maps no more than it must."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.trace_files import ROWS, Row, as_runs, rows_of, write_arrow
from workloads.base import MAX_PAGE, InputError
from workloads.traces import native
from workloads.traces.cache import open_trace
from workloads.traces.distinct import Distinct
from workloads.traces.native import NativeTrace, write_native
from workloads.traces.runs import select


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
    assert [column.dtype for column in block] == [np.uint32, np.uint16, np.uint8, np.uint8]
    assert all(column.flags.c_contiguous and column.flags.aligned for column in block)
    block.page[:] = 0
    assert rows_of(trace) == ROWS


def test_a_block_outlives_trace_and_file(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS)
    block = next(open_trace(path).blocks())
    path.unlink()
    assert block.loads.tolist() == [row[2] for row in ROWS]


def test_batches_are_filled_whatever_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "BATCH", 4)
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


@pytest.mark.parametrize(("column", "value"), [("page", 3), ("page", 0xFFFFFFFF), ("loads", 0)])
def test_an_index_beyond_the_pages_or_an_empty_run_is_refused(tmp_path: Path, column: str, value: int) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS)
    with path.open("rb") as file:
        trace = NativeTrace(file, "a.arrow")
    offset = dict(zip(("page", "fetches", "loads", "stores"), trace._windows[0].offsets, strict=True))[column]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(value.to_bytes(4 if column == "page" else 1, "little"))
    with pytest.raises(InputError, match=r"a\.arrow: row 0: found page index .* allowed is an index below 3 and"):
        list(trace.blocks())


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


_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from workloads.traces.native import NativeTrace, write_native
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
