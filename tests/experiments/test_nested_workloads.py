"""Workloads inside workloads: checked, described, run and made again like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.errors import BadInput
from experiments.spec.document import Document
from experiments.spec.experiment import Experiment, from_document, load
from experiments.spec.inputs import input_paths
from experiments.spec.overrides import override
from experiments.spec.schema import config_schema
from experiments.storage.directory import read_manifest
from experiments.study.rerun import rerun
from simulator.result import RunResult
from tests.experiments.conftest import Command, WriteConfig

TRACE = {"kind": "trace", "path": "trace.txt"}
IDLE = {"kind": "idle-busy", "workload": TRACE, "busy": 3, "idle": "1 ms", "busy_distribution": "fixed"}
MIXED = {
    "kind": "mixed",
    "parts": [{"workload": {"kind": "zipf", "pages": 10, "references": 100}, "weight": 3}, {"workload": IDLE}],
}


def _experiment(*changes: str) -> Experiment:
    document = Document("f.yaml", {"name": "x", "processes": [{"workload": MIXED}]}, {})
    return from_document(override(document, changes))


def test_a_config_is_written_out_with_all_defaults_and_reads_back_the_same() -> None:
    resolved = _experiment().resolved()
    parts = resolved["processes"][0]["workload"]["parts"]
    assert parts[0]["workload"]["exponent"] == 1.0
    assert parts[1]["weight"] == 1.0
    assert parts[1]["workload"]["idle"] == 1_000_000
    assert parts[1]["workload"]["workload"]["path"] == "trace.txt"
    assert from_document(Document("g.yaml", resolved, {})).resolved() == resolved


def test_files_of_nested_workloads_are_inputs() -> None:
    assert input_paths(_experiment()) == ["trace.txt"]
    uniform = "{kind: uniform, pages: 1, references: 1}"
    assert input_paths(_experiment(f"processes.0.workload.parts.1.workload={uniform}")) == []


@pytest.mark.parametrize(
    ("change", "place", "text"),
    [
        ("parts.0.workload.pages=0", "parts.0.workload.pages", "found 0, allowed is at least 1"),
        ("parts.0.workload.kind=zpf", "parts.0.workload.kind", "found 'zpf', allowed is one of allocators, btree, "),
        ("parts.0.workload.size=1", "parts.0.workload.size", "found the unknown key 'size' of zipf, allowed is "),
        ("parts.0.workload=3", "parts.0.workload", "found 3, allowed is a mapping with the key 'kind'"),
        ("parts.0.weigth=3", "parts.0.weigth", "found the unknown key 'weigth', allowed is one of workload, weight"),
        ("parts.1.workload.workload={kind: trace}", "parts.1.workload.workload.path", "found nothing, which "),
        ("parts.1.workload.idle=3 h", "parts.1.workload.idle", "found '3 h', allowed is a time with a unit"),
        ("parts.1.workload.workload={kind: mixed, parts: [{x: 1}]}", "parts.1.workload.workload.parts.0", "found "),
        ("parts=[]", "parts", "found a list of 0, allowed is at least 1"),
    ],
)  # fmt: skip
def test_errors_name_the_place_inside(change: str, place: str, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        _experiment(f"processes.0.workload.{change}")
    message = str(caught.value)
    assert f": processes.0.workload.{place}" in message
    assert text in message
    assert "\n" not in message


def test_the_schema_refers_to_workloads() -> None:
    definitions = config_schema()["$defs"]
    assert definitions["Ingredient"]["properties"]["workload"]["$ref"] == "#/$defs/Workload"
    kinds = {one["properties"]["kind"]["const"]: one["properties"] for one in definitions["Workload"]["anyOf"]}
    assert kinds["idle-busy"]["workload"]["$ref"] == "#/$defs/Workload"
    assert kinds["mixed"]["parts"]["items"]["$ref"] == "#/$defs/Ingredient"


def test_a_run_is_made_again(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    config = write_config(processes=[{"name": "p", "workload": MIXED}])
    out = tmp_path / "out"
    assert pagesim("run", config, "--out", out, "--no-plots").status == 0
    result = RunResult.read(out)
    assert result.summary["references"] == 112
    assert read_manifest(out)["inputs"][0]["path"] == "trace.txt"
    assert rerun(out).differences == []
    (tmp_path / "trace.txt").write_text("1\n", encoding="utf-8")
    assert "input " in rerun(out).differences[0]


def test_a_fork_copies_what_its_children_write(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    workload = {"kind": "copy-on-write-fork", "pages": 40, "references": 20_000, "children": 2, "written": 0.25}
    config = write_config(
        machine={"memory": "4 MiB"}, memory_manager={}, processes=[{"name": "p", "workload": {**workload, "visit": 1}}]
    )
    assert pagesim("run", config, "--out", tmp_path / "out", "--no-plots", "--check").status == 0
    summary = RunResult.read(tmp_path / "out").summary
    assert sorted(summary["processes"]) == ["p-child-0", "p-child-1", "p-parent"]
    for child in ("p-child-0", "p-child-1"):
        # All 40 pages are visited, the 10 that it may write to are written to; first touched 1 s after the start.
        assert summary["processes"][child]["copy_on_write_faults"] == 10
        assert summary["processes"][child]["finished_ns"] > 10**9
    assert summary["processes"]["p-parent"]["copy_on_write_faults"] == 0


def test_a_config_may_be_loaded_from_yaml(write_config: WriteConfig) -> None:
    assert load(write_config(processes=[{"workload": IDLE}])).processes[0].workload.kind == "idle-busy"
