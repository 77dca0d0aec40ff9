"""Every plot draws every result: large, tiny, quiet and crowded, with the same bytes each time and nothing cut off."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from experiments.present.plots import data, style
from experiments.present.plots.draw import draw, kinds_that_read
from experiments.present.plots.page_map import bands
from simulator.registry import UnknownName, find
from simulator.result import RunResult
from tests.experiments.present.layout import check, drawn, roomy
from tests.experiments.present.made_runs import CASES, EMPTY, KINDS, made, made_once

ALL = [
    "disks", "fault-latency", "fault-rates", "kernel-memory", "notes",
    "page-lists", "page-map", "run-dashboard", "thread-states", "trim-regret", "working-sets",
]  # fmt: skip
ASKED_FOR = ["working-sets-against-denning"]
"""plots of what a run keeps only if it was asked to"""


FROM_SAMPLES = ("kernel-memory", "notes", "page-lists", "working-sets")
"""plots that look neither at faults nor at I/O nor at the page map"""


OF_DISKS = ("disks", "run-dashboard")
"""plots in which disks have panels; to the others, many disks are eight processes, between the usual and forty"""


def differs(kind: str, case: str) -> bool:
    """Whether a case's plot may differ in its layout from those of the other cases."""
    changed = CASES[case].keys()
    if "disks" in changed and "processes" in changed:
        return kind in OF_DISKS
    return kind not in FROM_SAMPLES or not changed or not changed <= {"faults", "requests", "mapped"}


@cache
def drawn_once(kind: str, case: str) -> Figure:
    """The figure of a case, for tests that only look at it."""
    return drawn(kind, made_once(case))


@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind in ALL for case in CASES if differs(kind, case)])
def test_nothing_is_cut_off_and_no_legend_covers_data(kind: str, case: str) -> None:
    result = made_once(case)
    if not find("plot", kind)().applies(result):
        assert (case, kind) in [
            ("no faults", quiet) for quiet in ("disks", "fault-latency", "fault-rates", "trim-regret")
        ]
        return
    check(drawn_once(kind, case))
    assert roomy(drawn_once(kind, case))
    plot = find("plot", kind)()
    assert plot.describe(result).endswith(".") or kind in ("kernel-memory", "notes", "run-dashboard")


def test_every_plot_is_found_has_a_title_and_names_units() -> None:
    assert kinds_that_read("run") == sorted([*ALL, *ASKED_FOR])
    for kind in ALL:
        figure = drawn_once(kind, "usual")
        assert find("plot", kind).title in figure.get_suptitle()  # type: ignore[attr-defined]
        words = " ".join(text.get_text() for text in figure.findobj(Text))
        assert "simulated time (s)" in words or kind in ("fault-latency", "trim-regret")


def test_without_an_io_log_the_counter_gives_the_queue() -> None:
    result = made(requests=50)
    result.io = EMPTY
    axes = drawn("disks", result).axes[0]
    assert axes.get_ylim()[1] == result.samples["PhysicalDisk(disk0)\\Avg. Disk Queue Length"].max() * 1.08


def test_a_run_without_programs_has_no_plot_of_kernel_memory() -> None:
    result, plot = made(), find("plot", "kernel-memory")()
    assert plot.applies(result)
    result.samples = result.samples.drop(columns="Memory\\Pool Paged Bytes")
    assert not plot.applies(result)


def test_without_handles_there_is_no_panel_of_handles() -> None:
    result = made(processes=1)
    assert "handles" in [axes.get_ylabel() for axes in drawn("kernel-memory", result).axes]
    result.samples["Process(process 0)\\Handle Count"] = 0
    assert "handles" not in [axes.get_ylabel() for axes in drawn("kernel-memory", result).axes]


def test_a_process_has_one_colour_and_its_private_bytes_and_handles_end_with_it() -> None:
    figure = drawn("kernel-memory", result := made(processes=4, samples=50))
    private, handles = figure.axes[-2:]
    assert (private.get_ylabel(), handles.get_ylabel()) == ("private bytes (MiB)", "handles")
    for axes in (private, handles):
        lines = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
        colours = [to_hex(line.get_edgecolor()).upper() for line in lines]
        assert colours == [style.process_look(n).colour for n in range(4)]
        for n, line in enumerate(lines):  # the second and fourth end at 70 to 80 % of the run
            living = result.samples[f"Process(process {n})\\Working Set"] > 0
            assert (np.isnan(line.get_data()[0]) == ~living).all()
            assert living.all() == (n % 2 == 0)


