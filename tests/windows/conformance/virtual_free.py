"""VirtualFree: what each of its two ways takes, leaves and refuses."""

from __future__ import annotations

from typing import Any

from simulator.state.constants import KIND_NAMES
from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    COMMIT,
    DECOMMIT,
    PAGE,
    PARAMETER,
    PRESSURE,
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
    mapped,
    query,
    raises,
    region,
    state,
    valid,
    view,
    works,
)

case = Table()
VIRTUAL_C = "ros: ntoskrnl/mm/ARM3/virtual.c"
FREE_PLACE = 0x2000_0000


@case("VirtualFree", "decommitted pages are reserved", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_free(base + 2 * PAGE, 3 * PAGE, DECOMMIT))
    equal((yield from query(process, base)), (2, COMMIT, RW))
    equal((yield from query(process, base + 2 * PAGE)), (3, RESERVE, 0))
    equal((yield from query(process, base + 5 * PAGE)), (3, COMMIT, RW))


@case("VirtualFree", "decommit takes every page that the range touches", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_free(base + 2 * PAGE - 1, 2, DECOMMIT))
    equal((yield from query(process, base + PAGE)), (2, RESERVE, 0))


@case("VirtualFree", "decommit of uncommitted pages succeeds", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    yield from works(process.virtual_free(base, 8 * PAGE, DECOMMIT))
    equal((yield from query(process, base)), (8, RESERVE, 0))


@case("VirtualFree", "decommit refunds the committed pages of the range only", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    yield from works(process.virtual_alloc(base, 3 * PAGE, COMMIT, RW))
    before = yield from charge(process)
    yield from works(process.virtual_free(base, 8 * PAGE, DECOMMIT))
    equal((yield from charge(process)), before - 3)


@case("VirtualFree", "decommit of the base with size 0 takes the whole region", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_free(base, 0, DECOMMIT))
    equal((yield from query(process, base)), (8, RESERVE, 0))


@case("VirtualFree", "decommit with size 0 elsewhere than at the base fails", VIRTUAL_C)
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from fails(process, ADDRESS, process.virtual_free(base + PAGE, 0, DECOMMIT))
    equal((yield from query(process, base)), (8, COMMIT, RW))


@case("VirtualFree", "a touch of decommitted pages is an access violation", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from process.write(base, 8 * PAGE)
    yield from works(process.virtual_free(base, PAGE, DECOMMIT))
    yield from raises(AV, process.read(base + 5, 1), 0, base + 5)
    yield from process.read(base + PAGE, 1)


@case("VirtualFree", "decommitted pages leave the working set and free their frames", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from process.write(base, 8 * PAGE)
    before = yield from process.get_performance_info()
    yield from works(process.virtual_free(base, 8 * PAGE, DECOMMIT))
    after = yield from process.get_performance_info()
    equal(after.physical_available, before.physical_available + 8)
    equal((yield from valid(process, base, 8)), [False] * 8)


@case("VirtualFree", "a page committed again is zero", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    yield from process.write(base, PAGE)
    yield from works(process.virtual_free(base, PAGE, DECOMMIT))
    yield from works(process.virtual_alloc(base, PAGE, COMMIT, RW))
    equal((yield from valid(process, base)), [False])
    equal(bool(state(process, base)["stored"][0]), False, "contents")
    before = int(process.system.pages.process(process.own.number)["kinds"][KIND_NAMES.index("demand-zero")])
    yield from process.read(base, 1)
    after = int(process.system.pages.process(process.own.number)["kinds"][KIND_NAMES.index("demand-zero")])
    equal(after - before, 1, "demand-zero faults")


@case("VirtualFree", "decommit frees the slots of paged-out pages", "MODEL section 1", **PRESSURE)
def _(process: Any) -> Steps:
    base = yield from region(process, 200)
    yield from process.write(base, 200 * PAGE)
    equal((state(process, base, 200)["location"] >= 0).any(), True, "some pages are in the paging file")
    yield from works(process.virtual_free(base, 200 * PAGE, DECOMMIT))
    equal((state(process, base, 200)["location"] >= 0).any(), False)


@case("VirtualFree", "decommit takes locked pages too", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_lock(base, 4 * PAGE))
    yield from works(process.virtual_free(base, 4 * PAGE, DECOMMIT))
    equal((yield from query(process, base)), (4, RESERVE, 0))


@case("VirtualFree", "released pages are free", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_free(base, 0, RELEASE))
    found = yield from process.virtual_query(base)
    equal((found.state, found.allocation_base), (w.MEM_FREE, 0))


@case("VirtualFree", "a release refunds what was committed", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    before = yield from charge(process)
    yield from works(process.virtual_alloc(base + PAGE, 3 * PAGE, COMMIT, RW))
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from charge(process)) <= before, True, "no more than before")


@case("VirtualFree", "released addresses can be reserved again", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from region(process, 8, RESERVE, at=base)), base)


@case("VirtualFree", "a release with a size is refused", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from fails(process, PARAMETER, process.virtual_free(base, 8 * PAGE, RELEASE))
    equal((yield from query(process, base)), (8, COMMIT, RW))


@case("VirtualFree", "a release elsewhere than at the base fails", f"{VIRTUAL_C} and sdk/lib/rtl/error.c")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from fails(process, ADDRESS, process.virtual_free(base + PAGE, 0, RELEASE))
    equal((yield from query(process, base)), (8, COMMIT, RW))


@case("VirtualFree", "a release takes pages in mixed states", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    yield from works(process.virtual_alloc(base + PAGE, 3 * PAGE, COMMIT, RW))
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from process.virtual_query(base)).state, w.MEM_FREE)


@case("VirtualFree", "decommit and release can't be combined", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, DECOMMIT | RELEASE))


@case("VirtualFree", "one of decommit and release must be given", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, 0))
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, COMMIT))


