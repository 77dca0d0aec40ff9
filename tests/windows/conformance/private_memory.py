"""VirtualAlloc and its relatives on private memory: what Wine's and ReactOS' tests of them assert."""

from __future__ import annotations

from functools import partial
from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    BOTH,
    COMMIT,
    DECOMMIT,
    GUARD,
    GUARDED,
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
    equal,
    fails,
    query,
    raises,
    region,
    state,
    works,
)

case = Table()
VIRTUAL, SYNC = "k32/virtual.c", "k32/sync.c"
ALLOCATE, FREE, PROTECT = (
    f"ros: modules/rostests/apitests/ntdll/{name}VirtualMemory.c" for name in ("NtAllocate", "NtFree", "NtProtect")
)
PLACE = 0x5000_0000
WC, EXECUTE, ER = w.PAGE_WRITECOPY, w.PAGE_EXECUTE, w.PAGE_EXECUTE_READ
ERW, EWC = w.PAGE_EXECUTE_READWRITE, w.PAGE_EXECUTE_WRITECOPY
GOOD = (NOACCESS, RO, RW, EXECUTE, ER, ERW)
NIBBLES = (*range(16), *range(0x10, 0x100, 0x10))
"""The protections that virtual.c tries: each mixture of the four that don't execute, and of the four that do."""


def seen(process: Any, address: int) -> Steps:
    """All that VirtualQuery says."""
    return tuple((yield from works(process.virtual_query(address))))


def private(base: int, size: int, allocated: int, state: int, protect: int, allocation: int = 0) -> tuple[int, ...]:
    """What it says of private memory."""
    return (base, allocation or base, allocated, size, state, protect, w.MEM_PRIVATE)


@case("VirtualAlloc", "a protection must be one of six", f"[{VIRTUAL}:3398-3485]")
def _(process: Any) -> Steps:
    for protect in NIBBLES:
        if protect not in GOOD:
            yield from fails(process, PARAMETER, process.virtual_alloc(0, PAGE, COMMIT, protect))
            continue
        base = yield from region(process, 1, COMMIT, protect)
        equal((yield from seen(process, base)), private(base, PAGE, protect, COMMIT, protect))
        if protect in (RW, ERW):
            yield from process.write(base, 1)
            equal((yield from query(process, base))[2], protect)
        equal((yield from process.virtual_alloc(base, PAGE, COMMIT, protect)), base)
        yield from works(process.virtual_free(base, 0, RELEASE))


@case("VirtualProtect", "a protection must be one of six, and no other changes anything", f"[{VIRTUAL}:3262-3316]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1, BOTH, NOACCESS)
    for protect in NIBBLES:
        equal((yield from seen(process, base)), private(base, PAGE, NOACCESS, COMMIT, NOACCESS))
        if protect in GOOD:
            equal((yield from process.virtual_protect(base, PAGE, protect)), NOACCESS)
            equal((yield from seen(process, base)), private(base, PAGE, NOACCESS, COMMIT, protect))
        else:
            yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, protect))
        equal((yield from process.virtual_protect(base, PAGE, NOACCESS)), protect if protect in GOOD else NOACCESS)


@case("VirtualProtect", "what VirtualAlloc accepts for committed pages it accepts, too", f"[{VIRTUAL}:3318-3376]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1, BOTH, NOACCESS)
    for executing in (0, EXECUTE, ER, ERW, EWC):
        for plain in (0, NOACCESS, RO, RW, WC):
            protect = executing | plain
            if protect in GOOD:
                equal((yield from process.virtual_alloc(base, PAGE, COMMIT, protect)), base)
                equal((yield from process.virtual_protect(base, PAGE, protect)), protect)
            else:
                yield from fails(process, PARAMETER, process.virtual_alloc(base, PAGE, COMMIT, protect))
                yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, protect))


def sleeper(process: Any) -> Steps:
    """Do nothing for five seconds."""
    yield from process.sleep(5000)


