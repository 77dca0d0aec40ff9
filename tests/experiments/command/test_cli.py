from __future__ import annotations

import json
import subprocess
import sys

import pytest

from experiments import __version__
from tests.experiments.conftest import Command

HEAVY = {"numba", "pandas", "matplotlib", "pyarrow", "numpy", "pydantic", "simpy", "simulator", "workloads"}


def _help(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", "experiments.command.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )


def test_help_imports_nothing_heavy() -> None:
    imported = {line.rsplit("|", 1)[-1].strip() for line in _help("-X", "importtime").stderr.splitlines()}
    assert "typer" in imported
    assert not HEAVY & imported


def test_version(pagesim: Command) -> None:
    assert pagesim("--version") == (0, f"pagesim {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["walk"],
        ["run"],
        ["run", "a.yaml", "b.yaml"],
        ["run", "a.yaml", "--sed", "1"],
        ["run", "a.yaml", "--seed", "x"],
        ["run", "a.yaml", "--seed"],
        ["list"],
        ["list", "things"],
        ["plot", "somewhere", "--format", "gif"],
        ["run", "/no/such.yaml"],
        ["validate", "/no/such.yaml"],
        ["plot", "/no/such"],
        ["rerun", "/no/such"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line_and_status_2(pagesim: Command, arguments: list[str]) -> None:
    status, out, err = pagesim(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("pagesim: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("what", ["policies", "workloads", "formats", "disks", "plots"])
def test_list_shows_every_plugin_with_its_parameters(pagesim: Command, what: str) -> None:
    status, out, _ = pagesim("list", what, "--json")
    entries = json.loads(out)[what]
    assert status == 0
    assert entries
    status, table, _ = pagesim("list", what)
    assert status == 0
    for entry in entries:
        assert entry["name"] in table
        assert entry["description"], "a plug-in says what it is in its docstring"
        for parameter in entry["parameters"]:
            assert parameter in table


@pytest.mark.parametrize(("place", "reason"), [("full", "No space left"), ("closed", "Bad file descriptor")])
def test_output_that_nobody_can_take_is_one_line_and_status_1(place: str, reason: str) -> None:
    where = ">/dev/full" if place == "full" else ">&-"
    ran = subprocess.run(
        ["sh", "-c", f'"$0" -m experiments.command.cli schema {where}', sys.executable], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith(f"pagesim: standard output: can't be written: {reason}")


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    ran = subprocess.run(
        ["sh", "-c", '"$0" -m experiments.command.cli schema | true', sys.executable], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.stderr == ""
