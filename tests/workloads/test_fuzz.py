"""Whatever the bytes, reading a trace file ends in runs that keep their rules, or in an InputError of one line.

`PAGESIM_FUZZ=100000 pytest tests/workloads/test_fuzz.py` reads so many damaged files instead of a few hundred.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.registry import names
from tests.workloads.format_checks import IN_MEMORY, cuts
from tests.workloads.samples import samples
from tests.workloads.trace_files import COMPRESS
from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.format import HEAD, formats, guess, named, regions_in
from workloads.traces.runs import Runs, optional_columns

UNTOLD = ("libcachesim-csv",)
"""Formats that must be named: nothing in a file of them tells what its columns are."""

UNCUT = ("native", "parquet", "text")
"""Formats of which no part is a whole, and the one whose last line people leave without an end."""

MOST_ROWS = 1 << 27
"""Rows that no file of these sizes may turn into: a line of 10 bytes may ask for 65536 pages."""

EDITS = st.sampled_from(
    [
        *(b"\0", b"\n", b"\r", b"\xff", b"\t", b" ", b",", b'"', b"-", b"0", b":", b"(", b"e9"),
        *(b"9" * 25, b"0x" + b"f" * 20),
    ]
) | st.binary(max_size=40)


def test_every_format_has_a_sample() -> None:
    assert set(samples()) == set(names("format"))


@pytest.mark.parametrize("name", sorted(samples()))
def test_a_sample_is_told_by_content_as_one_format(name: str) -> None:
    for content in samples()[name]:
        told = [known.name for known in formats() if known.recognises(content[:HEAD])]
        assert told == ([] if name in UNTOLD else [name])


@pytest.mark.parametrize("name", sorted(set(samples()) - set(UNCUT)))
def test_a_file_that_was_cut_is_refused_or_what_was_written_before(name: str) -> None:
    for content, layout in zip(samples()[name], ("input", "cloudsuite", ""), strict=False):
        cuts(content, name, **({"layout": layout} if name == "champsim" else {}))


@st.composite
def damaged(draw: st.DrawFn, data: bytes, most: int = 4) -> bytes:
    """The data with parts of it left out, changed, repeated, or replaced by what may be interesting or by a sample."""
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)) | st.just(len(data)))
        kind = draw(st.sampled_from(["out", "edit", "flip", "repeat", "splice"]))
        new = b""
        if kind == "edit":
            new = draw(EDITS)
        elif kind == "flip":
            new = (
                bytes(byte ^ (1 << draw(st.integers(0, 7))) for byte in data[start : start + 1]) + data[start + 1 : end]
            )
        elif kind == "repeat":
            new = data[start : start + 40] * draw(st.integers(2, 50))
        elif kind == "splice":
            other = draw(st.sampled_from(every_sample()))[1]
            new = other[draw(st.integers(0, len(other))) :][:400]
        data = data[:start] + new + data[end:]
    return data


def every_sample() -> list[tuple[str, bytes]]:
    """Each sample with its format."""
    return [(name, content) for name, contents in sorted(samples().items()) for content in contents]


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, str, str]:
    """A damaged file, perhaps compressed and damaged again, its suffix, and the format that it is read in."""
    name, content = draw(st.sampled_from(every_sample()))
    data = draw(damaged(content))
    suffix = draw(st.just("") | st.sampled_from(sorted(COMPRESS)))
    if suffix:
        data = draw(st.just(COMPRESS[suffix](data)) | damaged(COMPRESS[suffix](data), 1))
    return data, suffix, draw(st.sampled_from(["auto", name, name]) | st.sampled_from(sorted(samples())))


@settings(max_examples=int(os.environ.get("PAGESIM_FUZZ", "700")), deadline=None)
@given(file=files(), cached=st.sampled_from([False] * 20 + [True]))
def test_damaged_files_are_read_or_refused(file: tuple[bytes, str, str], cached: bool) -> None:
    data, suffix, name = file
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as directory:
        path = Path(directory) / f"input{suffix}"
        path.write_bytes(data)
        message = "-"
        try:
            check(runs_in(path, name, cached))
        except InputError as error:
            message = str(error)
    assert message
    assert "\n" not in message


def runs_in(path: Path, name: str, cached: bool) -> Iterator[Runs]:
    """The runs of a file, straight or through the cache."""
    if cached:
        yield from open_trace(path, name).numbered()
        return
    known = guess(path) if name == "auto" else named(name)
    regions_in(known, path)
    yield from known.runs(path)


def check(pieces: Iterator[Runs]) -> int:
    """How many rows there are, if the runs keep their rules."""
    rows, columns = 0, None
    for runs in pieces:
        rows += len(runs.page)
        assert columns in (None, optional_columns(runs))
        columns = optional_columns(runs)
        assert all(column is None or len(column) == len(runs.page) for column in runs)
        assert (runs.fetches.astype(int) + runs.loads + runs.stores > 0).all()
        assert rows <= MOST_ROWS
    return rows


_BOMBS = """
import resource, sys
from pathlib import Path
from tests.workloads.samples import samples
from tests.workloads.test_fuzz import check, runs_in
from tests.workloads.trace_files import COMPRESS
from workloads.base import InputError

def read(name, content, suffix):
    path = Path(sys.argv[1]) / f"bomb{suffix}"
    path.write_bytes(COMPRESS[suffix](content))
    try:
        check(runs_in(path, name, False))
    except InputError as error:
        assert "\\n" not in str(error)

for name, contents in samples().items():
    read(name, contents[0], "")
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (768 << 20),) * 2)
for name, contents in samples().items():
    for part in (b"\\0", b"\\n", b" ", b"1", b"1\\n", contents[0].splitlines(keepends=True)[-1], contents[0]):
        read(name, part * ((1 << 24) // len(part)), ".gz")
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory in use from /proc")
def test_a_small_file_that_expands_to_a_large_one_takes_little_memory(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _BOMBS, str(tmp_path)], check=True)
