"""VirtualFree: what each of its two ways takes, leaves and refuses."""

from __future__ import annotations

from typing import Any

from simulator.state.constants import KIND_NAMES
from tests.windows.conformance.rules import *

VIRTUAL_C = "ros: ntoskrnl/mm/ARM3/virtual.c"
FREE_PLACE = 0x2000_0000


def test_virtual_free(rule: Rule) -> None:
    with rule("decommitted pages are reserved", "[VirtualFree]") as p:
        base = p.region(8)
        works(p.virtual_free(base + 2 * PAGE, 3 * PAGE, DECOMMIT))
        assert p.query(base) == (2, COMMIT, RW)
        assert p.query(base + 2 * PAGE) == (3, RESERVE, 0)
        assert p.query(base + 5 * PAGE) == (3, COMMIT, RW)
    with rule("decommit takes every page that the range touches", "[VirtualFree]") as p:
        base = p.region(8)
        works(p.virtual_free(base + 2 * PAGE - 1, 2, DECOMMIT))
        assert p.query(base + PAGE) == (2, RESERVE, 0)
    with rule("decommit of uncommitted pages succeeds", "[VirtualFree]") as p:
        base = p.region(8, RESERVE)
        works(p.virtual_free(base, 8 * PAGE, DECOMMIT))
        assert p.query(base) == (8, RESERVE, 0)
    with rule("decommit refunds the committed pages of the range only", "[VirtualFree]") as p:
        base = p.region(8, RESERVE)
        works(p.virtual_alloc(base, 3 * PAGE, COMMIT, RW))
        before = p.charge()
        works(p.virtual_free(base, 8 * PAGE, DECOMMIT))
        assert p.charge() == before - 3
    with rule("decommit of the base with size 0 takes the whole region", "[VirtualFree]") as p:
        base = p.region(8)
        works(p.virtual_free(base, 0, DECOMMIT))
        assert p.query(base) == (8, RESERVE, 0)
    with rule("decommit with size 0 elsewhere than at the base fails", VIRTUAL_C) as p:
        base = p.region(8)
        p.fails(ADDRESS).virtual_free(base + PAGE, 0, DECOMMIT)
        assert p.query(base) == (8, COMMIT, RW)
    with rule("a touch of decommitted pages is an access violation", "[VirtualFree]") as p:
        base = p.region(8)
        p.write(base, 8 * PAGE)
        works(p.virtual_free(base, PAGE, DECOMMIT))
        p.raises(AV, 0, base + 5).read(base + 5, 1)
        p.read(base + PAGE, 1)
    with rule("decommitted pages leave the working set and free their frames", "[VirtualFree]") as p:
        base = p.region(8)
        p.write(base, 8 * PAGE)
        before = p.get_performance_info()
        works(p.virtual_free(base, 8 * PAGE, DECOMMIT))
        after = p.get_performance_info()
        assert after.physical_available == before.physical_available + 8
        assert p.valid(base, 8) == [False] * 8


def test_decommit(rule: Rule) -> None:
    with rule("a page committed again is zero", "[VirtualAlloc]") as p:
        base = p.region(1)
        p.write(base, PAGE)
        works(p.virtual_free(base, PAGE, DECOMMIT))
        works(p.virtual_alloc(base, PAGE, COMMIT, RW))
        assert p.valid(base) == [False]
        assert not p.state(base)["stored"][0]
        before = int(p.system.pages.process(p.own.number)["kinds"][KIND_NAMES.index("demand-zero")])
        p.read(base, 1)
        after = int(p.system.pages.process(p.own.number)["kinds"][KIND_NAMES.index("demand-zero")])
        assert after - before == 1
    with rule("decommit frees the slots of paged-out pages", "MODEL section 1", **PRESSURE) as p:
        base = p.region(200)
        p.write(base, 200 * PAGE)
        assert (p.state(base, 200)["location"] >= 0).any()
        works(p.virtual_free(base, 200 * PAGE, DECOMMIT))
        assert not ((p.state(base, 200)["location"] >= 0).any())
    with rule("decommit takes locked pages too", "[VirtualFree]") as p:
        base = p.region(4)
        works(p.virtual_lock(base, 4 * PAGE))
        works(p.virtual_free(base, 4 * PAGE, DECOMMIT))
        assert p.query(base) == (4, RESERVE, 0)
    with rule("released pages are free", "[VirtualFree]") as p:
        base = p.region(8)
        works(p.virtual_free(base, 0, RELEASE))
        found = p.virtual_query(base)
        assert (found.state, found.allocation_base) == (w.MEM_FREE, 0)
    with rule("a release refunds what was committed", "[VirtualFree]") as p:
        base = p.region(8, RESERVE)
        before = p.charge()
        works(p.virtual_alloc(base + PAGE, 3 * PAGE, COMMIT, RW))
        works(p.virtual_free(base, 0, RELEASE))
        assert p.charge() <= before
    with rule("released addresses can be reserved again", "[VirtualFree]") as p:
        base = p.region(8)
        works(p.virtual_free(base, 0, RELEASE))
        assert p.region(8, RESERVE, at=base) == base
    with rule("a release with a size is refused", "[VirtualFree]") as p:
        base = p.region(8)
        p.fails(PARAMETER).virtual_free(base, 8 * PAGE, RELEASE)
        assert p.query(base) == (8, COMMIT, RW)


