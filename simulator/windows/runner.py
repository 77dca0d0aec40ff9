"""How programs run: each thread's generator is asked what it wants next when the machine has done what it wanted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

import numpy as np
import simpy

from simulator.config import Process as ProcessConfig
from simulator.driver import Driver
from simulator.hardware.scheduler import fall_asleep
from simulator.memory import program
from simulator.memory.commit import start_process
from simulator.memory.follow_up import follow_up
from simulator.memory.state import State
from simulator.result import RunResult, SimulationError
from simulator.state.constants import ENDED, NEVER, RUNNING, STATUS_ACCESS_VIOLATION
from simulator.threads import give
from simulator.units import LONGEST
from simulator.windows.constants import (
    ERROR_COMMITMENT_LIMIT,
    STATUS_COMMITMENT_LIMIT,
    STATUS_INSUFFICIENT_RESOURCES,
)
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.notifications import Condition
from simulator.windows.objects import Waitable
from simulator.windows.process import Process
from simulator.windows.process_state import ProcessState, ThreadObject, exit_code
from simulator.windows.regions.stack import create_stack
from simulator.windows.requests import EndThread, Exit, References, Request, Sleep, Wait, WaitForWrite
from simulator.windows.running import Program, Running, satisfied
from simulator.windows.system import System, complete

_READ, _WRITE, _EXECUTE = 0, 1, 8
_ACCESS = (_EXECUTE, _READ, _WRITE)
"""What EXCEPTION_RECORD says of a fetch, a load, a store."""


class Runner:
    """Runs the programs of one machine."""

    def __init__(self, state: State, driver: Driver, drain: Callable[[], None], collect: Callable[[], None]) -> None:
        """`drain` empties the machine's logs, `collect` takes its samples, before a process is added."""
        self.state, self._driver = state, driver
        self._collect = collect
        self.system = System(state, drain, self._wake)
        self._own_pool = {(row.tag, row.type): row.diff for row in self.system.pool.rows()}
        self._record = state.record[0]
        self._kernel_stack = -(-self.system.settings.kernel_stack // self.system.page_size)
        """pages"""
        self._running: dict[int, Running] = {}
        self._watching = 0
        """waits for the system's own conditions"""

    @property
    def now(self) -> int:
        """The present instant."""
        return int(self._record["now"])

    # Beginnings: all that can be refused is had, or given back in the reverse order, before anything runs

    def start(self, process: int, config: ProcessConfig, main: Program, time: int) -> ProcessState | None:
        """Start the program of a process that the machine knows, at a time; None: commit charge or pool didn't
        suffice, and the process has ended."""
        self.state.record[0]["now"] = time
        try:
            with ExitStack() as undo:
                thread = self._new_process(process, config, undo)
                undo.pop_all()
        except Failure as failure:
            self._give_up(process, failure)
            return None
        number = int(self.state.arrays["processes"][process]["first_thread"])
        self._enter(thread, number, main, {})
        follow_up(self.state.address, time)
        return thread.owner

    def start_process(self, config: ProcessConfig, main: Program) -> int:
        """A process that nobody created starts its program at the present: its number."""
        self._collect()
        population = self.system.pages.population
        process = population.add_process(config, program=True)
        population.add_thread(process, config.priority)
        self.start(process, config, main, self.now)
        return process

    def knows(self, process: int) -> bool:
        """Whether a process runs a program."""
        return any(owner.number == process for owner in self.system.processes)

    def interrupt(self, process: int, cause: Any) -> None:
        """Interrupt the first thread of a process: simpy.Interrupt is raised in its program."""
        owner = self.system.owner(process)
        running = self._running[owner.threads[0].number]
        if running.wait is not None:
            self._stop_waiting(running)
        running.thrown = simpy.Interrupt(cause)
        if running.live is not None and running.awaiting:
            running.live.interrupt(cause)
        program.interrupt(self.state.address, owner.threads[0].number, self.now)

    def end(self, process: int, status: int) -> None:
        """End a process from outside."""
        self.end_process(self.system.owner(process), status)

    def create_process(self, name: str, main: Program, parameters: dict[str, Any], parent: ProcessState) -> int:
        """A new process, which starts at once: its parent's handle to it. Raises Failure if it can't have what it
        needs: then it has ended before it ran."""
        config = ProcessConfig(
            name=self.system.free_name(name),
            start=self.now,
            priority=parent.priority,
            bits=parent.bits,
            privileges=sorted(parent.privileges),
        )
        self._collect()
        population = self.system.pages.population
        process = population.add_process(config, program=True)
        try:
            with ExitStack() as undo:
                thread = self._new_process(process, config, undo)
                handle = parent.handles.add(thread.owner.object)
                undo.pop_all()
        except Failure as failure:
            self._give_up(process, failure)
            raise
        self._enter(thread, population.add_thread(process, config.priority), main, parameters)
        return handle

    def create_thread(
        self, owner: ProcessState, function: Program, parameters: dict[str, Any], reserve: int = 0, commit: int = 0
    ) -> int:
        """A new thread of a process, which starts at once: the process's handle to it. `reserve` and `commit`: bytes of
        its stack, 0: the machine's default. Raises Failure if it can't have what it needs."""
        with ExitStack() as undo:
            thread = self._new_thread(owner, undo, reserve, commit)
            handle = owner.handles.add(thread)
            undo.pop_all()
        number = self.system.pages.population.add_thread(owner.number, owner.priority)
        self._add(thread, number, function, parameters, main=False)
        program.begin_thread(self.state.address, number, self.now)
        return handle

    def _new_process(self, process: int, config: ProcessConfig, undo: ExitStack) -> ThreadObject:
        """The first thread of a process that is yet to start."""
        owner = ProcessState(self.system, process, config)
        undo.callback(owner.object.dereference)
        return self._new_thread(owner, undo)

    def _new_thread(self, owner: ProcessState, undo: ExitStack, reserve: int = 0, commit: int = 0) -> ThreadObject:
        """What a thread must have before it can start: a kernel stack, an object, a stack."""
        if not self.system.pages.charge(self._kernel_stack, owner.number):
            raise Failure(ERROR_COMMITMENT_LIMIT)
        undo.callback(self._refund_stack, owner)
        thread = ThreadObject(self.system, owner)
        undo.callback(thread.dereference)
        settings = self.system.settings
        thread.stack = create_stack(owner.space, reserve or settings.stack_reserve, commit or settings.stack_commit)
        undo.callback(owner.space.free_stack, thread.stack)
        return thread

    def _enter(self, thread: ThreadObject, number: int, main: Program, parameters: dict[str, Any]) -> None:
        """A process starts, with its first thread."""
        self._add(thread, number, main, parameters, main=True)
        self.system.processes.append(thread.owner)
        self.system.resumed += 1
        start_process(self.state.address, thread.owner.number, 0, self.now)

    def _add(
        self, thread: ThreadObject, number: int, function: Program, parameters: dict[str, Any], main: bool
    ) -> None:
        """A thread is the engine's thread of that number from now on."""
        owner, thread.number = thread.owner, number
        process = Process(self, owner, thread)
        owner.threads.append(thread)
        owner.decide_touches()
        self._running[number] = Running(owner, thread, process, [process.run(function, parameters)], main)
        self._running[number].live = self._driver.env.process(self._live(self._running[number]))

    def _give_up(self, process: int, failure: Failure) -> None:
        """A process can't start."""
        m, record = self.state.record[0], self.state.arrays["processes"][process]
        beyond = failure.code == ERROR_COMMITMENT_LIMIT
        record["status"] = STATUS_COMMITMENT_LIMIT if beyond else STATUS_INSUFFICIENT_RESOURCES
        record["finished"] = self.now
        m["alive"] -= 1
        m["living_threads"] -= record["living_threads"]
        record["living_threads"] = 0
        first = int(record["first_thread"])
        self.state.arrays["threads"]["state"][first : first + int(record["threads"])] = ENDED

    # Going on

    def _live(self, running: Running) -> Generator[simpy.Event, Any, None]:
        """The life of a thread: whenever it has a processor and nothing to do, its program says what it wants."""
        number = running.object.number
        while not running.object.ended:
            turn = simpy.Event(self._driver.env)
            self._driver.turns[number] = turn
            yield turn
            self._resume(running, number)
            if running.awaited is not None:
                yield from self._await(running, number)

    def _await(self, running: Running, thread: int) -> Generator[simpy.Event, Any, None]:
        """A thread sleeps until something happens in SimPy; what that gave or raised it gets on a processor."""
        assert running.awaited is not None
        event, running.awaited = running.awaited, None
        running.awaiting = True
        try:
            running.value = yield event
        except simpy.Interrupt:
            return
        except Exception as error:  # noqa: BLE001 (whatever the event failed with is the program's to handle)
            running.thrown = error
        finally:
            running.awaiting = False
        if running.object.ended:
            return
        now = self._driver.catch_up()
        self._record["now"] = now
        program.rouse(self.state.address, thread, now)
        follow_up(self.state.address, now)
        self._driver.wake()

    def _resume(self, running: Running, thread: int) -> None:
        """A thread's program goes on, at the present instant."""
        self.system.resumed += 1
        a = self.state.address
        thrown, running.thrown = running.thrown, None
        status = program.exception_of(a, thread)
        if status:
            thrown = self._exception(running, thread, status)
            if thrown is None:
                program.try_again(a, thread)
                follow_up(a, self.now)
                return
        if running.wait is not None:  # it slept, and nobody roused it: its time is over
            self._stop_waiting(running)
        self._step(running, thread, thrown)
        self.look_at_conditions()
        follow_up(a, int(self._record["now"]))

    def _step(self, running: Running, thread: int, thrown: Exception | None) -> None:
        """Ask a program what it wants until that takes time."""
        while not self._takes_time(running, thread, running.ask(thrown)):
            thrown = None

    def _takes_time(self, running: Running, thread: int, request: Request) -> bool:
        """Do what a program wants; False if it can go on at once."""
        a, now = self.state.address, self.now
        if isinstance(request, int):
            program.charge_time(a, thread, min(request, LONGEST))
        elif isinstance(request, References):
            self._give(running, thread, request)
        elif isinstance(request, Sleep):
            program.charge_time(a, thread, 0)
            fall_asleep(a, thread, min(now + max(0, request.nanoseconds), int(NEVER)), now)
        elif isinstance(request, Wait):
            return self._begin_wait(running, thread, request)
        elif isinstance(request, WaitForWrite):
            program.charge_time(a, thread, 0)
            program.wait_for_write(a, thread, request.request, now)
        elif isinstance(request, simpy.Event):
            program.charge_time(a, thread, 0)
            fall_asleep(a, thread, NEVER, now)
            running.awaited = request
        elif isinstance(request, Exit):
            self.end_process(running.owner, exit_code(running.owner, request.code))
        elif isinstance(request, EndThread):
            self._end_thread(running, thread, exit_code(running.owner, request.code))
        else:
            name, wish = running.owner.name, type(request).__name__
            raise SimulationError(
                f"the program of {name} yielded a {wish}, allowed is a call, a SimPy event, or nanoseconds"
            )
        return True

    def _give(self, running: Running, thread: int, request: References) -> None:
        runs = (
            np.ascontiguousarray(request.entries, np.uint32),
            np.ascontiguousarray(request.fetches, np.uint16),
            np.ascontiguousarray(request.loads, np.uint8),
            np.ascontiguousarray(request.stores, np.uint8),
        )
        give(self.state, thread, runs, request.waits, fetching=bool(runs[1].any()))
        running.references, running.held = request, runs

    def _exception(self, running: Running, thread: int, status: int) -> WindowsException | None:
        """What a fault that can't be resolved is to the program; None: it could be mended."""
        record = self.state.arrays["threads"][thread]
        pte = int(record["fault_pte"])
        page = int(self.state.arrays["ptes"]["vpn"][pte])
        access = int(record["fault_access"])
        lowest = running.references.address if running.references is not None else 0
        address = max(lowest, page * self.system.page_size)
        information: tuple[int, ...] = (_ACCESS[access], address)
        if status == STATUS_ACCESS_VIOLATION:
            found = running.owner.space.fault(running.object, page, access)
            if found is None:
                return None
            status, given = found
            information = given or information
            if status == STATUS_ACCESS_VIOLATION:
                information = (information[0], address)
                program.count_violation(self.state.address, thread)
        else:
            information = (*information, status)
        program.charge_time(self.state.address, thread, 0)
        return WindowsException(status, information)

    # Waiting

    def _begin_wait(self, running: Running, thread: int, wait: Wait) -> bool:
        found = satisfied(wait)
        if found is not None:
            running.value = found
            return False
        a, now = self.state.address, self.now
        if wait.timeout == 0:
            return False
        for item in wait.objects:
            item.waiters.append(running)
            self._watching += isinstance(item, Condition)
        running.wait = wait
        program.charge_time(a, thread, 0)
        fall_asleep(a, thread, NEVER if wait.timeout is None else min(now + wait.timeout, int(NEVER)), now)
        return True

    def _stop_waiting(self, running: Running) -> None:
        assert running.wait is not None
        for item in running.wait.objects:
            item.waiters.remove(running)
            self._watching -= isinstance(item, Condition)
        running.wait = None

    def _wake(self, item: Waitable) -> None:
        """An object has become signalled: those whose wait that ends go on, in order of arrival."""
        for running in list(item.waiters):
            if running.wait is None or not program.sleeps(self.state.address, running.object.number):
                continue  # its time was over before, and it is about to find that out
            found = satisfied(running.wait)
            if found is None:
                continue
            self._stop_waiting(running)
            running.value = found
            program.rouse(self.state.address, running.object.number, self.now)

    def waits_for_system(self) -> bool:
        """Whether a thread waits for one of the system's own conditions, such as low memory."""
        return self._watching > 0

    def look_at_conditions(self) -> None:
        """What the system's conditions say may have changed; nobody minds unless a thread waits for one."""
        if self._watching:
            self.system.notifications.check()

    # Endings

    def _end_thread(self, running: Running, thread: int, code: int) -> None:
        owner = running.owner
        if len(owner.threads) == 1:
            self.end_process(owner, code)
            return
        self._forget(running, code)
        owner.space.free_stack(running.object.stack)
        self.system.pages.spent()  # as at the end of a process
        self._refund_stack(owner)
        program.stop_thread(self.state.address, thread, self.now)
        self._signal(running.object)

    def _refund_stack(self, owner: ProcessState) -> None:
        self.system.pages.refund(self._kernel_stack, owner.number)

    def _forget(self, running: Running, code: int) -> None:
        if running.wait is not None:
            self._stop_waiting(running)
        running.abandon()
        running.owner.threads.remove(running.object)
        running.owner.decide_touches()
        running.object.exit_code, running.object.ended = code, True
        del self._running[running.object.number]

    def _signal(self, thread: ThreadObject) -> None:
        self._wake(thread)
        thread.dereference()

    def end_process(self, owner: ProcessState, code: int) -> None:
        """End a process: its threads stop wherever they are, and all it had is given back."""
        if owner.ended:
            return
        a, now = self.state.address, self.now
        owner.ended, owner.exit_code = True, code
        threads = self.state.arrays["threads"]["state"]
        ending = [self._running[item.number] for item in owner.threads]
        last = [running for running in ending if threads[running.object.number] == RUNNING]
        for running in ending:
            self._forget(running, code)
            self._refund_stack(owner)
            if running not in last:
                program.stop_thread(a, running.object.number, now)
        owner.handles.close_all()
        owner.heaps.clear()
        owner.space.destroy()
        self.system.pages.spent()  # nobody's processor time: not that of whoever makes the next call
        self.system.processes.remove(owner)
        program.mark_ended(a, owner.number, code, now)
        for running in last:
            program.stop_thread(a, running.object.number, now)
        for running in ending:
            self._signal(running.object)
        self._wake(owner.object)
        owner.object.dereference()

    def complete(self, result: RunResult) -> None:
        """Add to a run's result what only programs leave."""
        complete(self.system, self._own_pool, result)

    def close(self) -> None:
        """The run is over, or has failed: programs that have not ended do nothing more."""
        for running in self._running.values():
            running.abandon()
