"""Every policy serves processes that make pages, views, frames and other processes as they go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator import config
from simulator.config import ModifiedWriter
from simulator.invariants import check
from simulator.policies.base import Decision
from simulator.policies.structures.own_time import virtual_time
from simulator.registry import find, names
from simulator.result import PolicyRefused, SimulationError
from simulator.windows import constants as w
from tests.simulator.policies import enter, proposing
from tests.simulator.small import windows
from tests.windows.harness import BOTH, PAGE, RW, Steps, build, run, several, works

POLICIES = [name for name in names("policy") if "future" not in find("policy", name).requires]  # type: ignore[attr-defined]
MODELS = ("windows", "demand-paging")


def _awe(process: Any) -> Steps:
    """The address of twelve pages of frames of the process's own."""
    frames = yield from works(process.allocate_user_physical_pages(12))
    base = yield from works(process.virtual_alloc(0, 12 * PAGE, w.MEM_RESERVE | w.MEM_PHYSICAL, RW))
    yield from works(process.map_user_physical_pages(base, 12, frames))
    return base


def _views(process: Any) -> Steps:
    """The addresses of two views of one section."""
    handle = yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, 16 * PAGE))
    one = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    return one, (yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE)))


def _child(process: Any) -> Steps:
    base = yield from works(process.virtual_alloc(0, 30 * PAGE, BOTH, RW))
    yield process.write(base, 30 * PAGE)


def everything(process: Any) -> Steps:
    """One of each thing that a program can have its own pages in, and more of them than there are frames."""
    awe = yield from _awe(process)
    one, other = yield from _views(process)
    pools = 4 * (w.PAGED_POOL, w.NON_PAGED_POOL)
    blocks = yield from several(process.ex_allocate_pool_with_tag(pool, 3000, "Test") for pool in pools)
    child = yield from works(process.create_process("child", _child))
    base = yield from works(process.virtual_alloc(0, 60 * PAGE, BOTH, RW))
    for turn in range(4):
        yield process.write(awe, 12 * PAGE)
        yield process.write(base, 60 * PAGE)
        yield process.write(one, 16 * PAGE)
        yield process.read(other, 16 * PAGE)
        yield process.read(awe, 12 * PAGE)
        for _ in range(20):
            yield from works(process.heap_alloc((yield process.get_process_heap()), 0, 1000))
        if turn == 1:
            yield from works(process.unmap_view_of_file(one))
            one = other
            yield from works(process.virtual_free(base, 20 * PAGE, w.MEM_DECOMMIT))
            yield from works(process.virtual_alloc(base, 20 * PAGE, w.MEM_COMMIT, RW))
    for block in blocks:
        yield from works(process.ex_free_pool_with_tag(block, "Test"))
    yield process.wait_for_single_object(child)


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "none"])
@pytest.mark.parametrize("model", MODELS)
def test_a_program_with_one_of_everything_ends(policy: str, model: str) -> None:
    manager = {"model": model, "trimming": config.Trimming(policy=policy, period=100_000)}
    run(everything, frames=112, manager=manager)


def test_a_page_that_another_process_shares_gives_up_its_stale_slot_when_it_was_stored_to() -> None:
    """Both views are valid; one, through which the page was stored to, goes: the copy in the paging file is old."""

    def program(process: Any) -> Steps:
        one, other = yield from _views(process)
        yield process.write(one)
        yield from works(process.empty_working_set())  # and so it is written
        yield process.sleep(1)
        yield process.read(other)
        (shown,) = process.own.space.entries(other, 1)
        content = process.system.state.arrays["ptes"]["content"][shown]
        assert process.system.state.arrays["contents"]["location"][content] >= 0
        yield process.write(one)
        yield from works(process.unmap_view_of_file(one))
        check(process.system.state)
        assert process.system.state.arrays["contents"]["location"][content] == -1

    run(program, manager=windows(modified_writer=ModifiedWriter(immediate=True)))


def test_a_page_that_its_process_loses_is_missed_by_who_reads_it_from_another_process() -> None:
    """One processor looks ahead over the 200 pages that ReadProcessMemory reads, while on the other one their process
    empties its working set: what was seen doesn't hold any more."""
    told: dict[str, int] = {}

    def child(process: Any) -> Steps:
        base = yield from works(process.virtual_alloc(0, 200 * PAGE, BOTH, RW))
        yield process.write(base, 200 * PAGE)
        told["base"] = base
        for _ in range(2_000):
            yield process.compute(1_000)
            yield from works(process.empty_working_set())

    def program(process: Any) -> Steps:
        handle = yield from works(process.create_process("child", child))
        buffer = yield from works(process.virtual_alloc(0, 200 * PAGE, BOTH, RW))
        while "base" not in told:
            yield process.sleep(1)
        for _ in range(3):
            assert (yield process.read_process_memory(handle, told["base"], buffer, 200 * PAGE)) == 200 * PAGE

    run(program, processors=2)


def test_a_process_without_threads_has_made_no_references() -> None:
    """Paged pool belongs to the System process, which has none; threads that come later are others'."""

    def program(process: Any) -> Steps:
        thread = yield from works(process.create_thread(_child))
        yield process.wait_for_single_object(thread)
        state = process.system.state
        assert virtual_time(state.address, process.own.number) > 30
        assert virtual_time(state.address, process.system.kernel) == 0

    run(program)


@pytest.mark.parametrize("place", ["trimmed", "replaced"])
def test_a_policy_in_python_may_not_propose_a_page_of_awe(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is valid, but in no working set."""
    entries: list[int] = []

    def program(process: Any) -> Steps:
        entries.extend(process.own.space.entries((yield from _awe(process)), 1).tolist())
        while True:
            yield from _child(process)

    policy = proposing(
        trim=lambda _: Decision(trimmed=np.array(entries if place == "trimmed" else [], np.int64)),
        replace=lambda *_: entries[0] if entries and place == "replaced" else None,  # type: ignore[arg-type]
    )
    trimming = config.Trimming(policy=enter(monkeypatch, "wrong", policy), period=100_000)
    machine = build(program, frames=64, manager=windows(trimming=trimming), working_set=(20, 25, True))
    with pytest.raises(PolicyRefused, match="which isn't in"):
        machine.run()


def test_without_a_policy_that_proposes_anything_a_machine_says_why_it_cannot_go_on() -> None:
    manager = {"model": "demand-paging", "trimming": config.Trimming(policy="none")}
    with pytest.raises(SimulationError, match="no page can be taken"):
        run(everything, frames=112, manager=manager)
