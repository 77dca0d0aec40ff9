"""A sweep runs every point once, tells what failed, and goes on where it stopped."""

from __future__ import annotations

import json
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import experiments
from experiments.command.cli import INTERRUPTED
from experiments.errors import BadInput, RunFailed
from experiments.storage.lock import locked
from experiments.storage.points import load
from experiments.study.queue import LOST
from experiments.study.workers import Here
from tests.experiments.conftest import Command, Ran, WriteConfig, change_study

GRID = {"machine.memory": ["3*4 KiB", "4*4 KiB"], "memory_manager.trimming.policy": ["fifo", "lru"]}
FRAMES = ("points.parquet", "processes.parquet", "study.json")


def made(directory: Path) -> dict[str, bytes]:
    """All of a sweep that has to be equal, byte for byte, however it came about."""
    found = {name: (directory / name).read_bytes() for name in FRAMES}
    for path in directory.glob("point=*/*"):
        if path.name != "manifest.json":
            found[f"{path.parent.name}/{path.name}"] = path.read_bytes()
    return found


@pytest.fixture
def swept(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> tuple[Path, Path, Ran]:
    config = write_config(sweep=GRID)
    ran = pagesim("sweep", config, "--out", tmp_path / "out", "--workers", 1)
    assert ran.status == 0, ran.err
    return config, tmp_path / "out", ran


def test_every_point_is_a_whole_result_that_can_be_made_again(pagesim: Command, swept: tuple[Path, Path, Ran]) -> None:
    _, out, ran = swept
    assert ran.err == ""
    assert ran.out.splitlines()[0].strip() == "small: 4 points"
    places = sorted(out.glob("point=*"))
    assert len(places) == 4
    for place in places:
        assert (place / "samples.parquet").exists()
        assert pagesim("rerun", place).status == 0
    assert not list(out.glob(".*"))
    assert not list(out.parent.glob(".*"))


def test_the_frame_has_belady_s_anomaly(swept: tuple[Path, Path, Ran]) -> None:
    """Three frames give fifo 9 misses on this trace, four give it 10 (Belady, Nelson and Shedler 1969); lru has 10 and
    8. Counted by hand, too."""
    _, out, _ = swept
    points = pd.read_parquet(out / "points.parquet")
    misses = points["demand_zero_faults"] + points["hard_faults"]
    rows = zip(points["machine.memory"], points["memory_manager.trimming.policy"], misses, strict=True)
    assert list(rows) == [(12288, "fifo", 9), (12288, "lru", 10), (16384, "fifo", 10), (16384, "lru", 8)]
    assert points["error"].isna().all()


@pytest.mark.slow
def test_the_same_sweep_gives_the_same_bytes_however_many_workers(
    pagesim: Command, swept: tuple[Path, Path, Ran], tmp_path: Path
) -> None:
    config, out, _ = swept
    assert pagesim("sweep", config, "--out", tmp_path / "two", "--workers", 2).status == 0
    assert made(tmp_path / "two") == made(out)


def test_a_sweep_that_is_there_is_gone_on_with_or_left_alone(pagesim: Command, swept: tuple[Path, Path, Ran]) -> None:
    config, out, _ = swept
    before = made(out)
    status, _, err = pagesim("sweep", config, "--out", out)
    assert (status, err.count("\n")) == (2, 1)
    assert "found a sweep with 4 finished points, allowed is --resume" in err
    status, _, err = pagesim("run", config, "--out", out)
    assert (status, "found a sweep, which doesn't give way" in err) == (2, True)
    assert pagesim("sweep", config, "--out", out, "--resume").status == 0
    assert made(out) == before


def test_only_what_is_missing_is_run(
    pagesim: Command, swept: tuple[Path, Path, Ran], tmp_path: Path, write_config: WriteConfig
) -> None:
    config, out, _ = swept
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("point=*/manifest.json")}
    more = {**GRID, "machine.memory": ["3*4 KiB", "5*4 KiB", "4*4 KiB"]}
    write_config(sweep=more)
    assert pagesim("sweep", config, "--out", out, "--resume", "--replications", 2, "--workers", 1).status == 0
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert len(list(out.glob("point=*"))) == 12
    assert pagesim("sweep", config, "--out", tmp_path / "new", "--replications", 2, "--workers", 1).status == 0
    assert made(tmp_path / "new") == made(out)


