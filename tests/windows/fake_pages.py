"""A stand-in for `simulator.memory.pages.Pages`, made of plain lists, that checks what its callers owe.

It has no frames, disks or time: a page that is touched is valid until something takes it away, and then still in
memory. `reference` plays the MMU and the lead's runner. Broken preconditions are AssertionErrors.
"""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.state.constants import DEPARTURE_REASONS, FROM_COPY, OFFERED, PROTECTED

Numbers = NDArray[np.int64]
FETCH, LOAD, STORE = range(3)
STATE = np.dtype(
    [
        *((name, "?") for name in ("valid", "locked", "dirty", "accessed", "shared", "copied", "in_transition")),
        *((name, "i8") for name in ("share", "frame", "priority", "content", "location", "version")),
    ]
)


def _numbers(given: Any) -> list[int]:
    return [int(number) for number in np.atleast_1d(np.asarray(given, np.int64))]


class FakePages:
    """Page-table entries, contents and charges of any number of processes."""

    def __init__(self, frames: int = 1 << 20, limit: int = 1 << 21) -> None:
        self.frames, self.limit = frames, limit
        self.entry: list[SimpleNamespace] = []
        self.content: list[SimpleNamespace] = []
        self.charged: Counter[int] = Counter()
        self.top = 0
        self.left: Counter[tuple[int, int]] = Counter()
        self.records: dict[int, dict[str, Any]] = {}
        self.work = 0
        self.clock = 0
        self.calls = 0

    # Entries and contents

    def add_entries(self, process: int, vpns: Numbers) -> int:
        assert len(vpns) % 16 == 0
        first = len(self.entry)
        known = {e.vpn for e in self.entry if e.process == process} if len(self.entry) < 20_000 else set()
        for vpn in _numbers(vpns):
            assert vpn not in known, f"page {vpn:#x} has an entry already"
            known.add(vpn)
            self.entry.append(
                SimpleNamespace(
                    process=process, vpn=vpn, content=-1, private=-1, valid=False,
                    accessible=False, writable=False, executable=False,
                    locked=False, dirty=False, accessed=False, copied=False, fixed=False, entered=0,
                )
            )  # fmt: skip
        return first

    def add_contents(self, count: int, process: int = -1, first_entry: int = -1) -> int:
        assert count > 0
        assert (process >= 0) == (first_entry >= 0)
        first = len(self.content)
        for i in range(count):
            owner = first_entry + i if process >= 0 else -1
            assert owner < 0 or self.entry[owner].process == process
            self.content.append(
                SimpleNamespace(
                    process=process, entry=owner, resident=False, fixed=False, share=0, version=0, stored=False,
                    losable=False, lost=False, file="",
                )
            )  # fmt: skip
        return first

    def bind(self, entries: Numbers, contents: Numbers, private: Numbers | None = None) -> None:
        self.calls += 1
        copies = [-1] * len(entries) if private is None else _numbers(private)
        assert len(entries) == len(contents) == len(copies)
        for number, content, copy in zip(_numbers(entries), _numbers(contents), copies, strict=True):
            e = self.entry[number]
            assert not e.valid, f"entry {number} is valid"
            assert copy < 0 or self.content[copy].entry == number
            assert content < 0 or self.content[content].entry in (-1, number)
            e.content, e.private, e.copied = content, copy, False

    def set_access(self, entries: Numbers, accessible: Any, writable: Any, executable: Any) -> None:
        self.calls += 1
        shape = len(entries)
        rights = [
            np.broadcast_to(np.asarray(right, bool), shape).tolist() for right in (accessible, writable, executable)
        ]
        for number, may, store, fetch in zip(_numbers(entries), *rights, strict=True):
            e = self.entry[number]
            assert not may or e.content >= 0, f"entry {number} shows nothing"
            e.accessible, e.writable, e.executable = may, store, fetch
            e.valid = may if e.fixed else e.valid
            if not may and e.valid and not e.fixed:
                self._leave(e, PROTECTED)

    def _leave(self, e: SimpleNamespace, reason: int) -> None:
        assert reason in DEPARTURE_REASONS
        c = self.content[e.content]
        c.version += e.dirty
        c.share -= 1
        e.valid = e.locked = e.dirty = e.accessed = False
        self.left[e.process, reason] += 1
        self.work += 200

    def evict(self, entries: Numbers, reason: int) -> int:
        gone = [e for e in (self.entry[n] for n in _numbers(entries)) if e.valid and not e.locked and not e.fixed]
        for e in gone:
            self._leave(e, reason)
        return len(gone)

    def working_set(self, process: int) -> Numbers:
        mine = [(e.entered, n) for n, e in enumerate(self.entry) if e.process == process and e.valid and not e.fixed]
        return np.array([n for _, n in sorted(mine)], np.int64)

    def _pristine(self, number: int) -> None:
        c = self.content[number]
        assert c.share == 0, f"content {number} is still mapped"
        assert not c.fixed, f"content {number} is fixed"
        c.resident = c.stored = c.losable = c.lost = False
        c.version = 0

    def delete(self, entries: Numbers, reason: int) -> None:
        self.calls += 1
        for number in _numbers(entries):
            e = self.entry[number]
            assert not e.fixed
            if e.valid:
                self._leave(e, reason)
            if e.content >= 0 and self.content[e.content].entry == number:
                self._pristine(e.content)

    def unbind(self, entries: Numbers, reason: int) -> None:
        self.calls += 1
        self.delete(entries, reason)
        for e in (self.entry[n] for n in _numbers(entries)):
            e.content = e.private = -1
            e.accessible = e.copied = False

    def delete_contents(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            assert self.content[number].process < 0
            self._pristine(number)

    def state_of(self, entries: Numbers) -> NDArray[Any]:
        rows = np.zeros(len(entries), STATE)
        for row, number in zip(rows, _numbers(entries), strict=True):
            e = self.entry[number]
            c = self.content[e.content] if e.content >= 0 else None
            for name in ("valid", "locked", "dirty", "accessed"):
                row[name] = getattr(e, name)
            row["content"], row["copied"] = e.content, e.copied
            row["frame"] = row["location"] = -1
            row["priority"] = 5
            if c is not None:
                row["shared"], row["share"], row["version"] = c.process < 0, c.share, c.version
                row["in_transition"] = c.resident and not e.valid
                row["frame"] = e.content if c.resident else -1
        return rows

    def lock(self, entries: Numbers) -> None:
        for e in (self.entry[n] for n in _numbers(entries)):
            assert e.valid
            assert not e.fixed
            e.locked = True

    def unlock(self, entries: Numbers) -> None:
        for e in (self.entry[n] for n in _numbers(entries)):
            e.locked = False

    def locked(self, process: int) -> int:
        return sum(e.locked for e in self.entry if e.process == process)

    # Contents that may be lost

    def _shown(self, entries: Numbers) -> list[SimpleNamespace]:
        shown = [self.entry[n].content for n in _numbers(entries)]
        assert all(content >= 0 for content in shown)
        return [self.content[content] for content in shown]

    def reset(self, entries: Numbers) -> None:
        for c in self._shown(entries):
            assert not c.file
            c.losable, c.stored = c.resident, False
            if not c.resident:
                c.lost, c.version = c.version > 0, 0

    def offer(self, entries: Numbers, priority: int) -> None:
        assert priority in range(1, 5)
        for e in (self.entry[n] for n in _numbers(entries)):
            if e.valid:
                self._leave(e, OFFERED)
        self.reset(entries)

    def reclaim(self, entries: Numbers) -> NDArray[np.bool_]:
        shown = self._shown(entries)
        intact = np.array([not c.lost for c in shown], bool)
        for c in shown:
            c.losable = c.lost = False
        return intact

    def repurpose(self, contents: Numbers) -> None:
        """For tests: the frames of pages that are in no working set go to others."""
        for c in (self.content[n] for n in _numbers(contents)):
            assert c.share == 0
            if c.resident:
                c.resident = False
                if c.losable:
                    c.lost, c.version, c.losable = True, 0, False
                else:
                    c.stored = True

    def prefetch(self, contents: Numbers, process: int) -> None:
        for c in (self.content[n] for n in _numbers(contents)):
            if c.stored or c.file:
                c.resident = True

    # Charges

    def charge(self, pages: int, process: int = -1) -> bool:
        assert pages >= 0
        if self.commit_total() + pages > self.limit:
            return False
        self.charged[process] += pages
        self.top = max(self.top, self.commit_total())
        return True

    def refund(self, pages: int, process: int = -1) -> None:
        assert 0 <= pages <= self.charged[process], f"refund of {pages} of {self.charged[process]} pages"
        self.charged[process] -= pages

    def commit(self, process: int) -> int:
        return self.charged[process]

    def commit_limit(self) -> int:
        return self.limit

    def commit_total(self) -> int:
        return sum(self.charged.values())

    def commit_peak(self) -> int:
        return self.top

    def available(self) -> int:
        return self.frames - sum(bool(c.resident and (c.share > 0 or c.fixed)) for c in self.content)

    # Nonpageable memory

    def fix(self, contents: Numbers) -> int:
        numbers = _numbers(contents)[: max(self.available(), 0)]
        for c in (self.content[n] for n in numbers):
            assert not c.fixed
            c.fixed = c.resident = True
        return len(numbers)

    def fix_contiguous(self, contents: Numbers) -> bool:
        return len(contents) <= self.available() and self.fix(contents) == len(contents)

    def unfix(self, contents: Numbers) -> None:
        for number in _numbers(contents):
            assert self.content[number].fixed
            self.content[number].fixed = False
            self._pristine(number)

    def map_fixed(self, entries: Numbers, contents: Numbers) -> None:
        for number, content in zip(_numbers(entries), _numbers(contents), strict=True):
            e, c = self.entry[number], self.content[content]
            assert c.fixed
            assert not e.valid
            e.content, e.valid, e.fixed = content, e.accessible, True
            c.share += 1

    def unmap_fixed(self, entries: Numbers) -> None:
        for e in (self.entry[n] for n in _numbers(entries)):
            assert e.fixed
            self.content[e.content].share -= 1
            e.content, e.valid, e.fixed = -1, False, False

    # Processes

    def set_limits(self, process: int, minimum: int, maximum: int, hard_minimum: bool, hard_maximum: bool) -> None:
        assert 0 < minimum <= maximum
        self.process(process).update(
            minimum=minimum, maximum=maximum, hard_minimum=hard_minimum, hard_maximum=hard_maximum
        )

    def process(self, number: int) -> dict[str, Any]:
        """The fields of `layout.PROCESS` that anyone asks for."""
        if number not in self.records:
            kinds = np.zeros(8, np.int64)
            self.records[number] = {"minimum": 50, "maximum": 345, "hard_minimum": 0, "hard_maximum": 0, "peak": 0}
            self.records[number].update(kinds=kinds, memory_priority=5, size=0)
        return self.records[number]

    def size(self, process: int) -> int:
        return len(self.working_set(process))

    def spent(self) -> int:
        spent, self.work = self.work, 0
        return spent

    # What the MMU and the runner do

    def reference(self, space: Any, thread: int, entries: Numbers, access: int = LOAD) -> tuple[int, Any] | None:
        """Touch each page once; the exception (status, information) of the first that can't be, else None."""
        for number in _numbers(entries):
            trips = 0
            while not self._allowed(self.entry[number], access):
                raised: tuple[int, Any] | None = space.fault(thread, self.entry[number].vpn, access)
                if raised is not None:
                    return raised
                trips += 1
                assert trips < 3, f"page {self.entry[number].vpn:#x} is not mended"
            self._touch(number, access)
        return None

    def _allowed(self, e: SimpleNamespace, access: int) -> bool:
        return e.accessible and (access != STORE or e.writable) and (access != FETCH or e.executable)

    def _touch(self, number: int, access: int) -> None:
        e = self.entry[number]
        copying = access == STORE and e.private >= 0 and not e.copied
        if e.valid and copying:
            self._leave(e, FROM_COPY)
        if copying:
            e.content, e.copied = e.private, True
        c = self.content[e.content]
        if not e.valid:
            self.clock += 1
            self.process(e.process)["kinds"][0] += 1
            e.valid, e.entered, c.resident, c.lost = True, self.clock, True, False
            c.share += 1
            record = self.process(e.process)
            record["peak"] = max(record["peak"], self.size(e.process))
        e.accessed = True
        if access == STORE:
            e.dirty, c.losable = True, False
            c.version += 1
