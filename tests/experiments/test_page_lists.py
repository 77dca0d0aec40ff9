"""Of many samples and processes those are kept that a slider can show; what several runs have stands in one frame."""

from __future__ import annotations

import pandas as pd

from experiments.batch.lists import MOST_PROCESSES, MOST_SAMPLES, lists_frame, page_lists


def test_page_lists_of_many_processes_and_of_runs_that_differ() -> None:
    long = pd.DataFrame({"time_ns": range(2 * MOST_SAMPLES), "pagesim\\Active": 4096, "pagesim\\Free": 0,
                         "pagesim\\Hard Faults/sec": 1.6, "Memory\\Page Reads/sec": 2.0,
                         **{f"Process(p{n})\\Working Set": n * 4096 for n in range(MOST_PROCESSES + 3)}})  # fmt: skip
    short = long.head(2).assign(**{"pagesim\\Free": 8192, "Process(p0)\\Working Set": 1 << 20})
    frame = lists_frame([({"label": "a"}, page_lists(long)), ({"label": "b"}, page_lists(short))])
    assert frame.groupby("label").size().to_dict() == {"a": MOST_SAMPLES, "b": 2}
    a = frame[frame["label"] == "a"]
    assert (a["time_ns"].iloc[0], a["time_ns"].iloc[-1]) == (0, 2 * MOST_SAMPLES - 1)
    assert frame["pagesim\\Free"].tolist() == [0] * MOST_SAMPLES + [8192] * 2
    assert set(frame["pagesim\\Hard Faults/sec"]) == {2}
    assert "Memory\\Page Reads/sec" not in frame
    kept = {f"Process(p{n})\\Working Set" for n in (0, *range(4, MOST_PROCESSES + 3))}
    assert {name for name in map(str, frame) if name.startswith("Process")} == kept
    assert lists_frame([]).empty
