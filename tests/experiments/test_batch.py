"""A batch loses nothing that was finished, and one bad point doesn't spoil the others."""

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
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.batch.point import Outcome, Point, keys
from experiments.batch.pool import Here, Local, local
from experiments.batch.run import DIED, outcomes, run_batch, spread
from experiments.batch.store import PointStore
from experiments.config import load
from experiments.errors import BadInput, Interrupted
from tests.experiments.conftest import WriteConfig


def points(*labels: str) -> list[Point]:
    return [Point(label, {}, "/") for label in labels]


def echo(point: Point) -> dict[str, Any]:
    if point.label.startswith("bad"):
        raise BadInput(f"{point.label}: no\ngood")
    if point.label.startswith("broken"):
        raise ZeroDivisionError("of its own")
    if point.label.startswith("die"):
        os._exit(9)
    return {"label": point.label, "process": os.getpid()}


def test_outcomes_are_in_the_order_of_the_points_and_failures_are_told_in_a_line() -> None:
    found = run_batch(points("b", "bad", "a", "broken"), Local(1), 2, work=echo)
    assert [outcome.point.label for outcome in found] == ["b", "bad", "a", "broken"]
    assert [outcome.error for outcome in found] == [None, "bad: no good", None, "ZeroDivisionError: of its own"]


def test_workers_share_the_points_and_one_that_dies_costs_only_its_own() -> None:
    labels = ["a", "die", "b", "c", "d", "bad", "e"]
    found = {outcome.point.label: outcome for outcome in outcomes(points(*labels), Local(2), 4, echo)}
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
    found = [outcome.point.label for outcome in outcomes(points(*labels), opened, in_flight, echo)]
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


def test_what_is_kept_is_not_run_again(tmp_path: Path, write_config: WriteConfig) -> None:
    config = write_config()
    resolved = load(config).resolved()
    store = PointStore(tmp_path / "store")
    some = [Point(f"{seed}", {**resolved, "seed": seed}, str(tmp_path)) for seed in (1, 2, 3)]
    ran: list[str] = []

    def work(point: Point) -> dict[str, Any]:
        ran.append(point.label)
        if point.label == "2" and len(ran) < 3:
            raise BadInput("not yet")
        return {"label": point.label}

    first = run_batch(some, Local(1), 1, store, work)
    assert [outcome.error for outcome in first] == [None, "not yet", None]
    second = run_batch(some, Local(1), 1, store, work)
    assert ran == ["1", "2", "3", "2"]
    assert [outcome.measured for outcome in second] == [{"label": label} for label in "123"]
    (tmp_path / "trace.txt").write_text("1\n2\n")  # another input: nothing kept holds any more
    run_batch(some, Local(1), 1, store, work)
    assert len(ran) == 7


def test_a_key_changes_with_all_that_an_outcome_depends_on(tmp_path: Path, write_config: WriteConfig) -> None:
    resolved = load(write_config()).resolved()
    base = str(tmp_path)
    point = Point("a", resolved, base)
    others = [
        Point("a", {**resolved, "seed": 5}, base),
        Point("a", resolved, base, unlimited=True),
        Point("a", resolved, base, keep=str(tmp_path / "kept")),
    ]
    assert len({*keys([point, *others])}) == 4
    assert keys([point]) == keys([Point("another name", resolved, base)])


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path, write_config: WriteConfig) -> None:
    resolved = load(write_config()).resolved()
    some = [Point(f"{seed}", {**resolved, "seed": seed}, str(tmp_path)) for seed in (1, 2, 3)]
    store = PointStore(tmp_path / "store")

    def work(point: Point) -> dict[str, Any]:
        if point.label == "3":
            raise KeyboardInterrupt
        return {}

    with pytest.raises(Interrupted, match="2 of 3 runs are kept in "):
        run_batch(some, Local(1), 1, store, work)
    assert len(list(store.directory.glob("*.json"))) == 2
    assert not list(store.directory.glob(".*"))
    with pytest.raises(Interrupted, match="nothing written"):
        run_batch(some[2:], Local(1), 1, None, work)


def test_a_half_written_file_is_no_outcome(tmp_path: Path) -> None:
    store = PointStore(tmp_path)
    point = points("a")[0]
    store.put("key", Outcome(point, {"x": 1.5}, None, 0.25))
    assert store.get("key", point) == Outcome(point, {"x": 1.5}, None, 0.25)
    (tmp_path / "key.json").write_text('{"measured": {"x"', "utf-8")
    assert store.get("key", point) is None
    assert store.get("other", point) is None


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"  # ended, and not yet noticed by whoever adopted it


SLEEPERS = """
    import sys, time
    from tests.experiments.test_batch import sleep, points
    from experiments.batch.pool import Local
    from experiments.batch.run import run_batch
    if __name__ == "__main__":
        run_batch(points("a", "b"), Local(2), 2, work=sleep)
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
    root = str(Path(__file__).parents[2])
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
