"""SPC block traces: I/Os become references to the pages of their range."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.table_files import LOAD, STORE, Seen, kept, read, refused, with_options
from tests.workloads.table_samples import SPC
from workloads.traces.format import guess
from workloads.traces.formats.spc import Spc

PAGES = [2617658, 2617659, 2617480, 2617481, 429536, 429537, 429538, 429539]
"""20941264 x 512 / 4096, and so on."""

SAMPLE = Seen(
    [*((page, *STORE) for page in PAGES), (961920, 0, 2, 0)],
    process=[0, 0, 0, 0, 1, 1, 1, 1, 0],
    time=[551_706_000] * 2 + [554_041_000] * 2 + [1_250_720_000] * 4 + [2_346_628_000],
)


def test_the_specification_s_example_is_read_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read(path, SPC) == SAMPLE
    assert guess(path) == Spc()
    assert kept(path, Spc()) == SAMPLE


def test_blocks_may_have_another_size(tmp_path: Path) -> None:
    known = with_options("spc", block_size=4096, page_size="8 KiB")
    assert read(tmp_path / "a", "0,3,4097,R,0.0\n", known) == Seen(
        [(1, *LOAD), (2, *LOAD)], process=[0, 0], time=[0, 0]
    )


@pytest.mark.parametrize(
    "line",
    [
        *("0,1,512,R", "0,1,512,X,0.5", "0,1,512,RW,0.5", "0,-1,512,R,0.5", "-1,1,512,R,0.5", "0,1,512,R,soon", "x"),
        *("4294967296,1,512,R,0.5", "0,36028797018963968,512,R,0.5", "0,1,268435457,R,0.5", "0,0x,512,R,0.5"),
    ],
)
def test_a_line_that_is_no_io_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.spc"
    refused(
        path, f"0,1,512,R,0.0\n{line}\n", f"{path}:2: found {line!r}, allowed is SPC's ASU,LBA,size,R or W,timestamp"
    )


@pytest.mark.parametrize(
    "head", [b"0,1,512,R,5\n", b"0,1,512,X,0.5\n", b"0,1,512,R\n", b"asu,lba,size,op,time\n", b"", b"\n"]
)
def test_other_lines_are_not_told_by_content(head: bytes) -> None:
    assert not Spc().recognises(head)
