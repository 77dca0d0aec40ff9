"""A sweep on a Dask cluster of real processes over TCP gives the bytes that it gives here, whoever dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.experiments.conftest import TRACE, Command
from tests.experiments.study.test_sweep import made

pytest.importorskip("distributed")

Process = subprocess.Popen[bytes]


def started(directory: Path, module: str, *arguments: str) -> Process:
    environment = {**os.environ, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}
    command = [
        sys.executable,
        "-m",
        f"distributed.cli.{module}",
        "--scheduler-file",
        "scheduler.json",
        "--no-dashboard",
    ]
    return subprocess.Popen([*command, *arguments], cwd=directory, env=environment, stderr=subprocess.DEVNULL)


def address(told: Path) -> str:
    """What a scheduler has written into its file, once it is whole."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return str(json.loads(told.read_text())["address"])
        except (FileNotFoundError, json.JSONDecodeError):
            assert time.monotonic() < deadline, "the scheduler doesn't start"
            time.sleep(0.05)


@contextmanager
def cluster(directory: Path, count: int) -> Iterator[tuple[str, list[Process]]]:
    """A scheduler's address and its workers, each a process of one thread."""
    running = [started(directory, "dask_scheduler", "--port", "0", "--host", "127.0.0.1")]
    try:
        workers = [
            started(directory, "dask_worker", "--nthreads", "1", "--no-nanny", "--local-directory", f"w{number}")
            for number in range(count)
        ]
        running += workers
        yield address(directory / "scheduler.json"), workers
    finally:
        for process in running:
            process.kill()
            process.wait(timeout=20)


def config(directory: Path, points: int, references: int) -> Path:
    zipf = {"kind": "zipf", "pages": 300, "references": references, "writes": 0.3}
    trace = {"kind": "trace", "path": "trace.txt"}
    mixed = {"kind": "mixed", "parts": [{"workload": trace, "weight": 1}, {"workload": zipf, "weight": 9}]}
    data = {
        "processes": [{"name": "trace.txt", "workload": trace}, {"name": "q", "workload": mixed}],
        "sweep": {"machine.memory": [f"{64 + number}*4 KiB" for number in range(points)]},
    }
    (directory / "trace.txt").write_text(TRACE)
    path = directory / "cluster.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_worker_that_is_killed_changes_nothing_but_time(pagesim: Command, tmp_path: Path) -> None:
    path = config(tmp_path, 6, 20_000)
    out, here = tmp_path / "out", tmp_path / "here"
    with cluster(tmp_path, 2) as (address, workers):
        arguments = ["sweep", path, "--out", out, "--executor", "dask", "--scheduler", address]
        command = [sys.executable, "-m", "experiments.command.cli", *map(str, arguments)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as sweep:
            deadline = time.monotonic() + 120
            while len(list(out.glob("point=*"))) < 2 and time.monotonic() < deadline and sweep.poll() is None:
                time.sleep(0.01)
            assert sweep.poll() is None
            workers[0].kill()
            _, err = sweep.communicate(timeout=120)
    assert (sweep.returncode, err) == (0, "")
    assert pagesim("sweep", path, "--out", here, "--workers", 1).status == 0
    assert made(out) == made(here)


@pytest.mark.slow
def test_a_scheduler_that_is_killed_costs_no_finished_point(pagesim: Command, tmp_path: Path) -> None:
    path = config(tmp_path, 30, 20_000)
    out, here = tmp_path / "out", tmp_path / "here"
    with cluster(tmp_path, 2) as (address, _):
        arguments = ["sweep", path, "--out", out, "--executor", "dask", "--scheduler", address]
        command = [sys.executable, "-m", "experiments.command.cli", *map(str, arguments)]
        sweep = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while len(list(out.glob("point=*"))) < 2 and sweep.poll() is None:
            time.sleep(0.01)
    _, err = sweep.communicate(timeout=120)
    assert (sweep.returncode, err.count("\n")) == (1, 1), err
    assert "and --resume goes on from there" in err
    assert pagesim("sweep", path, "--out", out, "--resume", "--workers", 1).status == 0
    assert pagesim("sweep", path, "--out", here, "--workers", 1).status == 0
    assert made(out) == made(here)


def test_no_scheduler_is_told_in_a_line(pagesim: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.study.workers.ANSWER_WITHIN", "300ms")
    path = config(tmp_path, 2, 10)
    for address in ("tcp://127.0.0.1:9", "tcp://127.0.0.1:http", "nonsense://x"):
        status, _, err = pagesim("sweep", path, "--out", tmp_path / "o", "--executor", "dask", "--scheduler", address)
        assert (status, err.count("\n")) == (2, 1), err
        assert err.startswith(f"pagesim: --scheduler {address}: found no Dask scheduler that answers (")
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = pagesim("sweep", path, "--out", tmp_path / "o", "--executor", "dask", "--scheduler", "tcp://x:1")
    assert (status, err.count("\n")) == (2, 1)
    assert "found no package distributed, allowed after: pip install 'pagesim[distributed]'" in err
    assert not (tmp_path / "o").exists()
