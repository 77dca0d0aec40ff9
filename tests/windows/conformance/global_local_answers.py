"""What Global and Local functions answer, where tests that pass on Windows see it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from simulator.windows import constants as w
from tests.windows.conformance.heap_answers import answers, untouched
from tests.windows.harness import Steps, Table, equal, fails, several, works

case = Table()
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

    def __init__(self, process: Any, flavour: str) -> None:
        self.process = process
        self.flavour = flavour
        self.pointer = process.own.bits // 8
        self.is_global = flavour == "global"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.process, f"{self.flavour}_{name}")

    def discard(self, memory: int) -> Steps:
        """GlobalDiscard or LocalDiscard, a macro."""
        return (yield from self.realloc(memory, 0, MOVEABLE))

    def has_size(self, memory: int, size: int) -> Steps:
        """See that an object has this size."""
        equal((yield from self.size(memory)), size, "size")

    def has_flags(self, memory: int, flags: int) -> Steps:
        """See that an object has these flags."""
        equal((yield from self.flags(memory)), flags, "flags")

    def goes(self, memory: int) -> Steps:
        """See that an object is freed."""
        equal((yield from self.free(memory)), 0, "result of free")


def rule(
    call: str, name: str, what: str, bits: tuple[int, ...] = (32, 64)
) -> Callable[[Callable[[Any, Calls], Steps]], None]:
    """A case for the Global functions, and one for the Local ones, in a 32-bit and a 64-bit process."""

    def add(program: Callable[[Any, Calls], Steps]) -> None:
        for number, flavour in enumerate(("global", "local")):
            for width in bits:

                def run(process: Any, flavour: str = flavour) -> Steps:
                    yield from program(process, Calls(process, flavour))

                source = f"[k32/heap.c:{LINES[name][number]}, test_{flavour.title()}Alloc]"
                rule_of = f"{what}, in a {width}-bit process"
                case(f"{flavour.title()}{call}", rule_of, source, bits=width, paging_pages=4096)(run)

    return add


@rule("Free", "null", "NULL may be freed, and not reallocated")
def _(process: Any, call: Calls) -> Steps:
    yield from call.goes(0)
    equal((yield from call.realloc(0, 10, MOVEABLE)), 0)


@rule("Alloc", "many", "there are 65,536 moveable objects, for both families together", bits=(64,))
def _(process: Any, call: Calls) -> Steps:
    flags = MOVEABLE | w.GMEM_DISCARDABLE
    memory = yield from several(call.alloc(flags, 0) for _ in range(0x10000))
    equal(0 in memory, False, "a failure")
    equal(len(set(memory)), 0x10000, "handles")
    yield from answers(process, 0, w.ERROR_NOT_ENOUGH_MEMORY, process.global_alloc(flags, 0))
    yield from answers(process, 0, w.ERROR_NOT_ENOUGH_MEMORY, process.local_alloc(flags, 0))
    yield from call.goes((yield from works(call.alloc(w.GMEM_DISCARDABLE, 0))))
    for handle in memory:
        yield from call.free(handle)
    yield from works(call.alloc(flags, 0))


@rule("ReAlloc", "sizes", "an object gets memory, is discarded, and gets memory again")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(MOVEABLE, 0))
    for size in (10, 0, 10):
        equal((yield from call.realloc(memory, size, MOVEABLE)), memory)
        yield from call.has_size(memory, size)
    yield from call.goes(memory)
    yield from call.has_size(memory, 0)


@rule("Lock", "locks", "locks are counted")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(MOVEABLE, 256))
    pointer = yield from works(call.lock(memory))
    equal(pointer != memory, True, "a pointer")
    equal((yield from call.handle(pointer)), memory, "handle")
    yield from call.has_flags(memory, 1)
    equal((yield from call.lock(memory)), pointer)
    yield from call.has_flags(memory, 2)
    yield from works(call.unlock(memory))
    yield from call.has_flags(memory, 1)
    yield from answers(process, False, w.ERROR_SUCCESS, call.unlock(memory))
    yield from call.has_flags(memory, 0)
    yield from answers(process, False, NOT_LOCKED, call.unlock(memory))
    yield from call.goes(memory)


def unknown_handle(process: Any, call: Calls, memory: int) -> Steps:
    """See what the functions make of a handle that there is none of."""
    yield from answers(process, memory, INVALID, call.free(memory))
    yield from answers(process, NONE, INVALID, call.flags(memory))
    yield from answers(process, 0, INVALID, call.size(memory))
    yield from answers(process, 0, INVALID, call.lock(memory))
    yield from answers(process, call.is_global, INVALID, call.unlock(memory))
    yield from answers(process, 0, INVALID, call.realloc(memory, 0, MOVEABLE))
    yield from answers(process, 0, INVALID, call.handle(memory))


@rule("Free", "freed", "a freed handle is known for one by all functions")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(MOVEABLE, 256))
    yield from call.goes(memory)
    yield from unknown_handle(process, call, memory)


NOWHERE = 0xDEADBEE0
"""an address that no program has"""


def nowhere(call: Calls) -> tuple[int, int]:
    """Two addresses at which there is nothing, the first of which, sign-extended, is the system's."""
    return NOWHERE | (0 if call.pointer == 4 else 0xFFFFFFFF << 32), 0x5EADBEE0


