"""From Python one builds, runs, compares, sweeps and draws what the command does, and results show themselves."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import experiments
from experiments.errors import BadInput
from experiments.notebook.experiment import Experiment
from experiments.notebook.results import Comparison, Run
from experiments.present.plots import style
from experiments.present.plots.draw import draw
from experiments.spec.document import Document, parse_document, read_document
from experiments.spec.values import plain, yaml_text
from experiments.study.workers import Here
from tests.experiments.conftest import Command, WriteConfig, frames_of

ZIPF = {"kind": "zipf", "pages": 120, "references": 3000, "writes": 0.2}


@pytest.fixture(scope="module")
def small() -> Experiment:
    processes = [{"name": "a<b> & c", "workload": ZIPF}, {"name": "[bold]d", "workload": {**ZIPF, "pages": 60}}]
    made: Experiment = experiments.experiment(name="small", machine={"memory": "100*4 KiB"}, processes=processes)
    return made


@pytest.fixture(scope="module")
def ran(small: Experiment) -> Run:
    return small.run()


@pytest.fixture(scope="module")
def compared(small: Experiment) -> Comparison:
    return small.compare(["windows", "eager=windows(age_share=0.5)"], replications=2, bounds=[])


def parsed(shown: str) -> ET.Element:
    """HTML that is well-formed XML too, as a tree."""
    return ET.fromstring(f"<div>{shown}</div>")


# Building


def test_the_package_offers_all_of_it_and_imports_none() -> None:
    script = (
        "import sys, experiments\n"
        "assert {'experiment', 'read', 'load', 'sweep'} <= set(dir(experiments))\n"
        "heavy = {'numba', 'numpy', 'pandas', 'matplotlib', 'pydantic', 'rich', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"machin": {}}, "machin: found the unknown key 'machin', allowed is one of name, seed"),
        ({"machine": {"memory": "24 MB"}}, "machine.memory: found '24 MB', allowed is a size with a unit"),
        ({"machine": {"memory": {1}}}, "machine.memory: found {1}, allowed are text, numbers"),
        ({"machine": {3: 4}}, "machine: found 3 as a key, allowed is text"),
        ({"duration": float("nan")}, "duration: found nan, allowed is a finite number"),
        ({"seed": 1 << 9999}, "seed: found an integer of 10000 bits"),
        ({"name": "\ud800"}, "name: found '\\ud800', allowed is Unicode text"),
        ({"processes": [{"workload": {**ZIPF, "pages": 0}}]}, "processes.0.workload.pages: found 0, allowed is at"),
        ({"processes": []}, "processes: found a list of 0"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(config: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        experiments.experiment(**{"processes": [{"workload": ZIPF}], **config})
    assert str(caught.value).startswith(f"experiment(): {said}")
    assert "\n" not in str(caught.value)


def test_what_contains_itself_is_refused() -> None:
    machine: dict[str, Any] = {}
    machine["machine"] = machine
    with pytest.raises(BadInput, match="nested too deeply"):
        experiments.experiment(machine=machine, processes=[{"workload": ZIPF}])


def test_values_of_numpy_paths_and_tuples_are_plain() -> None:
    value = {"a": np.arange(2), "b": np.float64(0.5), "c": np.bool_(True), "d": Path("x/y"), "e": (1, None)}
    found = plain(value, Document("", None, {}))
    assert found == {"a": [0, 1], "b": 0.5, "c": True, "d": "x/y", "e": [1, None]}
    assert json.loads(json.dumps(found)) == found


def test_an_experiment_stays_as_it_is(small: Experiment) -> None:
    machine = {"memory": "100*4 KiB"}
    made = experiments.experiment(machine=machine, processes=[{"name": "p", "workload": ZIPF}])
    machine["memory"] = "1 MiB"
    other = made.with_({"machine.memory": "2 MiB", "processes.p.workload.pages": 7}, seed=9)
    assert (made.config.machine.memory, made.config.seed) == (100 * 4096, 1)
    assert made.document.data["machine"] == {"memory": "100*4 KiB"}
    assert (other.config.machine.memory, other.config.seed) == (2 << 20, 9)
    assert other.config.processes[0].workload.parameters["pages"] == 7
    assert made.config.processes[0].workload.parameters["pages"] == 120


def test_a_change_that_is_wrong_names_itself(small: Experiment) -> None:
    with pytest.raises(BadInput, match=r"^with_\(machine.memory='1 MB'\): machine.memory: found '1 MB'"):
        small.with_({"machine.memory": "1 MB"})
    with pytest.raises(BadInput, match=r"^with_\(3: ...\): allowed are dotted keys"):
        small.with_({3: 4})  # type: ignore[dict-item]


TEXTS = st.text(max_size=12) | st.from_regex(r"[-+]?[0-9.xeE_:~-]{1,6}", fullmatch=True)
KEYS = TEXTS.filter(lambda key: key != "<<")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 64) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS | st.sampled_from(["yes", "null", "~", "1e5", "08", "0x1f", "2026-11-23", "1:30", ".5", "=", "<<"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_yaml_is_read_back_as_the_same(data: dict[str, Any]) -> None:
    found = parse_document(yaml_text(data), "f").data
    assert repr(found) == repr(data), "equal, and of equal types"


def test_an_experiment_is_the_file_that_it_writes(small: Experiment, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(small.yaml(), "utf-8")
    again = experiments.read(path)
    assert again.config == small.config
    assert read_document(path).data == small.document.data


# The same as the command's


def test_a_saved_run_is_that_of_the_command(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    path = write_config()
    assert pagesim("run", path, "--out", tmp_path / "one", "--no-plots").status == 0
    result = experiments.read(path).run(check=True)
    assert result.save(tmp_path / "two") == tmp_path / "two"
    assert frames_of(tmp_path / "one") == frames_of(tmp_path / "two")
    one, two = (json.loads((tmp_path / name / "manifest.json").read_text("utf-8")) for name in ("one", "two"))
    assert [key for key in one if one[key] != two[key]] in ([], ["wall_seconds"])
    assert one.keys() == two.keys()
    assert pagesim("rerun", tmp_path / "two").status == 0
    with pytest.raises(BadInput, match="holds no result"):
        result.save(path.parent)


@pytest.mark.slow
def test_a_saved_comparison_is_that_of_the_command(pagesim: Command, small: Experiment, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(small.yaml(), "utf-8")
    options = ("--policies", "clock,fifo", "--memory", "409600 B, 1 MiB", "--replications", "2", "--workers", "1")
    assert pagesim("compare", path, *options, "--out", tmp_path / "one", "--no-plots").status == 0
    found = experiments.read(path).compare(["clock", "fifo"], memory=[409600, "1 MiB"], replications=2)
    found.save(tmp_path / "two")
    for name in ("comparison.json", "comparison.md", "points.parquet", "processes.parquet", "latency.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    one, two = (json.loads((tmp_path / name / "manifest.json").read_text("utf-8")) for name in ("one", "two"))
    assert [key for key in one if one[key] != two.get(key)] in ([], ["wall_seconds"])


def test_a_sweep_is_that_of_the_function(small: Experiment, tmp_path: Path) -> None:
    class Counting(Here):
        handed = 0

        def submit(self, *args: Any, **kwargs: Any) -> Any:
            self.handed += 1
            return super().submit(*args, **kwargs)

    over = {"machine.memory": np.array([100 * 4096, 150 * 4096]), "seed": (1, 2)}
    executor = Counting()
    points = small.sweep(over, executor=executor, out=tmp_path / "one")
    assert executor.handed == 4
    config = {**small.document.data, "sweep": {"machine.memory": [100 * 4096, 150 * 4096], "seed": [1, 2]}}
    experiments.sweep(config, Here(), out=tmp_path / "two")
    assert (tmp_path / "one/points.parquet").read_bytes() == (tmp_path / "two/points.parquet").read_bytes()
    assert isinstance(points.curves(), Figure)
    with pytest.raises(BadInput, match=r"^sweep\(...\): sweep: machine.memory=1 MB"):
        small.sweep({"machine.memory": ["1 MB"]})


# Shown


def test_a_run_shows_itself(ran: Run) -> None:
    assert "\n" not in repr(ran)
    assert repr(ran).startswith("<Run 'small': ")
    assert f"{ran.summary['page_faults']:,} page faults, {ran.summary['hard_faults']:,} hard" in repr(ran)
    assert "small: processes\n" in str(ran)
    assert "a<b> & c" in str(ran)
    assert "[bold]d" in str(ran)
    assert "\x1b" not in str(ran)


def test_html_tables_have_captions_headings_and_no_markup_of_names(ran: Run) -> None:
    page = parsed(ran._repr_html_())
    processes, faults = page.findall("table")
    assert [one.findtext("caption") for one in (processes, faults)] == ["small: processes", "page faults by kind"]
    assert [th.text for th in processes.findall("tbody/tr/th[@scope='row']")] == ["[bold]d", "a<b> & c", "all"]
    columns = [th.text for th in processes.findall("thead/tr/th[@scope='col']")]
    assert {"process", "ended", "hard", "slowdown"} <= set(columns)
    for row in processes.findall("tbody/tr"):
        assert len(row) == len(columns)
    total = faults.findall("tbody/tr")[-1]
    assert (total[0].text, total[1].text) == ("all", f"{ran.summary['page_faults']:,}")
    assert any("references" in (p.text or "") for p in page.findall("p"))


def test_an_experiment_shows_itself(small: Experiment) -> None:
    assert repr(small).startswith("<Experiment 'small': 2 processes (a<b> & c and [bold]d) share 400 KiB of memory")
    assert "Policy windows, seed 1." in repr(small)
    assert f"{small}\n" == small.yaml()
    assert parsed(small._repr_html_()).findtext("pre") == small.yaml()


def test_a_comparison_shows_itself(compared: Comparison) -> None:
    head, *lines = repr(compared).splitlines()
    assert head == "<Comparison 'small': windows, eager=windows(age_share=0.5) with 400 KiB, 2 replications>".replace(
        "eager=windows(age_share=0.5)", "eager"
    )
    assert len(lines) == 1
    assert lines[0].strip().startswith("eager takes ")
    assert "(baseline)" in str(compared)
    page = parsed(compared._repr_html_())
    assert page.findtext("table/caption") == "small: 400 KiB of memory, means"
    assert any((p.text or "").startswith("eager takes") for p in page.findall("p"))


def test_points_show_parameters_in_units_and_errors(small: Experiment, tmp_path: Path) -> None:
    failing = {"machine.memory": ["400 KiB", "12 KiB"], "seed": list(range(13))}
    points = small.sweep(failing, summaries=True, out=tmp_path / "sweep")
    assert points["error"].notna().any(), "twelve KiB are too few for two processes"
    shown = repr(points)
    assert shown.startswith("26 points\n")
    assert shown.endswith(f"the first 24 points; a pandas frame of {len(points.columns)} columns")
    assert "\n400 KiB " in shown
    assert points["error"].dropna().iloc[0][:20] in shown
    assert len(parsed(points._repr_html_() or "").findall("table/tbody/tr")) == 24
    chosen = points[["point", "hard_faults"]]
    assert "hard_faults" in repr(chosen), "shown as pandas does"
    assert "hard_faults" in (chosen._repr_html_() or "")


# Drawn


def test_a_plot_is_the_figure_that_the_command_writes(ran: Run, compared: Comparison, tmp_path: Path) -> None:
    for result, kind, reads in ((ran, "page-lists", "run"), (compared, "dashboard", "comparison")):
        figure = result.plot(kind)
        assert list(tmp_path.iterdir()) == [], "no file"
        style.save(figure, tmp_path / "mine.svg", "svg")
        [written] = draw(result, tmp_path / "plots", [kind], "svg", reads)
        # matplotlib names a clip after coordinates in full precision, whose last bit is not always the same
        mine, theirs = (
            re.sub(r"\bp[0-9a-f]{10}\b", "p", path.read_text()) for path in (tmp_path / "mine.svg", written)
        )
        assert mine == theirs
        (tmp_path / "mine.svg").unlink()
        written.unlink()
        written.parent.rmdir()


def test_a_notebook_gets_a_picture_and_its_words(ran: Run) -> None:
    data, about = ran.plot("page-lists")._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert about["image/png"]["alt"].startswith("Page lists over time. Working sets hold at most ")


def test_only_plots_that_show_something_are_offered(ran: Run) -> None:
    assert "page-lists" in ran.plots()
    assert "working-sets-against-denning" not in ran.plots()
    with pytest.raises(BadInput, match=r"^plot\('working-sets-against-denning'\): found nothing to draw"):
        ran.plot("working-sets-against-denning")
    with pytest.raises(BadInput, match=r"^plot\('dashboard'\): found no such plot, allowed is one of disks, "):
        ran.plot("dashboard")


def test_a_result_that_was_read_shows_and_draws_itself(ran: Run, tmp_path: Path) -> None:
    points = experiments.load(ran.save(tmp_path / "kept"))
    again = points.result(points["point"][0])
    assert (repr(again), str(again), again.plots()) == (repr(ran), str(ran), ran.plots())
    with pytest.raises(BadInput, match=r"^save\(\): found a result that was read"):
        again.save(tmp_path / "copy")
