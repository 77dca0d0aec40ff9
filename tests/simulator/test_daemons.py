"""The daemons: modified writer, mapped writer, zero page thread and balance set manager, and what wakes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.config import File, MappedWriter, ModifiedWriter, Region, Trimming, ZeroPageThread
from simulator.machine import Machine
from simulator.memory.state import State
from simulator.observe import Observer
from tests.reference.cases import PAGE
from tests.simulator.small import FREE, build, hard, limits, loads, run, stores, windows

LONG = [(9, 0, 250, 0)] * 40
"""10,000 ns with one page"""


def writer(**settings: Any) -> dict[str, Any]:
    """A modified writer that writes when more than two pages are modified, unless told otherwise."""
    usual = {"free_trigger": 1000, "available_divisor": 1, "modified_maximum": 2}
    return windows(modified_writer=ModifiedWriter(**{**usual, **settings}))


def test_the_modified_writer_waits_until_there_are_many_and_writes_them_in_order_of_address() -> None:
    """Pages 5, 3, 4 leave, modified, at 1, 2 and 3: three are more than 2. They are written in one I/O from slot 0
    on, sorted: 3, 4, 5."""
    done = run([[*stores([5, 3, 4]), *LONG]], 16, manager=writer(), process=hard(1))
    assert done.io() == [(3, 3, 1003, "write", 0, 3)]
    written = done.result.pages[done.result.pages["event"] == "written"]
    assert list(zip(written["page"], written["offset"], strict=True)) == [(3, 0), (4, 1), (5, 2)]


def test_the_modified_writer_takes_no_more_than_a_cluster_at_a_time() -> None:
    done = run(
        [[*stores([1, 2, 3]), *LONG]],
        16,
        manager=writer(cluster=2),
        machine={"costs": replace(FREE, write=40)},
        process=hard(1),
    )
    # one page is left behind, which is not more than 2; gathering takes 40 ns of processor time
    assert done.io("submit_ns", "offset", "pages") == [(43, 0, 2)]


@pytest.mark.parametrize(
    ("settings", "writes"),
    [
        ({"free_trigger": 0}, 0),  # never short of zeroed and free pages
        ({"free_trigger": 12}, 0),  # 16 frames, 4 in use: 12 zeroed, which is no less than 12
        ({"free_trigger": 13}, 1),
        ({"modified_maximum": 3}, 0),  # three modified are not more than 3 ...
        ({"modified_maximum": 100, "available_divisor": 6}, 1),  # ... but more than 12 available / 6
        ({"modified_maximum": 100, "available_divisor": 4}, 0),  # and not more than 12 / 4
    ],
)
def test_the_thresholds_of_the_modified_writer(settings: dict[str, int], writes: int) -> None:
    done = run([[*stores([1, 2, 3]), *LONG]], 16, manager=writer(**settings), process=hard(1))
    assert done.summary["page_writes"] == writes


def test_the_modified_writer_writes_for_a_thread_that_waits_for_a_frame() -> None:
    """Two frames, nothing else would start it: page 1 leaves modified and page 3 waits for its frame until 1002."""
    done = run([[*stores([1, 2]), *loads([3])]], 2, manager=writer(free_trigger=0), process=hard(2))
    assert done.faults("page", "queue_ns") == [(1, 0), (2, 0), (3, 1000)]


def test_a_dirty_file_page_is_written_by_the_mapped_writer_at_its_period() -> None:
    """Pages 10 and 11 leave, modified, by 3001; the mapped writer looks at 5000 and writes both in one I/O, to the
    file behind the paging file; page 13 isn't next to them: it goes by itself."""
    done = run(
        [[*stores([10, 11, 13]), *LONG]],
        16,
        machine={"files": {"f": File(size=4 * PAGE)}},
        manager=windows(mapped_writer=MappedWriter(trigger=0, period=5000)),
        process={"regions": [Region(first=10, pages=4, file="f")], "working_set": limits(1, 1)},
    )
    writes = [row for row in done.io() if row[3] == "write"]
    assert writes == [(5000, 5000, 6000, "write", 64, 2), (6000, 6000, 7000, "write", 67, 1)]
    assert [len(pages) for pages in done.lists()["standby"]] == [0, 0, 0, 0, 0, 3, 0, 0]


