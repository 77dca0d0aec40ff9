"""Demand-zero once, and modified from the start (MODEL.md section 2): random machines under every policy.

No stream gives up a page's contents, so each page is demand-zero at most once, and is written before its frame is
another's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

import pandas as pd
import pytest

from simulator.machine import Machine, ProcessSpec
from simulator.registry import names
from simulator.result import RunResult, SimulationError
from tests.model.cases import Case
from tests.test_policy_contracts import cases

POLICIES = names("policy")


def run(case: Case) -> RunResult | None:
    """The case's result; None if all its threads wait for a frame that nobody gives up."""
    specs = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    try:
        return Machine(case.machine, case.memory_manager, specs, case.seed, case.duration).run()
    except SimulationError:
        return None


@cache
def results(policy: str) -> list[RunResult]:
    """Random machines that have run under a policy."""
    return [result for case in cases(policy, 3) if (result := run(case)) is not None]


def biographies(result: RunResult) -> Iterator[list[str]]:
    """What happened to each private page that was ever demand-zero, event by event; "zeroed" is that fault."""
    log = result.pages[result.pages["process"].notna()]
    for _, rows in log.groupby(["process", "page"], observed=True):
        events = rows["event"].astype(str).tolist()
        first = [i for i, reason in enumerate(rows["reason"].astype(str)) if reason == "first touch"]
        if first:
            yield ["zeroed" if i in first else event for i, event in enumerate(events)]


@pytest.mark.parametrize("policy", POLICIES)
def test_no_page_is_demand_zero_twice(policy: str) -> None:
    for result in results(policy):
        zeroed = result.faults[result.faults["kind"] == "demand-zero"]
        assert not zeroed.duplicated(["process", "page"]).any()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_page_that_was_zeroed_is_written_before_its_frame_is_reused(policy: str) -> None:
    for result in results(policy):
        for events in biographies(result):
            assert events.count("zeroed") == 1
            since = events[events.index("zeroed") :]
            assert "repurposed" not in since or "written" in since[: since.index("repurposed")]


def test_the_random_machines_reuse_frames_of_zeroed_pages() -> None:
    """Else the above would say nothing."""
    seen = Counter(
        event for policy in POLICIES for result in results(policy) for events in biographies(result) for event in events
    )
    assert min(seen["repurposed"], seen["written"]) > 100


def test_page_logs_name_the_process_of_private_pages_alone() -> None:
    """A page of a file that was dropped is no page of a process: its row has a file."""
    logs = pd.concat([result.pages for policy in POLICIES[:4] for result in results(policy)])
    gone = logs[logs["event"] == "repurposed"]
    assert (gone["process"].isna() == gone["file"].notna()).all()
