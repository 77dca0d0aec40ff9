"""What Global and Local functions answer, where tests that pass on Windows see it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from tests.windows.conformance.rules import *

INVALID, NO_ACCESS, NOT_LOCKED = w.ERROR_INVALID_HANDLE, w.ERROR_NOACCESS, w.ERROR_NOT_LOCKED
MOVEABLE, MODIFY, NONE = w.GMEM_MOVEABLE, w.GMEM_MODIFY, w.GMEM_INVALID_HANDLE
LINES = {
    "null": ("1317-1320", "2223-2226"),
    "many": ("1322-1359", "2228-2253"),
    "sizes": ("1366-1383", "2259-2276"),
    "locks": ("1513-1542", "2278-2307"),
    "freed": ("1562-1597", "2310-2342"),
    "handle": ("1600-1635", "2345-2374"),
    "pointer": ("1638-1670", "2377-2414"),
    "modify": ("1680-1698", "2417-2433"),
    "relocate": ("1701-1710", "2436-2445"),
    "fixed": ("2077-2084", "2860-2868"),
    "empty": ("2086-2091", "2870-2875"),
    "discarded": ("2094-2100", "2878-2884"),
    "buffer": ("2102-2116", "2886-2900"),
    "convert": ("2118-2131", "2902-2917"),
    "grow": ("2133-2161", "2919-2953"),
    "flags": ("2163-2171", "2955-2963"),
    "heap": ("2173-2179", "2965-2971"),
}
ACCEPTED = {
    "global": [
        w.GMEM_NOTIFY,
        w.GMEM_DISCARDABLE,
        MOVEABLE | w.GMEM_NOTIFY,
        MOVEABLE | w.GMEM_DDESHARE,
        MOVEABLE | w.GMEM_NOT_BANKED,
        MOVEABLE | w.GMEM_NODISCARD,
        MOVEABLE | w.GMEM_DISCARDABLE,
        MOVEABLE | 0x7F30 & ~w.GMEM_MODIFY & ~0xE00,
    ],
    "local": [
        0,
        w.LMEM_DISCARDABLE,
        MOVEABLE,
        MOVEABLE | w.LMEM_NODISCARD,
        MOVEABLE | w.LMEM_DISCARDABLE,
        MOVEABLE | w.LMEM_DISCARDABLE | w.LMEM_NOCOMPACT | w.LMEM_NODISCARD,
    ],
}


class Calls:
    """The Global or the Local functions of a process."""

    def __init__(self, p: Caller, flavour: str) -> None:
        self.process = p
        self.flavour = flavour
        self.pointer = p.own.bits // 8
        self.is_global = flavour == "global"
        self.many = Caller(p.process, p.turns, f"{flavour}_")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.process, f"{self.flavour}_{name}")

    def gives(self, expected: Any, code: int = 0xDEADBEEF) -> Any:
        """See `Caller.gives`."""
        return self.many.gives(expected, code)

    def discard(self, memory: int) -> Any:
        """GlobalDiscard or LocalDiscard, a macro."""
        return self.realloc(memory, 0, MOVEABLE)

    def has_size(self, memory: int, size: int) -> None:
        """See that an object has this size."""
        assert self.size(memory) == size

    def has_flags(self, memory: int, flags: int) -> None:
        """See that an object has these flags."""
        assert self.flags(memory) == flags

    def goes(self, memory: int) -> None:
        """See that an object is freed."""
        assert self.free(memory) == 0


def both(rule: Rule, name: str, what: str, bits: tuple[int, ...] = (32, 64)) -> Iterator[Calls]:
    """A rule of the Global functions and of the Local ones, in a 32-bit and a 64-bit process."""
    for number, flavour in enumerate(("global", "local")):
        for width in bits:
            source = f"[k32/heap.c:{LINES[name][number]}, test_{flavour.title()}Alloc]"
            with rule(f"{flavour}: {what}, in a {width}-bit process", source, bits=width, paging_pages=4096) as p:
                yield Calls(p, flavour)


def test_free(rule: Rule) -> None:
    for call in both(rule, "null", "NULL may be freed, and not reallocated"):
        call.goes(0)
        assert call.realloc(0, 10, MOVEABLE) == 0


def test_alloc(rule: Rule) -> None:
    for call in both(rule, "many", "there are 65,536 moveable objects, for both families together", bits=(64,)):
        flags = MOVEABLE | w.GMEM_DISCARDABLE
        memory = call.many.each("alloc", [(flags, 0)] * 0x10000)
        assert 0 not in memory
        assert len(set(memory)) == 0x10000
        call.process.gives(0, w.ERROR_NOT_ENOUGH_MEMORY).global_alloc(flags, 0)
        call.process.gives(0, w.ERROR_NOT_ENOUGH_MEMORY).local_alloc(flags, 0)
        call.goes(works(call.alloc(w.GMEM_DISCARDABLE, 0)))
        call.many.each("free", [(handle,) for handle in memory])
        works(call.alloc(flags, 0))


def test_re_alloc(rule: Rule) -> None:
    for call in both(rule, "sizes", "an object gets memory, is discarded, and gets memory again"):
        memory = works(call.alloc(MOVEABLE, 0))
        for size in (10, 0, 10):
            assert call.realloc(memory, size, MOVEABLE) == memory
            call.has_size(memory, size)
        call.goes(memory)
        call.has_size(memory, 0)


def test_lock(rule: Rule) -> None:
    for call in both(rule, "locks", "locks are counted"):
        memory = works(call.alloc(MOVEABLE, 256))
        pointer = works(call.lock(memory))
        assert pointer != memory
        assert call.handle(pointer) == memory
        call.has_flags(memory, 1)
        assert call.lock(memory) == pointer
        call.has_flags(memory, 2)
        works(call.unlock(memory))
        call.has_flags(memory, 1)
        call.gives(False, w.ERROR_SUCCESS).unlock(memory)
        call.has_flags(memory, 0)
        call.gives(False, NOT_LOCKED).unlock(memory)
        call.goes(memory)


def unknown_handle(call: Calls, memory: int) -> None:
    """See what the functions make of a handle that there is none of."""
    call.gives(memory, INVALID).free(memory)
    call.gives(NONE, INVALID).flags(memory)
    call.gives(0, INVALID).size(memory)
    call.gives(0, INVALID).lock(memory)
    call.gives(call.is_global, INVALID).unlock(memory)
    call.gives(0, INVALID).realloc(memory, 0, MOVEABLE)
    call.gives(0, INVALID).handle(memory)


def test_a_freed_handle(rule: Rule) -> None:
    for call in both(rule, "freed", "a freed handle is known for one by all functions"):
        memory = works(call.alloc(MOVEABLE, 256))
        call.goes(memory)
        unknown_handle(call, memory)


NOWHERE = 0xDEADBEE0
"""an address that no program has"""


def nowhere(call: Calls) -> tuple[int, int]:
    """Two addresses at which there is nothing, the first of which, sign-extended, is the system's."""
    return NOWHERE | (0 if call.pointer == 4 else 0xFFFFFFFF << 32), 0x5EADBEE0


