"""Tables: the columns are found, by name or by the options, and what they say is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.workloads.table_files import (
    FETCH,
    LOAD,
    MODIFY,
    STORE,
    Seen,
    kept,
    read,
    refused,
    with_options,
)
from tests.workloads.table_samples import CSV, TSV
from workloads.base import InputError
from workloads.traces import compression
from workloads.traces.cache import open_trace
from workloads.traces.format import guess, options_of
from workloads.traces.formats.csv import Csv
from workloads.traces.patterns import CLOCKS, MOST_PAGES

SAMPLE = Seen(
    [(1, *LOAD), (2, *LOAD), (1, *STORE), (0x7FFF00000, *FETCH), (0x7FFF00000, *MODIFY)],
    process=[7, 7, 7, 7, 6],
    thread=[8, 8, 8, 9, 9],
    time=[10_500, 10_500, 11_000, 11_000, 12_000],
)


def csv(**options: Any) -> Csv:
    """The format with options."""
    known = with_options("csv", **options)
    assert isinstance(known, Csv)
    return known


def test_a_table_with_names_is_read_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read(path, CSV) == SAMPLE
    assert guess(path) == Csv()
    assert kept(path, Csv()) == SAMPLE
    assert read(path, TSV) == Seen([(12, *LOAD), (31, *STORE)])


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("R,0x1000,7\nW,0x2000,8\n", {"kind": 1, "address": 2, "process": 3}),
        ("R;4096;7\nW;8192;8", {"kind": "1", "address": "2", "process": 3}),
        ("  0x1000 \t r  7 \n0x2000 w 8 and more\n", {"kind": 2, "address": 1, "process": 3, "delimiter": "blank"}),
        ("0x1000|x|R|7\n0x2000||W|8\n", {"kind": 3, "address": 1, "process": 4, "delimiter": "|"}),
        ("what,who,where\nr,7,1\nw,8,2\n", {"kind": "what", "page": "WHERE", "process": 2}),
        ("pid,1000,op\n7,1,r\n8,2,w\n", {"page": 2, "header": True, "process": 1, "kind": 3}),
        ("process,type,addr\n7,R,1000\n8,W,2000\n", {"hexadecimal": True}),
        ("process,type,addr\n7,R,8\n8,W,16\n", {"address_unit": 512}),
        ("process,type,LBA\n7,R,8\n8,W,16\n", {}),
        ("type,page,pid,op\nx,1,7,r\nx,2,8,w\n", {"kind": "op"}),
        ("\ufeffpage,op,pid\n1,r,7\n2,w,8\n", {}),
        ('"page" "op" "pid"\n1 "r" 7\n"2" w 8\n', {}),
        ('"page, first","op ""it""",pid\n1,r,7\n2,w,8\n', {"page": "Page, first", "kind": 2}),
        ("page,op,pid\n1,0,7\n2,1,8\n", {}),
        ("page,op,pid\n1,1,7\n2,0,8\n", {"loads": "1", "stores": "0"}),
        ("page\top\tpid\tx\n 1\tr\t7\t\n2 \tw\t 8\t\n", {}),
        ("x\tpage\top\tpid\n\t1\tr\t7\n\t2\tw\t8\n", {}),
    ],
)
def test_columns_are_where_names_and_options_say(tmp_path: Path, content: str, options: dict[str, Any]) -> None:
    assert read(tmp_path / "a.csv", content, csv(**options)) == Seen([(1, *LOAD), (2, *STORE)], process=[7, 8])


def test_a_table_of_addresses_tells_its_page_size(tmp_path: Path) -> None:
    for content, known, size in (
        ("address\n1\n", csv(), 4096),
        ("address\n1\n", csv(page_size=8192), 8192),
        ("page\n1\n", csv(), None),
        ("page\n1\n", csv(page_size=8192), 8192),
    ):
        (tmp_path / "a").write_text(content)
        assert open_trace(tmp_path / "a", "csv", options=options_of(known)).page_size == size


def test_what_a_table_lacks_has_its_default(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "page\n3\n3\n") == Seen([(3, *LOAD), (3, *LOAD)])


def test_references_by_address_in_a_row_to_one_page_are_one_run(tmp_path: Path) -> None:
    by_address = "address,op,tid\n0,r,1\n8,w,1\n4095,x,1\n16,r,2\n"
    assert read(tmp_path / "a", by_address) == Seen([(0, 1, 1, 1), (0, *LOAD)], thread=[1, 2])


@pytest.mark.parametrize(
    ("size", "pages"),
    [(0, []), (1, [0]), (8, [0]), (9, [0, 1]), (4104, [0, 1]), (4105, [0, 1, 2]), (8 + 4096 * (MOST_PAGES - 1), None)],
)
def test_a_reference_touches_each_page_of_its_range(tmp_path: Path, size: int, pages: list[int] | None) -> None:
    content = f"address,size\n4088,{size}\n40960,1"
    wanted = range(MOST_PAGES) if pages is None else pages
    assert [row[0] for row in read(tmp_path / "a", content).rows] == [*wanted, 10]


def test_a_size_may_count_sectors(tmp_path: Path) -> None:
    found = read(tmp_path / "a", "address,size\n3584,1\n3584,2\n", csv(size_unit=512))
    assert found.rows == [(0, 0, 2, 0), (1, *LOAD)]


@pytest.mark.parametrize(
    ("unit", "field", "time"),
    [
        ("auto", "7", 7),
        ("ns", "7.5", 8),
        ("us", "7.0005", 7001),
        ("ms", "1e3", 10**9),
        ("s", "1700000000.123456789", 1_700_000_000_123_456_789),
        ("s", "-0.5", -500_000_000),
        ("filetime", "116444736000000001", 100),
        ("filetime", "133000000000000000", (133_000_000_000_000_000 - 116_444_736_000_000_000) * 100),
    ],
)
def test_times_become_nanoseconds(tmp_path: Path, unit: str, field: str, time: int) -> None:
    assert read(tmp_path / "a", f"page,time\n1,{field}\n", csv(time_unit=unit)).time == [time]


