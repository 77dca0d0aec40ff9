"""Images: loaded at their base or elsewhere, shared or with copies of the pages that hold fix-ups."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

LOAD, PROTECTION = "[LoadLibrary]", "[Memory Protection]"
BASE = 0x1000_0000
PLAIN: dict[str, Any] = {"size": 2 * UNIT, "preferred_base": BASE, "dynamic_base": False}
DLL: dict[str, Any] = {"images": {"dll": PLAIN}}
MOVING: dict[str, Any] = {"images": {"dll": {**PLAIN, "dynamic_base": True}}}


def frames(p: Any, base: int, pages: int = 32) -> list[int]:
    """The frames that show some pages of an image."""
    return [int(frame) for frame in p.state(base, pages)["frame"]]


def pages_of(p: Any, base: int, protect: int) -> Any:
    """The addresses of an image's pages with a protection."""
    address = base
    found: list[int] = []
    while address < base + 2 * UNIT:
        run = p.virtual_query(address)
        if run.protect == protect:
            found += range(run.base_address, run.base_address + run.region_size, PAGE)
        address = run.base_address + run.region_size
    return found


def test_load_library(rule: Rule) -> None:
    with rule("an image is loaded at its preferred base", LOAD, **DLL) as p:
        assert p.load_library("dll") == BASE
    with rule("an image that isn't there can't be loaded", LOAD) as p:
        p.fails(w.ERROR_MOD_NOT_FOUND).load_library("none")
    with rule("an image that is loaded already is counted, not loaded again", LOAD, **DLL) as p:
        base = works(p.load_library("dll"))
        assert p.load_library("dll") == base
        works(p.free_library(base))
        assert p.virtual_query(base).type == w.MEM_IMAGE
        works(p.free_library(base))
        assert p.virtual_query(base).state == w.MEM_FREE


def test_get_module_handle(rule: Rule) -> None:
    with rule("gives the base of an image that is loaded", "[GetModuleHandle]", **DLL) as p:
        p.fails(w.ERROR_MOD_NOT_FOUND).get_module_handle("dll")
        base = works(p.load_library("dll"))
        assert p.get_module_handle("dll") == base


def test_free_library(rule: Rule) -> None:
    with rule("what isn't loaded can't be freed", "[FreeLibrary]", **DLL) as p:
        p.fails(0).free_library(BASE)


def test_pages_of_an_image(rule: Rule) -> None:
    with rule("its pages have type MEM_IMAGE", "[MEMORY_BASIC_INFORMATION]", **DLL) as p:
        base = works(p.load_library("dll"))
        found = p.virtual_query(base)
        assert (found.type, found.allocation_base) == (w.MEM_IMAGE, base)
    with rule("code is executable and read-only, data is copy-on-write", PROTECTION, **DLL) as p:
        base = works(p.load_library("dll"))
        code = pages_of(p, base, w.PAGE_EXECUTE_READ)
        data = pages_of(p, base, w.PAGE_WRITECOPY)
        p.execute(code[0], 1)
        p.write(data[0], 1)
        records = p.query_working_set_ex([data[0], code[0]])
        assert [bool(record.shared) for record in records] == [False, True]
    with rule("code at the preferred base is shared by all processes", PROTECTION, **DLL) as p:
        base = works(p.load_library("dll"))
        p.read(base, 2 * UNIT)
        theirs: list[Any] = []

        def second(child: Any) -> None:
            mine = works(child.load_library("dll"))
            child.read(mine, 2 * UNIT)
            theirs.extend(frames(child, mine))

        assert p.other(second) == 0
        assert theirs == frames(p, base)
    with rule("if the preferred base is taken, the image goes elsewhere", PROTECTION, **DLL) as p:
        p.region(1, RESERVE, at=BASE)
        base = works(p.load_library("dll"))
        assert base not in {0, BASE}
    with rule("elsewhere, the pages with fix-ups are private, the others shared", PROTECTION, **DLL) as p:
        base = works(p.load_library("dll"))
        p.read(base, 2 * UNIT)
        theirs = []

        def second(child: Any) -> None:
            child.region(1, RESERVE, at=BASE)
            mine = works(child.load_library("dll"))
            child.read(mine, 2 * UNIT)
            theirs.extend(frames(child, mine))

        assert p.other(second) == 0
        alike = sum(a == b for a, b in zip(theirs, frames(p, base), strict=True))
        assert 16 <= alike < 32, f"{alike} of 32 pages are shared"


def test_bases_of_images(rule: Rule) -> None:
    with rule(
        "an image of nothing but fix-ups shares nothing elsewhere", PROTECTION, images={"dll": {**PLAIN, "fixups": 1.0}}
    ) as p:
        base = works(p.load_library("dll"))
        p.read(base, 2 * UNIT)
        theirs: list[Any] = []

        def second(child: Any) -> None:
            child.region(1, RESERVE, at=BASE)
            mine = works(child.load_library("dll"))
            child.read(mine, 2 * UNIT)
            theirs.extend(frames(child, mine))

        assert p.other(second) == 0
        assert set(theirs[1:]) & set(frames(p, base)[1:]) == set()
    with rule("under ASLR an image has one base for all processes, and is shared", "MODEL section 6", **MOVING) as p:
        base = works(p.load_library("dll"))
        p.read(base, 2 * UNIT)
        theirs = []

        def second(child: Any) -> None:
            mine = works(child.load_library("dll"))
            child.read(mine, 2 * UNIT)
            theirs.append((mine, frames(child, mine)))

        assert p.other(second) == 0
        assert theirs == [(base, frames(p, base))]
    with rule("under ASLR the base isn't the preferred one", "[/DYNAMICBASE]", **MOVING) as p:
        base = works(p.load_library("dll"))
        assert (base != BASE, base % UNIT) == (True, 0)
    with rule(
        "without ASLR an image that could move has its preferred base",
        "[/DYNAMICBASE]",
        settings={"aslr": False},
        **MOVING,
    ) as p:
        assert p.load_library("dll") == BASE
    with rule("its pages can't be freed by VirtualFree", "ros: ntoskrnl/mm/ARM3/virtual.c", **DLL) as p:
        base = works(p.load_library("dll"))
        p.fails(PARAMETER).virtual_free(base, 0, w.MEM_RELEASE)
    with rule("code can be made writable by copy-on-write, for one process", PROTECTION, **DLL) as p:
        base = works(p.load_library("dll"))
        code = pages_of(p, base, w.PAGE_EXECUTE_READ)[0]
        works(p.virtual_protect(code, PAGE, w.PAGE_EXECUTE_WRITECOPY))
        p.write(code, 1)
        assert not p.query_working_set_ex([code])[0].shared