@rule("Free", "handle", "what looks like a handle, and is none, is known for one by all functions")
def _(process: Any, call: Calls) -> Steps:
    for address in nowhere(call):
        yield from unknown_handle(process, call, address + call.pointer)


@rule("Free", "pointer", "an address at which there is nothing is followed by some functions")
def _(process: Any, call: Calls) -> Steps:
    followed = INVALID if call.is_global else NO_ACCESS
    for address in nowhere(call):
        yield from answers(process, address, NO_ACCESS, call.free(address))
        yield from answers(process, NONE, followed, call.flags(address))
        yield from answers(process, 0, INVALID, call.size(address))
        if call.is_global:
            yield from answers(process, 0, INVALID, call.lock(address))
            yield from untouched(process, True, call.unlock(address))
        else:
            yield from untouched(process, 0, call.lock(address))
            yield from answers(process, False, NOT_LOCKED, call.unlock(address))
        yield from answers(process, 0, NO_ACCESS, call.realloc(address, 0, MOVEABLE))
        yield from answers(process, 0, followed, call.handle(address))


@case(
    "GlobalFree",
    "a freed block is known for one in a 32-bit process",
    "[k32/heap.c:1544-1559, test_GlobalAlloc]",
    bits=32,
)
def _(process: Any) -> Steps:
    memory = yield from works(process.global_alloc(w.GMEM_DDESHARE, 100))
    equal((yield from process.global_free(memory)), 0)
    yield from answers(process, memory, INVALID, process.global_free(memory))
    yield from answers(process, 0, INVALID, process.global_size(0xC042))


@rule("ReAlloc", "modify", "a fixed block that the front end serves isn't resized in place, and GMEM_MODIFY leaves it")
def _(process: Any, call: Calls) -> Steps:
    yield from serve(call, 12)
    memory = yield from works(call.alloc(0, 12))
    equal((yield from call.realloc(memory, 11, MODIFY)), memory)
    yield from call.has_size(memory, 12)
    yield from answers(process, 0, w.ERROR_NOT_ENOUGH_MEMORY, call.realloc(memory, 12, 0))
    equal((yield from call.realloc(memory, 1024 * 1024, MODIFY)), memory)
    yield from call.has_size(memory, 12)
    yield from call.goes(memory)


@rule("ReAlloc", "relocate", "a fixed block that the front end serves moves if it may")
def _(process: Any, call: Calls) -> Steps:
    yield from serve(call, 12)
    memory = yield from works(call.alloc(0, 12))
    moved = yield from works(call.realloc(memory, 13, MOVEABLE))
    equal(moved != memory, True, "it moves")
    equal((yield from call.lock(moved)), moved)
    yield from call.goes(moved)


