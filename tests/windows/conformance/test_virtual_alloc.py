"""VirtualAlloc: rounding, flags, states, what is charged, and that it does all or nothing."""

from __future__ import annotations

from tests.windows.conformance.rules import *

VIRTUAL_C = "ros: ntoskrnl/mm/ARM3/virtual.c"
FREE_PLACE = 0x2000_0000


def test_virtual_alloc(rule: Rule) -> None:
    with rule("a region without an address begins at a multiple of 64 KiB", "[VirtualAlloc]") as p:
        for _ in range(3):
            base = p.region(3, RESERVE)
            assert base % UNIT == 0
    with rule("a reserve address is rounded down to 64 KiB", "[VirtualAlloc]") as p:
        assert p.region(1, RESERVE, at=FREE_PLACE + 0x1234) == FREE_PLACE
    with rule("an unaligned reserve address extends the region downwards only", VIRTUAL_C) as p:
        p.region(2, RESERVE, at=FREE_PLACE + 9 * PAGE)
        assert p.query(FREE_PLACE) == (11, RESERVE, 0)
    with rule("a commit address is rounded down to a page", "[VirtualAlloc]") as p:
        base = p.region(4, RESERVE)
        assert works(p.virtual_alloc(base + PAGE + 100, 1, COMMIT, RW)) == base + PAGE
        assert p.query(base + PAGE) == (1, COMMIT, RW)
    with rule("without an address the size goes up to a page", "[VirtualAlloc]") as p:
        base = works(p.virtual_alloc(0, PAGE + 1, BOTH, RW))
        assert p.query(base) == (2, COMMIT, RW)
    with rule("with an address every page that the range touches is taken", "[VirtualAlloc]") as p:
        base = p.region(4, RESERVE)
        works(p.virtual_alloc(base + PAGE - 1, 2, COMMIT, RW))
        assert p.query(base) == (2, COMMIT, RW)
    with rule("reserved pages have a state and no protection", "[MEMORY_BASIC_INFORMATION]") as p:
        base = p.region(5, RESERVE)
        assert p.query(base) == (5, RESERVE, 0)
    with rule("reserve and commit can be done at once", "[VirtualAlloc]") as p:
        base = p.region(5)
        assert p.query(base) == (5, COMMIT, RW)
    with rule("a commit without an address reserves too", VIRTUAL_C) as p:
        base = works(p.virtual_alloc(0, PAGE, COMMIT, RW))
        found = p.virtual_query(base)
        assert (found.allocation_base, found.state) == (base, COMMIT)
    with rule("a commit of free pages fails", VIRTUAL_C) as p:
        p.fails(ADDRESS).virtual_alloc(FREE_PLACE, PAGE, COMMIT, RW)
    with rule("a commit past the end of a reservation fails and commits nothing", VIRTUAL_C) as p:
        base = p.region(2, RESERVE)
        before = p.charge()
        p.fails(ADDRESS).virtual_alloc(base + PAGE, 2 * PAGE, COMMIT, RW)
        assert p.query(base) == (2, RESERVE, 0)
        assert p.charge() == before
    with rule("a commit can't span two reservations", VIRTUAL_C) as p:
        base = p.region(16, RESERVE, at=FREE_PLACE)
        p.region(16, RESERVE, at=FREE_PLACE + UNIT)
        p.fails(ADDRESS).virtual_alloc(base + 15 * PAGE, 2 * PAGE, COMMIT, RW)
        assert p.query(base) == (16, RESERVE, 0)


def test_commit(rule: Rule) -> None:
    with rule("committing committed pages succeeds and charges nothing", "[VirtualAlloc]") as p:
        base = p.region(4)
        before = p.charge()
        assert works(p.virtual_alloc(base, 4 * PAGE, COMMIT, RW)) == base
        assert p.charge() == before
    with rule("committing committed pages applies the new protection", VIRTUAL_C) as p:
        base = p.region(4)
        works(p.virtual_alloc(base + PAGE, PAGE, COMMIT, RO))
        assert p.query(base + PAGE) == (1, COMMIT, RO)
    with rule("committing committed pages keeps what is in them", "[VirtualAlloc]") as p:
        base = p.region(1)
        p.write(base, 1)
        works(p.virtual_alloc(base, PAGE, COMMIT, RW))
        assert p.valid(base) == [True]
        assert p.state(base)["dirty"][0]
    with rule("a commit of partly committed pages charges the others only", "[VirtualAlloc]") as p:
        base = p.region(8, RESERVE)
        works(p.virtual_alloc(base + 2 * PAGE, 3 * PAGE, COMMIT, RW))
        before = p.charge()
        works(p.virtual_alloc(base, 8 * PAGE, COMMIT, RW))
        assert p.charge() == before + 5
    with rule("a commit charges each page at once", "[PERFORMANCE_INFORMATION]") as p:
        base = p.region(16, RESERVE)
        before = p.charge()
        works(p.virtual_alloc(base, 10 * PAGE, COMMIT, RW))
        assert p.charge() == before + 10
    with rule("inaccessible committed pages are charged too", "[Page State]") as p:
        base = p.region(16, RESERVE)
        before = p.charge()
        works(p.virtual_alloc(base, 10 * PAGE, COMMIT, NOACCESS))
        assert p.charge() == before + 10
    with rule("a reservation takes no storage", "[Page State]") as p:
        before = p.get_process_memory_info()
        works(p.virtual_alloc(0, 1 << 40, RESERVE, RW))
        after = p.get_process_memory_info()
        assert after.private_usage == before.private_usage
        assert after.working_set_size == before.working_set_size
    with rule("a committed page has no frame before the first touch", "[Page State]") as p:
        base = p.region(4)
        assert p.valid(base, 4) == [False] * 4
        p.read(base + 2 * PAGE, 1)
        assert p.valid(base, 4) == [False, False, True, False]


