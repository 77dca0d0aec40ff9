"""Threads and processes begin with all that they need or not at all, and their ends are for good."""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import Any

import pytest

from simulator import config
from simulator.machine import Machine, ProcessSpec
from simulator.result import SimulationError
from simulator.windows.constants import (
    MEM_COMMIT,
    MEM_RELEASE,
    MEM_RESERVE,
    NON_PAGED_POOL,
    PAGE_READWRITE,
    STATUS_COMMITMENT_LIMIT,
    STATUS_INSUFFICIENT_RESOURCES,
)
from tests.simulator.small import FREE, constant, windows
from tests.windows.harness import BOTH, PAGE, Steps, build, charge, fails, run, works


def _grown(process: Any, left: int) -> Steps:
    """Commit all but `left` pages of what can be: page tables are charged for, too, so the last few page by page."""
    information = yield process.get_performance_info()
    pages = information.commit_limit - information.commit_total
    base = yield from works(process.virtual_alloc(0, pages * PAGE, MEM_RESERVE, PAGE_READWRITE))
    tables = -(-pages // 512) + 1
    count = pages - left - tables
    yield from works(process.virtual_alloc(base, count * PAGE, MEM_COMMIT, PAGE_READWRITE))
    while (yield from charge(process)) < information.commit_limit - left:
        yield from works(process.virtual_alloc(base + count * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE))
        count += 1
    assert (yield from charge(process)) == information.commit_limit - left


@pytest.mark.parametrize("left", range(1, 14))
def test_a_thread_or_process_that_can_not_have_its_stacks_leaves_nothing_behind(left: int) -> None:
    """Either takes 10 pages of commit charge here, in this order: 6 of its kernel stack, 1 of pool for its objects, 2
    of its stack and a page table."""

    def idle(process: Any) -> Steps:
        yield process.sleep(1)

    def program(process: Any) -> Steps:
        yield process.close_handle((yield from works(process.create_thread(idle))))
        yield process.sleep(10)
        yield from _grown(process, left)
        before = yield from charge(process)
        for call in (process.create_thread(idle), process.create_process("child", idle)):
            handle = yield from call
            assert bool(handle) == (left >= 10)
            if handle:
                yield process.wait_for_single_object(handle)
                yield process.close_handle(handle)
            else:
                assert process.get_last_error() in (1450, 1455)
            assert (yield from charge(process)) == before

    run(program)


def _none_left(process: Any, left: int) -> Steps:
    """Have the nonpaged pool full: `left` isn't looked at."""
    while (yield process.ex_allocate_pool_with_tag(NON_PAGED_POOL, PAGE, "Full")):
        pass
    for size in (1024, 64, 1):
        while (yield process.ex_allocate_pool_with_tag(NON_PAGED_POOL, size, "Full")):
            pass


@pytest.mark.parametrize(
    ("shortage", "status"), [(_grown, STATUS_COMMITMENT_LIMIT), (_none_left, STATUS_INSUFFICIENT_RESOURCES)]
)
def test_a_process_of_the_config_that_can_not_start_says_why_and_leaves_nothing_behind(
    shortage: Any, status: int
) -> None:
    ran: list[str] = []
    charged: list[int] = []

    def late(process: Any) -> Steps:
        ran.append(process.name)
        yield process.sleep(1)

    def first(process: Any) -> Steps:
        yield from shortage(process, 8)
        for _ in range(2):
            charged.append((yield from charge(process)))
            yield process.sleep(10)

    pools = config.Windows(pools=config.Pools(nonpaged_limit=32 * PAGE))
    paging = [config.PagingFile(size=64 * PAGE, maximum=64 * PAGE)]
    machine = config.Machine(memory=256 * PAGE, disks={"d": constant()}, paging_files=paging, costs=FREE, windows=pools)
    specs = [
        ProcessSpec(config.Process(name="a"), program=first),
        ProcessSpec(config.Process(name="b", start=5_000_000), program=late),
    ]
    result = Machine(machine, config.MemoryManager(**windows()), specs).run()
    assert ran == []
    assert charged[0] == charged[1]
    assert result.summary["processes"]["b"]["exit_status"] == status
    assert result.summary["processes"]["b"]["committed_pages"] == 0


def test_a_handle_that_can_not_be_had_means_no_thread_and_no_process() -> None:
    ran: list[str] = []

    def other(process: Any) -> Steps:
        ran.append(process.name)
        yield process.sleep(1)

    def program(process: Any) -> Steps:
        while (yield process.create_event()):
            pass
        yield from fails(process, 1450, process.create_thread(other))
        yield from fails(process, 1450, process.create_process("child", other))
        yield process.sleep(10)

    run(program, settings={"pools": {"handles": 64}})
    assert ran == []


def test_a_program_that_is_ended_does_nothing_more_whatever_it_would_like_to() -> None:
    after: list[str] = []

    def tidy(process: Any) -> Steps:
        block = yield process.virtual_alloc(0, 4 * PAGE, BOTH, PAGE_READWRITE)
        try:
            yield process.sleep(1000)
        finally:
            yield process.virtual_free(block, 0, MEM_RELEASE)
            after.append("freed")

    def program(process: Any) -> Steps:
        child = yield process.create_process("child", tidy)
        yield process.create_thread(tidy)
        yield process.sleep(1)
        yield from works(process.terminate_process(child, 9))
        assert (yield process.get_exit_code_process(child)) == 9

    run(program)
    assert after == []
    cut = build(tidy, duration=1_000_000).run()
    assert after == []
    assert cut.summary["processes"]["a"]["exit_status"] is None
    assert cut.summary["processes"]["a"]["committed_pages"] > 4


def test_a_thread_that_ends_gives_up_what_it_was_about_to_do_with_its_heap() -> None:
    """The process lives on, and so does its heap: what the ended thread would free stays allocated."""
    blocks: list[int] = []

    def second(process: Any) -> Steps:
        heap = yield process.get_process_heap()
        blocks.append((yield process.heap_alloc(heap, 0, 100)))
        try:
            yield process.exit_thread(3)
        finally:
            yield process.heap_free(heap, 0, blocks[0])

    def program(process: Any) -> Steps:
        thread = yield from works(process.create_thread(second))
        yield process.wait_for_single_object(thread)
        assert (yield process.get_exit_code_thread(thread)) == 3
        heap = yield process.get_process_heap()
        assert (yield process.heap_validate(heap, 0, blocks[0]))

    run(program)


def test_a_program_that_will_not_end_or_fails_at_its_end_is_told_in_one_line() -> None:
    over: list[bool] = []

    def never(process: Any) -> Steps:
        while not over:
            with suppress(BaseException):
                yield process.sleep(1)

    def untidy(process: Any) -> Steps:
        try:
            yield process.sleep(1)
        finally:
            raise OSError("no space left")

    with pytest.raises(SimulationError, match="the program of a has ended, but goes on"):
        build(never, duration=100).run()
    over.append(True)
    with pytest.raises(SimulationError, match="the program of a failed: OSError: no space left"):
        build(untidy, duration=100).run()


def test_programs_that_a_failed_run_leaves_do_nothing_more_either() -> None:
    after: list[str] = []

    def tidy(process: Any) -> Steps:
        try:
            yield process.sleep(1000)
        finally:
            yield process.create_event()
            after.append("an event")

    def program(process: Any) -> Steps:
        yield process.create_process("child", tidy)
        yield process.sleep(1)
        raise ArithmeticError("a mistake")

    with pytest.raises(SimulationError, match="the program of a failed: ArithmeticError: a mistake"):
        run(program)
    gc.collect()
    assert after == []
