"""Global and Local functions, malloc and new: wrappers of the process heap."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

GLOBAL, LOCAL = "[GlobalAlloc]", "[LocalAlloc]"
C = "[malloc]"
FLAVOURS = ("global", "local")


def call(p: Any, flavour: str, name: str, *arguments: int) -> Any:
    """GlobalName or LocalName."""
    return getattr(p, f"{flavour}_{name}")(*arguments)


def test_alloc(rule: Rule) -> None:
    for flavour in FLAVOURS:
        title, source = flavour.title(), f"[{flavour.title()}Alloc]"
        with rule("a fixed block is given as a pointer", source) as p:
            pointer = works(call(p, flavour, "alloc", 0, 100))
            assert call(p, flavour, "lock", pointer) == pointer
            p.write(pointer, 100)
        with rule("a moveable block is given as a handle, which a lock makes a pointer", source) as p:
            handle = works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 100))
            pointer = works(call(p, flavour, "lock", handle))
            assert pointer != handle
            p.write(pointer, 100)
        with rule("blocks lie at multiples of 8", source) as p:
            for size in (1, 7, 9, 100):
                assert works(call(p, flavour, "alloc", 0, size)) % 8 == 0
        with rule("size 0 and moveable is a discarded object", source) as p:
            handle = works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 0))
            assert call(p, flavour, "lock", handle) == 0
        with rule("comes from the process heap", "[Comparing Memory Allocation Methods]") as p:
            heap = p.get_process_heap()
            pointer = works(call(p, flavour, "alloc", 0, 100))
            assert p.heap_size(heap, 0, pointer) == 100
        with rule("fails with last error 8 if there's no memory", source, paging_pages=64) as p:
            p.fails(w.ERROR_NOT_ENOUGH_MEMORY).do(call, p, flavour, "alloc", 0, 64 << 20)
        with rule("gives at least the size that was asked for", f"[{title}Size]") as p:
            for flags in (0, w.GMEM_MOVEABLE):
                block = works(call(p, flavour, "alloc", flags, 100))
                assert call(p, flavour, "size", block) >= 100
        with rule("the last unlock gives FALSE and no error", f"[{title}Unlock]") as p:
            handle = works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 100))
            works(call(p, flavour, "lock", handle))
            works(call(p, flavour, "lock", handle))
            works(call(p, flavour, "unlock", handle))
            p.set_last_error(77)
            assert not call(p, flavour, "unlock", handle)
            assert p.get_last_error() == 0
        with rule("what isn't locked gives FALSE and error 158", f"[{title}Unlock]") as p:
            handle = works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 100))
            p.fails(w.ERROR_NOT_LOCKED).do(call, p, flavour, "unlock", handle)
        with rule("makes a block larger", f"[{title}ReAlloc]") as p:
            handle = works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 100))
            handle = works(call(p, flavour, "realloc", handle, 5000, 0))
            assert call(p, flavour, "size", handle) >= 5000
        with rule("a fixed block moves only if it may", f"[{title}ReAlloc]") as p:
            block = works(call(p, flavour, "alloc", 0, 100))
            works(call(p, flavour, "alloc", 0, 100))
            p.fails(0).do(call, p, flavour, "realloc", block, 9000, 0)
            works(call(p, flavour, "realloc", block, 9000, w.GMEM_MOVEABLE))
        with rule("a moveable block keeps its handle", f"[{title}ReAlloc]") as p:
            handle = works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 100))
            works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 100))
            assert call(p, flavour, "realloc", handle, 9000, 0) == handle
        with rule("success gives NULL", f"[{title}Free]") as p:
            for flags in (0, w.GMEM_MOVEABLE):
                block = works(call(p, flavour, "alloc", flags, 100))
                assert (call(p, flavour, "free", block) or 0) == 0
        with rule("what isn't a block is given back, with error 6", f"[{title}Free]") as p:
            handle = works(call(p, flavour, "alloc", w.GMEM_MOVEABLE, 100))
            call(p, flavour, "free", handle)
            p.set_last_error(0)
            assert call(p, flavour, "free", handle) == handle
            assert p.get_last_error() == w.ERROR_INVALID_HANDLE


def test_global_alloc(rule: Rule) -> None:
    with rule("GMEM_ZEROINIT touches the block", GLOBAL) as p:
        before = p.get_process_memory_info().working_set_size
        works(p.global_alloc(w.GPTR, 200_000))
        assert p.get_process_memory_info().working_set_size - before >= 200_000


def test_malloc(rule: Rule) -> None:
    with rule("comes from the heap, aligned to 16 in a 64-bit process", C) as p:
        for size in (1, 100, 5000):
            block = works(p.malloc(size))
            assert block % 16 == 0
            p.write(block, size)
            p.free(block)
    with rule("gives NULL if there's no memory", C, paging_pages=64) as p:
        assert p.malloc(64 << 20) == 0
    with rule("malloc(0) is a block", C) as p:
        p.free(works(p.malloc(0)))


def test_realloc(rule: Rule) -> None:
    with rule("keeps the block if it can't be made larger", "[realloc]", paging_pages=64) as p:
        block = works(p.malloc(100))
        assert p.realloc(block, 64 << 20) == 0
        p.write(block, 100)
        works(p.realloc(block, 5000))
    with rule("without a block it is malloc, with size 0 it frees", "[realloc]") as p:
        block = works(p.realloc(0, 100))
        assert p.realloc(block, 0) == 0


def test_calloc(rule: Rule) -> None:
    with rule("touches the whole block", "[calloc]") as p:
        before = p.get_process_memory_info().working_set_size
        works(p.calloc(100, 2000))
        assert p.get_process_memory_info().working_set_size - before >= 200_000
    with rule("a product that overflows gives NULL", "[calloc]") as p:
        assert p.calloc(1 << 40, 1 << 40) == 0


def test_free(rule: Rule) -> None:
    with rule("NULL may be freed", "[free]") as p:
        p.free(0)


def test_new(rule: Rule) -> None:
    with rule("a block made by new is freed by delete", "[new operator]") as p:
        block = works(p.new(100))
        p.write(block, 100)
        p.delete(block)
