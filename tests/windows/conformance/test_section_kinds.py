"""Sections by their SEC_ flags and sizes, images that MapViewOfFile maps, and when views and names end."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

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


def opened(p: Any, name: str = "data", access: int = w.GENERIC_READ | w.GENERIC_WRITE) -> Any:
    """A handle of a file."""
    return works(p.create_file(name, access=access))


def seen(p: Any, address: int) -> Any:
    """What VirtualQuery says, all but the allocation's base."""
    found = works(p.virtual_query(address))
    return found.region_size, found.allocation_protect, found.protect, found.state, found.type


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


def test_create_file_mapping(rule: Rule) -> None:
    for backing, flags in FLAGS.items():
        with rule(f"which SEC_ flags go with {backing}", f"[{VIRTUAL}:1492-1541, 1596]", **EVERYTHING) as p:
            protect, handle = RW, NOWHERE
            if backing != "the paging files":
                protect, access = (RW, w.GENERIC_READ | w.GENERIC_WRITE) if backing == "file" else (RO, w.GENERIC_READ)
                handle = opened(p, backing, access)
            for flag, error in flags.items():
                if error:
                    p.fails(error).create_file_mapping(handle, protect | flag, PAGE, "Wine Test Mapping")
                else:
                    p.set_last_error(0xDEADBEEF)
                    made = works(p.create_file_mapping(handle, protect | flag, PAGE, "Wine Test Mapping"))
                    assert p.get_last_error() == 0
                    works(p.close_handle(made))
    with rule("names are told apart by their case", f"[{VIRTUAL}:1546-1577]") as p:

        def create(name: str) -> Any:
            return p.create_file_mapping(NOWHERE, w.SEC_COMMIT | RW, PAGE, name)

        works(create("Wine Test Mapping"))
        assert p.get_last_error() == 0
        second = works(create("Wine Test Mapping"))
        assert p.get_last_error() == w.ERROR_ALREADY_EXISTS
        works(p.close_handle(second))
        upper = works(create("WINE TEST MAPPING"))
        assert p.get_last_error() == 0
        works(p.close_handle(upper))
        works(p.open_file_mapping(w.FILE_MAP_ALL_ACCESS, "Wine Test Mapping"))
        p.fails(w.ERROR_FILE_NOT_FOUND).open_file_mapping(w.FILE_MAP_ALL_ACCESS, "WINE TEST MAPPING")


PAIRS = (
    0, NOACCESS, RO | NOACCESS, RW | NOACCESS, RW | RO, w.PAGE_WRITECOPY | NOACCESS, w.PAGE_WRITECOPY | RO,
    w.PAGE_WRITECOPY | RW, w.PAGE_EXECUTE, w.PAGE_EXECUTE_READ | w.PAGE_EXECUTE,
    w.PAGE_EXECUTE_READWRITE | w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_WRITECOPY | w.PAGE_EXECUTE_READWRITE, 0xF0, 0x0F,
)  # fmt: skip


def test_protections_of_sections(rule: Rule) -> None:
    with rule("a protection must be one of six", f"[{VIRTUAL}:3496-3527, 3617-3618]", **FILE) as p:
        access = w.GENERIC_READ | w.GENERIC_WRITE | w.GENERIC_EXECUTE
        file = opened(p, access=access)
        for protect in PAIRS:
            for handle in (file, NOWHERE):
                p.fails(PARAMETER).create_file_mapping(handle, protect | w.SEC_COMMIT, PAGE)
    for name, access, good, bad in (
        (
            "for reading",
            w.GENERIC_READ,
            (RO, w.PAGE_WRITECOPY),
            (RW, w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_READWRITE, w.PAGE_EXECUTE_WRITECOPY),
        ),
        ("for nothing", 0, (), (RO, RW, w.PAGE_WRITECOPY)),
        (
            "for reading and writing",
            w.GENERIC_READ | w.GENERIC_WRITE,
            (RO, RW, w.PAGE_WRITECOPY),
            (w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_READWRITE),
        ),
    ):
        with rule(f"what a file that was opened {name} allows", f"[{VIRTUAL}:708-755, 3903-3913]", **FILE) as p:
            file = opened(p, access=access)
            for protect in bad:
                p.fails(w.ERROR_ACCESS_DENIED).create_file_mapping(file, protect, PAGE)
            for protect in good:
                works(p.create_file_mapping(file, protect, PAGE))
    with rule(
        "SEC_RESERVE of 8 TiB lacks pool, of 128 TiB is too big, of 8 GiB works",
        SECTION,
        frames=4096,
        paging_pages=8192,
    ) as p:
        for size, error in ((8 * TiB, w.ERROR_NO_SYSTEM_RESOURCES), (128 * TiB, w.ERROR_NOT_ENOUGH_MEMORY)):
            p.fails(error).create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, size)
        handle = works(p.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, 8 * GiB))
        base = works(p.map_view_of_file(handle, WRITE))
        assert seen(p, base) == (8 * GiB, RW, 0, RESERVE, w.MEM_MAPPED)
    with rule("SEC_COMMIT of 512 GiB is beyond the commit limit", SECTION) as p:
        before = p.charge()
        p.fails(w.ERROR_COMMITMENT_LIMIT).create_file_mapping(NOWHERE, RW | w.SEC_COMMIT, 512 * GiB)
        p.fails(PARAMETER).create_file_mapping(NOWHERE, NOACCESS | w.SEC_COMMIT, 512 * GiB)
        assert p.charge() == before


