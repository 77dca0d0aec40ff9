"""The page log: a biography worked out by hand, and what it must agree with on random machines."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd
import pytest

from simulator.config import File, ModifiedWriter, Region, Trimming
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.memory import kernel
from simulator.result import SimulationError
from tests.reference.cases import PAGE
from tests.reference.machines import random_case
from tests.simulator.small import Done, hard, loads, run, stores, windows

SEEDS = range(94_000, 94_042)
POLICIES = ("windows", "clock", "fifo", "none", "working-set", "lru")
OUT = ("trimmed", "replaced", "withdrawn")
LISTS = ("standby", "modified", "modified-no-write")


def rows(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The log as tuples, None for what is missing."""
    plain = frame[list(columns)].astype(object)
    return [tuple(None if pd.isna(value) else value for value in row) for row in plain.itertuples(index=False)]


def test_the_biography_of_a_page_that_is_written_repurposed_and_read_back() -> None:
    """Three frames, of which "a" may have one. 0: a stores to page 1. 1: a's page 2 replaces it: modified, and with no
    daemon written at once, from 1 to 1001. b starts at 2000 with the last frame, the free one; at 2001 its second page
    takes the oldest standby page, a's page 1. a has slept from 2 to 5000; for page 1 its page 2 leaves, which was
    zeroed and never written: it is until 6000, and page 1 is read by 7000, in the frame of b, which has ended."""
    from tests.reference.cases import RunList

    sleeper = RunList([(1, 0, 0, 1), (2, 0, 1, 0), (1, 0, 1, 0)], waits={2: (5_000, 0)})
    done = run(
        [[sleeper], loads([7, 8])],
        3,
        manager=windows(modified_writer=ModifiedWriter(free_trigger=0, immediate=True)),
        process=[hard(1), {"start": 2_000}],
    )
    log = done.result.pages
    mine = log[(log["process"] == "a") & (log["page"] == 1)]
    assert rows(mine, "time_ns", "event", "reason", "since_ns", "for_process", "for_page", "disk", "offset") == [
        (0, "entered", "first touch", 0, None, None, None, None),
        (1, "left", "replaced", 1, "a", 2, None, None),
        (1, "modified", "out of working sets", None, None, None, None, None),
        (1_001, "written", "written", 1, None, None, "d", 0),
        (1_001, "standby", "written", None, None, None, None, None),
        (2_001, "repurposed", "another page", None, "b", 8, None, None),
        (7_000, "entered", "paging file", 5_000, None, None, None, None),
        (7_001, "left", "process ended", None, None, None, None, None),
        (7_001, "freed", "process ended", None, None, None, None, None),
    ]
    assert rows(mine, "accessed", "thread")[:2] == [(None, 0), (True, 0)]


def test_a_page_read_as_a_neighbour_is_told_with_the_time_of_its_read() -> None:
    """Page 0 of the file is asked for, pages 1 and 2 come with it; the process touches page 1."""
    region = Region(first=5, pages=3, file="f")
    done = run(
        [loads([5, 6])],
        machine={"files": {"f": File(size=3 * PAGE)}},
        manager=windows(read_cluster=4),
        process={"regions": [region]},
    )
    log = done.result.pages
    assert rows(log, "time_ns", "event", "reason", "process", "page", "file", "file_page", "since_ns") == [
        (1_000, "entered", "file", "a", 5, "f", 0, 0),
        (1_000, "standby", "read-ahead", None, None, "f", 1, 0),
        (1_000, "standby", "read-ahead", None, None, "f", 2, 0),
        (1_001, "entered", "standby", "a", 6, "f", 1, 1_001),
        (1_002, "left", "process ended", "a", 5, "f", 0, None),
        (1_002, "standby", "out of working sets", None, None, "f", 0, None),
        (1_002, "left", "process ended", "a", 6, "f", 1, None),
        (1_002, "standby", "out of working sets", None, None, "f", 1, None),
    ]


def test_a_copy_on_write_page_changes_from_the_files_to_the_processs_own() -> None:
    region = Region(first=5, pages=1, file="f", protection="copy-on-write")
    done = run([stores([5])], machine={"files": {"f": File(size=PAGE)}}, process={"regions": [region]})
    log = done.result.pages
    assert rows(log, "event", "process", "page", "file", "file_page") == [
        ("entered", "a", 5, "f", 0),
        ("copied", "a", 5, None, None),
        ("standby", None, None, "f", 0),
        ("left", "a", 5, None, None),
        ("freed", "a", 5, None, None),
    ]


def test_a_trimmed_page_says_how_many_its_pass_wanted() -> None:
    """Six of eight frames in use; the pass at 100 wants five available, and finds two: three pages go."""
    done = run(
        [[*loads([1, 2, 3, 4, 5]), (6, 0, 200, 0)]],
        manager=windows(trimming=Trimming(policy="fifo", period=100), low_memory=1, high_memory=5),
        duration=150,
    )
    left = done.result.pages[done.result.pages["event"] == "left"]
    assert rows(left, "time_ns", "page", "reason", "wanted") == [(100, page, "trimmed", 3) for page in (1, 2, 3)]


