"""A run's result: its frames are made when they are looked at, and are then like any others."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pandas as pd
import pytest

from simulator.result import FRAMES, OPTIONAL, RunResult
from tests.simulator.small import TEXTBOOK, loads, run, stores


def result() -> RunResult:
    """Of a machine whose frames all have something in them."""
    return run([stores([1, 2, 3, 4]), loads([1, 2, 3])], 3, manager=TEXTBOOK).result


def test_a_frame_is_made_once_and_when_it_is_looked_at() -> None:
    asked: list[str] = []

    def make() -> pd.DataFrame:
        asked.append("io")
        return pd.DataFrame({"a": [1]})

    made = RunResult.later({}, {"io": make})
    assert asked == []
    assert made.io is made.io
    assert asked == ["io"]
    assert made.pages.empty


def test_what_is_not_a_frame_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'RunResult' object has no attribute 'fault'"):
        result().fault  # type: ignore[attr-defined] # noqa: B018


def test_a_frame_may_be_replaced_before_anybody_looks() -> None:
    made = result()
    made.io = pd.DataFrame({"a": [1]})
    assert made.complete().io.columns.tolist() == ["a"]


def test_a_copy_and_what_is_sent_elsewhere_have_the_same_frames_and_nothing_else(tmp_path: Path) -> None:
    made = result()
    for other in (copy.copy(made), pickle.loads(pickle.dumps(made))):
        assert vars(other).keys() == {"summary", *FRAMES, *OPTIONAL}
        for name in (*FRAMES, *OPTIONAL):
            pd.testing.assert_frame_equal(getattr(other, name), getattr(made, name))
    made.write(tmp_path)
    assert len(RunResult.read(tmp_path).faults) == len(made.faults) > 0
