"""Perfetto's own trace processor reads an export, without a complaint, and counts what the summary counts.

It needs the package `perfetto` (extra `perfetto`) and its program `trace_processor_shell`: on the path, named by
$TRACE_PROCESSOR, or where the package keeps what it once downloaded. Nothing is downloaded here.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from experiments.present.export.perfetto import write_trace
from tests.experiments.present.exported import CONFIGS, check_totals, run

SLICES = """
    select process.name as process, category, slice.name as name, count(*) as number, sum(dur) as length
    from slice join thread_track on slice.track_id = thread_track.id join thread using (utid) join process using (upid)
    group by 1, 2, 3
"""
WAITING = "select count(*) as number, sum(dur) as length from slice where category = 'queue'"
LISTS = """
    select process_counter_track.name as name, max(ts) as last, value
    from counter join process_counter_track on counter.track_id = process_counter_track.id
    where process_counter_track.name like 'Page lists %' group by 1
"""
COMPLAINTS = "select name, value from stats where severity != 'info' and value > 0"


def program() -> str | None:
    """The trace processor on this machine, if there is one."""
    kept = sorted((Path.home() / ".local/share/perfetto/prebuilts").glob("trace_processor_shell*"))
    whole = [str(path) for path in kept if path.suffix != ".tmp" and os.access(path, os.X_OK)]
    return os.environ.get("TRACE_PROCESSOR") or shutil.which("trace_processor_shell") or next(iter(whole), None)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.filterwarnings("default")
def test_the_trace_processor_counts_what_the_summary_counts(tmp_path: Path, name: str) -> None:
    api: Any = pytest.importorskip("perfetto.trace_processor", reason="needs the package perfetto")
    found = program()
    if found is None:
        pytest.skip("needs Perfetto's trace_processor_shell")
    result = run(tmp_path, name)
    write_trace(result, tmp_path / "trace.json.gz")
    summary = json.loads((result / "summary.json").read_text("utf-8"))
    with api.TraceProcessor(str(tmp_path / "trace.json.gz"), config=api.TraceProcessorConfig(bin_path=found)) as opened:
        assert list(opened.query(COMPLAINTS)) == []
        rows = list(opened.query(SLICES))
        count = Counter({(row.process, row.category, row.name): row.number for row in rows})
        length = Counter({(row.process, row.category, row.name): row.length for row in rows})
        check_totals(summary, count, length)
        import pandas as pd

        log = pd.read_parquet(result / "io.parquet")
        (waiting,) = opened.query(WAITING)
        assert (waiting.number, waiting.length) == ((log["queue_ns"] > 0).sum(), log["queue_ns"].sum())
        samples = pd.read_parquet(result / "samples.parquet").iloc[-1]
        lists = list(opened.query(LISTS))
        assert len(lists) > 4
        for row in lists:
            assert row.value == samples["pagesim\\" + row.name.removeprefix("Page lists ")]
