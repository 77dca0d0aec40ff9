"""From an experiment to its result: streams, checks before the start, the run, and the baseline for slowdowns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.analysis.denning import denning
from experiments.analysis.metrics import slowdowns
from experiments.errors import BadInput, ProgramFault, RunFailed, single_line
from experiments.spec.experiment import Experiment
from experiments.spec.inputs import with_absolute_paths
from experiments.spec.plugins import build
from experiments.study.references import Emitted
from simulator.config import File, MemoryManager, Process
from simulator.config import Machine as MachineConfig
from simulator.invariants import Invariants
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.observe import Observer
from simulator.result import PolicyRefused, RunResult, SimulationError
from simulator.stream import ReferenceStream
from simulator.units import format_size
from workloads.base import InputError, Part, StreamContext, check_footprint, parts

Progress = Callable[[int, int | None, int], None]
"""Told references done, references in all if known, and simulated nanoseconds, some ten times a second."""

FAILED = "failed"
"""The `status` in the summary of a run that failed; others have none."""
_ROOM = 4096
"""Frames of the baseline beyond all pages: more than the largest threshold a memory manager starts to act at."""


def prepare(experiment: Experiment, base: Path) -> tuple[Experiment, list[ProcessSpec]]:
    """The processes with their streams, checked, and the experiment with the files that workloads add to its machine.

    `base` is the directory that relative paths start from. A workload may make several processes of one. Raises
    BadInput for input that can't be read, that has more pages than an address space, or that commits more than the
    machine ever can.
    """
    specs: list[ProcessSpec] = []
    files = dict(experiment.machine.files)
    for group in experiment.processes:
        for process in group.members():
            workload = build("workload", group.workload.kind, group.workload.parameters)
            context = StreamContext(
                base=base,
                seed=experiment.seed,
                name=process.name,
                page_size=experiment.machine.page_size,
                address_space=experiment.machine.address_space,
                private=experiment.memory_manager.model == "demand-paging",
            )
            try:
                made = parts(workload, context)
                for part in made:
                    if part.streams:
                        check_footprint(len(part.streams[0].pages), context, f"process {process.name}")
            except InputError as error:
                raise BadInput(str(error)) from None
            for part in made:
                config = _with_part(process, part, files, experiment.machine)
                if part.streams:
                    _check_commit(experiment.machine, config, part.streams[0])
                specs.append(ProcessSpec(config=config, streams=part.streams, program=part.program))
    _check_names([spec.config.name for spec in specs])
    machine = dataclasses.replace(experiment.machine, files=files)
    return dataclasses.replace(experiment, machine=machine), specs


def committed(process: Process, pages: NDArray[np.uint64]) -> int:
    """Commit charge of a process in pages: its private committed pages and those it maps copy-on-write."""
    charged = np.ones(len(pages), np.bool_)
    for region in process.regions:
        inside = slice(*np.searchsorted(pages, np.array([region.first, region.first + region.pages], np.uint64)))
        charged[inside] = region.state == "committed" and (not region.file or region.protection == "copy-on-write")
    return int(charged.sum())


def _check_commit(machine: MachineConfig, process: Process, stream: ReferenceStream) -> None:
    charge = committed(process, stream.pages)
    paging = sum(machine.paging_maximum(paging) // machine.page_size for paging in machine.paging_files)
    limit = machine.frames + paging
    if charge > limit:
        raise BadInput(
            f"process {process.name}: commits {charge} pages ({format_size(charge * machine.page_size)}), "
            f"allowed is at most the commit limit, {limit} pages: memory and paging files at their maximum"
        )


def unlimited(
    machine: MachineConfig, memory_manager: MemoryManager, specs: Sequence[ProcessSpec]
) -> tuple[MachineConfig, MemoryManager]:
    """The same machine with memory for all pages at once, so that nothing is trimmed, replaced or written for room."""
    pages = sum(2 * len(spec.pages) for spec in specs)
    pages += sum(-(-file.size // machine.page_size) for file in machine.files.values())
    frames = max(machine.frames, machine.bad_frames + pages + _ROOM)
    plenty = dataclasses.replace(machine, memory=frames * machine.page_size)
    return plenty, dataclasses.replace(memory_manager, low_memory=-1, high_memory=-1, tight_memory=-1)


def simulate(
    experiment: Experiment,
    specs: Sequence[ProcessSpec],
    base: Path,
    progress: Progress | None = None,
    check: bool = False,
    observers: Sequence[Observer] = (),
) -> RunResult:
    """Run the machine once; raises RunFailed if the simulation can't go on. `check` watches its invariants."""
    machine, manager = with_absolute_paths(experiment.machine, experiment.memory_manager, base)
    chosen = experiment.observe
    observe = Observe(
        chosen.sample_every, chosen.fault_log, chosen.io_log, chosen.page_map, chosen.page_log, chosen.thread_log
    )
    return _run(
        experiment, machine, manager, specs, observe, progress, [*observers, *([Invariants()] if check else [])]
    )


