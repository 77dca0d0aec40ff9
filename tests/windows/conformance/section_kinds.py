"""Sections by their SEC_ flags and sizes, images that MapViewOfFile maps, and when views and names end."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    COMMIT,
    DECOMMIT,
    NOACCESS,
    PAGE,
    PARAMETER,
    RELEASE,
    RESERVE,
    RO,
    RW,
    UNIT,
    MiB,
    Steps,
    Table,
    charge,
    equal,
    fails,
    other,
    query,
    raises,
    region,
    section,
    state,
    works,
)

case = Table()
VIRTUAL, SECTION = "k32/virtual.c", "ros: modules/rostests/apitests/ntdll/NtMapViewOfSection.c"
READ, WRITE, COPY = w.FILE_MAP_READ, w.FILE_MAP_WRITE, w.FILE_MAP_COPY
NOWHERE = w.INVALID_HANDLE_VALUE
GiB, TiB = 1 << 30, 1 << 40
SIZE = 0x100000
"""MAPPING_SIZE of virtual.c"""
FILE: dict[str, Any] = {"files": {"data": 3 * PAGE}}
BASE = 0x1000_0000
DLL: dict[str, Any] = {"images": {"dll": {"size": 2 * UNIT, "preferred_base": BASE, "dynamic_base": False}}}
EVERYTHING: dict[str, Any] = {"files": {"file": 2 * PAGE}, **DLL}
LOCK = w.SEC_LARGE_PAGES


def opened(process: Any, name: str = "data", access: int = w.GENERIC_READ | w.GENERIC_WRITE) -> Steps:
    """A handle of a file."""
    return (yield from works(process.create_file(name, access=access)))


def seen(process: Any, address: int) -> Steps:
    """What VirtualQuery says, all but the allocation's base."""
    found = yield from works(process.virtual_query(address))
    return found.region_size, found.allocation_protect, found.protect, found.state, found.type


# SEC_ flags: the table at virtual.c:1492-1541, its errors at 1596

GOOD, BAD, NO_IMAGE = 0, PARAMETER, w.ERROR_BAD_EXE_FORMAT
RESERVES, COMMITS, IMAGE, NOCACHE, COMBINE = (
    w.SEC_RESERVE, w.SEC_COMMIT, w.SEC_IMAGE, w.SEC_NOCACHE, w.SEC_WRITECOMBINE,
)  # fmt: skip
NEITHER = {
    RESERVES | COMMITS: BAD, IMAGE | RESERVES: BAD, IMAGE | COMMITS: BAD, NOCACHE: BAD, LOCK: BAD, COMBINE: BAD,
    w.SEC_FILE: BAD, w.SEC_FILE | RESERVES: BAD, w.SEC_FILE | COMMITS: BAD, RESERVES | LOCK: BAD, IMAGE: NO_IMAGE,
}  # fmt: skip
DATA = {
    0: GOOD, RESERVES: GOOD, RESERVES | NOCACHE: GOOD, RESERVES | COMBINE: GOOD, COMMITS: GOOD, COMMITS | NOCACHE: GOOD,
    COMMITS | COMBINE: GOOD,
}  # fmt: skip
FLAGS = {
    "the paging files": NEITHER | DATA,
    "file": NEITHER | DATA | {COMMITS | LOCK: BAD},
    "dll": {
        IMAGE: GOOD, IMAGE | w.SEC_FILE: BAD, IMAGE | NOCACHE: GOOD, IMAGE | LOCK: BAD, IMAGE | COMBINE: BAD,
        IMAGE | RESERVES: BAD, IMAGE | COMMITS: BAD,
    },
}  # fmt: skip

