"""How programs run: each thread's generator is asked what it wants next when the machine has done what it wanted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.config import Process as ProcessConfig
from simulator.hardware.sleep import fall_asleep
from simulator.memory import program
from simulator.memory.commit import start_process
from simulator.memory.settling import settle
from simulator.memory.state import State
from simulator.records import (
    ENDED,
    NEVER,
    RUNNING,
    STATUS_ACCESS_VIOLATION,
    STATUS_COMMITMENT_LIMIT,
)
from simulator.result import RunResult, SimulationError
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.notifications import Condition
from simulator.windows.objects import Waitable
from simulator.windows.outcome import complete
from simulator.windows.owner import Owner, ThreadObject
from simulator.windows.process import Process
from simulator.windows.requests import EndThread, Exit, References, Request, Sleep, Wait, WaitForWrite
from simulator.windows.system import System

Program = Callable[..., Generator[Any, Any, Any]]
"""What a thread does: a generator function whose first argument is the process."""

_READ, _WRITE, _EXECUTE = 0, 1, 8
_ACCESS = (_EXECUTE, _READ, _WRITE)
"""What EXCEPTION_RECORD says of a fetch, a load, a store."""


@dataclass(eq=False)
class Running:
    """One thread's program, and what it waits for."""

    owner: Owner
    object: ThreadObject
    process: Process
    generator: Generator[Request, Any, Any]
    main: bool
    value: Any = None
    """what it gets when it goes on"""
    wait: Wait | None = None
    references: References | None = None
    held: tuple[Any, ...] = field(default=())
    """arrays whose addresses the machine has"""