def serve(call: Calls, size: int) -> Steps:
    """Have the front end serve a size."""
    blocks = yield from several(works(call.alloc(0, size)) for _ in range(0x12))
    for block in blocks:
        yield from call.goes(block)


@rule("Unlock", "fixed", "a fixed block is unlocked always or never, and has its address for a handle")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(0, 100))
    if call.is_global:
        yield from works(call.unlock(memory))
        yield from works(call.unlock(memory))
    else:
        yield from answers(process, False, NOT_LOCKED, call.unlock(memory))
    equal((yield from call.handle(memory)), memory)
    yield from call.goes(memory)


@rule("Size", "empty", "a fixed block of 0 bytes has one if it is Global memory")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(0, 0))
    yield from call.has_size(memory, 1 if call.is_global else 0)
    yield from call.goes(memory)


@rule("Lock", "discarded", "an object of 0 bytes can't be locked")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(MOVEABLE | w.GMEM_ZEROINIT, 0))
    yield from answers(process, 0, w.ERROR_DISCARDED, call.lock(memory))
    yield from call.goes(memory)


@rule("Size", "buffer", "a fixed block has at least the bytes that were asked for, and is its own pointer")
def _(process: Any, call: Calls) -> Steps:
    for flags in (0, w.GMEM_ZEROINIT):
        memory = yield from works(call.alloc(flags, 100_000))
        equal((yield from call.size(memory)) >= 100_000, True, "size")
        equal((yield from call.lock(memory)), memory)
        yield from call.goes(memory)


@rule("ReAlloc", "convert", "fixed memory becomes moveable if it is Global memory")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(w.GMEM_ZEROINIT, 100_000))
    made = yield from works(call.realloc(memory, 0, MODIFY | MOVEABLE))
    equal(made != memory, call.is_global, "another one")
    yield from call.has_size(made, 100_000)
    pointer = yield from works(call.lock(made))
    equal(pointer != made, call.is_global, "a pointer")
    yield from answers(process, False, w.ERROR_SUCCESS if call.is_global else NOT_LOCKED, call.unlock(made))


@rule("Discard", "grow", "memory that isn't locked is made larger, and discarded, or made empty if it is fixed")
def _(process: Any, call: Calls) -> Steps:
    memory = yield from works(call.alloc(w.GMEM_ZEROINIT, 100_000))
    memory = yield from works(call.realloc(memory, 0, MODIFY | MOVEABLE))
    equal((yield from call.realloc(memory, 200_000, MOVEABLE | w.GMEM_ZEROINIT)), memory)
    equal((yield from call.size(memory)) >= 200_000, True, "size")
    pointer = yield from works(call.lock(memory))
    equal(pointer != memory, call.is_global, "a pointer")
    equal((yield from call.handle(pointer)), memory)
    equal((yield from call.discard(memory)), 0 if call.is_global else memory, "what is locked, or fixed")
    yield from answers(process, False, w.ERROR_SUCCESS if call.is_global else NOT_LOCKED, call.unlock(memory))
    equal((yield from call.discard(memory)), memory)
    yield from call.goes(memory)


@rule("Flags", "flags", "no flag but GMEM_DISCARDABLE and GMEM_DDESHARE is shown")
def _(process: Any, call: Calls) -> Steps:
    shown = w.GMEM_DDESHARE | w.GMEM_DISCARDABLE if call.is_global else w.LMEM_DISCARDABLE
    for flags in ACCEPTED[call.flavour]:
        memory = yield from works(call.alloc(flags, 4))
        equal((yield from call.flags(memory)) & ~shown, 0, f"flags of {flags:#x}")
        yield from call.goes(memory)


