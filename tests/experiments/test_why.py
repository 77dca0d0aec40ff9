"""`pagesim why`: what it prints, and what it says to those who ask for what isn't there."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from experiments.analysis.regret import regret
from simulator.result import RunResult
from tests.experiments.conftest import BUSY, Command, WriteConfig


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result with a page log, made once."""
    from experiments.command.cli import main

    directory = tmp_path_factory.mktemp("why")
    (directory / "trace.txt").write_text("1\n2 W\n3 X\n")
    config = {**BUSY, "observe": {"baseline": False}}
    (directory / "busy.yaml").write_text(json.dumps(config))
    assert main(["run", str(directory / "busy.yaml"), "--out", str(directory / "out"), "--no-plots"]) == 0
    return directory / "out"


def troubled(result: Path) -> int:
    """The page of "writer" to which most happened."""
    log = pd.read_parquet(result / "pages.parquet")
    return int(log.loc[log["process"] == "writer", "page"].value_counts().index[0])


def test_a_biography_is_told_step_by_step(pagesim: Command, busy: Path) -> None:
    page = troubled(busy)
    status, out, err = pagesim("why", busy, "--process", "writer", "--page", hex(page))
    assert (status, err) == (0, "")
    assert f"page {page} of writer" in out
    for words in (
        "touched: gets a zeroed frame",
        "by windows",
        "accessed bit",
        "fault latency",
        "in a pass that wants",
    ):
        assert words in out


def test_a_biography_as_json_is_the_log(pagesim: Command, busy: Path) -> None:
    page = troubled(busy)
    data = json.loads(pagesim("why", busy, "--process", "writer", "--page", page, "--at", "1 s", "--json").out)
    log = pd.read_parquet(busy / "pages.parquet")
    mine = log[(log["process"] == "writer") & (log["page"] == page)]
    steps = data["steps"]
    assert [(step["time_ns"], step["event"], step["reason"]) for step in steps] == list(
        zip(mine["time_ns"], mine["event"], mine["reason"], strict=True)
    )
    entered = [step for step in steps if step["event"] == "entered"]
    assert all(step["latency_ns"] == step["queue_ns"] + step["service_ns"] + step["cpu_ns"] for step in entered)
    assert data["at"]["time_ns"] == 1_000_000_000
    past = [step["where"] for step in steps if step["time_ns"] <= 1_000_000_000]
    assert data["at"]["where"].startswith(past[-1])


def test_the_time_asked_for_is_marked_where_it_belongs(pagesim: Command, busy: Path) -> None:
    out = pagesim("why", busy, "--process", "writer", "--page", troubled(busy), "--at", "1 s").out
    times = [float(line.split()[0]) for line in out.splitlines() if " s " in line and line.split()[0][0].isdigit()]
    assert out.count("--> at this time:") == 1
    assert times == sorted(times)
    assert 1.0 in times


def test_a_files_page_is_followed_with_what_others_do_to_it(pagesim: Command, busy: Path) -> None:
    """Both readers map file "shared" at pages 24 to 39."""
    log = pd.read_parquet(busy / "pages.parquet")
    mapped = log[(log["file"] == "shared") & (log["process"] == "reader-1")]
    page = int(mapped["page"].iloc[0])
    steps = json.loads(pagesim("why", busy, "--process", "reader-1", "--page", page, "--json").out)["steps"]
    number = mapped["file_page"].iloc[0]
    assert len(steps) == ((log["file"] == "shared") & (log["file_page"] == number)).sum()
    assert any(step["text"].startswith("process reader-2: ") for step in steps)


def test_without_a_page_it_is_the_table_of_regret(pagesim: Command, busy: Path) -> None:
    status, out, err = pagesim("why", busy)
    assert (status, err) == (0, "")
    for words in ("pages taken out by windows", "back in 10 ms", "rescued", "refault distance", "reader-2", "all"):
        assert words in out
    data = json.loads(pagesim("why", busy, "--within", "50 us", "--json").out)
    everything, each = regret(RunResult.read(busy), 50_000)
    assert (data["within_ns"], data["all"], data["processes"]) == (50_000, everything, each)
    curve = data["curve"]
    place = curve["at_ns"].index(50_000)
    assert curve["soft"][place] + curve["hard"][place] == pytest.approx(everything["regret_share"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--process", "nobody", "--page", 1), "--process nobody: found 'nobody', allowed is one of late, reader-1"),
        (
            ("--process", "late", "--page", 77),
            "--page 77: found a page that late never brought into memory, allowed is",
        ),
        (("--process", "late", "--page", "x"), "--page x: found 'x', allowed is a page number, decimal or 0x hex"),
        (("--process", "late", "--page", "-1"), "--page -1: found '-1', allowed is a page number"),
        (("--process", "late"), "--process: found no --page with it, allowed are both, or neither"),
        (("--page", 1), "--page: found no --process with it"),
        (("--at", "1 ms"), "--at 1 ms: found no --page that it could be about"),
        (("--process", "late", "--page", 1, "--at", "1 h"), "--at 1 h: found '1 h', allowed is a time with a unit"),
        (
            ("--process", "late", "--page", 1, "--at", "9 min"),
            "--at 9 min: found a time after the end of the run, allowed",
        ),
        (("--process", "late", "--page", 1, "--within", "1 s"), "--within 1 s: found together with --page"),
        (("--within", "soon"), "--within soon: found 'soon', allowed is a time with a unit"),
    ],
)
def test_bad_usage_is_one_line(pagesim: Command, busy: Path, options: tuple[object, ...], said: str) -> None:
    status, out, err = pagesim("why", busy, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_result_without_a_page_log_is_refused(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(observe={"page_log": False, "baseline": False})
    out = config.parent / "out"
    assert pagesim("run", config, "--out", out, "--no-plots").status == 0
    status, printed, err = pagesim("why", out)
    assert (status, printed) == (2, "")
    assert err == f"pagesim: {out}: found a result without a page log, allowed is one with observe.page_log: true\n"
    (out / "manifest.json").unlink()
    assert "manifest.json" in pagesim("why", out).err


def test_a_run_of_which_nothing_was_taken_out_says_so(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(machine={"memory": "1 MiB"}, memory_manager={}, observe={"baseline": False})
    assert pagesim("run", config, "--out", config.parent / "out", "--no-plots").status == 0
    assert json.loads(pagesim("why", config.parent / "out", "--json").out)["all"]["taken_out"] == 0
    assert pagesim("why", config.parent / "out").status == 0
