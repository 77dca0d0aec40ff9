"""Every event of a page and every reason for it has its sentence, in runs that cause them all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.analysis.biography import LISTS, REFUSED, SENTENCES, biography, where_at
from experiments.spec.experiment import load
from experiments.study.run import run as run_config
from simulator.config import File, MappedWriter, ModifiedWriter, Region, Trimming
from simulator.machine import Machine, ProcessSpec
from simulator.result import RunResult, SimulationError
from simulator.state import constants
from simulator.windows import constants as w
from tests.reference.cases import PAGE as SIZE
from tests.reference.machines import random_case
from tests.simulator.small import TEXTBOOK, constant, hard, loads, run, stores, windows
from tests.windows.harness import PAGE, RW, Steps, equal, mapped, region, works
from tests.windows.harness import run as run_program

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"
MOST = 40
"""rows of files' pages that are looked at"""
SEEDS = range(94_000, 94_042)
POLICIES = ("windows", "clock", "fifo", "none", "working-set", "lru")


def random_machines() -> Iterator[RunResult]:
    """Small machines with errors of disks, shared files, daemons and several processors."""
    for seed in SEEDS:
        case = random_case(random.Random(seed))
        policy = POLICIES[seed % len(POLICIES)]
        parameters = {"window": 300} if policy == "working-set" else {}
        trimming = replace(case.memory_manager.trimming, policy=policy, parameters=parameters)
        specs = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
        manager = replace(case.memory_manager, trimming=trimming)
        try:
            yield Machine(case.machine, manager, specs, case.seed, min(case.duration or 200_000, 200_000)).run()
        except SimulationError:
            continue


def metadata() -> RunResult:
    """Page 5, file-system metadata, is stored to, replaced at 1001, touched again, replaced, and flushed at 6000."""
    runs = [*stores([5]), *loads([1, 5]), *[(1, 0, 200, 0)] * 45]
    manager = windows(mapped_writer=MappedWriter(trigger=0, period=2_000, flush_period=5_000))
    files = {"files": {"f": File(size=SIZE, metadata=True)}}
    regions = [Region(first=5, pages=1, file="f")]
    return run([runs], 16, machine=files, manager=manager, process={**hard(1), "regions": regions}).result


def unreadable() -> RunResult:
    """Page 1 is stored to and replaced; its frame is the only one for page 3, and it can't be read back."""
    manager = windows(modified_writer=ModifiedWriter(free_trigger=0, immediate=True))
    runs = [*stores([1]), *loads([2]), *[(2, 0, 200, 0)] * 10, *stores([3]), *loads([2, 1])]
    disk = {"disks": {"d": constant(read_error_rate=1.0)}}
    return run([runs], 2, machine=disk, manager=manager, process=hard(1)).result


def unwritable() -> RunResult:
    """No write of page 1 succeeds."""
    manager = windows(modified_writer=ModifiedWriter(free_trigger=0, immediate=True))
    disk = {"disks": {"d": constant(write_error_rate=1.0)}}
    runs = [*stores([1]), *loads([2]), *[(2, 0, 200, 0)] * 10]
    return run([runs], 4, machine=disk, manager=manager, process=hard(1), duration=1_500).result


def withdrawing() -> RunResult:
    """Page 1 is out of the working set 300 ns after its reference; the policy looks at the fault on page 3."""
    trimming = Trimming(policy="working-set", period=10**15, parameters={"window": 300})
    return run([[*loads([1]), *[(2, 0, 200, 0)] * 5, *loads([3])]], manager=windows(trimming=trimming)).result


def losing(process: Any) -> Steps:
    """A page that is prefetched before it is read, and pages on the modified list that are reset, and offered."""
    shown = yield from mapped(process)
    yield from works(process.prefetch_virtual_memory([(shown, PAGE)]))
    yield process.sleep(1)
    yield process.read(shown)
    base = yield from region(process, 4)
    yield process.write(base, 4 * PAGE)
    yield process.empty_working_set()
    yield from works(process.virtual_alloc(base, 2 * PAGE, w.MEM_RESET, RW))
    equal((yield process.offer_virtual_memory(base + 2 * PAGE, 2 * PAGE, 1)), 0)


def shipped(name: str) -> RunResult:
    """A committed config, run."""
    return run_config(load(CONFIGS / f"{name}.yaml", ["observe.baseline=false"]), CONFIGS)


def told(result: RunResult) -> set[tuple[str, str]]:
    """The events and reasons of pages' biographies: all of files' pages, and of one page for each other reason."""
    log, faults = result.pages, result.faults
    refused = faults[faults["cause"].isin(list(REFUSED))]
    own = log[log["process"].notna()]
    rows = [own[own["file"].notna()].tail(MOST), own.drop_duplicates(["event", "reason"]), refused]
    found = set()
    for process, page in set(
        pd.concat([part[["process", "page"]] for part in rows]).itertuples(index=False, name=None)
    ):
        steps = biography(result, process, page, "some policy")
        mine = (own["process"] == process) & (own["page"] == page)
        fails = (refused["process"] == process) & (refused["page"] == page)
        assert len(steps) >= int(mine.sum()) + int(fails.sum())
        assert all("None" not in step.text and "<NA>" not in step.text and "{" not in step.text for step in steps)
        found |= {(step.event, step.reason) for step in steps}
    return found


