"""Tables of libCacheSim: its parameters say what is where, and objects become pages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.workloads.table_files import LOAD, Seen, kept, read, refused, with_options
from tests.workloads.table_samples import LIBCACHESIM
from workloads.base import InputError
from workloads.traces.format import Format

SECOND = 10**9


def table(**options: Any) -> Format:
    """The format with options."""
    return with_options("libcachesim-csv", **options)


def test_objects_are_numbered_as_they_appear(tmp_path: Path) -> None:
    known = table(time_col=1, obj_id_col=2, obj_size_col=3)
    wanted = Seen([(page, *LOAD) for page in (0, 1, 0, 2)], time=[SECOND, 3 * SECOND // 2, 2 * SECOND, 3 * SECOND])
    assert read(tmp_path / "a", LIBCACHESIM, known) == wanted
    assert kept(tmp_path / "a", known) == wanted


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("1,7\n2,9\n3,7\n", {}),
        ("7\n9\n7\n", {"obj_id_col": 1}),
        ("1 7\n2  9\n3 7\n", {"delimiter": " "}),
        ("1\t7\n2\t9\n3\t7\n", {"delimiter": "\\t"}),
        ("1;7\n2;9\n3;7\n", {"delimiter": ";"}),
        ("1:7:x\n2:9:x\n3:7:x\n", {"has_header": False}),
        ("time|key\n1|7\n2|9\n3|7\n", {}),
        ("1,9\n1,7\n2,9\n3,7\n", {"has_header": True}),
    ],
)
def test_libcachesim_s_parameters_say_what_is_where(tmp_path: Path, content: str, options: dict[str, Any]) -> None:
    known = table(**options, obj_id_is_num=True)
    assert read(tmp_path / "a", content, known).rows == [(7, *LOAD), (9, *LOAD), (7, *LOAD)]
    assert [row[0] for row in read(tmp_path / "a", content, table(**options)).rows] == [0, 1, 0]


def test_a_header_is_told_as_libcachesim_does(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a", "1,abc123\n2,abc123\n", table()).rows) == 2
    assert len(read(tmp_path / "a", "1,abcdef1\n2,abcdef1\n", table()).rows) == 1


@pytest.mark.parametrize(
    ("content", "options", "fragment"),
    [
        ("1,7\n2\n", {}, ":2: found '2', allowed is an id in column 2"),
        ("1,7\n2,\n", {}, ":2: found '2,'"),
        ("1,7\n,2\n", {"obj_id_col": 1}, ":2: found ',2'"),
        ("1,7\n2,x\n", {"obj_id_is_num": True}, ":2: found '2,x', allowed is a number below 2^52 in column 2"),
        ("1,7\n2,4503599627370496\n", {"obj_id_is_num": True}, ":2: found"),
        ("1,7\nx,7\n", {"time_col": 1}, ":2: found 'x,7', allowed is an id in column 2 and a time in column 1"),
        ("x" * 70_000, {}, "found no line end in the first 65536 bytes"),
    ],
)
def test_a_line_that_is_no_request_is_named(
    tmp_path: Path, content: str, options: dict[str, Any], fragment: str
) -> None:
    refused(tmp_path / "a", content, fragment, known=table(**options))


def test_options_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InputError, match="option delimiter: found 'ab': allowed is one ASCII character"):
        table(delimiter="ab")
    with pytest.raises(InputError, match="option obj_id_col"):
        table(obj_id_col=0)


def test_libcachesim_reads_the_same_numbers(tmp_path: Path) -> None:
    lcs = pytest.importorskip("libcachesim")
    path = tmp_path / "a.csv"
    mine = read(path, "1,70,5\n1,7,4\n2,70,9\n", table(obj_id_is_num=True))
    given = lcs.ReaderInitParam(has_header=False, has_header_set=True, delimiter=",", obj_id_is_num=True)
    given.time_field, given.obj_id_field, given.obj_size_field = 1, 2, 3
    theirs = lcs.TraceReader(os.fspath(path), lcs.TraceType.CSV_TRACE, given)
    assert [request.obj_id for request in theirs] == [row[0] for row in mine.rows]
