"""A converted trace is the same trace."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.workloads.trace_files import ROWS, rows_of, write_parquet, write_text
from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.convert import convert


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_converted_trace_is_the_same(tmp_path: Path, suffix: str) -> None:
    source = write_parquet(tmp_path / "a.parquet", ROWS)
    out = tmp_path / f"out{suffix}"
    convert(source, out)
    assert rows_of(open_trace(out)) == ROWS
    assert not list(tmp_path.glob(".*.tmp"))


def test_small_page_numbers_take_four_bytes_and_merging_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    trace = convert(write_text(tmp_path / "a.txt", "1\n1 W\n"), out, merge=True)
    assert rows_of(trace) == rows_of(open_trace(out)) == [(1, 0, 1, 1)]
    assert str(pq.read_schema(out).field("page").type) == "uint32"


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.csv", r"a\.csv: found suffix '\.csv', allowed is \.parquet or \.arrow"),
        ("missing/a.arrow", "found no directory"),
    ],
)
def test_a_place_that_can_not_be_written_is_refused(tmp_path: Path, out: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        convert(write_text(tmp_path / "a.txt", "1\n"), tmp_path / out)