for _elsewhere, _source in ((False, f"[{VIRTUAL}:346-474]"), (True, f"[{VIRTUAL}:262-334]")):

    @case("VirtualAllocEx" if _elsewhere else "VirtualAlloc", "a region from its reservation to its release", _source)
    def _(process: Any, elsewhere: bool = _elsewhere) -> Steps:
        target: tuple[Any, ...] = ()
        suffix = ""
        if elsewhere:
            target, suffix = ((yield from works(process.create_process("b", sleeper))),), "_ex"
        allocate, look, protect, free = (
            partial(getattr(process, f"virtual_{name}{suffix}"), *target)
            for name in ("alloc", "query", "protect", "free")
        )
        yield from fails(process, PARAMETER, allocate(0, 0, RESERVE, NOACCESS))
        base = yield from works(allocate(0, 0xFFFC, RESERVE, NOACCESS))
        equal(tuple((yield from look(base))), private(base, UNIT, NOACCESS, RESERVE, 0))
        yield from fails(process, ADDRESS, protect(base, 0xFFFC, RO))
        equal((yield from allocate(base, PAGE, COMMIT, NOACCESS)), base)
        equal(tuple((yield from look(base))), private(base, PAGE, NOACCESS, COMMIT, NOACCESS))
        yield from fails(process, ADDRESS, protect(base, 0xFFFC, RO))
        equal((yield from protect(base, PAGE, RO)), NOACCESS)
        equal((yield from protect(base, PAGE, RW)), RO)
        equal(tuple((yield from look(base))), private(base, PAGE, NOACCESS, COMMIT, RW))
        yield from fails(process, PARAMETER, free(base, UNIT, 0))
        yield from fails(process, PARAMETER, free(base, 0, w.MEM_FREE))
        yield from works(free(base, UNIT, DECOMMIT))
        yield from fails(process, PARAMETER, free(base, 1, RELEASE))
        yield from works(free(base, 0, RELEASE))


@case("VirtualAllocEx", "a handle of no process is refused", f"[{VIRTUAL}:92-99]")
def _(process: Any) -> Steps:
    own = w.CURRENT_PROCESS
    base = yield from works(process.virtual_alloc_ex(own, 0, 1 << 15, COMMIT, ERW))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.virtual_free_ex(0, base, 0, RELEASE))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.virtual_alloc_ex(0, 0, 1 << 15, COMMIT, ERW))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.virtual_protect_ex(0, base, PAGE, RO))
    yield from works(process.virtual_free_ex(own, base, 0, RELEASE))


for _bits in (32, 64):

    @case(
        "VirtualAlloc", f"MEM_RESET passes over what is only reserved, {_bits} bits", f"[{VIRTUAL}:406-430]", bits=_bits
    )
    def _(process: Any) -> Steps:
        base = yield from region(process, 16, RESERVE, NOACCESS)
        yield from works(process.virtual_alloc(base, PAGE, COMMIT, RW))
        yield from process.write(base, 20)
        equal((yield from process.virtual_alloc(base, PAGE, w.MEM_RESET, NOACCESS)), base)
        equal((yield from query(process, base)), (1, COMMIT, RW))
        equal((yield from process.virtual_alloc(base + PAGE, PAGE, w.MEM_RESET, NOACCESS)), base + PAGE)
        equal((yield from query(process, base + PAGE)), (15, RESERVE, 0))
        yield from process.write(base, 20)
        equal((yield from process.virtual_alloc(base, UNIT, w.MEM_RESET, NOACCESS)), base)
        equal(bool(state(process, base)["dirty"][0]), False)
        yield from fails(process, ADDRESS, process.virtual_alloc(base + 0xF000, 2 * PAGE, w.MEM_RESET, NOACCESS))


@case("VirtualAlloc", "other mixtures are refused for committed pages, too", f"[{VIRTUAL}:432-455, 554-558]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    for kind in (RESERVE, COMMIT):
        yield from fails(process, PARAMETER, process.virtual_alloc(0, PAGE, kind, 0))
    yield from fails(process, PARAMETER, process.virtual_alloc(base, PAGE, COMMIT, RO | EXECUTE))
    yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, RW | EWC))
    yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, 0))
    round_to_page = 0x4000_0000
    yield from fails(process, PARAMETER, process.virtual_alloc(base, PAGE, BOTH | round_to_page, ERW))


