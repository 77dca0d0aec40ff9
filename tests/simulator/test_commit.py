"""Commit charge: who is charged what, how the limit grows, and who is turned away."""

from __future__ import annotations

import pytest

from simulator.config import File, PagingFile, Region
from simulator.state.constants import STATUS_COMMITMENT_LIMIT
from tests.reference.cases import PAGE
from tests.simulator.small import Done, hard, immediate, loads, run, windows


def paging(size: int, maximum: int) -> dict[str, object]:
    """A machine with one paging file of so many pages."""
    return {"paging_files": [PagingFile(size=size * PAGE, maximum=maximum * PAGE)]}


def limit(done: Done) -> int:
    """The commit limit at the end, in pages."""
    return int(done.result.samples[r"Memory\Commit Limit"].iloc[-1]) // PAGE


def test_the_limit_is_memory_and_paging_files() -> None:
    assert limit(run([loads([1])], 8, machine=paging(5, 5))) == 13


@pytest.mark.parametrize(("second", "refused"), [(3, False), (4, True)])
def test_a_process_over_the_limit_ends_before_it_runs(second: int, refused: bool) -> None:
    """8 frames and 5 slots: 13 pages can be promised; a has 10 of them for a while."""
    done = run(
        [[*loads(range(10)), (0, 0, 100, 0)], loads(range(second))],
        8,
        machine=paging(5, 5),
        manager=windows(),
        process=[hard(4), {"start": 50}],
    )
    row = done.process("b")
    assert row["exit_status"] == (STATUS_COMMITMENT_LIMIT if refused else 0)
    assert row["references"] == (0 if refused else second)
    assert row["committed_pages"] == (0 if refused else second)
    assert row["start_ns"] == 50
    assert done.summary["commit_peak_pages"] == (10 if refused else 13)
    assert done.process("a")["exit_status"] == 0


def test_the_charge_is_given_back_at_the_end() -> None:
    """Each of the three would leave no room for another."""
    each = [{**hard(8), "start": start} for start in (0, 10_000, 20_000)]
    done = run([loads(range(12))] * 3, 8, machine=paging(5, 5), manager=immediate(), process=each)
    assert [done.process(name)["exit_status"] for name in "abc"] == [0, 0, 0]
    assert done.summary["commit_peak_pages"] == 12


@pytest.mark.parametrize(("pages", "expected"), [(14, 16), (15, 17), (18, 20), (40, 40), (41, 40)])
def test_paging_files_grow_when_commit_reaches_nine_tenths_of_the_limit(pages: int, expected: int) -> None:
    """8 frames, 8 slots that may grow to 32. 14 is under 14.4; 15 needs a limit of 16.67, so 17; 18 exactly 20; 40
    would need 45, of which 40 is the most; 41 is over it and refused, though the file has grown."""
    done = run([loads(range(pages))], 8, machine=paging(8, 32), manager=windows(), process=hard(4))
    assert limit(done) == expected
    assert (done.process()["exit_status"] == STATUS_COMMITMENT_LIMIT) == (pages == 41)


def test_paging_files_grow_in_order() -> None:
    """4 + 4 slots, each up to 8: a commit of 18 wants a limit of 20; the first grows by 4."""
    machine = {"paging_files": [PagingFile(size=4 * PAGE, maximum=8 * PAGE) for _ in range(2)]}
    done = run([loads(range(18))], 8, machine=machine, manager=windows(), process=hard(4))
    assert done.machine.state.arrays["stores"]["size"].tolist() == [8, 4]


def test_shared_file_pages_and_reserved_ones_are_not_charged_copies_are() -> None:
    """Two private pages and two that may be copied, of ten."""
    regions = [
        Region(first=2, pages=2, file="f"),
        Region(first=4, pages=2, file="f", protection="copy-on-write"),
        Region(first=6, pages=4, state="reserved"),
    ]
    done = run(
        [loads(range(10))],
        machine={"files": {"f": File(size=2 * PAGE)}},
        process={"regions": regions},
        manager=windows(),
    )
    assert done.process()["committed_pages"] == 4
    assert done.summary["commit_peak_pages"] == 4


def test_untouched_pages_are_charged() -> None:
    """A violation at the second page; the third was promised all the same."""
    done = run([loads([1, 2, 3])], process={"regions": [Region(first=2, pages=1, state="reserved")]})
    assert done.process()["committed_pages"] == 2