@rule("Handle", "heap", "a block of HeapAlloc is its own handle")
def _(process: Any, call: Calls) -> Steps:
    heap = yield from process.get_process_heap()
    block = yield from works(process.heap_alloc(heap, 0, 16))
    equal((yield from call.handle(block)), block)
    yield from works(process.heap_free(heap, 0, block))


for _bits in (32, 64):
    _name = f"in a {_bits}-bit process"

    @case(
        "GlobalAlloc",
        f"what is discarded isn't a block, {_name}",
        "[k32/heap.c:1385-1407, test_GlobalAlloc]",
        bits=_bits,
    )
    def _(process: Any, pointer: int = _bits // 8) -> Steps:
        heap = yield from process.get_process_heap()
        for flags in (MOVEABLE | w.GMEM_DISCARDABLE, MOVEABLE):
            memory = yield from works(process.global_alloc(flags, 0))
            equal((yield from process.global_size(memory)), 0)
            equal((yield from process.heap_validate(heap, 0, memory - pointer)), False)
            equal((yield from process.global_free(memory)), 0)

    @case(
        "GlobalAlloc",
        f"handles and blocks of all sizes are aligned differently, {_name}",
        "[k32/heap.c:1409-1454, test_GlobalAlloc]",
        bits=_bits,
        paging_pages=40_000,
    )
    def _(process: Any, pointer: int = _bits // 8) -> Steps:
        heap = yield from process.get_process_heap()
        for size in (1 << shift for shift in range(0, 26, 5)):
            block = yield from works(process.global_alloc(0, size))
            equal(block % (2 * pointer), 0, "alignment of a block")
            equal((yield from process.heap_validate(heap, 0, block)), True)
            equal((yield from process.global_free(block)), 0)
            memory = yield from works(process.global_alloc(MOVEABLE, size))
            equal(memory % (2 * pointer), pointer, "alignment of a handle")
            equal((yield from process.heap_validate(heap, 0, memory - pointer)), False)
            block = yield from works(process.global_lock(memory))
            equal(block % (2 * pointer), 0, "alignment of its block")
            equal((yield from process.heap_validate(heap, 0, block)), True)
            equal((yield from process.heap_size(heap, 0, block)), size)
            equal((yield from process.global_handle(block)), memory)
            equal((yield from process.global_free(memory)), 0)

    @case(
        "GlobalLock",
        f"255 locks are counted, {_name}",
        "[k32/heap.c:1449-1474, test_GlobalAlloc]",
        bits=_bits,
    )
    def _(process: Any) -> Steps:
        memory = yield from works(process.global_alloc(MOVEABLE, 1))
        for i in range(1, 0x100):
            yield from works(process.global_lock(memory))
            equal((yield from process.global_flags(memory)), i, "locks")
        yield from works(process.global_lock(memory))
        equal((yield from process.global_flags(memory)), 0xFF, "locks")
        for _ in range(1, 0xFF):
            yield from works(process.global_unlock(memory))
        equal((yield from process.global_unlock(memory)), False)
        equal((yield from process.global_flags(memory)), 0, "locks")
        equal((yield from process.global_free(memory)), 0)

    @case(
        "GlobalFlags",
        f"shows what is discarded, discardable and shared, {_name}",
        "[k32/heap.c:1480-1508, test_GlobalAlloc]",
        bits=_bits,
    )
    def _(process: Any) -> Steps:
        rows = [
            (0, 0, w.GMEM_DISCARDED | w.GMEM_DISCARDABLE),
            (0, 1, w.GMEM_DISCARDABLE),
            (w.GMEM_DDESHARE, 1, w.GMEM_DISCARDABLE | w.GMEM_DDESHARE),
        ]
        for flags, size, expected in rows:
            memory = yield from works(process.global_alloc(MOVEABLE | w.GMEM_DISCARDABLE | flags, size))
            equal((yield from process.global_flags(memory)), expected, "flags")
            equal((yield from process.global_free(memory)), 0)

    @case(
        "GlobalAlloc",
        f"moveable memory has room for its handle behind its data, {_name}",
        "[k32/heap.c:1437-1440 and 3108-3120, test_GlobalAlloc, test_block_layout]",
        bits=_bits,
        settings={"heap": {"low_fragmentation": "off"}},
    )
    def _(process: Any, pointer: int = _bits // 8) -> Steps:
        memory = yield from several(works(process.global_alloc(MOVEABLE, 0x1000)) for _ in range(3))
        blocks = yield from several(works(process.global_lock(handle)) for handle in memory)
        distance = min(abs(blocks[2] - blocks[1]), abs(blocks[1] - blocks[0]))
        equal(distance, -(-(0x1000 + 8 + 2 * pointer) // (2 * pointer)) * 2 * pointer, "distance")

    @case(
        "GlobalAlloc",
        f"handles are given in order, and the one freed last first, {_name}",
        "ros: apitests/ntdll/RtlHandle.c:57-176",
        bits=_bits,
    )
    def _(process: Any, pointer: int = _bits // 8) -> Steps:
        count = 3 * 4096 // (2 * pointer)
        handles = yield from several(works(process.global_alloc(MOVEABLE, 0)) for _ in range(count))
        equal({b - a for a, b in itertools.pairwise(handles)}, {2 * pointer}, "distance of handles")
        equal(handles[0] % 4096, pointer, "the first one")
        for handle in (handles[0], handles[7], handles[3]):
            equal((yield from process.global_free(handle)), 0)
        for handle in (handles[3], handles[7], handles[0]):
            equal((yield from works(process.global_alloc(MOVEABLE, 0))), handle)

    @case(
        "GlobalAlloc",
        f"the table of handles is committed page by page, {_name}",
        "ros: apitests/ntdll/RtlHandle.c:41-176",
        bits=_bits,
    )
    def _(process: Any, pointer: int = _bits // 8) -> Steps:
        first = yield from works(process.global_alloc(MOVEABLE, 0))
        base = first - pointer
        for page in range(3):
            found = yield from works(process.virtual_query(base))
            equal((found.state, found.region_size), (w.MEM_COMMIT, (page + 1) * 4096), "committed")
            rest = yield from works(process.virtual_query(base + found.region_size))
            equal(
                (rest.state, found.region_size + rest.region_size), (w.MEM_RESERVE, 0x10000 * 2 * pointer), "reserved"
            )
            for _ in range(4096 // (2 * pointer)):
                yield from works(process.global_alloc(MOVEABLE, 0))


@case("LocalAlloc", "flags that only Global memory has are refused", "[LocalAlloc]")
def _(process: Any) -> Steps:
    for flags in (w.GMEM_DDESHARE, w.GMEM_NOT_BANKED, w.GMEM_NOTIFY):
        yield from works(process.global_alloc(flags, 4))
        yield from fails(process, w.ERROR_INVALID_PARAMETER, process.local_alloc(flags, 4))


@case("malloc", "0 bytes are a block, however they are asked for", "[msvcrt/heap.c:456-536]")
def _(process: Any) -> Steps:
    for steps in (
        process.malloc(0),
        process.realloc(0, 0),
        process.calloc(1, 0),
        process.calloc(0, 0),
        process.calloc(0, 1),
    ):
        yield from process.free((yield from works(steps)))


@case(
    "realloc",
    "NULL is allocated, a block reallocated, and one freed with size 0",
    "[msvcrt/heap.c:521-529]",
)
def _(process: Any) -> Steps:
    block = yield from works(process.realloc(0, 10))
    block = yield from works(process.realloc(block, 20))
    equal((yield from process.realloc(block, 0)), 0)


@case("calloc", "half of memory times half of memory isn't there", "[msvcrt/heap.c:503-508]")
def _(process: Any) -> Steps:
    equal((yield from process.calloc(((1 << 64) - 1) // 2, ((1 << 64) - 1) // 2)), 0)