for _backing, _flags in FLAGS.items():

    @case("CreateFileMapping", f"which SEC_ flags go with {_backing}", f"[{VIRTUAL}:1492-1541, 1596]", **EVERYTHING)
    def _(process: Any, backing: str = _backing, flags: dict[int, int] = _flags) -> Steps:
        protect, handle = RW, NOWHERE
        if backing != "the paging files":
            protect, access = (RW, w.GENERIC_READ | w.GENERIC_WRITE) if backing == "file" else (RO, w.GENERIC_READ)
            handle = yield from opened(process, backing, access)
        for flag, error in flags.items():
            create = process.create_file_mapping(handle, protect | flag, PAGE, "Wine Test Mapping")
            if error:
                yield from fails(process, error, create)
            else:
                process.set_last_error(0xDEADBEEF)
                made = yield from works(create)
                equal(process.get_last_error(), 0)
                yield from works(process.close_handle(made))


@case("CreateFileMapping", "names are told apart by their case", f"[{VIRTUAL}:1546-1577]")
def _(process: Any) -> Steps:
    def create(name: str) -> Steps:
        return (yield from process.create_file_mapping(NOWHERE, w.SEC_COMMIT | RW, PAGE, name))

    yield from works(create("Wine Test Mapping"))
    equal(process.get_last_error(), 0)
    second = yield from works(create("Wine Test Mapping"))
    equal(process.get_last_error(), w.ERROR_ALREADY_EXISTS)
    yield from works(process.close_handle(second))
    upper = yield from works(create("WINE TEST MAPPING"))
    equal(process.get_last_error(), 0)
    yield from works(process.close_handle(upper))
    yield from works(process.open_file_mapping(w.FILE_MAP_ALL_ACCESS, "Wine Test Mapping"))
    yield from fails(
        process, w.ERROR_FILE_NOT_FOUND, process.open_file_mapping(w.FILE_MAP_ALL_ACCESS, "WINE TEST MAPPING")
    )


PAIRS = (
    0, NOACCESS, RO | NOACCESS, RW | NOACCESS, RW | RO, w.PAGE_WRITECOPY | NOACCESS, w.PAGE_WRITECOPY | RO,
    w.PAGE_WRITECOPY | RW, w.PAGE_EXECUTE, w.PAGE_EXECUTE_READ | w.PAGE_EXECUTE,
    w.PAGE_EXECUTE_READWRITE | w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_WRITECOPY | w.PAGE_EXECUTE_READWRITE, 0xF0, 0x0F,
)  # fmt: skip


@case("CreateFileMapping", "a protection must be one of six", f"[{VIRTUAL}:3496-3527, 3617-3618]", **FILE)
def _(process: Any) -> Steps:
    access = w.GENERIC_READ | w.GENERIC_WRITE | w.GENERIC_EXECUTE
    file = yield from opened(process, access=access)
    for protect in PAIRS:
        for handle in (file, NOWHERE):
            yield from fails(process, PARAMETER, process.create_file_mapping(handle, protect | w.SEC_COMMIT, PAGE))


for _name, _access, _good, _bad in (
    ("for reading", w.GENERIC_READ, (RO, w.PAGE_WRITECOPY),
     (RW, w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_READWRITE, w.PAGE_EXECUTE_WRITECOPY)),
    ("for nothing", 0, (), (RO, RW, w.PAGE_WRITECOPY)),
    ("for reading and writing", w.GENERIC_READ | w.GENERIC_WRITE, (RO, RW, w.PAGE_WRITECOPY),
     (w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_READWRITE)),
):  # fmt: skip

    @case("CreateFileMapping", f"what a file that was opened {_name} allows", f"[{VIRTUAL}:708-755, 3903-3913]", **FILE)
    def _(process: Any, access: int = _access, good: Any = _good, bad: Any = _bad) -> Steps:
        file = yield from opened(process, access=access)
        for protect in bad:
            yield from fails(process, w.ERROR_ACCESS_DENIED, process.create_file_mapping(file, protect, PAGE))
        for protect in good:
            yield from works(process.create_file_mapping(file, protect, PAGE))


# Sizes


