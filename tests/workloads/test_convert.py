"""A converted trace is the same trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.trace_files import ROWS, as_runs, rows_of, same, timed_runs, write_parquet, write_text
from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.convert import Target, convert
from workloads.traces.format import about, chosen
from workloads.traces.formats import parquet
from workloads.traces.runs import concatenated, count


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_converted_trace_is_the_same(tmp_path: Path, suffix: str) -> None:
    source = write_parquet(tmp_path / "a.parquet", ROWS)
    out = tmp_path / f"out{suffix}"
    convert(source, out)
    assert rows_of(open_trace(out)) == ROWS
    assert not list(tmp_path.glob(".*.tmp"))


def test_merging_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    written = convert(write_text(tmp_path / "a.txt", "1\n1 W\n"), out, merge=True)
    assert rows_of(open_trace(out)) == [(1, 0, 1, 1)]
    assert (written.runs, written.references) == (1, 2)


@pytest.mark.parametrize("way", [("native", "parquet"), ("parquet", "native", "parquet"), ("native", "native")])
def test_processes_threads_times_and_what_is_known_come_back(tmp_path: Path, way: tuple[Target, ...]) -> None:
    runs = timed_runs(300)
    path = tmp_path / "0.parquet"
    parquet.write(path, [runs], {"command": "a b", "page_size": "8192"}, wide=True)
    for step, to in enumerate(way, 1):
        convert(path, tmp_path / f"{step}.x", to=to)
        path = tmp_path / f"{step}.x"
    found = chosen(path)
    assert same(concatenated(list(found.runs(path))), runs)
    assert about(found, path).items() >= {"command": "a b", "page_size": "8192", "format": "parquet"}.items()


def test_text_holds_references_and_page_size(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "a.parquet", ROWS)
    out = tmp_path / "out.txt"
    parquet.write(source, [as_runs(ROWS)], {"page_size": "8192"}, wide=True)
    convert(source, out)
    assert rows_of(open_trace(out, merge=True)) == ROWS
    assert open_trace(out).page_size == 8192


def test_text_can_not_hold_processes_unless_they_are_left_out(tmp_path: Path) -> None:
    source, out = tmp_path / "a.parquet", tmp_path / "out.txt"
    runs = timed_runs(20)
    parquet.write(source, [runs], {}, wide=True)
    with pytest.raises(InputError, match="found runs with process, thread, time, allowed in text are plain ones"):
        convert(source, out)
    assert not out.exists()
    convert(source, out, plain=True)
    assert open_trace(out).references == count(runs)


def test_a_range_is_converted(tmp_path: Path) -> None:
    source, out = write_text(tmp_path / "a.txt", "1\n2\n3\n4\n"), tmp_path / "out.arrow"
    convert(source, out, skip=1, limit=2)
    assert [row[0] for row in rows_of(open_trace(out))] == [2, 3]
    with pytest.raises(InputError, match="found no references after the first 4"):
        convert(source, tmp_path / "none.arrow", skip=4)
    assert not (tmp_path / "none.arrow").exists()


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_progress_reaches_the_end_of_the_file(tmp_path: Path, suffix: str) -> None:
    source = write_text(tmp_path / f"a.txt{suffix}", "".join(f"{n * 7919 % 997}\n" for n in range(500_000)))
    told: list[tuple[int, int, int]] = []
    convert(source, tmp_path / "out.arrow", progress=lambda *now: told.append(now))
    size = source.stat().st_size
    assert told == sorted(told)
    assert told[-1] == (size, size, 500_000)


def test_an_interrupt_leaves_no_file(tmp_path: Path) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    source = write_text(tmp_path / "a.txt", "1\n2\n")
    for name in ("out.arrow", "out.parquet", "out.txt"):
        with pytest.raises(KeyboardInterrupt):
            convert(source, tmp_path / name, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.txt"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.csv", r"a\.csv: found suffix '\.csv', allowed is one of \.arrow, \.parquet, \.pq, \.txt"),
        ("missing/a.arrow", "found no directory"),
    ],
)
def test_a_place_that_can_not_be_written_is_refused(tmp_path: Path, out: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        convert(write_text(tmp_path / "a.txt", "1\n"), tmp_path / out)
