"""What the pages of a replayed trace are backed by: its regions, or what `backing` makes up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workloads.samples import samples
from tests.workloads.trace_files import Row, rows_of, write_arrow, write_parquet
from workloads.base import InputError, Part, StreamContext, parts
from workloads.traces.formats import parquet
from workloads.traces.regions import TraceRegion
from workloads.traces.replay import Trace
from workloads.traces.runs import Runs

ROWS: list[Row] = [(10, 3, 0, 0), (11, 1, 1, 0), (20, 0, 1, 0), (20, 0, 0, 1), (30, 0, 0, 1), (31, 0, 1, 0)]
LIBRARY = (
    TraceRegion(None, 10, 4, "lib.so", 2, writable=False, executable=True),
    TraceRegion(None, 20, 1, "lib.so", 7),
    TraceRegion(None, 25, 1, "lib.so", 1000, shared=True),
    TraceRegion(None, 30, 1),
)


def made(context: StreamContext, name: str = "a.arrow", **parameters: Any) -> Part:
    """The one process that a trace makes."""
    (part,) = parts(Trace(path=Path(name), **parameters), context)
    return part


def mapped(part: Part) -> list[tuple[int, int, str, int, str]]:
    """The regions of a process."""
    return [(each.first, each.pages, each.file, each.offset, each.protection) for each in part.regions]


def test_recorded_regions_are_the_process_s(context: StreamContext, tmp_path: Path) -> None:
    write_arrow(tmp_path / "a.arrow", ROWS, LIBRARY)
    part = made(context)
    assert mapped(part) == [
        (10, 4, "lib.so", 2, "read-only"),
        (20, 1, "lib.so", 7, "copy-on-write"),
        (25, 1, "lib.so", 1000, "read-write"),
    ]
    assert part.maps == {"lib.so": 1001 * 4096}  # as large as the furthest page that is mapped
    assert rows_of(part.streams[0]) == ROWS
    assert mapped(made(context, offset=5))[0] == (15, 4, "lib.so", 2, "read-only")


def test_what_was_stored_to_is_writable_whatever_was_recorded(context: StreamContext, tmp_path: Path) -> None:
    write_arrow(tmp_path / "a.arrow", ROWS, [TraceRegion(None, 20, 1, "lib.so", 7, writable=False)])
    assert mapped(made(context)) == [(20, 1, "lib.so", 7, "copy-on-write")]


def test_larger_pages_have_the_backing_of_the_first_region_in_them(context: StreamContext, tmp_path: Path) -> None:
    # Pages of 16 KiB: 10 to 13 become 2 and 3, 20 becomes 5; the one after 25, which is in page 6, too, has no part.
    regions = [*LIBRARY[:3], TraceRegion(None, 26, 3, "other", 4)]
    runs = Runs(
        *(
            np.array(column, kind)
            for column, kind in zip(zip(*ROWS, strict=True), ("u8", "u2", "u1", "u1"), strict=True)
        )
    )
    parquet.write(tmp_path / "a.parquet", [runs], {"page_size": "4096"}, regions=lambda: regions)
    part = made(replace(context, page_size=1 << 14), "a.parquet")
    assert mapped(part) == [
        (2, 2, "lib.so", 0, "read-only"),
        (5, 1, "lib.so", 1, "copy-on-write"),
        (6, 1, "lib.so", 250, "read-write"),
        (7, 1, "other", 2, "copy-on-write"),
    ]
    assert part.maps == {"lib.so": 251 << 14, "other": 2 << 14}


LIVES: list[Row] = [(5, 0, 0, 1), (6, 0, 0, 1), (5, 0, 1, 0), (9, 0, 1, 0), (5, 0, 1, 0), (6, 0, 1, 0), (5, 0, 0, 1)]


def test_a_later_life_of_a_page_is_a_page_of_its_own(context: StreamContext, tmp_path: Path) -> None:
    regions = [
        TraceRegion(None, 5, 2, end=3),
        TraceRegion(None, 5, 2, "data", 8, begin=4, end=6),
        TraceRegion(None, 5, 1, begin=6),
    ]
    write_arrow(tmp_path / "a.arrow", LIVES, regions)
    part = made(context, repeat=2)
    (stream,) = part.streams
    pages = [row[0] for row in rows_of(stream)]
    (data,) = part.regions
    second, third = data.first, pages[6]
    assert (data.file, data.offset, data.pages) == ("data", 8, 2)
    assert pages == [5, 6, 5, 9, second, second + 1, third] * 2
    assert len({5, 6, 9, second, second + 1, third}) == len(stream.pages) == 6
    assert [row[1:] for row in rows_of(stream)] == [row[1:] for row in LIVES] * 2
    # Where the first life is over, the second one has the pages.
    (stream,) = made(context, skip=3, limit=2).streams
    assert [row[0] for row in rows_of(stream)] == [9, 5]
    assert stream.pages.tolist() == [5, 9]
    assert mapped(made(context, skip=3, limit=2)) == [(5, 2, "data", 8, "copy-on-write")]


def test_pages_of_later_lives_are_where_nothing_else_is(context: StreamContext, tmp_path: Path) -> None:
    regions = [TraceRegion(None, 5, 2, end=3), TraceRegion(None, 5, 2, begin=4), TraceRegion(None, 9, 50, "data")]
    rows = [*LIVES, ((1 << 52) - 1, 1, 0, 0)]
    write_arrow(tmp_path / "a.arrow", rows, regions)
    stream = made(context).streams[0]
    assert 59 <= [row[0] for row in rows_of(stream)][4] < (1 << 52) - 2
    assert rows_of(stream)[-1] == rows[-1]


def test_pages_that_are_fetched_are_an_image_s(context: StreamContext, tmp_path: Path) -> None:
    rows: list[Row] = [(10, 1, 0, 0), (13, 1, 0, 1), (40, 0, 1, 0), (50, 2, 0, 0), (51, 1, 0, 0), (52, 0, 1, 0)]
    write_arrow(tmp_path / "a.arrow", rows)
    for backing in ("auto", "image"):
        part = made(context, backing=backing)
        # Up to seven pages between two stay in the file; more are closed up to seven.
        assert mapped(part) == [
            (10, 4, "a.arrow", 0, "copy-on-write"),
            (50, 2, "a.arrow", 11, "copy-on-write"),
        ]
        assert part.maps == {"a.arrow": 13 * 4096}
    assert mapped(made(context, limit=1)) == [(10, 1, "a.arrow", 0, "copy-on-write")]
    assert mapped(made(context, skip=5)) == [(50, 2, "a.arrow", 11, "copy-on-write")]


def test_all_pages_may_be_a_file_s_or_anonymous(context: StreamContext, tmp_path: Path) -> None:
    write_arrow(tmp_path / "a.arrow", ROWS, LIBRARY)
    part = made(context, backing="file")
    assert mapped(part) == [(10, 2, "a.arrow", 0, "read-write"), (20, 1, "a.arrow", 9, "read-write"),
                            (30, 2, "a.arrow", 17, "read-write")]  # fmt: skip
    assert part.maps == {"a.arrow": 19 * 4096}
    assert not made(context, backing="anonymous").regions
    assert mapped(made(context, backing="image")) == [(10, 2, "a.arrow", 0, "copy-on-write")]


def test_a_process_s_pages_lie_behind_another_s_in_the_trace_s_file(context: StreamContext, tmp_path: Path) -> None:
    page, process = np.array([5, 6, 5], np.uint64), np.array([1, 1, 2], np.uint32)
    one = np.ones(3, np.uint8)
    parquet.write(tmp_path / "a.parquet", [Runs(page, one.astype(np.uint16), one, one, process)], {})
    trace = Trace(path=Path("a.parquet"))
    assert [mapped(part)[0] for part in parts(trace, context)] == [
        (5, 2, "a.parquet", 0, "copy-on-write"),
        (5, 1, "a.parquet", 9, "copy-on-write"),
    ]


@pytest.mark.parametrize("name", ["spc", "arc", "oracle-general", "libcachesim-csv"])
def test_block_traces_are_of_a_shared_file(context: StreamContext, tmp_path: Path, name: str) -> None:
    (tmp_path / "a.trace").write_bytes(samples()[name][0])
    for part in parts(Trace(path=Path("a.trace"), format=name), context):
        pages = part.streams[0].pages.tolist()
        ranges = [range(each.first, each.first + each.pages) for each in part.regions]
        assert [page for page in pages if any(page in each for each in ranges)] == pages
        assert {(each.file, each.protection) for each in part.regions} == {("a.trace", "read-write")}


def test_where_memory_must_be_private_auto_is_anonymous(context: StreamContext, tmp_path: Path) -> None:
    write_arrow(tmp_path / "a.arrow", ROWS, LIBRARY)
    private = replace(context, private=True)
    part = made(private)
    assert not part.regions
    assert not part.maps
    assert mapped(made(private, backing="recorded")) == mapped(made(context))


def test_recorded_needs_regions(context: StreamContext, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ROWS)
    with pytest.raises(
        InputError, match=r"a\.parquet: backing: found 'recorded' for a trace without regions, allowed is"
    ):
        made(context, "a.parquet", backing="recorded")


def test_an_image_may_be_warm_where_it_is_referenced(context: StreamContext, tmp_path: Path) -> None:
    write_arrow(tmp_path / "a.arrow", ROWS, LIBRARY)
    part = made(context, image="warm")
    assert mapped(part) == [(10, 2, "lib.so", 2, "read-only"), (20, 1, "lib.so", 7, "copy-on-write")]
    assert all(region.warm for region in part.regions)
    assert not any(region.warm for region in made(context).regions)
    assert mapped(made(context, backing="file", image="warm")) == mapped(made(context, backing="file"))
