"""VirtualQuery: which pages make a run, and what is said of it."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    BOTH,
    COMMIT,
    DECOMMIT,
    GUARD,
    PAGE,
    PARAMETER,
    RESERVE,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    equal,
    fails,
    mapped,
    query,
    region,
    several,
    view,
    works,
)

case = Table()
FREE_PLACE = 0x2000_0000


@case("VirtualQuery", "the address is rounded down to a page, and the run begins there", "[VirtualQuery]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    found = yield from process.virtual_query(base + 2 * PAGE + 77)
    equal((found.base_address, found.region_size), (base + 2 * PAGE, 6 * PAGE))
    equal(found.allocation_base, base)


@case("VirtualQuery", "a run ends where the state changes", "[VirtualQuery]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    yield from works(process.virtual_alloc(base + 3 * PAGE, 2 * PAGE, COMMIT, RW))
    runs = yield from several(query(process, base + i * PAGE) for i in (0, 3, 5))
    equal(runs, [(3, RESERVE, 0), (2, COMMIT, RW), (3, RESERVE, 0)])


@case("VirtualQuery", "a run ends where the protection changes", "[VirtualQuery]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_protect(base + 3 * PAGE, 2 * PAGE, RO))
    runs = yield from several(query(process, base + i * PAGE) for i in (0, 3, 5))
    equal(runs, [(3, COMMIT, RW), (2, COMMIT, RO), (3, COMMIT, RW)])


@case("VirtualQuery", "a run ends where the allocation ends, though the next is alike", "[VirtualQuery]")
def _(process: Any) -> Steps:
    yield from region(process, 16, at=FREE_PLACE)
    yield from region(process, 16, at=FREE_PLACE + UNIT)
    found = yield from process.virtual_query(FREE_PLACE + UNIT)
    equal((yield from query(process, FREE_PLACE)), (16, COMMIT, RW))
    equal(found.allocation_base, FREE_PLACE + UNIT)


@case("VirtualQuery", "protections that became alike again make one run", "[VirtualQuery]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_protect(base + 3 * PAGE, 2 * PAGE, RO))
    yield from works(process.virtual_protect(base + 3 * PAGE, 2 * PAGE, RW))
    equal((yield from query(process, base)), (8, COMMIT, RW))


@case("VirtualQuery", "pages committed one by one make one run", "[VirtualQuery]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    for page in (1, 0, 3, 2):
        yield from works(process.virtual_alloc(base + page * PAGE, PAGE, COMMIT, RW))
    equal((yield from query(process, base)), (4, COMMIT, RW))


@case("VirtualQuery", "touching pages doesn't divide a run", "[VirtualQuery]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from process.write(base + 3 * PAGE, PAGE)
    equal((yield from query(process, base)), (8, COMMIT, RW))


@case("VirtualQuery", "free pages have no allocation, no type, no access", "[MEMORY_BASIC_INFORMATION]")
def _(process: Any) -> Steps:
    found = yield from process.virtual_query(FREE_PLACE)
    equal((found.state, found.allocation_base, found.allocation_protect, found.type), (w.MEM_FREE, 0, 0, 0))
    equal(found.protect, w.PAGE_NOACCESS)


@case("VirtualQuery", "a free run goes up to the next allocation", "[VirtualQuery]")
def _(process: Any) -> Steps:
    yield from region(process, 16, at=FREE_PLACE + 4 * UNIT)
    found = yield from process.virtual_query(FREE_PLACE + PAGE)
    equal((found.base_address, found.region_size), (FREE_PLACE + PAGE, 4 * UNIT - PAGE))


@case("VirtualQuery", "the rest of a 64 KiB unit is free, though it can't be reserved", "[VirtualQuery]")
def _(process: Any) -> Steps:
    yield from region(process, 3, at=FREE_PLACE)
    found = yield from process.virtual_query(FREE_PLACE + 3 * PAGE)
    equal((found.state, found.base_address), (w.MEM_FREE, FREE_PLACE + 3 * PAGE))


@case("VirtualQuery", "private memory has type MEM_PRIVATE", "[MEMORY_BASIC_INFORMATION]")
def _(process: Any) -> Steps:
    base = yield from region(process)
    equal((yield from process.virtual_query(base)).type, w.MEM_PRIVATE)


@case("VirtualQuery", "a view of a section has type MEM_MAPPED", "[MEMORY_BASIC_INFORMATION]")
def _(process: Any) -> Steps:
    base = yield from view(process)
    equal((yield from process.virtual_query(base)).type, w.MEM_MAPPED)


@case(
    "VirtualQuery",
    "a page that copy-on-write made private still says MEM_MAPPED",
    "MODEL section 1",
    files={"data": UNIT},
)
def _(process: Any) -> Steps:
    base = yield from mapped(process, protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
    yield from process.write(base + PAGE, 1)
    equal((yield from process.virtual_query(base + PAGE)).type, w.MEM_MAPPED)
    records = yield from process.query_working_set_ex([base + PAGE])
    equal(bool(records[0].shared), False)


@case("VirtualQuery", "the initial protection of the allocation is remembered", "[MEMORY_BASIC_INFORMATION]")
def _(process: Any) -> Steps:
    base = yield from region(process)
    yield from works(process.virtual_protect(base, 16 * PAGE, RO))
    found = yield from process.virtual_query(base)
    equal((found.allocation_protect, found.protect), (RW, RO))


@case("VirtualQuery", "the protection of the reservation is the allocation's", "[MEMORY_BASIC_INFORMATION]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE, RO)
    yield from works(process.virtual_alloc(base, PAGE, COMMIT, RW))
    found = yield from process.virtual_query(base)
    equal((found.allocation_protect, found.protect), (RO, RW))


@case("VirtualQuery", "guard pages are a run of their own, with the modifier", "[Memory Protection Constants]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_protect(base + PAGE, PAGE, RW | GUARD))
    equal((yield from query(process, base + PAGE)), (1, COMMIT, RW | GUARD))


@case("VirtualQuery", "an address above user space is refused", "[VirtualQuery]", bits=32)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_query(0x8000_0000))


@case("VirtualQuery", "address 0 is free", "[VirtualQuery]")
def _(process: Any) -> Steps:
    found = yield from process.virtual_query(0)
    equal((found.state, found.base_address), (w.MEM_FREE, 0))


@case("VirtualQuery", "walking run by run covers the whole address space", "[VirtualQuery]", bits=32)
def _(process: Any) -> Steps:
    yield from region(process, 5)
    yield from region(process, 5, RESERVE)
    address = 0
    found = yield from process.virtual_query(address)
    while found:
        equal(found.base_address, address)
        address += found.region_size
        process.set_last_error(0)
        found = yield from process.virtual_query(address)
    equal(process.get_last_error(), PARAMETER)
    equal(address > 0x7FF0_0000, True, "the end of user space was reached")


@case("VirtualQueryEx", "says the same of another process's memory", "[VirtualQueryEx]")
def _(process: Any) -> Steps:
    bases: list[int] = []

    def holder(target: Any) -> Steps:
        bases.append((yield from region(target, 7, BOTH, RO)))
        yield from target.sleep(1000)

    handle = yield from works(process.create_process("b", holder))
    yield from process.sleep(10)
    found = yield from process.virtual_query_ex(handle, bases[0])
    equal((found.region_size, found.protect), (7 * PAGE, RO))


@case("VirtualQueryEx", "takes handles of processes only", "[VirtualQueryEx]")
def _(process: Any) -> Steps:
    event = yield from works(process.create_event())
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.virtual_query_ex(event, 0))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.virtual_query_ex(0x7777770, 0))


@case("VirtualQuery", "decommitted pages join the reserved run beside them", "[VirtualQuery]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    yield from works(process.virtual_alloc(base, 4 * PAGE, COMMIT, RW))
    yield from works(process.virtual_free(base + 2 * PAGE, 2 * PAGE, DECOMMIT))
    equal((yield from query(process, base + 2 * PAGE)), (6, RESERVE, 0))
