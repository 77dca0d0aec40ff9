"""The composition root: a machine made of a config, processes and observers, run to its end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from simulator import config
from simulator.counters import FAULT_KINDS
from simulator.driver import Driver
from simulator.hardware.scheduler import account, commit_all
from simulator.loop import Stop
from simulator.memory import control
from simulator.memory.commit import start_process
from simulator.memory.daemons import BalanceSetManager
from simulator.memory.decisions import install, recall
from simulator.memory.follow_up import follow_up
from simulator.memory.population import Population
from simulator.memory.state import ProcessSpec, State
from simulator.memory.view import View
from simulator.memory.working_set import REFUSED, account_space_time
from simulator.metrics import Recorder
from simulator.observe import Hooks, Observer
from simulator.process import Process
from simulator.result import PolicyRefused, RunResult, SimulationError
from simulator.snapshot import snapshot
from simulator.state import constants
from simulator.state.constants import STATUS_CONTROL_C_EXIT
from simulator.state.queries import available
from simulator.state.schema import COUNTERS
from simulator.stream import ReferenceStream
from simulator.threads import follow

if TYPE_CHECKING:
    from simulator.windows.runner import Runner

__all__ = ["Machine", "Observe", "ProcessSpec"]

_UNKNOWN = SimpleNamespace(references=None)
"""Stands for the references that a program will make."""

Progress = Callable[[int, int | None, int], None]
Workload = Callable[..., Generator[Any, Any, Any]] | ReferenceStream | Sequence[ReferenceStream]


@dataclass(frozen=True)
class Observe:
    """What a run records beside its counters."""

    sample_every: int | None = None
    """simulated nanoseconds between samples; None: as often as gives some 1,000 to 2,000 of them"""
    fault_log: bool = True
    io_log: bool = True
    page_map: bool = True
    """which pages were referenced between two samples"""
    page_log: bool = True
    """what happened to each page beside being referenced"""
    thread_log: bool = True
    """when each thread ran and where, was ready, stalled or slept"""


class Machine:
    """A simulated machine. Runs once; two machines share nothing."""

    def __init__(
        self,
        machine: config.Machine,
        memory_manager: config.MemoryManager,
        processes: Sequence[ProcessSpec] = (),
        seed: int = 1,
        duration: int | None = None,
        observe: Observe | None = None,
        progress: Progress | None = None,
        observers: Sequence[Observer] = (),
        env: simpy.Environment | None = None,
    ) -> None:
        """Build it; nothing has happened yet. `duration`: simulated nanoseconds after which `run` stops it. `env`: the
        environment that it lives in, whose time counts nanoseconds; None: one of its own, which `run` runs."""
        self.observe = observe or Observe()
        self.hooks = Hooks(observers)
        self.state = State(machine, memory_manager, processes, seed)
        self.duration = duration
        self._progress = progress
        self._reported = 0.0
        self._record = self.state.record[0]
        if duration is not None:
            self._record["end"] = duration
        self.policy = memory_manager.trimming.make()
        install(self.state, self.policy)
        self.env = env or simpy.Environment()
        self._own_env = env is None
        self.driver = Driver(self.env, self.state, self, alone=env is None)
        self.ended = simpy.Event(self.env)
        """triggered when the last process has ended, in an environment of the machine's own"""
        self.manager = BalanceSetManager(self.state, self.policy, self.hooks)
        self.recorder = Recorder(self.state, period=self.observe.sample_every, page_map=self.observe.page_map)
        self._set_observation()
        self.programs: Runner | None = None
        if any(spec.program is not None for spec in self.state.specs):
            self._runner()
        self._starts = sorted(range(len(self.state.specs)), key=lambda i: self.state.specs[i].config.start)
        self._set_next_start()
        self.processes = {
            name: Process(self, number, name)
            for number, name in enumerate(spec.config.name for spec in self.state.specs)
        }
        """by name, in natural order; those that programs create aren't among them"""
        self._alive = int(self._record["alive"])
        self._conditions: list[tuple[simpy.Event, Callable[[], bool]]] = []
        self._serve = {
            Stop.POLICY_ASKS: self._ask,
            Stop.TRIMS: self.manager.work,
            Stop.STARTS: self._start_due,
            Stop.LOG_FULL: self._drain,
            Stop.SAMPLED: self._look,
            Stop.SIGNALLED: self._check_asleep,
            Stop.WATCHED: self._show,
            Stop.TICKS: self._check_asleep,
            Stop.STUCK: self._give_up,
            Stop.OUT_OF_TIME: self._refuse_to_go_on,
        }

    def _set_observation(self) -> None:
        """Have the machine record what is to be observed, and stop for those who watch."""
        record, observe = self._record, self.observe
        record["log_faults"], record["log_io"] = observe.fault_log, observe.io_log
        record["log_threads"] = observe.thread_log
        if observe.page_log:
            self.state.keep_page_log()
        record["steps_watched"] = self.hooks.wanted("stepped")
        record["sample_stops"] = observe.page_map or self.hooks.wanted("sampled")

    def run(self) -> RunResult:
        """Simulate until every process has ended, or for `duration`; raises SimulationError if it can't go on,
        PolicyRefused if its policy proposes what it may not. After that `result_so_far` has what came before."""
        try:
            result = self._run()
        except BaseException:
            with suppress(SimulationError):  # what went wrong first is what there is to tell
                self._close()
            raise
        self._close()
        return result

    def _run(self) -> RunResult:
        if not self._own_env:
            raise RuntimeError("a machine in an environment that it was given runs with that: env.run()")
        self.hooks.call("started", self.state)
        until = (
            self.ended if self.duration is None else self.env.any_of([self.ended, self.driver.later(self.duration, 0)])
        )
        try:
            self.env.run(until=until)
        except ValueError as error:
            if str(error).startswith(REFUSED):
                raise PolicyRefused(f"policy {self.policy.name}: {error}") from None
            raise
        end = int(self.env.now)
        self._account(end)
        self.hooks.call("finished", self.state, end)
        return self._result(end)

    def serve(self, stop: Stop, horizon: int) -> None:
        """Do in Python what the compiled machine stopped for on its way to a time."""
        if stop == Stop.IDLE:
            self._idle(horizon)
        else:
            self._serve[stop]()
        if self.programs is not None and stop not in (Stop.TRIMS, Stop.WATCHED):
            self.programs.look_at_conditions()
        self.look()
        self._report()

    def finish(self) -> None:
        """The last process has ended."""
        self.ended.succeed()

    def look(self) -> None:
        """Tell the environment what has come true: processes that have ended, memory that is short."""
        if self._alive != self._record["alive"]:
            self._alive = int(self._record["alive"])
            records = self.state.arrays["processes"]
            for process in self.processes.values():
                if not process.ended.triggered and records["finished"][process.number] >= 0:
                    _trigger(
                        process.ended,
                        int(records["status"][process.number]),
                        self.driver.now - int(records["finished"][process.number]),
                    )
        if self._conditions:
            for condition in [one for one in self._conditions if one[1]()]:
                self._conditions.remove(condition)
                condition[0].succeed()
            self._record["memory_watched"] = bool(self._conditions)

    @contextmanager
    def acting(self) -> Iterator[int]:
        """Do something to the machine at the present, which this gives: it is brought there before, and goes on from
        there afterwards."""
        now = self.driver.catch_up()
        commit_all(self.state.address, now)
        self._record["now"] = now
        yield now
        follow_up(self.state.address, now)
        self.look()
        self.driver.wake()

    def start(self, workload: Workload, name: str, **parameters: Any) -> Process:
        """Start a process now; `parameters` are those of `config.Process`.

        `workload`: a program (a generator function whose argument is the process as it sees itself), a stream of
        references, or a sequence of streams of the same pages, one for each thread. Raises ValueError for a name that a
        process has, for streams of different pages, and for parameters that aren't possible.
        """
        if name in self.state.names:
            raise ValueError(f"name: found {name!r}, which a process has, allowed is a new one")
        with self.acting() as now:
            settings = config.Process(name=name, start=now, **parameters)
            if callable(workload):
                spec = ProcessSpec(settings, program=workload)
                runner = self._runner()
                number = runner.start_process(settings, workload)
            else:
                streams = tuple(workload) if isinstance(workload, Sequence) else (workload,)
                spec = ProcessSpec(settings, streams=streams)
                self.recorder.collect()
                number = Population(self.state).add_followers(spec)
                self._follow(number, spec, self.state.charges[-1], now)
            process = self.processes[name] = Process(self, number, name)
            self._alive = -1  # it may have ended at once
        return process

    def interrupt(self, number: int, cause: Any) -> None:
        """A process is interrupted: its first thread, as soon as it has a processor."""
        with self.acting() as now:
            if self.programs is not None and self.programs.knows(number):
                self.programs.interrupt(number, cause)
            else:
                self.terminate(number, STATUS_CONTROL_C_EXIT, now)

    def terminate(self, number: int, status: int, now: int) -> None:
        """End a process that has started and not ended."""
        if not self.state.arrays["processes"]["alive"][number]:
            return
        if self.programs is not None and self.programs.knows(number):
            self.programs.end(number, status)
        else:
            control.terminate(self.state.address, number, status, now)

    def counters(self) -> dict[str, int]:
        """Counts since the start, exact at this moment, under the names of `counters.SUMMARY`, and the pages that are
        available, modified and committed."""
        now = self.driver.catch_up()
        commit_all(self.state.address, now)
        kinds = self.state.arrays["processes"]["kinds"].sum(axis=0)
        faults = {name: int(kinds[kind]) for name, kind in FAULT_KINDS.items()}
        lists = self.state.arrays["lists"]["count"]
        return {
            "time_ns": now,
            "references": sum(self.references()),
            "page_faults": sum(faults.values()),
            **faults,
            **{name: int(self._record[name]) for name in COUNTERS},
            "available_pages": int(available(self.state.address)),
            "modified_pages": int(lists[constants.ON_MODIFIED] + lists[constants.ON_MAPPED]),
            "committed_pages": int(self._record["commit"]),
        }

    def process_counters(self, number: int) -> dict[str, int]:
        """One process's counts, exact at this moment, and its working set and commit charge in pages."""
        now = self.driver.catch_up()
        commit_all(self.state.address, now)
        record = self.state.arrays["processes"][number]
        faults = {name: int(record["kinds"][kind]) for name, kind in FAULT_KINDS.items()}
        names = ("page_reads", "pages_input", "pages_output", "trimmed", "replaced")
        return {
            "time_ns": now,
            "references": self.references()[number],
            "page_faults": sum(faults.values()),
            **faults,
            **{name: int(record[name]) for name in names},
            "working_set_pages": int(record["size"]),
            "committed_pages": int(record["commit"]),
        }

    def low_memory(self) -> simpy.Event:
        """An event that happens as soon as fewer pages are available than the low threshold."""
        return self._when(lambda: int(available(self.state.address)) < self._record["low"])

    def high_memory(self) -> simpy.Event:
        """An event that happens as soon as at least as many pages are available as the high threshold."""
        return self._when(lambda: int(available(self.state.address)) >= self._record["high"])

    def commit_limit_reached(self) -> simpy.Event:
        """An event that happens as soon as commit charge is refused from now on, because the limit can't be raised."""
        before = int(self._record["commit_refused"])
        return self._when(lambda: int(self._record["commit_refused"]) > before)

    def _when(self, condition: Callable[[], bool]) -> simpy.Event:
        event = simpy.Event(self.env)
        with self.acting():
            self._conditions.append((event, condition))
        return event

    def result(self) -> RunResult:
        """The result up to the present. A machine can be asked once: its logs are closed by it."""
        end = self.driver.catch_up()
        self._account(end)
        return self._result(end)

    def result_so_far(self) -> RunResult:
        """The result up to the moment at which `run` raised. Whatever is wrong with the state may be raised again."""
        end = max(int(self._record["now"]), self.driver.now)
        self._account(end)
        return self._result(end)

    def _account(self, end: int) -> None:
        """Carry times, space-time products, samples and logs on to the end."""
        commit_all(self.state.address, end)
        for thread, record in enumerate(self.state.arrays["threads"][: int(self._record["thread_count"])]):
            if record["process"] < 0 or self.state.arrays["processes"]["alive"][record["process"]]:
                account(self.state.address, thread, int(record["state"]), end)
        account_space_time(self.state.address, end)
        self.recorder.finish(end)

    def _result(self, end: int) -> RunResult:
        result = self.recorder.result(end, self.references())
        if self.programs is not None:
            self.programs.complete(result)
        return result

    def _close(self) -> None:
        """Programs that are still on their way do nothing more, also when they are no longer referred to."""
        if self.programs is not None:
            self.programs.close()

    def snapshot(self) -> dict[str, Any]:
        """The state page by page; see `simulator.snapshot`."""
        return snapshot(self.state)

    def references(self) -> list[int]:
        """References that each process has made so far."""
        threads = self.state.arrays["threads"]
        threads = threads[threads["process"] >= 0]
        made = np.zeros(len(self.state.names), np.int64)
        np.add.at(made, threads["process"], threads["references"])
        return [int(count) for count in made]

    def _runner(self) -> Runner:
        """What runs programs; there is none until one is started."""
        if self.programs is None:
            self.programs = self._make_runner()
            self._record["sample_stops"] = self._record["signals_watched"] = True
        return self.programs

    def _make_runner(self) -> Runner:
        from simulator.windows.runner import Runner  # most machines have no programs, and needn't wait for all that

        self.recorder.collect()
        runner = Runner(self.state, self.driver, self._drain, self.recorder.collect)
        for process, spec in enumerate(self.state.specs):
            if spec.program is not None:
                runner.system.pages.population.make_program(process)
        self.recorder.more = runner.system.counters
        return runner

    def _set_next_start(self) -> None:
        start = self.state.specs[self._starts[0]].config.start if self._starts else int(constants.NEVER)
        self._record["next_start"] = start

    def _start_due(self) -> None:
        """Start the process whose time has come."""
        self._check_asleep()
        if self._record["steps_watched"]:
            self._show()
        index, now = self._starts.pop(0), int(self._record["next_start"])
        self._set_next_start()
        spec = self.state.specs[index]
        if self.programs is not None and spec.program is not None:
            self.programs.start(index, spec.config, spec.program, now)
        else:
            self._follow(index, spec, self.state.charges[index], now)

    def _follow(self, process: int, spec: ProcessSpec, charge: int, now: int) -> None:
        """A process starts to make the references of its streams."""
        first = int(self.state.arrays["processes"][process]["first_thread"])
        looks = "future" in self.policy.requires
        for number, stream in enumerate(spec.streams, first):
            self.env.process(follow(self.state, self.driver, number, stream, looks))
        start_process(self.state.address, process, charge, now)

    def _idle(self, horizon: int) -> None:
        """Nothing more happens before the horizon."""
        self._check_asleep()
        if self._own_env and horizon >= constants.NEVER and self._record["running"]:
            self._refuse_to_go_on()

    def _drain(self) -> None:
        self.recorder.drain()
        recall(self.state, self.policy)

    def _look(self) -> None:
        time = int(self.state.arrays["sample_times"][int(self._record["sample_count"]) - 1])
        self.recorder.collect()
        self.hooks.call("sampled", self.state, time)

    def _show(self) -> None:
        self.hooks.call("stepped", self.state, int(self._record["now"]))

    def _ask(self) -> None:
        """Ask a policy written in Python for a victim."""
        now, thread = int(self._record["now"]), self.state.arrays["threads"][int(self._record["asking"])]
        commit_all(self.state.address, now)
        process = None if self.state.manager.model == "demand-paging" else int(thread["process"])
        recall(self.state, self.policy)
        victim = self.policy.replace(View(self.state, now), process)
        if victim is not None:
            self._check_victim(victim, process)
        thread["victim"] = -1 if victim is None else victim

    def _check_victim(self, victim: int, process: int | None) -> None:
        bits, ptes = self.state.arrays["bits"], self.state.arrays["ptes"]
        inside = 0 <= victim < self.state.pte_count and bits[victim] & constants.VALID and not ptes["fixed"][victim]
        if not inside or (process is not None and ptes["process"][victim] != process):
            where = "any working set" if process is None else f"the working set of {self.state.names[process]}"
            raise PolicyRefused(
                f"policy {self.policy.name}: proposed to replace entry {victim}, which isn't in {where}"
            )
        if bits[victim] & constants.PINNED:
            raise PolicyRefused(f"policy {self.policy.name}: proposed to replace entry {victim}, which is locked")

    def _check_asleep(self) -> None:
        """Raise SimulationError if every thread sleeps for ever, and neither the system's own events nor anything in
        the environment can wake one."""
        if self.programs is None or self.duration is not None or not self._own_env or self.env.peek() < float("inf"):
            return
        record = self._record
        count = int(record["sleeping"])
        if not count or count < record["living_threads"]:
            return
        next_to_wake = int(self.state.arrays["sleepers"][count - 1])
        if (
            self.state.arrays["threads"]["wake"][next_to_wake] == constants.NEVER
            and not self.programs.waits_for_system()
        ):
            raise SimulationError(
                f"at {int(record['now'])} ns all {count} thread(s) wait for objects that nobody will signal"
            )

    def _give_up(self) -> None:
        """What to tell a user whose machine can't go on."""
        waiting = int(self._record["frame_waiting"])
        raise SimulationError(
            f"at {int(self._record['now'])} ns {waiting} thread(s) wait for a frame and no page can be taken: policy "
            f"{self.policy.name!r} proposes none, or dirty pages have no room in the paging files"
        )

    def _refuse_to_go_on(self) -> None:
        raise SimulationError(
            f"the simulated time has come to {int(self._record['now'])} ns: it is counted up to 2^62 ns"
        )

    def _report(self) -> None:
        if self._progress is None or monotonic() - self._reported < 0.1:
            return
        self._reported = monotonic()
        totals = [stream.references for spec in self.state.specs for stream in (spec.streams or (_UNKNOWN,))]
        total = None if None in totals else sum(t for t in totals if t is not None)
        self._progress(sum(self.references()), total, int(self._record["now"]))


def _trigger(event: simpy.Event, value: int, delay: int) -> None:
    """Have an event happen after some time, which is negative if the machine runs ahead."""
    event._ok, event._value = True, value  # as simpy.Timeout does
    event.env.schedule(event, delay=max(0, -delay))