@pytest.mark.parametrize(("unit", "factor"), [(unit, 10**clock.digits) for unit, clock in list(CLOCKS.items())[:4]])
def test_a_time_s_name_tells_its_unit(tmp_path: Path, unit: str, factor: int) -> None:
    assert read(tmp_path / "a", f"page,timestamp_{unit}\n1,2\n").time == [2 * factor]
    assert read(tmp_path / "a", f"page,timestamp_{unit}\n1,2\n", csv(time_unit="ns")).time == [2]


@pytest.mark.parametrize(
    "line",
    [
        *("x,r,1,1,1", ",r,1,1,1", "-1,r,1,1,1", "0x,r,1,1,1", "18446744073709551616,r,1,1,1", "1 2,r,1,1,1"),
        *("1,q,1,1,1", "1,,1,1,1", "1,reading it,1,1,1", "1,r w,1,1,1", "1", "1,r,1,1", '"1,r,1,1,1', '1,"r"r,1,1,1'),
        *("1,r,4294967296,1,1", "1,r,1,4294967296,1", "1,r,1,x,1", "1,r,1,1,now", "1,r,1,1,1e99", "1,r,1,1,1.2.3"),
        *("1,r,1,1,", "1,r,1,1,92000000000000000000", "1\r,r,1,1,1", "\x00,r,1,1,1", "1;r;1;1;1", "\u0663,r,1,1,1"),
    ],
)
def test_a_line_that_is_no_reference_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.csv"
    content = f"address,op,pid,tid,time\n0x10,R,4294967295,0,1.5\n\n{line}\n"
    refused(path, content, f"{path}:4: found ", "allowed is an address below 2^64 in column 1; a kind (r, read,")


@pytest.mark.parametrize(
    ("content", "options", "fragments"),
    [
        ("1,2\n", {}, ("no column of pages in '1, 2'", "option page or address")),
        ("op,pid\n1,2\n", {}, ("no column of pages",)),
        ("page,addr\n1,2\n", {}, ("columns for both page and address",)),
        ("page,op,type\n1,r,r\n", {}, ("several columns for the kind: op, type; option kind says which",)),
        ("1,2\n", {"page": "where"}, ("option page: found 'where', but the table doesn't name its columns",)),
        ("page,op\n1,r\n", {"page": "where"}, ("option page: found 'where', allowed is one of page, op",)),
        ("page,op\n1,r\n", {"page": 0}, ("option page: found 0, allowed is 1 to 256",)),
        ("page,op\n1,r\n", {"kind": 3}, (":2: found '1,r'",)),
        ("page,op\n1,r\n", {"kind": 1}, ("found columns page 1, kind 1, allowed is one thing in each",)),
        ("# nothing\n", {}, ("found no line of columns",)),
        (b"\xff\xfe,1\n", {}, ("found no line of columns",)),
        ("page," + "x" * 70_000 + "\n1\n", {}, ("found no line of columns in the first 65536 bytes",)),
        ("page\n4503599627370496\n", {}, (":2: found '4503599627370496', allowed is a page number (0 to 2^52 - 1)",)),
        ("lba\n36028797018963968\n", {}, (":2: found", "allowed is an address below 2^64")),
        (f"addr,size\n0,{4096 * MOST_PAGES + 1}\n", {}, (":2: found", "a size of at most 65536 pages")),
        (f"addr,size\n{2**64 - 1},2\n", {}, (":2: found",)),
        (f"addr,size\n1,{4096 * MOST_PAGES}\n", {}, (":2: found",)),
        ("page op\n1x r\n", {}, (":2: found '1x r'",)),
        ('page op\n"1"r r\n', {}, (":2: found",)),
        ('page,op\n"1x,r\n', {}, (":2: found",)),
        ("page,time\n1,9000000000000000000\n", {"time_unit": "filetime"}, (":2: found",)),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | bytes, options: dict[str, Any], fragments: tuple[str, ...]
) -> None:
    refused(tmp_path / "a.csv", content, *fragments, known=csv(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"delimiter": "ab"},
            "option delimiter: found 'ab': allowed is auto, comma, tab, semicolon, blank or one ASCII",
        ),
        (
            {"loads": "r instruction-fetches"},
            "option loads: found 'r instruction-fetches': allowed are at most 48 words of at most 16",
        ),
        ({"stores": " ".join(map(str, range(49)))}, "option stores: .* at most 48 words"),
        ({"page_size": 3000}, "option page_size"),
        ({"size_unit": 1 << 17}, "option size_unit"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        csv(**options)


@pytest.mark.parametrize(
    "head",
    [
        *(b"1,2,3\n", b"a,b\n1,2\n", b"the page was left blank\n", b"page", b"\x00page,op\n1,r\n", b"addr,a,b,c,d\n"),
        *(b"", b"# page,op\n", b"\xff,page\n", b'"page,op\n'),
    ],
)
def test_only_a_table_that_names_most_of_its_columns_is_told_by_content(head: bytes) -> None:
    assert Csv().recognises(head) == (head == b"page")


def test_the_header_may_come_in_many_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "PIECE", 7)
    assert read(tmp_path / "a", f"\ufeff# first\n\n{CSV}") == SAMPLE
    refused(tmp_path / "a", f"\ufeff# first\n\n{CSV}\nwrong", f"{tmp_path / 'a'}:11: found 'wrong'")
