"""A study loses nothing that was finished, and one bad point doesn't spoil the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput, Interrupted
from experiments.spec.experiment import load
from experiments.study.plan import Outcome, Planner, Point, Setting, spread
from experiments.study.queue import DIED, outcomes, run_points
from experiments.study.workers import Here, Local, Workers, local
from tests.experiments.conftest import WriteConfig

ONE = Workers(Local(1), 1)


def points(*names: str) -> list[Point]:
    return [Point(name, {}, "/", {}, {}) for name in names]


def echo(point: Point) -> dict[str, Any]:
    if point.name.startswith("bad"):
        raise BadInput(f"{point.name}: no\ngood")
    if point.name.startswith("broken"):
        raise ZeroDivisionError("of its own")
    if point.name.startswith("die"):
        os._exit(9)
    return {"label": point.name, "process": os.getpid()}


def test_outcomes_are_in_the_order_of_the_points_and_failures_are_told_in_a_line() -> None:
    found = run_points(points("b", "bad", "a", "broken"), ONE, work=echo)
    assert [outcome.point.name for outcome in found] == ["b", "bad", "a", "broken"]
    assert [outcome.error for outcome in found] == [None, "bad: no good", None, "ZeroDivisionError: of its own"]


def test_workers_share_the_points_and_one_that_dies_costs_only_its_own() -> None:
    labels = ["a", "die", "b", "c", "d", "bad", "e"]
    found = {outcome.point.name: outcome for outcome in outcomes(points(*labels), Local(2), 4, echo)}
    assert sorted(found) == sorted(labels)
    assert {label: outcome.error for label, outcome in found.items() if outcome.error} == {
        "die": DIED, "bad": "bad: no good",
    }  # fmt: skip
    workers = {outcome.measured["process"] for outcome in found.values() if outcome.measured}
    assert os.getpid() not in workers


def test_workers_that_got_ready_beforehand_do_the_work_and_the_next_ones_are_others() -> None:
    with local(2) as workers:
        early = {child.pid for child in multiprocessing.active_children()}
        assert len(early) == 2
        first, second = (
            {outcome.measured["process"] for outcome in outcomes(points("a", "b"), workers.opener, 2, echo)
             if outcome.measured}
            for _ in range(2)
        )  # fmt: skip
    assert first <= early
    assert not second & early
    assert not multiprocessing.active_children()


def test_workers_that_nobody_needs_are_ended() -> None:
    with pytest.raises(BadInput), local(2):
        raise BadInput("a bad config")
    with local(2):
        pass
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("number", [0, -1, 1025])
def test_a_number_of_workers_that_is_out_of_bounds_is_told(number: int) -> None:
    with pytest.raises(BadInput, match=rf"--workers {number}: allowed is 1 to 1024"), local(number):
        pass


class Fragile(Here):
    """An executor that breaks at its third point, with two in flight."""

    def __init__(self) -> None:
        self.given = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.given += 1
        if self.given == 3:
            broken: Future[Any] = Future()
            broken.set_exception(BrokenExecutor())
            return broken
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_each_point_has_one_outcome_however_often_the_executor_breaks(in_flight: int) -> None:
    @contextmanager
    def opened() -> Iterator[Executor]:
        yield Fragile()

    labels = [f"p{n}" for n in range(9)]
    found = [outcome.point.name for outcome in outcomes(points(*labels), opened, in_flight, echo)]
    assert sorted(found) == labels


@given(st.integers(0, 200))
def test_any_first_part_of_the_order_is_spread_over_all(count: int) -> None:
    order = spread(count)
    assert sorted(order) == list(range(count))
    for taken in range(2, count + 1):
        part = sorted(order[:taken])
        assert part[0] == 0
        assert part[-1] == count - 1
        widest = max(after - before for before, after in pairwise(part))
        assert widest <= 4 * (count - 1) / (taken - 1) + 1


class Memory:
    """A store that forgets nothing until the process ends."""

    def __init__(self) -> None:
        self.directory = Path("memory")
        self.kept: dict[str, Outcome] = {}

    def get(self, point: Point) -> Outcome | None:
        return self.kept.get(point.name)

    def put(self, outcome: Outcome) -> Outcome:
        return self.kept.setdefault(outcome.point.name, outcome)


def test_what_is_kept_is_not_run_again() -> None:
    ran: list[str] = []

    def work(point: Point) -> dict[str, Any]:
        ran.append(point.name)
        if point.name == "2" and len(ran) < 3:
            raise BadInput("not yet")
        return {"name": point.name}

    store = Memory()
    first = run_points(points("1", "2", "3"), ONE, store, work)
    assert [outcome.error for outcome in first] == [None, "not yet", None]
    second = run_points(points("1", "2", "3"), ONE, store, work)
    assert ran == ["1", "2", "3", "2"]
    assert [outcome.measured for outcome in second] == [{"name": name} for name in "123"]


def test_a_key_changes_with_all_that_an_outcome_depends_on(write_config: WriteConfig) -> None:
    experiment = load(write_config())
    setting = Setting({}, {}, experiment)
    base = write_config().parent
    [point] = Planner(base, 1).points(setting)
    others = [
        replace(point, config={**point.config, "seed": 5}),
        replace(point, unlimited=True),
        replace(point, lists=True),
        replace(point, program="another"),
    ]
    (base / "trace.txt").write_text("1\n2\n")
    others += Planner(base, 1).points(setting)
    assert len({point.key, *(other.key for other in others)}) == 6
    assert point.key == replace(point, name="another name", whole=False).key


def test_an_interrupt_keeps_what_is_finished() -> None:
    def work(point: Point) -> dict[str, Any]:
        if point.name == "3":
            raise KeyboardInterrupt
        return {}

    store = Memory()
    with pytest.raises(Interrupted, match="2 of 3 runs are kept in memory, and --resume goes on from there"):
        run_points(points("1", "2", "3"), ONE, store, work)
    assert sorted(store.kept) == ["1", "2"]
    with pytest.raises(Interrupted, match="nothing written"):
        run_points(points("3"), ONE, None, work)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"  # ended, and not yet noticed by whoever adopted it


SLEEPERS = """
    import sys, time
    from tests.experiments.study.test_queue import sleep, points
    from experiments.study.workers import Local, Workers
    from experiments.study.queue import run_points
    if __name__ == "__main__":
        run_points(points("a", "b"), Workers(Local(2), 2), work=sleep)
"""


def sleep(point: Point) -> dict[str, Any]:
    Path(os.environ["PIDS"], f"{os.getpid()}").touch()
    time.sleep(120)
    return {}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGINT, signal.SIGTERM))]
)
def test_workers_do_not_outlive_their_parent(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "sleepers.py"
    script.write_text(textwrap.dedent(SLEEPERS))
    pids = tmp_path / "pids"
    pids.mkdir()
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root, "PIDS": str(pids)}
    with subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.DEVNULL) as parent:
        deadline = time.monotonic() + 60
        while len(list(pids.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        workers = [int(path.name) for path in pids.iterdir()]
        assert len(workers) == 2
        parent.send_signal(number)
        parent.wait(timeout=20)
    deadline = time.monotonic() + 20
    while (alive := [pid for pid in workers if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive
