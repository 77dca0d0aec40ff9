"""The plot of what programs noted down shows what was noted, by whom and when."""

from __future__ import annotations

import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from experiments.present.plots import style
from simulator.registry import find
from simulator.result import RunResult
from tests.experiments.present.layout import drawn
from tests.experiments.present.made_runs import EMPTY, made_once


def test_notes_are_drawn_from_one_to_the_next_and_only_what_was_noted_three_times() -> None:
    rows = [(10, "b", "size", 5.0), (20, "a", "size", 1.0), (30, "b", "size", 7.0), (40, "b", "size", 6.0),
            (50, "a", "size", 2.0), (60, "b", "result", 9.0), (70, "b", "result", 9.0)]  # fmt: skip
    processes = pd.DataFrame({"process": ["a", "b"], "start_ns": [0, 0], "finished_ns": [80, 90]})
    notes = pd.DataFrame(rows, columns=["time_ns", "process", "name", "value"])
    result = RunResult({"simulated_ns": 100}, EMPTY, processes, notes=notes)
    (axes,) = drawn("notes", result).axes
    assert axes.get_title(loc="left") == "size"
    (line,) = (artist for artist in axes.get_children() if isinstance(artist, StepPatch))
    values, edges, _ = line.get_data()
    assert (values.tolist(), edges.tolist()) == ([5, 7, 6], [10, 30, 40, 90])  # until the process ends
    assert to_hex(line.get_edgecolor()).upper() == style.process_look(1).colour  # of b, the second process
    plot = find("plot", "notes")()
    assert plot.applies(result)
    for fewer in (notes.drop(index=0), EMPTY):
        assert not plot.applies(RunResult({"simulated_ns": 100}, EMPTY, processes, notes=fewer))


def test_notes_that_have_no_place_are_counted() -> None:
    words = " ".join(text.get_text() for text in drawn("notes", made_once("forty processes")).findobj(Text))
    assert "2 more names and 30 more processes in notes.parquet" in words
