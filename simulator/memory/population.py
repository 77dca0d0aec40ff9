"""Processes and threads that come while the machine runs, and the PTEs of programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import Process
from simulator.memory.sampling import SAMPLE_ROWS, columns
from simulator.memory.state import ProcessSpec, State
from simulator.state import constants
from simulator.state.schema import LOG_ROWS, TABLE_PTES


class Population:
    """Adds to a machine's arrays; samples that were taken must have been collected before a process is added."""

    def __init__(self, state: State) -> None:
        """Nothing is added yet."""
        self.state = state
        self._tables: dict[int, NDArray[np.int32]] = {}

    def add_process(self, config: Process, program: bool) -> int:
        """A process that hasn't started, and has no threads yet: its number."""
        state = self.state
        number = len(state.names)
        state.names.append(config.name)
        processes = state.grow("processes", number + 1)
        if state.policy_records:
            state.grow("process_state", number + 1)
        process = processes[number]
        page, limits = state.config.page_size, config.working_set
        process["start"], process["first_thread"] = config.start, state.record[0]["thread_count"]
        process["memory_priority"], process["foreground"] = config.memory_priority, config.foreground
        process["hard_maximum"] = limits.hard_maximum
        process["minimum"], process["maximum"] = limits.minimum // page, max(1, limits.maximum // page)
        state.record[0]["process_count"] = number + 1
        state.record[0]["alive"] += 1
        state.columns = columns(state.names, state.disk_names)
        state.record[0]["sample_columns"] = len(state.columns)
        state.add("samples", SAMPLE_ROWS * len(state.columns))
        if program:
            self.make_program(number)
        return number

    def make_program(self, process: int) -> None:
        """A process's PTEs are made as it goes: those of 64 KiB of addresses at a time."""
        state = self.state
        self._tables[process] = np.zeros(16, np.int32)
        record = state.arrays["processes"][process]
        record["ptes"], record["page_base"] = 0, 0
        record["tables_at"] = self._tables[process].ctypes.data

    def add_followers(self, spec: ProcessSpec) -> int:
        """A process that hasn't started, with threads that follow streams: its number."""
        state = self.state
        process = self.add_process(spec.config, program=False)
        state.specs.append(spec)
        state.note_failures(spec)
        count = len(spec.pages)
        first = state.pte_count
        state.pte_count += count
        self._make_room_for_ptes()
        record = state.arrays["processes"][process]
        record["first_pte"] = record["page_base"] = first
        record["ptes"] = count
        state.map_process(process, spec, first)
        for _ in spec.streams:
            self.add_thread(process, spec.config.priority, program=False)
        return process

    def add_thread(self, process: int, priority: int, program: bool = True) -> int:
        """A thread that hasn't started: its number. Threads that come later are behind those of the daemons."""
        state = self.state
        m = state.record[0]
        number = int(m["thread_count"])
        room = state.config.frames + number + 1
        for name in ("threads", "sleepers", "requests", "flights"):
            state.grow(name, number + 1 if name in ("threads", "sleepers") else room)
        thread = state.arrays["threads"][number]
        record = state.arrays["processes"][process]
        thread["process"], thread["priority"], thread["number"] = process, priority, record["threads"]
        thread["state"], thread["program"] = constants.BLOCKED, program
        if record["threads"] == 0:
            record["first_thread"] = number
        record["threads"] += 1
        record["living_threads"] += 1
        m["thread_count"] += 1
        m["living_threads"] += 1
        state.make_room_in_logs()
        return number

    def add_ptes(self, process: int, vpns: NDArray[np.int64]) -> int:
        """PTEs of a program for these virtual page numbers, a multiple of TABLE_PTES, in one row: the first one's
        number. They show nothing and may not be touched."""
        state = self.state
        first, count = state.pte_count, len(vpns)
        state.pte_count += count
        ptes = self._make_room_for_ptes()
        mine = ptes[first : first + count]
        mine["vpn"], mine["process"], mine["content"], mine["private"] = vpns, process, -1, -1
        self._note_tables(process, first, count)
        state.make_room_in_logs()
        return first

    def _make_room_for_ptes(self) -> NDArray[Any]:
        """Have the arrays with an item a PTE as long as there are PTEs; returns the PTEs."""
        state = self.state
        state.record[0]["pte_count"] = state.pte_count
        ptes = state.grow("ptes", state.pte_count)
        state.grow("bits", state.pte_count)
        if state.policy_records:
            state.grow("page", state.pte_count)
        if len(state.arrays["history"]) > 1:
            state.grow("history", LOG_ROWS + state.pte_count)
        return ptes

    def _note_tables(self, process: int, first: int, count: int) -> None:
        record = self.state.arrays["processes"][process]
        used, more = int(record["ptes"]) // TABLE_PTES, count // TABLE_PTES
        table = self._tables[process]
        if used + more > len(table):
            larger = np.zeros(max(used + more, 2 * len(table)), np.int32)
            larger[:used] = table[:used]
            table = self._tables[process] = larger
            record["tables_at"] = table.ctypes.data
        table[used : used + more] = np.arange(first, first + count, TABLE_PTES)
        record["ptes"] += count

    def add_contents(self, count: int, process: int, first_pte: int) -> int:
        """Contents without a version, promised a place in the paging files, in one row: the first one's number. Of a
        process, shown by its PTEs from `first_pte` on, or of a section (-1)."""
        state = self.state
        first = state.content_count
        state.content_count += count
        contents = state.grow("contents", state.content_count)[first : first + count]
        contents["process"] = process
        if process >= 0:
            contents["pte"] = np.arange(first_pte, first_pte + count)
            vpn = state.arrays["ptes"]["vpn"][first_pte : first_pte + count]
            contents["adjacent"][:-1] = vpn[1:] == vpn[:-1] + np.uint64(1)
        else:
            contents["adjacent"][:-1] = 1
        state.give_places(first, count)
        state.arrays["disks"]["span"][0] = max(1, state.spans[0])
        return first