def test_release(rule: Rule) -> None:
    with rule("a release elsewhere than at the base fails", f"{VIRTUAL_C} and sdk/lib/rtl/error.c") as p:
        base = p.region(8)
        p.fails(ADDRESS).virtual_free(base + PAGE, 0, RELEASE)
        assert p.query(base) == (8, COMMIT, RW)
    with rule("a release takes pages in mixed states", "[VirtualFree]") as p:
        base = p.region(8, RESERVE)
        works(p.virtual_alloc(base + PAGE, 3 * PAGE, COMMIT, RW))
        works(p.virtual_free(base, 0, RELEASE))
        assert p.virtual_query(base).state == w.MEM_FREE
    with rule("decommit and release can't be combined", "[VirtualFree]") as p:
        base = p.region(8)
        p.fails(PARAMETER).virtual_free(base, 0, DECOMMIT | RELEASE)
    with rule("one of decommit and release must be given", "[VirtualFree]") as p:
        base = p.region(8)
        p.fails(PARAMETER).virtual_free(base, 0, 0)
        p.fails(PARAMETER).virtual_free(base, 0, COMMIT)
    with rule("freeing where nothing is fails", f"{VIRTUAL_C} and sdk/lib/rtl/error.c") as p:
        p.fails(ADDRESS).virtual_free(FREE_PLACE, 0, RELEASE)
        p.fails(ADDRESS).virtual_free(FREE_PLACE, PAGE, DECOMMIT)
    with rule("a decommit past the end of the region fails unchanged", f"{VIRTUAL_C} and sdk/lib/rtl/error.c") as p:
        base = p.region(8)
        p.fails(PARAMETER).virtual_free(base + 4 * PAGE, 5 * PAGE, DECOMMIT)
        assert p.query(base) == (8, COMMIT, RW)
    with rule("a decommit can't span two regions", "[VirtualFree]") as p:
        base = p.region(16, at=FREE_PLACE)
        p.region(16, at=FREE_PLACE + UNIT)
        p.fails(PARAMETER).virtual_free(base, 17 * PAGE, DECOMMIT)
        assert p.query(base) == (16, COMMIT, RW)
    with rule("a view of a section can't be released", f"{VIRTUAL_C} and sdk/lib/rtl/error.c") as p:
        base = p.view()
        p.fails(PARAMETER).virtual_free(base, 0, RELEASE)
        assert p.query(base) == (16, COMMIT, RW)
    with rule("a view of a section can't be decommitted", f"{VIRTUAL_C} and sdk/lib/rtl/error.c") as p:
        base = p.view()
        p.fails(PARAMETER).virtual_free(base, PAGE, DECOMMIT)
    with rule("a view of a file can't be released", f"{VIRTUAL_C} and sdk/lib/rtl/error.c", files={"data": UNIT}) as p:
        base = p.mapped()
        p.fails(PARAMETER).virtual_free(base, 0, RELEASE)
    with rule("protections of decommitted pages are forgotten", "[VirtualAlloc]") as p:
        base = p.region(4, protect=RO)
        works(p.virtual_free(base, 4 * PAGE, DECOMMIT))
        works(p.virtual_alloc(base, 4 * PAGE, COMMIT, RW))
        assert p.query(base) == (4, COMMIT, RW)
        p.write(base, 1)


def test_virtual_free_ex(rule: Rule) -> None:
    with rule("frees memory of another process", "[VirtualFreeEx]") as p:

        def sleeper(target: Any) -> None:
            target.sleep(1000)

        handle = works(p.create_process("b", sleeper))
        base = works(p.virtual_alloc_ex(handle, 0, 4 * PAGE, RESERVE | COMMIT, RW))
        assert p.virtual_query_ex(handle, base).state == COMMIT
        works(p.virtual_free_ex(handle, base, 0, RELEASE))
        assert p.virtual_query_ex(handle, base).state == w.MEM_FREE