def test_map_view_of_file(rule: Rule) -> None:
    with rule("8 GiB don't fit into a 32-bit process", SECTION, bits=32, frames=4096, paging_pages=8192) as p:
        handle = works(p.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, 8 * GiB))
        p.fails(w.ERROR_NOT_ENOUGH_MEMORY).map_view_of_file(handle, WRITE)
        works(p.map_view_of_file(handle, WRITE, 4 * GiB, UNIT))


LARGE: dict[str, Any] = {"files": {"data": 256 * MiB}, "settings": {"pools": {"paged_limit": 400 << 10}}}
"""A file whose prototype PTEs (512 KiB) the pool of such a machine can't hold."""


def test_prototypes_of_large_files(rule: Rule) -> None:
    with rule("a larger file takes no more of the system's resources", "MODEL section 7", **LARGE) as p:
        file = opened(p)
        before = p.charge()
        handle = works(p.create_file_mapping(file, RO))
        assert p.charge() - before <= 1
        base = works(p.map_view_of_file(handle, READ, 128 * MiB, UNIT))
        p.read(base, UNIT)
        p.fails(w.ERROR_NO_SYSTEM_RESOURCES).map_view_of_file(handle, READ)
        assert p.charge() - before <= 3


def prototypes(p: Any) -> int:
    """Bytes of prototype PTEs in paged pool."""
    table = p.system.pool.table()
    return int(table["bytes"][table["tag"] == "MmSt"].sum())


def test_prototypes_of_views(rule: Rule) -> None:
    with rule(
        "a file's prototype PTEs come with its views, and stay for the next ones",
        "MODEL section 7",
        files={"data": 4 * MiB},
    ) as p:
        before = prototypes(p)
        handle = works(p.create_file_mapping(opened(p), RO))
        assert prototypes(p) == before
        base = works(p.map_view_of_file(handle, READ, 0, 512 * PAGE))
        assert prototypes(p) - before == PAGE
        second = works(p.map_view_of_file(handle, READ, UNIT, 512 * PAGE))
        assert PAGE < prototypes(p) - before <= PAGE + 16 * 8 + 16
        taken = prototypes(p)
        for address in (base, second):
            works(p.unmap_view_of_file(address))
        works(p.map_view_of_file(handle, READ, 0, 528 * PAGE))
        assert prototypes(p) == taken


def test_prototypes_of_paging_file_sections(rule: Rule) -> None:
    with rule("a section backed by the paging files has them all at once", "MODEL section 7") as p:
        before = prototypes(p)
        p.section(512)
        assert prototypes(p) - before == PAGE
    with rule(
        "a view of a file's section goes up to the size that was asked for",
        f"[{VIRTUAL}:1231-1275]",
        files={"data": 0x3456},
    ) as p:
        file = opened(p)
        whole = works(p.create_file_mapping(file, RO))
        assert seen(p, works(p.map_view_of_file(whole, READ)))[0] == 4 * PAGE
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(whole, READ, 0, 0x3457)
        p.fails(w.ERROR_NOT_ENOUGH_MEMORY).create_file_mapping(file, RO, 0x3457)
        part = works(p.create_file_mapping(file, RO, 0x3452))
        works(p.map_view_of_file(part, READ, 0, 0x3452))
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(part, READ, 0, 0x3453)
        rounded = works(p.create_file_mapping(NOWHERE, RO, 0x3452))
        works(p.map_view_of_file(rounded, READ, 0, 0x4000))
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(rounded, READ, 0, 0x4001)


