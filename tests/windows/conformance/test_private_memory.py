"""VirtualAlloc and its relatives on private memory: what Wine's and ReactOS' tests of them assert."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.windows.conformance.rules import *

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


def seen(p: Any, address: int) -> Any:
    """All that VirtualQuery says."""
    return tuple(works(p.virtual_query(address)))


def private(base: int, size: int, allocated: int, state: int, protect: int, allocation: int = 0) -> tuple[int, ...]:
    """What it says of private memory."""
    return (base, allocation or base, allocated, size, state, protect, w.MEM_PRIVATE)


def test_virtual_alloc(rule: Rule) -> None:
    with rule("a protection must be one of six", f"[{VIRTUAL}:3398-3485]") as p:
        for protect in NIBBLES:
            if protect not in GOOD:
                p.fails(PARAMETER).virtual_alloc(0, PAGE, COMMIT, protect)
                continue
            base = p.region(1, COMMIT, protect)
            assert seen(p, base) == private(base, PAGE, protect, COMMIT, protect)
            if protect in (RW, ERW):
                p.write(base, 1)
                assert p.query(base)[2] == protect
            assert p.virtual_alloc(base, PAGE, COMMIT, protect) == base
            works(p.virtual_free(base, 0, RELEASE))


def test_virtual_protect(rule: Rule) -> None:
    with rule("a protection must be one of six, and no other changes anything", f"[{VIRTUAL}:3262-3316]") as p:
        base = p.region(1, BOTH, NOACCESS)
        for protect in NIBBLES:
            assert seen(p, base) == private(base, PAGE, NOACCESS, COMMIT, NOACCESS)
            if protect in GOOD:
                assert p.virtual_protect(base, PAGE, protect) == NOACCESS
                assert seen(p, base) == private(base, PAGE, NOACCESS, COMMIT, protect)
            else:
                p.fails(PARAMETER).virtual_protect(base, PAGE, protect)
            assert p.virtual_protect(base, PAGE, NOACCESS) == (protect if protect in GOOD else NOACCESS)
    with rule("what VirtualAlloc accepts for committed pages it accepts, too", f"[{VIRTUAL}:3318-3376]") as p:
        base = p.region(1, BOTH, NOACCESS)
        for executing in (0, EXECUTE, ER, ERW, EWC):
            for plain in (0, NOACCESS, RO, RW, WC):
                protect = executing | plain
                if protect in GOOD:
                    assert p.virtual_alloc(base, PAGE, COMMIT, protect) == base
                    assert p.virtual_protect(base, PAGE, protect) == protect
                else:
                    p.fails(PARAMETER).virtual_alloc(base, PAGE, COMMIT, protect)
                    p.fails(PARAMETER).virtual_protect(base, PAGE, protect)


def sleeper(p: Any) -> None:
    """Do nothing for five seconds."""
    p.sleep(5000)


def test_virtual_alloc_ex_virtual_alloc(rule: Rule) -> None:
    for elsewhere, source in ((False, f"[{VIRTUAL}:346-474]"), (True, f"[{VIRTUAL}:262-334]")):
        with rule("a region from its reservation to its release", source) as p:
            target: tuple[Any, ...] = ()
            suffix = ""
            if elsewhere:
                target, suffix = (works(p.create_process("b", sleeper)),), "_ex"
            allocate, look, protect, free = (
                partial(getattr(p, f"virtual_{name}{suffix}"), *target)
                for name in ("alloc", "query", "protect", "free")
            )
            p.fails(PARAMETER).do(allocate, 0, 0, RESERVE, NOACCESS)
            base = works(allocate(0, 0xFFFC, RESERVE, NOACCESS))
            assert tuple(look(base)) == private(base, UNIT, NOACCESS, RESERVE, 0)
            p.fails(ADDRESS).do(protect, base, 0xFFFC, RO)
            assert allocate(base, PAGE, COMMIT, NOACCESS) == base
            assert tuple(look(base)) == private(base, PAGE, NOACCESS, COMMIT, NOACCESS)
            p.fails(ADDRESS).do(protect, base, 0xFFFC, RO)
            assert protect(base, PAGE, RO) == NOACCESS
            assert protect(base, PAGE, RW) == RO
            assert tuple(look(base)) == private(base, PAGE, NOACCESS, COMMIT, RW)
            p.fails(PARAMETER).do(free, base, UNIT, 0)
            p.fails(PARAMETER).do(free, base, 0, w.MEM_FREE)
            works(free(base, UNIT, DECOMMIT))
            p.fails(PARAMETER).do(free, base, 1, RELEASE)
            works(free(base, 0, RELEASE))


def test_virtual_alloc_ex(rule: Rule) -> None:
    with rule("a handle of no process is refused", f"[{VIRTUAL}:92-99]") as p:
        own = w.CURRENT_PROCESS
        base = works(p.virtual_alloc_ex(own, 0, 1 << 15, COMMIT, ERW))
        p.fails(w.ERROR_INVALID_HANDLE).virtual_free_ex(0, base, 0, RELEASE)
        p.fails(w.ERROR_INVALID_HANDLE).virtual_alloc_ex(0, 0, 1 << 15, COMMIT, ERW)
        p.fails(w.ERROR_INVALID_HANDLE).virtual_protect_ex(0, base, PAGE, RO)
        works(p.virtual_free_ex(own, base, 0, RELEASE))


def test_mem_reset_of_reserved_pages(rule: Rule) -> None:
    for bits in (32, 64):
        with rule(f"MEM_RESET passes over what is only reserved, {bits} bits", f"[{VIRTUAL}:406-430]", bits=bits) as p:
            base = p.region(16, RESERVE, NOACCESS)
            works(p.virtual_alloc(base, PAGE, COMMIT, RW))
            p.write(base, 20)
            assert p.virtual_alloc(base, PAGE, w.MEM_RESET, NOACCESS) == base
            assert p.query(base) == (1, COMMIT, RW)
            assert p.virtual_alloc(base + PAGE, PAGE, w.MEM_RESET, NOACCESS) == base + PAGE
            assert p.query(base + PAGE) == (15, RESERVE, 0)
            p.write(base, 20)
            assert p.virtual_alloc(base, UNIT, w.MEM_RESET, NOACCESS) == base
            assert not p.state(base)["dirty"][0]
            p.fails(ADDRESS).virtual_alloc(base + 0xF000, 2 * PAGE, w.MEM_RESET, NOACCESS)
    with rule("other mixtures are refused for committed pages, too", f"[{VIRTUAL}:432-455, 554-558]") as p:
        base = p.region(1)
        for kind in (RESERVE, COMMIT):
            p.fails(PARAMETER).virtual_alloc(0, PAGE, kind, 0)
        p.fails(PARAMETER).virtual_alloc(base, PAGE, COMMIT, RO | EXECUTE)
        p.fails(PARAMETER).virtual_protect(base, PAGE, RW | EWC)
        p.fails(PARAMETER).virtual_protect(base, PAGE, 0)
        round_to_page = 0x4000_0000
        p.fails(PARAMETER).virtual_alloc(base, PAGE, BOTH | round_to_page, ERW)


def test_modifiers(rule: Rule) -> None:
    for modifier, name in ((w.PAGE_NOCACHE, "PAGE_NOCACHE"), (w.PAGE_WRITECOMBINE, "PAGE_WRITECOMBINE")):
        with rule(f"{name} of an allocation stays with all its pages", f"[{VIRTUAL}:476-513]") as p:
            base = p.region(2, COMMIT, RW | modifier)
            allocated = RW | modifier
            assert seen(p, base) == private(base, 2 * PAGE, allocated, COMMIT, allocated)
            assert p.virtual_protect(base, PAGE, RW) == allocated
            assert seen(p, base) == private(base, 2 * PAGE, allocated, COMMIT, allocated)
            assert p.virtual_protect(base, PAGE, RO) == allocated
            assert seen(p, base) == private(base, PAGE, allocated, COMMIT, RO | modifier)
            assert p.virtual_alloc(base, PAGE, COMMIT, RW) == base
            assert p.query(base) == (2, COMMIT, allocated)
        with rule("isn't given to pages of an allocation without it", f"[{VIRTUAL}:515-544]") as p:
            base = p.region(2, COMMIT, RW)
            assert seen(p, base) == private(base, 2 * PAGE, RW, COMMIT, RW)
            assert p.virtual_protect(base, PAGE, RO | modifier) == RW
            assert seen(p, base) == private(base, PAGE, RW, COMMIT, RO)
            assert p.virtual_alloc(base, PAGE, COMMIT, RW | modifier) == base
            assert p.query(base) == (2, COMMIT, RW)


def test_places_taken_again(rule: Rule) -> None:
    with rule("a released place is taken again by its address", f"[{VIRTUAL}:546-552]") as p:
        base = p.region(2, BOTH, ERW)
        assert base % UNIT == 0
        works(p.virtual_free(base, 0, RELEASE))
        assert p.virtual_alloc(base, PAGE, BOTH, ERW) == base
    for at, size, taken in (
        (0x5000_0000, 0x1, 0x1000),
        (0x5000_8000, 0x1, 0x9000),
        (0x5000_0010, 0x1000, 0x2000),
        (0x5001_0000, 0x2000, 0x2000),
        (0x5000_FFFF, 0x3000, 0x13000),
        (0x5000_1010, 0x7000, 0x9000),
        (0x5000_1010, 0xC000, 0xE000),
    ):
        with rule(f"reserving {size:#x} at {at:#x} takes {taken:#x}", f"{ALLOCATE}: CheckAlignment") as p:
            base = p.virtual_alloc(at, size, RESERVE, NOACCESS)
            assert base == at & ~0xFFFF
            assert seen(p, base) == private(base, taken, NOACCESS, RESERVE, 0)
            works(p.virtual_free(base, 0, RELEASE))
    with rule("commits, decommits and releases inside one 64 KiB unit", f"{ALLOCATE}: CheckAlignment") as p:
        assert p.virtual_alloc(PLACE + 0x1010, PAGE, RESERVE, NOACCESS) == PLACE
        p.fails(ADDRESS).virtual_alloc(PLACE + 0x8000, PAGE, RESERVE, NOACCESS)
        for protect in (NOACCESS, RW):
            assert p.virtual_alloc(PLACE + 2 * PAGE, PAGE, COMMIT, protect) == PLACE + 2 * PAGE
            assert p.query(PLACE + 2 * PAGE) == (1, COMMIT, protect)
        p.fails(ADDRESS).virtual_alloc(PLACE + 3 * PAGE, PAGE, COMMIT, NOACCESS)
        works(p.virtual_free(PLACE, 3 * PAGE, DECOMMIT))
        p.fails(ADDRESS).virtual_free(PLACE + UNIT, 0, RELEASE)
        p.fails(ADDRESS).virtual_free(PLACE + 0x8000, 0, RELEASE)
        p.fails(PARAMETER).virtual_free(PLACE, 4 * PAGE, DECOMMIT)
        works(p.virtual_free(PLACE, 0, RELEASE))
        assert p.virtual_alloc(PLACE + 0x4080, PAGE, BOTH, RW) == PLACE
        assert p.query(PLACE) == (6, COMMIT, RW)
        for address in (PLACE, PLACE + 0x4080):
            p.write(address, 4)
        works(p.virtual_free(PLACE, 0, RELEASE))


def test_neighbouring_reservations(rule: Rule) -> None:
    with rule("neighbouring reservations stay apart", f"{ALLOCATE}: CheckAdjacentVADs") as p:
        for base in (PLACE, PLACE + 2 * UNIT):
            assert p.virtual_alloc(base, UNIT, RESERVE, NOACCESS) == base
        p.fails(PARAMETER).virtual_free(PLACE, 3 * UNIT, DECOMMIT)
        assert p.virtual_alloc(PLACE + UNIT, UNIT, RESERVE, NOACCESS) == PLACE + UNIT
        p.fails(ADDRESS).virtual_alloc(PLACE + 0x4000, UNIT, COMMIT, NOACCESS)
        works(p.virtual_alloc(PLACE, PAGE, COMMIT, RW))
        works(p.virtual_alloc(PLACE + 2 * PAGE, PAGE, COMMIT, NOACCESS))
        p.write(PLACE, 4)
        p.raises(AV, 0, PLACE + 2 * PAGE).read(PLACE + 2 * PAGE, 4)
        works(p.virtual_alloc(PLACE, 3 * PAGE, COMMIT, RO))
        p.raises(AV, 1, PLACE).write(PLACE, 4)
        assert p.virtual_alloc(PLACE + 0xF000, PAGE, COMMIT, RW) == PLACE + 0xF000
        expected = private(PLACE + 0xF000, PAGE, NOACCESS, COMMIT, RW, PLACE)
        assert seen(p, PLACE + 0xF700) == expected
        p.fails(PARAMETER).virtual_free(PLACE, 3 * UNIT, DECOMMIT)
        for base in (PLACE, PLACE + UNIT, PLACE + 2 * UNIT):
            works(p.virtual_free(base, 0, RELEASE))
        p.fails(PARAMETER).virtual_alloc(0xF000, PAGE, RESERVE, RW)


def test_virtual_free(rule: Rule) -> None:
    with rule("more than the region, or from a byte later, is too much", f"{FREE}:10-66") as p:
        base = p.region(1, RESERVE)
        works(p.virtual_free(base, PAGE, DECOMMIT))
        p.fails(PARAMETER).virtual_free(base, PAGE + 1, DECOMMIT)
        p.fails(PARAMETER).virtual_free(base + 1, PAGE, DECOMMIT)
        works(p.virtual_free(base + 1, PAGE - 1, DECOMMIT))
        works(p.virtual_free(base, 0, RELEASE))


def test_what_outlives_protections(rule: Rule) -> None:
    with rule("what is in a page outlives all protections", f"{PROTECT}:20-105") as p:
        base = p.region(1, RESERVE, NOACCESS)
        works(p.virtual_alloc(base, PAGE, COMMIT, RW))
        p.write(base, 4)
        version = int(p.state(base)["version"][0])
        assert p.virtual_protect(base, PAGE, RO) == RW
        p.raises(AV, 1, base).write(base, 4)
        p.read(base, 4)
        assert p.virtual_protect(base, PAGE, NOACCESS) == RO
        p.raises(AV, 1, base).write(base, 4)
        p.raises(AV, 0, base).read(base, 4)
        assert p.virtual_protect(base, PAGE, RO) == NOACCESS
        p.raises(AV, 1, base).write(base, 4)
        p.read(base, 4)
        assert int(p.state(base)["version"][0]) >= max(version, 1)
        works(p.virtual_free(base, 0, RELEASE))


def test_free_of_inaccessible_memory(rule: Rule) -> None:
    with rule("memory made inaccessible is released, and zero when it comes back", f"{PROTECT}: TestFreeNoAccess") as p:
        for _ in range(5):
            base = p.region(16, COMMIT)
            assert p.state(base, 16)["version"].tolist() == [0] * 16
            p.read(base, UNIT)
            p.write(base, UNIT)
            assert p.virtual_protect(base, UNIT, NOACCESS) == RW
            works(p.virtual_free(base, 0, RELEASE))


def test_page_guard(rule: Rule) -> None:
    with rule("set, cleared, locked and touched", f"[{VIRTUAL}:2395-2477]") as p:
        guarded = RW | GUARD
        base = p.region(1, BOTH, guarded)
        assert seen(p, base) == private(base, PAGE, guarded, COMMIT, guarded)
        assert p.virtual_protect(base, PAGE, RW) == guarded
        p.write(base, 8)
        assert p.virtual_protect(base, PAGE, guarded) == RW
        p.fails(GUARDED).virtual_lock(base, PAGE)
        works(p.virtual_lock(base, PAGE))
        p.read(base, 4)
        works(p.virtual_unlock(base, PAGE))
        assert seen(p, base) == private(base, PAGE, guarded, COMMIT, RW)
        for touch, kind in ((p.read, 0), (p.write, 1), (p.read, 0)):
            assert p.virtual_protect(base, PAGE, guarded) == RW
            p.raises(GUARDED, kind, base + 4).do(touch, base + 4, 4)
            touch(base + 4, 4)
            assert p.query(base)[2] == RW
        works(p.virtual_lock(base, PAGE))
        works(p.virtual_unlock(base, PAGE))


def test_prefetch_virtual_memory(rule: Rule) -> None:
    with rule("takes any range but none", f"[{VIRTUAL}:4305-4353]") as p:
        p.fails(0).prefetch_virtual_memory([])
        base = p.region(2)
        for ranges in ([(base, PAGE)], [(base + 10, 23)], [(0, PAGE)], [(base, PAGE), (base + PAGE, PAGE)]):
            works(p.prefetch_virtual_memory(ranges))


SYSTEM = {32: (0x8000_0000, 0x8100_0000, 0xE100_0000, 0xFFFF_FFFF),
          64: (0x8000_0000_0000, 0xFFFF_8000_0000_0000, 0xFFFF_F8A0_0000_0000, 0xFFFF_FFFF_FFFF_FFFF)}  # fmt: skip


def test_access_violation(rule: Rule) -> None:
    for bits, addresses in SYSTEM.items():
        with rule(
            f"the system's half of a {bits}-bit process can't be touched",
            "[Virtual Address Space]",
            bits=bits,
            settings={"dep_policy": "always-on"},
        ) as p:
            for address in addresses:
                p.raises(AV, 0, address).read(address, 1)
                p.raises(AV, 1, address).write(address, 1)
                p.raises(AV, 8, address).execute(address, 1)
                p.fails(PARAMETER).virtual_query(address)
                p.fails(0).virtual_free(address, 0, RELEASE)
                p.fails(w.ERROR_NOACCESS).virtual_lock(address, 1)
        with rule(f"a block of pool can't be read, {bits} bits", "[Virtual Address Space]", bits=bits) as p:
            for kind in (w.PAGED_POOL, w.NON_PAGED_POOL):
                block = works(p.ex_allocate_pool_with_tag(kind, 100, "Test"))
                address = block % (1 << p.own.bits)
                p.raises(AV, 0, address).read(block, 8)
                p.raises(AV, 1, address).write(block, 100)
                works(p.ex_free_pool_with_tag(block, "Test"))


def test_query_memory_resource_notification(rule: Rule) -> None:
    with rule("of no handle it fails, of any event it says whether that is set", f"[{SYNC}:695-721]") as p:
        p.fails(PARAMETER).create_memory_resource_notification(2)
        for handle in (0, w.INVALID_HANDLE_VALUE):
            p.set_last_error(0)
            assert p.query_memory_resource_notification(handle) is None
            assert p.get_last_error() == PARAMETER
        low = works(p.create_memory_resource_notification(w.LOW_MEMORY_RESOURCE_NOTIFICATION))
        assert p.wait_for_single_object(low, 10) in (w.WAIT_OBJECT_0, w.WAIT_TIMEOUT)
        assert p.query_memory_resource_notification(low) in (True, False)
        works(p.close_handle(low))
        assert p.query_memory_resource_notification(low) is None
        assert p.get_last_error() == w.ERROR_INVALID_HANDLE
        for initial in (False, True):
            event = works(p.create_event(True, initial))
            assert p.query_memory_resource_notification(event) == initial
