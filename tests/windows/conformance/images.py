"""Images: loaded at their base or elsewhere, shared or with copies of the pages that hold fix-ups."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    PAGE,
    PARAMETER,
    RESERVE,
    UNIT,
    Steps,
    Table,
    equal,
    fails,
    other,
    region,
    state,
    works,
)

case = Table()
LOAD, PROTECTION = "[LoadLibrary]", "[Memory Protection]"
BASE = 0x1000_0000
PLAIN: dict[str, Any] = {"size": 2 * UNIT, "preferred_base": BASE, "dynamic_base": False}
DLL: dict[str, Any] = {"images": {"dll": PLAIN}}
MOVING: dict[str, Any] = {"images": {"dll": {**PLAIN, "dynamic_base": True}}}


def frames(process: Any, base: int, pages: int = 32) -> list[int]:
    """The frames that show some pages of an image."""
    return [int(frame) for frame in state(process, base, pages)["frame"]]


def pages_of(process: Any, base: int, protect: int) -> Steps:
    """The addresses of an image's pages with a protection."""
    address = base
    found: list[int] = []
    while address < base + 2 * UNIT:
        run = yield from process.virtual_query(address)
        if run.protect == protect:
            found += range(run.base_address, run.base_address + run.region_size, PAGE)
        address = run.base_address + run.region_size
    return found


@case("LoadLibrary", "an image is loaded at its preferred base", LOAD, **DLL)
def _(process: Any) -> Steps:
    equal((yield from process.load_library("dll")), BASE)


@case("LoadLibrary", "an image that isn't there can't be loaded", LOAD)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_MOD_NOT_FOUND, process.load_library("none"))


@case("LoadLibrary", "an image that is loaded already is counted, not loaded again", LOAD, **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    equal((yield from process.load_library("dll")), base)
    yield from works(process.free_library(base))
    equal((yield from process.virtual_query(base)).type, w.MEM_IMAGE)
    yield from works(process.free_library(base))
    equal((yield from process.virtual_query(base)).state, w.MEM_FREE)


@case("GetModuleHandle", "gives the base of an image that is loaded", "[GetModuleHandle]", **DLL)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_MOD_NOT_FOUND, process.get_module_handle("dll"))
    base = yield from works(process.load_library("dll"))
    equal((yield from process.get_module_handle("dll")), base)


@case("FreeLibrary", "what isn't loaded can't be freed", "[FreeLibrary]", **DLL)
def _(process: Any) -> Steps:
    yield from fails(process, 0, process.free_library(BASE))


@case("LoadLibrary", "its pages have type MEM_IMAGE", "[MEMORY_BASIC_INFORMATION]", **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    found = yield from process.virtual_query(base)
    equal((found.type, found.allocation_base), (w.MEM_IMAGE, base))


@case("LoadLibrary", "code is executable and read-only, data is copy-on-write", PROTECTION, **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    code = yield from pages_of(process, base, w.PAGE_EXECUTE_READ)
    data = yield from pages_of(process, base, w.PAGE_WRITECOPY)
    yield from process.execute(code[0], 1)
    yield from process.write(data[0], 1)
    records = yield from process.query_working_set_ex([data[0], code[0]])
    equal([bool(record.shared) for record in records], [False, True])


@case("LoadLibrary", "code at the preferred base is shared by all processes", PROTECTION, **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    yield from process.read(base, 2 * UNIT)
    theirs: list[int] = []

    def second(child: Any) -> Steps:
        mine = yield from works(child.load_library("dll"))
        yield from child.read(mine, 2 * UNIT)
        theirs.extend(frames(child, mine))

    equal((yield from other(process, second)), 0)
    equal(theirs, frames(process, base))


@case("LoadLibrary", "if the preferred base is taken, the image goes elsewhere", PROTECTION, **DLL)
def _(process: Any) -> Steps:
    yield from region(process, 1, RESERVE, at=BASE)
    base = yield from works(process.load_library("dll"))
    equal(base not in {0, BASE}, True)


@case("LoadLibrary", "elsewhere, the pages with fix-ups are private, the others shared", PROTECTION, **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    yield from process.read(base, 2 * UNIT)
    theirs: list[int] = []

    def second(child: Any) -> Steps:
        yield from region(child, 1, RESERVE, at=BASE)
        mine = yield from works(child.load_library("dll"))
        yield from child.read(mine, 2 * UNIT)
        theirs.extend(frames(child, mine))

    equal((yield from other(process, second)), 0)
    alike = sum(a == b for a, b in zip(theirs, frames(process, base), strict=True))
    equal(16 <= alike < 32, True, f"{alike} of 32 pages are shared")


@case(
    "LoadLibrary",
    "an image of nothing but fix-ups shares nothing elsewhere",
    PROTECTION,
    images={"dll": {**PLAIN, "fixups": 1.0}},
)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    yield from process.read(base, 2 * UNIT)
    theirs: list[int] = []

    def second(child: Any) -> Steps:
        yield from region(child, 1, RESERVE, at=BASE)
        mine = yield from works(child.load_library("dll"))
        yield from child.read(mine, 2 * UNIT)
        theirs.extend(frames(child, mine))

    equal((yield from other(process, second)), 0)
    equal(set(theirs[1:]) & set(frames(process, base)[1:]), set())


@case("LoadLibrary", "under ASLR an image has one base for all processes, and is shared", "MODEL section 6", **MOVING)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    yield from process.read(base, 2 * UNIT)
    theirs: list[Any] = []

    def second(child: Any) -> Steps:
        mine = yield from works(child.load_library("dll"))
        yield from child.read(mine, 2 * UNIT)
        theirs.append((mine, frames(child, mine)))

    equal((yield from other(process, second)), 0)
    equal(theirs, [(base, frames(process, base))])


@case("LoadLibrary", "under ASLR the base isn't the preferred one", "[/DYNAMICBASE]", **MOVING)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    equal((base != BASE, base % UNIT), (True, 0))


@case(
    "LoadLibrary",
    "without ASLR an image that could move has its preferred base",
    "[/DYNAMICBASE]",
    settings={"aslr": False},
    **MOVING,
)
def _(process: Any) -> Steps:
    equal((yield from process.load_library("dll")), BASE)


@case("LoadLibrary", "its pages can't be freed by VirtualFree", "ros: ntoskrnl/mm/ARM3/virtual.c", **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, w.MEM_RELEASE))


@case("LoadLibrary", "code can be made writable by copy-on-write, for one process", PROTECTION, **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    code = (yield from pages_of(process, base, w.PAGE_EXECUTE_READ))[0]
    yield from works(process.virtual_protect(code, PAGE, w.PAGE_EXECUTE_WRITECOPY))
    yield from process.write(code, 1)
    equal(bool((yield from process.query_working_set_ex([code]))[0].shared), False)
