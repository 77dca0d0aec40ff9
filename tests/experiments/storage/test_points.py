"""`experiments.load` answers questions with one frame, and reads no more than is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset
import pytest
import yaml

import experiments
from experiments.analysis.frames import POINTS, frame
from experiments.errors import BadInput
from experiments.storage.directory import POINT, sealed
from experiments.storage.points import Points, load
from experiments.study.workers import Here
from tests.experiments.conftest import Command, WriteConfig, change_study

TRIMMING = "memory_manager.trimming"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sizes of memory by two policies, twice each; a zipf workload that keeps hitting the disk."""
    place = tmp_path_factory.mktemp("load")
    zipf = {"kind": "zipf", "pages": 200, "references": 2000, "writes": 0.3}
    policies = [{"policy": "clock"}, {"policy": "windows", "age_share": 0.5}]
    config = {
        "name": "swept",
        "processes": [{"name": "p", "workload": zipf}],
        "sweep": {"machine.memory": ["64*4 KiB", "96*4 KiB"], TRIMMING: policies},
    }
    experiments.sweep(config, Here(), replications=2, out=place / "out")
    return place / "out"


def test_parameters_are_columns_of_their_types(swept: Path) -> None:
    points = load(swept)
    assert len(points) == 8
    assert points.parameters == ["machine.memory", f"{TRIMMING}.policy", f"{TRIMMING}.age_share", "replication"]
    assert points["machine.memory"].dtype == np.int64
    assert sorted(points["machine.memory"].unique()) == [64 * 4096, 96 * 4096]
    assert list(points[f"{TRIMMING}.policy"][:4]) == ["clock", "clock", "windows", "windows"]
    assert list(points[f"{TRIMMING}.age_share"].isna()[:4]) == [True, True, False, False]
    assert points["error"].isna().all()
    assert points["seed"].nunique() == 2
    assert (points.groupby("machine.memory")["hard_faults"].mean().diff().dropna() < 0).all()


