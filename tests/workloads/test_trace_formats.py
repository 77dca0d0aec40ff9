"""Every format reads what it should, and says in one line what it can't read."""

from __future__ import annotations

import itertools
import lzma
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.trace_files import (
    COMPRESS,
    ROWS,
    Row,
    as_runs,
    rows_of,
    write_arrow,
    write_parquet,
    write_table,
    write_text,
)
from workloads.base import InputError
from workloads.traces import compression, scan
from workloads.traces.cache import open_trace
from workloads.traces.format import Format, formats, guess
from workloads.traces.formats.parquet import Parquet, write
from workloads.traces.runs import Runs

LOAD, STORE, FETCH = (0, 1, 0), (0, 0, 1), (1, 0, 0)

TEXT = "# a comment\n\n12 R\n0x1F w # another\n\t7\tX  \r\n 12\n0xff"
TEXT_ROWS: list[Row] = [(12, *LOAD), (31, *STORE), (7, *FETCH), (12, *LOAD), (255, *LOAD)]

LACKEY = """==7== Lackey, an example Valgrind tool
I  04001000,3
I  04001ffe,4
 L 1fff000678,8
 M 1fff000ffc,8
--7-- a warning
 S 1fff001000,4
==7== Counted 1 call to main()
"""
LACKEY_ROWS: list[Row] = [(0x4001, 2, 0, 0), (0x4002, 1, 0, 0), (0x1FFF000, 0, 2, 1), (0x1FFF001, 0, 1, 2)]


def refused(path: Path, *fragments: str, format: str = "auto") -> None:  # noqa: A002
    """Opening the trace, or reading it, fails with one line that names the file and holds the fragments."""
    with pytest.raises(InputError) as raised:
        rows_of(open_trace(path, format))
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


# Text


@pytest.mark.parametrize("suffix", COMPRESS)
def test_text_is_read_compressed_or_not(tmp_path: Path, suffix: str) -> None:
    assert rows_of(open_trace(write_text(tmp_path / f"a.txt{suffix}", TEXT))) == TEXT_ROWS


def test_lines_on_one_page_stay_runs_unless_merging_is_asked_for(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "5\n5\n5 W\n6\n5\n")
    assert rows_of(open_trace(path)) == [(5, *LOAD), (5, *LOAD), (5, *STORE), (6, *LOAD), (5, *LOAD)]
    assert rows_of(open_trace(path, merge=True)) == [(5, 0, 2, 1), (6, *LOAD), (5, *LOAD)]


@pytest.mark.parametrize(
    "line",
    [
        *("abc", "-5", "+5", "1.5", "0x", "0xg", "12 Q", "12R", "12 R W", "12,R", "1_0", "12\r7"),
        *("4503599627370496", "9" * 40, "0x10000000000000", "\x00", "12 R\x00", "\u0663"),
    ],
)
def test_a_line_that_is_no_reference_is_named(tmp_path: Path, line: str) -> None:
    path = write_text(tmp_path / "a.txt", f"1\n# two\n3\n{line}\n5\n")
    refused(path, f"{path}:4: found ", "allowed is a page number (0 to 2^52 - 1, decimal or 0x hexadecimal)")


def test_the_largest_page_number_is_read(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "4503599627370495\n0xFFFFFFFFFFFFF\n00\n")
    assert [row[0] for row in rows_of(open_trace(path))] == [2**52 - 1, 2**52 - 1, 0]


def test_a_wrong_line_is_counted_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "PIECE", 7)
    path = write_text(tmp_path / "a.txt.gz", "\n".join(map(str, range(100))) + "\nwrong")
    refused(path, f"{path}:101: found 'wrong'")


@given(cuts=st.lists(st.integers(1, 20), min_size=1), text=st.text("12\n#", max_size=200))
def test_whole_lines_lose_nothing_however_pieces_are_cut(cuts: list[int], text: str) -> None:
    data = text.encode()
    ends = [0, *itertools.takewhile(lambda end: end < len(data), itertools.accumulate(cuts)), len(data)]
    pieces = list(scan.whole_lines((data[a:b] for a, b in itertools.pairwise(ends)), "a"))
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert b"".join(pieces) in (data, data + b"\n")


def test_a_file_without_line_ends_is_refused_early(tmp_path: Path) -> None:
    refused(write_text(tmp_path / "a.txt.gz", "1" * 3_000_000), "found a line of more than 65536 bytes")


def test_a_file_of_comments_is_empty(tmp_path: Path) -> None:
    refused(write_text(tmp_path / "a.txt", "# nothing\n\n"), "found no references")


# Compression


@pytest.mark.parametrize("suffix", [suffix for suffix in COMPRESS if suffix])
def test_compressed_data_that_is_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_text(tmp_path / f"a.txt{suffix}", "".join(f"{page * 7919 % 100_003}\n" for page in range(20_000)))
    whole = path.read_bytes()
    for kept in (len(whole) // 3, len(whole) - 1):
        path.write_bytes(whole[:kept])
        refused(path, "damaged or cut off", suffix[1:])


@pytest.mark.parametrize("suffix", [suffix for suffix in COMPRESS if suffix])
def test_joined_compressed_files_are_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(COMPRESS[suffix](b"1\n2") + COMPRESS[suffix](b"3\n4\n"))
    assert [row[0] for row in rows_of(open_trace(path))] == [1, 23, 4]


def test_an_xz_file_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    asking = [{"id": lzma.FILTER_LZMA2, "dict_size": 2 * compression.XZ_MEMORY}]
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(b"1\n", filters=asking))
    refused(tmp_path / "a.txt.xz", "damaged or cut off xz data", "emory usage limit")


# Lackey


