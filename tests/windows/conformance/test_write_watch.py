"""MEM_WRITE_WATCH: which pages GetWriteWatch lists, whatever else is done to them."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

VIRTUAL = "k32/virtual.c"
WATCH = w.MEM_WRITE_WATCH


def listed(p: Any, base: int, size: int, reset: bool = False) -> Any:
    """The numbers of the pages that GetWriteWatch lists, counted from a region's first."""
    found = p.get_write_watch(base, size, reset)
    assert found is not None, "GetWriteWatch failed"
    return [(address - base) // PAGE for address in found]


def watched(p: Any, pages: int = 16, protect: int = RW, kind: int = BOTH) -> Any:
    """A region that is watched."""
    return p.region(pages, kind | WATCH, protect)


def store(p: Any, base: int, *pages: int) -> None:
    """Store to some pages of a region."""
    for page in pages:
        p.write(base + page * PAGE + 200, 1)


def test_get_write_watch(rule: Rule) -> None:
    with rule("lists the stored pages in order, until they are reset", f"[{VIRTUAL}:1793-1870]") as p:
        base = watched(p)
        found = works(p.virtual_query(base))
        assert (found.base_address, found.allocation_protect, found.region_size) == (base, RW, UNIT)
        assert (found.state, found.protect, found.type) == (COMMIT, RW, w.MEM_PRIVATE)
        assert listed(p, base, UNIT) == []
        p.write(base + PAGE + 1, 1)
        assert listed(p, base, UNIT) == [1]
        assert listed(p, base, UNIT, True) == [1]
        assert listed(p, base, UNIT) == []
        store(p, base, 2, 4)
        assert listed(p, base, UNIT) == [2, 4]
        assert p.get_write_watch(base + 3 * PAGE, 2 * PAGE) == [base + 4 * PAGE]
        works(p.reset_write_watch(base, 3 * PAGE))
        assert listed(p, base, UNIT) == [4]
        p.write(base + 2 * PAGE - 2, 4)  # across the border
        assert listed(p, base, UNIT) == [1, 2, 4]
    with rule("a page that is only read isn't listed, even when it was paged out", "[GetWriteWatch]", **PRESSURE) as p:
        base = watched(p)
        p.read(base, UNIT)
        p.empty_working_set()
        other = p.region(120)
        p.write(other, 120 * PAGE)
        p.read(base, UNIT)
        assert listed(p, base, UNIT) == []
    with rule("protecting pages doesn't change what is listed", f"[{VIRTUAL}:1885-1921]") as p:
        base = watched(p)
        store(p, base, 2, 4)
        assert p.virtual_protect(base, 3 * PAGE, RO) == RW
        assert p.query(base) == (3, COMMIT, RO)
        assert p.virtual_protect(base, 3 * PAGE, RW) == RO
        assert listed(p, base, UNIT) == [2, 4]
        assert p.query(base) == (16, COMMIT, RW)
    with rule("what it refuses", f"[{VIRTUAL}:1773-1791, 2099-2171]") as p:
        base = watched(p)
        plain = p.region()
        for address, size in (
            (0, UNIT), (plain, UNIT), (base, 0), (base, 2 * UNIT), (base + UNIT - PAGE, PAGE + 1), (base - PAGE, PAGE),
        ):  # fmt: skip
            p.fails(PARAMETER).get_write_watch(address, size)
            p.fails(PARAMETER).reset_write_watch(address, size)


def test_mem_write_watch(rule: Rule) -> None:
    with rule("needs MEM_RESERVE; the first protection doesn't matter", f"[{VIRTUAL}:2195-2232]") as p:
        p.fails(PARAMETER).virtual_alloc(0, UNIT, WATCH, RW)
        p.fails(PARAMETER).virtual_alloc(0, UNIT, WATCH | COMMIT, RW)
        base = watched(p, 16, NOACCESS, RESERVE)
        assert listed(p, base, UNIT) == []
        works(p.reset_write_watch(base, UNIT))
        assert p.virtual_alloc(base, UNIT, COMMIT, NOACCESS) == base
        assert listed(p, base, UNIT) == []
        assert p.virtual_protect(base, 6 * PAGE, RW) == NOACCESS
        store(p, base, 5)
        assert p.virtual_protect(base, 6 * PAGE, NOACCESS) == RW
        assert listed(p, base, UNIT) == [5]
        works(p.reset_write_watch(base, UNIT))
        works(p.reset_write_watch(base + 6 * PAGE, UNIT - 6 * PAGE))
        assert listed(p, base, UNIT, True) == []
        works(p.virtual_free(base + PAGE, PAGE, DECOMMIT))
        assert p.virtual_protect(base + 2 * PAGE, PAGE, RW) == NOACCESS
        assert listed(p, base, UNIT, True) == []
        store(p, base, 2)
        assert listed(p, base, UNIT, True) == [2]


def test_which_pages_are_listed(rule: Rule) -> None:
    with rule(
        "a page that was protected after the store is listed though it is decommitted", f"[{VIRTUAL}:2225-2242]"
    ) as p:
        base = watched(p, 16, NOACCESS)
        assert p.virtual_protect(base, 6 * PAGE, RW) == NOACCESS
        store(p, base, 5)
        assert p.virtual_protect(base, 6 * PAGE, NOACCESS) == RW
        assert listed(p, base, UNIT) == [5]
        works(p.virtual_free(base, UNIT, DECOMMIT))
        assert listed(p, base, UNIT) == [5]
        assert p.query(base) == (16, RESERVE, 0)
        assert listed(p, base, UNIT, True) == [5]
        assert listed(p, base, UNIT) == []
    with rule(
        "decommitting forgets the stores since the last protecting",
        f"[{VIRTUAL} (of 2024), test_write_watch: VirtualProtect latches]",
    ) as p:
        base = watched(p, 16, NOACCESS)
        assert p.virtual_protect(base, 6 * PAGE, RW) == NOACCESS
        store(p, base, 3, 5)
        works(p.virtual_free(base, UNIT, DECOMMIT))
        assert listed(p, base, UNIT) == []
        assert p.virtual_alloc(base, UNIT, COMMIT, RW) == base
        assert listed(p, base, UNIT) == []
        store(p, base, 3)
        assert p.virtual_protect(base, 6 * PAGE, RW) == RW
        store(p, base, 5)
        assert listed(p, base, UNIT) == [3, 5]
        works(p.virtual_free(base, UNIT, DECOMMIT))
        assert listed(p, base, UNIT) == [3]
        assert p.virtual_alloc(base, UNIT, COMMIT, RW) == base
        assert listed(p, base, UNIT) == [3]
        store(p, base, 4, 2, 6)
        assert listed(p, base, UNIT) == [2, 3, 4, 6]
    with rule(
        "half of 2048 pages, half of them made read-only",
        f"[{VIRTUAL}:2248-2290, test_write_watch]",
        frames=4096,
        paging_pages=4096,
    ) as p:
        base = watched(p, 2048)
        size = 2048 * PAGE
        assert listed(p, base, size) == []
        for page in range(0, 2048, 2):
            p.write(base + page * PAGE, 1)
        works(p.virtual_protect(base, size // 2, RO))
        for reset in (False, True):
            assert listed(p, base, size, reset) == list(range(0, 2048, 2))
        assert listed(p, base, size) == []


def test_guard_pages_and_write_watch(rule: Rule) -> None:
    with rule("a guard page raises first, and a store in its handler counts", f"[{VIRTUAL}:2479-2552]") as p:
        base = watched(p, 1, RW | GUARD)
        found = works(p.virtual_query(base))
        assert (found.allocation_protect, found.protect, found.region_size) == (RW | GUARD, RW | GUARD, PAGE)
        assert listed(p, base, PAGE) == []
        p.raises(GUARDED, 1, base).write(base, 4)
        assert listed(p, base, PAGE) == []
        p.write(base, 4)
        assert listed(p, base, PAGE, True) == [0]
        assert p.virtual_protect(base, PAGE, RW | GUARD) == RW
        p.raises(GUARDED, 0, base + 4).read(base + 4, 4)
        assert listed(p, base, PAGE) == []
        p.write(base + 4, 4)  # as the handler does
        p.read(base + 4, 4)
        assert listed(p, base, PAGE, True) == [0]


def test_virtual_lock(rule: Rule) -> None:
    with rule("of a guard page fails once; locking lists a write-watched page", f"[{VIRTUAL}:2554-2573]") as p:
        base = watched(p, 1, RW | GUARD)
        p.fails(GUARDED).virtual_lock(base, PAGE)
        assert listed(p, base, PAGE) == []
        works(p.virtual_lock(base, PAGE))
        works(p.virtual_unlock(base, PAGE))
        assert listed(p, base, PAGE, True) == [0]
    for bits in (32, 64):
        with rule(
            f"stores to the writable pages of a write-watched region only, {bits} bits", f"[{VIRTUAL}:2571]", bits=bits
        ) as p:
            base = watched(p, 4)
            plain = p.region(4)
            for address in (base, plain):
                works(p.virtual_protect(address + 2 * PAGE, 2 * PAGE, RO))
                p.read(address + PAGE, 1)
                works(p.virtual_lock(address, 4 * PAGE))
                assert p.locked(address, 4) == [True] * 4
            assert listed(p, base, 4 * PAGE) == [0, 1]
            assert p.state(base, 2)["dirty"].tolist() == [True, True]
            p.raises(AV, 1, base + 2 * PAGE).write(base + 2 * PAGE, 1)
