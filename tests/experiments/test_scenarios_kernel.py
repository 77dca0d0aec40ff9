"""The committed configs on leaks and on memory that never faults show what they are named after."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from experiments.spec.experiment import load
from experiments.study.run import run
from simulator.result import RunResult

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"
KiB, MiB, PAGE = 1 << 10, 1 << 20, 4096


@cache
def _run(name: str, *changes: str) -> RunResult:
    return run(load(CONFIGS / f"{name}.yaml", changes), CONFIGS, check=True)


def _sum(result: RunResult, counter: str, row: int) -> float:
    """A counter in a sample; one that begins with ")" is that of all processes together."""
    names = [name for name in map(str, result.samples) if name == counter or (counter[0] == ")" and counter in name)]
    return float(result.samples[names].iloc[row].sum())


def _life(result: RunResult, process: str) -> tuple[int, int]:
    """The first and last sample in which a process is alive: it has a kernel stack at least."""
    alive = (result.samples[f"Process({process})\\Private Bytes"] > 0).to_numpy().nonzero()[0]
    return int(alive[0]), int(alive[-1])


PROGRAM, HANDLES, PAGED, NONPAGED = "program", "handles", "driver of paged pool", "driver of nonpaged pool"
COUNTERS = (
    "Memory\\Pool Paged Bytes", "Memory\\Pool Nonpaged Bytes", "Paging File(_Total)\\% Usage", ")\\Private Bytes",
    ")\\Virtual Bytes", ")\\Handle Count",
)  # fmt: skip


@pytest.mark.parametrize(
    ("leaking", "growing"),
    [
        (PROGRAM, {"Paging File(_Total)\\% Usage", ")\\Private Bytes", ")\\Virtual Bytes"}),
        (HANDLES, {"Memory\\Pool Paged Bytes", "Memory\\Pool Nonpaged Bytes", ")\\Handle Count"}),
        (PAGED, {"Memory\\Pool Paged Bytes"}),
        (NONPAGED, {"Memory\\Pool Nonpaged Bytes"}),
    ],
)
def test_each_leak_shows_in_its_counters_and_in_no_other(leaking: str, growing: set[str]) -> None:
    # MODEL.md section 13: a user leak raises private bytes, not, as one source has it, Pool Paged Bytes
    result = _run("handle-and-pool-leak")
    first, last = _life(result, leaking)
    changes = {counter: _sum(result, counter, last) - _sum(result, counter, first) for counter in COUNTERS}
    assert {counter for counter, change in changes.items() if change > 0} == growing
    assert {counter for counter, change in changes.items() if change < 0} == set()


def test_each_leak_ends_with_the_error_of_what_it_used_up() -> None:
    processes = _run("handle-and-pool-leak").summary["processes"]
    statuses = {name: process["exit_status"] for name, process in processes.items() if name != "System"}
    assert statuses == {
        "program": 1455,  # ERROR_COMMITMENT_LIMIT
        "handles": 1450,  # ERROR_NO_SYSTEM_RESOURCES
        "driver of paged pool": 1452,  # ERROR_PAGED_SYSTEM_RESOURCES
        "driver of nonpaged pool": 1451,  # ERROR_NONPAGED_SYSTEM_RESOURCES
    }


def test_leaks_are_as_large_as_what_there_is() -> None:
    result = _run("handle-and-pool-leak")
    peaks = result.samples.max()
    # 63 blocks of 128 pages are 8,064 of the 8,192 that can be committed; there is no room for another beside stacks,
    # page tables and pool. Virtual bytes are those blocks and a stack of 1 MiB
    assert peaks["Process(program)\\Virtual Bytes"] == 63 * 512 * KiB + MiB
    assert 8064 * PAGE < peaks["Memory\\Committed Bytes"] <= 8192 * PAGE
    assert peaks["Paging File(_Total)\\% Usage"] == 100
    # A page of the table holds 256 entries of 16 bytes, of which the first is unused: 2,040 handles fit into the 8
    # pages that 2,048 entries take. There are 32 more each millisecond: the last sample before the 64th finds 2,016.
    # Each event takes 128 bytes of nonpaged pool, the thread's object 1,264, the table 8 pages and one that points to
    # them
    assert peaks["Process(handles)\\Handle Count"] == 63 * 32
    assert peaks["Process(handles)\\Pool Nonpaged Bytes"] == 63 * 32 * 128 + 1264
    assert peaks["Process(handles)\\Pool Paged Bytes"] == 9 * PAGE
    events = result.pools[result.pools["tag"] == "Even"].iloc[0]
    assert (events["allocs"], events["frees"]) == (9 + 2040 + 1, 2040 + 1)  # the system's 9; the last one had no handle
    assert (peaks["Memory\\Pool Paged Bytes"], peaks["Memory\\Pool Nonpaged Bytes"]) == (2 * MiB, 1 * MiB)


def test_programs_give_back_what_they_leaked_when_they_end_and_drivers_do_not() -> None:
    result = _run("handle-and-pool-leak")
    own = 4 * PAGE  # a page of each of the three paged pools, and one of nonpaged pool
    committed = [
        _sum(result, "Memory\\Committed Bytes", row)
        for row in (*(_life(result, name)[0] - 1 for name in (HANDLES, PAGED, NONPAGED)), -1)
    ]
    assert committed == [own, own, 2 * MiB + PAGE, 2 * MiB + 1 * MiB]


def test_the_table_of_pools_names_the_tags_that_leak() -> None:
    # A page has room for two blocks of 2,000 bytes, which take 2,016 with header and rounding. Three of the 512 pages,
    # one in each of the paged pools that are taken in turn, have the names of the system's events, and room for one
    # block beside them. The other 509 serve 169 rounds of three pages and six blocks, then two blocks until the third
    # pool finds no page.
    # Four blocks of 1,000 bytes (1,024) fill a page; of the 256, one has the system's events, the driver's process and
    # its thread (9 x 128 + 1,248 + 1,264 bytes), and room for none
    paged, nonpaged = 3 + 169 * 6 + 2, 255 * 4
    assert _run("handle-and-pool-leak").summary["pools"] == [
        {
            "tag": "Page", "type": "Paged", "allocs": paged, "frees": 0, "diff": paged, "bytes": paged * 2016,
            "per_alloc": 2016,
        },
        {
            "tag": "Leak", "type": "Nonp", "allocs": nonpaged, "frees": 0, "diff": nonpaged, "bytes": nonpaged * 1024,
            "per_alloc": 1024,
        },
    ]  # fmt: skip


def test_awe_and_large_pages_never_fault_and_are_in_no_working_set() -> None:
    result = _run("awe-and-large-pages")
    summary = result.summary
    for name in ("awe", "large page"):
        process = summary["processes"][name]
        assert (process["page_faults"], process["peak_working_set"], process["exit_status"]) == (0, 0, 0)
        assert process["references"] >= 8 * 2 * MiB // 8  # eight times, each word of 2 MiB
        assert summary["notes"][name] == {"private bytes (KiB)": 2048, "working set (KiB)": 0, "faults": 0}
        assert summary["departures"][name] == {}
    ordinary = summary["processes"]["ordinary"]
    assert summary["notes"]["ordinary"]["private bytes (KiB)"] == 2048 + 4  # and one page table
    assert ordinary["peak_working_set"] == 512
    assert ordinary["trimmed"] > 100
    assert ordinary["transition_faults"] > 100
    assert ordinary["hard_faults"] > 10


@pytest.mark.parametrize(("index", "name"), [(0, "awe"), (1, "large page")])
def test_awe_and_large_pages_take_a_privilege(index: int, name: str) -> None:
    processes = _run("awe-and-large-pages", f"processes.{index}.privileges=[]").summary["processes"]
    assert processes[name]["exit_status"] == 1314  # ERROR_PRIVILEGE_NOT_HELD