def test_an_empty_result_gives_no_plot(tmp_path: Path) -> None:
    assert draw(RunResult({}, EMPTY, EMPTY), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_result_gives_the_same_bytes(form: str, tmp_path: Path) -> None:
    kinds = ["page-lists", "page-map"] if form != "png" else ALL  # areas with hatches, lines and rasterised marks
    result = made(processes=2, samples=20, faults=300, requests=50, mapped=300)
    first, second = (draw(result, tmp_path / name, kinds, form) for name in "ab")
    assert [path.name for path in first] == [f"{kind}.{form}" for kind in kinds]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [path.name for path in first]


def test_bad_requests_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="page-lists"):
        draw(made_once("usual"), tmp_path, ["page-lists", "pie"])
    with pytest.raises(ValueError, match="allowed is one of png, svg, pdf"):
        draw(made_once("usual"), tmp_path, None, "gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_names_from_people_are_drawn_as_they_are(tmp_path: Path) -> None:
    result = made(processes=2)
    odd = {"process 0": "_$x^2$ (a)\\b", "process 1": "a very long name of a process that never ends " * 3}
    columns = {f"Process({name})\\Working Set": f"Process({new})\\Working Set" for name, new in odd.items()}
    result.samples = result.samples.rename(columns=columns)
    result.processes["process"] = [odd[name] for name in result.processes["process"]]
    for frame in (result.faults, result.page_map):
        frame["process"] = frame["process"].cat.rename_categories(odd)
    result.notes = result.notes.replace({"process": odd, "name": {"value 0": "_$x^2$"}})
    assert len(draw(result, tmp_path)) == len(ALL)
    words = [text.get_text() for text in drawn("working-sets", result).findobj(Text)]
    assert any(word.startswith(r"_\$x^2\$ (a)\b") for word in words)


def test_putting_samples_together_keeps_the_time_weighted_mean() -> None:
    # 1000 samples of unequal length; by hand: sum(value * length) / 3000 is what any grouping must keep
    ends = np.cumsum(np.tile([1, 2, 3, 6], 250))
    values = np.arange(1000.0)
    result = RunResult({}, processes=EMPTY, samples=pd.DataFrame({"time_ns": ends, "x": values}))
    edges, together = data.series(result, ["x"], 50)
    assert len(edges) <= 51
    assert (edges[0], edges[-1]) == (0, 3000)
    assert np.isclose((together["x"] * np.diff(edges)).sum(), (values * np.diff(ends, prepend=0)).sum())


def test_few_samples_stay_as_they_are() -> None:
    result = RunResult({}, processes=EMPTY, samples=pd.DataFrame({"time_ns": [0, 10, 30], "x": [5.0, 1.0, 2.0]}))
    edges, values = data.series(result, ["x", "absent"])
    assert edges.tolist() == [0, 10, 30]
    assert values["x"].tolist() == [1.0, 2.0]
    assert values["absent"].tolist() == [0.0, 0.0]
    assert data.series(RunResult({}, result.samples[:1], EMPTY), ["x"])[1]["x"].tolist() == [5.0]


def test_the_mean_queue_is_the_area_under_it() -> None:
    # two requests: [0, 10) and [5, 25); in [0, 10): (10 + 5) / 10; in [10, 20): 10 / 10; in [20, 30): 5 / 10
    mean = data.mean_inside(np.array([0, 5]), np.array([10, 25]), np.array([0.0, 10.0, 20.0, 30.0]))
    assert mean.tolist() == [1.5, 1.0, 0.5]


def test_gaps_in_the_address_space_are_cut_out_and_order_is_kept() -> None:
    pages = np.array([5, 6, 8, 0x7FF612000, 0x7FF612001, 2**52 - 1], dtype=np.uint64)
    folded = bands(pages)
    assert folded.first.tolist() == [5, 0x7FF612000, 2**52 - 1]
    assert (np.diff(folded.place(pages)) > 0).all()
    assert folded.place(pages[:3]).tolist() == [0, 1, 3]  # 7 isn't in use, but too small a gap to cut
    assert folded.height < 12


def test_hard_faults_are_drawn_above_every_other_kind() -> None:
    axes = drawn("page-map", made(faults=200_000)).axes[0]
    depths = {line.get_color(): line.get_zorder() for line in axes.lines}
    assert max((style.FAULTS[kind].colour for kind in KINDS), key=depths.__getitem__) == style.FAULTS["hard"].colour


def test_kinds_lists_and_parts_look_different_in_colour_and_in_print() -> None:
    for looks in (style.FAULTS, style.LISTS, style.PARTS):
        assert len({look.colour for look in looks.values()}) == len(looks)
    assert len({(look.line, look.marker) for look in style.FAULTS.values()}) == len(style.FAULTS)
    assert len({(style.process_look(n).colour, style.process_look(n).line) for n in range(28)}) == 28
