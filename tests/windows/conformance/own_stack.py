"""Guard pages that a program sets in its own stack: how it ends above them, and grows over them again."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    AV,
    COMMIT,
    GUARD,
    GUARDED,
    PAGE,
    RESERVE,
    RO,
    RW,
    MiB,
    Steps,
    Table,
    charge,
    equal,
    query,
    raises,
    stack,
    works,
)

case = Table()
SOURCE = "ntdll/virtual.c"
GUARDED_RW = RW | GUARD


def committed(process: Any) -> int:
    """Pages from the stack's limit to its top."""
    own = process.thread_object.stack
    return int(own.top - own.limit) // PAGE


def grow(process: Any, pages: int) -> Steps:
    """Touch so many pages of the stack, downwards."""
    for page in range(1, pages + 1):
        yield from process.write(stack(process) - page * PAGE, 8)


def set_guard(process: Any, address: int, by: str) -> Steps:
    """Make a guard page of a page of the stack."""
    if by == "VirtualAlloc":
        equal((yield from process.virtual_alloc(address, PAGE, COMMIT, GUARDED_RW)), address)
    else:
        equal((yield from process.virtual_protect(address, PAGE, GUARDED_RW)), RW)


@case("Stack", "its parts: reserved, guard page, committed", f"[{SOURCE}:1006-1064]")
def _(process: Any) -> Steps:
    yield from grow(process, 9)
    own = process.thread_object.stack
    equal((committed(process), own.top - own.base), (9, MiB))
    for address, pages, state, protect in (
        (own.base, 256 - 10, RESERVE, 0), (own.limit - PAGE, 1, COMMIT, GUARDED_RW), (own.limit, 9, COMMIT, RW),
    ):  # fmt: skip
        found = yield from works(process.virtual_query(address))
        equal((found.allocation_base, found.allocation_protect, found.base_address), (own.base, RW, address))
        equal((found.region_size // PAGE, found.state, found.protect), (pages, state, protect))
        equal(found.type, w.MEM_PRIVATE)


for _by, _bits in (("VirtualAlloc", 64), ("VirtualProtect", 64), ("VirtualAlloc", 32), ("VirtualProtect", 32)):

    @case(
        "PAGE_GUARD",
        f"set in the own stack by {_by}, the stack ends above it, {_bits} bits",
        f"[{SOURCE}:1094-1112, 1169-1195]",
        bits=_bits,
    )
    def _(process: Any, by: str = _by) -> Steps:
        yield from grow(process, 9)
        limit = process.thread_object.stack.limit
        address = limit + 2 * PAGE
        yield from set_guard(process, address, by)
        equal(committed(process), 6)
        equal((yield from query(process, address - 2 * PAGE)), (2, COMMIT, RW))
        equal((yield from query(process, address)), (1, COMMIT, GUARDED_RW))
        equal((yield from query(process, process.thread_object.stack.limit)), (6, COMMIT, RW))

    @case(
        "PAGE_GUARD",
        f"set in the own stack by {_by}: a touch grows it, the page below is the guard, {_bits} bits",
        f"[{SOURCE}:1115-1154]",
        bits=_bits,
    )
    def _(process: Any, by: str = _by) -> Steps:
        yield from grow(process, 9)
        address = stack(process) - 2 * PAGE
        yield from set_guard(process, address, by)
        equal(committed(process), 1)
        equal((yield from query(process, address - 2 * PAGE)), (2, COMMIT, RW))
        before = yield from charge(process)
        yield from process.write(address + 100, 8)
        equal(committed(process), 2)
        equal((yield from query(process, address - 2 * PAGE)), (1, COMMIT, RW))
        equal((yield from query(process, address - PAGE)), (1, COMMIT, GUARDED_RW))
        equal((yield from query(process, address)), (2, COMMIT, RW))
        equal((yield from charge(process)), before)
        yield from grow(process, 12)
        equal(committed(process), 12)
        equal((yield from charge(process)) - before, 3)


@case("PAGE_GUARD", "cleared again in the own stack, it doesn't bring the limit back", f"[{SOURCE}:1197-1215]")
def _(process: Any) -> Steps:
    yield from grow(process, 9)
    address = process.thread_object.stack.limit + 2 * PAGE
    yield from set_guard(process, address, "VirtualProtect")
    equal(committed(process), 6)
    equal((yield from process.virtual_protect(address, PAGE, RW)), GUARDED_RW)
    equal(committed(process), 6)
    yield from grow(process, 9)
    equal(committed(process), 6)


@case("PAGE_GUARD", "set in a stack that has overflowed, it makes the stack usable again", f"[{SOURCE}:1115-1154]")
def _(process: Any) -> Steps:
    yield from raises(w.STATUS_STACK_OVERFLOW, grow(process, 255))
    own = process.thread_object.stack
    equal(own.limit, own.base + PAGE)
    yield from set_guard(process, own.base + 8 * PAGE, "VirtualProtect")
    equal(own.limit, own.base + 9 * PAGE)
    yield from process.write(own.base + 8 * PAGE, 8)
    yield from process.write(own.base + 7 * PAGE, 8)
    equal(own.limit, own.base + 7 * PAGE)
    for page in (6, 5, 4, 3):
        yield from process.write(own.base + page * PAGE, 8)
    yield from raises(w.STATUS_STACK_OVERFLOW, process.write(own.base + 2 * PAGE, 8), 1, own.base + 2 * PAGE)
    yield from raises(AV, process.write(own.base, 8), 1, own.base)


@case(
    "PAGE_GUARD",
    "of a read-only page of the own stack: it grows, and then the store is refused",
    f"[{SOURCE}:1115-1154]",
)
def _(process: Any) -> Steps:
    yield from grow(process, 6)
    address = stack(process) - 3 * PAGE
    yield from works(process.virtual_protect(address, PAGE, RO | GUARD))
    yield from raises(AV, process.write(address, 8), 1, address)
    equal((committed(process), (yield from query(process, address))[2]), (3, RO))


@case("PAGE_GUARD", "below what is committed of the own stack leaves the limit", f"[{SOURCE}:1115-1154]")
def _(process: Any) -> Steps:
    yield from grow(process, 4)
    limit = process.thread_object.stack.limit
    yield from works(process.virtual_alloc(limit - 4 * PAGE, PAGE, COMMIT, GUARDED_RW))
    equal(process.thread_object.stack.limit, limit)
    yield from grow(process, 5)
    equal(committed(process), 5)


@case("PAGE_GUARD", "in another thread's stack it is a guard page like any other", "[Creating Guard Pages]")
def _(process: Any) -> Steps:
    yield from grow(process, 6)
    address = stack(process) - 3 * PAGE
    yield from set_guard(process, address, "VirtualProtect")

    def thread(second: Any) -> Steps:
        yield from raises(GUARDED, second.write(address, 8), 1, address)

    handle = yield from works(process.create_thread(thread))
    yield from process.wait_for_single_object(handle)
    equal((yield from query(process, address))[2], RW)