def baseline(
    experiment: Experiment, specs: Sequence[ProcessSpec], base: Path, progress: Progress | None = None
) -> RunResult:
    """Run the same processes with unlimited memory, and without logs."""
    machine, manager = with_absolute_paths(experiment.machine, experiment.memory_manager, base)
    machine, manager = unlimited(machine, manager, specs)
    roomy = [
        dataclasses.replace(
            spec,
            config=dataclasses.replace(
                spec.config, working_set=dataclasses.replace(spec.config.working_set, hard_maximum=False)
            ),
        )
        for spec in specs
    ]
    observe = Observe(
        sample_every=None, fault_log=False, io_log=False, page_map=False, page_log=False, thread_log=False
    )
    return _run(experiment, machine, manager, roomy, observe, progress)


def _run(
    experiment: Experiment,
    machine: MachineConfig,
    manager: MemoryManager,
    specs: Sequence[ProcessSpec],
    observe: Observe,
    progress: Progress | None,
    observers: Sequence[Observer] = (),
) -> RunResult:
    try:
        built = Machine(
            machine=machine,
            memory_manager=manager,
            processes=list(specs),
            seed=experiment.seed,
            duration=experiment.duration,
            observe=observe,
            progress=progress,
            observers=observers,
        )
        return _go(built, experiment.name)
    except InputError as error:
        raise BadInput(str(error)) from None
    except MemoryError as error:
        raise RunFailed(f"this computer has too little memory to simulate such a machine: {error}") from error


def _go(machine: Machine, name: str) -> RunResult:
    """Run a machine; what it did until it failed goes along with RunFailed."""
    try:
        return machine.run()
    except (SimulationError, PolicyRefused) as error:
        raise RunFailed(str(error), _failed(machine.result_so_far(), name, str(error))) from error
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = f"a fault of pagesim or of a plug-in: {type(error).__name__}: {error}"
        result = None
        with suppress(Exception):  # the state may be past all accounting
            result = _failed(machine.result_so_far().complete(), name, reason)
        raise ProgramFault(reason, result) from error


def _failed(result: RunResult, name: str, reason: str) -> RunResult:
    """Mark a result as that of a run that failed."""
    result.summary |= {"name": name, "status": FAILED, "reason": single_line(reason)}
    return result


def fill_slowdowns(result: RunResult, roomy: RunResult) -> None:
    """Enter each process's slowdown: its elapsed time over that in unlimited memory; None if either didn't finish."""
    ratios = slowdowns(result.summary, roomy.summary)
    for name, process in result.summary["processes"].items():
        process["slowdown"] = ratios[name]
    column = [ratios[name] for name in result.processes["process"]]
    result.processes["slowdown"] = pd.array(column, dtype="Float64")


def _has_programs(specs: Sequence[ProcessSpec]) -> bool:
    return any(spec.program is not None for spec in specs)