def test_samples_and_faults_are_read_for_the_chosen_points_and_columns(
    swept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.storage import points as loading

    read: list[Path] = []
    table = loading._table

    def noted(path: Path, *rest: Any) -> pd.DataFrame:
        read.append(path)
        return table(path, *rest)

    monkeypatch.setattr(loading, "_table", noted)
    points = load(swept)
    assert read == []
    chosen = points[(points["machine.memory"] == 64 * 4096) & (points["replication"] == 1)]
    assert isinstance(chosen, Points)
    samples = chosen.samples(["time_ns"])
    assert list(samples.columns) == ["point", *points.parameters, "time_ns"]
    assert [path.parent.name for path in read] == [f"{POINT}{name}" for name in chosen["point"]]
    hard = chosen.faults(["kind", "latency_ns"], [("kind", "==", "hard")])
    assert set(hard["kind"]) == {"hard"}
    assert hard.groupby("point").size().to_dict() == dict(zip(chosen["point"], chosen["hard_faults"], strict=True))
    assert len(chosen.processes()) == 2
    assert chosen.result(chosen["point"].iloc[0]).summary["hard_faults"] == chosen["hard_faults"].iloc[0]


def test_what_cannot_be_read_is_told_in_a_line(swept: Path, tmp_path: Path) -> None:
    points = load(swept)
    with pytest.raises(BadInput, match="found no column 'wrong', allowed is one of time_ns, "):
        points.samples(["wrong"])
    with pytest.raises(BadInput, match="found no column 'wrong', allowed is one of time_ns, "):
        points.faults(filters=[("wrong", "==", 1)])
    with pytest.raises(BadInput, match=r"found nothing, allowed is a point whose frames were kept"):
        points.read("nonsense")
    with pytest.raises(BadInput, match=r"manifest.json: .*, allowed is a result directory of pagesim"):
        load(tmp_path)
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(BadInput, match="found no study, allowed is a whole result"):
        load(tmp_path)
    (tmp_path / "study.json").write_text(
        sealed({"kind": "pagesim sweep", "parameters": [], "complete": True, "points": []})
    )
    with pytest.raises(BadInput, match=r"points.parquet.*, allowed is a whole result"):
        load(tmp_path)


def test_what_is_finished_of_a_sweep_can_be_looked_at(swept: Path, tmp_path: Path) -> None:
    told = json.loads((swept / "study.json").read_text())
    change_study(swept, tmp_path, complete=False)
    assert len(load(tmp_path)) == 0
    names = [point["point"] for point in told["points"]][2:5]
    for name in names:
        (tmp_path / f"{POINT}{name}").symlink_to(swept / f"{POINT}{name}")
    part, whole = load(tmp_path), load(swept)
    expected = whole[whole["point"].isin(names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.DataFrame(part), pd.DataFrame(expected), check_dtype=False)
    assert len(part.samples(["time_ns"])) == len(expected.samples(["time_ns"]))


def test_a_run_is_a_frame_of_one_point(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    assert pagesim("run", write_config(), "--out", tmp_path / "out", "--no-plots").status == 0
    points = load(tmp_path / "out")
    assert list(points["point"]) == ["out"]
    assert points.parameters == []
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert points["page_faults"][0] == summary["page_faults"]
    assert points["slowdown"][0] == pytest.approx(summary["processes"]["p"]["slowdown"])
    assert len(points.faults()) == summary["page_faults"]


@pytest.mark.parametrize("keep", [True, False])
def test_a_comparison_is_a_frame_of_its_runs(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path, keep: bool
) -> None:
    options = ["--policies", "fifo,old=lru", "--bounds", "", "--replications", 2, "--workers", 1, "--no-plots"]
    out = tmp_path / "out"
    assert pagesim("compare", write_config(), *options, "--out", out, *(["--keep"] if keep else [])).status == 0
    points = load(out)
    assert list(points["label"]) == ["fifo", "fifo", "old", "old"]
    assert {"label", "machine.memory", "replication", f"{TRIMMING}.policy"} <= set(points.parameters)
    if keep:
        assert points.faults(["kind"]).groupby("point").size().to_dict() == dict(
            zip(points["point"], points["page_faults"], strict=True)
        )
    else:
        with pytest.raises(BadInput, match=r"point=fifo-.*: found nothing, allowed is a point whose frames were kept"):
            points.faults()


def test_pandas_and_pyarrow_read_the_directory_as_a_partitioned_one(swept: Path) -> None:
    files = sorted(map(str, swept.glob(f"{POINT}*/faults.parquet")))
    partitioning = pyarrow.dataset.partitioning(flavor="hive")
    data = pyarrow.dataset.dataset(files, partitioning=partitioning, partition_base_dir=str(swept))
    hard = data.to_table(columns=["point"], filter=pyarrow.dataset.field("kind") == "hard").to_pandas()
    points = load(swept).set_index("point")
    assert hard["point"].value_counts().to_dict() == points["hard_faults"].to_dict()


def test_duckdb_reads_the_directory(swept: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    query = f"""
        SELECT p."machine.memory" AS memory, count(*) AS hard
        FROM read_parquet('{swept}/point=*/faults.parquet', hive_partitioning = true) f
        JOIN '{swept}/points.parquet' p USING (point)
        WHERE f.kind = 'hard' GROUP BY ALL ORDER BY ALL
    """
    expected = load(swept).groupby("machine.memory")["hard_faults"].sum()
    assert duckdb.sql(query).fetchall() == list(expected.items())


def test_polars_reads_the_directory(swept: Path) -> None:
    pl = pytest.importorskip("polars")
    faults = pl.scan_parquet(f"{swept}/point=*/faults.parquet", hive_partitioning=True)
    joined = faults.filter(pl.col("kind").cast(pl.String) == "hard").join(
        pl.scan_parquet(swept / "points.parquet"), on="point"
    )
    found = joined.group_by("machine.memory").len().sort("machine.memory").collect().rows()
    assert found == list(load(swept).groupby("machine.memory")["hard_faults"].sum().items())


def test_two_thousand_points_load_in_two_seconds(swept: Path, tmp_path: Path) -> None:
    """The frame of a sweep of 2,000 points, its rows repeated from a small one."""
    small = json.loads(load(swept).to_json(orient="records"))
    rows = [
        {**row, "point": f"{number}-{row['point']}", "machine.memory": row["machine.memory"] + number}
        for number in range(250)
        for row in small
    ]
    frame(rows).to_parquet(tmp_path / f"{POINTS}.parquet", compression="zstd", index=False)
    told = json.loads((swept / "study.json").read_text())
    change_study(swept, tmp_path, points=told["points"] * 250)
    assert len(load(tmp_path)) == 2000
    began = time.perf_counter()
    points = load(tmp_path)
    assert time.perf_counter() - began < 2.0
    assert points["point"].nunique() == 2000


def test_importing_experiments_imports_no_data_library(tmp_path: Path) -> None:
    script = """
        import sys, experiments
        assert {"load", "sweep"} <= set(dir(experiments))
        heavy = {"numba", "pandas", "matplotlib", "pyarrow", "distributed"} & set(sys.modules)
        assert not heavy, heavy
        assert callable(experiments.load)
        assert "numba" not in sys.modules, "a reader of results needs no compiler"
    """
    script = "\n".join(line.strip() for line in script.splitlines())
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=tmp_path)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        experiments.nonsense  # noqa: B018


def test_a_config_file_names_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workload = {"kind": "uniform", "pages": 20, "references": 100}
    config = {"processes": [{"name": "p", "workload": workload}], "sweep": {"processes.p.workload.pages": [5, 6]}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    points = experiments.sweep("mine.yaml", workers=1, summaries=True)
    assert (tmp_path / "results" / "mine" / f"{POINTS}.parquet").exists()
    with pytest.raises(BadInput, match="allowed is a point whose frames were kept"):
        points.samples()
