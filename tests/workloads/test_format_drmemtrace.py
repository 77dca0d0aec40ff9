"""What DynamoRIO's view tool prints is read as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.format_checks import refused, rows_of
from tests.workloads.samples import OLD_VIEW, VIEW

HEADING = b"".join(VIEW.splitlines(keepends=True)[:3])
ROW = b"           7           1:       W0.T3 %s\n"


def test_references_keep_kind_thread_workload_and_time(tmp_path: Path) -> None:
    # The store of 8 bytes at ...ffc ends in the next page; the second time stamp is 10 us after the first.
    assert rows_of(tmp_path, VIEW, "drmemtrace") == [
        (0x402, 1, 0, 0, 0, 3, 0),
        (0x7FFD90C13, 0, 0, 1, 0, 3, 0),
        (0x7FFD90C14, 0, 0, 1, 0, 3, 0),
        (0x402, 1, 0, 0, 0, 3, 0),
        (0x402, 0, 1, 0, 1, 4, 10_000),
    ]


def test_the_layout_of_2022_has_threads_and_no_process(tmp_path: Path) -> None:
    assert rows_of(tmp_path, OLD_VIEW, "drmemtrace") == [
        (0x402, 1, 0, 0, 1774669, 0),
        (0x7F8881E37, 0, 1, 1, 1774669, 0),
        (0x403, 1, 0, 0, 1774668, 0),
    ]


def test_the_layout_of_2023_has_plain_thread_ids(tmp_path: Path) -> None:
    # From the README of DynamoRIO's sample trace of x86-64.
    text = (
        b"<--record#-> <--instr#->: <---tid---> <record details>\n"
        b"       47568       37842:     2765542 <marker: tid 2765542 on core 7>\n"
        b"       47569       37843:     2765542 ifetch       1 byte(s) @ 0x000000000040257d 55       push   %rbp\n"
        b"       47570       37843:     2765542 write        8 byte(s) @ 0x00007ffd90c13930 by PC 0x000000000040257d\n"
    )
    assert rows_of(tmp_path, text, "drmemtrace") == [(0x402, 1, 0, 0, 2765542, 0), (0x7FFD90C13, 0, 0, 1, 2765542, 0)]


def test_a_page_may_have_another_size(tmp_path: Path) -> None:
    text = ROW % b"read       600 byte(s) @ 0x0000000000000a00 by PC 0x0000000000402588"
    assert [row[0] for row in rows_of(tmp_path, text, "drmemtrace", page_size=512)] == [5, 6]
    assert [row[0] for row in rows_of(tmp_path, text, "drmemtrace", page_size=2 << 20)] == [0]


def test_what_refers_to_no_page_is_skipped(tmp_path: Path) -> None:
    skipped = [
        b"ifetch       2 byte(s) @ 0x0000002a non-fetched instruction",
        b"dflush      64 byte(s) @ 0x0000002a by PC 0x0000002b",
        b"pref-w-L1    1 byte(s) @ 0x0000002a by PC 0x0000002b",
        b"<marker: system call 12>",
        b"<entry type 33>",
        b"                                            00 1f",
    ]
    text = (
        HEADING + b"".join(ROW % line for line in skipped) + b"           8           1:      W-1.T-1 <marker: idle>\n"
    )
    assert rows_of(tmp_path, text, "drmemtrace") == []


@pytest.mark.parametrize(
    "line",
    [
        *(b"read 8 byte(s) @ 0x", b"read 8 byte(s) @ 7fff", b"read  byte(s) @ 0x7fff", b"reads 8 byte(s) @ 0x7fff"),
        *(
            b"read 4097 byte(s) @ 0x7fff",
            b"read 8 byte(s) @ 0x12345678901234567",
            b"read 8 byte(s) @ 0xffffffffffffffff",
        ),
        *(b"read 8 byte(s) @ 0x7fffg", b"<marker: timestamp x>", b"<marker: timestamp 99999999999999999999>", b"abc"),
    ],
)
def test_a_line_that_the_tool_does_not_print_is_named(tmp_path: Path, line: bytes) -> None:
    number = len(VIEW.splitlines()) + 1
    refused(tmp_path, VIEW + ROW % line, "drmemtrace", f"a:{number}: found", "a record of the view tool")


@pytest.mark.parametrize(
    "prefix", [b"1 1: W0.T99999999999", b"1 1: W9999999999.T3", b"1 1: 3", b"x 1: W0.T3", b"1 1 W0.T3"]
)
def test_a_thread_of_another_layout_is_named(tmp_path: Path, prefix: bytes) -> None:
    refused(tmp_path, VIEW + prefix + b" read 8 byte(s) @ 0x7fff\n", "drmemtrace", "found '" + prefix.decode())


def test_time_stamps_centuries_apart_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, VIEW + ROW % b"<marker: timestamp 1>", "drmemtrace", "<marker: timestamp 1>")
