"""Placeholders, and requirements of addresses: VirtualAlloc2, MapViewOfFile3 and what goes with them."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WINE = "[ntdll/virtual.c: test_NtAllocateVirtualMemoryEx]"
WINE_WHERE = "[ntdll/virtual.c: test_NtAllocateVirtualMemoryEx_address_requirements]"
WINE_VIEW = "[ntdll/virtual.c: test_NtMapViewOfSectionEx]"
WINE_PAIR = "[kernelbase/process.c: test_VirtualAlloc2]"
ALLOC2, FREE, UNMAP2 = "[VirtualAlloc2]", "[VirtualFree]", "[UnmapViewOfFile2]"
HOLD, REPLACE = RESERVE | w.MEM_RESERVE_PLACEHOLDER, w.MEM_REPLACE_PLACEHOLDER
SPLIT, JOIN = RELEASE | w.MEM_PRESERVE_PLACEHOLDER, RELEASE | w.MEM_COALESCE_PLACEHOLDERS
QUARTER = UNIT // 4


def alloc2(p: Any, address: int, size: int, kind: int, protect: int, *wanted: int) -> Any:
    """VirtualAlloc2 in the process itself."""
    return p.virtual_alloc2(-1, address, size, kind, protect, *wanted)


def placeholder(p: Any, size: int = UNIT, at: int = 0) -> Any:
    """The address of a new placeholder."""
    return works(alloc2(p, at, size, HOLD, NOACCESS))


def sizes(p: Any, *addresses: int) -> Any:
    """The bytes of the region that VirtualQuery shows at each address, all reserved private memory."""
    found = []
    for address in addresses:
        info = works(p.virtual_query(address))
        assert (info.base_address, info.allocation_base, info.allocation_protect) == (address, address, NOACCESS)
        assert (info.state, info.protect, info.type) == (RESERVE, 0, w.MEM_PRIVATE)
        found.append(info.region_size)
    return found


def test_virtual_alloc2(rule: Rule) -> None:
    with rule("allocates as VirtualAlloc does", WINE_PAIR) as p:
        base = works(p.virtual_alloc2(0, 0, 0x80000, COMMIT, w.PAGE_EXECUTE_READWRITE))
        assert p.query(base) == (0x80, COMMIT, w.PAGE_EXECUTE_READWRITE)
        works(p.virtual_free(base, 0, RELEASE))
    with rule("a placeholder is PAGE_NOACCESS, and VirtualAlloc knows none", WINE) as p:
        p.fails(PARAMETER).virtual_alloc(0, UNIT, HOLD, NOACCESS)
        p.fails(PARAMETER).do(alloc2, p, 0, UNIT, HOLD, RW)
        base = placeholder(p)
        assert sizes(p, base) == [UNIT]
    with rule("a placeholder takes no commit, and can't be touched, committed or protected", ALLOC2) as p:
        before = p.charge()
        base = placeholder(p)
        assert p.charge() == before
        p.raises(AV).read(base)
        p.fails(ADDRESS).virtual_alloc(base, UNIT, COMMIT, RW)
        p.fails(ADDRESS).virtual_protect(base, UNIT, RW)
        p.fails(ADDRESS).virtual_alloc(base, UNIT, RESERVE, RW)
    with rule("replaces a placeholder by committed memory, charged and zeroed", WINE) as p:
        base = placeholder(p)
        before = p.charge()
        assert alloc2(p, base, UNIT, BOTH | REPLACE, RW) == base
        assert p.charge() - before == 16  # the stack's page table is there
        p.write(base, UNIT)
        assert p.valid(base, 16) == [True] * 16
        assert p.state(base, 16)["stored"].all()


def test_virtual_free(rule: Rule) -> None:
    with rule("MEM_PRESERVE_PLACEHOLDER gives back what replaced a placeholder, and keeps the addresses", WINE) as p:
        base = placeholder(p)
        before = p.charge()
        works(alloc2(p, base, UNIT, BOTH | REPLACE, RW))
        p.write(base, UNIT)
        works(p.virtual_free(base, UNIT, SPLIT))
        assert p.charge() == before
        assert sizes(p, base) == [UNIT]
        p.raises(AV).read(base)
        works(alloc2(p, base, UNIT, BOTH | REPLACE, RO))
        info = works(p.virtual_query(base))
        assert (info.allocation_protect, info.state, info.type, info.region_size) == (RO, COMMIT, w.MEM_PRIVATE, UNIT)
        faults = p.get_process_memory_info().page_fault_count
        p.read(base)  # zeroes again
        assert p.get_process_memory_info().page_fault_count == faults + 1


def test_what_a_placeholder_keeps_out(rule: Rule) -> None:
    with rule("where a placeholder is, nothing else can be reserved or committed", WINE) as p:
        base = placeholder(p)
        p.fails(ADDRESS).do(alloc2, p, base, UNIT, HOLD, NOACCESS)
        p.fails(ADDRESS).do(alloc2, p, base, UNIT, RESERVE, NOACCESS)
        p.fails(ADDRESS).do(alloc2, p, base, PAGE, RESERVE | REPLACE, NOACCESS)
        p.fails(ADDRESS).do(alloc2, p, base, UNIT, COMMIT, RW)
        p.fails(PARAMETER).do(alloc2, p, base, UNIT, REPLACE, RW)
        p.fails(PARAMETER).do(alloc2, p, base, UNIT, COMMIT | REPLACE, RW)
        assert sizes(p, base) == [UNIT]
    with rule("replaces placeholders only", ALLOC2) as p:
        base = works(p.virtual_alloc(0, UNIT, RESERVE, RW))
        p.fails(ADDRESS).do(alloc2, p, base, UNIT, BOTH | REPLACE, RW)
        p.fails(ADDRESS).do(alloc2, p, base + UNIT, UNIT, BOTH | REPLACE, RW)
        held = placeholder(p)
        works(alloc2(p, held, UNIT, BOTH | REPLACE, RW))
        p.fails(ADDRESS).do(alloc2, p, held, UNIT, BOTH | REPLACE, RW)
    with rule("what replaces a placeholder can be under write watch", WINE) as p:
        base = placeholder(p)
        works(alloc2(p, base, UNIT, w.MEM_WRITE_WATCH | RESERVE | REPLACE, RO))
        works(alloc2(p, base, UNIT, COMMIT, RW))
        info = works(p.virtual_query(base))
        assert (info.allocation_protect, info.state, info.type, info.region_size) == (RO, COMMIT, w.MEM_PRIVATE, UNIT)
        assert p.get_write_watch(base, UNIT, 1, 16) == []
        p.write(base + PAGE)
        assert p.get_write_watch(base, UNIT, 1, 16) == [base + PAGE]
        works(p.virtual_free(base, 0, RELEASE))
    with rule("a replacement beyond the commit limit leaves the placeholder", ALLOC2, paging_pages=64) as p:
        base = placeholder(p, 1024 * PAGE)
        before = p.charge()
        p.fails(w.ERROR_COMMITMENT_LIMIT).do(alloc2, p, base, 1024 * PAGE, BOTH | REPLACE, RW)
        assert sizes(p, base) == [1024 * PAGE]
        assert p.charge() == before


def test_splitting_and_joining_placeholders(rule: Rule) -> None:
    with rule("an ordinary reservation can't be made a placeholder", WINE) as p:
        base = works(alloc2(p, 0, UNIT, RESERVE, NOACCESS))
        p.fails(ADDRESS).virtual_free(base, UNIT, SPLIT)
        p.fails(ADDRESS).virtual_free(base, QUARTER, SPLIT)
        works(p.virtual_free(base, 0, RELEASE))
    with rule("splits a placeholder in three, each released by itself", WINE) as p:
        base = placeholder(p)
        p.fails(ADDRESS).virtual_free(base, UNIT, SPLIT)
        works(p.virtual_free(base + 2 * QUARTER, QUARTER, SPLIT))
        places = base, base + 2 * QUARTER, base + 3 * QUARTER
        assert sizes(p, *places) == [2 * QUARTER, QUARTER, QUARTER]
        for place in places:
            works(p.virtual_free(place, 0, RELEASE))
        assert p.virtual_alloc(base, UNIT, RESERVE, RW) == base
    with rule("splits the lower part off, and again", WINE) as p:
        base = placeholder(p)
        p.fails(PARAMETER).virtual_free(base, 0, SPLIT)
        works(p.virtual_free(base, QUARTER, SPLIT))
        works(p.virtual_free(base + QUARTER, QUARTER, SPLIT))
        assert sizes(p, base, base + QUARTER, base + 2 * QUARTER) == [QUARTER, QUARTER, 2 * QUARTER]
    with rule("splits the second half off", WINE) as p:
        base = placeholder(p)
        works(p.virtual_free(base + UNIT // 2, UNIT // 2, SPLIT))
        assert sizes(p, base, base + UNIT // 2) == [UNIT // 2, UNIT // 2]
        works(p.virtual_free(base, 0, RELEASE))
        p.fails(ADDRESS).virtual_alloc(base, UNIT, RESERVE, RW)
        assert sizes(p, base + UNIT // 2) == [UNIT // 2]
        works(p.virtual_free(base + UNIT // 2, 0, RELEASE))
        assert p.virtual_alloc(base, UNIT, RESERVE, RW) == base
    with rule("joins what placeholders fill exactly, two at least", WINE) as p:
        base = placeholder(p)
        works(p.virtual_free(base, QUARTER, SPLIT))
        works(p.virtual_free(base + QUARTER, QUARTER, SPLIT))
        p.fails(ADDRESS).virtual_free(base, QUARTER, JOIN)
        p.fails(PARAMETER).virtual_free(base, UNIT, w.MEM_COALESCE_PLACEHOLDERS)
        p.fails(ADDRESS).virtual_free(base, UNIT + PAGE, JOIN)
        p.fails(ADDRESS).virtual_free(base, UNIT - PAGE, JOIN)
        p.fails(ADDRESS).virtual_free(base + PAGE, UNIT - PAGE, JOIN)
        p.fails(PARAMETER).virtual_free(base, 0, JOIN)
        p.fails(PARAMETER).virtual_free(base, UNIT, RELEASE)
        works(p.virtual_free(base, UNIT, JOIN))
        assert sizes(p, base) == [UNIT]


def test_what_does_not_join(rule: Rule) -> None:
    with rule("doesn't join across what has replaced a placeholder, or is free", WINE) as p:
        base = placeholder(p)
        works(p.virtual_free(base, QUARTER, SPLIT))
        works(alloc2(p, base + QUARTER, UNIT - QUARTER, RESERVE | REPLACE, RW))
        p.fails(ADDRESS).virtual_free(base, UNIT, JOIN)
        works(p.virtual_free(base + QUARTER, 0, RELEASE))
        p.fails(ADDRESS).virtual_free(base, UNIT, JOIN)
        works(p.virtual_free(base, 0, RELEASE))
        p.fails(ADDRESS).virtual_free(base + QUARTER, 0, RELEASE)
    with rule("refuses to split and to join at once, and with MEM_DECOMMIT", FREE) as p:
        base = placeholder(p)
        for kind in (SPLIT | JOIN, w.MEM_DECOMMIT | w.MEM_PRESERVE_PLACEHOLDER, w.MEM_PRESERVE_PLACEHOLDER):
            p.fails(PARAMETER).virtual_free(base, QUARTER, kind)


def test_placeholder(rule: Rule) -> None:
    with rule("parts of 64 KiB are replaced each by its own memory, and stay apart", ALLOC2) as p:
        base = placeholder(p)
        for at in (0, QUARTER, 2 * QUARTER):
            works(p.virtual_free(base + at, QUARTER, SPLIT))
        works(alloc2(p, base + QUARTER, QUARTER, BOTH | REPLACE, RW))
        p.write(base + QUARTER, QUARTER)
        works(alloc2(p, base + 2 * QUARTER, QUARTER, BOTH | REPLACE, RO))
        p.read(base + 2 * QUARTER, QUARTER)
        p.raises(AV).write(base + 2 * QUARTER)
        p.raises(AV).read(base)
        works(p.virtual_free(base + 2 * QUARTER, 0, RELEASE))
        assert p.valid(base, 16) == [False] * 4 + [True] * 4 + [False] * 8
        works(p.virtual_free(base + QUARTER, QUARTER, SPLIT))
        assert p.valid(base, 16) == [False] * 16
        assert sizes(p, base, base + QUARTER) == [QUARTER, QUARTER]


def test_map_view_of_file3(rule: Rule) -> None:
    with rule("the ring buffer of VirtualAlloc2's page: one section, twice, side by side", ALLOC2) as p:
        base = placeholder(p, 2 * UNIT)
        works(p.virtual_free(base, UNIT, SPLIT))
        assert sizes(p, base, base + UNIT) == [UNIT, UNIT]
        ring = p.section(16)
        for place in (base, base + UNIT):
            call = p.map_view_of_file3(ring, 0, place, 0, UNIT, REPLACE, RW)
            assert call == place
        works(p.close_handle(ring))
        p.write(base + UNIT - 8, 16)  # the last bytes, and through the second view the first ones
        shown = p.state(base, 32)
        assert shown["content"][:16].tolist() == shown["content"][16:].tolist()
        assert p.valid(base, 32) == [i in (15, 16) for i in range(32)]
        assert shown["frame"][0] == shown["frame"][16] >= 0
        faults = p.get_process_memory_info()
        p.read(base)  # in memory already, through the other view
        after = p.get_process_memory_info()
        assert after.page_fault_count - faults.page_fault_count == 1
        for place in (base, base + UNIT):
            works(p.unmap_view_of_file(place))
        assert p.virtual_alloc(base, 2 * UNIT, RESERVE, RW) == base
    with rule("replaces a placeholder of exactly its size, at any page", "[MapViewOfFile3]") as p:
        base = placeholder(p)
        works(p.virtual_free(base + PAGE, 2 * PAGE, SPLIT))
        handle = p.section(16)
        place, size = base + PAGE, 2 * PAGE
        p.fails(ADDRESS).map_view_of_file3(handle, 0, place, 0, PAGE, REPLACE, RW)
        p.fails(ADDRESS).map_view_of_file3(handle, 0, base + UNIT, 0, PAGE, REPLACE, RW)
        call = p.map_view_of_file3(handle, 0, place, 3 * PAGE, size, REPLACE, RW)
        assert call == place
        p.write(place, size)
        info = works(p.virtual_query(place))
        assert (info.allocation_base, info.region_size, info.type) == (place, size, w.MEM_MAPPED)
        p.raises(AV).read(base)
        p.raises(AV).read(base + 3 * PAGE)
    with rule(
        "a view that can't be had leaves the placeholder",
        "[MapViewOfFile3]",
        files={"data": 1024 * PAGE},
        paging_pages=64,
    ) as p:
        base = placeholder(p, 1024 * PAGE)
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, w.PAGE_WRITECOPY))
        before = p.charge()
        p.fails(w.ERROR_COMMITMENT_LIMIT).map_view_of_file3(handle, 0, base, 0, 1024 * PAGE, REPLACE, w.PAGE_WRITECOPY)
        assert sizes(p, base) == [1024 * PAGE]
        assert p.charge() == before


def test_unmap_view_of_file2(rule: Rule) -> None:
    with rule("MEM_PRESERVE_PLACEHOLDER keeps the addresses for the next view", UNMAP2) as p:
        base = placeholder(p)
        handle = p.section(16)
        before = p.charge()
        for protect in (RW, RO):
            works(p.map_view_of_file3(handle, 0, base, 0, UNIT, REPLACE, protect))
            p.read(base, UNIT)
            call = p.unmap_view_of_file2(-1, base, w.MEM_PRESERVE_PLACEHOLDER)
            works(call)
            assert sizes(p, base) == [UNIT]
            assert p.charge() == before
            assert p.valid(base) == [False]
        p.fails(ADDRESS).virtual_alloc(base, UNIT, RESERVE, RW)
    with rule("only of a view that replaced a placeholder, and of no other flags", UNMAP2) as p:
        handle = p.section(16)
        base = works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        preserve = w.MEM_PRESERVE_PLACEHOLDER
        p.fails(ADDRESS).unmap_view_of_file2(-1, base, preserve)
        p.fails(PARAMETER).unmap_view_of_file_ex(base, 4)
        works(p.unmap_view_of_file_ex(base, w.MEM_UNMAP_WITH_TRANSIENT_BOOST))
        p.fails(ADDRESS).unmap_view_of_file_ex(base, 0)


def test_views_by_map_view_of_file3(rule: Rule) -> None:
    with rule("maps under a page protection, into this or another process", WINE_VIEW) as p:

        def child(p: Any) -> None:
            p.sleep(10)

        handle = p.section(64)
        process_handle = works(p.create_process("b", child))
        base = works(p.map_view_of_file3(handle, process_handle, 0, 0, PAGE, 0, RW))
        assert base % UNIT == 0
        assert works(p.virtual_query_ex(process_handle, base)).protect == RW
        again = (handle, process_handle, base)
        p.fails(ADDRESS).map_view_of_file3(*again, 0, 0, 0, RW)
        p.fails(w.ERROR_MAPPED_ALIGNMENT).map_view_of_file3(*again, 1, 0, 0, RW)
        for off in (42, PAGE):
            p.fails(w.ERROR_MAPPED_ALIGNMENT).map_view_of_file3(handle, process_handle, base + off, 0, 0, 0, RW)
        works(p.unmap_view_of_file2(process_handle, base))
        mine = works(p.map_view_of_file3(handle, 0, 0, 0, PAGE, 0, RO))
        assert p.query(mine) == (1, COMMIT, RO)
    with rule("refuses a handle that is no process's", WINE_VIEW) as p:
        handle = p.section()
        event = works(p.create_event())
        p.fails(w.ERROR_INVALID_HANDLE).map_view_of_file3(handle, event, 0, 0, PAGE, 0, RW)
    with rule("takes a highest address, and no alignment", WINE_VIEW) as p:
        handle = p.section(64)
        top = p.get_system_info().maximum_application_address

        def mapped(base: int, size: int, highest: int = 0, alignment: int = 0) -> Any:
            return p.map_view_of_file3(handle, 0, base, 0, size, 0, RW, 0, highest, alignment)

        for highest in (0x20001001, 0x20000FFE, 0x200007FF, top + PAGE):
            p.fails(PARAMETER).do(mapped, 0, UNIT, highest)
        base = works(mapped(0, UNIT, top))
        works(p.unmap_view_of_file(base))
        base = works(mapped(0, 4 * UNIT, 0x20000FFF))
        assert (base % UNIT, base + 4 * UNIT <= 0x20001000) == (0, True)
        works(p.unmap_view_of_file(base))
        p.fails(PARAMETER).do(mapped, base, 4 * UNIT, 0x20000FFF)
        for alignment in (0x30000, *(1 << i for i in range(40))):
            p.fails(PARAMETER).do(mapped, 0, PAGE, 0, alignment)


def test_address_requirements(rule: Rule) -> None:
    with rule("the highest address is a page's last byte in user space", WINE_WHERE) as p:
        top = p.get_system_info().maximum_application_address
        for highest in (0x20001001, 0x20000FFE, 0x200007FF, top + PAGE):
            p.fails(PARAMETER).do(alloc2, p, 0, UNIT, RESERVE, RW, 0, highest)
        base = works(alloc2(p, 0, UNIT, RESERVE, RW, 0, top))
        works(p.virtual_free(base, 0, RELEASE))
        base = works(alloc2(p, 0, 4 * UNIT, RESERVE, RW, 0, 0x20000FFF))
        assert (base % UNIT, base + 4 * UNIT <= 0x20001000) == (0, True)
    with rule("requirements go with reserving, and without an address", WINE_WHERE) as p:
        base = works(alloc2(p, 0, 4 * UNIT, RESERVE, RW, 0, 0x20000FFF))
        p.fails(PARAMETER).do(alloc2, p, base, 4 * UNIT, COMMIT, RW, 0, 0x20000FFF)
        works(p.virtual_free(base, 0, RELEASE))
        p.fails(PARAMETER).do(alloc2, p, base, 4 * UNIT, RESERVE, RW, 0, 0x20000FFF)
        assert alloc2(p, base, 4 * UNIT, RESERVE, RW, 0, 0, 0) == base
    with rule("an alignment is a power of two from 64 KiB on", WINE_WHERE) as p:
        for alignment in (0x8000, 0x30000):
            p.fails(PARAMETER).do(alloc2, p, 0, PAGE, RESERVE, RW, 0, 0, alignment)
        base = works(alloc2(p, 0, PAGE, RESERVE, RW, 0, 0, 0x40000))
        assert base % 0x40000 == 0
        p.fails(PARAMETER).do(alloc2, p, base, PAGE, COMMIT, RW, 0, 0, 0x40000)
        base = works(alloc2(p, 0, PAGE, RESERVE, RW, 0, 0x20000FFF, UNIT))
        assert (base % UNIT, base + PAGE < 0x20001000) == (0, True)
        p.fails(w.ERROR_NOT_ENOUGH_MEMORY).do(alloc2, p, 0, 2 * PAGE, RESERVE, RW, 0, 0x20000FFF, 0x20000000)
    with rule("the lowest and the highest address bound what it gives", "[MEM_ADDRESS_REQUIREMENTS]") as p:
        low, high = 0x80000000, 0x8003FFFF
        found = [works(alloc2(p, 0, UNIT, RESERVE, RW, low, high)) for _ in range(4)]
        assert found == [low + i * UNIT for i in range(4)]
        p.fails(w.ERROR_NOT_ENOUGH_MEMORY).do(alloc2, p, 0, UNIT, RESERVE, RW, low, high)
        p.fails(PARAMETER).do(alloc2, p, 0, UNIT, RESERVE, RW, high + 1, low + UNIT - 1)
        p.fails(PARAMETER).do(alloc2, p, 0, UNIT, RESERVE, RW, low + PAGE, 0)
        top = works(alloc2(p, 0, UNIT, RESERVE | w.MEM_TOP_DOWN, RW, low, low + (1 << 24) - 1))
        assert top == low + (1 << 24) - UNIT
    with rule("a placeholder goes where requirements say", ALLOC2) as p:
        base = works(alloc2(p, 0, 2 * UNIT, HOLD, NOACCESS, 1 << 32, 0, 1 << 21))
        assert (base >= 1 << 32, base % (1 << 21)) == (True, 0)
        assert sizes(p, base) == [2 * UNIT]
