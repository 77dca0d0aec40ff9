"""Programs run as the machine would run their references, and leave nothing behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator import config, registry
from simulator.machine import Machine, ProcessSpec
from simulator.result import SimulationError
from simulator.state import constants
from simulator.windows import constants as w
from simulator.windows.constants import (
    FILE_MAP_COPY,
    MEM_COMMIT,
    MEM_PHYSICAL,
    MEM_RESERVE,
    PAGE_READWRITE,
    PAGE_WRITECOPY,
    STATUS_IN_PAGE_ERROR,
)
from tests.simulator.small import FREE, constant, limits, windows
from tests.windows.harness import PAGE, Steps, build, raises, run
from workloads.base import StreamContext
from workloads.synthetic.zipf import Zipf

BOTH = MEM_RESERVE | MEM_COMMIT


def _stream() -> Any:
    from pathlib import Path

    workload = Zipf(pages=60, references=20_000, exponent=0.8, writes=0.3)
    return workload.stream(StreamContext(Path(), 7, "a", PAGE, 1 << 40))


@pytest.mark.parametrize("manager", [config.MemoryManager(**windows()), config.MemoryManager()])
def test_a_stream_costs_a_program_what_it_costs_a_process(manager: Any) -> None:
    pages = len(_stream().pages)

    def program(process: Any) -> Steps:
        base = yield process.virtual_alloc(0, (int(np.ptp(_stream().pages)) + 1) * PAGE, BOTH, PAGE_READWRITE)
        yield process.touch(base, _stream())

    costs = config.Costs(system_call=0)
    hardware = config.Machine(memory=1024 * PAGE, costs=costs, disks={"d": constant()})
    plain = config.Process(name="a", working_set=limits(10, 25, True))
    seen = []
    for spec in (ProcessSpec(plain, (_stream(),)), ProcessSpec(plain, program=program)):
        result = Machine(hardware, manager, [spec]).run()
        faults = result.faults[result.faults["process"] == "a"]
        row = result.summary["processes"]["a"]
        seen.append((faults, row))
    of_the_stream = seen[0][0]
    of_the_program = seen[1][0].tail(len(of_the_stream))  # before it, the handle table and the like were touched
    for column in ("kind", "cause", "access", "queue_ns", "service_ns", "cpu_ns"):
        assert list(of_the_program[column]) == list(of_the_stream[column])
    for column in ("page", "time_ns"):
        assert (
            np.diff(of_the_program[column].astype(np.int64)) == np.diff(of_the_stream[column].astype(np.int64))
        ).all()
    for key in ("transition_faults", "hard_faults", "replaced", "trimmed", "stall_ns"):
        assert seen[0][1][key] == seen[1][1][key]
    assert seen[0][1]["demand_zero_faults"] == pages
    assert seen[0][1]["transition_faults"] > 1000


def test_a_program_that_waits_for_nobody_ends_the_run_with_one_line() -> None:
    def program(process: Any) -> Steps:
        event = yield process.create_event()
        yield process.wait_for_single_object(event)

    with pytest.raises(SimulationError, match="wait for objects that nobody will signal"):
        run(program)


def test_an_unhandled_exception_ends_the_process_with_its_status_and_the_run_goes_on() -> None:
    def doomed(process: Any) -> Steps:
        yield process.read(0x1000)

    def program(process: Any) -> Steps:
        child = yield process.create_process("child", doomed)
        assert (yield process.wait_for_single_object(child)) == 0
        assert (yield process.get_exit_code_process(child)) == constants.STATUS_ACCESS_VIOLATION

    done = run(program)
    assert done.result.summary["processes"]["child"]["exit_status"] == constants.STATUS_ACCESS_VIOLATION
    assert done.result.summary["access_violations"] == 1


def test_a_failed_read_is_an_exception_in_the_program() -> None:
    def program(process: Any) -> Steps:
        file = yield process.create_file("data")
        mapping = yield process.create_file_mapping(file, PAGE_WRITECOPY)
        view = yield process.map_view_of_file(mapping, FILE_MAP_COPY)
        yield from raises(STATUS_IN_PAGE_ERROR, process.read(view + 100), 0, view + 100)

    broken = {"disks": {"d": config.Disk(model="constant", parameters={}, read_error_rate=1.0)}}
    done = run(program, files={"data": 8 * PAGE}, machine=broken)
    assert done.result.summary["in_page_errors"] == 1


def _traces(machine: Machine) -> dict[str, Any]:
    """What a process could leave behind."""
    arrays, m = machine.state.arrays, machine.state.record[0]
    frames = arrays["frames"]
    active = (frames["state"] == constants.ACTIVE) & (frames["fixed"] == 0)
    system = machine.programs.system if machine.programs else None
    assert system is not None
    return {
        "commit": int(m["commit"]),
        "active": int(active.sum() - arrays["processes"]["size"][system.kernel]),
        "slots": int(arrays["stores"]["used"][: machine.state.paging_files].sum()),
        "locked": int((arrays["bits"] & constants.LOCKED != 0).sum()),
        "nonpaged": system.pool.nonpaged.used,
        "paged": system.pool.paged.used,
        "transition": int(m["states_transition"]),
        "waiting": int(m["frame_waiting"] + m["sleeping"]),
    }


def _greedy(process: Any) -> Steps:
    """Hold a bit of everything, and be killed in the middle of a page-in and of a wait."""
    pages = yield process.virtual_alloc(0, 40 * PAGE, BOTH, PAGE_READWRITE)
    yield process.write(pages, 40 * PAGE)
    yield process.virtual_lock(pages, 4 * PAGE)
    window = yield process.virtual_alloc(0, 16 * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE)
    frames = yield process.allocate_user_physical_pages(5)
    yield process.map_user_physical_pages(window, 3, frames[:3])
    yield process.write(window, 3 * PAGE)
    heap = yield process.heap_create(0, 0, 0)
    for size in (10, 1000, 100_000, 1_000_000):
        block = yield process.heap_alloc(heap, 0, size)
        yield process.write(block, size)
    file = yield process.create_file("data")
    mapping = yield process.create_file_mapping(file, PAGE_WRITECOPY)
    view = yield process.map_view_of_file(mapping, FILE_MAP_COPY)
    yield process.write(view, PAGE)
    event = yield process.create_event(False, False, "everybody's")

    def waits(other: Any) -> Steps:
        yield other.wait_for_single_object(event)

    def reads(other: Any) -> Steps:
        yield other.read(view, 16 * PAGE)

    yield process.create_thread(waits)
    yield process.create_thread(reads)
    yield process.sleep(0.0005)
    yield process.read(0)


def test_a_process_that_ends_leaves_nothing_behind() -> None:
    def idle(process: Any) -> Steps:
        yield process.sleep(1)

    def parent(child: Any) -> Any:
        def program(process: Any) -> Steps:
            for _ in range(3):
                handle = yield process.create_process("child", child)
                yield process.wait_for_single_object(handle)
                yield process.close_handle(handle)
            yield process.sleep(100)

        return program

    left = []
    for child in (idle, _greedy):
        machine = build(parent(child), files={"data": 16 * PAGE}, frames=2048)
        machine.run()
        left.append(_traces(machine))
    assert left[0] == left[1]
    assert left[1]["locked"] == left[1]["active"] == left[1]["slots"] == 0


def test_a_call_is_yielded_or_yielded_from_with_the_same_result() -> None:
    def yields(process: Any) -> Steps:
        address = yield process.virtual_alloc(0, 4096, w.MEM_RESERVE | w.MEM_COMMIT, w.PAGE_READWRITE)
        yield process.note("address", address)
        yield process.sleep(1)

    def yields_from(process: Any) -> Steps:
        address = yield from process.virtual_alloc(0, 4096, w.MEM_RESERVE | w.MEM_COMMIT, w.PAGE_READWRITE)
        yield from process.note("address", address)
        yield from process.sleep(1)

    one, other = run(yields).result, run(yields_from).result
    assert one.summary == other.summary
    assert one.notes.equals(other.notes)


def test_what_no_program_may_yield_is_told_in_one_line() -> None:
    def program(_process: Any) -> Steps:
        yield "a word"

    with pytest.raises(SimulationError, match="the program of a yielded a str, allowed is a call"):
        run(program)


def test_a_thread_that_computes_takes_that_time_and_tells_its_code() -> None:
    """There's one processor, which the thread has once the program waits. Between the two readings lie the wait, a call
    into the kernel that looks the handle up (a load and a store in the page of the handle table, 1 ns each), and the
    thread's own time."""

    def works_long(process: Any) -> Steps:
        yield process.compute(5_000)
        return 7

    def program(process: Any) -> Steps:
        thread = yield process.create_thread(works_long)
        assert (yield process.get_exit_code_thread(thread)) == 259
        began = yield process.query_performance_counter()
        assert (yield process.wait_for_single_object(thread)) == 0
        ended = yield process.query_performance_counter()
        assert ended - began == process.system.costs.system_call + 2 + 5_000
        assert (yield process.get_exit_code_thread(thread)) == 7
        assert process.get_current_process() == -1

    run(program)


