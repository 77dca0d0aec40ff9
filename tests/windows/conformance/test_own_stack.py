"""Guard pages that a program sets in its own stack: how it ends above them, and grows over them again."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

SOURCE = "ntdll/virtual.c"
GUARDED_RW = RW | GUARD


def committed(p: Any) -> int:
    """Pages from the stack's limit to its top."""
    own = p.thread_object.stack
    return int(own.top - own.limit) // PAGE


def grow(p: Any, pages: int) -> None:
    """Touch so many pages of the stack, downwards."""
    for page in range(1, pages + 1):
        p.write(p.stack() - page * PAGE, 8)


def set_guard(p: Any, address: int, by: str) -> None:
    """Make a guard page of a page of the stack."""
    if by == "VirtualAlloc":
        assert p.virtual_alloc(address, PAGE, COMMIT, GUARDED_RW) == address
    else:
        assert p.virtual_protect(address, PAGE, GUARDED_RW) == RW


def test_stack(rule: Rule) -> None:
    with rule("its parts: reserved, guard page, committed", f"[{SOURCE}:1006-1064]") as p:
        grow(p, 9)
        own = p.thread_object.stack
        assert (committed(p), own.top - own.base) == (9, MiB)
        for address, pages, state, protect in (
            (own.base, 256 - 10, RESERVE, 0), (own.limit - PAGE, 1, COMMIT, GUARDED_RW), (own.limit, 9, COMMIT, RW),
        ):  # fmt: skip
            found = works(p.virtual_query(address))
            assert (found.allocation_base, found.allocation_protect, found.base_address) == (own.base, RW, address)
            assert (found.region_size // PAGE, found.state, found.protect) == (pages, state, protect)
            assert found.type == w.MEM_PRIVATE


def test_page_guard(rule: Rule) -> None:
    for by, bits in (("VirtualAlloc", 64), ("VirtualProtect", 64), ("VirtualAlloc", 32), ("VirtualProtect", 32)):
        with rule(
            f"set in the own stack by {by}, the stack ends above it, {bits} bits",
            f"[{SOURCE}:1094-1112, 1169-1195]",
            bits=bits,
        ) as p:
            grow(p, 9)
            limit = p.thread_object.stack.limit
            address = limit + 2 * PAGE
            set_guard(p, address, by)
            assert committed(p) == 6
            assert p.query(address - 2 * PAGE) == (2, COMMIT, RW)
            assert p.query(address) == (1, COMMIT, GUARDED_RW)
            assert p.query(p.thread_object.stack.limit) == (6, COMMIT, RW)
        with rule(
            f"set in the own stack by {by}: a touch grows it, the page below is the guard, {bits} bits",
            f"[{SOURCE}:1115-1154]",
            bits=bits,
        ) as p:
            grow(p, 9)
            address = p.stack() - 2 * PAGE
            set_guard(p, address, by)
            assert committed(p) == 1
            assert p.query(address - 2 * PAGE) == (2, COMMIT, RW)
            before = p.charge()
            p.write(address + 100, 8)
            assert committed(p) == 2
            assert p.query(address - 2 * PAGE) == (1, COMMIT, RW)
            assert p.query(address - PAGE) == (1, COMMIT, GUARDED_RW)
            assert p.query(address) == (2, COMMIT, RW)
            assert p.charge() == before
            grow(p, 12)
            assert committed(p) == 12
            assert p.charge() - before == 3
    with rule("cleared again in the own stack, it doesn't bring the limit back", f"[{SOURCE}:1197-1215]") as p:
        grow(p, 9)
        address = p.thread_object.stack.limit + 2 * PAGE
        set_guard(p, address, "VirtualProtect")
        assert committed(p) == 6
        assert p.virtual_protect(address, PAGE, RW) == GUARDED_RW
        assert committed(p) == 6
        grow(p, 9)
        assert committed(p) == 6


def test_guard_pages_set_in_a_stack(rule: Rule) -> None:
    with rule("set in a stack that has overflowed, it makes the stack usable again", f"[{SOURCE}:1115-1154]") as p:
        p.raises(w.STATUS_STACK_OVERFLOW).do(grow, p, 255)
        own = p.thread_object.stack
        assert own.limit == own.base + PAGE
        set_guard(p, own.base + 8 * PAGE, "VirtualProtect")
        assert own.limit == own.base + 9 * PAGE
        p.write(own.base + 8 * PAGE, 8)
        p.write(own.base + 7 * PAGE, 8)
        assert own.limit == own.base + 7 * PAGE
        for page in (6, 5, 4, 3):
            p.write(own.base + page * PAGE, 8)
        p.raises(w.STATUS_STACK_OVERFLOW, 1, own.base + 2 * PAGE).write(own.base + 2 * PAGE, 8)
        p.raises(AV, 1, own.base).write(own.base, 8)
    with rule(
        "of a read-only page of the own stack: it grows, and then the store is refused", f"[{SOURCE}:1115-1154]"
    ) as p:
        grow(p, 6)
        address = p.stack() - 3 * PAGE
        works(p.virtual_protect(address, PAGE, RO | GUARD))
        p.raises(AV, 1, address).write(address, 8)
        assert (committed(p), p.query(address)[2]) == (3, RO)
    with rule("below what is committed of the own stack leaves the limit", f"[{SOURCE}:1115-1154]") as p:
        grow(p, 4)
        limit = p.thread_object.stack.limit
        works(p.virtual_alloc(limit - 4 * PAGE, PAGE, COMMIT, GUARDED_RW))
        assert p.thread_object.stack.limit == limit
        grow(p, 5)
        assert committed(p) == 5
    with rule("in another thread's stack it is a guard page like any other", "[Creating Guard Pages]") as p:
        grow(p, 6)
        address = p.stack() - 3 * PAGE
        set_guard(p, address, "VirtualProtect")

        def thread(second: Any) -> None:
            second.raises(GUARDED, 1, address).write(address, 8)

        handle = works(p.create_thread(thread))
        p.wait_for_single_object(handle)
        assert p.query(address)[2] == RW