def test_what_is_no_handle(rule: Rule) -> None:
    for call in both(rule, "handle", "what looks like a handle, and is none, is known for one by all functions"):
        for address in nowhere(call):
            unknown_handle(call, address + call.pointer)
    for call in both(rule, "pointer", "an address at which there is nothing is followed by some functions"):
        followed = INVALID if call.is_global else NO_ACCESS
        for address in nowhere(call):
            call.gives(address, NO_ACCESS).free(address)
            call.gives(NONE, followed).flags(address)
            call.gives(0, INVALID).size(address)
            if call.is_global:
                call.gives(0, INVALID).lock(address)
                call.gives(True).unlock(address)
            else:
                call.gives(0).lock(address)
                call.gives(False, NOT_LOCKED).unlock(address)
            call.gives(0, NO_ACCESS).realloc(address, 0, MOVEABLE)
            call.gives(0, followed).handle(address)


def test_global_free(rule: Rule) -> None:
    with rule(
        "a freed block is known for one in a 32-bit process", "[k32/heap.c:1544-1559, test_GlobalAlloc]", bits=32
    ) as p:
        memory = works(p.global_alloc(w.GMEM_DDESHARE, 100))
        assert p.global_free(memory) == 0
        p.gives(memory, INVALID).global_free(memory)
        p.gives(0, INVALID).global_size(0xC042)


