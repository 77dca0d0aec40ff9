"""The sheets that put several plots together: what they show is there, once, and fits on paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from experiments.present.plots import dashboard
from tests.experiments.present.layout import drawn
from tests.experiments.present.made_runs import made as made_run
from tests.experiments.present.test_comparison_plots import MIB, made

PAPER = 11.0
"""inches: a letter's height, less than A4's"""


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"policies": ("fifo", "clock"), "memories": (8 * MIB,), "processes": 1},
        {"policies": ("fifo", "clock", "windows", "none") * 8, "processes": 60, "replications": 2},
    ],
)
def test_a_comparisons_sheet_fits_on_paper_with_one_legend(case: dict[str, Any]) -> None:
    figure = drawn("dashboard", result := made(**case))
    assert figure.get_size_inches()[1] <= PAPER
    assert len(figure.legends) == 1
    assert all(axes.get_legend() is None for axes in figure.axes)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(named) == min(dashboard.MOST, len(result.summary["labels"]))
    legend = figure.legends[0].get_window_extent()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box is not None
        assert not box.overlaps(legend)
        assert min(axes.bbox.width, axes.bbox.height) > 40


def test_of_many_contestants_the_baseline_and_the_fastest_are_drawn() -> None:
    result = made(policies=("fifo", "clock", "windows", "none") * 4)  # each is better than the one before it
    labels = result.summary["labels"]
    shown = dashboard.contestants(result, 8 * MIB)
    assert shown == {labels[0], *labels[-(dashboard.MOST - 1) :]}
    assert any(text.startswith(f"{dashboard.MOST} of 16 policies") for text in words(drawn("dashboard", result)))


def test_one_memory_is_shown_where_policies_lie_furthest_apart() -> None:
    result = made(replications=2)
    for cell in result.summary["cells"]:
        if cell["label"] == "clock 1" and cell["machine.memory"] == 12 * MIB:
            cell["metrics"]["completion_ns"]["mean"] *= 10
    assert dashboard.telling_memory(result) == 12 * MIB
    assert any("12 MiB of memory" in text for text in words(drawn("dashboard", result)))


@pytest.mark.parametrize("processes", [1, 3, 40])
def test_a_runs_sheet_fits_on_paper_over_one_axis_of_time(processes: int) -> None:
    figure = drawn("run-dashboard", made_run(processes=processes, faults=2000, requests=500, disks=2))
    assert figure.get_size_inches()[1] <= PAPER
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()] == ["simulated time (s)"]
    for axes in figure.axes:
        assert (legend := axes.get_legend()) is not None
        assert not any(legend.get_window_extent().overlaps(other.bbox) for other in figure.axes)
    others = [text for text in words(figure) if text.endswith("others, together")]
    assert others == (["35 others, together"] if processes == 40 else [])


def test_the_working_sets_of_those_that_have_no_line_are_summed() -> None:
    result = made_run(processes=8)
    axes = drawn("run-dashboard", result).axes[1]
    heights = np.array([patch.get_data()[0] for patch in axes.get_children() if isinstance(patch, StepPatch)])
    assert len(heights) == 6
    columns = [name for name in result.samples if str(name).endswith("\\Working Set")]
    whole = result.samples[columns].sum(axis=1).to_numpy() / MIB
    assert np.allclose(np.nan_to_num(heights).sum(axis=0), whole, atol=1e-6)
