"""A worker elsewhere finds its input files by what is in them, or is sent them."""

from __future__ import annotations

import json
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import experiments
from experiments.study.worker import moved
from experiments.study.workers import Here, Local
from simulator import registry
from tests.experiments.conftest import TRACE
from tests.experiments.spec.test_plugin_files import POLICY
from tests.experiments.study.test_sweep import made


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a test registers is gone after it, and the cache is its own."""
    registry.names("policy")
    monkeypatch.setitem(registry._FOUND, "policy", dict(registry._FOUND["policy"]))
    monkeypatch.setenv("PAGESIM_CACHE", str(tmp_path / "cache"))


class Elsewhere(Here):
    """An executor whose workers have another directory in place of the config's."""

    def __init__(self, base: Path, sent: list[list[str]]) -> None:
        self.base = base
        self.sent = sent

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        work, point = args
        self.sent.append([sha256 for sha256, _ in point.sent])
        return super().submit(fn, work, replace(point, base=str(self.base)))


def config(directory: Path, **changes: Any) -> Path:
    trace = {"kind": "trace", "path": "../in/trace.txt"}
    parts = [
        {"workload": trace, "weight": 1},
        {"workload": {"kind": "uniform", "pages": 20, "references": 50}, "weight": 1},
    ]
    data = {
        "machine": {"memory": "1 MiB"},
        "processes": [
            {"name": "trace.txt", "workload": trace},
            {"name": "q", "workload": {"kind": "mixed", "parts": parts}},
        ],
        "sweep": {"processes.q.copies": [1, 2, 3]},
    }
    for name in ("in", "yaml"):
        (directory / name).mkdir(parents=True)
    (directory / "in" / "trace.txt").write_text(TRACE)
    path = directory / "yaml" / "inputs.yaml"
    path.write_text(yaml.safe_dump({**data, **changes}))
    return path


def test_files_are_sent_once_and_kept(tmp_path: Path) -> None:
    path = config(tmp_path / "a")
    sent: list[list[str]] = []
    points = experiments.sweep(path, Elsewhere(tmp_path, sent), in_flight=1, out=tmp_path / "there")
    assert points["error"].isna().all()
    assert [len(files) for files in sent] == [0, 1, 0, 0]
    experiments.sweep(path, Here(), out=tmp_path / "here")
    assert made(tmp_path / "there") == made(tmp_path / "here")


def test_a_file_at_the_same_place_with_the_same_content_is_used_as_it_is(tmp_path: Path) -> None:
    path = config(tmp_path / "a")
    config(tmp_path / "b")
    sent: list[list[str]] = []
    experiments.sweep(path, Elsewhere(tmp_path / "b" / "yaml", sent), in_flight=1, out=tmp_path / "there")
    assert sent == [[], [], []]
    assert not (tmp_path / "cache" / "inputs").exists()


def test_a_file_of_the_same_name_with_another_content_is_not_used(tmp_path: Path) -> None:
    path = config(tmp_path / "a")
    config(tmp_path / "b")
    (tmp_path / "b" / "in" / "trace.txt").write_text("7\n" * 12)
    experiments.sweep(path, Elsewhere(tmp_path / "b" / "yaml", []), in_flight=1, out=tmp_path / "there")
    experiments.sweep(path, Here(), out=tmp_path / "here")
    assert made(tmp_path / "there") == made(tmp_path / "here")


def test_an_input_that_changes_in_the_middle_fails_its_points(tmp_path: Path) -> None:
    path = config(tmp_path / "a")

    class Changing(Elsewhere):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            (tmp_path / "a" / "in" / "trace.txt").write_text("1\n")
            return super().submit(fn, *args, **kwargs)

    points = experiments.sweep(path, Changing(tmp_path, []), in_flight=1, out=tmp_path / "there")
    assert points["error"].str.contains("has changed since the study began").all()


def test_plug_ins_are_inputs(tmp_path: Path) -> None:
    path = config(tmp_path / "a", plugins=["../in/mine.py"], memory_manager={"trimming": {"policy": "fifo"}})
    (tmp_path / "a" / "in" / "mine.py").write_text(POLICY.replace("{name}", "mine-swept"))
    sweep = {"sweep": {"memory_manager.trimming.policy": ["fifo", "mine-swept"]}}
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **sweep}))
    points = experiments.sweep(path, Here(), out=tmp_path / "here")
    assert list(points["memory_manager.trimming.policy"]) == ["fifo", "mine-swept"]
    assert points["error"].isna().all()
    told = json.loads(next((tmp_path / "here").glob("point=*/manifest.json")).read_text())
    assert sorted(entry["path"] for entry in told["inputs"]) == ["../in/mine.py", "../in/trace.txt"]


@pytest.mark.slow
def test_a_plug_in_is_sent_to_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from simulator.compile import _directory

    class Away(Elsewhere):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            work, point = args
            self.sent.append([sha256 for sha256, _ in point.sent])
            future: Future[Any] = pool.submit(fn, work, replace(point, base=str(self.base)))
            return future

    monkeypatch.setenv("NUMBA_CACHE_DIR", _directory("simulator"))
    path = config(tmp_path / "a", plugins=["../in/mine.py"])
    (tmp_path / "a" / "in" / "mine.py").write_text(POLICY.replace("{name}", "mine-sent"))
    sweep = {"sweep": {"memory_manager.trimming.policy": ["fifo", "mine-sent"]}}
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **sweep}))
    sent: list[list[str]] = []
    with Local(2)() as pool:
        points = experiments.sweep(path, Away(tmp_path, sent), in_flight=1, out=tmp_path / "there")
    assert points["error"].isna().all(), list(points["error"])
    assert [len(files) for files in sent][:2] == [0, 2]
    experiments.sweep(path, Here(), out=tmp_path / "here")
    assert made(tmp_path / "there") == made(tmp_path / "here")


def test_only_paths_are_moved() -> None:
    workload = {"kind": "mixed", "parts": [{"workload": {"kind": "trace", "path": "t"}}, {"workload": {"kind": "t"}}]}
    before = {"plugins": ["t", "u"], "processes": [{"name": "t", "workload": workload}], "other": {"path": "t"}}
    after = moved(before, {"t": "/x/t"})
    assert after["plugins"] == ["/x/t", "u"]
    assert after["processes"][0]["name"] == "t"
    assert after["processes"][0]["workload"]["parts"][0]["workload"] == {"kind": "trace", "path": "/x/t"}
    assert after["processes"][0]["workload"]["parts"][1]["workload"] == {"kind": "t"}
    assert after["other"] == {"path": "t"}
    assert before["plugins"] == ["t", "u"]