def test_re_alloc_of_blocks_of_the_front_end(rule: Rule) -> None:
    for call in both(
        rule, "modify", "a fixed block that the front end serves isn't resized in place, and GMEM_MODIFY leaves it"
    ):
        serve(call, 12)
        memory = works(call.alloc(0, 12))
        assert call.realloc(memory, 11, MODIFY) == memory
        call.has_size(memory, 12)
        call.gives(0, w.ERROR_NOT_ENOUGH_MEMORY).realloc(memory, 12, 0)
        assert call.realloc(memory, 1024 * 1024, MODIFY) == memory
        call.has_size(memory, 12)
        call.goes(memory)
    for call in both(rule, "relocate", "a fixed block that the front end serves moves if it may"):
        serve(call, 12)
        memory = works(call.alloc(0, 12))
        moved = works(call.realloc(memory, 13, MOVEABLE))
        assert moved != memory
        assert call.lock(moved) == moved
        call.goes(moved)


def serve(call: Calls, size: int) -> None:
    """Have the front end serve a size."""
    blocks = [works(call.alloc(0, size)) for _ in range(0x12)]
    for block in blocks:
        call.goes(block)


def test_unlock(rule: Rule) -> None:
    for call in both(rule, "fixed", "a fixed block is unlocked always or never, and has its address for a handle"):
        memory = works(call.alloc(0, 100))
        if call.is_global:
            works(call.unlock(memory))
            works(call.unlock(memory))
        else:
            call.gives(False, NOT_LOCKED).unlock(memory)
        assert call.handle(memory) == memory
        call.goes(memory)


def test_size(rule: Rule) -> None:
    for call in both(rule, "empty", "a fixed block of 0 bytes has one if it is Global memory"):
        memory = works(call.alloc(0, 0))
        call.has_size(memory, 1 if call.is_global else 0)
        call.goes(memory)


def test_lock_of_an_empty_object(rule: Rule) -> None:
    for call in both(rule, "discarded", "an object of 0 bytes can't be locked"):
        memory = works(call.alloc(MOVEABLE | w.GMEM_ZEROINIT, 0))
        call.gives(0, w.ERROR_DISCARDED).lock(memory)
        call.goes(memory)


def test_size_of_a_fixed_block(rule: Rule) -> None:
    for call in both(
        rule, "buffer", "a fixed block has at least the bytes that were asked for, and is its own pointer"
    ):
        for flags in (0, w.GMEM_ZEROINIT):
            memory = works(call.alloc(flags, 100_000))
            assert call.size(memory) >= 100_000
            assert call.lock(memory) == memory
            call.goes(memory)


def test_fixed_memory_made_moveable(rule: Rule) -> None:
    for call in both(rule, "convert", "fixed memory becomes moveable if it is Global memory"):
        memory = works(call.alloc(w.GMEM_ZEROINIT, 100_000))
        made = works(call.realloc(memory, 0, MODIFY | MOVEABLE))
        assert (made != memory) == call.is_global
        call.has_size(made, 100_000)
        pointer = works(call.lock(made))
        assert (pointer != made) == call.is_global
        call.gives(False, w.ERROR_SUCCESS if call.is_global else NOT_LOCKED).unlock(made)