@case(
    "CreateFileMapping",
    "SEC_RESERVE of 8 TiB lacks pool, of 128 TiB is too big, of 8 GiB works",
    SECTION,
    frames=4096,
    paging_pages=8192,
)
def _(process: Any) -> Steps:
    for size, error in ((8 * TiB, w.ERROR_NO_SYSTEM_RESOURCES), (128 * TiB, w.ERROR_NOT_ENOUGH_MEMORY)):
        yield from fails(process, error, process.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, size))
    handle = yield from works(process.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, 8 * GiB))
    base = yield from works(process.map_view_of_file(handle, WRITE))
    equal((yield from seen(process, base)), (8 * GiB, RW, 0, RESERVE, w.MEM_MAPPED))


@case("CreateFileMapping", "SEC_COMMIT of 512 GiB is beyond the commit limit", SECTION)
def _(process: Any) -> Steps:
    before = yield from charge(process)
    yield from fails(
        process, w.ERROR_COMMITMENT_LIMIT, process.create_file_mapping(NOWHERE, RW | w.SEC_COMMIT, 512 * GiB)
    )
    yield from fails(process, PARAMETER, process.create_file_mapping(NOWHERE, NOACCESS | w.SEC_COMMIT, 512 * GiB))
    equal((yield from charge(process)), before)


@case("MapViewOfFile", "8 GiB don't fit into a 32-bit process", SECTION, bits=32, frames=4096, paging_pages=8192)
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, 8 * GiB))
    yield from fails(process, w.ERROR_NOT_ENOUGH_MEMORY, process.map_view_of_file(handle, WRITE))
    yield from works(process.map_view_of_file(handle, WRITE, 4 * GiB, UNIT))


LARGE: dict[str, Any] = {"files": {"data": 256 * MiB}, "settings": {"pools": {"paged_limit": 400 << 10}}}
"""A file whose prototype PTEs (512 KiB) the pool of such a machine can't hold."""


@case("CreateFileMapping", "a larger file takes no more of the system's resources", "MODEL section 7", **LARGE)
def _(process: Any) -> Steps:
    file = yield from opened(process)
    before = yield from charge(process)
    handle = yield from works(process.create_file_mapping(file, RO))
    equal((yield from charge(process)) - before <= 1, True)
    base = yield from works(process.map_view_of_file(handle, READ, 128 * MiB, UNIT))
    yield from process.read(base, UNIT)
    yield from fails(process, w.ERROR_NO_SYSTEM_RESOURCES, process.map_view_of_file(handle, READ))
    equal((yield from charge(process)) - before <= 3, True)


def prototypes(process: Any) -> int:
    """Bytes of prototype PTEs in paged pool."""
    table = process.system.pool.table()
    return int(table["bytes"][table["tag"] == "MmSt"].sum())


@case(
    "MapViewOfFile",
    "a file's prototype PTEs come with its views, and stay for the next ones",
    "MODEL section 7",
    files={"data": 4 * MiB},
)
def _(process: Any) -> Steps:
    before = prototypes(process)
    handle = yield from works(process.create_file_mapping((yield from opened(process)), RO))
    equal(prototypes(process), before)
    base = yield from works(process.map_view_of_file(handle, READ, 0, 512 * PAGE))
    equal(prototypes(process) - before, PAGE)
    second = yield from works(process.map_view_of_file(handle, READ, UNIT, 512 * PAGE))
    equal(PAGE < prototypes(process) - before <= PAGE + 16 * 8 + 16, True, "16 pages more")
    taken = prototypes(process)
    for address in (base, second):
        yield from works(process.unmap_view_of_file(address))
    yield from works(process.map_view_of_file(handle, READ, 0, 528 * PAGE))
    equal(prototypes(process), taken)


@case("CreateFileMapping", "a section backed by the paging files has them all at once", "MODEL section 7")
def _(process: Any) -> Steps:
    before = prototypes(process)
    yield from section(process, 512)
    equal(prototypes(process) - before, PAGE)