def test_virtual_alloc(rule: Rule) -> None:
    for flags, state, shown in ((w.SEC_RESERVE, RESERVE, 0), (w.SEC_COMMIT, COMMIT, RW)):
        with rule(
            f"commits pages of a SEC_{'RESERVE' if state == RESERVE else 'COMMIT'} view, shown in this view only",
            f"[{VIRTUAL}:848-930, 938-982]",
        ) as p:
            handle = works(p.create_file_mapping(NOWHERE, RW | flags, SIZE))
            first = works(p.map_view_of_file(handle, WRITE))
            second = works(p.map_view_of_file(handle, WRITE))
            assert first != second
            for base in (first, second):
                assert seen(p, base) == (SIZE, RW, shown, state, w.MEM_MAPPED)
            assert p.virtual_alloc(first, UNIT, COMMIT, RO) == first
            assert seen(p, first) == (UNIT, RW, RO, COMMIT, w.MEM_MAPPED)
            size = UNIT if state == RESERVE else SIZE
            assert seen(p, second) == (size, RW, RW, COMMIT, w.MEM_MAPPED)
            assert p.virtual_alloc(first, SIZE, w.MEM_RESET, RO) == first
            for size, kind in ((UNIT, DECOMMIT), (0, DECOMMIT), (0, RELEASE)):
                p.fails(PARAMETER).virtual_free(first, size, kind)
            for base in (second, first):
                works(p.unmap_view_of_file(base))
    with rule("MEM_RESET of a SEC_RESERVE view resets what is committed of it", f"[{VIRTUAL}:925]") as p:
        handle = works(p.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, UNIT))
        base = works(p.map_view_of_file(handle, WRITE))
        works(p.virtual_alloc(base + 2 * PAGE, 2 * PAGE, COMMIT, RW))
        p.write(base + 2 * PAGE, 2 * PAGE)
        works(p.virtual_alloc(base, UNIT, w.MEM_RESET, RW))
        assert not (p.state(base + 2 * PAGE, 2)["dirty"].any())
        assert p.query(base) == (2, RESERVE, 0)
    with rule("a commit past a view fails, and its 64 KiB can't be reserved", SECTION) as p:
        handle = p.section(32)
        place = 0x3000_0000
        works(p.map_view_of_file_ex(handle, WRITE, 0, 2 * PAGE, place))
        p.write(place, 1)
        assert p.virtual_alloc(place, PAGE, COMMIT, RW) == place
        p.fails(PARAMETER).virtual_free(place, PAGE, DECOMMIT)
        p.fails(ADDRESS).virtual_alloc(place, 3 * PAGE, COMMIT, RW)
        p.fails(ADDRESS).virtual_alloc(place + 2 * PAGE, PAGE, COMMIT, RW)
        p.fails(ADDRESS).virtual_alloc(place + 2 * PAGE, PAGE, RESERVE | COMMIT, RW)
        assert p.virtual_alloc(place + UNIT, PAGE, RESERVE | COMMIT, RW) == place + UNIT
        works(p.virtual_free(place + UNIT, 0, RELEASE))
        assert p.virtual_alloc(place + PAGE, PAGE, COMMIT, RW) == place + PAGE
        p.fails(PARAMETER).virtual_free(place + PAGE, PAGE, DECOMMIT)
        assert p.map_view_of_file_ex(handle, WRITE, UNIT, PAGE, 0x4008_0000) == 0x4008_0000


def test_sec_reserve(rule: Rule) -> None:
    with rule("what one view commits can be written through another", SECTION) as p:
        handle = works(p.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, 2 * UNIT))
        first = works(p.map_view_of_file(handle, WRITE, 0, 2 * PAGE))
        works(p.virtual_alloc(first, PAGE, COMMIT, RW))
        p.write(first, 1)
        p.raises(AV, 1, first + PAGE).write(first + PAGE, 1)
        second = works(p.map_view_of_file(handle, WRITE, 0, 2 * PAGE))
        for _ in range(2):
            assert p.virtual_alloc(second + PAGE, PAGE, COMMIT, RO) == second + PAGE
        p.write(first + PAGE, 1)
        p.read(second + PAGE, 1)
        p.raises(AV, 1, second + PAGE).write(second + PAGE, 1)
        assert int(p.state(first + PAGE)["frame"][0]) == int(p.state(second + PAGE)["frame"][0])


def test_virtual_protect(rule: Rule) -> None:
    with rule("an inaccessible view of a SEC_RESERVE section stays so", SECTION) as p:
        handle = works(p.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, SIZE))
        base = works(p.map_view_of_file(handle, 0))
        for protect in (RW, RO):
            p.fails(PARAMETER).virtual_protect(base, PAGE, protect)
        p.raises(AV, 0, base).read(base, 1)