for _modifier, _name in ((w.PAGE_NOCACHE, "PAGE_NOCACHE"), (w.PAGE_WRITECOMBINE, "PAGE_WRITECOMBINE")):

    @case(_name, "of an allocation stays with all its pages", f"[{VIRTUAL}:476-513]")
    def _(process: Any, modifier: int = _modifier) -> Steps:
        base = yield from region(process, 2, COMMIT, RW | modifier)
        allocated = RW | modifier
        equal((yield from seen(process, base)), private(base, 2 * PAGE, allocated, COMMIT, allocated))
        equal((yield from process.virtual_protect(base, PAGE, RW)), allocated)
        equal((yield from seen(process, base)), private(base, 2 * PAGE, allocated, COMMIT, allocated))
        equal((yield from process.virtual_protect(base, PAGE, RO)), allocated)
        equal((yield from seen(process, base)), private(base, PAGE, allocated, COMMIT, RO | modifier))
        equal((yield from process.virtual_alloc(base, PAGE, COMMIT, RW)), base)
        equal((yield from query(process, base)), (2, COMMIT, allocated))

    @case(_name, "isn't given to pages of an allocation without it", f"[{VIRTUAL}:515-544]")
    def _(process: Any, modifier: int = _modifier) -> Steps:
        base = yield from region(process, 2, COMMIT, RW)
        equal((yield from seen(process, base)), private(base, 2 * PAGE, RW, COMMIT, RW))
        equal((yield from process.virtual_protect(base, PAGE, RO | modifier)), RW)
        equal((yield from seen(process, base)), private(base, PAGE, RW, COMMIT, RO))
        equal((yield from process.virtual_alloc(base, PAGE, COMMIT, RW | modifier)), base)
        equal((yield from query(process, base)), (2, COMMIT, RW))


@case("VirtualAlloc", "a released place is taken again by its address", f"[{VIRTUAL}:546-552]")
def _(process: Any) -> Steps:
    base = yield from region(process, 2, BOTH, ERW)
    equal(base % UNIT, 0)
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from process.virtual_alloc(base, PAGE, BOTH, ERW)), base)


for _at, _size, _taken in (
    (0x5000_0000, 0x1, 0x1000), (0x5000_8000, 0x1, 0x9000), (0x5000_0010, 0x1000, 0x2000),
    (0x5001_0000, 0x2000, 0x2000), (0x5000_FFFF, 0x3000, 0x13000), (0x5000_1010, 0x7000, 0x9000),
    (0x5000_1010, 0xC000, 0xE000),
):  # fmt: skip

    @case("VirtualAlloc", f"reserving {_size:#x} at {_at:#x} takes {_taken:#x}", f"{ALLOCATE}: CheckAlignment")
    def _(process: Any, at: int = _at, size: int = _size, taken: int = _taken) -> Steps:
        base = yield from process.virtual_alloc(at, size, RESERVE, NOACCESS)
        equal(base, at & ~0xFFFF)
        equal((yield from seen(process, base)), private(base, taken, NOACCESS, RESERVE, 0))
        yield from works(process.virtual_free(base, 0, RELEASE))


@case("VirtualAlloc", "commits, decommits and releases inside one 64 KiB unit", f"{ALLOCATE}: CheckAlignment")
def _(process: Any) -> Steps:
    equal((yield from process.virtual_alloc(PLACE + 0x1010, PAGE, RESERVE, NOACCESS)), PLACE)
    yield from fails(process, ADDRESS, process.virtual_alloc(PLACE + 0x8000, PAGE, RESERVE, NOACCESS))
    for protect in (NOACCESS, RW):
        equal((yield from process.virtual_alloc(PLACE + 2 * PAGE, PAGE, COMMIT, protect)), PLACE + 2 * PAGE)
        equal((yield from query(process, PLACE + 2 * PAGE)), (1, COMMIT, protect))
    yield from fails(process, ADDRESS, process.virtual_alloc(PLACE + 3 * PAGE, PAGE, COMMIT, NOACCESS))
    yield from works(process.virtual_free(PLACE, 3 * PAGE, DECOMMIT))
    yield from fails(process, ADDRESS, process.virtual_free(PLACE + UNIT, 0, RELEASE))
    yield from fails(process, ADDRESS, process.virtual_free(PLACE + 0x8000, 0, RELEASE))
    yield from fails(process, PARAMETER, process.virtual_free(PLACE, 4 * PAGE, DECOMMIT))
    yield from works(process.virtual_free(PLACE, 0, RELEASE))
    equal((yield from process.virtual_alloc(PLACE + 0x4080, PAGE, BOTH, RW)), PLACE)
    equal((yield from query(process, PLACE)), (6, COMMIT, RW))
    for address in (PLACE, PLACE + 0x4080):
        yield from process.write(address, 4)
    yield from works(process.virtual_free(PLACE, 0, RELEASE))


