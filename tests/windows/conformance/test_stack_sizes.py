"""Stack sizes: CreateThread's dwStackSize, and how much of a stack is left when it overflows."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

SIZES = "[Thread Stack Size]"
WINE = "[ntdll/virtual.c: test_RtlCreateUserStack]"
LIMITS, GUARANTEE = "[GetCurrentThreadStackLimits]", "[SetThreadStackGuarantee]"
RESERVATION = w.STACK_SIZE_PARAM_IS_A_RESERVATION
OVERFLOW = w.STATUS_STACK_OVERFLOW
SMALL: dict[str, Any] = {"settings": {"stack_reserve": UNIT}}


def sizes(p: Any, size: int, flags: int = 0) -> Any:
    """(reserved, committed) bytes of a new thread's stack, whose guard page is looked at, too."""
    found: list[Any] = []

    def thread(p: Any) -> None:
        low, high = p.get_current_thread_stack_limits()
        stack = p.thread_object.stack
        committed = p.query(stack.limit)
        assert committed == ((high - stack.limit) // PAGE, COMMIT, RW)
        if stack.guard >= 0:
            assert p.query(stack.guard) == (1, COMMIT, RW | GUARD)
        if stack.guard > low:
            assert p.query(low)[1:] == (RESERVE, 0)
        assert works(p.virtual_query(low)).allocation_protect == RW
        found.extend((high - low, high - stack.limit))

    handle = works(p.create_thread(thread, size, flags))
    p.wait_for_single_object(handle)
    return tuple(found)


def nothing(_: Any) -> None:
    """A thread that does nothing."""


def test_create_thread(rule: Rule) -> None:
    with rule("a size of 0 is the image's: 1 MiB reserved, a page committed", SIZES) as p:
        assert sizes(p, 0) == (MiB, PAGE)
        assert sizes(p, 0, RESERVATION) == (MiB, PAGE)
    with rule("the size is what is committed, in whole pages", WINE) as p:
        assert sizes(p, 0x3F00) == (MiB, 0x4000)
        assert sizes(p, 0x2000) == (MiB, 0x2000)
        assert sizes(p, 0x11000) == (MiB, 0x11000)
    with rule("STACK_SIZE_PARAM_IS_A_RESERVATION: it is what is reserved, in multiples of 64 KiB", WINE) as p:
        assert sizes(p, 0x3FF000, RESERVATION) == (0x400000, PAGE)
        assert sizes(p, 0x200000, RESERVATION) == (0x200000, PAGE)
        assert sizes(p, 0x110000, RESERVATION) == (0x110000, PAGE)
        assert sizes(p, 0x101000, RESERVATION) == (0x110000, PAGE)
    with rule("a reserve below the default is taken as it is", SIZES) as p:
        assert sizes(p, 2 * UNIT, RESERVATION) == (2 * UNIT, PAGE)
    with rule("a commit that isn't below the reserve makes that a multiple of 1 MiB", WINE) as p:
        assert sizes(p, MiB) == (MiB, MiB)
        assert sizes(p, MiB + PAGE) == (2 * MiB, MiB + PAGE)
    with rule("so does one that equals a smaller reserve", WINE, settings={"stack_reserve": 0x20000}) as p:
        assert sizes(p, 0x20000) == (0x100000, 0x20000)
        assert sizes(p, 0x20000 - PAGE) == (0x20000, 0x20000 - PAGE)
    with rule("a stack of 2 GiB can be reserved in a 64-bit process", WINE) as p:
        assert sizes(p, 0x80000000, RESERVATION) == (0x80000000, PAGE)
    with rule("... and not in a 32-bit one: there is no room", SIZES, bits=32) as p:
        before = p.charge()
        p.fails(w.ERROR_NOT_ENOUGH_MEMORY).create_thread(nothing, 0x7FFD0000, RESERVATION)
        assert p.charge() == before
    with rule("commit is charged for what is committed, its guard page and page tables", SIZES) as p:
        found: list[int] = []

        def thread(p: Any) -> None:
            found.append(p.charge())

        for size in (PAGE, 0x10000):
            handle = works(p.create_thread(thread, size))
            p.wait_for_single_object(handle)
        assert found[1] - found[0] == 15


def test_stacks_that_cannot_be_made(rule: Rule) -> None:
    with rule("a stack that can't be committed: 1455", SIZES, paging_pages=64) as p:
        p.fails(w.ERROR_COMMITMENT_LIMIT).create_thread(nothing, 4 * MiB)
        assert sizes(p, 4 * MiB, RESERVATION) == (4 * MiB, PAGE)
    with rule("refuses flags that are none", "[CreateThread]") as p:
        p.fails(PARAMETER).create_thread(nothing, 0, 0x8)


def test_get_current_thread_stack_limits(rule: Rule) -> None:
    with rule("are those of the reservation, and stay as it grows", LIMITS) as p:
        low, high = p.get_current_thread_stack_limits()
        assert (high - low, low % UNIT) == (MiB, 0)
        assert works(p.virtual_query(high - 1)).allocation_base == low
        for at in range(high - PAGE, high - 8 * PAGE, -PAGE):
            p.write(at)
        assert p.get_current_thread_stack_limits() == (low, high)
        assert p.thread_object.stack.limit == high - 7 * PAGE


def test_set_thread_stack_guarantee(rule: Rule) -> None:
    with rule("tells the size before, in pages, two at least, and is never reduced", GUARANTEE) as p:
        asked = (0, 1, 0, 5 * PAGE - 1, PAGE, 0)
        found = [p.set_thread_stack_guarantee(size) for size in asked]
        assert found == [0, 0, 2 * PAGE, 2 * PAGE, 5 * PAGE, 5 * PAGE]
    with rule("one page will do in a 32-bit process", GUARANTEE, bits=32) as p:
        p.set_thread_stack_guarantee(1)
        assert p.set_thread_stack_guarantee(0) == PAGE
    with rule("must leave some of the reserve", GUARANTEE, **SMALL) as p:
        p.fails(PARAMETER).set_thread_stack_guarantee(UNIT)
        p.fails(PARAMETER).set_thread_stack_guarantee(UNIT - PAGE + 1)
        p.fails(PARAMETER).set_thread_stack_guarantee(-1)
        assert p.set_thread_stack_guarantee(UNIT - PAGE) == 0
    with rule("so many bytes are there when the stack overflows", GUARANTEE, **SMALL) as p:
        low, high = p.get_current_thread_stack_limits()
        p.set_thread_stack_guarantee(4 * PAGE)
        for at in range(high - PAGE, low + 5 * PAGE, -PAGE):
            p.write(at)
        p.raises(OVERFLOW).write(low + 5 * PAGE)
        p.write(low + PAGE, 4 * PAGE)
        p.raises(w.STATUS_ACCESS_VIOLATION).write(low)
    with rule("without one, a page is there", GUARANTEE, **SMALL) as p:
        low, high = p.get_current_thread_stack_limits()
        for at in range(high - PAGE, low + 2 * PAGE, -PAGE):
            p.write(at)
        p.raises(OVERFLOW).write(low + 2 * PAGE)
        p.write(low + PAGE)
        p.raises(w.STATUS_ACCESS_VIOLATION).write(low)


def test_stack(rule: Rule) -> None:
    with rule("one committed as a whole has no guard page, and ends in an access violation", WINE) as p:

        def thread(p: Any) -> None:
            low, high = p.get_current_thread_stack_limits()
            assert p.query(low) == (256, COMMIT, RW)
            p.write(low)
            assert p.query(high - PAGE)[0] == 1

        handle = works(p.create_thread(thread, MiB))
        p.wait_for_single_object(handle)
        assert p.get_exit_code_thread(handle) == 0