def test_addresses_that_are_taken(rule: Rule) -> None:
    with rule("a touch of reserved pages is an access violation", "[Page State]") as p:
        base = p.region(4, RESERVE)
        p.raises(AV, 0, base + 8).read(base + 8, 1)
    with rule("a touch of free pages is an access violation", "[Page State]") as p:
        p.raises(AV, 1, FREE_PLACE + 8).write(FREE_PLACE + 8, 1)
    with rule("reserving over a reservation fails", "[VirtualAlloc]") as p:
        base = p.region(16, RESERVE)
        p.fails(ADDRESS).virtual_alloc(base, PAGE, RESERVE, RW)
    with rule("reserving the rest of a 64 KiB unit that is in use fails", "[VirtualAlloc]") as p:
        base = p.region(1, RESERVE)
        p.fails(ADDRESS).virtual_alloc(base + 8 * PAGE, PAGE, RESERVE, RW)
    with rule("reserving up into a reservation fails", "[VirtualAlloc]") as p:
        p.region(16, RESERVE, at=FREE_PLACE + UNIT)
        p.fails(ADDRESS).virtual_alloc(FREE_PLACE, UNIT + 1, RESERVE, RW)
        assert p.virtual_query(FREE_PLACE).state == w.MEM_FREE
    with rule("size 0 is refused", VIRTUAL_C) as p:
        p.fails(PARAMETER).virtual_alloc(0, 0, BOTH, RW)


BAD_TYPES = {
    "no flag": 0,
    "MEM_TOP_DOWN alone": w.MEM_TOP_DOWN,
    "MEM_DECOMMIT": w.MEM_DECOMMIT,
    "MEM_COMMIT with MEM_RELEASE": COMMIT | RELEASE,
    "a bit without a meaning": BOTH | 0x4,
    "MEM_RESET with MEM_COMMIT": w.MEM_RESET | COMMIT,
    "MEM_RESET with MEM_RESERVE": w.MEM_RESET | RESERVE,
    "MEM_RESET_UNDO with MEM_COMMIT": w.MEM_RESET_UNDO | COMMIT,
    "MEM_RESET with MEM_RESET_UNDO": w.MEM_RESET | w.MEM_RESET_UNDO,
    "MEM_WRITE_WATCH without MEM_RESERVE": w.MEM_WRITE_WATCH | COMMIT,
    "MEM_PHYSICAL without MEM_RESERVE": w.MEM_PHYSICAL,
    "MEM_PHYSICAL with MEM_COMMIT": w.MEM_PHYSICAL | BOTH,
    "MEM_LARGE_PAGES without MEM_COMMIT": w.MEM_LARGE_PAGES | RESERVE,
    "MEM_LARGE_PAGES without MEM_RESERVE": w.MEM_LARGE_PAGES | COMMIT,
}


def test_flags(rule: Rule) -> None:
    for name, kind in BAD_TYPES.items():
        with rule(f"{name} is a bad mixture of flags", f"[VirtualAlloc] and {VIRTUAL_C}") as p:
            base = p.region(512)
            p.fails(PARAMETER).virtual_alloc(base, 512 * PAGE, kind, RW)


BAD_PROTECTIONS = {
    "no protection": 0,
    "two protections": RW | RO,
    "PAGE_WRITECOPY": w.PAGE_WRITECOPY,
    "PAGE_EXECUTE_WRITECOPY": w.PAGE_EXECUTE_WRITECOPY,
    "PAGE_GUARD alone": w.PAGE_GUARD,
    "PAGE_GUARD with PAGE_NOACCESS": w.PAGE_GUARD | NOACCESS,
    "PAGE_NOCACHE with PAGE_WRITECOMBINE": RW | w.PAGE_NOCACHE | w.PAGE_WRITECOMBINE,
    "PAGE_NOCACHE with PAGE_NOACCESS": NOACCESS | w.PAGE_NOCACHE,
    "PAGE_NOCACHE with PAGE_GUARD": RW | w.PAGE_GUARD | w.PAGE_NOCACHE,
    "PAGE_WRITECOMBINE with PAGE_NOACCESS": NOACCESS | w.PAGE_WRITECOMBINE,
}


