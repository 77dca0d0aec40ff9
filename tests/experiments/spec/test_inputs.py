from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

from experiments.errors import BadInput
from experiments.spec.document import Document
from experiments.spec.experiment import Experiment, from_document, load
from experiments.spec.inputs import input_paths, with_absolute_paths
from experiments.spec.plugins import path_parameters
from simulator import registry
from simulator.config import STRICT


@pytest.fixture(autouse=True)
def disk_with_files() -> Iterator[None]:
    """A disk model that reads one file, or two."""
    registry.names("disk")

    @registry.register("disk", "recorded")
    @dataclass(config=STRICT)
    class Recorded:
        """Service times from files."""

        reads: Path
        writes: Path | None = None
        channels: int = 1

    yield
    del registry._FOUND["disk"]["recorded"]


def _experiment(**parameters: object) -> Experiment:
    return from_document(
        Document(
            "f.yaml",
            {
                "name": "x",
                "machine": {"disks": {"d": {"model": "recorded", **parameters}}},
                "processes": [{"workload": {"kind": "trace", "path": "t/b.txt"}}],
            },
            {},
        )
    )


def test_path_parameters_are_known_by_their_type() -> None:
    assert path_parameters(registry.find("disk", "recorded")) == ("reads", "writes")
    assert path_parameters(registry.find("workload", "trace")) == ("path",)
    assert path_parameters(int) == ()


def test_input_files_are_all_paths_that_are_given() -> None:
    assert input_paths(_experiment(reads="a.csv")) == ["a.csv", "t/b.txt"]
    assert input_paths(_experiment(reads="a.csv", writes="/w.csv")) == ["/w.csv", "a.csv", "t/b.txt"]


def test_the_simulator_gets_absolute_paths() -> None:
    experiment = _experiment(reads="../a.csv")
    machine, manager = with_absolute_paths(experiment.machine, experiment.memory_manager, Path("/base/dir"))
    assert machine.disks["d"].parameters == {"reads": "/base/a.csv", "writes": None, "channels": 1}
    assert manager == experiment.memory_manager
    assert dataclasses.replace(machine, disks=experiment.machine.disks) == experiment.machine


def test_a_file_that_a_disk_reads_is_looked_for_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "latencies.txt").write_text("1000\n2000\n")
    config = tmp_path / "x.yaml"
    machine = "machine: {disks: {d: {model: empirical, read: latencies.txt}}}"
    config.write_text(f"{machine}\nprocesses: [{{workload: {{kind: trace, path: t}}}}]\n")
    assert load(config).resolved()["machine"]["disks"]["d"]["read"] == "latencies.txt"
    (tmp_path / "latencies.txt").unlink()
    with pytest.raises(BadInput, match=r"x\.yaml:1: machine\.disks\.d\.read: "):
        load(config)
