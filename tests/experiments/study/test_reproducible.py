"""The same config and seed give the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.storage.directory import MANIFEST, canonical_json, read_manifest
from tests.experiments.conftest import BUSY, Command, WriteConfig, frames_of


def _turned(config: dict[str, Any]) -> dict[str, Any]:
    """The config with all declarations whose order means nothing in another order."""
    copy: dict[str, Any] = json.loads(json.dumps(config))
    copy["processes"].reverse()
    for process in copy["processes"]:
        process.get("regions", []).reverse()
    copy["machine"]["paging_files"].reverse()
    for key in ("disks", "files"):
        copy["machine"][key] = dict(reversed(copy["machine"][key].items()))
    return dict(reversed(copy.items()))


def test_results_are_the_same_bytes_in_every_way_to_make_them(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(**BUSY)
    here = config.parent

    def run(name: str, *options: object) -> dict[str, bytes]:
        assert pagesim("run", config, "--out", here / name, "--no-plots", *options).status == 0
        return frames_of(here / name)

    first = run("first")
    assert run("other seed", "--seed", 2) != first
    assert run("after another run") == first
    command = [
        sys.executable,
        "-m",
        "experiments.command.cli",
        "run",
        str(config),
        "--out",
        str(here / "new"),
        "--no-plots",
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert frames_of(here / "new") == first, "in a new interpreter"
    write_config(**_turned(BUSY))
    assert run("turned") == first, "with declarations in another order"
    assert read_manifest(here / "turned")["config"] == read_manifest(here / "first")["config"]


@pytest.fixture
def result(pagesim: Command, write_config: WriteConfig) -> Path:
    config = write_config()
    assert pagesim("run", config, "--out", config.parent / "out", "--no-plots").status == 0
    return config.parent / "out"


def test_rerun_reproduces_from_any_directory(
    pagesim: Command, result: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    status, out, err = pagesim("rerun", result)
    assert (status, err) == (0, "")
    assert "the same, byte for byte" in out
    found = json.loads(pagesim("rerun", result, "--json").out)
    assert found["same"] is True
    assert "faults.parquet" in found["compared"]


def test_rerun_finds_inputs_that_moved_with_the_result(
    pagesim: Command, result: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("moved") / "all"
    result.parent.rename(moved)
    assert pagesim("rerun", moved / "out").status == 0


def test_rerun_finds_inputs_when_the_result_alone_moved(
    pagesim: Command, result: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("moved") / "deep" / "out"
    moved.parent.mkdir()
    result.rename(moved)
    assert pagesim("rerun", moved).status == 0


def test_rerun_says_what_differs(pagesim: Command, result: Path) -> None:
    summary = json.loads((result / "summary.json").read_text("utf-8"))
    summary["page_faults"] += 1
    (result / "summary.json").write_text(canonical_json(summary), "utf-8")
    (result / "io.parquet").unlink()
    status, out, _ = pagesim("rerun", result)
    assert status == 1
    assert "io.parquet: missing in the result" in out
    assert "summary.json: differs" in out
    assert '"page_faults"' in out


def test_rerun_checks_the_inputs_first(pagesim: Command, result: Path) -> None:
    trace = result.parent / "trace.txt"
    trace.write_text("1\n")
    status, out, _ = pagesim("rerun", result)
    assert status == 1
    assert "trace.txt: found SHA-256 " in out
    trace.unlink()
    status, out, _ = pagesim("rerun", result)
    assert status == 1
    assert "trace.txt: found nothing" in out


def test_rerun_notes_other_versions(pagesim: Command, result: Path) -> None:
    manifest = read_manifest(result)
    manifest["versions"]["numpy"] = "0.1"
    (result / MANIFEST).write_text(canonical_json(manifest), "utf-8")
    status, _, err = pagesim("rerun", result)
    assert status == 0
    assert "the result was made with 0.1" in err


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "pagesim result"}', '{"kind": "pagesim result", "config": 3}']
)
def test_rerun_refuses_what_is_no_result(pagesim: Command, tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    status, out, err = pagesim("rerun", tmp_path)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
