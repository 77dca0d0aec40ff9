"""What Pin's example tool pinatrace writes is read as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.format_checks import refused, rows_of
from tests.workloads.samples import PINATRACE, PINATRACE_VALUES

FETCH, LOAD, STORE = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def test_each_instruction_is_fetched_once(tmp_path: Path) -> None:
    # The second instruction has two lines; (nil) is how Pin prints 0.
    assert rows_of(tmp_path, PINATRACE, "pinatrace") == [
        *((0x7F2B1C0A1, *FETCH), (0x7F2B1D100, *LOAD)),
        *((0x7F2B1C0A1, *FETCH), (0x7FFD12345, *STORE), (0, *LOAD)),
        *((0x7F2B1C0A2, *FETCH), (0x7FFD12345, *LOAD)),
    ]


def test_fetches_may_be_left_out(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, PINATRACE, "pinatrace", fetches=False)
    assert rows == [(0x7F2B1D100, *LOAD), (0x7FFD12345, *STORE), (0, *LOAD), (0x7FFD12345, *LOAD)]


def test_sizes_reach_into_the_next_page(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, PINATRACE_VALUES, "pinatrace", fetches=False)
    assert rows == [(0x7F2B1D100, *LOAD), (0x7FFD12345, *STORE), (0x7FFD12346, *STORE), (0x7FFD12345, *LOAD)]


@pytest.mark.parametrize(
    "line",
    [
        *("0x1: X 0x2", "0x1 R 0x2", "0x1: R", "0x: R 0x2", "0x1: R 2", "1: R 0x2", "0x1:R 0x2", "0x1: R 0x2x"),
        *("0x1: R 0x12345678901234567", "0x1: R 0x2 4097", "0x1: R 0x2 8 0x1 2", "0x1: R 0xffffffffffffffff 2"),
    ],
)
def test_a_line_that_the_tool_does_not_write_is_named(tmp_path: Path, line: str) -> None:
    refused(
        tmp_path, f"#\n0x1: R 0x2\n{line}\n#eof\n".encode(), "pinatrace", f"a:3: found {line!r}, allowed is pinatrace"
    )


def test_a_last_line_without_an_end_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, b"0x1: R 0x2000\n0x1: R 0x2", "pinatrace", "found a last line without an end")