def test_what_happens_when_the_log_is_full_is_that_it_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than the log has room for, and more than one step may add."""
    done = run([[(page, 0, 1, 0) for _ in range(4_000) for page in (1, 2, 3)]], manager=windows(), process=hard(1),
               watched=False)  # fmt: skip
    assert len(done.result.pages) > kernel.LOG_ROWS
    assert done.result.pages["time_ns"].is_monotonic_increasing
    assert (done.result.pages["event"] == "entered").sum() == done.summary["page_faults"]


def test_without_a_page_log_the_frame_is_empty_and_keeps_its_columns() -> None:
    bare, full = (run([loads([1, 2])], observe=Observe(page_log=on)).result.pages for on in (False, True))
    assert len(bare) == 0 < len(full)
    assert list(bare.columns) == list(full.columns)
    assert (bare.dtypes == full.dtypes).all()


@cache
def ran(seed: int) -> tuple[Done, frozenset[str]] | None:
    """A random machine that has run, under one policy or another, with the names of its processes."""
    case = random_case(random.Random(seed))
    processes = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    policy = POLICIES[seed % len(POLICIES)]
    parameters = {"window": 300} if policy == "working-set" else {}
    trimming = replace(case.memory_manager.trimming, policy=policy, parameters=parameters)
    manager = replace(case.memory_manager, trimming=trimming)
    machine = Machine(case.machine, manager, processes, case.seed, min(case.duration or 200_000, 200_000))
    try:
        return Done(machine, machine.run()), frozenset(spec.config.name for spec in case.processes)
    except SimulationError:
        return None


def results() -> list[Done]:
    """All machines that ran to their end."""
    done = [found[0] for found in map(ran, SEEDS) if found is not None]
    assert len(done) > len(SEEDS) // 2
    return done


def last_of(log: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The last row of each page."""
    return log[log[keys].notna().all(axis=1)].groupby(keys, observed=True).tail(1)


def test_the_log_is_in_order_of_time() -> None:
    for done in results():
        assert done.result.pages["time_ns"].is_monotonic_increasing
        since = done.result.pages["since_ns"].dropna()
        assert (since <= done.result.pages.loc[since.index, "time_ns"]).all()


def test_pages_enter_and_leave_their_working_sets_in_turn() -> None:
    for done in results():
        log = done.result.pages[done.result.pages["event"].isin(["entered", "left"])]
        turn = log.groupby(["process", "page"], observed=True).cumcount() % 2
        assert (log["event"] == turn.map({0: "entered", 1: "left"})).all()


def test_who_entered_last_and_has_not_left_is_in_the_working_set() -> None:
    for done in results():
        log = done.result.pages[done.result.pages["event"].isin(["entered", "left"])]
        last = last_of(log, ["process", "page"])
        inside = set(rows(last[last["event"] == "entered"], "process", "page"))
        assert inside == {page for page, state in done.machine.snapshot()["pages"].items() if state[0]}


def test_each_page_on_a_list_is_where_its_last_row_says() -> None:
    """Its last row but for the end of a write, which a row for the list follows where the page isn't mapped."""
    for done in results():
        lists = done.machine.snapshot()["lists"]
        found: dict[str, set[tuple[str, int]]] = {name: set() for name in LISTS}
        whole = done.result.pages
        own = whole[whole["file"].isna()]
        files = whole[whole["file"].notna()].assign(file=lambda rows: "file:" + rows["file"].astype(str))
        for log, keys in ((own, ["process", "page"]), (files, ["file", "file_page"])):
            last = last_of(log, keys)
            for name, *page in rows(last[last["event"].isin(LISTS)], "event", *keys):
                found[name].add((page[0], page[1]))
        standby = {page for one in lists["standby"] for page in one}
        assert found["standby"] <= standby
        warm = standby - found["standby"]
        assert not warm & set(rows(files, "file", "file_page")), "only what was there from the start has no row"
        assert found["modified-no-write"] == set(lists["modified no-write"])
        at_hand = {*lists["modified"], *lists["modified mapped"]}
        assert at_hand <= found["modified"]
        assert len(found["modified"] - at_hand) <= lists["transition"], "the others are being written"


def test_the_log_counts_what_the_summary_counts() -> None:
    for done in results():
        summary, log = done.summary, done.result.pages
        events = log["event"].value_counts()
        reasons = log.loc[log["event"] == "left", "reason"].value_counts()
        assert reasons["trimmed"] + reasons["withdrawn"] == summary["trimmed"]
        assert reasons["replaced"] == summary["replaced"]
        assert events["repurposed"] == summary["repurposed"]
        assert events["written"] == summary["pages_output"]
        assert events["copied"] == summary["copy_on_write_faults"]
        first = log.loc[log["event"] == "entered", "reason"].value_counts()
        assert first["first touch"] == summary["demand_zero_faults"]
        by_process = log[log["event"] == "left"].groupby(["process", "reason"], observed=False).size()
        for name in summary["processes"]:
            counted = by_process[name]
            assert counted["trimmed"] + counted["withdrawn"] == done.process(name)["trimmed"]
            assert counted["replaced"] == done.process(name)["replaced"]


def test_each_entry_belongs_to_a_fault_in_the_fault_log() -> None:
    """Of the same thread on the same page, begun when the row says, found where it says."""
    keys = ["process", "thread", "page", "time_ns"]
    for done in results():
        log = done.result.pages[done.result.pages["event"] == "entered"]
        begun = log.drop(columns="time_ns").rename(columns={"since_ns": "time_ns"}).astype({"page": "uint64"})
        faults = done.result.faults
        joined = begun.merge(faults[[*keys, "cause"]], on=keys, how="left")
        assert joined.groupby(keys, observed=True)["cause"].count().min() >= 1 or not len(log)
        causes = joined.assign(same=joined["cause"].astype(str) == joined["reason"].astype(str))
        assert causes.groupby(keys, observed=True)["same"].any().all()


def test_a_page_is_repurposed_for_one_that_comes_or_is_being_read() -> None:
    for done in results():
        log = done.result.pages[done.result.pages["event"] == "repurposed"]
        assert (log["for_process"].notna() ^ log["for_file"].notna()).all()
        assert (log["for_page"].notna() ^ log["for_file_page"].notna()).all()