@case(
    "CreateFileMapping",
    "a view of a file's section goes up to the size that was asked for",
    f"[{VIRTUAL}:1231-1275]",
    files={"data": 0x3456},
)
def _(process: Any) -> Steps:
    file = yield from opened(process)
    whole = yield from works(process.create_file_mapping(file, RO))
    equal((yield from seen(process, (yield from works(process.map_view_of_file(whole, READ)))))[0], 4 * PAGE)
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(whole, READ, 0, 0x3457))
    yield from fails(process, w.ERROR_NOT_ENOUGH_MEMORY, process.create_file_mapping(file, RO, 0x3457))
    part = yield from works(process.create_file_mapping(file, RO, 0x3452))
    yield from works(process.map_view_of_file(part, READ, 0, 0x3452))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(part, READ, 0, 0x3453))
    rounded = yield from works(process.create_file_mapping(NOWHERE, RO, 0x3452))
    yield from works(process.map_view_of_file(rounded, READ, 0, 0x4000))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(rounded, READ, 0, 0x4001))


# What each kind of section allows of its views' pages

for _kind, _state, _shown in ((w.SEC_RESERVE, RESERVE, 0), (w.SEC_COMMIT, COMMIT, RW)):

    @case(
        "VirtualAlloc",
        f"commits pages of a SEC_{'RESERVE' if _state == RESERVE else 'COMMIT'} view, shown in this view only",
        f"[{VIRTUAL}:848-930, 938-982]",
    )
    def _(process: Any, flags: int = _kind, state: int = _state, shown: int = _shown) -> Steps:
        handle = yield from works(process.create_file_mapping(NOWHERE, RW | flags, SIZE))
        first = yield from works(process.map_view_of_file(handle, WRITE))
        second = yield from works(process.map_view_of_file(handle, WRITE))
        equal(first != second, True)
        for base in (first, second):
            equal((yield from seen(process, base)), (SIZE, RW, shown, state, w.MEM_MAPPED))
        equal((yield from process.virtual_alloc(first, UNIT, COMMIT, RO)), first)
        equal((yield from seen(process, first)), (UNIT, RW, RO, COMMIT, w.MEM_MAPPED))
        size = UNIT if state == RESERVE else SIZE
        equal((yield from seen(process, second)), (size, RW, RW, COMMIT, w.MEM_MAPPED))
        equal((yield from process.virtual_alloc(first, SIZE, w.MEM_RESET, RO)), first)
        for size, kind in ((UNIT, DECOMMIT), (0, DECOMMIT), (0, RELEASE)):
            yield from fails(process, PARAMETER, process.virtual_free(first, size, kind))
        for base in (second, first):
            yield from works(process.unmap_view_of_file(base))


@case("VirtualAlloc", "MEM_RESET of a SEC_RESERVE view resets what is committed of it", f"[{VIRTUAL}:925]")
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, UNIT))
    base = yield from works(process.map_view_of_file(handle, WRITE))
    yield from works(process.virtual_alloc(base + 2 * PAGE, 2 * PAGE, COMMIT, RW))
    yield from process.write(base + 2 * PAGE, 2 * PAGE)
    yield from works(process.virtual_alloc(base, UNIT, w.MEM_RESET, RW))
    equal(state(process, base + 2 * PAGE, 2)["dirty"].any(), False)
    equal((yield from query(process, base)), (2, RESERVE, 0))


