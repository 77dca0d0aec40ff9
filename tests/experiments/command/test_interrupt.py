from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.command.cli import INTERRUPTED, TERMINATED
from tests.experiments.conftest import Command, WriteConfig


@pytest.mark.parametrize(
    "when", ["experiments.study.run.run", "simulator.result.RunResult.write", "experiments.present.plots.draw.draw"]
)
def test_ctrl_c_leaves_nothing(
    pagesim: Command, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(when, interrupt)
    config = write_config()
    before = sorted(config.parent.iterdir())
    status, out, err = pagesim("run", config, "--out", config.parent / "out")
    assert (status, out, err) == (INTERRUPTED, "", "pagesim: interrupted, nothing written\n")
    assert sorted(config.parent.iterdir()) == before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)])
def test_a_signal_in_the_middle_of_a_run_leaves_nothing(
    write_config: WriteConfig, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    endless = {"kind": "uniform", "pages": 1000, "references": 10**12}
    config = write_config(processes=[{"name": "p", "workload": endless}], machine={"memory": "1 MiB"})
    before = sorted(tmp_path.iterdir())
    command = [sys.executable, "-m", "experiments.command.cli", "run", str(config), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out.partial-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(1.0)
        running.send_signal(number)
        out, err = running.communicate(timeout=300)
    assert running.returncode == status, err
    assert out == ""
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before
