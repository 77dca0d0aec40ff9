from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.errors import BadInput
from experiments.spec.document import Document
from experiments.spec.experiment import Experiment, from_document, load, natural
from simulator.config import Disk, Machine

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"
SMALL: dict[str, Any] = {"name": "small", "processes": [{"workload": {"kind": "sequential", "pages": 3}}]}


def _experiment(**changes: object) -> Experiment:
    return from_document(Document("f.yaml", SMALL | changes, {}))


def _error(**changes: object) -> str:
    with pytest.raises(BadInput) as caught:
        _experiment(**changes)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_one_process_with_one_workload_is_a_whole_config() -> None:
    experiment = _experiment()
    assert experiment.machine.memory == Machine().memory
    assert [process.name for process in experiment.processes[0].members()] == ["sequential"]


def test_the_name_is_the_files_unless_given(tmp_path: Path) -> None:
    path = tmp_path / "my run.yaml"
    path.write_text("processes: [{workload: {kind: sequential, pages: 3}}]\n")
    assert load(path).name == "my run"
    assert load(path, ["name=other"]).name == "other"


def test_a_seed_option_beats_the_config(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("seed: 4\nprocesses: [{workload: {kind: sequential, pages: 3}}]\n")
    assert load(path).seed == 4
    assert load(path, seed=9).seed == 9


def test_copies_are_numbered_and_otherwise_alike() -> None:
    group = _experiment(
        processes=[{"name": "a", "copies": 3, "start": "1 ms", "workload": SMALL["processes"][0]["workload"]}]
    )
    members = group.processes[0].members()
    assert [member.name for member in members] == ["a-1", "a-2", "a-3"]
    assert {member.start for member in members} == {1_000_000}


def test_parameters_stand_beside_the_name() -> None:
    disk = _experiment(
        machine={"disks": {"d": {"model": "constant", "page_in_first": False, "read": "5 us"}}}
    ).machine.disks["d"]
    assert isinstance(disk, Disk)
    assert disk.page_in_first is False
    assert disk.parameters["read"] == 5_000


def test_defaults_of_parameters_are_written_out() -> None:
    resolved = _experiment().resolved()
    assert len(resolved["machine"]["disks"]["disk0"]) > len(
        ["model", "page_in_first", "read_error_rate", "write_error_rate"]
    )
    assert "age_share" in resolved["memory_manager"]["trimming"]


def test_a_resolved_config_is_a_config_and_resolves_to_itself() -> None:
    resolved = _experiment(sweep={"machine.memory": ["1 MiB"]}, duration="3 s").resolved()
    again = from_document(Document("manifest", json.loads(json.dumps(resolved)), {}))
    assert again.resolved() == resolved


def test_the_order_of_independent_declarations_does_not_show() -> None:
    processes = [{"name": name, "workload": {"kind": "sequential", "pages": 3}} for name in ("b", "a-10", "a-2")]
    disks = {"x": {"model": "nvme"}, "a": {"model": "hdd"}}
    one = _experiment(processes=processes, machine={"disks": disks})
    other = _experiment(processes=processes[::-1], machine={"disks": dict(reversed(disks.items()))})
    assert json.dumps(one.resolved()) == json.dumps(other.resolved())
    assert [process["name"] for process in one.resolved()["processes"]] == ["a-2", "a-10", "b"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"machne": {}}, "f.yaml: machne: found the unknown key 'machne', allowed is one of name, seed, duration"),
        ({"machine": {"memry": 1}}, "machine.memry: found the unknown key 'memry'"),
        ({"machine": {"memory": "64 MB"}}, "machine.memory: found '64 MB', allowed is a size with a unit"),
        ({"machine": {"memory": "-64 MiB"}}, "machine.memory: found '-64 MiB', a size can't be negative"),
        ({"machine": {"memory": "1 KiB"}}, "machine.memory: found 1024 bytes"),
        ({"machine": {"memory": 0}}, "machine.memory: found 0"),
        ({"machine": {"quantum": "3 fortnights"}}, "machine.quantum: found '3 fortnights', allowed is a time"),
        ({"machine": {"processors": True}}, "machine.processors: found true, allowed is a whole number"),
        ({"machine": {"processors": 0}}, "machine.processors: found 0, allowed is at least 1"),
        ({"machine": {"processors": "2"}}, "machine.processors: found '2', allowed is a whole number"),
        ({"machine": []}, "machine: found a list of 0, allowed is a mapping"),
        ({"machine": {"disks": {}}}, "machine.disks: found none"),
        ({"machine": {"disks": {"d": {"model": "floppy"}}}}, "disks.d.model: found 'floppy', allowed is one of"),
        ({"machine": {"disks": {"d": {"model": 3}}}}, "machine.disks.d.model: found 3, allowed is text"),
        ({"machine": {"disks": {"d": {"chanels": 3}}}}, "disks.d.chanels: disk nvme: found the unknown key"),
        ({"machine": {"disks": {"d": {"channels": "x"}}}}, "disks.d.channels: found 'x', allowed is a whole"),
        ({"machine": {"disks": {"d": {"parameters": {}}}}}, "found the unknown key 'parameters'"),
        ({"machine": {"paging_files": [{"disk": "q"}]}}, "paging_files.0.disk: found 'q', allowed is one of disk0"),
        ({"memory_manager": {"model": "linux"}}, "memory_manager.model: found 'linux', allowed is one of 'windows' or"),
        ({"memory_manager": {"trimming": {"policy": "best"}}}, "trimming.policy: found 'best', allowed is one of"),
        ({"memory_manager": {"trimming": {"policy": "fifo", "age_share": 0.1}}},
         "memory_manager.trimming.age_share: policy fifo: found the unknown key 'age_share', allowed is one of"),
        ({"processes": []}, "processes: found a list of 0, allowed is at least 1"),
        ({"processes": [{}]}, "processes.0.workload: found nothing, which has no default"),
        ({"processes": [{"workload": {}}]}, "processes.0.workload.kind: found nothing, allowed is one of"),
        ({"processes": [{"workload": {"kind": "trace"}}]}, "processes.0.workload.path: found nothing"),
        ({"processes": SMALL["processes"] * 2}, "processes.1.name: found 'sequential' a second time"),
        ({"processes": [{**SMALL["processes"][0], "copies": 0}]}, "processes.0.copies: found 0, allowed is at least 1"),
        ({"processes": [{**SMALL["processes"][0], "regions": [{"first": 0, "pages": 1, "file": "f"}]}]},
         "processes.0.regions.0.file: found 'f', allowed is one of"),
        ({"sweep": {"machine.memory": "1 MiB"}}, "sweep.machine.memory: found '1 MiB', allowed is a list"),
        ({"sweep": {"machine.memory": []}}, "sweep.machine.memory: found a list of 0, allowed is at least 1"),
        ({"sweep": {"machine.memory": ["1 MiB", "x"]}}, "sweep: machine.memory=x: machine.memory: found 'x'"),
        ({"sweep": {"machine.memry": [1]}}, "sweep: machine.memry=1: machine.memry: found the unknown key"),
        ({"name": "a/b"}, "name: found 'a/b', allowed is text that matches"),
        ({"name": "../up"}, "name: found '../up'"),
        ({"seed": -1}, "seed: found -1, allowed is at least 0"),
        ({"seed": 1.5}, "seed: found 1.5, allowed is a whole number"),
        ({"machine": {"memory": "9999999999 TiB"}}, "machine.memory: found 10995116276660488372224"),
        ({"processes": [{**SMALL["processes"][0], "name": "a\nb"}]}, "processes.0.name: found 'a\\nb', allowed"),
        ({"duration": 1 << 62}, "duration: found 4611686018427387904, allowed is at most 1152921504606846976"),
        ({"duration": "0 s"}, "duration: found '0 s', allowed is at least 1"),
        ({"observe": {"sample_every": 0}}, "observe.sample_every: found 0, allowed is at least 1"),
        ({"observe": {"fault_log": "yes"}}, "observe.fault_log: found 'yes', allowed is true or false"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_with_key_finding_and_choice(changes: dict[str, object], said: str) -> None:
    assert said in _error(**changes)


@pytest.mark.parametrize("data", [None, 3, "text", [1], []])
def test_a_document_that_is_no_mapping_is_bad_input(data: object) -> None:
    with pytest.raises(BadInput, match="allowed is a mapping"):
        from_document(Document("f.yaml", data, {}))


def test_an_error_names_the_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "machine:\n  processors: 1\n  memory: 64 MB\nprocesses: [{workload: {kind: sequential, pages: 3}}]\n"
    )
    with pytest.raises(BadInput, match=r"x\.yaml:3: machine\.memory: found '64 MB'"):
        load(path)


_KEYS = st.sampled_from(
    ["name", "machine", "memory", "disks", "model", "disk0", "processes", "workload", "kind", "pages", "sweep", "first",
     "memory_manager", "trimming", "policy", "observe", "paging_files", "size", "copies", "files", "parameters",
     "regions"]
)  # fmt: skip
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats(-2, 2)
    | st.sampled_from(["1 MiB", "fifo", "nvme", "", "zipf"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.dictionaries(_KEYS, _VALUES, max_size=5), st.booleans())
def test_any_data_give_an_experiment_or_bad_input(data: dict[str, Any], complete: bool) -> None:
    with contextlib.suppress(BadInput):
        from_document(Document("f.yaml", {**SMALL, **data} if complete else data, {}))


def test_names_sort_as_people_count() -> None:
    assert sorted(["a-10", "a-9", "b", "a", "10", "9"], key=natural) == ["9", "10", "a", "a-9", "a-10", "b"]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_committed_configs_are_valid_and_say_what_they_show(path: Path) -> None:
    assert load(path).name == path.stem
    assert path.read_text("utf-8").startswith("# ")
    assert yaml.safe_load(path.read_text("utf-8"))["processes"]