@case("VirtualAlloc", "a commit past a view fails, and its 64 KiB can't be reserved", SECTION)
def _(process: Any) -> Steps:
    handle = yield from section(process, 32)
    place = 0x3000_0000
    yield from works(process.map_view_of_file_ex(handle, WRITE, 0, 2 * PAGE, place))
    yield from process.write(place, 1)
    equal((yield from process.virtual_alloc(place, PAGE, COMMIT, RW)), place)
    yield from fails(process, PARAMETER, process.virtual_free(place, PAGE, DECOMMIT))
    yield from fails(process, ADDRESS, process.virtual_alloc(place, 3 * PAGE, COMMIT, RW))
    yield from fails(process, ADDRESS, process.virtual_alloc(place + 2 * PAGE, PAGE, COMMIT, RW))
    yield from fails(process, ADDRESS, process.virtual_alloc(place + 2 * PAGE, PAGE, RESERVE | COMMIT, RW))
    equal((yield from process.virtual_alloc(place + UNIT, PAGE, RESERVE | COMMIT, RW)), place + UNIT)
    yield from works(process.virtual_free(place + UNIT, 0, RELEASE))
    equal((yield from process.virtual_alloc(place + PAGE, PAGE, COMMIT, RW)), place + PAGE)
    yield from fails(process, PARAMETER, process.virtual_free(place + PAGE, PAGE, DECOMMIT))
    equal((yield from process.map_view_of_file_ex(handle, WRITE, UNIT, PAGE, 0x4008_0000)), 0x4008_0000)


@case("SEC_RESERVE", "what one view commits can be written through another", SECTION)
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, 2 * UNIT))
    first = yield from works(process.map_view_of_file(handle, WRITE, 0, 2 * PAGE))
    yield from works(process.virtual_alloc(first, PAGE, COMMIT, RW))
    yield from process.write(first, 1)
    yield from raises(AV, process.write(first + PAGE, 1), 1, first + PAGE)
    second = yield from works(process.map_view_of_file(handle, WRITE, 0, 2 * PAGE))
    for _ in range(2):
        equal((yield from process.virtual_alloc(second + PAGE, PAGE, COMMIT, RO)), second + PAGE)
    yield from process.write(first + PAGE, 1)
    yield from process.read(second + PAGE, 1)
    yield from raises(AV, process.write(second + PAGE, 1), 1, second + PAGE)
    equal(int(state(process, first + PAGE)["frame"][0]), int(state(process, second + PAGE)["frame"][0]))


@case("VirtualProtect", "an inaccessible view of a SEC_RESERVE section stays so", SECTION)
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, SIZE))
    base = yield from works(process.map_view_of_file(handle, 0))
    for protect in (RW, RO):
        yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, protect))
    yield from raises(AV, process.read(base, 1), 0, base)


@case("SEC_NOCACHE", "PAGE_NOCACHE is the allocation's, whatever its pages get", f"[{VIRTUAL}:1003-1024]")
def _(process: Any) -> Steps:
    for flag, modifier in ((w.SEC_NOCACHE, w.PAGE_NOCACHE), (w.SEC_WRITECOMBINE, w.PAGE_WRITECOMBINE)):
        handle = yield from works(process.create_file_mapping(NOWHERE, RW | w.SEC_COMMIT | flag, SIZE))
        base = yield from works(process.map_view_of_file(handle, WRITE))
        equal((yield from seen(process, base)), (SIZE, RW | modifier, RW | modifier, COMMIT, w.MEM_MAPPED))
        equal((yield from process.virtual_alloc(base, UNIT, COMMIT, RO)), base)
        equal((yield from seen(process, base)), (UNIT, RW | modifier, RO | modifier, COMMIT, w.MEM_MAPPED))
        equal((yield from process.virtual_protect(base, UNIT, RW)), RO | modifier)
        equal((yield from seen(process, base)), (SIZE, RW | modifier, RW | modifier, COMMIT, w.MEM_MAPPED))


# Images

IMAGES = {RO: "r", w.PAGE_WRITECOPY: "r", w.PAGE_EXECUTE_READ: "rx", w.PAGE_EXECUTE_WRITECOPY: "rx"}
ASKS = {0x00: "r", 0x01: "r", 0x02: "rw", 0x04: "r", 0x05: "r", 0x06: "rw", 0x08: "r", 0x0C: "r", 0x0E: "rw",
        0x20: "r", 0x21: "rx", 0x22: "rwx", 0x24: "rx", 0x25: "rx", 0x26: "rwx", 0x29: "r", 0x2D: "rx"}  # fmt: skip

