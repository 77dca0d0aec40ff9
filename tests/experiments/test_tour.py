"""The tour of the Python API prints what is committed: `python -m experiments.tour > tests/experiments/tour.txt`."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import experiments

TOUR = Path(experiments.__file__).with_name("tour.py")
PRINTED = Path(__file__).with_name("tour.txt")


def test_the_tour_prints_what_is_committed_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_module("experiments.tour", run_name="__main__")
    printed = capsys.readouterr()
    assert printed.out == PRINTED.read_text("utf-8")
    assert printed.err == ""
    assert list(tmp_path.iterdir()) == []


def test_each_cell_of_the_tour_can_be_run_by_itself() -> None:
    cells = TOUR.read_text("utf-8").split("\n# %% ")
    assert len(cells) > 8
    for number, cell in enumerate(cells):
        compile(f"# {cell}" if number else cell, f"cell {number}", "exec")