def test_damaged_points_are_noticed_and_run_again(pagesim: Command, swept: tuple[Path, Path, Ran]) -> None:
    config, out, _ = swept
    before = made(out)
    garbled, emptied, lost, gone = sorted(out.glob("point=*"))
    content = bytearray((garbled / "faults.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (garbled / "faults.parquet").write_bytes(content)
    (emptied / "manifest.json").write_bytes(b"")
    (lost / "io.parquet").unlink()
    for path in gone.iterdir():
        path.unlink()
    gone.rmdir()
    status, _, err = pagesim("sweep", config, "--out", out, "--resume", "--workers", 1)
    assert (status, err.count("\n")) == (0, 1)
    assert "3 finished points were damaged, and have been run again (first: " in err
    assert made(out) == before
    assert pagesim("sweep", config, "--out", out, "--resume").err == ""


def test_a_sweep_is_made_again_in_the_order_in_which_its_keys_were_declared(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path
) -> None:
    keys = "sweep={seed: [1, 2], machine.memory: [3*4 KiB, 4*4 KiB]}"
    ran = pagesim("sweep", write_config(), "--set", keys, "--out", tmp_path / "out", "--summaries", "--workers", 1)
    assert ran.status == 0, ran.err
    assert json.loads((tmp_path / "out" / "study.json").read_text())["varied"] == ["seed", "machine.memory"]
    status, text, _ = pagesim("rerun", tmp_path / "out", "--workers", 1)
    assert (status, text.count("\n")) == (0, 1), text


def test_a_whole_sweep_is_made_again_and_each_difference_is_a_line(
    pagesim: Command, swept: tuple[Path, Path, Ran]
) -> None:
    _, out, _ = swept
    status, text, err = pagesim("rerun", out, "--workers", 1)
    assert (status, err) == (0, "")
    assert text.startswith(f"{out}: the same, byte for byte: manifest.json, points.parquet, processes.parquet, ")
    assert text.endswith(" study.json, 36 files of 4 points\n")
    one, two, three, _ = sorted(out.glob("point=*"))
    (one / "samples.parquet").write_bytes(b"PAR1")
    told = json.loads((two / "manifest.json").read_text())
    told["wall_seconds"] += 1.0
    told["point"]["measured"]["mean_memory_bytes"] += 1.0
    (two / "manifest.json").write_text(json.dumps(told))
    three.rename(out / "point=other")
    points = pd.read_parquet(out / "points.parquet")
    points.assign(page_faults=points["page_faults"] + 1).to_parquet(out / "points.parquet", index=False)
    status, text, _ = pagesim("rerun", out, "--workers", 1)
    assert status == 1
    found = text.splitlines()
    assert [line.partition(":")[0] for line in found] == sorted([
        f"{one.name}/samples.parquet", f"{two.name}/manifest.json", three.name, "point=other", "points.parquet",
    ])  # fmt: skip
    assert "mean_memory_bytes" in next(line for line in found if line.startswith(two.name))
    change_study(out, out, complete=False)
    status, _, err = pagesim("rerun", out)
    assert (status, err.count("\n")) == (2, 1)
    assert "found a sweep that isn't finished, allowed is one that pagesim sweep --resume ended" in err


def test_an_interrupted_rerun_says_so(
    pagesim: Command, swept: tuple[Path, Path, Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.study.run.run", interrupt)
    status, text, err = pagesim("rerun", swept[1], "--workers", 1)
    assert (status, text, err) == (INTERRUPTED, "", "pagesim: interrupted, not all of it compared\n")


@pytest.mark.parametrize("change", ["config", "input", "fewer"])
def test_what_was_made_otherwise_is_not_mixed_with_the_rest(
    pagesim: Command, swept: tuple[Path, Path, Ran], tmp_path: Path, write_config: WriteConfig, change: str
) -> None:
    config, out, _ = swept
    before = made(out)
    if change == "input":
        (tmp_path / "trace.txt").write_text("1\n2\n")
    elif change == "fewer":
        write_config(sweep={**GRID, "machine.memory": ["3*4 KiB"]})
    extra = ["--seed", 7] if change == "config" else []
    status, _, err = pagesim("sweep", config, "--out", out, "--resume", *extra)
    assert (status, err.count("\n")) == (2, 1)
    number, why = (
        (2, "they are no points of it") if change == "fewer" else (4, "config, input files or program are others")
    )
    assert f"found {number} finished points that this sweep wouldn't make: {why}" in err
    assert made(out) == before


def test_a_failed_point_is_told_and_the_others_go_on(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path
) -> None:
    (tmp_path / "bad.txt").write_text("1\nx\n")
    paths = {"processes.p.workload.path": ["trace.txt", "bad.txt"]}
    config, out = write_config(sweep=paths), tmp_path / "out"
    status, text, err = pagesim("sweep", config, "--out", out, "--workers", 1)
    assert (status, err) == (0, "pagesim: 1 of 2 points failed; the result has their errors\n")
    assert "failed: bad.txt-r0-" in text
    points = pd.read_parquet(out / "points.parquet")
    assert list(points["processes.p.workload.path"]) == ["trace.txt", "bad.txt"]
    assert list(points["error"].isna()) == [True, False]
    assert "bad.txt:2" in points["error"][1]
    told = json.loads((out / "study.json").read_text())["points"]
    assert [entry["error"] for entry in told] == [None, points["error"][1]]
    write_config(sweep={"processes.p.workload.path": ["bad.txt"]})
    status, _, err = pagesim("sweep", config, "--out", tmp_path / "all", "--workers", 1)
    assert (status, err.count("\n")) == (1, 1)
    assert "all 1 points failed, the first one: " in err
    assert len(pd.read_parquet(tmp_path / "all" / "points.parquet")) == 1


def test_a_failed_point_is_run_again_on_resume(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    config, out = write_config(sweep=GRID), tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.study.run.baseline", lambda *_: 1 // 0)
        assert pagesim("sweep", config, "--out", out, "--workers", 1).status == 1
    assert pagesim("sweep", config, "--out", out, "--workers", 1, "--resume").status == 0
    assert load(out)["error"].isna().all()


def test_ctrl_c_loses_the_points_in_flight_only(
    pagesim: Command, swept: tuple[Path, Path, Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, out, _ = swept
    from experiments.study import run as runner

    run, count = runner.run, 0

    def interrupted(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return run(*arguments)

    monkeypatch.setattr(runner, "run", interrupted)
    other = tmp_path / "other"
    status, text, err = pagesim("sweep", config, "--out", other, "--workers", 1)
    assert (status, text) == (INTERRUPTED, "")
    assert err == f"pagesim: interrupted; 2 of 4 runs are kept in {other}, and --resume goes on from there\n"
    assert len(load(other)) == 2
    assert pagesim("sweep", config, "--out", other, "--workers", 1, "--resume").status == 0
    assert count == 5
    assert made(other) == made(out)


def test_ctrl_c_before_the_first_point_leaves_nothing(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    config = write_config(sweep=GRID)
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("experiments.study.run.run", interrupt)
    status, _, err = pagesim("sweep", config, "--out", tmp_path / "out", "--workers", 1)
    assert (status, err) == (INTERRUPTED, "pagesim: interrupted, nothing written\n")
    assert sorted(tmp_path.iterdir()) == before


def test_two_at_once_are_told_apart(pagesim: Command, swept: tuple[Path, Path, Ran]) -> None:
    config, out, _ = swept
    before = made(out)
    with locked(out):
        status, _, err = pagesim("sweep", config, "--out", out, "--resume")
    assert (status, err.count("\n")) == (2, 1)
    assert "at work on it, allowed is one at a time" in err
    assert made(out) == before
    assert pagesim("sweep", config, "--out", out, "--resume").status == 0


def test_summaries_alone_can_be_kept_and_completed(
    pagesim: Command, swept: tuple[Path, Path, Ran], tmp_path: Path
) -> None:
    config, out, _ = swept
    few = tmp_path / "few"
    assert pagesim("sweep", config, "--out", few, "--workers", 1, "--summaries").status == 0
    assert {path.name for path in few.glob("point=*/*")} == {"manifest.json", "summary.json"}
    assert all(made(few)[name] == content for name, content in made(out).items() if name in made(few))
    assert pagesim("rerun", next(few.glob("point=*"))).status == 0
    assert pagesim("rerun", few, "--workers", 1).status == 0
    assert pagesim("sweep", config, "--out", few, "--workers", 1, "--resume").status == 0
    assert made(few) == made(out)


def test_a_sweep_is_drawn_and_a_broken_part_is_told_in_a_line(pagesim: Command, swept: tuple[Path, Path, Ran]) -> None:
    _, out, _ = swept
    status, text, _ = pagesim("plot", out, "--format", "svg")
    assert (status, text) == (0, f"{out / 'plots' / 'sweep-curves.svg'}\n")
    place = next(out.glob("point=*"))
    for name in ("samples", "pages"):
        (place / f"{name}.parquet").write_bytes(b"garbage")
        for command in (["plot"], ["why"], ["report"], ["export", "--perfetto"]):
            status, _, err = pagesim(command[0], place, *command[1:])
            if (command[0], name) != ("export", "pages"):  # which doesn't read it
                assert (status, err.count("\n")) == (2, 1), (command, err)
                assert "allowed is a whole result" in err
    with pytest.raises(BadInput, match=r"samples\.parquet: .*, allowed is a whole result"):
        load(out).samples()
    (out / "points.parquet").write_bytes(b"garbage")
    for whole in ("plot", "report"):
        status, _, err = pagesim(whole, out)
        assert (status, err.count("\n")) == (2, 1)


def test_json_is_one_object_with_every_point(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    config = write_config(sweep=GRID)
    status, text, err = pagesim("sweep", config, "--out", tmp_path / "out", "--workers", 1, "--json")
    found = json.loads(text)
    assert (status, err, found["failed"], len(found["points"])) == (0, "", 0, 4)
    assert found["points"][3]["machine.memory"] == 16384
    assert found["points"][3]["memory_manager.trimming.policy"] == "lru"
    assert found["points"][0]["seed"] == load(tmp_path / "out")["seed"][0] > 2**32


def test_an_older_run_gives_way_and_nothing_else_does(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path
) -> None:
    config, out = write_config(sweep=GRID), tmp_path / "out"
    assert pagesim("run", config, "--out", out, "--no-plots").status == 0
    assert pagesim("sweep", config, "--out", out, "--workers", 1).status == 0
    assert not (out / "summary.json").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    status, _, err = pagesim("sweep", config, "--out", mine, "--resume")
    assert (status, err.count("\n")) == (2, 1)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--executor", "dask"], "--executor dask: found no --scheduler, allowed is such as"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--scheduler tcp://127.0.0.1:1: allowed with --executor dask"),
        (
            ["--executor", "dask", "--scheduler", "tcp://x", "--workers", 2],
            "--workers 2: allowed with --executor local",
        ),
        (["--workers", 0], "--workers 0: allowed is 1 to 1024"),
        (["--replications", 0], "--replications 0: allowed is 1 to 100000"),
        (["--set", "sweep={}"], "sweep: found nothing, allowed is what to sweep"),
        (
            ["--set", "sweep={seed: [1, 2]}", "--replications", 2],
            "--replications 2: allowed is 1 where the sweep gives",
        ),
        (["--set", "machine.memory=x"], "machine.memory: found 'x'"),
    ],
)
def test_bad_usage_is_told_in_a_line_and_nothing_is_written(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path, arguments: list[object], said: str
) -> None:
    config = write_config(sweep=GRID)
    before = sorted(tmp_path.iterdir())
    status, text, err = pagesim("sweep", config, "--out", tmp_path / "out", *arguments)
    assert (status, text, err.count("\n")) == (2, "", 1), err
    assert said in err
    assert sorted(tmp_path.iterdir()) == before


def test_any_executor_will_do(swept: tuple[Path, Path, Ran], tmp_path: Path) -> None:
    config, out, _ = swept
    with ThreadPoolExecutor(1) as executor:
        points = experiments.sweep(config, executor, out=tmp_path / "threads")
    assert made(tmp_path / "threads") == made(out)
    assert len(points) == 4
    assert points.parameters == [*GRID, "replication"]


def test_an_executor_that_breaks_costs_no_finished_point(swept: tuple[Path, Path, Ran], tmp_path: Path) -> None:
    class Breaking(Here):
        given = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.given += 1
            if self.given > 2:
                raise BrokenExecutor
            return super().submit(fn, *args, **kwargs)

    config, out, _ = swept
    place = tmp_path / "broken"
    with pytest.raises(RunFailed, match=rf"{LOST}; 2 of 4 runs are kept in .*, and --resume goes on"):
        experiments.sweep(config, Breaking(), in_flight=1, out=place)
    experiments.sweep(config, Here(), resume=True, out=place)
    assert made(place) == made(out)


def test_a_mapping_is_a_config(tmp_path: Path) -> None:
    workload = {"kind": "uniform", "pages": 20, "references": 100}
    config = {"processes": [{"name": "p", "workload": workload}], "sweep": {"processes.p.workload.pages": [10, 20]}}
    points = experiments.sweep(config, Here(), replications=2, out=tmp_path / "out", summaries=True, seed=3)
    assert list(points["processes.p.workload.pages"]) == [10, 10, 20, 20]
    assert points["seed"].nunique() == 2
    assert (points["page_faults"] == points["processes.p.workload.pages"]).all()


def test_replications_give_intervals_and_differences_as_a_comparison_does(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path
) -> None:
    """The same policies on the same seeds, asked in two ways; but for the slowdown, whose baseline is another."""
    trimming = {"policy": "clock", "period": "2 ms"}
    zipf = {"kind": "zipf", "pages": 60, "references": 1500, "exponent": 0.5, "writes": 0.3}
    config = write_config(
        machine={"memory": "400 KiB"}, memory_manager={"trimming": trimming},
        processes=[{"name": "p", "copies": 2, "workload": zipf}],
        sweep={"memory_manager.trimming.policy": ["clock", "fifo"]},
    )  # fmt: skip
    status, text, _ = pagesim("sweep", config, "--replications", 4, "--workers", 1, "--out", tmp_path / "sweep")
    assert status == 0
    assert "means of 4 replications ± half a 95% interval" in text
    options = ("--policies", "clock,fifo", "--bounds", "", "--replications", 4, "--workers", 1, "--no-plots")
    compared = json.loads(pagesim("compare", config, *options, "--json", "--out", tmp_path / "compared").out)
    settings = pd.read_parquet(tmp_path / "sweep" / "settings.parquet").set_index(
        ["memory_manager.trimming.policy", "metric"]
    )
    for cell in compared["cells"]:
        for metric in ("completion_ns", "hard_faults", "stall_share", "space_time_byte_s"):
            row, expected = settings.loc[cell["policy"], metric], cell["metrics"][metric]
            assert [row[key] for key in ("mean", "low", "high", "count")] == pytest.approx(
                [expected[key] for key in ("mean", "low", "high", "count")]
            )
            if difference := cell["differences"].get(metric):
                assert row["difference_mean"] == pytest.approx(difference["mean"])
                assert row["difference_p_value"] == pytest.approx(difference["p_value"])
                assert row["difference_verdict"] == difference["verdict"]
    assert settings.loc["clock"]["difference_mean"].isna().all(), "the first setting is what the others differ from"
    assert pagesim("report", tmp_path / "sweep").status == 0
