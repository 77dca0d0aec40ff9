"""Working-set limits: hard and soft maxima, memory that is tight, and memory priorities of what has left."""

from __future__ import annotations

import pytest

from simulator.config import File, Region
from tests.reference.cases import PAGE
from tests.simulator.small import hard, limits, loads, run, windows


def test_a_hard_maximum_holds_however_much_memory_is_free() -> None:
    """Ten pages twice with room for four: nothing is ever found in the working set."""
    done = run([loads([*range(10)] * 2)], 32, manager=windows(), process=hard(4))
    assert done.process()["peak_working_set"] == 4
    assert (done.summary["demand_zero_faults"], done.summary["transition_faults"]) == (10, 10)
    assert done.process()["replaced"] == 16


def test_a_soft_maximum_gives_way_while_memory_is_plentiful() -> None:
    done = run([loads(range(10))], 32, manager=windows(), process={"working_set": limits(1, 4, hard=False)})
    assert done.process()["peak_working_set"] == 10


def test_a_soft_maximum_holds_when_memory_is_not_plentiful() -> None:
    """12 frames, plentiful means 6 available. Six pages come in while at least 6 were available before; the seventh
    finds 6, the eighth 5: it replaces; the page it replaced is available again, so one more is at hand each time: 5,
    and so on."""
    done = run(
        [loads(range(10))], 12, manager=windows(high_memory=6), process={"working_set": limits(1, 4, hard=False)}
    )
    assert done.process()["peak_working_set"] == 7
    assert done.process()["replaced"] == 3


def test_below_its_maximum_a_process_grows_until_memory_is_tight() -> None:
    """8 frames, tight under 3. Pages 1 to 6 come in with 8, 7, ... 3 available; the seventh finds 2: it replaces."""
    done = run(
        [loads(range(10))], 8, manager=windows(tight_memory=3), process={"working_set": limits(2, 100, hard=False)}
    )
    assert done.process()["peak_working_set"] == 6
    assert done.process()["replaced"] == 4


def test_below_its_minimum_a_process_grows_even_when_memory_is_tight() -> None:
    done = run(
        [loads(range(8))], 8, manager=windows(tight_memory=3), process={"working_set": limits(7, 100, hard=False)}
    )
    assert done.process()["peak_working_set"] == 7


def test_a_policy_that_gives_no_victim_lets_the_working_set_grow() -> None:
    done = run([loads(range(8))], manager=windows("none"), process=hard(2))
    assert done.process()["peak_working_set"] == 8
    assert done.summary["replaced"] == 0


@pytest.mark.parametrize("priorities", [(1, 5), (5, 1)])
def test_the_standby_list_of_the_lowest_priority_is_reused_first(priorities: tuple[int, int]) -> None:
    """7 frames, six of them with pages of files that are there from the start. a and b come to have one page valid and
    two on standby each, one frame is left, c takes four: the last one and three repurposed ones. Both of the lower
    priority go, and one of the other process, its oldest: the file's first."""
    done = run(
        [
            [*loads([1, 2, 3]), (3, 0, 200, 0)],
            [*loads([1, 2, 3]), (3, 0, 200, 0)],
            [*loads([1, 2, 3, 4]), (4, 0, 200, 0)],
        ],
        7,
        manager=windows(),
        machine={"processors": 3, "files": {name: File(size=3 * PAGE) for name in "ab"}},
        process=[
            {**hard(1), "memory_priority": priorities[0], "regions": [Region(first=1, pages=3, file="a", warm=True)]},
            {**hard(1), "memory_priority": priorities[1], "regions": [Region(first=1, pages=3, file="b", warm=True)]},
            {"start": 50},
        ],
        duration=100,
    )
    other = "b" if priorities[0] < priorities[1] else "a"
    standby = done.lists()["standby"]
    assert done.summary["repurposed"] == 3
    assert standby[1] == []
    assert standby[5] == [(f"file:{other}", 1)]


def test_a_shared_page_keeps_the_highest_priority_of_its_users() -> None:
    region = [Region(first=5, pages=1, file="f")]
    done = run(
        [loads([5, 1, 1]), [*loads([5, 1]), (1, 0, 200, 0)]],
        machine={"processors": 2, "files": {"f": File(size=PAGE)}},
        manager=windows(),
        process=[
            {"regions": region, "memory_priority": 4, **hard(1)},
            {"regions": region, "memory_priority": 2, **hard(1)},
        ],
    )
    assert done.lists()["standby"][4] == [("file:f", 0)]
