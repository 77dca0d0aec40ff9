"""All processes of the plain model, the sections that they share, and what an onlooker sees of them."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.plain.records import PAGE, Event, Op, Outcome, Page, Section, Unspecified
from tests.windows.plain.space import FAILED, OK, Space

FIRST, PAGES = 0x2000_0000 // PAGE, 64
"""The window of addresses that operations are about: four units of 64 KiB."""
FILE_PAGES = 8
BAD_HANDLE = Outcome(False, w.ERROR_INVALID_HANDLE)


class Plain:
    """The plain model of a machine with some processes."""

    def __init__(self, processes: int) -> None:
        """Processes with nothing in their windows, and no sections."""
        self.spaces = [Space() for _ in range(processes)]
        self.handles: list[dict[int, Section | Event]] = [{} for _ in range(processes)]
        """for each process, its handles by the number of the operation that made them"""
        self.writers: set[int] = set()
        """the numbers of handles that were made for writing"""
        self.sections: list[Section] = []
        self.events: list[Event] = []
        self.pool: list[list[int]] = [[] for _ in range(processes)]
        """for each process, the numbers of the blocks of pool that it has, and has not freed"""
        self.taken = 0
        """blocks of pool ever allocated"""
        self.made = 0
        """operations that made a handle"""

    def apply(self, op: Op) -> Outcome:
        """Make one call; raises Unspecified, and changes nothing, if what happens isn't documented."""
        space, arguments = self.spaces[op.who], op.arguments
        if op.name in {"read", "write", "execute"}:
            return space.touch(arguments[0], op.name)
        if op.name in {"offer_virtual_memory", "reclaim_virtual_memory", "discard_virtual_memory"}:
            return space.offer(op.name, *arguments[:2])
        plain: dict[str, Any] = {"empty_working_set": space.empty, "unmap_view_of_file": space.unmap}
        for name in (
            "hold",
            "replace",
            "split",
            "join",
            "unmap_preserve",
            "virtual_alloc",
            "virtual_free",
            "virtual_protect",
            "virtual_lock",
            "virtual_unlock",
        ):
            plain[name] = getattr(space, name)
        outcome: Outcome = plain[op.name](*arguments) if op.name in plain else getattr(self, f"_{op.name}")(op)
        return outcome

    def _create_section(self, op: Op) -> Outcome:
        pages, protect, name, kind = op.arguments
        known = next((s for s in self.sections if name and s.name == name and s.handles), None)
        if name and any(event.name == name and event.handles for event in self.events):
            return BAD_HANDLE
        if known and (kind == "file" or known.file):
            raise Unspecified
        section = known or Section(pages, protect, name, kind == "file", kind == "reserve")
        if not known:
            section.committed = set() if kind == "reserve" else set(range(section.pages))
            self.sections.append(section)
        if protect == w.PAGE_READWRITE:
            self.writers.add(self.made)
        return self._give(op.who, section, known is not None)

    def _give(self, who: int, made: Section | Event, known: bool) -> Outcome:
        made.handles += 1
        self.handles[who][self.made] = made
        self.made += 1
        return Outcome(True, w.ERROR_ALREADY_EXISTS if known else 0)

    def _create_event(self, op: Op) -> Outcome:
        name = op.arguments[0]
        if name and any(section.name == name and section.handles for section in self.sections):
            return BAD_HANDLE
        known = next((event for event in self.events if name and event.name == name and event.handles), None)
        event = known or Event(name)
        if not known:
            self.events.append(event)
        return self._give(op.who, event, known is not None)

    def _set_event(self, op: Op) -> Outcome:
        event = self.handles[op.who].get(op.arguments[0])
        if not isinstance(event, Event):
            return BAD_HANDLE
        event.on = op.arguments[1]
        return OK

    def _wait(self, op: Op) -> Outcome:
        event = self.handles[op.who].get(op.arguments[0])
        if not isinstance(event, Event):
            return BAD_HANDLE
        was, event.on = event.on, False
        return Outcome(True, w.WAIT_OBJECT_0 if was else w.WAIT_TIMEOUT)

    def _pool_allocate(self, op: Op) -> Outcome:
        self.pool[op.who].append(self.taken)
        self.taken += 1
        return OK

    def _pool_free(self, op: Op) -> Outcome:
        if op.arguments[0] not in self.pool[op.who]:
            return FAILED
        self.pool[op.who].remove(op.arguments[0])
        return OK

    def _close_handle(self, op: Op) -> Outcome:
        section = self.handles[op.who].pop(op.arguments[0], None)
        if section is None:
            return BAD_HANDLE
        section.handles -= 1
        return OK

    def _map_view(self, op: Op) -> Outcome:
        number, access, address, size = op.arguments
        section = self.handles[op.who].get(number)
        if not isinstance(section, Section):
            return BAD_HANDLE
        if access == w.FILE_MAP_WRITE and number not in self.writers:
            return self.spaces[op.who].refuse(section, address // PAGE, size)
        return self.spaces[op.who].map(section, access, address // PAGE, size)

    def _map_placeholder(self, op: Op) -> Outcome:
        number, protect, address, pages = op.arguments
        section = self.handles[op.who].get(number)
        if not isinstance(section, Section):
            return BAD_HANDLE
        writes = number in self.writers and section.protect == w.PAGE_READWRITE
        denied = protect == w.PAGE_READWRITE and not writes
        return self.spaces[op.who].map_placeholder(section, protect, address // PAGE, pages, denied)

    # What an onlooker sees

    def runs(self, who: int) -> list[tuple[int, int, int, int]]:
        """For each page of the window: state, protection, type, first page of the allocation."""
        return [self._seen(self.spaces[who].pages.get(number)) for number in range(FIRST, FIRST + PAGES)]

    def _seen(self, page: Page | None) -> tuple[int, int, int, int]:
        if page is None:
            return (w.MEM_FREE, w.PAGE_NOACCESS, 0, 0)
        kind = w.MEM_PRIVATE if page.private else w.MEM_MAPPED
        committed = page.is_committed()
        state = w.MEM_COMMIT if committed else w.MEM_RESERVE
        protect = page.protect or page.allocation.protect if committed else 0
        return (state, protect, kind, page.allocation.base)

    def memberships(self, who: int) -> list[tuple[bool, bool, bool, int]]:
        """For each page of the window: in the working set, locked, shared, and how many share it if it is shared."""
        found = []
        for number in range(FIRST, FIRST + PAGES):
            page = self.spaces[who].pages.get(number)
            if page is None or not page.valid:
                found.append((False, False, False, 0))
                continue
            shared = not page.private and not page.copied
            found.append((True, page.locked, shared, min(7, self._sharers(page)) if shared else 0))
        return found

    def _sharers(self, page: Page) -> int:
        mine = page.allocation.section
        assert mine
        every = [other for space in self.spaces for other in space.pages.values() if other.valid and not other.copied]
        shown = [other for other in every if other.allocation.section and other.index == page.index]
        return sum(o.allocation.section is mine or bool(mine.file and o.allocation.section.file) for o in shown)  # type: ignore[union-attr]

    def charge(self) -> int:
        """Pages of commit charge, all processes' and sections'."""
        return sum(space.charge() for space in self.spaces) + sum(section.charged() for section in self.sections)
