"""Private memory against a page-by-page model, with regions that come and go at the same few addresses."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simulator.windows import constants as w
from tests.windows.small_space import BOTH, COMMIT, FETCH, PAGE, RESERVE, RO, RW, STORE, UNIT, code, space, touch

UNITS = 2
FIRST, END = 16, 16 * (UNITS + 1)
"""The pages of the first units of user space, all of one page table."""
AV, GUARDED = w.STATUS_ACCESS_VIOLATION, w.STATUS_GUARD_PAGE_VIOLATION
PROTECTIONS = st.sampled_from([RW, RO, w.PAGE_NOACCESS, w.PAGE_EXECUTE_READ, RW | w.PAGE_GUARD])
PLACES, SIZES = st.sampled_from([16, 17, 20, 31, 32, 33, 47]), st.sampled_from([1, 1, 2, 2, 4, 15, 16, 17])


class PrivateMemory(RuleBasedStateMachine):
    """`region` says of each page to which region's first page it belongs, `protect` its protection, 0 if it is reserved
    only, `written` whether it holds anything."""

    def __init__(self) -> None:
        super().__init__()
        self.space: Any = space()
        self.space.virtual_alloc(END * PAGE, UNIT, RESERVE, RW)
        self.region: dict[int, int] = {}
        self.protect: dict[int, int] = {}
        self.written: set[int] = set()
        self.reserve(1, 20, BOTH, RW)

    def _pages(self, first: int, size: int) -> list[int]:
        return list(range(first, first + size))

    def _inside(self, pages: list[int]) -> bool:
        return len({self.region.get(page) for page in pages}) == 1 and pages[0] in self.region

    @rule(unit=st.integers(1, UNITS), size=SIZES, kind=st.sampled_from([RESERVE, BOTH]), protect=PROTECTIONS)
    def reserve(self, unit: int, size: int, kind: int, protect: int) -> None:
        pages = self._pages(unit * 16, min(size, END - unit * 16))
        units = {page // 16 for page in pages}
        free = not any(page // 16 in units for page in self.region)
        failed = code(self.space.virtual_alloc, pages[0] * PAGE, len(pages) * PAGE, kind, protect)
        assert failed == (0 if free else w.ERROR_INVALID_ADDRESS)
        if free:
            self.region.update(dict.fromkeys(pages, pages[0]))
            self.protect.update(dict.fromkeys(pages, protect if kind == BOTH else 0))

    @rule(first=PLACES, size=SIZES, protect=PROTECTIONS)
    def commit(self, first: int, size: int, protect: int) -> None:
        pages = self._pages(first, size)
        failed = code(self.space.virtual_alloc, first * PAGE, size * PAGE, COMMIT, protect)
        assert failed == (0 if self._inside(pages) else w.ERROR_INVALID_ADDRESS)
        if not failed:
            self.protect.update(dict.fromkeys(pages, protect))

    @rule(first=PLACES, size=SIZES, protect=PROTECTIONS)
    def reprotect(self, first: int, size: int, protect: int) -> None:
        pages = self._pages(first, size)
        possible = self._inside(pages) and all(self.protect[page] for page in pages)
        failed = code(self.space.protect, first * PAGE, size * PAGE, protect)
        assert failed == (0 if possible else w.ERROR_INVALID_ADDRESS)
        if possible:
            self.protect.update(dict.fromkeys(pages, protect))

    @rule(first=PLACES, size=SIZES)
    def decommit(self, first: int, size: int) -> None:
        pages = self._pages(first, size)
        failed = code(self.space.virtual_free, first * PAGE, size * PAGE, w.MEM_DECOMMIT)
        there = first in self.region
        past = w.ERROR_INVALID_PARAMETER if there else w.ERROR_INVALID_ADDRESS
        assert failed == (0 if self._inside(pages) else past)
        if not failed:
            self.protect.update(dict.fromkeys(pages, 0))
            self.written.difference_update(pages)

    @precondition(lambda self: self.region)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        first = data.draw(st.sampled_from(sorted({*self.region.values(), FIRST + 1})))
        failed = code(self.space.virtual_free, first * PAGE, 0, w.MEM_RELEASE)
        base = self.region.get(first) == first
        assert failed == (0 if base else w.ERROR_INVALID_ADDRESS)
        if base:
            for page in [page for page, region in self.region.items() if region == first]:
                del self.region[page], self.protect[page]
                self.written.discard(page)

    @precondition(lambda self: any(self.protect.values()))
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from([page for page, protect in self.protect.items() if protect]))
        self.reference(page, STORE)

    @rule(page=PLACES, access=st.sampled_from([FETCH, 1, STORE]))
    def reference(self, page: int, access: int) -> None:
        protect = self.protect.get(page, 0)
        kind = {FETCH: 8, 1: 0, STORE: 1}[access]
        raised = touch(self.space, page * PAGE, 1, access)
        if protect & w.PAGE_GUARD:
            assert raised == (GUARDED, ())
            self.protect[page] = protect & ~w.PAGE_GUARD
        elif {FETCH: protect == w.PAGE_EXECUTE_READ, 1: protect > w.PAGE_NOACCESS, STORE: protect == RW}[access]:
            assert raised is None
            self.written |= {page} if access == STORE else set()
        else:
            assert raised == (AV, (kind, page * PAGE))

    @rule()
    def look(self) -> None:
        state = self.space.pages.state_of(self.space.entries(FIRST * PAGE, (END - FIRST) * PAGE))
        held = np.flatnonzero((state["version"] > 0) | state["dirty"]) + FIRST
        assert set(held.tolist()) == self.written
        assert not state["valid"][[page - FIRST for page in range(FIRST, END) if not self.protect.get(page)]].any()

    @invariant()
    def queries_and_charge_agree(self) -> None:
        committed = sum(bool(protect) for protect in self.protect.values())
        assert self.space.pages.commit(0) == committed + bool(committed)
        assert self.space.virtual_bytes == len(self.region) * PAGE + UNIT
        page = FIRST
        while page < END:
            found = self.space.virtual_query(page * PAGE)
            alike = self._pages(page, min(END - page, found.region_size // PAGE))
            now = {(self.region.get(other, -1), self.protect.get(other)) for other in alike}
            assert len(now) == 1
            after = alike[-1] + 1
            assert after == END or (self.region.get(after, -1), self.protect.get(after)) not in now
            assert found.allocation_base == self.region.get(page, 0) * PAGE
            page = after


TestPrivateMemory = PrivateMemory.TestCase
TestPrivateMemory.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
