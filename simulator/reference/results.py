"""What a run comes to: the counters of a summary, the logs, and a snapshot of every page's state.

Keys, units and meanings are those of the engine's summary (`simulator.counters.SUMMARY`); every number is counted here
once more. Left out is what the reference machine has not: slowdowns, which take a second run; stalls for writes, which
only calls of programs have; departures, notes and pools of programs; samples over time.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulator.reference.entities import KINDS, PTE, Frame, Process, Thread
from simulator.reference.machine import ReferenceMachine

FAULT_KEYS = {kind: kind.replace("-", "_") + "_faults" for kind in KINDS}
STALLS = ("stall_read", "stall_collided", "stall_frame")
STATES = {
    "ready": "ready",
    "running": "running",
    "sleep": "asleep",
    **{state: state.replace("_", ": ") for state in STALLS},
}
"""The states in which a thread is shown, and how; a daemon's idleness is none of them."""


def _counts(counters: Counter[str]) -> dict[str, int]:
    faults = {key: counters[kind] for kind, key in FAULT_KEYS.items()}
    keys = ("references", "page_reads", "pages_input", "trimmed", "replaced", "access_violations", "in_page_errors")
    return {"page_faults": sum(faults.values()), **faults, **{key: counters[key] for key in keys}}


def _process_summary(process: Process) -> dict[str, Any]:
    times = process.times
    stalls = {f"{state}_ns": times[state] for state in STALLS}
    return {
        **_counts(process.counters),
        "pages_output": process.counters["pages_output"],
        "start_ns": process.config.start,
        "finished_ns": process.finished,
        "exit_status": process.status,
        "run_ns": times["running"],
        "ready_ns": times["ready"],
        "stall_ns": sum(stalls.values()),
        **stalls,
        "sleep_ns": times["sleep"],
        "threads": len(process.threads),
        "space_time_page_ns": process.space_time,
        "peak_working_set": process.peak,
        "committed_pages": process.charged,
    }


def summary(machine: ReferenceMachine) -> dict[str, Any]:
    """Counters of the whole machine, and those of each process under "processes"."""
    total: Counter[str] = sum((process.counters for process in machine.processes), Counter())
    return {
        **_counts(total),
        "page_writes": machine.writers.page_writes,
        "pages_output": machine.writers.pages_output,
        "repurposed": machine.memory.counters["repurposed"],
        "dirty_evictions": machine.memory.counters["dirty_evictions"],
        "simulated_ns": machine.now,
        "trimming_ns": machine.balance.thread.times["running"],
        "commit_peak_pages": machine.backing.commit_peak,
        "page_size": machine.config.page_size,
        "processes": {process.name: _process_summary(process) for process in machine.processes},
    }


def faults(machine: ReferenceMachine) -> list[tuple[Any, ...]]:
    """(time, process, thread, page, kind, queue, service, cpu, latency), sorted."""
    return sorted(machine.fault_handler.log)


def io(machine: ReferenceMachine) -> list[tuple[Any, ...]]:
    """(submit, start, end, disk, kind, offset, pages, ok), sorted."""
    return sorted(row for disk in machine.disks.values() for row in disk.log)


def threads(machine: ReferenceMachine) -> list[tuple[Any, ...]]:
    """(start, end, process, thread, daemon, state, processor), sorted as text; what doesn't apply is None."""
    users = [(thread, process.name) for process in machine.processes for thread in process.threads]
    rows: list[tuple[Thread, tuple[Any, ...]]] = [(thread, (name, thread.number, None)) for thread, name in users]
    rows += [(thread, (None, None, thread.name)) for thread in machine.by_thread]
    return sorted(
        (
            (start, end, *who, STATES[state], processor)
            for thread, who in rows
            for start, end, state, processor in thread.intervals
            if state in STATES
        ),
        key=str,
    )


def _name(frame: Frame) -> tuple[str, int]:
    assert frame.content is not None
    return frame.content.store, frame.content.page


def _page(pte: PTE) -> tuple[bool, bool, bool, int, int, bool, int]:
    content = pte.content
    bits = (pte.accessed, pte.dirty, pte.age) if pte.valid else (False, False, 0)
    share = content.frame.share if content.frame else 0
    return pte.valid, *bits, share, content.stored, content.version


def snapshot(machine: ReferenceMachine) -> dict[str, Any]:
    """The page lists; the living processes' pages: valid, accessed, dirty, age, share count, on backing store,
    version; the pages of files: in memory, version; and the commit charge."""
    memory = machine.memory
    states = Counter(frame.state for frame in memory.frames)
    return {
        "lists": {
            "zeroed": len(memory.zeroed),
            "free": len(memory.free),
            "standby": [[_name(frame) for frame in pages] for pages in memory.standby],
            "modified": [_name(frame) for frame in memory.modified],
            "modified mapped": [_name(frame) for frame in memory.modified_mapped],
            "modified no-write": [_name(frame) for frame in memory.no_write],
            "bad": len(memory.bad),
            "active": states["active"],
            "transition": states["transition"],
        },
        "pages": {
            (process.name, page): _page(pte) for process in machine.living for page, pte in process.table.items()
        },
        "commit": machine.backing.commit,
        "files": {
            (file.name, content.page): (content.frame is not None, content.version)
            for file in machine.backing.files.values()
            for content in file.contents
        },
    }
