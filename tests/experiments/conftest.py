"""Helpers of the tests: a config in a file, and the command run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from experiments.command.cli import main
from experiments.storage.directory import DIGEST, sealed


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


Command = Callable[..., Ran]
WriteConfig = Callable[..., Path]

TRACE = "1\n2\n3\n4\n1\n2\n5\n1\n2\n3\n4\n5\n"


@pytest.fixture
def pagesim(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def write_config(tmp_path: Path) -> WriteConfig:
    """Writes a small experiment, `changes` replacing its top-level keys, beside a text trace called trace.txt."""

    def write(**changes: object) -> Path:
        (tmp_path / "trace.txt").write_text(TRACE, encoding="utf-8")
        config: dict[str, object] = {
            "name": "small",
            "machine": {"memory": "3*4 KiB"},
            "memory_manager": {"model": "demand-paging", "trimming": {"policy": "fifo"}},
            "processes": [{"name": "p", "workload": {"kind": "trace", "path": "trace.txt"}}],
        }
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(config | changes), encoding="utf-8")
        return path

    return write


BUSY: dict[str, object] = {
    "name": "busy",
    "machine": {
        "memory": "40*4 KiB",
        "processors": 2,
        "disks": {"slow": {"model": "hdd"}, "fast": {"model": "nvme"}},
        "paging_files": [{"disk": "fast", "size": "1 MiB"}, {"disk": "slow", "size": "2 MiB"}],
        "files": {"shared": {"size": "64 KiB", "disk": "slow"}, "other": {"size": "32 KiB", "disk": "fast"}},
    },
    "memory_manager": {},
    "processes": [
        {"name": "writer", "workload": {"kind": "zipf", "pages": 60, "references": 20_000, "writes": 0.3}},
        {"name": "reader", "copies": 2, "workload": {"kind": "uniform", "pages": 30, "references": 5_000},
         "regions": [{"first": 16, "pages": 8, "file": "other"}, {"first": 24, "pages": 16, "file": "shared"}]},
        {"name": "late", "start": "1 ms", "workload": {"kind": "trace", "path": "trace.txt"}},
    ],
}  # fmt: skip
"""A config in which everything competes: two disks and paging files, shared files, more pages than frames."""


def frames_of(directory: Path) -> dict[str, bytes]:
    """What has to be equal, byte for byte, in two results of one config and seed."""
    found = {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix in (".parquet", ".json")}
    del found["manifest.json"]
    assert {"summary.json", "samples.parquet", "processes.parquet", "faults.parquet", "io.parquet"} <= set(found)
    return found


def change_study(source: Path, target: Path, **changes: object) -> None:
    """Write a study's description, as it would be with other values, into a directory."""
    study = json.loads((source / "study.json").read_text("utf-8")) | changes
    del study[DIGEST]
    (target / "study.json").write_text(sealed(study), "utf-8")
