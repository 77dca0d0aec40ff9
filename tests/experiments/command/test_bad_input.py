"""Whatever a user gets wrong: one clear line on stderr, nothing on stdout, exit status 2, no result."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.experiments.conftest import Command, WriteConfig

ONE_PAGE = {"first": 0, "pages": 1}


def _refused(pagesim: Command, config: Path, *options: object) -> str:
    out = config.parent / "out"
    status, printed, err = pagesim("run", config, *(options or ("--out", out)))
    assert (status, printed) == (2, "")
    assert err.startswith("pagesim: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert not out.exists()
    assert not list(config.parent.glob(".*partial*"))
    return err


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"memroy": "1 MiB"}, "small.yaml:2: machine.memroy: found the unknown key 'memroy', allowed is one of memory"),
        ({"memory": "1 MB"}, "small.yaml:2: machine.memory: found '1 MB', allowed is a size with a unit"),
        ({"memory": "-1 MiB"}, "small.yaml:2: machine.memory: found '-1 MiB', a size can't be negative"),
        (
            {"memory": "4095 B"},
            "machine.memory: found 4095 bytes with 0 bad frames, allowed is at least one good frame",
        ),
        ({"memory": "4 KiB", "bad_frames": 1}, "allowed is at least one good frame"),
    ],
)
def test_config(pagesim: Command, write_config: WriteConfig, machine: dict[str, object], said: str) -> None:
    assert said in _refused(pagesim, write_config(machine=machine))


def test_missing_trace(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config()
    (config.parent / "trace.txt").unlink()
    assert f"{config.parent / 'trace.txt'}: found no readable file (No such file or directory)" in _refused(
        pagesim, config
    )
    status, _, err = pagesim("validate", config)
    assert (status, err.count("\n")) == (2, 1)


def test_truncated_gz(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config()
    whole = gzip.compress("\n".join(map(str, range(5000))).encode())
    (config.parent / "trace.txt").write_bytes(whole[: len(whole) // 2])
    said = _refused(pagesim, config)
    assert "trace.txt" in said
    assert "cut off" in said


def test_a_line_that_is_no_number(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config()
    (config.parent / "trace.txt").write_text("1\n2 W\nthree\n")
    said = _refused(pagesim, config)
    assert "trace.txt" in said
    assert "3" in said
    assert "three" in said


def test_more_distinct_pages_than_the_address_space(pagesim: Command, write_config: WriteConfig) -> None:
    said = _refused(pagesim, write_config(machine={"memory": "1 MiB", "address_space": "4*4 KiB"}))
    assert "5 distinct pages, allowed is at most 4" in said


def test_a_workload_that_commits_more_than_the_limit(pagesim: Command, write_config: WriteConfig) -> None:
    machine = {"memory": "2*4 KiB", "paging_files": [{"size": "2*4 KiB", "maximum": "2*4 KiB"}]}
    said = _refused(pagesim, write_config(machine=machine))
    assert "process p: commits 5 pages" in said
    assert "allowed is at most the commit limit, 4 pages" in said


def test_an_out_that_cannot_be_written_stops_before_the_run(
    pagesim: Command, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.study.run.run", lambda *_: pytest.fail("must not run"))
    config = write_config()
    assert "allowed is a directory that can be written" in _refused(pagesim, config, "--out", config / "r")


def test_an_out_that_holds_something_else(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config()
    assert "allowed is a new or empty one" in _refused(pagesim, config, "--out", config.parent)


@pytest.mark.parametrize("assignment", ["machine.memory", "machine.memory=oak", "machine.oak=1", "processes.q.start=1"])
def test_an_override(pagesim: Command, write_config: WriteConfig, assignment: str) -> None:
    config = write_config()
    said = _refused(pagesim, config, "--set", assignment, "--out", config.parent / "out")
    assert said.startswith(f"pagesim: --set {assignment}")
