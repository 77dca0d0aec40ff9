"""A page is demand-zero once, and its zeros are written before its frame is given to another page, as the logs say.

[ros: ARM3/pagfault.c, MiResolveDemandZeroFault: the frame is initialised as modified.]
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import Machine as MachineConfig
from simulator.config import MemoryManager, ModifiedWriter, PagingFile, Process, Trimming
from simulator.invariants import Invariants
from simulator.machine import Machine, ProcessSpec
from simulator.registry import names
from simulator.result import RunResult, SimulationError
from simulator.windows.constants import (
    MEM_COMMIT,
    MEM_DECOMMIT,
    MEM_RESERVE,
    MEM_RESET,
    MEM_RESET_UNDO,
    PAGE_READWRITE,
)
from tests.reference.cases import PAGE
from tests.reference.compare import engine
from tests.simulator.small import constant
from tests.test_policy_contracts import cases

POLICIES = names("policy")
KEYS = ["process", "page"]
GONE = ("decommitted", "discarded", "reset", "process ended")
PAGES = 40
seeds = st.integers(0, 2**32 - 1)
few = settings(deadline=None, max_examples=15)


def events(result: RunResult) -> Iterator[tuple[tuple[str, int], list[tuple[str, str]]]]:
    """Each private page with what happened to it, in order: (event, reason)."""
    log = result.pages[result.pages["file"].isna() & result.pages["page"].notna()]
    for page, rows in log.groupby(KEYS, observed=True):
        story = zip(rows["event"].astype(str), rows["reason"].astype(str), strict=True)
        yield cast("tuple[str, int]", page), list(story)


def check_logs(result: RunResult, given_up: dict[int, int] | None = None) -> int:
    """Raise AssertionError unless each page is zeroed at most once more often than its contents were given up (by
    page: how often), and written between its zeroing and a repurposing; returns the pages that were repurposed."""
    faults = result.faults[result.faults["kind"] == "demand-zero"]
    zeroed = faults.groupby(KEYS, observed=True).size()
    for (_, page), times in zip(zeroed.index.tolist(), zeroed.tolist(), strict=True):
        assert times <= 1 + (given_up or {}).get(page, 0), f"page {page} was demand-zero {times} times"
    repurposed = 0
    for (_, page), story in events(result):
        unwritten = False
        for event, reason in story:
            if event == "entered" and reason == "first touch":
                unwritten = True
            elif (event, reason) == ("written", "written") or event == "freed":
                unwritten = False
            elif event == "repurposed":
                repurposed += 1
                assert not unwritten or (given_up or {}).get(page), f"page {page} was repurposed, never written"
    assert (result.pages["event"] == "written").sum() == result.io.loc[result.io["kind"] == "write", "pages"].sum()
    return repurposed


@cache
def results(policy: str) -> list[RunResult]:
    """Random machines that have run under a policy; not those that could not go on."""
    found = []
    for case in cases(policy, 5):
        with suppress(SimulationError):
            found.append(engine(case).run())
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_on_random_machines_a_page_is_demand_zero_once_and_written_before_its_frame_is_reused(policy: str) -> None:
    """No stream gives up a page's contents. A row of a page of a file that was dropped names no process."""
    for result in results(policy):
        check_logs(result)
        gone = result.pages[result.pages["event"] == "repurposed"]
        assert (gone["process"].isna() == gone["file"].notna()).all()


def test_the_random_machines_reuse_frames_of_pages_that_were_zeroed() -> None:
    """Or the property above would say nothing."""
    assert sum(check_logs(result) for policy in POLICIES for result in results(policy)) > 100


def some_program(seed: int, given_up: dict[int, int]) -> Any:
    """A program that reads and writes 40 pages in a random order, and now and then gives some up in one of the ways
    there are; `given_up` counts them by page."""

    def main(process: Any) -> Any:
        source = random.Random(seed)
        base = yield process.virtual_alloc(0, PAGES * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)
        for _ in range(120):
            page, count = source.randrange(PAGES), source.randint(1, 4)
            address, size = base + page * PAGE, min(count, PAGES - page) * PAGE
            deed = source.choice(["read"] * 6 + ["write"] * 3 + ["decommit", "reset", "undo", "offer", "discard"])
            if deed in ("read", "write"):
                yield from getattr(process, deed)(address, size)
                continue
            for number in range(address // PAGE, (address + size) // PAGE):
                given_up[number] = given_up.get(number, 0) + (deed != "undo")
            if deed == "decommit":
                yield process.virtual_free(address, size, MEM_DECOMMIT)
                yield process.virtual_alloc(address, size, MEM_COMMIT, PAGE_READWRITE)
            elif deed == "discard":
                yield process.discard_virtual_memory(address, size)
            elif deed == "offer":
                yield process.offer_virtual_memory(address, size, 1)
                if address + size < base + PAGES * PAGE:
                    yield process.read(address + size, base + PAGES * PAGE - address - size)
                yield process.reclaim_virtual_memory(address, size)
            else:
                yield process.virtual_alloc(
                    address, size, MEM_RESET if deed == "reset" else MEM_RESET_UNDO, PAGE_READWRITE
                )

    return main


def run_program(seed: int, model: str) -> tuple[RunResult, dict[int, int]]:
    """Two such programs on a machine that has room for a part of their pages."""
    given_up: dict[int, int] = {}
    machine = MachineConfig(
        memory=64 * PAGE, disks={"d": constant()}, paging_files=[PagingFile(size=512 * PAGE, maximum=512 * PAGE)]
    )
    manager = MemoryManager(
        model=model,  # type: ignore[arg-type]
        trimming=Trimming(policy="fifo", period=200_000),
        modified_writer=ModifiedWriter(modified_maximum=2),
    )
    specs = [ProcessSpec(Process(name=name), program=some_program(seed + i, given_up)) for i, name in enumerate("ab")]
    return Machine(machine, manager, specs, seed, observers=[Invariants()]).run(), given_up


@few
@given(seeds)
def test_programs_that_give_pages_up_see_zeros_only_then(seed: int) -> None:
    result, given_up = run_program(seed, "windows")
    check_logs(result, given_up)


@settings(deadline=None, max_examples=5)
@given(seeds)
def test_on_the_textbook_machine_nothing_is_ever_demand_zero(seed: int) -> None:
    """What was given up reads as zeros, from its place on disk."""
    result, _ = run_program(seed, "demand-paging")
    assert result.summary["demand_zero_faults"] == 0
    assert result.summary["hard_faults"] == result.summary["page_reads"] > 0
    assert not pd.isna(result.io["offset"]).any()
    assert np.all(result.io["offset"] >= 512)
