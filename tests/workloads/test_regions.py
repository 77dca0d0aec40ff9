"""What a trace tells of its pages' backing is kept by every form that can hold it, and refused where it is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.samples import REGIONS
from tests.workloads.trace_files import ROWS, as_runs, rows_of, timed_runs, write_arrow, write_parquet
from workloads.base import InputError
from workloads.traces import store
from workloads.traces.cache import open_trace
from workloads.traces.convert import convert
from workloads.traces.formats import parquet
from workloads.traces.info import info
from workloads.traces.regions import TraceRegion, cut, joined, of_one_process, regions_from, text_of
from workloads.traces.store import write_native

CODE, HEAP, DATA = REGIONS


@pytest.mark.parametrize("suffix", ["arrow", "parquet"])
def test_regions_are_read_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write = write_arrow if suffix == "arrow" else write_parquet
    write(path, ROWS, [DATA, CODE, HEAP])
    trace = open_trace(path)
    assert trace.facts.regions == info(path).facts.regions == REGIONS
    assert rows_of(trace) == ROWS
    assert "regions" not in trace.about


@pytest.mark.parametrize("suffix", ["arrow", "parquet"])
@pytest.mark.parametrize("first", ["arrow", "parquet"])
def test_converting_keeps_regions(tmp_path: Path, first: str, suffix: str) -> None:
    path, out = tmp_path / f"a.{first}", tmp_path / f"b.{suffix}"
    write = write_arrow if first == "arrow" else write_parquet
    write(path, ROWS, REGIONS)
    convert(path, out)
    assert open_trace(out).facts.regions == REGIONS


def test_converting_a_part_keeps_what_lives_in_it(tmp_path: Path) -> None:
    # ROWS makes nine references; the heap's life ends after the fifth.
    path = write_parquet(tmp_path / "a.parquet", ROWS, REGIONS)
    convert(path, tmp_path / "b.arrow", skip=2, limit=6)
    heap, data = HEAP._replace(end=3), DATA._replace(begin=3)
    assert open_trace(tmp_path / "b.arrow").facts.regions == (CODE, heap, data)
    convert(path, tmp_path / "c.arrow", skip=5)
    assert open_trace(tmp_path / "c.arrow").facts.regions == (CODE, DATA._replace(begin=0))
    convert(path, tmp_path / "d.arrow", limit=5)
    assert open_trace(tmp_path / "d.arrow").facts.regions == (CODE, HEAP._replace(end=None))


def test_a_moment_is_the_first_run_that_begins_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The runs of ROWS begin after 0, 1, 4, 5 and 6 references of nine.
    for batch in (2, 1 << 20):
        monkeypatch.setattr(store, "BATCH", batch)
        lives = [TraceRegion(None, 70, 1, begin=at, end=at + 1) for at in range(9)]
        trace = open_trace(write_arrow(tmp_path / "a.arrow", ROWS, lives))
        assert trace.moments == {1: 1, 2: 2, 3: 2, 4: 2, 5: 3, 6: 4, 7: 5, 8: 5, 9: 5}


def test_a_trace_without_regions_has_none(tmp_path: Path) -> None:
    assert open_trace(write_arrow(tmp_path / "a.arrow", ROWS)).facts.regions == ()
    assert open_trace(write_parquet(tmp_path / "a.parquet", ROWS)).facts.regions == ()


def test_a_region_of_a_process_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.arrow").open("w+b") as file, pytest.raises(InputError, match="one of process 5, allowed is"):
        write_native(file, [timed_runs(9)], "", "a", None, lambda: [CODE._replace(process=5)])
    with (tmp_path / "a.arrow").open("w+b") as file:
        facts = write_native(file, [timed_runs(9)], "", "a", None, lambda: [CODE._replace(process=1000)])
    assert facts.regions == (CODE._replace(process=1000),)


ROW: list[Any] = [None, 7, 1, "libc.so.6", 3, "x", 0, None]


def _with(**changes: Any) -> list[Any]:
    names = ("process", "first", "pages", "file", "offset", "flags", "begin", "end")
    return [changes.get(name, value) for name, value in zip(names, ROW, strict=True)]


DAMAGED: list[Any] = [
    3, [3], [[]], [ROW[:-1]], [_with(process=-1)], [_with(process="")], [_with(first=1 << 52)], [_with(first=True)],
    [_with(first=(1 << 52) - 1, pages=2)], [_with(pages=0)], [_with(pages=1.5)], [_with(file="a/b")],
    [_with(file="a\n")], [_with(file=None)], [_with(file="a" * 256)], [_with(offset=-1)], [_with(flags="q")],
    [_with(flags=["x"])], [_with(begin=5, end=5)], [_with(begin=-1)], [_with(end=0)], [_with(end=1 << 63)], [ROW, ROW],
    [_with(pages=4), _with(first=9)], [_with(end=7), _with(begin=6)], [_with(first=1, pages=99, end=7), ROW],
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "[" * 100_000, "9" * 100_000, '{"version":2,"regions":[]}', '{"version":1}',
        *(json.dumps({"version": 1, "regions": rows}) for rows in DAMAGED),
    ],
    ids=range(8 + len(DAMAGED)),
)  # fmt: skip
def test_damaged_regions_are_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.parquet"
    parquet.write(path, [as_runs(ROWS)], {"regions": text}, wide=True)
    for read in (open_trace, info):
        with pytest.raises(InputError, match=r"^\S*a\.parquet: regions: found .{1,200}, allowed is .{1,90}$"):
            read(path)


def test_too_many_regions_are_refused() -> None:
    many = [TraceRegion(None, page, 1) for page in range((1 << 16) + 1)]
    with pytest.raises(InputError, match="a: regions: found '65537 regions', allowed is at most 65536"):
        regions_from(text_of(many), "a")


def test_any_changed_byte_of_a_store_with_regions_is_noticed(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS, REGIONS)
    whole = path.read_bytes()
    at = whole.index(b"libc.so.6")
    path.write_bytes(whole.replace(b"libc.so.6", b"libc.so.7"))
    with pytest.raises(InputError, match="metadata that was changed"):
        open_trace(path)
    assert whole[at:].startswith(b"libc.so.6")


boxes = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4), st.integers(0, 6), st.integers(1, 4)), max_size=6)


@given(boxes)
def test_regions_overlap_where_a_page_has_two_at_a_time(drawn: list[tuple[int, int, int, int]]) -> None:
    regions = [TraceRegion(None, first, pages, begin=at, end=at + life) for first, pages, at, life in drawn]
    cells = [
        (page, moment)
        for first, pages, at, life in drawn
        for page in range(first, first + pages)
        for moment in range(at, at + life)
    ]
    if len(cells) == len(set(cells)):
        assert sorted(regions_from(text_of(regions), "a")) == sorted(regions)
    else:
        with pytest.raises(InputError, match="no page in common"):
            regions_from(text_of(regions), "a")


def test_regions_that_continue_each_other_are_joined() -> None:
    first = TraceRegion(None, 5, 2, "f", 1)
    assert joined([first._replace(first=7, offset=3), first]) == (first._replace(pages=4),)
    others = (first._replace(first=7, offset=4), first._replace(first=7, offset=3, writable=False))
    assert all(joined([first, other]) == (first, other) for other in others)
    assert joined([TraceRegion(None, 5, 2), TraceRegion(None, 7, 1)]) == (TraceRegion(None, 5, 3),)


def test_cutting_moves_lives() -> None:
    regions = [TraceRegion(None, 1, 1, end=4), TraceRegion(None, 1, 1, begin=6)]
    assert cut(regions, 0, None) == tuple(regions)
    assert cut(regions, 5, None) == (TraceRegion(None, 1, 1, begin=1),)
    assert cut(regions, 1, 4) == (TraceRegion(None, 1, 1, end=3),)
    assert cut(regions, 1, 3) == (TraceRegion(None, 1, 1),)


def test_regions_of_several_processes_cannot_be_one_s() -> None:
    assert of_one_process([CODE._replace(process=4)]) == (CODE,)
    assert of_one_process([CODE._replace(process=4), CODE._replace(process=5)]) == ()


def test_a_store_of_version_2_is_read(tmp_path: Path) -> None:
    # As pagesim 0.4 wrote it: without uses, regions and moments.
    path = Path(__file__).parent / "data" / "version-2.arrow"
    trace = open_trace(path)
    assert rows_of(trace) == ROWS
    assert trace.facts.regions == ()
    assert trace.uses().tolist() == open_trace(write_arrow(tmp_path / "a.arrow", ROWS)).uses().tolist() == [7, 6, 2]


def test_parquet_files_of_others_with_other_metadata_are_read(tmp_path: Path) -> None:
    table = pa.table({"page": [1, 2]}).replace_schema_metadata({"mine": "yes"})
    pq.write_table(table, tmp_path / "a.parquet")
    assert open_trace(tmp_path / "a.parquet").facts.regions == ()