def test_sec_nocache(rule: Rule) -> None:
    with rule("PAGE_NOCACHE is the allocation's, whatever its pages get", f"[{VIRTUAL}:1003-1024]") as p:
        for flag, modifier in ((w.SEC_NOCACHE, w.PAGE_NOCACHE), (w.SEC_WRITECOMBINE, w.PAGE_WRITECOMBINE)):
            handle = works(p.create_file_mapping(NOWHERE, RW | w.SEC_COMMIT | flag, SIZE))
            base = works(p.map_view_of_file(handle, WRITE))
            assert seen(p, base) == (SIZE, RW | modifier, RW | modifier, COMMIT, w.MEM_MAPPED)
            assert p.virtual_alloc(base, UNIT, COMMIT, RO) == base
            assert seen(p, base) == (UNIT, RW | modifier, RO | modifier, COMMIT, w.MEM_MAPPED)
            assert p.virtual_protect(base, UNIT, RW) == RO | modifier
            assert seen(p, base) == (SIZE, RW | modifier, RW | modifier, COMMIT, w.MEM_MAPPED)


IMAGES = {RO: "r", w.PAGE_WRITECOPY: "r", w.PAGE_EXECUTE_READ: "rx", w.PAGE_EXECUTE_WRITECOPY: "rx"}
ASKS = {0x00: "r", 0x01: "r", 0x02: "rw", 0x04: "r", 0x05: "r", 0x06: "rw", 0x08: "r", 0x0C: "r", 0x0E: "rw",
        0x20: "r", 0x21: "rx", 0x22: "rwx", 0x24: "rx", 0x25: "rx", 0x26: "rwx", 0x29: "r", 0x2D: "rx"}  # fmt: skip


def test_sec_image(rule: Rule) -> None:
    for protect, does in IMAGES.items():
        with rule(f"what access a section made with {protect:#x} allows", f"[{VIRTUAL}:3986, 3988, 4019]", **DLL) as p:
            file = opened(p, "dll", w.GENERIC_READ | w.GENERIC_EXECUTE)
            handle = works(p.create_file_mapping(file, protect | w.SEC_IMAGE))
            for access, asks in ASKS.items():
                if not set(asks) <= set(does):
                    p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, access)
                    continue
                base = works(p.map_view_of_file(handle, access))
                assert base == BASE
                found = works(p.virtual_query(base))
                assert (found.protect, found.allocation_protect) == (RO, w.PAGE_EXECUTE_WRITECOPY), (
                    f"access {access:#x}"
                )
                assert (found.state, found.type, found.region_size) == (COMMIT, w.MEM_IMAGE, PAGE)
                works(p.unmap_view_of_file(base))
    with rule("its pages may have any protection; writing copies", f"[{VIRTUAL}:4043-4077, 4119-4172]", **DLL) as p:
        file = opened(p, "dll", w.GENERIC_READ | w.GENERIC_EXECUTE)
        handle = works(p.create_file_mapping(file, RO | w.SEC_IMAGE))
        base = works(p.map_view_of_file(handle, READ))
        copying = {RW: w.PAGE_WRITECOPY, w.PAGE_EXECUTE_READWRITE: w.PAGE_EXECUTE_WRITECOPY}
        written = {w.PAGE_WRITECOPY: RW, w.PAGE_EXECUTE_WRITECOPY: w.PAGE_EXECUTE_READWRITE}
        every = (NOACCESS, RO, RW, w.PAGE_WRITECOPY, 0x10, 0x20, 0x40, 0x80)
        old = RO
        for protect in every:
            assert p.virtual_protect(base, PAGE, protect) == old
            old = copying.get(protect, protect)
            assert p.query(base)[1:] == (COMMIT, old)
        for protect in every:
            p.fails(w.ERROR_ACCESS_DENIED).virtual_alloc(base, PAGE, COMMIT, protect)
        works(p.virtual_protect(base, PAGE, w.PAGE_WRITECOPY))
        p.write(base, 4)
        assert p.query(base) == (1, COMMIT, RW)
        old = RW
        for protect in every:
            assert p.virtual_protect(base, PAGE, protect) == old
            old = written.get(protect, protect)
            assert p.query(base)[2] == old


