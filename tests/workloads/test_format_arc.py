"""Ranges of blocks, as in the ARC paper's traces, and the LIRS paper's lists of blocks, which are text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.table_files import LOAD, Seen, kept, read, refused
from tests.workloads.table_samples import ARC, LIRS
from workloads.traces.format import guess
from workloads.traces.formats.arc import Arc
from workloads.traces.formats.text import Text
from workloads.traces.patterns import MOST_PAGES

SAMPLE = Seen([(block, *LOAD) for block in (110765, 110766, 110767, 5, 110766, 110767)])


def test_each_block_of_a_range_is_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read(path, ARC) == SAMPLE
    assert guess(path) == Arc()
    assert kept(path, Arc()) == SAMPLE


def test_lines_of_two_numbers_are_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    assert read(tmp_path / "a.lis", "110765 3\n5 1\n110766 2\n") == SAMPLE
    refused(tmp_path / "a", "110765 3\n", "found no known trace format")


def test_a_page_of_the_largest_range_is_read(tmp_path: Path) -> None:
    found = read(tmp_path / "a", f"{2**52 - MOST_PAGES} {MOST_PAGES} 0 0\n7 {MOST_PAGES} 0 1\n", Arc())
    assert [found.rows[0][0], found.rows[-1][0]] == [2**52 - MOST_PAGES, 7 + MOST_PAGES - 1]
    assert len(found.rows) == 2 * MOST_PAGES


@pytest.mark.parametrize(
    "line", ["5", "5 x 0 0", "-5 1 0 0", "5 -1", "5,1,0,0", f"5 {MOST_PAGES + 1}", "4503599627370495 2"]
)
def test_a_line_that_is_no_range_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.lis"
    refused(
        path, f"1 1 0 0\n{line}\n", f"{path}:2: found {line!r}, allowed is the first block and the number of blocks"
    )


@pytest.mark.parametrize(
    "head", [b"1 1\n", b"1 1 0\n", b"1 0 0 0\n", b"1 1 0 5\n1 1 0 4\n2", b"1 1 0 0 0\n", b"1 1 0 0\nx\n", b""]
)
def test_other_lines_are_not_told_by_content(head: bytes) -> None:
    assert not Arc().recognises(head)


def test_the_marks_of_the_lirs_paper_s_traces_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a"
    wanted = Seen([(12, *LOAD), (7, *LOAD), (12, *LOAD)])
    assert read(path, LIRS) == wanted
    assert guess(path) == Text()
    assert kept(path, Text()) == wanted


@pytest.mark.parametrize("line", ["**", "* 1", "1 *", "*x"])
def test_other_marks_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.trc"
    refused(path, f"1\n{line}\n", f"{path}:2: found {line!r}")
