"""`pagesim run CONFIG --reference`: the reference machine comes to the engine's numbers, or says what it lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.command.cli import main
from tests.reference.compare import summary_differences

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"
SHORTER: dict[str, dict[str, Any]] = {
    "thrashing": {},
    "collided-faults": {"processes.0.workload.burst": 8},
    "soft-faults": {"processes.0.workload.passes": 3, "processes.1.workload.passes": 3},
    "scan-beside-interactive": {"duration": "3 ms"},
    "foreground-switch": {"duration": "300 us"},
    "paging-file-full": {"processes": [{"name": "p", "copies": 3, "workload": {
        "kind": "zipf", "pages": 3072, "exponent": 0.5, "references": 8000, "writes": 0.5}}]},
    "quickstart": {"duration": "400 us"},
    "write-back-pressure": {"duration": "60 ms", "processes.1.workload.references": 50_000},
}  # fmt: skip
"""Committed configs with reference streams, made shorter."""


def run(config: str, out: Path, capfd: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    """The command's exit status and what it printed."""
    settings = [f"--set={key}={json.dumps(value)}" for key, value in SHORTER.get(config, {}).items()]
    status = main(["run", str(CONFIGS / f"{config}.yaml"), "--out", str(out), "--no-plots", *settings, *options])
    return status, *capfd.readouterr()


def summary(directory: Path) -> dict[str, Any]:
    """What a run kept."""
    content: dict[str, Any] = json.loads((directory / "summary.json").read_text("utf-8"))
    return content


@pytest.mark.parametrize("config", SHORTER)
def test_a_config_has_the_same_numbers_on_both(config: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ours, theirs = tmp_path / "engine", tmp_path / "reference"
    assert run(config, ours, capfd, "--set=observe.baseline=false")[0] == 0
    status, printed, told = run(config, theirs, capfd, "--reference")
    assert (status, told) == (0, "")
    assert summary_differences(summary(ours), summary(theirs)) == []
    assert summary(theirs)["page_faults"] > 0
    assert f"{config}: processes" in printed


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--set=memory_manager.trimming.policy=lru"],
            ("trimming.policy", "'lru'", "none, fifo, clock"),
        ),
        (["--set=memory_manager.swapper.enabled=true"], ("memory_manager.swapper.enabled",)),
        (["--check"], ("--reference", "--check")),
    ],
)
def test_what_the_reference_machine_lacks_is_refused_in_a_line(
    options: list[str], told: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, printed, line = run("thrashing", tmp_path / "out", capfd, "--reference", *options)
    assert (status, printed, line.count("\n"), (tmp_path / "out").exists()) == (2, "", 1, False)
    assert all(part in line for part in told)


def test_a_program_is_refused_by_its_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, _, line = run("page-life", tmp_path / "out", capfd, "--reference")
    assert (status, line.count("\n")) == (2, 1)
    assert "process hungry" in line or "process page" in line