def run(
    experiment: Experiment,
    base: Path,
    progress: Progress | None = None,
    check: bool = False,
    record_trace: Path | None = None,
) -> RunResult:
    """The whole of an experiment: its run and, unless the config says no, its baseline. Raises BadInput, and RunFailed
    with what the run did until it failed.

    `record_trace` is a file to write the references to that the processes of the run made.
    """
    with nullcontext() if record_trace is None else closing(Emitted(record_trace)) as emitted:
        experiment, specs = prepare(experiment, base)
        if _has_programs(specs) and (emitted is not None or experiment.observe.denning):
            what = "--record-trace" if emitted is not None else "observe.denning"
            raise BadInput(f"{what}: found a process that runs a program, allowed are processes with reference streams")
        if emitted is None:
            result = simulate(experiment, specs, base, progress, check)
        else:
            result = simulate(experiment, emitted.watching(specs), base, progress, check, [emitted])
            emitted.write(experiment.machine.page_size)
    result.summary["name"] = experiment.name
    if _has_programs(specs):
        return result  # what a program does depends on the machine: there is no other run of the same
    if experiment.observe.denning:
        result.denning = denning(result, specs)
    if experiment.observe.baseline:
        try:
            roomy = baseline(experiment, specs, base, progress)
        except RunFailed as failure:
            reason = f"the run in unlimited memory, for slowdowns, failed: {failure}"
            raise type(failure)(reason, _failed(result, experiment.name, reason)) from failure
        fill_slowdowns(result, roomy)
    return result


def run_as_far_as_it_goes(
    experiment: Experiment,
    base: Path,
    progress: Progress | None = None,
    check: bool = False,
    record_trace: Path | None = None,
) -> tuple[RunResult, RunFailed | None]:
    """As `run`; for a run that fails, what it did until then, and the failure. Raises RunFailed if that is nothing."""
    try:
        return run(experiment, base, progress, check, record_trace), None
    except RunFailed as failure:
        if failure.result is None:
            raise
        return failure.result, failure


def _with_part(process: Process, part: Part, files: dict[str, File], machine: MachineConfig) -> Process:
    """The process as it is simulated: its name with the part's suffix, its regions and the part's.

    Enters the part's files into `files`: those of `machine`, as the config has it, and those of other parts. Raises
    BadInput if a file is there already and is another one, if a file of the config is smaller than the part's regions
    want, if a region maps a file that isn't there, or if regions overlap.
    """
    name = f"{process.name}-{part.suffix}" if part.suffix else process.name
    for file, found in part.files.items():
        if files.setdefault(file, found) != found:
            raise BadInput(
                f"process {name}: its workload makes a file {file!r}, allowed is one that is not in the config"
            )
    for file, size in part.maps.items():
        _make_room(name, file, size, files, machine)
    regions = sorted([*process.regions, *part.regions], key=lambda region: region.first)
    for region in part.regions:
        if region.file and region.file not in files:
            raise BadInput(f"process {name}: its workload maps the file {region.file!r}, which there is not")
    for before, after in pairwise(regions):
        if part.regions and before.first + before.pages > after.first:
            raise BadInput(
                f"process {name}: found regions at page {before.first} and at page {after.first} that overlap, one of "
                "them made by its workload; allowed are regions apart from each other"
            )
    return dataclasses.replace(process, name=name, regions=regions if part.regions else process.regions)


def _make_room(process: str, file: str, size: int, files: dict[str, File], machine: MachineConfig) -> None:
    known = machine.files.get(file)
    if file in machine.images or (known is not None and -(-known.size // machine.page_size) * machine.page_size < size):
        what = "an image" if known is None else f"a file of {known.size} bytes"
        raise BadInput(
            f"machine: found {what} called {file!r}, allowed is a file of at least {size} bytes, as the workload of "
            f"process {process} maps it"
        )
    if known is None:
        files[file] = File(size=max(size, files[file].size if file in files else 0))


def _check_names(names: Sequence[str]) -> None:
    """Raise BadInput if two processes have one name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput(f"processes: found two called {name!r}, one named by a workload; allowed is one of each")
        seen.add(name)
