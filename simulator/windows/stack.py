"""Threads' stacks: a reserved region, committed at its top, with a guard page that moves down as the stack grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.units import MiB
from simulator.windows.constants import ERROR_INVALID_PARAMETER, PAGE_GUARD, PAGE_READWRITE, STATUS_STACK_OVERFLOW
from simulator.windows.failure import Failure
from simulator.windows.protection import KNOWN
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace


@dataclass(eq=False)
class Stack:
    """Where a thread's stack lies, in bytes."""

    base: int
    """where its region begins; the lowest page is never committed"""
    top: int
    limit: int
    """the lowest address that is committed without guard"""
    guard: int
    """the guard page that was set last; -1: the stack has overflowed"""
    guarantee: int = 0
    """bytes that are there to handle an overflow [SetThreadStackGuarantee]"""

    def guarded(self, first: int, end: int) -> None:
        """A program has made guard pages of the bytes [first, end): if they lie in what is committed of the stack, it
        ends above them from now on [ntdll/virtual.c:1100-1154; whichever thread does it: chosen]."""
        if self.limit < end <= self.top:
            self.limit, self.guard = end, first


def create_stack(space: AddressSpace, reserve: int, commit: int) -> Stack:
    """A new stack of `reserve` bytes, of which the highest `commit` are committed [Thread Stack Size]: the first
    rounded up to the allocation granularity, the second to pages.

    What is to be committed and isn't less than `reserve` becomes the reserve, rounded up to 1 MiB. A stack that is
    committed as a whole has no guard page [ntdll/virtual.c: test_RtlCreateUserStack; ros:
    dll/win32/kernel32/client/utils.c, BaseCreateStack]. Raises Failure 8 (address space) or 1455.
    """
    page, unit = space.page_size, space.system.granularity
    if commit >= reserve:
        reserve = -(-commit // MiB) * MiB
    pages = max(-(-commit // page), 1)
    first, end = space.place(0, -(-reserve // unit) * unit, False)
    guard = int(end - first > pages)
    vad = Vad(first, end, PAGE_READWRITE, 0)
    space.charge(pages + guard + space.missing_tables(end - pages - guard, end))
    vad.runs.set(end - pages, end, PAGE_READWRITE)
    if guard:
        vad.runs.set(end - pages - 1, end - pages, PAGE_READWRITE | PAGE_GUARD)
    limit = (end - pages) * page
    vad.stack = Stack(first * page, end * page, limit, limit - page if guard else -1)
    space.insert(vad)
    return vad.stack


def grow_stack(space: AddressSpace, vad: Vad, stack: Stack, page: int) -> int:
    """A thread has touched a guard page of its own stack, whoever set it: the stack goes down to it, and the page below
    is the next guard page, committed or not before. 0, or STATUS_STACK_OVERFLOW if that can't be.

    It can't if no more than the last page but one of the region, or the pages that the thread has a guarantee of, are
    left, or commit charge is short [ros: ARM3/pagfault.c, MiCheckForUserStackOverflow; SetThreadStackGuarantee]. In the
    first case they are committed without guard, so that the program can handle the exception; the lowest page never is.
    """
    space.assign(vad, page, page + 1, vad.runs.at(page) & KNOWN & ~PAGE_GUARD)
    left = max(page - vad.first - 1, 0)
    last = left <= max(stack.guarantee // space.page_size, 1)
    below = page - left if last else page - 1
    stack.limit, stack.guard = page * space.page_size, -1
    try:
        space.commit_private(vad, below, page, PAGE_READWRITE | (0 if last else PAGE_GUARD)) if below < page else None
    except Failure:
        return STATUS_STACK_OVERFLOW
    if last:
        stack.limit = below * space.page_size
        return STATUS_STACK_OVERFLOW
    stack.guard = below * space.page_size
    return 0


def set_guarantee(space: AddressSpace, stack: Stack, size: int) -> int:
    """Have so many bytes of a thread's stack, rounded up to pages (at least two in a 64-bit process), left when it
    overflows; the guarantee that it had before. Less than that is ignored. Raises Failure 87 if the whole reserve would
    be needed [SetThreadStackGuarantee]."""
    page, before = space.page_size, stack.guarantee
    least = 2 * page if size and space.own.bits == 64 else 0
    wanted = max(-(-size // page) * page, least)
    if size < 0 or wanted >= stack.top - stack.base:
        raise Failure(ERROR_INVALID_PARAMETER)
    stack.guarantee = max(before, wanted)
    return before