def test_discard(rule: Rule) -> None:
    for call in both(
        rule, "grow", "memory that isn't locked is made larger, and discarded, or made empty if it is fixed"
    ):
        memory = works(call.alloc(w.GMEM_ZEROINIT, 100_000))
        memory = works(call.realloc(memory, 0, MODIFY | MOVEABLE))
        assert call.realloc(memory, 200_000, MOVEABLE | w.GMEM_ZEROINIT) == memory
        assert call.size(memory) >= 200_000
        pointer = works(call.lock(memory))
        assert (pointer != memory) == call.is_global
        assert call.handle(pointer) == memory
        assert call.discard(memory) == (0 if call.is_global else memory)
        call.gives(False, w.ERROR_SUCCESS if call.is_global else NOT_LOCKED).unlock(memory)
        assert call.discard(memory) == memory
        call.goes(memory)


def test_flags(rule: Rule) -> None:
    for call in both(rule, "flags", "no flag but GMEM_DISCARDABLE and GMEM_DDESHARE is shown"):
        shown = w.GMEM_DDESHARE | w.GMEM_DISCARDABLE if call.is_global else w.LMEM_DISCARDABLE
        for flags in ACCEPTED[call.flavour]:
            memory = works(call.alloc(flags, 4))
            assert call.flags(memory) & ~shown == 0, f"flags of {flags:#x}"
            call.goes(memory)


def test_handle(rule: Rule) -> None:
    for call in both(rule, "heap", "a block of HeapAlloc is its own handle"):
        heap = call.process.get_process_heap()
        block = works(call.process.heap_alloc(heap, 0, 16))
        assert call.handle(block) == block
        works(call.process.heap_free(heap, 0, block))