def test_the_mapped_writer_leaves_few_pages_alone_until_a_flush() -> None:
    """Not more than the trigger at 2000, 4000; at 6000 everything is flushed."""
    done = run(
        [[*stores([10]), *LONG]],
        16,
        machine={"files": {"f": File(size=PAGE)}},
        manager=windows(mapped_writer=MappedWriter(trigger=1, period=2000, flush_period=5000)),
        process={"regions": [Region(first=10, pages=1, file="f")], "working_set": limits(1, 1)},
    )
    assert done.io("submit_ns", "kind") == [(0, "read"), (6000, "write")]


def test_metadata_is_held_back_until_a_flush() -> None:
    """The trigger is exceeded at 2000 and 4000, but metadata don't count before the flush at 6000."""
    done = run(
        [[*stores([10]), *LONG]],
        16,
        machine={"files": {"f": File(size=PAGE, metadata=True)}},
        manager=windows(mapped_writer=MappedWriter(trigger=0, period=2000, flush_period=5000)),
        process={"regions": [Region(first=10, pages=1, file="f")], "working_set": limits(1, 1)},
    )
    assert done.io("submit_ns", "kind") == [(0, "read"), (6000, "write")]


@pytest.mark.parametrize(("trigger", "zeroed"), [(4, 12), (5, 8)])
def test_the_zero_page_thread_starts_at_its_trigger(trigger: int, zeroed: int) -> None:
    """a frees four pages at 4; b runs on until 12,000 on another processor, with one page of its own."""
    done = run(
        [loads([1, 2, 3, 4]), LONG],
        13,
        machine={"processors": 2},
        manager=windows(zero_page_thread=ZeroPageThread(trigger=trigger)),
        duration=5_000,
    )
    assert (done.lists()["zeroed"], done.lists()["free"]) == (zeroed, 12 - zeroed)


def test_the_zero_page_thread_gives_way_to_every_other_thread() -> None:
    """On one processor b leaves it no time; zeroing takes 25 ns a page. When b waits for a page of a file, it runs."""
    runs = [loads([1, 2, 3, 4]), [*LONG, *loads([50]), *LONG]]
    done = run(
        runs,
        13,
        machine={"costs": replace(FREE, zero_page=25), "files": {"f": File(size=PAGE)}},
        manager=windows(zero_page_thread=ZeroPageThread(trigger=4)),
        process=[{}, {"regions": [Region(first=50, pages=1, file="f")]}],
        duration=10_004 + 99,
    )
    assert done.lists()["free"] == 4 - 1  # one was taken for the page that is being read
    done = run(
        runs,
        13,
        machine={"costs": replace(FREE, zero_page=25), "files": {"f": File(size=PAGE)}},
        manager=windows(zero_page_thread=ZeroPageThread(trigger=4)),
        process=[{}, {"regions": [Region(first=50, pages=1, file="f")]}],
        duration=10_004 + 101,
    )
    assert done.lists()["free"] == 0


def test_the_balance_set_manager_trims_when_memory_gets_low() -> None:
    """16 frames; low is 4, high 6. With the 13th page 3 are available: at 12 it is asked for 6 - 3 = 3 pages; they
    were zeroed and never written: they go to the modified list, the oldest first, where they count as on their way."""
    done = run(
        [[*loads(range(13)), *LONG]],
        16,
        manager=windows(low_memory=4, high_memory=6),
        process={"working_set": limits(1, 100, hard=False)},
        duration=1_000,
    )
    assert done.process()["trimmed"] == 3
    assert [page for _, page in done.lists()["modified"]] == [0, 1, 2]


