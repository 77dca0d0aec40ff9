"""Global and Local functions, malloc and new: wrappers of the process heap."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import Steps, Table, equal, fails, works

case = Table()
GLOBAL, LOCAL = "[GlobalAlloc]", "[LocalAlloc]"
C = "[malloc]"
FLAVOURS = ("global", "local")


def call(process: Any, flavour: str, name: str, *arguments: int) -> Steps:
    """GlobalName or LocalName."""
    return (yield from getattr(process, f"{flavour}_{name}")(*arguments))


for _flavour in FLAVOURS:
    _title, _source = _flavour.title(), f"[{_flavour.title()}Alloc]"

    @case(f"{_title}Alloc", "a fixed block is given as a pointer", _source)
    def _(process: Any, flavour: str = _flavour) -> Steps:
        pointer = yield from works(call(process, flavour, "alloc", 0, 100))
        equal((yield from call(process, flavour, "lock", pointer)), pointer)
        yield from process.write(pointer, 100)

    @case(f"{_title}Alloc", "a moveable block is given as a handle, which a lock makes a pointer", _source)
    def _(process: Any, flavour: str = _flavour) -> Steps:
        handle = yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 100))
        pointer = yield from works(call(process, flavour, "lock", handle))
        equal(pointer != handle, True)
        yield from process.write(pointer, 100)

    @case(f"{_title}Alloc", "blocks lie at multiples of 8", _source)
    def _(process: Any, flavour: str = _flavour) -> Steps:
        for size in (1, 7, 9, 100):
            equal((yield from works(call(process, flavour, "alloc", 0, size))) % 8, 0)

    @case(f"{_title}Alloc", "size 0 and moveable is a discarded object", _source)
    def _(process: Any, flavour: str = _flavour) -> Steps:
        handle = yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 0))
        equal((yield from call(process, flavour, "lock", handle)), 0)

    @case(f"{_title}Alloc", "comes from the process heap", "[Comparing Memory Allocation Methods]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        heap = yield from process.get_process_heap()
        pointer = yield from works(call(process, flavour, "alloc", 0, 100))
        equal((yield from process.heap_size(heap, 0, pointer)), 100)

    @case(f"{_title}Alloc", "fails with last error 8 if there's no memory", _source, paging_pages=64)
    def _(process: Any, flavour: str = _flavour) -> Steps:
        yield from fails(process, w.ERROR_NOT_ENOUGH_MEMORY, call(process, flavour, "alloc", 0, 64 << 20))

    @case(f"{_title}Size", "gives at least the size that was asked for", f"[{_title}Size]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        for flags in (0, w.GMEM_MOVEABLE):
            block = yield from works(call(process, flavour, "alloc", flags, 100))
            equal((yield from call(process, flavour, "size", block)) >= 100, True)

    @case(f"{_title}Unlock", "the last unlock gives FALSE and no error", f"[{_title}Unlock]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        handle = yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 100))
        yield from works(call(process, flavour, "lock", handle))
        yield from works(call(process, flavour, "lock", handle))
        yield from works(call(process, flavour, "unlock", handle))
        process.set_last_error(77)
        equal(bool((yield from call(process, flavour, "unlock", handle))), False)
        equal(process.get_last_error(), 0)

    @case(f"{_title}Unlock", "what isn't locked gives FALSE and error 158", f"[{_title}Unlock]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        handle = yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 100))
        yield from fails(process, w.ERROR_NOT_LOCKED, call(process, flavour, "unlock", handle))

    @case(f"{_title}ReAlloc", "makes a block larger", f"[{_title}ReAlloc]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        handle = yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 100))
        handle = yield from works(call(process, flavour, "realloc", handle, 5000, 0))
        equal((yield from call(process, flavour, "size", handle)) >= 5000, True)

    @case(f"{_title}ReAlloc", "a fixed block moves only if it may", f"[{_title}ReAlloc]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        block = yield from works(call(process, flavour, "alloc", 0, 100))
        yield from works(call(process, flavour, "alloc", 0, 100))
        yield from fails(process, 0, call(process, flavour, "realloc", block, 9000, 0))
        yield from works(call(process, flavour, "realloc", block, 9000, w.GMEM_MOVEABLE))

    @case(f"{_title}ReAlloc", "a moveable block keeps its handle", f"[{_title}ReAlloc]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        handle = yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 100))
        yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 100))
        equal((yield from call(process, flavour, "realloc", handle, 9000, 0)), handle)

    @case(f"{_title}Free", "success gives NULL", f"[{_title}Free]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        for flags in (0, w.GMEM_MOVEABLE):
            block = yield from works(call(process, flavour, "alloc", flags, 100))
            equal((yield from call(process, flavour, "free", block)) or 0, 0)

    @case(f"{_title}Free", "what isn't a block is given back, with error 6", f"[{_title}Free]")
    def _(process: Any, flavour: str = _flavour) -> Steps:
        handle = yield from works(call(process, flavour, "alloc", w.GMEM_MOVEABLE, 100))
        yield from call(process, flavour, "free", handle)
        process.set_last_error(0)
        equal((yield from call(process, flavour, "free", handle)), handle)
        equal(process.get_last_error(), w.ERROR_INVALID_HANDLE)


@case("GlobalAlloc", "GMEM_ZEROINIT touches the block", GLOBAL)
def _(process: Any) -> Steps:
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from works(process.global_alloc(w.GPTR, 200_000))
    equal((yield from process.get_process_memory_info()).working_set_size - before >= 200_000, True)


@case("malloc", "comes from the heap, aligned to 16 in a 64-bit process", C)
def _(process: Any) -> Steps:
    for size in (1, 100, 5000):
        block = yield from works(process.malloc(size))
        equal(block % 16, 0)
        yield from process.write(block, size)
        yield from process.free(block)


@case("malloc", "gives NULL if there's no memory", C, paging_pages=64)
def _(process: Any) -> Steps:
    equal((yield from process.malloc(64 << 20)), 0)


@case("malloc", "malloc(0) is a block", C)
def _(process: Any) -> Steps:
    yield from process.free((yield from works(process.malloc(0))))


@case("realloc", "keeps the block if it can't be made larger", "[realloc]", paging_pages=64)
def _(process: Any) -> Steps:
    block = yield from works(process.malloc(100))
    equal((yield from process.realloc(block, 64 << 20)), 0)
    yield from process.write(block, 100)
    yield from works(process.realloc(block, 5000))


@case("realloc", "without a block it is malloc, with size 0 it frees", "[realloc]")
def _(process: Any) -> Steps:
    block = yield from works(process.realloc(0, 100))
    equal((yield from process.realloc(block, 0)), 0)


@case("calloc", "touches the whole block", "[calloc]")
def _(process: Any) -> Steps:
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from works(process.calloc(100, 2000))
    equal((yield from process.get_process_memory_info()).working_set_size - before >= 200_000, True)


@case("calloc", "a product that overflows gives NULL", "[calloc]")
def _(process: Any) -> Steps:
    equal((yield from process.calloc(1 << 40, 1 << 40)), 0)


@case("free", "NULL may be freed", "[free]")
def _(process: Any) -> Steps:
    yield from process.free(0)


@case("new", "a block made by new is freed by delete", "[new operator]")
def _(process: Any) -> Steps:
    block = yield from works(process.new(100))
    yield from process.write(block, 100)
    yield from process.delete(block)