@case("VirtualAlloc", "neighbouring reservations stay apart", f"{ALLOCATE}: CheckAdjacentVADs")
def _(process: Any) -> Steps:
    for base in (PLACE, PLACE + 2 * UNIT):
        equal((yield from process.virtual_alloc(base, UNIT, RESERVE, NOACCESS)), base)
    yield from fails(process, PARAMETER, process.virtual_free(PLACE, 3 * UNIT, DECOMMIT))
    equal((yield from process.virtual_alloc(PLACE + UNIT, UNIT, RESERVE, NOACCESS)), PLACE + UNIT)
    yield from fails(process, ADDRESS, process.virtual_alloc(PLACE + 0x4000, UNIT, COMMIT, NOACCESS))
    yield from works(process.virtual_alloc(PLACE, PAGE, COMMIT, RW))
    yield from works(process.virtual_alloc(PLACE + 2 * PAGE, PAGE, COMMIT, NOACCESS))
    yield from process.write(PLACE, 4)
    yield from raises(AV, process.read(PLACE + 2 * PAGE, 4), 0, PLACE + 2 * PAGE)
    yield from works(process.virtual_alloc(PLACE, 3 * PAGE, COMMIT, RO))
    yield from raises(AV, process.write(PLACE, 4), 1, PLACE)
    equal((yield from process.virtual_alloc(PLACE + 0xF000, PAGE, COMMIT, RW)), PLACE + 0xF000)
    expected = private(PLACE + 0xF000, PAGE, NOACCESS, COMMIT, RW, PLACE)
    equal((yield from seen(process, PLACE + 0xF700)), expected)
    yield from fails(process, PARAMETER, process.virtual_free(PLACE, 3 * UNIT, DECOMMIT))
    for base in (PLACE, PLACE + UNIT, PLACE + 2 * UNIT):
        yield from works(process.virtual_free(base, 0, RELEASE))
    yield from fails(process, PARAMETER, process.virtual_alloc(0xF000, PAGE, RESERVE, RW))


@case("VirtualFree", "more than the region, or from a byte later, is too much", f"{FREE}:10-66")
def _(process: Any) -> Steps:
    base = yield from region(process, 1, RESERVE)
    yield from works(process.virtual_free(base, PAGE, DECOMMIT))
    yield from fails(process, PARAMETER, process.virtual_free(base, PAGE + 1, DECOMMIT))
    yield from fails(process, PARAMETER, process.virtual_free(base + 1, PAGE, DECOMMIT))
    yield from works(process.virtual_free(base + 1, PAGE - 1, DECOMMIT))
    yield from works(process.virtual_free(base, 0, RELEASE))


@case("VirtualProtect", "what is in a page outlives all protections", f"{PROTECT}:20-105")
def _(process: Any) -> Steps:
    base = yield from region(process, 1, RESERVE, NOACCESS)
    yield from works(process.virtual_alloc(base, PAGE, COMMIT, RW))
    yield from process.write(base, 4)
    version = int(state(process, base)["version"][0])
    equal((yield from process.virtual_protect(base, PAGE, RO)), RW)
    yield from raises(AV, process.write(base, 4), 1, base)
    yield from process.read(base, 4)
    equal((yield from process.virtual_protect(base, PAGE, NOACCESS)), RO)
    yield from raises(AV, process.write(base, 4), 1, base)
    yield from raises(AV, process.read(base, 4), 0, base)
    equal((yield from process.virtual_protect(base, PAGE, RO)), NOACCESS)
    yield from raises(AV, process.write(base, 4), 1, base)
    yield from process.read(base, 4)
    equal(int(state(process, base)["version"][0]) >= max(version, 1), True)
    yield from works(process.virtual_free(base, 0, RELEASE))


@case(
    "VirtualFree", "memory made inaccessible is released, and zero when it comes back", f"{PROTECT}: TestFreeNoAccess"
)
def _(process: Any) -> Steps:
    for _ in range(5):
        base = yield from region(process, 16, COMMIT)
        equal(state(process, base, 16)["version"].tolist(), [0] * 16)
        yield from process.read(base, UNIT)
        yield from process.write(base, UNIT)
        equal((yield from process.virtual_protect(base, UNIT, NOACCESS)), RW)
        yield from works(process.virtual_free(base, 0, RELEASE))