def test_lackey_runs_split_at_pages_and_messages_are_skipped(tmp_path: Path) -> None:
    assert rows_of(open_trace(write_text(tmp_path / "a.lackey.xz", LACKEY))) == LACKEY_ROWS


@pytest.mark.parametrize("line", [" S 10", " X 10,4", " S ,4", " S 1g,4", " S 10,", " S 10,0", " S 10,4097"])
def test_a_line_that_lackey_does_not_print_is_named(tmp_path: Path, line: str) -> None:
    path = write_text(tmp_path / "a.lackey", f"==1== x\n S 1000,8\n{line}\n")
    refused(path, f"{path}:3: found {line!r}, allowed is lackey's")


# Parquet


def test_parquet_is_read(tmp_path: Path) -> None:
    assert rows_of(open_trace(write_parquet(tmp_path / "a.parquet", ROWS))) == ROWS


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ({}, [(3, *LOAD), (4, *LOAD)]),
        ({"stores": [1, 2]}, [(3, 0, 0, 1), (4, 0, 0, 2)]),
        ({"stores": pa.array([1, 0], pa.uint8()), "fetches": [0, 65535]}, [(3, 0, 0, 1), (4, 65535, 0, 0)]),
    ],
)
def test_count_columns_may_be_missing(tmp_path: Path, columns: dict[str, object], rows: list[Row]) -> None:
    assert rows_of(open_trace(write_table(tmp_path / "a.parquet", page=[3, 4], **columns))) == rows


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"page": [1], "extra": [1]}, "found columns page, extra, allowed are page and optionally fetches, loads"),
        ({"address": [1]}, "found columns address, allowed are page"),
        ({"page": ["one"]}, "column page: found type string, allowed is an integer type"),
        ({"page": [1.5]}, "column page: found type double"),
        ({"page": [1, -2]}, "row 1: found page -2, allowed is 0 to 4503599627370495"),
        ({"page": [1, 1 << 52]}, "row 1: found page 4503599627370496, allowed is"),
        ({"page": pa.array([(1 << 64) - 1], pa.uint64())}, "row 0: found page 18446744073709551615"),
        ({"page": [1, None]}, "row 1: found no page"),
        ({"page": [1], "loads": [256]}, "row 0: found loads 256, allowed is 0 to 255"),
        ({"page": [1], "fetches": [65536]}, "row 0: found fetches 65536, allowed is 0 to 65535"),
        ({"page": [1, 2], "stores": [1, 0]}, "row 1: found stores all 0, allowed is at least one reference"),
        ({"page": pa.array([], pa.uint32())}, "found no references, allowed is a trace with at least one"),
    ],
)
def test_parquet_of_other_content_is_refused(tmp_path: Path, columns: dict[str, object], message: str) -> None:
    refused(write_table(tmp_path / "a.parquet", **columns), message)


def test_a_wrong_row_is_counted_across_pieces(tmp_path: Path) -> None:
    page = np.arange(200_000)
    page[150_000] = -1
    refused(write_table(tmp_path / "a.parquet", page=page), "row 150000: found page -1")


def test_a_changed_byte_in_a_recorded_trace_is_noticed(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", ROWS * 100)
    data = bytearray(path.read_bytes())
    data[len(data) // 8] ^= 1
    path.write_bytes(data)
    refused(path, "damaged Parquet data")


def test_what_is_written_as_parquet_carries_its_metadata(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", ROWS)
    assert pq.read_metadata(path).metadata[b"command"] == b"made by a test"
    assert [entry.name for entry in tmp_path.glob("*.parquet*")] == ["a.parquet"]


def test_a_page_number_that_does_not_fit_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed is at most 4294967295"):
        write(tmp_path / "a.parquet", [as_runs(ROWS)], {})
    assert list(tmp_path.iterdir()) == []


# All formats


def written(directory: Path) -> dict[str, Path]:
    """A file in each format."""
    return {
        "lackey": write_text(directory / "a.lackey", LACKEY),
        "native": write_arrow(directory / "a.arrow", ROWS),
        "parquet": write_parquet(directory / "a.parquet", ROWS),
        "text": write_text(directory / "a.txt", TEXT),
    }


def test_every_built_in_format_is_told_by_content_alone(tmp_path: Path) -> None:
    for name, path in written(tmp_path).items():
        unnamed = path.rename(tmp_path / f"{name}-file")
        assert guess(unnamed).name == name


@pytest.mark.parametrize("known", formats(), ids=lambda known: known.name)
def test_every_format_keeps_the_contract(known: Format) -> None:
    assert known.suffixes
    assert all(suffix and suffix == suffix.lower() for suffix in known.suffixes)
    assert type(known).__doc__
    assert not known.recognises(b"")
    assert not known.recognises(b"\x7fELF\x00\x01")


def test_content_of_no_format_is_refused_unless_its_name_tells(tmp_path: Path) -> None:
    refused(write_text(tmp_path / "a.dat", "hello\n"), "found no known trace format, starting with b'hello", "parquet")
    refused(write_text(tmp_path / "a.txt", "hello\n"), ":1: found 'hello'")


def test_a_format_that_is_named_is_taken(tmp_path: Path) -> None:
    assert rows_of(open_trace(write_text(tmp_path / "a.dat", "\n# x\n1\n"), "text")) == [(1, *LOAD)]
    refused(write_text(tmp_path / "b.dat", "1\n"), "damaged Parquet data", format="parquet")
    with pytest.raises(InputError, match=r"format: found 'xml', allowed is one of .*parquet.*or 'auto'"):
        open_trace(tmp_path / "a.dat", "xml")


def test_parquet_pieces_are_bounded(tmp_path: Path) -> None:
    pieces: list[Runs] = list(Parquet().runs(write_table(tmp_path / "a.parquet", page=np.arange(200_000))))
    assert max(len(piece.page) for piece in pieces) <= 1 << 16
