"""What the calls of a process do to page tables, contents, frames and commit charge, at the present instant.

The arguments are numbers of PTEs ("entries") or contents, in int64 arrays. Whoever calls has seen to it that the hits
of all running threads are committed, and settles the machine afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.memory import page_calls, page_io
from simulator.memory.commit import charge, commit_limit
from simulator.memory.files import Files
from simulator.memory.population import Population
from simulator.memory.state import State
from simulator.state import constants
from simulator.state.constants import ACTIVE, LOCKED, TRANSITION, VALID
from simulator.state.queries import available
from simulator.state.schema import WatchRow

Numbers = NDArray[np.int64]

PAGE_STATE = np.dtype(
    [
        ("valid", "?"),
        ("locked", "?"),
        ("dirty", "?"),
        ("accessed", "?"),
        ("accessible", "?"),
        ("shared", "?"),
        ("copied", "?"),
        ("fixed", "?"),
        ("in_transition", "?"),
        ("stored", "?"),
        ("share", "i4"),
        ("frame", "i4"),
        ("priority", "i4"),
        ("content", "i8"),
        ("location", "i8"),
        ("version", "i8"),
    ]
)
"""What is known of a page that a PTE shows: `shared`: not the process's own; `copied`: it was, by a store to a
copy-on-write page; `stored`: it has contents, as it was zeroed or stored to; `share`: valid PTEs that map its
frame."""


def numbers(values: ArrayLike) -> Numbers:
    """An int64 array for compiled code."""
    return np.ascontiguousarray(values, np.int64)


def step(compiled: Any, *more: Any, timed: bool = True, leaving: bool = False) -> Callable[..., Any]:
    """A method that does a compiled step to PTEs or contents, at the present instant if it is `timed`. If pages leave
    their working set by it, it gives how many, and they take processor time. `more`: its last arguments."""

    def method(self: Pages, entries: ArrayLike, *arguments: Any) -> Any:
        shown = numbers(entries)
        if timed:
            self._make_room(len(shown))
        found = compiled(self.state.address, shown, *arguments, *more, *((self.now,) if timed else ()))
        if leaving:
            self._spent += int(found) * self.state.config.costs.trim
        return found

    method.__doc__ = compiled.__doc__
    return method


class Pages:
    """The page-level side of the calls."""

    def __init__(self, state: State, drain: Callable[[], None]) -> None:
        """`drain` empties the machine's logs."""
        self.state = state
        self.population = Population(state)
        self.files = Files(state)
        self.page_size = state.config.page_size
        self._drain = drain
        self._spent = 0
        self._watches: dict[int, NDArray[Any]] = {}

    @property
    def now(self) -> int:
        """The present instant, in nanoseconds."""
        return int(self.state.record[0]["now"])

    def spent(self) -> int:
        """Processor time, in nanoseconds, of what was done since this was asked last."""
        spent, self._spent = self._spent, 0
        return spent

    # Page tables and contents

    def add_entries(self, process: int, vpns: ArrayLike) -> int:
        """New PTEs for virtual page numbers, as many as a multiple of 64 KiB has, in one row: the first one's number.
        They show nothing and may not be touched."""
        return self.population.add_ptes(process, numbers(vpns))

    def add_contents(self, count: int, process: int = -1, first_entry: int = -1) -> int:
        """New contents, without a version, in one row: the first one's number; see `Population.add_contents`."""
        return self.population.add_contents(count, process, first_entry)

    def bind(self, entries: ArrayLike, contents: ArrayLike, private: ArrayLike | None = None) -> None:
        """Have PTEs, which are invalid, show contents (-1: nothing); `private` are those that copies will use (-1: a
        store doesn't copy)."""
        ptes, shown = self.state.arrays["ptes"], numbers(entries)
        ptes["content"][shown] = contents
        ptes["private"][shown] = -1 if private is None else private
        ptes["fixed"][shown] = 0

    def set_access(self, entries: ArrayLike, accessible: ArrayLike, writable: ArrayLike, executable: ArrayLike) -> None:
        """Change what may be done to pages. Those that may not be touched any more leave their working set."""
        shown = numbers(entries)
        self._make_room(len(shown))
        flags = [
            np.broadcast_to(np.asarray(flag, np.uint8), shown.shape) for flag in (accessible, writable, executable)
        ]
        left = page_calls.set_access_all(self.state.address, shown, *map(np.ascontiguousarray, flags), self.now)
        self._spent += int(left) * self.state.config.costs.trim

    map_fixed = step(page_calls.map_fixed_all, timed=False)
    unmap_fixed = step(page_calls.unmap_fixed_all, timed=False)

    # Ways out of the working set

    evict = step(page_calls.evict_all, leaving=True)
    delete = step(page_calls.delete_all, leaving=True)

    def unbind(self, entries: ArrayLike, reason: int) -> None:
        """`delete`, and the PTEs show nothing and may not be touched."""
        entries = numbers(entries)
        self.delete(entries, reason)
        ptes = self.state.arrays["ptes"]
        ptes["accessible"][entries], ptes["fixed"][entries] = 0, 0
        ptes["content"][entries], ptes["private"][entries] = -1, -1

    def delete_contents(self, first: int, count: int) -> None:
        """Contents of a section, which no PTE shows any more, are gone."""
        self._make_room(count)
        page_calls.delete_contents_all(self.state.address, first, count, constants.UNMAPPED, self.now)

    def working_set(self, process: int) -> Numbers:
        """A process's working set in order of entry."""
        entries: Numbers = page_calls.walk(self.state.address, process)
        return entries

    # Contents that needn't be kept, and locks

    reset = step(page_calls.reset_all)
    offer = step(page_calls.offer_all, leaving=True)
    reclaim = step(page_calls.reclaim_all)
    lock = step(page_calls.lock_all, True, timed=False)
    unlock = step(page_calls.lock_all, False, timed=False)

    def locked(self, process: int) -> int:
        """Pages that are locked in a process's working set."""
        entries = self.working_set(process)
        return int(np.count_nonzero(self.state.arrays["bits"][entries] & LOCKED))

    def fix(self, contents: ArrayLike) -> int:
        """Give new contents frames for good, as many as are available: how many, from the first on, got one."""
        contents = numbers(contents)
        self._make_room(len(contents))
        fixed = int(page_calls.fix_all(self.state.address, contents, self.now))
        self._spent += fixed * self.state.config.costs.zero_page
        return fixed

    def fix_contiguous(self, contents: ArrayLike) -> bool:
        """Give new contents frames for good that follow one another, from a multiple of their number on (a
        large page); False: there is no such stretch, and nothing has changed."""
        contents = numbers(contents)
        self._make_room(len(contents))
        fixed = bool(page_calls.fix_contiguous_all(self.state.address, contents, self.now))
        self._spent += fixed * len(contents) * self.state.config.costs.zero_page
        return fixed

    def unfix(self, contents: ArrayLike) -> None:
        """Take the frames back; the contents have no version any more. No PTE may show them."""
        for content in numbers(contents).tolist():
            page_calls.delete_contents_all(self.state.address, content, 1, constants.DECOMMITTED, self.now)

    # Reads and writes

    prefetch = step(page_io.prefetch_all)
    flush_contents = step(page_io.flush_all)  # not what PTEs only know: as FlushFileBuffers [FlushViewOfFile, Remarks]
    write_in_flight = step(page_io.write_in_flight, timed=False)

    def flush(self, entries: ArrayLike) -> int:
        """Start writes of the modified pages of files that PTEs show; they stay where they are, clean."""
        entries = numbers(entries)
        page_io.fold_all(self.state.address, entries)
        return self.flush_contents(self.state.arrays["ptes"]["content"][entries])

    # Commit charge

    def charge(self, pages: int, process: int = -1) -> bool:
        """Charge committed pages to a process (-1: to the system); False: the commit limit doesn't allow it."""
        if pages and not charge(self.state.address, pages):
            return False
        self._book(pages, process)
        return True

    def refund(self, pages: int, process: int = -1) -> None:
        """Give committed pages back."""
        self.state.record[0]["commit"] -= pages
        self._book(-pages, process)

    def _book(self, pages: int, process: int) -> None:
        if process < 0:
            self.state.record[0]["system_commit"] += pages
        else:
            self.state.arrays["processes"]["commit"][process] += pages

    def commit_limit(self) -> int:
        """Pages that can be committed at the paging files' present sizes."""
        return int(commit_limit(self.state.address))

    def commit_total(self) -> int:
        """Pages that are committed."""
        return int(self.state.record[0]["commit"])

    def commit_peak(self) -> int:
        """The most pages that were committed at a time."""
        return int(self.state.record[0]["commit_peak"])

    def commit_maximum(self) -> int:
        """Pages that can be committed once the paging files are as large as they may get."""
        files = self.state.arrays["stores"][: self.state.paging_files]
        return int(self.state.record[0]["frame_count"] + files["maximum"].sum())

    def commit(self, process: int) -> int:
        """Pages that a process has committed."""
        return int(self.state.arrays["processes"]["commit"][process])

    # Looking

    def available(self) -> int:
        """Zeroed, free and standby pages."""
        return int(available(self.state.address))

    @property
    def frames(self) -> int:
        """Physical frames."""
        return int(self.state.record[0]["frame_count"])

    def standby(self) -> int:
        """Pages on the standby lists."""
        return int(self.state.arrays["lists"]["count"][constants.ON_STANDBY : constants.ON_MODIFIED].sum())

    def size(self, process: int) -> int:
        """Pages in a working set."""
        return int(self.state.arrays["processes"]["size"][process])

    def state_of(self, entries: ArrayLike) -> NDArray[Any]:
        """What is known of each page: an array of PAGE_STATE."""
        entries = numbers(entries)
        arrays = self.state.arrays
        pte, bits = arrays["ptes"][entries], arrays["bits"][entries]
        shown = pte["content"] >= 0
        content = arrays["contents"][np.where(shown, pte["content"], 0)]
        frame = np.where(shown, content["frame"], -1)
        held = arrays["frames"][np.maximum(frame, 0)]
        there = frame >= 0
        found = np.zeros(len(entries), PAGE_STATE)
        found["valid"], found["locked"] = bits & VALID != 0, bits & LOCKED != 0
        found["dirty"], found["accessed"] = bits & constants.DIRTY != 0, bits & constants.ACCESSED != 0
        found["accessible"], found["fixed"] = pte["accessible"], pte["fixed"]
        found["shared"] = shown & (content["process"] < 0)
        found["copied"] = shown & (pte["private"] >= 0) & (pte["private"] == pte["content"])
        found["in_transition"] = there & (held["state"] != ACTIVE) & (held["state"] <= TRANSITION)
        found["share"] = np.where(there, held["share"], 0)
        found["frame"], found["content"] = frame, pte["content"]
        found["priority"] = np.where(there, held["priority"], 0)
        found["location"] = np.where(shown, content["location"], -1)
        found["version"] = np.where(shown, content["version"], 0)
        found["stored"] = found["dirty"] | (found["version"] > 0)
        return found

    # Limits

    def set_limits(self, process: int, minimum: int, maximum: int, hard_minimum: bool, hard_maximum: bool) -> None:
        """Set a working set's limits, in pages. What is above a hard maximum is for the caller to take out."""
        record = self.state.arrays["processes"][process]
        record["minimum"], record["maximum"] = minimum, maximum
        record["hard_minimum"], record["hard_maximum"] = hard_minimum, hard_maximum

    def process(self, process: int) -> Any:
        """A process's record: `simulator.state.schema.ProcessRecord`."""
        return self.state.arrays["processes"][process]

    def watch_working_set(self, process: int, rows: int) -> None:
        """Note down the faults that bring pages into a process's working set from now on, so many of them."""
        room = self._watches.setdefault(process, np.zeros(rows, WatchRow.dtype))
        record = self.process(process)
        record["watch_at"], record["watch_limit"], record["watch_count"] = room.ctypes.data, len(room), 0

    def watched(self, process: int) -> NDArray[Any] | None:
        """Those that are noted down, oldest first; None: nobody watches."""
        room = self._watches.get(process)
        return None if room is None else room[: int(self.process(process)["watch_count"])].copy()

    # Within

    def _make_room(self, pages: int) -> None:
        """Have room in the page log for what happens to so many pages."""
        m = self.state.record[0]
        if not m["log_pages"] or m["page_rows"] - m["page_count"] > 4 * pages + 4096:
            return
        self._drain()
        if m["page_rows"] <= 4 * pages + 4096:
            rows = 8 * pages + 8192
            self.state.add("page_log", rows)
            m["page_rows"] = rows
