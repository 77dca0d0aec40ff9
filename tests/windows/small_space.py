"""An address space on fake pages, and a view of a section that is nothing but contents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator import config
from simulator.windows import constants as w
from simulator.windows.address_space import AddressSpace
from simulator.windows.failure import Failure
from simulator.windows.protection import COPYING
from tests.windows.fake_pages import FakePages

PAGE, UNIT, MiB, TiB = 4096, 65536, 1 << 20, 1 << 40
RW, RO = w.PAGE_READWRITE, w.PAGE_READONLY
RESERVE, COMMIT, BOTH = w.MEM_RESERVE, w.MEM_COMMIT, w.MEM_RESERVE | w.MEM_COMMIT
FETCH, LOAD, STORE = range(3)


def space(bits: int = 64, dep: bool = True, pages: FakePages | None = None, number: int = 0, **windows: Any) -> Any:
    """An AddressSpace; `windows` are fields of config.Windows."""
    system = SimpleNamespace(
        pages=pages or FakePages(),
        page_size=PAGE,
        granularity=UNIT,
        address_space=8 * TiB,
        settings=config.Windows(**windows),
        processes=[],
    )
    privileges = frozenset({w.SE_LOCK_MEMORY_NAME, w.SE_INC_WORKING_SET_NAME})
    own: Any = SimpleNamespace(
        system=system,
        number=number,
        bits=bits,
        privileges=privileges,
        dep=SimpleNamespace(enabled=dep),
        heaps=SimpleNamespace(protect=lambda _first, _end: None),
        decide_touches=lambda: None,
    )
    made: Any = AddressSpace(system, own)  # type: ignore[arg-type]
    own.space = made
    system.processes.append(own)
    return made


def touch(space: Any, address: int, size: int = 1, access: int = LOAD, thread: Any = None) -> Any:
    """Touch each page of a range; the exception, or None."""
    thread = thread or SimpleNamespace(stack=None)
    return space.pages.reference(space, thread, space.entries(address, size), access)


def code(function: Any, *arguments: Any) -> int:
    """The code that a call fails with; 0: it doesn't."""
    try:
        function(*arguments)
    except Failure as failure:
        return failure.code
    return 0


def run(space: Any, address: int) -> tuple[int, int, int]:
    """(pages, state, protection) of the run of pages at an address."""
    found = space.virtual_query(address)
    return found.region_size // PAGE, found.state, found.protect


class PlainView:
    """A view of a section backed by the paging files, `committed` or reserved, with one protection."""

    fixed = file_backed = False
    kind = w.MEM_MAPPED

    def __init__(self, pages: FakePages, count: int, protection: int, committed: bool = True, first: int = -1) -> None:
        self.pages, self.protection, self.count = pages, protection, count
        self.first = pages.add_contents(count) if first < 0 else first
        self.present = np.full(count, committed)
        self.charged = self.unmappings = 0

    def contents(self, first: int, count: int) -> NDArray[np.int64]:
        return np.arange(self.first + first, self.first + first + count)

    def committed(self, first: int, count: int) -> NDArray[np.bool_]:
        return self.present[first : first + count]

    def committed_run(self, first: int) -> tuple[bool, int]:
        rest = self.present[first:]
        other = np.flatnonzero(rest != rest[0])
        return bool(rest[0]), int(other[0]) if len(other) else len(rest)

    def commit(self, first: int, count: int) -> None:
        self.present[first : first + count] = True

    def protection_run(self, first: int) -> tuple[int, int]:
        return self.protection, self.count - first

    def private(self, protection: int) -> bool:
        return bool((self.protection | protection) & COPYING)

    def allows(self, protection: int) -> bool:
        return self.protection != RO or not protection & (RW | w.PAGE_EXECUTE_READWRITE)

    def effective(self, protection: int) -> int:
        return w.PAGE_WRITECOPY if self.protection & COPYING and protection & RW else protection

    def charge_private(self, pages: int) -> None:
        self.charged += pages

    def unmapped(self) -> None:
        self.unmappings += 1
