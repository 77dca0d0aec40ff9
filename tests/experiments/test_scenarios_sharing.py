"""The committed configs on shared memory show what they are named after: numbers worked out by hand."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from experiments.spec.experiment import load
from experiments.study.run import run
from simulator.result import RunResult

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"
KERNEL = 1 << 51
"""page numbers from here on are the system's: paged pool"""


@cache
def _run(name: str, *changes: str) -> RunResult:
    return run(load(CONFIGS / f"{name}.yaml", changes), CONFIGS, check=True)


def _faults(result: RunResult, process: str) -> list[tuple[int, str, int]]:
    """Faults on a process's own pages: the millisecond, the kind, how many."""
    mine = result.faults[(result.faults["process"] == process) & (result.faults["page"] < KERNEL)]
    when = (mine["time_ns"] // 1_000_000).tolist()
    counted = Counter(zip(when, mine["kind"].astype(str), strict=True))
    return sorted((time, kind, count) for (time, kind), count in counted.items())


def test_what_one_process_trims_the_others_keep_and_it_comes_back_without_io() -> None:
    result = _run("shared-mapping")
    # 128 KiB are 32 pages. Their maker's stores are first touches; whoever comes later finds them in memory
    assert _faults(result, "maker") == [(0, "demand-zero", 32)]
    # the third empties its working set at 20 ms and comes back at 30 ms: shared, as the other two have the pages.
    # By 42 ms all three have let go, so that its return at 50 ms is from the modified list, and the keeper's at 62 ms
    # is to what the third has again
    assert _faults(result, "trimmed") == [(20, "shared", 32), (30, "shared", 32), (50, "transition", 32)]
    assert _faults(result, "keeper") == [(10, "shared", 32), (62, "shared", 32)]
    assert (result.summary["page_reads"], result.summary["page_writes"], len(result.io)) == (0, 0, 0)


def test_share_counts_follow_who_has_the_page() -> None:
    notes = _run("shared-mapping").summary["notes"]
    assert notes["maker"] == {"sharers at first": 1}
    assert notes["trimmed"] == {
        "sharers at first": 3,
        "sharers when it is back": 3,
        "sharers when all had let go": 1,
    }
    assert notes["keeper"] == {
        "sharers at first": 2,
        "sharers while one is out": 2,
        "sharers at the end": 2,
        "commit for a second view (pages)": 1,  # the first page of its handle table, and none of the 32
        "shared commit (bytes)": 32 * 4096,
    }


def test_a_page_that_one_process_trims_stays_where_it_is_until_the_last_one_lets_go() -> None:
    result = _run("shared-mapping")
    departures = {name: by["emptied"] for name, by in result.summary["departures"].items() if "emptied" in by}
    assert departures == {"maker": 32, "keeper": 32, "trimmed": 64}
    lists = result.pages[result.pages["event"] == "modified"]
    assert len(lists) == 32 + 32  # at 42 ms and, as the keeper has ended before, at 70 ms
    assert (lists["time_ns"] // 1_000_000).tolist() == [42] * 32 + [70] * 32


# 64 pages: 48 of code, 16 of data, and fix-ups on a quarter of all: 16. Six processes.
SHARED = {
    "frames": 64,
    "... of shared pages": 64,
    "... of private pages": 0,
    "most that share a page": 6,
    "private bytes (KiB)": 6 * (16 + 1) * 4,  # the data pages, which a store would copy, and a page table
    "bases": 1,
}
RELOCATED = {
    "frames": 48 + 6 * 16,
    "... of shared pages": 48,
    "... of private pages": 6 * 16,
    "most that share a page": 6,
    "private bytes (KiB)": 6 * (16 + 48) * 4,  # the code had to be made writable; the page table is the stack's
    "bases": 1,
}


def test_a_dll_is_shared_at_its_preferred_base_and_under_aslr_but_not_where_it_was_relocated() -> None:
    assert _run("dll-sharing").summary["notes"] == {
        "preferred base": SHARED,
        "relocated": RELOCATED,
        "ASLR": SHARED,
    }


def test_only_relocated_processes_copy_pages_and_each_image_is_read_once() -> None:
    summary = _run("dll-sharing").summary
    copies = {name: process["copy_on_write_faults"] for name, process in summary["processes"].items()}
    assert {name for name, count in copies.items() if count} == {f"relocated-{number}" for number in range(1, 7)}
    assert set(copies.values()) == {0, 16}
    assert summary["pages_input"] == 3 * 64
    assert {process["exit_status"] for name, process in summary["processes"].items() if name != "System"} == {0}


def test_without_aslr_a_taken_base_costs_what_relocation_costs() -> None:
    notes = _run("dll-sharing", "machine.windows.aslr=false").summary["notes"]
    assert notes["ASLR"] == notes["relocated"] == RELOCATED


@pytest.mark.parametrize(("users", "sharers"), [(2, 2), (9, 7)])
def test_private_frames_grow_with_the_processes_and_share_counts_end_at_7(users: int, sharers: int) -> None:
    change = [f"processes.{group}.workload.users={users}" for group in range(3)]
    notes: dict[str, Any] = _run("dll-sharing", *change).summary["notes"]
    assert notes["relocated"]["frames"] == 48 + users * 16
    assert notes["preferred base"]["frames"] == notes["ASLR"]["frames"] == 64
    assert {by["most that share a page"] for by in notes.values()} == {sharers}
