"""MEM_WRITE_WATCH: which pages GetWriteWatch lists, whatever else is done to them."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    AV,
    BOTH,
    COMMIT,
    DECOMMIT,
    GUARD,
    GUARDED,
    NOACCESS,
    PAGE,
    PARAMETER,
    PRESSURE,
    RESERVE,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    equal,
    fails,
    locked,
    query,
    raises,
    region,
    state,
    works,
)

case = Table()
VIRTUAL = "k32/virtual.c"
WATCH = w.MEM_WRITE_WATCH


def listed(process: Any, base: int, size: int, reset: bool = False) -> Steps:
    """The numbers of the pages that GetWriteWatch lists, counted from a region's first."""
    found = yield from process.get_write_watch(base, size, reset)
    assert found is not None, "GetWriteWatch failed"
    return [(address - base) // PAGE for address in found]


def watched(process: Any, pages: int = 16, protect: int = RW, kind: int = BOTH) -> Steps:
    """A region that is watched."""
    return (yield from region(process, pages, kind | WATCH, protect))


def store(process: Any, base: int, *pages: int) -> Steps:
    """Store to some pages of a region."""
    for page in pages:
        yield from process.write(base + page * PAGE + 200, 1)


@case("GetWriteWatch", "lists the stored pages in order, until they are reset", f"[{VIRTUAL}:1793-1870]")
def _(process: Any) -> Steps:
    base = yield from watched(process)
    found = yield from works(process.virtual_query(base))
    equal((found.base_address, found.allocation_protect, found.region_size), (base, RW, UNIT))
    equal((found.state, found.protect, found.type), (COMMIT, RW, w.MEM_PRIVATE))
    equal((yield from listed(process, base, UNIT)), [])
    yield from process.write(base + PAGE + 1, 1)
    equal((yield from listed(process, base, UNIT)), [1])
    equal((yield from listed(process, base, UNIT, True)), [1])
    equal((yield from listed(process, base, UNIT)), [])
    yield from store(process, base, 2, 4)
    equal((yield from listed(process, base, UNIT)), [2, 4])
    equal((yield from process.get_write_watch(base + 3 * PAGE, 2 * PAGE)), [base + 4 * PAGE])
    yield from works(process.reset_write_watch(base, 3 * PAGE))
    equal((yield from listed(process, base, UNIT)), [4])
    yield from process.write(base + 2 * PAGE - 2, 4)  # across the border
    equal((yield from listed(process, base, UNIT)), [1, 2, 4])


@case(
    "GetWriteWatch", "a page that is only read isn't listed, even when it was paged out", "[GetWriteWatch]", **PRESSURE
)
def _(process: Any) -> Steps:
    base = yield from watched(process)
    yield from process.read(base, UNIT)
    yield from process.empty_working_set()
    other = yield from region(process, 120)
    yield from process.write(other, 120 * PAGE)
    yield from process.read(base, UNIT)
    equal((yield from listed(process, base, UNIT)), [])


@case("GetWriteWatch", "protecting pages doesn't change what is listed", f"[{VIRTUAL}:1885-1921]")
def _(process: Any) -> Steps:
    base = yield from watched(process)
    yield from store(process, base, 2, 4)
    equal((yield from process.virtual_protect(base, 3 * PAGE, RO)), RW)
    equal((yield from query(process, base)), (3, COMMIT, RO))
    equal((yield from process.virtual_protect(base, 3 * PAGE, RW)), RO)
    equal((yield from listed(process, base, UNIT)), [2, 4])
    equal((yield from query(process, base)), (16, COMMIT, RW))


@case("GetWriteWatch", "what it refuses", f"[{VIRTUAL}:1773-1791, 2099-2171]")
def _(process: Any) -> Steps:
    base = yield from watched(process)
    plain = yield from region(process)
    for address, size in (
        (0, UNIT), (plain, UNIT), (base, 0), (base, 2 * UNIT), (base + UNIT - PAGE, PAGE + 1), (base - PAGE, PAGE),
    ):  # fmt: skip
        yield from fails(process, PARAMETER, process.get_write_watch(address, size))
        yield from fails(process, PARAMETER, process.reset_write_watch(address, size))


@case("MEM_WRITE_WATCH", "needs MEM_RESERVE; the first protection doesn't matter", f"[{VIRTUAL}:2195-2232]")
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_alloc(0, UNIT, WATCH, RW))
    yield from fails(process, PARAMETER, process.virtual_alloc(0, UNIT, WATCH | COMMIT, RW))
    base = yield from watched(process, 16, NOACCESS, RESERVE)
    equal((yield from listed(process, base, UNIT)), [])
    yield from works(process.reset_write_watch(base, UNIT))
    equal((yield from process.virtual_alloc(base, UNIT, COMMIT, NOACCESS)), base)
    equal((yield from listed(process, base, UNIT)), [])
    equal((yield from process.virtual_protect(base, 6 * PAGE, RW)), NOACCESS)
    yield from store(process, base, 5)
    equal((yield from process.virtual_protect(base, 6 * PAGE, NOACCESS)), RW)
    equal((yield from listed(process, base, UNIT)), [5])
    yield from works(process.reset_write_watch(base, UNIT))
    yield from works(process.reset_write_watch(base + 6 * PAGE, UNIT - 6 * PAGE))
    equal((yield from listed(process, base, UNIT, True)), [])
    yield from works(process.virtual_free(base + PAGE, PAGE, DECOMMIT))
    equal((yield from process.virtual_protect(base + 2 * PAGE, PAGE, RW)), NOACCESS)
    equal((yield from listed(process, base, UNIT, True)), [])
    yield from store(process, base, 2)
    equal((yield from listed(process, base, UNIT, True)), [2])