def test_protection_of_images(rule: Rule) -> None:
    with rule("loaded or mapped, an image's allocation is EXECUTE_WRITECOPY", "[k32/loader.c:1652]", **DLL) as p:
        base = works(p.load_library("dll"))
        file = opened(p, "dll", w.GENERIC_READ)
        handle = works(p.create_file_mapping(file, RO | w.SEC_IMAGE))
        second = works(p.map_view_of_file(handle, READ))
        for address in (base, base + PAGE, base + 2 * UNIT - PAGE, second, second + PAGE):
            found = works(p.virtual_query(address))
            assert (found.allocation_protect, found.type) == (w.PAGE_EXECUTE_WRITECOPY, w.MEM_IMAGE)
        p.fails(ADDRESS).virtual_alloc(base + UNIT, PAGE, RESERVE, NOACCESS)
        works(p.unmap_view_of_file(base + UNIT + 5))
        assert p.get_module_handle("dll") == 0


def test_what_is_no_image(rule: Rule) -> None:
    with rule("SEC_IMAGE of what is no image is refused", f"[{VIRTUAL}:1596]", **EVERYTHING) as p:
        file = opened(p, "file")
        for handle, size, error in ((file, 0, NO_IMAGE), (file, PAGE, NO_IMAGE), (NOWHERE, PAGE, NO_IMAGE)):
            p.fails(error).create_file_mapping(handle, RO | w.SEC_IMAGE, size)
        p.fails(PARAMETER).create_file_mapping(NOWHERE, RO | w.SEC_IMAGE, 0)


def test_unmap_view_of_file(rule: Rule) -> None:
    for bits in (32, 64):
        with rule(f"any address in a view will do, {bits} bits", f"[{VIRTUAL}:1208-1227]", bits=bits, **FILE) as p:
            handle = works(p.create_file_mapping(opened(p), RO))
            for offset in (0, 100, PAGE, PAGE + 100, 3 * PAGE - 1):
                base = works(p.map_view_of_file(handle, READ))
                p.read(base, 3 * PAGE)
                works(p.unmap_view_of_file(base + offset))
                assert seen(p, base)[1:] == (0, NOACCESS, w.MEM_FREE, 0)
                p.raises(AV, 0, base).read(base, 1)
    with rule("private memory can't be unmapped, nor what isn't there", f"[{VIRTUAL}:1031-1046]") as p:
        base = p.region(16, COMMIT, RO)
        for address in (base, base + 3 * PAGE, 0xDEADBEEF, 0xFFFFF8A0_00000000, 0):
            p.fails(ADDRESS).unmap_view_of_file(address)
        works(p.virtual_free(base, 0, RELEASE))


def test_close_handle(rule: Rule) -> None:
    for backing, size in (("the paging files", SIZE), ("a file, which it extends", SIZE)):
        with rule(
            f"a view outlives its section's handles and name, section of {backing}",
            f"[{VIRTUAL}:1048-1206]",
            files={"data": PAGE},
        ) as p:
            file = NOWHERE if backing.startswith("the") else opened(p)
            handle = works(p.create_file_mapping(file, RW, size, "Foo"))
            base = works(p.map_view_of_file(handle, WRITE))
            second = works(p.open_file_mapping(READ, "Foo"))
            for each in (second, handle):
                works(p.close_handle(each))
            for _ in range(2):
                p.read(base, size)
                assert seen(p, base) == (size, RW, RW, COMMIT, w.MEM_MAPPED)
                p.fails(w.ERROR_FILE_NOT_FOUND).open_file_mapping(READ, "Foo")
                p.set_last_error(0xDEADBEEF)
                again = works(p.create_file_mapping(file, RW, size, "Foo"))
                assert p.get_last_error() == 0
                works(p.close_handle(again))
            works(p.unmap_view_of_file(base))
            p.raises(AV, 0, base).read(base, 1)
            assert seen(p, base)[1:] == (0, NOACCESS, w.MEM_FREE, 0)


def test_stores_of_another_process(rule: Rule) -> None:
    for access, shared in ((READ | WRITE, True), (COPY, False), (COPY | WRITE, True)):
        with rule(f"another process stores to shared memory mapped for {access:#x}", f"[{VIRTUAL}:4262-4303]") as p:
            handle = works(p.create_file_mapping(NOWHERE, RW, PAGE, "ro"))
            base = works(p.map_view_of_file(handle, READ, 0, PAGE))
            p.read(base, 1)
            frames: list[int] = []

            def child(second: Any) -> None:
                mine = works(second.create_file_mapping(NOWHERE, RW, PAGE, "ro"))
                assert second.get_last_error() == w.ERROR_ALREADY_EXISTS
                address = works(second.map_view_of_file(mine, access, 0, PAGE))
                second.write(address, 4)
                frames.append(int(second.state(address)["frame"][0]))

            assert p.other(child) == 0
            assert (frames == [int(p.state(base)["frame"][0])]) == shared
