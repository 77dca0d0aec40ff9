"""Placeholders, and requirements of addresses: VirtualAlloc2, MapViewOfFile3 and what goes with them."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    BOTH,
    COMMIT,
    NOACCESS,
    PAGE,
    PARAMETER,
    RELEASE,
    RESERVE,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    charge,
    equal,
    fails,
    query,
    raises,
    section,
    several,
    state,
    valid,
    works,
)

case = Table()
WINE = "[ntdll/virtual.c: test_NtAllocateVirtualMemoryEx]"
WINE_WHERE = "[ntdll/virtual.c: test_NtAllocateVirtualMemoryEx_address_requirements]"
WINE_VIEW = "[ntdll/virtual.c: test_NtMapViewOfSectionEx]"
WINE_PAIR = "[kernelbase/process.c: test_VirtualAlloc2]"
ALLOC2, FREE, UNMAP2 = "[VirtualAlloc2]", "[VirtualFree]", "[UnmapViewOfFile2]"
HOLD, REPLACE = RESERVE | w.MEM_RESERVE_PLACEHOLDER, w.MEM_REPLACE_PLACEHOLDER
SPLIT, JOIN = RELEASE | w.MEM_PRESERVE_PLACEHOLDER, RELEASE | w.MEM_COALESCE_PLACEHOLDERS
QUARTER = UNIT // 4


def alloc2(process: Any, address: int, size: int, kind: int, protect: int, *wanted: int) -> Steps:
    """VirtualAlloc2 in the process itself."""
    return (yield from process.virtual_alloc2(-1, address, size, kind, protect, *wanted))


def placeholder(process: Any, size: int = UNIT, at: int = 0) -> Steps:
    """The address of a new placeholder."""
    return (yield from works(alloc2(process, at, size, HOLD, NOACCESS)))


def sizes(process: Any, *addresses: int) -> Steps:
    """The bytes of the region that VirtualQuery shows at each address, all reserved private memory."""
    found = []
    for address in addresses:
        info = yield from works(process.virtual_query(address))
        equal((info.base_address, info.allocation_base, info.allocation_protect), (address, address, NOACCESS))
        equal((info.state, info.protect, info.type), (RESERVE, 0, w.MEM_PRIVATE))
        found.append(info.region_size)
    return found


@case("VirtualAlloc2", "allocates as VirtualAlloc does", WINE_PAIR)
def _(process: Any) -> Steps:
    base = yield from works(process.virtual_alloc2(0, 0, 0x80000, COMMIT, w.PAGE_EXECUTE_READWRITE))
    equal((yield from query(process, base)), (0x80, COMMIT, w.PAGE_EXECUTE_READWRITE))
    yield from works(process.virtual_free(base, 0, RELEASE))


@case("VirtualAlloc2", "a placeholder is PAGE_NOACCESS, and VirtualAlloc knows none", WINE)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_alloc(0, UNIT, HOLD, NOACCESS))
    yield from fails(process, PARAMETER, alloc2(process, 0, UNIT, HOLD, RW))
    base = yield from placeholder(process)
    equal((yield from sizes(process, base)), [UNIT])


@case("VirtualAlloc2", "a placeholder takes no commit, and can't be touched, committed or protected", ALLOC2)
def _(process: Any) -> Steps:
    before = yield from charge(process)
    base = yield from placeholder(process)
    equal((yield from charge(process)), before)
    yield from raises(AV, process.read(base))
    yield from fails(process, ADDRESS, process.virtual_alloc(base, UNIT, COMMIT, RW))
    yield from fails(process, ADDRESS, process.virtual_protect(base, UNIT, RW))
    yield from fails(process, ADDRESS, process.virtual_alloc(base, UNIT, RESERVE, RW))


@case("VirtualAlloc2", "replaces a placeholder by committed memory, charged and zeroed", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    before = yield from charge(process)
    equal((yield from alloc2(process, base, UNIT, BOTH | REPLACE, RW)), base)
    equal((yield from charge(process)) - before, 16)  # the stack's page table is there
    yield from process.write(base, UNIT)
    equal((yield from valid(process, base, 16)), [True] * 16)
    equal(state(process, base, 16)["stored"].all(), True)


@case("VirtualFree", "MEM_PRESERVE_PLACEHOLDER gives back what replaced a placeholder, and keeps the addresses", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    before = yield from charge(process)
    yield from works(alloc2(process, base, UNIT, BOTH | REPLACE, RW))
    yield from process.write(base, UNIT)
    yield from works(process.virtual_free(base, UNIT, SPLIT))
    equal((yield from charge(process)), before)
    equal((yield from sizes(process, base)), [UNIT])
    yield from raises(AV, process.read(base))
    yield from works(alloc2(process, base, UNIT, BOTH | REPLACE, RO))
    info = yield from works(process.virtual_query(base))
    equal((info.allocation_protect, info.state, info.type, info.region_size), (RO, COMMIT, w.MEM_PRIVATE, UNIT))
    faults = (yield from process.get_process_memory_info()).page_fault_count
    yield from process.read(base)  # zeroes again
    equal((yield from process.get_process_memory_info()).page_fault_count, faults + 1)


@case("VirtualAlloc2", "where a placeholder is, nothing else can be reserved or committed", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from fails(process, ADDRESS, alloc2(process, base, UNIT, HOLD, NOACCESS))
    yield from fails(process, ADDRESS, alloc2(process, base, UNIT, RESERVE, NOACCESS))
    yield from fails(process, ADDRESS, alloc2(process, base, PAGE, RESERVE | REPLACE, NOACCESS))
    yield from fails(process, ADDRESS, alloc2(process, base, UNIT, COMMIT, RW))
    yield from fails(process, PARAMETER, alloc2(process, base, UNIT, REPLACE, RW))
    yield from fails(process, PARAMETER, alloc2(process, base, UNIT, COMMIT | REPLACE, RW))
    equal((yield from sizes(process, base)), [UNIT])


@case("VirtualAlloc2", "replaces placeholders only", ALLOC2)
def _(process: Any) -> Steps:
    base = yield from works(process.virtual_alloc(0, UNIT, RESERVE, RW))
    yield from fails(process, ADDRESS, alloc2(process, base, UNIT, BOTH | REPLACE, RW))
    yield from fails(process, ADDRESS, alloc2(process, base + UNIT, UNIT, BOTH | REPLACE, RW))
    held = yield from placeholder(process)
    yield from works(alloc2(process, held, UNIT, BOTH | REPLACE, RW))
    yield from fails(process, ADDRESS, alloc2(process, held, UNIT, BOTH | REPLACE, RW))


@case("VirtualAlloc2", "what replaces a placeholder can be under write watch", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from works(alloc2(process, base, UNIT, w.MEM_WRITE_WATCH | RESERVE | REPLACE, RO))
    yield from works(alloc2(process, base, UNIT, COMMIT, RW))
    info = yield from works(process.virtual_query(base))
    equal((info.allocation_protect, info.state, info.type, info.region_size), (RO, COMMIT, w.MEM_PRIVATE, UNIT))
    equal((yield from process.get_write_watch(base, UNIT, 1, 16)), [])
    yield from process.write(base + PAGE)
    equal((yield from process.get_write_watch(base, UNIT, 1, 16)), [base + PAGE])
    yield from works(process.virtual_free(base, 0, RELEASE))


@case("VirtualAlloc2", "a replacement beyond the commit limit leaves the placeholder", ALLOC2, paging_pages=64)
def _(process: Any) -> Steps:
    base = yield from placeholder(process, 1024 * PAGE)
    before = yield from charge(process)
    call = alloc2(process, base, 1024 * PAGE, BOTH | REPLACE, RW)
    yield from fails(process, w.ERROR_COMMITMENT_LIMIT, call)
    equal((yield from sizes(process, base)), [1024 * PAGE])
    equal((yield from charge(process)), before)


@case("VirtualFree", "an ordinary reservation can't be made a placeholder", WINE)
def _(process: Any) -> Steps:
    base = yield from works(alloc2(process, 0, UNIT, RESERVE, NOACCESS))
    yield from fails(process, ADDRESS, process.virtual_free(base, UNIT, SPLIT))
    yield from fails(process, ADDRESS, process.virtual_free(base, QUARTER, SPLIT))
    yield from works(process.virtual_free(base, 0, RELEASE))


@case("VirtualFree", "splits a placeholder in three, each released by itself", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from fails(process, ADDRESS, process.virtual_free(base, UNIT, SPLIT))
    yield from works(process.virtual_free(base + 2 * QUARTER, QUARTER, SPLIT))
    places = base, base + 2 * QUARTER, base + 3 * QUARTER
    equal((yield from sizes(process, *places)), [2 * QUARTER, QUARTER, QUARTER])
    for place in places:
        yield from works(process.virtual_free(place, 0, RELEASE))
    equal((yield from process.virtual_alloc(base, UNIT, RESERVE, RW)), base)


@case("VirtualFree", "splits the lower part off, and again", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, SPLIT))
    yield from works(process.virtual_free(base, QUARTER, SPLIT))
    yield from works(process.virtual_free(base + QUARTER, QUARTER, SPLIT))
    equal((yield from sizes(process, base, base + QUARTER, base + 2 * QUARTER)), [QUARTER, QUARTER, 2 * QUARTER])


@case("VirtualFree", "splits the second half off", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from works(process.virtual_free(base + UNIT // 2, UNIT // 2, SPLIT))
    equal((yield from sizes(process, base, base + UNIT // 2)), [UNIT // 2, UNIT // 2])
    yield from works(process.virtual_free(base, 0, RELEASE))
    yield from fails(process, ADDRESS, process.virtual_alloc(base, UNIT, RESERVE, RW))
    equal((yield from sizes(process, base + UNIT // 2)), [UNIT // 2])
    yield from works(process.virtual_free(base + UNIT // 2, 0, RELEASE))
    equal((yield from process.virtual_alloc(base, UNIT, RESERVE, RW)), base)


@case("VirtualFree", "joins what placeholders fill exactly, two at least", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from works(process.virtual_free(base, QUARTER, SPLIT))
    yield from works(process.virtual_free(base + QUARTER, QUARTER, SPLIT))
    yield from fails(process, ADDRESS, process.virtual_free(base, QUARTER, JOIN))
    yield from fails(process, PARAMETER, process.virtual_free(base, UNIT, w.MEM_COALESCE_PLACEHOLDERS))
    yield from fails(process, ADDRESS, process.virtual_free(base, UNIT + PAGE, JOIN))
    yield from fails(process, ADDRESS, process.virtual_free(base, UNIT - PAGE, JOIN))
    yield from fails(process, ADDRESS, process.virtual_free(base + PAGE, UNIT - PAGE, JOIN))
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, JOIN))
    yield from fails(process, PARAMETER, process.virtual_free(base, UNIT, RELEASE))
    yield from works(process.virtual_free(base, UNIT, JOIN))
    equal((yield from sizes(process, base)), [UNIT])


@case("VirtualFree", "doesn't join across what has replaced a placeholder, or is free", WINE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from works(process.virtual_free(base, QUARTER, SPLIT))
    yield from works(alloc2(process, base + QUARTER, UNIT - QUARTER, RESERVE | REPLACE, RW))
    yield from fails(process, ADDRESS, process.virtual_free(base, UNIT, JOIN))
    yield from works(process.virtual_free(base + QUARTER, 0, RELEASE))
    yield from fails(process, ADDRESS, process.virtual_free(base, UNIT, JOIN))
    yield from works(process.virtual_free(base, 0, RELEASE))
    yield from fails(process, ADDRESS, process.virtual_free(base + QUARTER, 0, RELEASE))


@case("VirtualFree", "refuses to split and to join at once, and with MEM_DECOMMIT", FREE)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    for kind in (SPLIT | JOIN, w.MEM_DECOMMIT | w.MEM_PRESERVE_PLACEHOLDER, w.MEM_PRESERVE_PLACEHOLDER):
        yield from fails(process, PARAMETER, process.virtual_free(base, QUARTER, kind))


@case("Placeholder", "parts of 64 KiB are replaced each by its own memory, and stay apart", ALLOC2)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    for at in (0, QUARTER, 2 * QUARTER):
        yield from works(process.virtual_free(base + at, QUARTER, SPLIT))
    yield from works(alloc2(process, base + QUARTER, QUARTER, BOTH | REPLACE, RW))
    yield from process.write(base + QUARTER, QUARTER)
    yield from works(alloc2(process, base + 2 * QUARTER, QUARTER, BOTH | REPLACE, RO))
    yield from process.read(base + 2 * QUARTER, QUARTER)
    yield from raises(AV, process.write(base + 2 * QUARTER))
    yield from raises(AV, process.read(base))
    yield from works(process.virtual_free(base + 2 * QUARTER, 0, RELEASE))
    equal((yield from valid(process, base, 16)), [False] * 4 + [True] * 4 + [False] * 8)
    yield from works(process.virtual_free(base + QUARTER, QUARTER, SPLIT))
    equal((yield from valid(process, base, 16)), [False] * 16)
    equal((yield from sizes(process, base, base + QUARTER)), [QUARTER, QUARTER])


@case("MapViewOfFile3", "the ring buffer of VirtualAlloc2's page: one section, twice, side by side", ALLOC2)
def _(process: Any) -> Steps:
    base = yield from placeholder(process, 2 * UNIT)
    yield from works(process.virtual_free(base, UNIT, SPLIT))
    equal((yield from sizes(process, base, base + UNIT)), [UNIT, UNIT])
    ring = yield from section(process, 16)
    for place in (base, base + UNIT):
        call = process.map_view_of_file3(ring, 0, place, 0, UNIT, REPLACE, RW)
        equal((yield from call), place)
    yield from works(process.close_handle(ring))
    yield from process.write(base + UNIT - 8, 16)  # the last bytes, and through the second view the first ones
    shown = state(process, base, 32)
    equal(shown["content"][:16].tolist(), shown["content"][16:].tolist())
    equal((yield from valid(process, base, 32)), [i in (15, 16) for i in range(32)])
    equal(shown["frame"][0] == shown["frame"][16] >= 0, True)
    faults = yield from process.get_process_memory_info()
    yield from process.read(base)  # in memory already, through the other view
    after = yield from process.get_process_memory_info()
    equal(after.page_fault_count - faults.page_fault_count, 1)
    for place in (base, base + UNIT):
        yield from works(process.unmap_view_of_file(place))
    equal((yield from process.virtual_alloc(base, 2 * UNIT, RESERVE, RW)), base)


@case("MapViewOfFile3", "replaces a placeholder of exactly its size, at any page", "[MapViewOfFile3]")
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    yield from works(process.virtual_free(base + PAGE, 2 * PAGE, SPLIT))
    handle = yield from section(process, 16)
    place, size = base + PAGE, 2 * PAGE
    yield from fails(process, ADDRESS, process.map_view_of_file3(handle, 0, place, 0, PAGE, REPLACE, RW))
    yield from fails(process, ADDRESS, process.map_view_of_file3(handle, 0, base + UNIT, 0, PAGE, REPLACE, RW))
    call = process.map_view_of_file3(handle, 0, place, 3 * PAGE, size, REPLACE, RW)
    equal((yield from call), place)
    yield from process.write(place, size)
    info = yield from works(process.virtual_query(place))
    equal((info.allocation_base, info.region_size, info.type), (place, size, w.MEM_MAPPED))
    yield from raises(AV, process.read(base))
    yield from raises(AV, process.read(base + 3 * PAGE))


@case(
    "MapViewOfFile3",
    "a view that can't be had leaves the placeholder",
    "[MapViewOfFile3]",
    files={"data": 1024 * PAGE},
    paging_pages=64,
)
def _(process: Any) -> Steps:
    base = yield from placeholder(process, 1024 * PAGE)
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, w.PAGE_WRITECOPY))
    before = yield from charge(process)
    call = process.map_view_of_file3(handle, 0, base, 0, 1024 * PAGE, REPLACE, w.PAGE_WRITECOPY)
    yield from fails(process, w.ERROR_COMMITMENT_LIMIT, call)
    equal((yield from sizes(process, base)), [1024 * PAGE])
    equal((yield from charge(process)), before)


@case("UnmapViewOfFile2", "MEM_PRESERVE_PLACEHOLDER keeps the addresses for the next view", UNMAP2)
def _(process: Any) -> Steps:
    base = yield from placeholder(process)
    handle = yield from section(process, 16)
    before = yield from charge(process)
    for protect in (RW, RO):
        yield from works(process.map_view_of_file3(handle, 0, base, 0, UNIT, REPLACE, protect))
        yield from process.read(base, UNIT)
        call = process.unmap_view_of_file2(-1, base, w.MEM_PRESERVE_PLACEHOLDER)
        yield from works(call)
        equal((yield from sizes(process, base)), [UNIT])
        equal((yield from charge(process)), before)
        equal((yield from valid(process, base)), [False])
    yield from fails(process, ADDRESS, process.virtual_alloc(base, UNIT, RESERVE, RW))


@case("UnmapViewOfFile2", "only of a view that replaced a placeholder, and of no other flags", UNMAP2)
def _(process: Any) -> Steps:
    handle = yield from section(process, 16)
    base = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    preserve = w.MEM_PRESERVE_PLACEHOLDER
    yield from fails(process, ADDRESS, process.unmap_view_of_file2(-1, base, preserve))
    yield from fails(process, PARAMETER, process.unmap_view_of_file_ex(base, 4))
    yield from works(process.unmap_view_of_file_ex(base, w.MEM_UNMAP_WITH_TRANSIENT_BOOST))
    yield from fails(process, ADDRESS, process.unmap_view_of_file_ex(base, 0))


@case("MapViewOfFile3", "maps under a page protection, into this or another process", WINE_VIEW)
def _(process: Any) -> Steps:
    def child(process: Any) -> Steps:
        yield from process.sleep(10)

    handle = yield from section(process, 64)
    process_handle = yield from works(process.create_process("b", child))
    base = yield from works(process.map_view_of_file3(handle, process_handle, 0, 0, PAGE, 0, RW))
    equal(base % UNIT, 0)
    equal((yield from works(process.virtual_query_ex(process_handle, base))).protect, RW)
    again = (handle, process_handle, base)
    yield from fails(process, ADDRESS, process.map_view_of_file3(*again, 0, 0, 0, RW))
    yield from fails(process, w.ERROR_MAPPED_ALIGNMENT, process.map_view_of_file3(*again, 1, 0, 0, RW))
    for off in (42, PAGE):
        call = process.map_view_of_file3(handle, process_handle, base + off, 0, 0, 0, RW)
        yield from fails(process, w.ERROR_MAPPED_ALIGNMENT, call)
    yield from works(process.unmap_view_of_file2(process_handle, base))
    mine = yield from works(process.map_view_of_file3(handle, 0, 0, 0, PAGE, 0, RO))
    equal((yield from query(process, mine)), (1, COMMIT, RO))


@case("MapViewOfFile3", "refuses a handle that is no process's", WINE_VIEW)
def _(process: Any) -> Steps:
    handle = yield from section(process)
    event = yield from works(process.create_event())
    call = process.map_view_of_file3(handle, event, 0, 0, PAGE, 0, RW)
    yield from fails(process, w.ERROR_INVALID_HANDLE, call)


@case("MapViewOfFile3", "takes a highest address, and no alignment", WINE_VIEW)
def _(process: Any) -> Steps:
    handle = yield from section(process, 64)
    top = (yield from process.get_system_info()).maximum_application_address

    def mapped(base: int, size: int, highest: int = 0, alignment: int = 0) -> Steps:
        return (yield from process.map_view_of_file3(handle, 0, base, 0, size, 0, RW, 0, highest, alignment))

    for highest in (0x20001001, 0x20000FFE, 0x200007FF, top + PAGE):
        yield from fails(process, PARAMETER, mapped(0, UNIT, highest))
    base = yield from works(mapped(0, UNIT, top))
    yield from works(process.unmap_view_of_file(base))
    base = yield from works(mapped(0, 4 * UNIT, 0x20000FFF))
    equal((base % UNIT, base + 4 * UNIT <= 0x20001000), (0, True))
    yield from works(process.unmap_view_of_file(base))
    yield from fails(process, PARAMETER, mapped(base, 4 * UNIT, 0x20000FFF))
    for alignment in (0x30000, *(1 << i for i in range(40))):
        yield from fails(process, PARAMETER, mapped(0, PAGE, 0, alignment))


@case("VirtualAlloc2", "the highest address is a page's last byte in user space", WINE_WHERE)
def _(process: Any) -> Steps:
    top = (yield from process.get_system_info()).maximum_application_address
    for highest in (0x20001001, 0x20000FFE, 0x200007FF, top + PAGE):
        yield from fails(process, PARAMETER, alloc2(process, 0, UNIT, RESERVE, RW, 0, highest))
    base = yield from works(alloc2(process, 0, UNIT, RESERVE, RW, 0, top))
    yield from works(process.virtual_free(base, 0, RELEASE))
    base = yield from works(alloc2(process, 0, 4 * UNIT, RESERVE, RW, 0, 0x20000FFF))
    equal((base % UNIT, base + 4 * UNIT <= 0x20001000), (0, True))


@case("VirtualAlloc2", "requirements go with reserving, and without an address", WINE_WHERE)
def _(process: Any) -> Steps:
    base = yield from works(alloc2(process, 0, 4 * UNIT, RESERVE, RW, 0, 0x20000FFF))
    yield from fails(process, PARAMETER, alloc2(process, base, 4 * UNIT, COMMIT, RW, 0, 0x20000FFF))
    yield from works(process.virtual_free(base, 0, RELEASE))
    yield from fails(process, PARAMETER, alloc2(process, base, 4 * UNIT, RESERVE, RW, 0, 0x20000FFF))
    equal((yield from alloc2(process, base, 4 * UNIT, RESERVE, RW, 0, 0, 0)), base)


@case("VirtualAlloc2", "an alignment is a power of two from 64 KiB on", WINE_WHERE)
def _(process: Any) -> Steps:
    for alignment in (0x8000, 0x30000):
        yield from fails(process, PARAMETER, alloc2(process, 0, PAGE, RESERVE, RW, 0, 0, alignment))
    base = yield from works(alloc2(process, 0, PAGE, RESERVE, RW, 0, 0, 0x40000))
    equal(base % 0x40000, 0)
    yield from fails(process, PARAMETER, alloc2(process, base, PAGE, COMMIT, RW, 0, 0, 0x40000))
    base = yield from works(alloc2(process, 0, PAGE, RESERVE, RW, 0, 0x20000FFF, UNIT))
    equal((base % UNIT, base + PAGE < 0x20001000), (0, True))
    call = alloc2(process, 0, 2 * PAGE, RESERVE, RW, 0, 0x20000FFF, 0x20000000)
    yield from fails(process, w.ERROR_NOT_ENOUGH_MEMORY, call)


@case("VirtualAlloc2", "the lowest and the highest address bound what it gives", "[MEM_ADDRESS_REQUIREMENTS]")
def _(process: Any) -> Steps:
    low, high = 0x80000000, 0x8003FFFF
    found = yield from several(works(alloc2(process, 0, UNIT, RESERVE, RW, low, high)) for _ in range(4))
    equal(found, [low + i * UNIT for i in range(4)])
    yield from fails(process, w.ERROR_NOT_ENOUGH_MEMORY, alloc2(process, 0, UNIT, RESERVE, RW, low, high))
    yield from fails(process, PARAMETER, alloc2(process, 0, UNIT, RESERVE, RW, high + 1, low + UNIT - 1))
    yield from fails(process, PARAMETER, alloc2(process, 0, UNIT, RESERVE, RW, low + PAGE, 0))
    top = yield from works(alloc2(process, 0, UNIT, RESERVE | w.MEM_TOP_DOWN, RW, low, low + (1 << 24) - 1))
    equal(top, low + (1 << 24) - UNIT)


@case("VirtualAlloc2", "a placeholder goes where requirements say", ALLOC2)
def _(process: Any) -> Steps:
    base = yield from works(alloc2(process, 0, 2 * UNIT, HOLD, NOACCESS, 1 << 32, 0, 1 << 21))
    equal((base >= 1 << 32, base % (1 << 21)), (True, 0))
    equal((yield from sizes(process, base)), [2 * UNIT])