def test_times_may_be_any_numbers_and_less_than_nothing_is_nothing() -> None:
    def program(process: Any) -> Steps:
        event = yield process.create_event()
        began = yield process.query_performance_counter()
        for nanoseconds in (1.6, np.int64(5), -7):
            yield process.compute(nanoseconds)
        assert (yield process.query_performance_counter()) - began == 2 + 5
        began = yield process.query_performance_counter()
        assert (yield process.wait_for_single_object(event, 0.25)) == 258
        ended = yield process.query_performance_counter()
        assert ended - began == process.system.costs.system_call + 2 + 250_000  # the call looks its handle up, 2 ns

    run(program)


def test_two_runs_of_programs_on_two_processors_are_the_same() -> None:
    def program(process: Any) -> Steps:
        for _ in range(4):
            yield process.create_process("child", _greedy)
        yield process.sleep(10)

    results = [
        run(
            program,
            files={"data": 16 * PAGE},
            frames=400,
            processors=2,
            costs=config.Costs(),
            manager={"read_cluster": 4},
        ).result
        for _ in range(2)
    ]
    assert results[0].summary == results[1].summary
    assert results[0].faults.equals(results[1].faults)
    assert results[0].samples.equals(results[1].samples)


@pytest.mark.slow
@pytest.mark.parametrize("policy", registry.names("policy"))
def test_every_policy_works_with_programs(policy: str) -> None:
    if "future" in registry.find("policy", policy).requires:  # type: ignore[attr-defined]
        pytest.skip("the future of a program isn't known")
    manager = {"trimming": config.Trimming(policy=policy, period=1_000_000)}

    def program(process: Any) -> Steps:
        for _ in range(3):
            yield process.create_process("child", _greedy)
        yield from _greedy(process)

    try:
        run(program, files={"data": 16 * PAGE}, frames=400, manager=manager, costs=FREE)
    except AssertionError as ended:
        assert "0xc0000005" in str(ended)  # noqa: PT017 (the program ends so, at its own last step)
