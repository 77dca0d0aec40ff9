"""Processors: who runs, for how long, and who pays; a reference takes 1 ns and all else nothing unless given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.config import File, Region, Trimming
from tests.reference.cases import PAGE
from tests.simulator.small import FREE, Done, run, windows

Times = dict[str, tuple[int, int, int]]


def times(done: Done) -> Times:
    """Of each process: when it finished, how long it ran, how long it was ready."""
    return {
        name: (row["finished_ns"], row["run_ns"], row["ready_ns"]) for name, row in done.summary["processes"].items()
    }


def test_equal_priorities_take_turns_by_the_quantum() -> None:
    """Quantum 2: a 0-2, b 2-4, a 4-5 (ends), b 5-6 (ends)."""
    done = run([[(1, 0, 3, 0)], [(1, 0, 3, 0)]], machine={"quantum": 2})
    assert times(done) == {"a": (5, 3, 2), "b": (6, 3, 3)}


def test_a_lone_thread_is_not_interrupted_by_its_quantum() -> None:
    assert times(run([[(1, 0, 100, 0)]], machine={"quantum": 3})) == {"a": (100, 100, 0)}


def test_a_higher_priority_preempts_and_a_lower_one_waits() -> None:
    """a 0-3, b (priority 9) 3-7, a 7-14; c (priority 7) 14-16."""
    done = run(
        [[(1, 0, 10, 0)], [(1, 0, 4, 0)], [(1, 0, 2, 0)]],
        process=[{"priority": 8}, {"priority": 9, "start": 3}, {"priority": 7, "start": 1}],
    )
    assert times(done) == {"a": (14, 10, 4), "b": (7, 4, 0), "c": (16, 2, 13)}


def test_a_preempted_thread_keeps_its_place_and_the_rest_of_its_quantum() -> None:
    """Quantum 10. a 0-4; c (priority 9) 4-7; a goes on before b, for the 6 ns left: 7-13; b 13-23; a 23-31; b ends
    34."""
    done = run(
        [[(1, 0, 18, 0)], [(1, 0, 13, 0)], [(1, 0, 3, 0)]],
        machine={"quantum": 10},
        process=[{}, {}, {"priority": 9, "start": 4}],
    )
    assert times(done) == {"a": (31, 18, 13), "b": (34, 13, 21), "c": (7, 3, 0)}


def test_a_quantum_that_ended_unnoticed_is_renewed() -> None:
    """Quantum 10. a is alone until 25, its third quantum ends at 30; b then runs 30-35, a goes on to 45."""
    done = run([[(1, 0, 40, 0)], [(1, 0, 5, 0)]], machine={"quantum": 10}, process=[{}, {"start": 25}])
    assert times(done) == {"a": (45, 40, 5), "b": (35, 5, 5)}


def test_a_blocked_thread_gives_its_processor_up() -> None:
    """a waits for its read from 0 to 1000, b runs 0-5; a executes at 1000 and ends at 1001."""
    done = run(
        [[(5, 0, 1, 0)], [(1, 0, 5, 0)]],
        machine={"files": {"f": File(size=PAGE)}},
        process=[{"regions": [Region(first=5, pages=1, file="f")]}, {}],
    )
    assert times(done) == {"a": (1001, 1, 0), "b": (5, 5, 0)}
    assert done.process("a")["stall_read_ns"] == 1000


def test_a_thread_that_wakes_preempts_a_lower_priority_only() -> None:
    """a (priority 9) reads 0-1000 and takes the processor back at once; with priority 8 it waits for b's quantum:
    1500."""
    for priority, finished in ((9, 1001), (8, 1501)):
        done = run(
            [[(5, 0, 1, 0)], [(1, 0, 250, 0)] * 10],
            machine={"files": {"f": File(size=PAGE)}, "quantum": 1500},
            process=[{"regions": [Region(first=5, pages=1, file="f")], "priority": priority}, {}],
        )
        assert done.process("a")["finished_ns"] == finished
        assert done.process("b")["finished_ns"] == 2501


def test_processors_run_threads_side_by_side() -> None:
    done = run([[(1, 0, 7, 0)], [(1, 0, 9, 0)]], machine={"processors": 2})
    assert times(done) == {"a": (7, 7, 0), "b": (9, 9, 0)}


def test_the_weakest_of_the_running_threads_is_preempted() -> None:
    """On two processors run a (priority 9) and b (priority 5); c (priority 8) comes at 3 and takes b's: 3-7."""
    done = run(
        [[(1, 0, 10, 0)], [(1, 0, 10, 0)], [(1, 0, 4, 0)]],
        machine={"processors": 2},
        process=[{"priority": 9}, {"priority": 5}, {"priority": 8, "start": 3}],
    )
    assert times(done) == {"a": (10, 10, 0), "b": (14, 10, 4), "c": (7, 4, 0)}


@pytest.mark.parametrize("processors", [1, 2, 3])
def test_equal_threads_get_equal_shares(processors: int) -> None:
    """Six threads of 700 ns on 1, 2 or 3 processors, quantum 7: no processor idles, and all end within the last
    round."""
    done = run([[(1, 0, 175, 0)] * 4] * 6, machine={"processors": processors, "quantum": 7})
    ends = sorted(row["finished_ns"] for row in done.summary["processes"].values())
    assert ends[-1] == 6 * 700 // processors
    assert ends[0] > ends[-1] - 7 * 6 // processors


def test_the_balance_set_manager_takes_processor_time() -> None:
    """Aging one entry costs 10 ns, at 100, 200 and 300; a makes 300 references: it ends at 330."""
    done = run(
        [[(1, 0, 100, 0)] * 3],
        machine={"costs": replace(FREE, age=10)},
        manager=windows(trimming=Trimming(policy="windows", period=100)),
    )
    assert times(done) == {"a": (330, 300, 30)}


def test_a_second_processor_takes_the_daemons_off_the_first() -> None:
    done = run(
        [[(1, 0, 100, 0)] * 3],
        machine={"costs": replace(FREE, age=10), "processors": 2},
        manager=windows(trimming=Trimming(policy="windows", period=100)),
    )
    assert times(done) == {"a": (300, 300, 0)}


def test_the_time_of_a_fault_is_processor_time_and_can_be_preempted() -> None:
    """a's demand-zero fault costs 100 ns, from 0 on; b (priority 9) runs 40-45; a goes on to 105, its reference to
    106."""
    done = run(
        [[(1, 0, 1, 0)], [(1, 0, 5, 0)]],
        machine={"costs": replace(FREE, demand_zero=100), "processors": 1},
        process=[{}, {"priority": 9, "start": 40}],
    )
    # b's own fault costs 100 as well: b 40-145, a 145-206
    assert times(done) == {"a": (206, 101, 105), "b": (145, 105, 0)}