@case(
    "GetWriteWatch",
    "a page that was protected after the store is listed though it is decommitted",
    f"[{VIRTUAL}:2225-2242]",
)
def _(process: Any) -> Steps:
    base = yield from watched(process, 16, NOACCESS)
    equal((yield from process.virtual_protect(base, 6 * PAGE, RW)), NOACCESS)
    yield from store(process, base, 5)
    equal((yield from process.virtual_protect(base, 6 * PAGE, NOACCESS)), RW)
    equal((yield from listed(process, base, UNIT)), [5])
    yield from works(process.virtual_free(base, UNIT, DECOMMIT))
    equal((yield from listed(process, base, UNIT)), [5])
    equal((yield from query(process, base)), (16, RESERVE, 0))
    equal((yield from listed(process, base, UNIT, True)), [5])
    equal((yield from listed(process, base, UNIT)), [])


@case(
    "GetWriteWatch",
    "decommitting forgets the stores since the last protecting",
    f"[{VIRTUAL} (of 2024), test_write_watch: VirtualProtect latches]",
)
def _(process: Any) -> Steps:
    base = yield from watched(process, 16, NOACCESS)
    equal((yield from process.virtual_protect(base, 6 * PAGE, RW)), NOACCESS)
    yield from store(process, base, 3, 5)
    yield from works(process.virtual_free(base, UNIT, DECOMMIT))
    equal((yield from listed(process, base, UNIT)), [])
    equal((yield from process.virtual_alloc(base, UNIT, COMMIT, RW)), base)
    equal((yield from listed(process, base, UNIT)), [])
    yield from store(process, base, 3)
    equal((yield from process.virtual_protect(base, 6 * PAGE, RW)), RW)
    yield from store(process, base, 5)
    equal((yield from listed(process, base, UNIT)), [3, 5])
    yield from works(process.virtual_free(base, UNIT, DECOMMIT))
    equal((yield from listed(process, base, UNIT)), [3])
    equal((yield from process.virtual_alloc(base, UNIT, COMMIT, RW)), base)
    equal((yield from listed(process, base, UNIT)), [3])
    yield from store(process, base, 4, 2, 6)
    equal((yield from listed(process, base, UNIT)), [2, 3, 4, 6])


@case(
    "GetWriteWatch",
    "half of 2048 pages, half of them made read-only",
    f"[{VIRTUAL}:2248-2290, test_write_watch]",
    frames=4096,
    paging_pages=4096,
)
def _(process: Any) -> Steps:
    base = yield from watched(process, 2048)
    size = 2048 * PAGE
    equal((yield from listed(process, base, size)), [])
    for page in range(0, 2048, 2):
        yield from process.write(base + page * PAGE, 1)
    yield from works(process.virtual_protect(base, size // 2, RO))
    for reset in (False, True):
        equal((yield from listed(process, base, size, reset)), list(range(0, 2048, 2)))
    equal((yield from listed(process, base, size)), [])


@case("GetWriteWatch", "a guard page raises first, and a store in its handler counts", f"[{VIRTUAL}:2479-2552]")
def _(process: Any) -> Steps:
    base = yield from watched(process, 1, RW | GUARD)
    found = yield from works(process.virtual_query(base))
    equal((found.allocation_protect, found.protect, found.region_size), (RW | GUARD, RW | GUARD, PAGE))
    equal((yield from listed(process, base, PAGE)), [])
    yield from raises(GUARDED, process.write(base, 4), 1, base)
    equal((yield from listed(process, base, PAGE)), [])
    yield from process.write(base, 4)
    equal((yield from listed(process, base, PAGE, True)), [0])
    equal((yield from process.virtual_protect(base, PAGE, RW | GUARD)), RW)
    yield from raises(GUARDED, process.read(base + 4, 4), 0, base + 4)
    equal((yield from listed(process, base, PAGE)), [])
    yield from process.write(base + 4, 4)  # as the handler does
    yield from process.read(base + 4, 4)
    equal((yield from listed(process, base, PAGE, True)), [0])


@case("VirtualLock", "of a guard page fails once; locking lists a write-watched page", f"[{VIRTUAL}:2554-2573]")
def _(process: Any) -> Steps:
    base = yield from watched(process, 1, RW | GUARD)
    yield from fails(process, GUARDED, process.virtual_lock(base, PAGE))
    equal((yield from listed(process, base, PAGE)), [])
    yield from works(process.virtual_lock(base, PAGE))
    yield from works(process.virtual_unlock(base, PAGE))
    equal((yield from listed(process, base, PAGE, True)), [0])


for _bits in (32, 64):

    @case(
        "VirtualLock",
        f"stores to the writable pages of a write-watched region only, {_bits} bits",
        f"[{VIRTUAL}:2571]",
        bits=_bits,
    )
    def _(process: Any) -> Steps:
        base = yield from watched(process, 4)
        plain = yield from region(process, 4)
        for address in (base, plain):
            yield from works(process.virtual_protect(address + 2 * PAGE, 2 * PAGE, RO))
            yield from process.read(address + PAGE, 1)
            yield from works(process.virtual_lock(address, 4 * PAGE))
            equal((yield from locked(process, address, 4)), [True] * 4)
        equal((yield from listed(process, base, 4 * PAGE)), [0, 1])
        equal(state(process, base, 2)["dirty"].tolist(), [True, True])
        yield from raises(AV, process.write(base + 2 * PAGE, 1), 1, base + 2 * PAGE)