class Runner:
    """Runs the programs of one machine."""

    def __init__(self, state: State, drain: Callable[[], None], collect: Callable[[], None]) -> None:
        """`drain` empties the machine's logs, `collect` takes its samples, before a process is added."""
        self.state = state
        self._collect = collect
        self.system = System(state, drain, self._wake)
        self._own_pool = {(row.tag, row.type): row.diff for row in self.system.pool.rows()}
        self._record = state.record[0]
        self._running: dict[int, Running] = {}
        self._watching = 0
        """waits for the system's own conditions"""

    @property
    def now(self) -> int:
        """The present instant."""
        return int(self._record["now"])

    # Beginnings

    def start(self, process: int, config: ProcessConfig, main: Program, time: int) -> Owner | None:
        """Start the program of a process that the machine knows, at a time; None: commit charge or pool didn't
        suffice, and the process has ended."""
        self.state.record[0]["now"] = time
        record = self.state.arrays["processes"][process]
        thread = int(record["first_thread"])
        try:
            owner = Owner(self.system, process, config)
            self._add(owner, thread, main, {}, main=True)
        except Failure:
            self._give_up(process, time)
            return None
        self.system.processes.append(owner)
        self.system.resumed += 1
        start_process(self.state.address, process, 0, time)
        settle(self.state.address, time)
        return owner

    def create_process(self, name: str, main: Program, parameters: dict[str, Any], parent: Owner) -> Owner:
        """A new process, which starts at once; raises Failure if it can't have what it needs."""
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
        thread = population.add_thread(process, config.priority)
        owner = None
        try:
            owner = Owner(self.system, process, config)
            self._add(owner, thread, main, parameters, main=True)
        except Failure:
            self._give_up(process, self.now)
            raise
        self.system.processes.append(owner)
        self.system.resumed += 1
        start_process(self.state.address, process, 0, self.now)
        return owner

    def create_thread(self, owner: Owner, function: Program, parameters: dict[str, Any]) -> ThreadObject:
        """A new thread of a process, which starts at once; raises Failure if it can't have a stack."""
        thread = self.system.pages.population.add_thread(owner.number, owner.priority)
        try:
            added = self._add(owner, thread, function, parameters, main=False)
        except Failure:
            program.drop_thread(self.state.address, thread)
            raise
        program.begin_thread(self.state.address, thread, self.now)
        return added

    def _add(
        self, owner: Owner, thread: int, function: Program, parameters: dict[str, Any], main: bool
    ) -> ThreadObject:
        settings, pages = self.system.settings, self.system.pages
        kernel_stack = -(-settings.kernel_stack // self.system.page_size)
        if not pages.charge(kernel_stack, owner.number):
            raise Failure(1455)
        made = ThreadObject(self.system, owner, thread)
        made.stack = owner.space.create_stack(settings.stack_reserve, settings.stack_commit)
        process = Process(self, owner, made)
        owner.threads.append(made)
        owner.single_threaded = len(owner.threads) == 1
        self._running[thread] = Running(owner, made, process, process.run(function, parameters), main)
        return made

    def _give_up(self, process: int, time: int) -> None:
        m, record = self.state.record[0], self.state.arrays["processes"][process]
        record["status"], record["finished"] = STATUS_COMMITMENT_LIMIT, time
        m["alive"] -= 1
        m["living_threads"] -= record["living_threads"]
        record["living_threads"] = 0
        first = int(record["first_thread"])
        self.state.arrays["threads"]["state"][first : first + int(record["threads"])] = ENDED

    # Going on

    def resume(self, thread: int) -> None:
        """A thread's program goes on, at the present instant."""
        self.system.resumed += 1
        running = self._running[thread]
        a = self.state.address
        thrown: WindowsException | None = None
        status = program.exception_of(a, thread)
        if status:
            thrown = self._exception(running, thread, status)
            if thrown is None:
                program.try_again(a, thread)
                settle(a, self.now)
                return
        if running.wait is not None:  # it slept, and nobody roused it: its time is over
            self._stop_waiting(running)
        self._step(running, thread, thrown)
        self.look_at_conditions()
        settle(a, int(self._record["now"]))

    def _step(self, running: Running, thread: int, thrown: WindowsException | None) -> None:
        """Ask a program what it wants until that takes time."""
        request: Request | None = None
        while True:
            value, running.value, running.references = running.value, None, None
            try:
                request = running.generator.throw(thrown) if thrown else running.generator.send(value)
            except StopIteration as ending:
                code = ending.value if isinstance(ending.value, int) else 0
                request = Exit(code) if running.main else EndThread(code)
            except WindowsException as unhandled:
                request = Exit(unhandled.status)
            except Exception as error:
                where = f"the program of {running.owner.name}"
                raise SimulationError(f"{where} failed: {type(error).__name__}: {error}") from error
            thrown = None
            if self._takes_time(running, thread, request):
                return

    def _takes_time(self, running: Running, thread: int, request: Request) -> bool:
        """Do what a program wants; False if it can go on at once."""
        a, now = self.state.address, self.now
        if isinstance(request, int):
            program.charge_time(a, thread, request)
        elif isinstance(request, References):
            self._give(running, thread, request)
        elif isinstance(request, Sleep):
            program.charge_time(a, thread, 0)
            fall_asleep(a, thread, now + max(0, request.nanoseconds), now)
        elif isinstance(request, Wait):
            return self._begin_wait(running, thread, request)
        elif isinstance(request, WaitForWrite):
            program.charge_time(a, thread, 0)
            program.wait_for_write(a, thread, request.request, now)
        elif isinstance(request, Exit):
            self.end_process(running.owner, request.code)
        else:
            self._end_thread(running, thread, request.code)
        return True

    def _give(self, running: Running, thread: int, request: References) -> None:
        page = np.ascontiguousarray(request.entries, np.uint32)
        runs = tuple(
            np.ascontiguousarray(column, kind)
            for column, kind in (
                (request.fetches, np.uint16),
                (request.loads, np.uint8),
                (request.stores, np.uint8),
            )
        )
        addresses = [column.ctypes.data for column in (page, *runs)]
        program.give_block(self.state.address, thread, len(page), *addresses, bool(runs[0].any()))
        running.references, running.held = request, (page, *runs)
        waits = request.waits
        if waits is not None and len(waits.row):
            places = [column.ctypes.data for column in waits]
            program.give_waits(self.state.address, thread, len(waits.row), places[0], int(waits.row[0]), *places[1:])

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
        found = _satisfied(wait)
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
        fall_asleep(a, thread, NEVER if wait.timeout is None else now + wait.timeout, now)
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
            found = _satisfied(running.wait)
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

    def _refund_stack(self, owner: Owner) -> None:
        self.system.pages.refund(-(-self.system.settings.kernel_stack // self.system.page_size), owner.number)

    def _forget(self, running: Running, code: int) -> None:
        if running.wait is not None:
            self._stop_waiting(running)
        running.generator.close()
        running.owner.threads.remove(running.object)
        running.owner.single_threaded = len(running.owner.threads) == 1
        running.object.exit_code, running.object.ended = code, True
        del self._running[running.object.number]

    def _signal(self, thread: ThreadObject) -> None:
        self._wake(thread)
        thread.dereference()

    def end_process(self, owner: Owner, code: int) -> None:
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
        """The run is over: programs that have not ended are left where they are."""
        for running in self._running.values():
            running.generator.close()


def _satisfied(wait: Wait) -> int | None:
    """The index of the object that ends a wait now, 0 if all had to; None: it goes on. What that changes is done."""
    if wait.every:
        if all(item.signalled for item in wait.objects):
            for item in wait.objects:
                item.consume()
            return 0
        return None
    for index, item in enumerate(wait.objects):
        if item.signalled:
            item.consume()
            return index
    return None
