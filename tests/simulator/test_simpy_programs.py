"""Programs in somebody's SimPy model: they wait for its events, and it waits for them."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from typing import Any

import pytest
import simpy

from simulator import config
from simulator.machine import Machine, ProcessSpec
from simulator.windows import constants as w
from tests.reference.cases import PAGE, RunList

Steps = Generator[Any, Any, Any]
MILLISECOND = 1_000_000


def machine(env: simpy.Environment, frames: int = 256, **hardware: Any) -> Machine:
    """A machine without processes."""
    return Machine(config.Machine(memory=frames * PAGE, **hardware), config.MemoryManager(), env=env)


def test_a_program_waits_for_time_and_for_events_of_the_model() -> None:
    env = simpy.Environment()
    rung = env.event()
    log: list[tuple[str, float]] = []

    def program(process: Any) -> Steps:
        yield env.timeout(25 * MILLISECOND)
        log.append(("slept", env.now))
        value = yield rung
        log.append((value, env.now))
        address = yield process.virtual_alloc(0, PAGE, w.MEM_RESERVE | w.MEM_COMMIT, w.PAGE_READWRITE)
        yield process.write(address, 8)
        return 7

    def bell() -> Steps:
        yield env.timeout(40 * MILLISECOND)
        rung.succeed("rung")

    env.process(bell())
    running = machine(env).start(program, "sleeper")
    assert env.run(until=running) == 7
    assert log == [("slept", 25 * MILLISECOND), ("rung", 40 * MILLISECOND)]
    assert running.counters()["demand_zero_faults"] >= 1


def test_an_event_that_fails_raises_in_the_program() -> None:
    env = simpy.Environment()
    caught: list[str] = []

    def program(_process: Any) -> Steps:
        broken = env.event()
        broken.fail(OSError("no connection"))
        try:
            yield broken
        except OSError as error:
            caught.append(str(error))

    assert env.run(until=machine(env).start(program, "client")) == 0
    assert caught == ["no connection"]


def test_an_interrupt_reaches_a_program_wherever_it_waits() -> None:
    """While it sleeps in Windows, waits for an event of the model, or makes references."""
    env = simpy.Environment()
    caught: list[tuple[Any, float]] = []

    def program(process: Any) -> Steps:
        address = yield process.virtual_alloc(0, PAGE, w.MEM_RESERVE | w.MEM_COMMIT, w.PAGE_READWRITE)
        for wait in (process.sleep(50), env.timeout(50 * MILLISECOND), process.read(address, PAGE)):
            try:
                yield wait
            except simpy.Interrupt as interrupt:
                caught.append((interrupt.cause, env.now))

    def disturb(victim: simpy.Process) -> Steps:
        for count in range(2):
            yield env.timeout(3 * MILLISECOND)
            victim.interrupt(f"number {count}")

    running = machine(env).start(program, "disturbed")
    env.process(disturb(running))
    assert env.run(until=running) == 0
    assert caught == [("number 0", 3 * MILLISECOND), ("number 1", 6 * MILLISECOND)]


def test_an_interrupt_that_a_program_does_not_catch_ends_it() -> None:
    env = simpy.Environment()

    def program(process: Any) -> Steps:
        yield process.sleep(1000)

    running = machine(env).start(program, "stopped")
    env.run(until=MILLISECOND)
    running.interrupt()
    assert env.run(until=running) == 0xC000013A  # STATUS_CONTROL_C_EXIT
    assert env.now == MILLISECOND


def test_threads_share_a_resource_of_the_model() -> None:
    env = simpy.Environment()
    desk = simpy.Resource(env, capacity=1)
    spans: list[tuple[float, float]] = []

    def worker(process: Any) -> Steps:
        with desk.request() as turn:
            yield turn
            start = env.now
            yield process.compute(2 * MILLISECOND)
            spans.append((start, env.now))

    def program(process: Any) -> Steps:
        first = yield process.create_thread(worker)
        second = yield process.create_thread(worker)
        yield from worker(process)
        yield process.wait_for_multiple_objects([first, second], True)

    env.run(until=machine(env, processors=4).start(program, "office"))
    spans.sort()
    assert len(spans) == 3
    assert all(end - start >= 2 * MILLISECOND for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_what_is_done_at_a_time_is_logged_at_that_time() -> None:
    env = simpy.Environment()
    subject = machine(env)
    running = subject.start(RunList([(page, 0, 250, 0) for page in range(16)] * 400), "busy")

    def act() -> Steps:
        yield env.timeout(250_000)
        running.empty_working_set()

    env.process(act())
    env.run(until=running)
    pages = subject.result().pages
    emptied = pages[pages["reason"] == "emptied"]
    assert len(emptied) == 16
    assert set(emptied["time_ns"]) == {250_000}


def test_a_process_that_is_started_later_is_like_one_that_starts_then() -> None:
    env = simpy.Environment()
    runs = [(page, 0, 50, page % 2) for page in range(40)] * 3
    first = Machine(config.Machine(memory=64 * PAGE), config.MemoryManager(), env=env)

    def begin() -> Steps:
        yield env.timeout(5_000)
        yield first.start(RunList(runs), "late")

    env.run(until=env.process(begin()))
    found = first.result().summary["processes"]["late"]
    spec = config.Process(name="late", start=5_000)
    planned = Machine(config.Machine(memory=64 * PAGE), config.MemoryManager(), [ProcessSpec(spec, (RunList(runs),))])
    assert found == planned.run().summary["processes"]["late"]


def test_a_process_that_is_started_later_and_may_not_store_ends_when_it_does() -> None:
    """Its end is an event at the time of the violation, however many references it would have made."""
    env = simpy.Environment()
    subject = machine(env, files={"f": config.File(size=PAGE)})
    region = config.Region(first=1, pages=1, file="f", protection="read-only")
    runs = [(2, 0, 250, 0)] * 40 + [(1, 0, 0, 1)] + [(2, 0, 250, 0)] * 4_000
    running = subject.start(RunList(runs), "careless", regions=[region])
    assert env.run(until=running) == 0xC0000005  # STATUS_ACCESS_VIOLATION
    assert env.now == subject.result().summary["processes"]["careless"]["finished_ns"]


def test_low_memory_is_an_event_at_the_time_at_which_it_becomes_so() -> None:
    env = simpy.Environment()
    settings = config.MemoryManager(low_memory=20, high_memory=40)
    subject = Machine(config.Machine(memory=64 * PAGE), settings, env=env)
    subject.start(RunList([(page, 0, 0, 1) for page in range(60)]), "hungry")
    env.run(until=subject.low_memory())
    assert subject.counters()["available_pages"] == 19
    assert env.now < 10 * MILLISECOND


def test_a_name_that_a_process_has_and_limits_that_cannot_be_are_refused() -> None:
    env = simpy.Environment()
    subject = machine(env)
    running = subject.start(RunList([(1, 0, 1, 0)]), "a")
    with pytest.raises(ValueError, match="'a'"):
        subject.start(RunList([(1, 0, 1, 0)]), "a")
    with pytest.raises(ValueError, match="minimum"):
        running.set_working_set(5 * PAGE, 2 * PAGE)
    with pytest.raises(ValueError, match="1 to 15"):
        running.priority = 16


def test_a_suspended_process_makes_no_references_until_it_is_resumed() -> None:
    env = simpy.Environment()
    subject = machine(env)
    running = subject.start(RunList([(1, 0, 250, 0)] * 4_000), "paused")
    env.run(until=50_000)
    running.suspend()
    before = running.counters()["references"]
    env.run(until=env.now + 5 * MILLISECOND)
    assert running.counters()["references"] == before
    running.resume()
    env.run(until=running)
    assert running.counters()["references"] == 1_000_000
