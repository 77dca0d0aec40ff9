"""Stack sizes: CreateThread's dwStackSize, and how much of a stack is left when it overflows."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    COMMIT,
    GUARD,
    PAGE,
    PARAMETER,
    RESERVE,
    RW,
    UNIT,
    MiB,
    Steps,
    Table,
    charge,
    equal,
    fails,
    query,
    raises,
    several,
    works,
)

case = Table()
SIZES = "[Thread Stack Size]"
WINE = "[ntdll/virtual.c: test_RtlCreateUserStack]"
LIMITS, GUARANTEE = "[GetCurrentThreadStackLimits]", "[SetThreadStackGuarantee]"
RESERVATION = w.STACK_SIZE_PARAM_IS_A_RESERVATION
OVERFLOW = w.STATUS_STACK_OVERFLOW
SMALL: dict[str, Any] = {"settings": {"stack_reserve": UNIT}}


def sizes(process: Any, size: int, flags: int = 0) -> Steps:
    """(reserved, committed) bytes of a new thread's stack, whose guard page is looked at, too."""
    found: list[Any] = []

    def thread(process: Any) -> Steps:
        low, high = yield from process.get_current_thread_stack_limits()
        stack = process.thread_object.stack
        committed = yield from query(process, stack.limit)
        equal(committed, ((high - stack.limit) // PAGE, COMMIT, RW))
        if stack.guard >= 0:
            equal((yield from query(process, stack.guard)), (1, COMMIT, RW | GUARD))
        if stack.guard > low:
            equal((yield from query(process, low))[1:], (RESERVE, 0))
        equal((yield from works(process.virtual_query(low))).allocation_protect, RW)
        found.extend((high - low, high - stack.limit))

    handle = yield from works(process.create_thread(thread, size, flags))
    yield from process.wait_for_single_object(handle)
    return tuple(found)


@case("CreateThread", "a size of 0 is the image's: 1 MiB reserved, a page committed", SIZES)
def _(process: Any) -> Steps:
    equal((yield from sizes(process, 0)), (MiB, PAGE))
    equal((yield from sizes(process, 0, RESERVATION)), (MiB, PAGE))


@case("CreateThread", "the size is what is committed, in whole pages", WINE)
def _(process: Any) -> Steps:
    equal((yield from sizes(process, 0x3F00)), (MiB, 0x4000))
    equal((yield from sizes(process, 0x2000)), (MiB, 0x2000))
    equal((yield from sizes(process, 0x11000)), (MiB, 0x11000))


@case("CreateThread", "STACK_SIZE_PARAM_IS_A_RESERVATION: it is what is reserved, in multiples of 64 KiB", WINE)
def _(process: Any) -> Steps:
    equal((yield from sizes(process, 0x3FF000, RESERVATION)), (0x400000, PAGE))
    equal((yield from sizes(process, 0x200000, RESERVATION)), (0x200000, PAGE))
    equal((yield from sizes(process, 0x110000, RESERVATION)), (0x110000, PAGE))
    equal((yield from sizes(process, 0x101000, RESERVATION)), (0x110000, PAGE))


@case("CreateThread", "a reserve below the default is taken as it is", SIZES)
def _(process: Any) -> Steps:
    equal((yield from sizes(process, 2 * UNIT, RESERVATION)), (2 * UNIT, PAGE))


@case("CreateThread", "a commit that isn't below the reserve makes that a multiple of 1 MiB", WINE)
def _(process: Any) -> Steps:
    equal((yield from sizes(process, MiB)), (MiB, MiB))
    equal((yield from sizes(process, MiB + PAGE)), (2 * MiB, MiB + PAGE))


@case("CreateThread", "so does one that equals a smaller reserve", WINE, settings={"stack_reserve": 0x20000})
def _(process: Any) -> Steps:
    equal((yield from sizes(process, 0x20000)), (0x100000, 0x20000))
    equal((yield from sizes(process, 0x20000 - PAGE)), (0x20000, 0x20000 - PAGE))


@case("CreateThread", "a stack of 2 GiB can be reserved in a 64-bit process", WINE)
def _(process: Any) -> Steps:
    equal((yield from sizes(process, 0x80000000, RESERVATION)), (0x80000000, PAGE))


@case("CreateThread", "... and not in a 32-bit one: there is no room", SIZES, bits=32)
def _(process: Any) -> Steps:
    def thread(_process: Any) -> Steps:
        yield 0

    before = yield from charge(process)
    yield from fails(process, w.ERROR_NOT_ENOUGH_MEMORY, process.create_thread(thread, 0x7FFD0000, RESERVATION))
    equal((yield from charge(process)), before)


@case("CreateThread", "commit is charged for what is committed, its guard page and page tables", SIZES)
def _(process: Any) -> Steps:
    found: list[int] = []

    def thread(process: Any) -> Steps:
        found.append((yield from charge(process)))

    for size in (PAGE, 0x10000):
        handle = yield from works(process.create_thread(thread, size))
        yield from process.wait_for_single_object(handle)
    equal(found[1] - found[0], 15)


@case("CreateThread", "a stack that can't be committed: 1455", SIZES, paging_pages=64)
def _(process: Any) -> Steps:
    def thread(_process: Any) -> Steps:
        yield 0

    yield from fails(process, w.ERROR_COMMITMENT_LIMIT, process.create_thread(thread, 4 * MiB))
    equal((yield from sizes(process, 4 * MiB, RESERVATION)), (4 * MiB, PAGE))


@case("CreateThread", "refuses flags that are none", "[CreateThread]")
def _(process: Any) -> Steps:
    def thread(_process: Any) -> Steps:
        yield 0

    yield from fails(process, PARAMETER, process.create_thread(thread, 0, 0x8))


@case("GetCurrentThreadStackLimits", "are those of the reservation, and stay as it grows", LIMITS)
def _(process: Any) -> Steps:
    low, high = yield from process.get_current_thread_stack_limits()
    equal((high - low, low % UNIT), (MiB, 0))
    equal((yield from works(process.virtual_query(high - 1))).allocation_base, low)
    for at in range(high - PAGE, high - 8 * PAGE, -PAGE):
        yield from process.write(at)
    equal((yield from process.get_current_thread_stack_limits()), (low, high))
    equal(process.thread_object.stack.limit, high - 7 * PAGE)


@case("SetThreadStackGuarantee", "tells the size before, in pages, two at least, and is never reduced", GUARANTEE)
def _(process: Any) -> Steps:
    asked = (0, 1, 0, 5 * PAGE - 1, PAGE, 0)
    found = yield from several(process.set_thread_stack_guarantee(size) for size in asked)
    equal(found, [0, 0, 2 * PAGE, 2 * PAGE, 5 * PAGE, 5 * PAGE])


@case("SetThreadStackGuarantee", "one page will do in a 32-bit process", GUARANTEE, bits=32)
def _(process: Any) -> Steps:
    yield from process.set_thread_stack_guarantee(1)
    equal((yield from process.set_thread_stack_guarantee(0)), PAGE)


@case("SetThreadStackGuarantee", "must leave some of the reserve", GUARANTEE, **SMALL)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.set_thread_stack_guarantee(UNIT))
    yield from fails(process, PARAMETER, process.set_thread_stack_guarantee(UNIT - PAGE + 1))
    yield from fails(process, PARAMETER, process.set_thread_stack_guarantee(-1))
    equal((yield from process.set_thread_stack_guarantee(UNIT - PAGE)), 0)


@case("SetThreadStackGuarantee", "so many bytes are there when the stack overflows", GUARANTEE, **SMALL)
def _(process: Any) -> Steps:
    low, high = yield from process.get_current_thread_stack_limits()
    yield from process.set_thread_stack_guarantee(4 * PAGE)
    for at in range(high - PAGE, low + 5 * PAGE, -PAGE):
        yield from process.write(at)
    yield from raises(OVERFLOW, process.write(low + 5 * PAGE))
    yield from process.write(low + PAGE, 4 * PAGE)
    yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(low))


@case("SetThreadStackGuarantee", "without one, a page is there", GUARANTEE, **SMALL)
def _(process: Any) -> Steps:
    low, high = yield from process.get_current_thread_stack_limits()
    for at in range(high - PAGE, low + 2 * PAGE, -PAGE):
        yield from process.write(at)
    yield from raises(OVERFLOW, process.write(low + 2 * PAGE))
    yield from process.write(low + PAGE)
    yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(low))


@case("Stack", "one committed as a whole has no guard page, and ends in an access violation", WINE)
def _(process: Any) -> Steps:
    def thread(process: Any) -> Steps:
        low, high = yield from process.get_current_thread_stack_limits()
        equal((yield from query(process, low)), (256, COMMIT, RW))
        yield from process.write(low)
        equal((yield from query(process, high - PAGE))[0], 1)

    handle = yield from works(process.create_thread(thread, MiB))
    yield from process.wait_for_single_object(handle)
    equal((yield from process.get_exit_code_thread(handle)), 0)