@case("PAGE_GUARD", "set, cleared, locked and touched", f"[{VIRTUAL}:2395-2477]")
def _(process: Any) -> Steps:
    guarded = RW | GUARD
    base = yield from region(process, 1, BOTH, guarded)
    equal((yield from seen(process, base)), private(base, PAGE, guarded, COMMIT, guarded))
    equal((yield from process.virtual_protect(base, PAGE, RW)), guarded)
    yield from process.write(base, 8)
    equal((yield from process.virtual_protect(base, PAGE, guarded)), RW)
    yield from fails(process, GUARDED, process.virtual_lock(base, PAGE))
    yield from works(process.virtual_lock(base, PAGE))
    yield from process.read(base, 4)
    yield from works(process.virtual_unlock(base, PAGE))
    equal((yield from seen(process, base)), private(base, PAGE, guarded, COMMIT, RW))
    for touch, kind in ((process.read, 0), (process.write, 1), (process.read, 0)):
        equal((yield from process.virtual_protect(base, PAGE, guarded)), RW)
        yield from raises(GUARDED, touch(base + 4, 4), kind, base + 4)
        yield from touch(base + 4, 4)
        equal((yield from query(process, base))[2], RW)
    yield from works(process.virtual_lock(base, PAGE))
    yield from works(process.virtual_unlock(base, PAGE))


@case("PrefetchVirtualMemory", "takes any range but none", f"[{VIRTUAL}:4305-4353]")
def _(process: Any) -> Steps:
    yield from fails(process, 0, process.prefetch_virtual_memory([]))
    base = yield from region(process, 2)
    for ranges in ([(base, PAGE)], [(base + 10, 23)], [(0, PAGE)], [(base, PAGE), (base + PAGE, PAGE)]):
        yield from works(process.prefetch_virtual_memory(ranges))


SYSTEM = {32: (0x8000_0000, 0x8100_0000, 0xE100_0000, 0xFFFF_FFFF),
          64: (0x8000_0000_0000, 0xFFFF_8000_0000_0000, 0xFFFF_F8A0_0000_0000, 0xFFFF_FFFF_FFFF_FFFF)}  # fmt: skip

for _bits, _addresses in SYSTEM.items():

    @case(
        "Access violation",
        f"the system's half of a {_bits}-bit process can't be touched",
        "[Virtual Address Space]",
        bits=_bits,
        settings={"dep_policy": "always-on"},
    )
    def _(process: Any, addresses: tuple[int, ...] = _addresses) -> Steps:
        for address in addresses:
            yield from raises(AV, process.read(address, 1), 0, address)
            yield from raises(AV, process.write(address, 1), 1, address)
            yield from raises(AV, process.execute(address, 1), 8, address)
            yield from fails(process, PARAMETER, process.virtual_query(address))
            yield from fails(process, 0, process.virtual_free(address, 0, RELEASE))
            yield from fails(process, w.ERROR_NOACCESS, process.virtual_lock(address, 1))

    @case("Access violation", f"a block of pool can't be read, {_bits} bits", "[Virtual Address Space]", bits=_bits)
    def _(process: Any) -> Steps:
        for kind in (w.PAGED_POOL, w.NON_PAGED_POOL):
            block = yield from works(process.ex_allocate_pool_with_tag(kind, 100, "Test"))
            address = block % (1 << process.own.bits)
            yield from raises(AV, process.read(block, 8), 0, address)
            yield from raises(AV, process.write(block, 100), 1, address)
            yield from works(process.ex_free_pool_with_tag(block, "Test"))


@case(
    "QueryMemoryResourceNotification",
    "of no handle it fails, of any event it says whether that is set",
    f"[{SYNC}:695-721]",
)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.create_memory_resource_notification(2))
    for handle in (0, w.INVALID_HANDLE_VALUE):
        process.set_last_error(0)
        equal((yield from process.query_memory_resource_notification(handle)), None)
        equal(process.get_last_error(), PARAMETER)
    low = yield from works(process.create_memory_resource_notification(w.LOW_MEMORY_RESOURCE_NOTIFICATION))
    equal((yield from process.wait_for_single_object(low, 10)) in (w.WAIT_OBJECT_0, w.WAIT_TIMEOUT), True)
    equal((yield from process.query_memory_resource_notification(low)) in (True, False), True)
    yield from works(process.close_handle(low))
    equal((yield from process.query_memory_resource_notification(low)), None)
    equal(process.get_last_error(), w.ERROR_INVALID_HANDLE)
    for initial in (False, True):
        event = yield from works(process.create_event(True, initial))
        equal((yield from process.query_memory_resource_notification(event)), initial)