for _protect, _does in IMAGES.items():

    @case("SEC_IMAGE", f"what access a section made with {_protect:#x} allows", f"[{VIRTUAL}:3986, 3988, 4019]", **DLL)
    def _(process: Any, protect: int = _protect, does: str = _does) -> Steps:
        file = yield from opened(process, "dll", w.GENERIC_READ | w.GENERIC_EXECUTE)
        handle = yield from works(process.create_file_mapping(file, protect | w.SEC_IMAGE))
        for access, asks in ASKS.items():
            if not set(asks) <= set(does):
                yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, access))
                continue
            base = yield from works(process.map_view_of_file(handle, access))
            equal(base, BASE)
            found = yield from works(process.virtual_query(base))
            equal((found.protect, found.allocation_protect), (RO, w.PAGE_EXECUTE_WRITECOPY), f"access {access:#x}")
            equal((found.state, found.type, found.region_size), (COMMIT, w.MEM_IMAGE, PAGE))
            yield from works(process.unmap_view_of_file(base))


@case("SEC_IMAGE", "its pages may have any protection; writing copies", f"[{VIRTUAL}:4043-4077, 4119-4172]", **DLL)
def _(process: Any) -> Steps:
    file = yield from opened(process, "dll", w.GENERIC_READ | w.GENERIC_EXECUTE)
    handle = yield from works(process.create_file_mapping(file, RO | w.SEC_IMAGE))
    base = yield from works(process.map_view_of_file(handle, READ))
    copying = {RW: w.PAGE_WRITECOPY, w.PAGE_EXECUTE_READWRITE: w.PAGE_EXECUTE_WRITECOPY}
    written = {w.PAGE_WRITECOPY: RW, w.PAGE_EXECUTE_WRITECOPY: w.PAGE_EXECUTE_READWRITE}
    every = (NOACCESS, RO, RW, w.PAGE_WRITECOPY, 0x10, 0x20, 0x40, 0x80)
    old = RO
    for protect in every:
        equal((yield from process.virtual_protect(base, PAGE, protect)), old)
        old = copying.get(protect, protect)
        equal((yield from query(process, base))[1:], (COMMIT, old))
    for protect in every:
        yield from fails(process, w.ERROR_ACCESS_DENIED, process.virtual_alloc(base, PAGE, COMMIT, protect))
    yield from works(process.virtual_protect(base, PAGE, w.PAGE_WRITECOPY))
    yield from process.write(base, 4)
    equal((yield from query(process, base)), (1, COMMIT, RW))
    old = RW
    for protect in every:
        equal((yield from process.virtual_protect(base, PAGE, protect)), old)
        old = written.get(protect, protect)
        equal((yield from query(process, base))[2], old)


