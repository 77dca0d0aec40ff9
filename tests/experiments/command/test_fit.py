"""`pagesim trace fit`: a config that does what the trace does, and one line for what can't be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from experiments.command.cli import main
from experiments.spec.experiment import load
from simulator.registry import find
from workloads.base import StreamContext
from workloads.fit.measure import closeness, measure
from workloads.fit.models import MODELS
from workloads.traces.cache import open_trace


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A text trace of 6,000 requests: a hot set of 10 of 60 pages, half of whose visits store."""
    monkeypatch.setenv("PAGESIM_CACHE", str(tmp_path / "cache"))
    numbers = np.random.Generator(np.random.PCG64(1))
    page = np.where(numbers.random(6000) < 0.9, numbers.integers(0, 10, 6000), numbers.integers(10, 60, 6000))
    path = tmp_path / "hot.txt"
    path.write_text("".join(f"{number} {'RW'[number % 2]}\n" for number in page.tolist()))
    return path


def fitted(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    """What the command prints with --json."""
    assert main(["trace", "fit", *map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    printed: dict[str, Any] = json.loads(captured.out)
    return printed


@pytest.mark.parametrize("model", MODELS)
def test_the_config_that_is_written_does_what_was_reported(
    model: str, trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fitted.yaml"
    printed = fitted(capsys, trace, "--model", model, "--out", out)
    (found,) = printed["fits"]
    assert (printed["closest"], printed["written"], printed["pages"], printed["runs"]) == (model, str(out), 60, 6000)
    assert found["parameters"]["writes"] == pytest.approx(0.5, abs=0.03)
    experiment = load(out)
    (group,) = experiment.processes
    workload: Any = TypeAdapter(find("workload", group.workload.kind)).validate_python(group.workload.parameters)
    context = StreamContext(tmp_path, experiment.seed, group.members()[0].name, 4096, 8 << 40)
    model_run = measure(workload.stream(context))
    assert closeness(measure(open_trace(trace)), model_run)._asdict() == found["closeness"]
    assert [model_run.miss_ratio[size - 1] for size in printed["sizes"]] == found["miss_ratio"]
    assert found["closeness"]["miss_ratio_max"] < 0.05


def test_all_models_are_fitted_and_the_closest_is_written(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fitted.yml"
    printed = fitted(capsys, trace, "--out", out)
    off = {found["model"]: found["closeness"]["miss_ratio_relative"] for found in printed["fits"]}
    assert set(off) == set(MODELS)
    assert off[printed["closest"]] == min(off.values())
    assert load(out).processes[0].workload.kind == printed["closest"]
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_people_get_a_table(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "fit", str(trace)]) == 0
    printed = capsys.readouterr().out
    assert "LRU miss ratio" in printed
    assert "phases" in printed
    assert "closest: " in printed


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--model", "magic"], "--model magic: found 'magic', allowed is one of lru-stack-model, phased"),
        (["--out", "fitted.json"], "--out fitted.json: found suffix '.json', allowed is .yaml or .yml"),
        (["--out", "no/such/a.yaml"], "--out no/such/a.yaml: found no directory no/such, allowed is a file in a"),
        (["--out", "here.yaml"], "--out here.yaml: found a directory, allowed is a file"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    arguments: list[str], line: str, trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.yaml").mkdir()
    assert main(["trace", "fit", str(trace), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"pagesim: {line}")
    assert error.count("\n") == 1


def test_a_missing_trace_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "fit", str(tmp_path / "none.txt")]) == 2
    assert "found no such file" in capsys.readouterr().err
