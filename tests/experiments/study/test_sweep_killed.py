"""A sweep that is killed, at any moment and however often, and resumed, ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from experiments.command.cli import main
from experiments.storage.points import load
from tests.experiments.study.test_sweep import made

Stamps = dict[str, tuple[int, int]]


def config(directory: Path, points: int) -> Path:
    """Four times as many pages as frames, at most, so that every frame of the results has rows."""
    zipf = {"kind": "zipf", "pages": 300, "references": 3000, "writes": 0.3}
    memories = [f"{64 + number}*4 KiB" for number in range(points // 4)]
    sweep = {
        "machine.memory": memories,
        "memory_manager.trimming.policy": ["windows", "clock"],
        "processes.p.workload.exponent": [0.6, 1.1],
    }
    path = directory / "killed.yaml"
    path.write_text(yaml.safe_dump({"processes": [{"name": "p", "workload": zipf}], "sweep": sweep}))
    return path


def command(path: Path, out: Path, workers: int) -> list[str]:
    arguments = ["sweep", path, "--out", out, "--resume", "--workers", workers]
    return [sys.executable, "-m", "experiments.command.cli", *map(str, arguments)]


def stamps(out: Path) -> Stamps:
    """Which file each finished point's manifest is, and since when: another one if the point were run again."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("point=*/manifest.json")}


def killed(path: Path, out: Path, workers: int, points: int, seconds: float) -> Stamps:
    """Start, or go on with, the sweep; kill it some time after so many more points are finished. What is there then."""
    already = len(stamps(out))
    with subprocess.Popen(command(path, out, workers), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 120
        while len(stamps(out)) < already + points and time.monotonic() < deadline and running.poll() is None:
            time.sleep(0.002)
        time.sleep(seconds)
        assert running.poll() is None, "it ended before it was killed"
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=20)
        assert running.stderr is not None
        assert b"Traceback" not in running.stderr.read()  # which ends when the last worker has
    return stamps(out)


def survives(tmp_path: Path, points: int, moments: list[tuple[int, float]], workers: int) -> None:
    path, out = config(tmp_path, points), tmp_path / "out"
    seen: Stamps = {}
    for more, seconds in moments:
        now = killed(path, out, workers, more, seconds)
        assert seen.items() <= now.items(), "a finished point was run again"
        seen = now
        if seen:
            assert len(load(out)) == len(seen)
    assert 0 < len(seen) < points
    assert main(["sweep", str(path), "--out", str(out), "--resume", "--workers", "1"]) == 0
    assert seen.items() <= stamps(out).items(), "a finished point was run again"
    assert not list(out.glob(".*"))
    assert main(["sweep", str(path), "--out", str(tmp_path / "whole"), "--workers", "1"]) == 0
    assert made(out) == made(tmp_path / "whole")
    assert len(made(out)) == 3 + 8 * points


def test_a_sweep_that_was_killed_and_resumed_ends_with_the_same_bytes(tmp_path: Path) -> None:
    survives(tmp_path, 8, [(2, 0.0)], 1)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_two_hundred_points_survive_twenty_kills(tmp_path: Path, workers: int) -> None:
    chance = random.Random(workers)
    moments = [(chance.randrange(0, 15), chance.uniform(0.0, 0.1)) for _ in range(20)]
    survives(tmp_path, 200, moments, workers)


@pytest.mark.slow
def test_the_same_sweep_started_twice_at_once_is_run_once(tmp_path: Path) -> None:
    path, out = config(tmp_path, 40), tmp_path / "out"
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    both = [subprocess.Popen(command(path, out, 1), **pipes, text=True) for _ in range(2)]  # type: ignore[call-overload]
    told = [running.communicate(timeout=120)[1] for running in both]
    assert sorted(running.returncode for running in both) == [0, 2]
    refused = next(text for text in told if text)
    assert "at work on it, allowed is one at a time" in refused
    assert main(["sweep", str(path), "--out", str(tmp_path / "whole"), "--workers", "1"]) == 0
    assert made(out) == made(tmp_path / "whole")
