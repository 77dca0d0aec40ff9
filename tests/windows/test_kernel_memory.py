"""Pools, events, conditions and DEP in a machine that runs programs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from simulator.state.constants import EMPTIED
from simulator.windows import constants as w
from simulator.windows.failure import WindowsException
from simulator.windows.information import process_counters, system_counters
from tests.windows.harness import PAGE, RW, Steps, equal, fails, other, raises, region, run, works


def held(process: Any) -> tuple[int, ...]:
    """Pages in use: commit charge, both pools."""
    system = process.system
    return (system.pages.commit_total(), system.pool.paged.used, system.pool.nonpaged.used)


def test_paged_pool_is_pageable_and_nonpaged_pool_is_not() -> None:
    """Trimmed pool pages are found on the modified list by the calls that need them: the table page of the handle and
    nothing else for a set event, whose body is nonpaged."""

    def program(process: Any) -> Steps:
        system = process.system
        handle = yield from works(process.create_event())
        before = system.pool.paged.resident()
        system.pages.evict(system.pages.working_set(system.kernel), EMPTIED)
        equal((before > 0, system.pool.paged.resident()), (True, 0))
        yield from works(process.set_event(handle))
        equal(system.pool.paged.resident(), 1)
        equal(system_counters(system)[r"Memory\Pool Paged Resident Bytes"], PAGE)
        equal(system.pool.nonpaged.resident(), system.pool.nonpaged.used)

    done = run(program)
    assert done.kinds()[-1] == "transition"


def test_a_process_that_leaked_gives_all_back_when_it_ends() -> None:
    def leak(process: Any) -> Steps:
        count = 0
        while (yield process.create_event(name=f"leak {count}")):
            count += 1
        assert count > 100
        equal(process.get_last_error(), w.ERROR_NONPAGED_SYSTEM_RESOURCES)
        return 7

    def program(process: Any) -> Steps:
        yield from works(process.create_event(name="leak none"))
        before = held(process)
        equal((yield from other(process, leak)), 7)
        equal(held(process), before)

    run(program, settings={"pools": {"nonpaged_limit": 12 * PAGE}})


def test_a_leak_shows_in_the_counters_of_its_kind() -> None:
    """Handles and pool are seen in pool bytes, memory in private bytes, a reservation in virtual bytes only."""

    def program(process: Any) -> Steps:
        def look() -> list[int]:
            found = {**system_counters(process.system), **process_counters(process.own)}
            names = (r"Memory\Pool Nonpaged Bytes", r"Process(a)\Handle Count", r"Process(a)\Private Bytes")
            return [found[name] for name in (*names, r"Process(a)\Virtual Bytes")]

        first = look()
        for _ in range(64):
            yield from works(process.create_event())
        second = look()
        yield from region(process, 16)
        third = look()
        yield from region(process, 16, w.MEM_RESERVE)
        fourth = look()
        equal([b - a for a, b in zip(first, second, strict=True)], [2 * PAGE, 64, 0, 0])
        equal([b - a for a, b in zip(second, third, strict=True)], [0, 0, 16 * PAGE, 16 * PAGE])
        equal([b - a for a, b in zip(third, fourth, strict=True)], [0, 0, 0, 16 * PAGE])

    run(program)


def test_a_thread_waits_for_an_event_that_another_process_sets() -> None:
    order: list[str] = []

    def setter(process: Any) -> Steps:
        yield process.sleep(5)
        handle = yield from works(process.open_event("go"))
        order.append("set")
        yield from works(process.set_event(handle))

    def program(process: Any) -> Steps:
        handle = yield from works(process.create_event(name="go"))
        yield from works(process.create_process("b", setter))
        equal((yield process.wait_for_single_object(handle, 1)), w.WAIT_TIMEOUT)
        order.append("timed out")
        equal((yield process.wait_for_single_object(handle)), 0)
        order.append("went on")

    run(program)
    assert order == ["timed out", "set", "went on"]


def test_low_memory_lets_the_thread_that_waits_for_it_go_on() -> None:
    """512 frames: low at 16 available. The pages are touched by another process."""
    seen: list[int] = []

    def eater(process: Any) -> Steps:
        base = yield from region(process, 496)
        yield process.write(base, 496 * PAGE)
        yield process.sleep(10)

    def program(process: Any) -> Steps:
        handle = yield from works(process.create_memory_resource_notification(0))
        yield from works(process.create_process("b", eater))
        equal((yield process.query_memory_resource_notification(handle)), False)
        equal((yield process.wait_for_single_object(handle, 100)), 0)
        seen.append(process.system.pages.available())

    run(program)
    assert seen[0] <= 16


def test_data_runs_without_dep_and_not_with_it() -> None:
    def program(process: Any) -> Steps:
        base = yield from region(process, 2, protect=RW)
        yield process.execute(base, 1)
        yield from works(process.set_process_dep_policy(w.PROCESS_DEP_ENABLE))
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.execute(base, 1), 8, base)
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.execute(base + PAGE, 1), 8, base + PAGE)
        yield from works(process.virtual_protect(base, PAGE, w.PAGE_EXECUTE_READ))
        yield process.execute(base, 1)
        yield from fails(process, w.ERROR_ACCESS_DENIED, process.set_process_dep_policy(0))

    run(program, bits=32)


def test_a_call_that_raises_takes_the_time_of_one_that_fails() -> None:
    def program(process: Any) -> Steps:
        times = []
        for kind in (w.NON_PAGED_POOL, w.NON_PAGED_POOL | 16):
            process.set_last_error(0)
            began = yield process.query_performance_counter()
            with suppress(WindowsException):
                equal((yield process.ex_allocate_pool_with_tag(kind, 64 * PAGE, "Test")), 0)
            times.append((yield process.query_performance_counter()) - began)
        equal(process.get_last_error(), 0)
        equal(times, [process.system.costs.system_call] * 2)

    run(program, settings={"pools": {"nonpaged_limit": 32 * PAGE}})