@case("VirtualFree", "freeing where nothing is fails", f"{VIRTUAL_C} and sdk/lib/rtl/error.c")
def _(process: Any) -> Steps:
    yield from fails(process, ADDRESS, process.virtual_free(FREE_PLACE, 0, RELEASE))
    yield from fails(process, ADDRESS, process.virtual_free(FREE_PLACE, PAGE, DECOMMIT))


@case("VirtualFree", "a decommit past the end of the region fails unchanged", f"{VIRTUAL_C} and sdk/lib/rtl/error.c")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from fails(process, PARAMETER, process.virtual_free(base + 4 * PAGE, 5 * PAGE, DECOMMIT))
    equal((yield from query(process, base)), (8, COMMIT, RW))


@case("VirtualFree", "a decommit can't span two regions", "[VirtualFree]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, at=FREE_PLACE)
    yield from region(process, 16, at=FREE_PLACE + UNIT)
    yield from fails(process, PARAMETER, process.virtual_free(base, 17 * PAGE, DECOMMIT))
    equal((yield from query(process, base)), (16, COMMIT, RW))


@case("VirtualFree", "a view of a section can't be released", f"{VIRTUAL_C} and sdk/lib/rtl/error.c")
def _(process: Any) -> Steps:
    base = yield from view(process)
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, RELEASE))
    equal((yield from query(process, base)), (16, COMMIT, RW))


@case("VirtualFree", "a view of a section can't be decommitted", f"{VIRTUAL_C} and sdk/lib/rtl/error.c")
def _(process: Any) -> Steps:
    base = yield from view(process)
    yield from fails(process, PARAMETER, process.virtual_free(base, PAGE, DECOMMIT))


@case("VirtualFree", "a view of a file can't be released", f"{VIRTUAL_C} and sdk/lib/rtl/error.c", files={"data": UNIT})
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from fails(process, PARAMETER, process.virtual_free(base, 0, RELEASE))


@case("VirtualFree", "protections of decommitted pages are forgotten", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, protect=RO)
    yield from works(process.virtual_free(base, 4 * PAGE, DECOMMIT))
    yield from works(process.virtual_alloc(base, 4 * PAGE, COMMIT, RW))
    equal((yield from query(process, base)), (4, COMMIT, RW))
    yield from process.write(base, 1)


@case("VirtualFreeEx", "frees memory of another process", "[VirtualFreeEx]")
def _(process: Any) -> Steps:
    def sleeper(target: Any) -> Steps:
        yield from target.sleep(1000)

    handle = yield from works(process.create_process("b", sleeper))
    base = yield from works(process.virtual_alloc_ex(handle, 0, 4 * PAGE, RESERVE | COMMIT, RW))
    equal((yield from process.virtual_query_ex(handle, base)).state, COMMIT)
    yield from works(process.virtual_free_ex(handle, base, 0, RELEASE))
    equal((yield from process.virtual_query_ex(handle, base)).state, w.MEM_FREE)
