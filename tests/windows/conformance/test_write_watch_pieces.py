"""GetWriteWatch and ResetWriteWatch, as Wine's test_write_watch has Windows answer them, step by step."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WINE = "[k32/virtual.c: test_write_watch]"
SIZE = 16 * PAGE
WATCHED = BOTH | w.MEM_WRITE_WATCH
RESET = w.WRITE_WATCH_FLAG_RESET


def written(p: Any, base: int, flags: int = 0, count: int | None = 64, size: int = SIZE) -> Any:
    """The numbers of the pages that GetWriteWatch lists."""
    found = p.get_write_watch(base, size, flags, count)
    return [(address - base) // PAGE for address in found]


def test_mem_write_watch(rule: Rule) -> None:
    with rule("is queried like any private memory", WINE) as p:
        base = p.region(16, WATCHED)
        found = works(p.virtual_query(base))
        assert (found.base_address, found.allocation_protect, found.region_size) == (base, RW, SIZE)
        assert (found.state, found.protect, found.type) == (COMMIT, RW, w.MEM_PRIVATE)


def test_get_write_watch(rule: Rule) -> None:
    with rule("lists a page until it is reset", WINE) as p:
        base = p.region(16, WATCHED)
        assert written(p, base) == []
        p.write(base + PAGE + 1)
        assert written(p, base) == [1]
        assert written(p, base, RESET) == [1]
        assert written(p, base) == []
    with rule("lists the pages of the range asked for, ascending", WINE) as p:
        base = p.region(16, WATCHED)
        p.write(base + 4 * PAGE + 8)
        p.write(base + 2 * PAGE + 3)
        assert written(p, base) == [2, 4]
        assert p.get_write_watch(base + 3 * PAGE, 2 * PAGE) == [base + 4 * PAGE]
        works(p.reset_write_watch(base, 3 * PAGE))
        assert written(p, base) == [4]
    with rule("a store across pages writes both", WINE) as p:
        base = p.region(16, WATCHED)
        p.write(base + 2 * PAGE - 2, 4)
        assert written(p, base) == [1, 2]
    with rule("with room for fewer pages returns the lowest, and resets those only", WINE) as p:
        base = p.region(16, WATCHED)
        for page in (1, 2, 4):
            p.write(base + page * PAGE)
        assert written(p, base, RESET, count=1) == [1]
        assert written(p, base) == [2, 4]
        assert written(p, base, 0, count=1) == [2]
        assert written(p, base, RESET, count=2) == [2, 4]
        assert written(p, base) == []
    with rule("a page reset is watched again, one that was not returned is still written", WINE) as p:
        base = p.region(16, WATCHED)
        p.write(base, 3 * PAGE)
        assert written(p, base, RESET, count=2) == [0, 1]
        p.write(base, PAGE)
        assert written(p, base) == [0, 2]
    with rule("changing protections doesn't affect watches", WINE) as p:
        base = p.region(16, WATCHED)
        p.write(base + 2 * PAGE)
        p.write(base + 4 * PAGE)
        assert p.virtual_protect(base, 3 * PAGE, RO) == RW
        assert p.query(base) == (3, COMMIT, RO)
        assert p.virtual_protect(base, 3 * PAGE, RW) == RO
        assert written(p, base) == [2, 4]
        assert p.query(base) == (16, COMMIT, RW)


def test_write_watch_and_protections(rule: Rule) -> None:
    with rule("the initial protection doesn't matter", WINE) as p:
        base = p.region(16, RESERVE | w.MEM_WRITE_WATCH, NOACCESS)
        works(p.virtual_alloc(base, SIZE, COMMIT, NOACCESS))
        assert written(p, base) == []
        assert p.virtual_protect(base, 6 * PAGE, RW) == NOACCESS
        p.write(base + 5 * PAGE + 200)
        assert p.virtual_protect(base, 6 * PAGE, NOACCESS) == RW
        assert written(p, base) == [5]
    with rule("refuses memory that isn't watched, and what isn't one region", WINE) as p:
        base, plain = p.region(16, WATCHED), p.region(16)
        for address, size in (
            (0, SIZE), (plain, SIZE), (base, 0), (base, 2 * SIZE), (base + SIZE - PAGE, PAGE + 1)
        ):  # fmt: skip
            p.set_last_error(0)
            assert p.get_write_watch(address, size, 0, 64) is None
            assert p.get_last_error() == PARAMETER
    with rule("refuses room for no page, and flags that are none", WINE) as p:
        base = p.region(16, WATCHED)
        p.write(base)
        for flags, count in ((0, 0), (0xDEADBEEF, 64)):
            p.set_last_error(0)
            assert p.get_write_watch(base, SIZE, flags, count) is None
            assert p.get_last_error() == PARAMETER
        assert written(p, base) == [0]


def test_reset_write_watch(rule: Rule) -> None:
    with rule("refuses a size of 0 and memory that isn't watched", WINE) as p:
        base, plain = p.region(16, WATCHED), p.region(16)
        p.fails(PARAMETER).reset_write_watch(base, 0)
        p.fails(PARAMETER).reset_write_watch(plain, SIZE)


def test_mem_write_watch_and_other_flags(rule: Rule) -> None:
    with rule("goes with MEM_RESERVE only", WINE) as p:
        works(p.virtual_alloc(0, SIZE, RESERVE | w.MEM_WRITE_WATCH, RW))
        p.fails(PARAMETER).virtual_alloc(0, SIZE, w.MEM_WRITE_WATCH, RW)


def test_reading_is_no_write(rule: Rule) -> None:
    with rule("a page that is only read isn't written, trimmed or not", "[GetWriteWatch]") as p:
        base = p.region(16, WATCHED)
        p.read(base, SIZE)
        works(p.empty_working_set())
        p.read(base, SIZE)
        assert written(p, base) == []