def test_the_balance_set_manager_comes_once_a_period() -> None:
    """With plenty of memory it only ages: one entry in eight, at least one, and only those not used since."""
    done = run(
        [[*loads([1, 2]), *LONG]],
        manager=windows("windows", trimming=Trimming(policy="windows", period=3_000)),
        duration=7_000,
    )
    ages = {page: row[3] for (_, page), row in done.machine.snapshot()["pages"].items()}
    assert ages == {1: 0, 2: 0, 9: 0}  # page 1 at 3000, page 2 at 6000: both had been accessed before, so age 0
    done = run(
        [[*loads([1, 2]), *LONG]],
        manager=windows("windows", trimming=Trimming(policy="windows", period=1_000, parameters={"age_share": 1.0})),
        duration=5_500,
    )
    ages = {page: row[3] for (_, page), row in done.machine.snapshot()["pages"].items()}
    assert ages == {1: 4, 2: 4, 9: 0}  # looked at five times, accessed before the first


class Rounds(Observer):
    """Counts what SimPy or an observer makes the machine stop for."""

    steps = 0

    def stepped(self, state: State, time: int) -> None:
        """One more."""
        self.steps += 1


def pressed(rounds: int, **options: Any) -> Machine:
    """Two processes that store to 8 pages each, over and over, in 5 frames: nearly every fault waits for a frame until
    the modified writer has written one."""
    runs = stores([*range(8)] * rounds)
    return build([runs, runs], 5, manager=writer(), process=[hard(3), {"name": "b", **hard(3)}], **options)


def test_a_fault_that_waits_for_a_frame_costs_simpy_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The balance set manager and the writer are woken hundreds of times, in the kernel; SimPy has the threads' blocks
    and the end, however many faults there are."""

    def steps(rounds: int) -> tuple[int, dict[str, Any]]:
        count = 0
        machine = pressed(rounds, watched=False)
        step = machine.env.step

        def counted() -> None:
            nonlocal count
            count += 1
            step()

        monkeypatch.setattr(machine.env, "step", counted)
        summary = machine.run().summary
        return count, summary

    many = steps(50)
    assert many[1]["hard_faults"] > 700
    assert many[1]["page_writes"] > 300
    assert many[0] < many[1]["hard_faults"] / 10


def test_whoever_watches_every_step_is_shown_those_of_the_daemons() -> None:
    watcher = Rounds()
    summary = pressed(50, watched=False, observers=[watcher]).run().summary
    assert watcher.steps > 2 * summary["page_writes"]  # the writer begins to gather, or learns that a write is done
    assert summary == pressed(50, watched=False).run().summary


class Silent(Observer):
    """Is told of every decision, so that passes are made in Python, and forgets it."""

    passes = 0

    def decided(self, state: State, time: int, policy: str, goal: int, decision: Any) -> None:
        """One more."""
        self.passes += 1


@pytest.mark.parametrize("policy", ["fifo", "windows", "clock"])
def test_passes_made_in_python_are_those_that_the_kernel_makes(policy: str) -> None:
    """Memory is short, so each pass trims; trimming takes time, during which others ask for another pass."""
    manager = {
        **writer(modified_maximum=0),
        "trimming": Trimming(policy=policy, period=2000),
        "low_memory": 2 * PAGE,
        "high_memory": 4 * PAGE,
    }
    costs = replace(FREE, trim=30, age=3, write=20)
    runs = [(page % 11, 0, 3, page % 2) for page in range(2000)]
    options: dict[str, Any] = {"machine": {"costs": costs, "processors": 2}, "manager": manager, "watched": False}
    silent = Silent()
    watched = build([runs, runs[::-1]], 12, observers=[silent], **options)
    alone = build([runs, runs[::-1]], 12, **options)
    left, right = watched.run(), alone.run()
    assert silent.passes > 10
    assert left.summary == right.summary
    assert left.summary["trimmed"] > 10
    assert left.pages.equals(right.pages)
    assert watched.snapshot() == alone.snapshot()
