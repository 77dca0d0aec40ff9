"""The traces that come with the package are small, varied, and say how they were made."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import workloads.traces
from workloads.traces.cache import open_trace

RECORDED = sorted((Path(workloads.traces.__file__).parent / "data").glob("*.parquet"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_trace_is_small_and_says_how_it_was_made(path: Path) -> None:
    assert path.stat().st_size < 3_000_000
    metadata = pq.read_metadata(path).metadata
    assert metadata[b"command"]
    assert metadata[b"page_size"] == b"4096"
    assert metadata[b"valgrind"]


def test_recorded_traces_are_varied_and_fit_into_the_repository() -> None:
    assert len(RECORDED) >= 5
    assert sum(path.stat().st_size for path in RECORDED) < 9_000_000
    footprints = [len(open_trace(path).pages) for path in RECORDED]
    assert max(footprints) > 4096
    assert min(footprints) < 500
