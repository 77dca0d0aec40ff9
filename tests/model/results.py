"""What a run of the model amounts to: the engine's summary keys, and a snapshot of every page's state."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.model.entities import KINDS, PTE, Frame, Process

if TYPE_CHECKING:
    from tests.model.machine import ModelMachine

FAULT_KEYS = {kind: kind.replace("-", "_") + "_faults" for kind in KINDS}


def _fault_counts(counters: Counter[str]) -> dict[str, int]:
    counts = {key: counters[kind] for kind, key in FAULT_KEYS.items()}
    return {"page_faults": sum(counts.values()), **counts}


def _shared_counts(counters: Counter[str]) -> dict[str, int]:
    keys = ("references", "page_reads", "pages_input", "trimmed", "replaced", "access_violations", "in_page_errors")
    return {**_fault_counts(counters), **{key: counters[key] for key in keys}}


def _process_summary(process: Process) -> dict[str, Any]:
    times = process.times
    stalls = {f"{state}_ns": times[state] for state in ("stall_read", "stall_collided", "stall_frame")}
    return {
        **_shared_counts(process.counters),
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


def summary_of(machine: ModelMachine) -> dict[str, Any]:
    """System-wide counters, and those of each process under "processes"."""
    total: Counter[str] = sum((process.counters for process in machine.processes), Counter())
    return {
        **_shared_counts(total),
        "page_writes": machine.writers.page_writes,
        "pages_output": machine.writers.pages_output,
        "repurposed": machine.memory.counters["repurposed"],
        "dirty_evictions": machine.memory.counters["dirty_evictions"],
        "simulated_ns": machine.now,
        "trimming_ns": machine.balance.thread.times["running"],
        "commit_peak_pages": machine.backing.commit_peak,
        "processes": {process.name: _process_summary(process) for process in machine.processes},
    }


def _name(frame: Frame) -> tuple[str, int]:
    assert frame.content is not None
    return frame.content.store, frame.content.page


def _page(pte: PTE) -> tuple[bool, bool, bool, int, int, bool, int]:
    content = pte.content
    bits = (pte.accessed, pte.dirty, pte.age) if pte.valid else (False, False, 0)
    share = content.frame.share if content.frame else 0
    return pte.valid, *bits, share, content.stored, content.version


def snapshot_of(machine: ModelMachine) -> dict[str, Any]:
    """The lists, the living processes' pages, commit and the files' pages."""
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