def test_global_alloc(rule: Rule) -> None:
    for bits in (32, 64):
        name, pointer = f"in a {bits}-bit process", bits // 8
        with rule(
            f"what is discarded isn't a block, {name}", "[k32/heap.c:1385-1407, test_GlobalAlloc]", bits=bits
        ) as p:
            heap = p.get_process_heap()
            for flags in (MOVEABLE | w.GMEM_DISCARDABLE, MOVEABLE):
                memory = works(p.global_alloc(flags, 0))
                assert p.global_size(memory) == 0
                assert p.heap_validate(heap, 0, memory - pointer) is False
                assert p.global_free(memory) == 0
        with rule(
            f"handles and blocks of all sizes are aligned differently, {name}",
            "[k32/heap.c:1409-1454, test_GlobalAlloc]",
            bits=bits,
            paging_pages=40_000,
        ) as p:
            heap = p.get_process_heap()
            for size in (1 << shift for shift in range(0, 26, 5)):
                block = works(p.global_alloc(0, size))
                assert block % (2 * pointer) == 0
                assert p.heap_validate(heap, 0, block) is True
                assert p.global_free(block) == 0
                memory = works(p.global_alloc(MOVEABLE, size))
                assert memory % (2 * pointer) == pointer
                assert p.heap_validate(heap, 0, memory - pointer) is False
                block = works(p.global_lock(memory))
                assert block % (2 * pointer) == 0
                assert p.heap_validate(heap, 0, block) is True
                assert p.heap_size(heap, 0, block) == size
                assert p.global_handle(block) == memory
                assert p.global_free(memory) == 0
        with rule(f"255 locks are counted, {name}", "[k32/heap.c:1449-1474, test_GlobalAlloc]", bits=bits) as p:
            memory = works(p.global_alloc(MOVEABLE, 1))
            for i in range(1, 0x100):
                works(p.global_lock(memory))
                assert p.global_flags(memory) == i
            works(p.global_lock(memory))
            assert p.global_flags(memory) == 0xFF
            for _ in range(1, 0xFF):
                works(p.global_unlock(memory))
            assert p.global_unlock(memory) is False
            assert p.global_flags(memory) == 0
            assert p.global_free(memory) == 0
        with rule(
            f"shows what is discarded, discardable and shared, {name}",
            "[k32/heap.c:1480-1508, test_GlobalAlloc]",
            bits=bits,
        ) as p:
            rows = [
                (0, 0, w.GMEM_DISCARDED | w.GMEM_DISCARDABLE),
                (0, 1, w.GMEM_DISCARDABLE),
                (w.GMEM_DDESHARE, 1, w.GMEM_DISCARDABLE | w.GMEM_DDESHARE),
            ]
            for flags, size, expected in rows:
                memory = works(p.global_alloc(MOVEABLE | w.GMEM_DISCARDABLE | flags, size))
                assert p.global_flags(memory) == expected
                assert p.global_free(memory) == 0
        with rule(
            f"moveable memory has room for its handle behind its data, {name}",
            "[k32/heap.c:1437-1440 and 3108-3120, test_GlobalAlloc, test_block_layout]",
            bits=bits,
            settings={"heap": {"low_fragmentation": "off"}},
        ) as p:
            memory = [works(p.global_alloc(MOVEABLE, 0x1000)) for _ in range(3)]
            blocks = [works(p.global_lock(handle)) for handle in memory]
            distance = min(abs(blocks[2] - blocks[1]), abs(blocks[1] - blocks[0]))
            assert distance == -(-(0x1000 + 8 + 2 * pointer) // (2 * pointer)) * 2 * pointer
        with rule(
            f"handles are given in order, and the one freed last first, {name}",
            "ros: apitests/ntdll/RtlHandle.c:57-176",
            bits=bits,
        ) as p:
            count = 3 * 4096 // (2 * pointer)
            handles = [works(p.global_alloc(MOVEABLE, 0)) for _ in range(count)]
            assert {b - a for a, b in itertools.pairwise(handles)} == {2 * pointer}
            assert handles[0] % 4096 == pointer
            for handle in (handles[0], handles[7], handles[3]):
                assert p.global_free(handle) == 0
            for handle in (handles[3], handles[7], handles[0]):
                assert works(p.global_alloc(MOVEABLE, 0)) == handle
        with rule(
            f"the table of handles is committed page by page, {name}",
            "ros: apitests/ntdll/RtlHandle.c:41-176",
            bits=bits,
        ) as p:
            first = works(p.global_alloc(MOVEABLE, 0))
            base = first - pointer
            for page in range(3):
                found = works(p.virtual_query(base))
                assert (found.state, found.region_size) == (w.MEM_COMMIT, (page + 1) * 4096)
                rest = works(p.virtual_query(base + found.region_size))
                assert (rest.state, found.region_size + rest.region_size) == (w.MEM_RESERVE, 0x10000 * 2 * pointer)
                for _ in range(4096 // (2 * pointer)):
                    works(p.global_alloc(MOVEABLE, 0))


def test_local_alloc(rule: Rule) -> None:
    with rule("flags that only Global memory has are refused", "[LocalAlloc]") as p:
        for flags in (w.GMEM_DDESHARE, w.GMEM_NOT_BANKED, w.GMEM_NOTIFY):
            works(p.global_alloc(flags, 4))
            p.fails(w.ERROR_INVALID_PARAMETER).local_alloc(flags, 4)


def test_malloc(rule: Rule) -> None:
    with rule("0 bytes are a block, however they are asked for", "[msvcrt/heap.c:456-536]") as p:
        for steps in (
            p.malloc(0),
            p.realloc(0, 0),
            p.calloc(1, 0),
            p.calloc(0, 0),
            p.calloc(0, 1),
        ):
            p.free(works(steps))


def test_realloc(rule: Rule) -> None:
    with rule("NULL is allocated, a block reallocated, and one freed with size 0", "[msvcrt/heap.c:521-529]") as p:
        block = works(p.realloc(0, 10))
        block = works(p.realloc(block, 20))
        assert p.realloc(block, 0) == 0


def test_calloc(rule: Rule) -> None:
    with rule("half of memory times half of memory isn't there", "[msvcrt/heap.c:503-508]") as p:
        assert p.calloc(((1 << 64) - 1) // 2, ((1 << 64) - 1) // 2) == 0