@case("SEC_IMAGE", "loaded or mapped, an image's allocation is EXECUTE_WRITECOPY", "[k32/loader.c:1652]", **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    file = yield from opened(process, "dll", w.GENERIC_READ)
    handle = yield from works(process.create_file_mapping(file, RO | w.SEC_IMAGE))
    second = yield from works(process.map_view_of_file(handle, READ))
    for address in (base, base + PAGE, base + 2 * UNIT - PAGE, second, second + PAGE):
        found = yield from works(process.virtual_query(address))
        equal((found.allocation_protect, found.type), (w.PAGE_EXECUTE_WRITECOPY, w.MEM_IMAGE))
    yield from fails(process, ADDRESS, process.virtual_alloc(base + UNIT, PAGE, RESERVE, NOACCESS))
    yield from works(process.unmap_view_of_file(base + UNIT + 5))
    equal((yield from process.get_module_handle("dll")), 0)


@case("CreateFileMapping", "SEC_IMAGE of what is no image is refused", f"[{VIRTUAL}:1596]", **EVERYTHING)
def _(process: Any) -> Steps:
    file = yield from opened(process, "file")
    for handle, size, error in ((file, 0, NO_IMAGE), (file, PAGE, NO_IMAGE), (NOWHERE, PAGE, NO_IMAGE)):
        yield from fails(process, error, process.create_file_mapping(handle, RO | w.SEC_IMAGE, size))
    yield from fails(process, PARAMETER, process.create_file_mapping(NOWHERE, RO | w.SEC_IMAGE, 0))


# Unmapping, and what outlives what

for _bits in (32, 64):

    @case(
        "UnmapViewOfFile", f"any address in a view will do, {_bits} bits", f"[{VIRTUAL}:1208-1227]", bits=_bits, **FILE
    )
    def _(process: Any) -> Steps:
        handle = yield from works(process.create_file_mapping((yield from opened(process)), RO))
        for offset in (0, 100, PAGE, PAGE + 100, 3 * PAGE - 1):
            base = yield from works(process.map_view_of_file(handle, READ))
            yield from process.read(base, 3 * PAGE)
            yield from works(process.unmap_view_of_file(base + offset))
            equal((yield from seen(process, base))[1:], (0, NOACCESS, w.MEM_FREE, 0))
            yield from raises(AV, process.read(base, 1), 0, base)


@case("UnmapViewOfFile", "private memory can't be unmapped, nor what isn't there", f"[{VIRTUAL}:1031-1046]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, COMMIT, RO)
    for address in (base, base + 3 * PAGE, 0xDEADBEEF, 0xFFFFF8A0_00000000, 0):
        yield from fails(process, ADDRESS, process.unmap_view_of_file(address))
    yield from works(process.virtual_free(base, 0, RELEASE))


for _backing, _size in (("the paging files", SIZE), ("a file, which it extends", SIZE)):

    @case(
        "CloseHandle",
        f"a view outlives its section's handles and name, section of {_backing}",
        f"[{VIRTUAL}:1048-1206]",
        files={"data": PAGE},
    )
    def _(process: Any, backing: str = _backing, size: int = _size) -> Steps:
        file = NOWHERE if backing.startswith("the") else (yield from opened(process))
        handle = yield from works(process.create_file_mapping(file, RW, size, "Foo"))
        base = yield from works(process.map_view_of_file(handle, WRITE))
        second = yield from works(process.open_file_mapping(READ, "Foo"))
        for each in (second, handle):
            yield from works(process.close_handle(each))
        for _ in range(2):
            yield from process.read(base, size)
            equal((yield from seen(process, base)), (size, RW, RW, COMMIT, w.MEM_MAPPED))
            yield from fails(process, w.ERROR_FILE_NOT_FOUND, process.open_file_mapping(READ, "Foo"))
            process.set_last_error(0xDEADBEEF)
            again = yield from works(process.create_file_mapping(file, RW, size, "Foo"))
            equal(process.get_last_error(), 0)
            yield from works(process.close_handle(again))
        yield from works(process.unmap_view_of_file(base))
        yield from raises(AV, process.read(base, 1), 0, base)
        equal((yield from seen(process, base))[1:], (0, NOACCESS, w.MEM_FREE, 0))


for _access, _shared in ((READ | WRITE, True), (COPY, False), (COPY | WRITE, True)):

    @case(
        "CreateFileMapping",
        f"another process stores to shared memory mapped for {_access:#x}",
        f"[{VIRTUAL}:4262-4303]",
    )
    def _(process: Any, access: int = _access, shared: bool = _shared) -> Steps:
        handle = yield from works(process.create_file_mapping(NOWHERE, RW, PAGE, "ro"))
        base = yield from works(process.map_view_of_file(handle, READ, 0, PAGE))
        yield from process.read(base, 1)
        frames: list[int] = []

        def child(second: Any) -> Steps:
            mine = yield from works(second.create_file_mapping(NOWHERE, RW, PAGE, "ro"))
            equal(second.get_last_error(), w.ERROR_ALREADY_EXISTS)
            address = yield from works(second.map_view_of_file(mine, access, 0, PAGE))
            yield from second.write(address, 4)
            frames.append(int(state(second, address)["frame"][0]))

        equal((yield from other(process, child)), 0)
        equal(frames == [int(state(process, base)["frame"][0])], shared)