def test_every_reason_is_told_in_some_run_and_none_is_told_that_no_run_has() -> None:
    found: set[tuple[str, str]] = set()
    small = [
        metadata(),
        unreadable(),
        unwritable(),
        withdrawing(),
        run_program(losing, files={"data": 4 * PAGE}).result,
    ]
    for result in [*small, *map(shipped, ("ways-out", "dep")), *random_machines()]:
        found |= told(result)
    lists = {(event, reason) for event in LISTS for reason in SENTENCES[event]}
    expected = {(event, reason) for event, reasons in SENTENCES.items() for reason in reasons}
    assert found - expected == set()
    assert expected - lists - found == set()
    assert {reason for event, reason in found if event in LISTS} == {reason for _, reason in lists}


def test_every_name_of_the_page_log_has_a_sentence_and_every_sentence_a_name() -> None:
    """Only faults have the causes of `REFUSED`, but for a read that failed, which frees a frame."""
    reasons = {reason for sentences in SENTENCES.values() for reason in sentences}
    assert reasons == set(constants.REASON_NAMES)
    assert set(SENTENCES) - {"refused"} == set(constants.EVENT_NAMES)
    assert set(SENTENCES["left"]) | set(SENTENCES["copied"]) == set(constants.DEPARTURE_NAMES)
    assert set(SENTENCES["entered"]) | set(SENTENCES["copied"]) | set(REFUSED) == set(constants.CAUSE_NAMES)


def test_a_page_is_trimmed_by_a_policy_only_when_a_pass_trims_it() -> None:
    result = shipped("ways-out")
    first = result.pages[result.pages["event"] == "left"].drop_duplicates("reason")
    for row in first.to_dict("records"):
        steps = biography(result, row["process"], row["page"], "some policy")
        texts = {step.text for step in steps if (step.event, step.reason) == ("left", row["reason"])}
        by_policy = row["reason"] in ("trimmed", "replaced", "withdrawn")
        assert all(("some policy" in text) == by_policy for text in texts), row["reason"]


def test_a_refused_reference_leaves_the_page_where_it_was() -> None:
    """Page 1 is read, and then stored to against its protection: the process ends."""
    regions = [Region(first=1, pages=1, protection="read-only")]
    result = run([[*loads([1]), *stores([1])]], process={"regions": regions}).result
    steps = biography(result, "a", 1, "fifo")
    assert [(step.event, step.where) for step in steps[:2]] == [
        ("entered", "in the working set"), ("refused", "in the working set"),
    ]  # fmt: skip
    assert steps[1].text.startswith("a store by thread 0 fails")


def test_what_no_disk_has_is_said_until_it_is_written() -> None:
    """Page 1 is stored to, replaced and written at once; read back, stored to again, it has an old copy on disk."""
    manager = windows(modified_writer=ModifiedWriter(free_trigger=0, immediate=True))
    runs = [[*stores([1]), *loads([2]), *[(2, 0, 200, 0)] * 15, *stores([1]), *loads([2])]]
    steps = biography(run(runs, 2, manager=manager, process=hard(1)).result, "a", 1, "fifo")
    modified = [step.text for step in steps if step.event == "modified"]
    assert ["no disk has" in text for text in modified] == [True, False]


def test_on_the_textbook_machine_a_page_is_read_from_its_place() -> None:
    runs = [[*stores([1]), *loads([2, 3, 4]), *loads([1])]]
    result = run(runs, 2, manager=TEXTBOOK).result
    for textbook, text in ((True, "read from its place on disk"), (False, "read back from the paging file")):
        steps = biography(result, "a", 1, "fifo", textbook)
        assert any(step.text.startswith(text) for step in steps)


def test_a_warm_page_was_on_standby_from_the_start() -> None:
    """Page 1 shows a file's page that is in memory before time 0; it is touched at 1."""
    machine = {"files": {"f": File(size=SIZE)}}
    regions = [Region(first=1, pages=1, file="f", warm=True)]
    steps = biography(run([loads([2, 1])], machine=machine, process={"regions": regions}).result, "a", 1, "fifo")
    assert steps[0].text.startswith("found on standby, where it was from the start")
    assert where_at(steps, 0) == "on the standby list"


def test_a_page_that_was_only_read_is_told_to_be_nowhere_else() -> None:
    """Its zeros are its first contents: page 1 leaves for the modified list, and comes back from a disk."""
    manager = windows(modified_writer=ModifiedWriter(free_trigger=0, immediate=True))
    runs = [*loads([1, 2]), *[(2, 0, 200, 0)] * 15, *loads([3, 2]), *[(2, 0, 200, 0)] * 15, *loads([4, 1])]
    steps = biography(run([runs], 2, manager=manager, process=hard(1)).result, "a", 1, "fifo")
    told = [(step.event, step.text) for step in steps]
    assert ("modified", "goes on the modified list: no disk has what it holds yet") in told
    entries = [text for event, text in told if event == "entered"]
    assert entries[0].startswith("touched: gets a zeroed frame")
    assert all(text.startswith("read back from the paging file") for text in entries[1:])