def test_protections_and_limits(rule: Rule) -> None:
    for name, protect in BAD_PROTECTIONS.items():
        with rule(f"{name} is refused as protection", "[Memory Protection Constants]") as p:
            p.fails(PARAMETER).virtual_alloc(0, PAGE, BOTH, protect)
    with rule("an address below 64 KiB is refused", "ros: dll/win32/kernel32/client/virtmem.c") as p:
        p.fails(PARAMETER).virtual_alloc(PAGE, PAGE, RESERVE, RW)
    with rule("an address above user space is refused", VIRTUAL_C, bits=32) as p:
        p.fails(PARAMETER).virtual_alloc(0x8000_0000, PAGE, RESERVE, RW)
    with rule("a size larger than user space is refused", VIRTUAL_C, bits=32) as p:
        p.fails(PARAMETER).virtual_alloc(0, 1 << 32, RESERVE, RW)
    with rule("a 32-bit process has 2 GiB of addresses, and then no more", "[Memory Limits]", bits=32) as p:
        works(p.virtual_alloc(0, 1 << 30, RESERVE, RW))
        p.fails(w.ERROR_NOT_ENOUGH_MEMORY).virtual_alloc(0, 1 << 30, RESERVE, RW)
    with rule("beyond the commit limit it fails and changes nothing", "MODEL section 1", paging_pages=64) as p:
        base = p.region(4096, RESERVE)
        before = p.charge()
        p.fails(w.ERROR_COMMITMENT_LIMIT).virtual_alloc(base, 4096 * PAGE, COMMIT, RW)
        assert p.charge() == before
        assert p.query(base) == (4096, RESERVE, 0)
    with rule(
        "the commit limit is reached by pages never touched, while frames are free",
        "[PERFORMANCE_INFORMATION]",
        paging_pages=64,
    ) as p:
        first = p.get_performance_info()
        room = first.commit_limit - first.commit_total
        while room > 8:
            p.region(min(room - 8, 64))
            now = p.get_performance_info()
            room = now.commit_limit - now.commit_total
        p.fails(w.ERROR_COMMITMENT_LIMIT).virtual_alloc(0, 64 * PAGE, BOTH, RW)
        assert p.get_performance_info().physical_available > 300
    with rule("MEM_TOP_DOWN takes the highest addresses there are", "[VirtualAlloc]") as p:
        low = p.region(16, RESERVE)
        first = p.region(16, RESERVE | w.MEM_TOP_DOWN)
        second = p.region(16, RESERVE | w.MEM_TOP_DOWN)
        assert low < second < first
    with rule("without MEM_TOP_DOWN the lowest hole that is large enough is taken", VIRTUAL_C) as p:
        holes = [p.region(16, RESERVE) for _ in range(4)]
        works(p.virtual_free(holes[1], 0, RELEASE))
        assert p.region(16, RESERVE) == holes[1]
    with rule("MEM_RESET keeps the protection, and needs a valid one though it ignores it", "[VirtualAlloc]") as p:
        base = p.region(4)
        p.fails(PARAMETER).virtual_alloc(base, 4 * PAGE, w.MEM_RESET, 0)
        works(p.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, NOACCESS))
        assert p.query(base) == (4, COMMIT, RW)


def test_mem_reset(rule: Rule) -> None:
    with rule("MEM_RESET makes dirty pages clean, in the working set", "[NtAllocateVirtualMemory]") as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        works(p.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, NOACCESS))
        assert p.valid(base, 4) == [True] * 4
        assert not (p.state(base, 4)["dirty"].any())
    with rule("pages after MEM_RESET stay committed and accessible", "[VirtualAlloc]") as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        before = p.charge()
        works(p.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, RW))
        assert p.charge() == before
        p.write(base, 4 * PAGE)
    with rule("MEM_RESET of a free page fails", VIRTUAL_C) as p:
        p.fails(ADDRESS).virtual_alloc(FREE_PLACE, PAGE, w.MEM_RESET, RW)
    with rule("MEM_RESET_UNDO succeeds if nothing has been lost", "[VirtualAlloc]") as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        works(p.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, NOACCESS))
        works(p.virtual_alloc(base, 4 * PAGE, w.MEM_RESET_UNDO, NOACCESS))
        assert p.state(base, 4)["stored"].all()
    with rule("MEM_RESET_UNDO fails once a page was lost", "[VirtualAlloc]", **PRESSURE) as p:
        base = p.region(8)
        p.write(base, 8 * PAGE)
        works(p.virtual_alloc(base, 8 * PAGE, w.MEM_RESET, NOACCESS))
        p.empty_working_set()
        rest = p.region(160)
        p.write(rest, 160 * PAGE)
        p.fails(0).virtual_alloc(base, 8 * PAGE, w.MEM_RESET_UNDO, NOACCESS)
