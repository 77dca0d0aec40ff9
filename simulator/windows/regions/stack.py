"""Threads' stacks: a reserved region, committed at its top, with a guard page that moves down as the stack grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.units import MiB
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import KNOWN
from simulator.windows.regions.private import Private

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace


class Stack(Private):
    """A thread's stack."""

    def __init__(self, space: AddressSpace, first: int, end: int, pages: int, guard: int) -> None:
        """`pages` are committed at the top, with or without a guard page (1 or 0) below them."""
        super().__init__(space, first, end, c.PAGE_READWRITE)
        size = space.page_size
        self.base, self.top = first * size, end * size
        """where it begins and ends, in bytes; the lowest page is never committed"""
        self.limit = (end - pages) * size
        """the lowest address that is committed without guard"""
        self.guard = self.limit - size if guard else -1
        """the guard page that was set last; -1: the stack has overflowed"""
        self.guarantee = 0
        """bytes that are there to handle an overflow [SetThreadStackGuarantee]"""
        self.runs.set(end - pages, end, c.PAGE_READWRITE)
        if guard:
            self.runs.set(end - pages - 1, end - pages, c.PAGE_READWRITE | c.PAGE_GUARD)

    def reprotect(self, first: int, end: int, protect: int) -> None:
        """If a program makes guard pages in what is committed of the stack, it ends above them from now on
        [ntdll/virtual.c:1100-1154; whichever thread does it: chosen]."""
        super().reprotect(first, end, protect)
        size = self.space.page_size
        if protect & c.PAGE_GUARD and self.limit < end * size <= self.top:
            self.limit, self.guard = end * size, first * size

    def grow(self, page: int) -> int:
        """Its thread has touched a guard page, whoever set it: the stack goes down to it, and the page below is the
        next guard page, committed or not before. 0, or STATUS_STACK_OVERFLOW if that can't be.

        It can't if no more than the last page but one of the region, or the pages that the thread has a guarantee of,
        are left, or commit charge is short [ros: ARM3/pagfault.c, MiCheckForUserStackOverflow;
        SetThreadStackGuarantee]. In the first case they are committed without guard, so that the program can handle the
        exception; the lowest page never is.
        """
        size = self.space.page_size
        self.assign(page, page + 1, self.runs.at(page) & KNOWN & ~c.PAGE_GUARD)
        left = max(page - self.first - 1, 0)
        last = left <= max(self.guarantee // size, 1)
        below = page - left if last else page - 1
        self.limit, self.guard = page * size, -1
        try:
            if below < page:
                self.commit_pages(below, page, c.PAGE_READWRITE | (0 if last else c.PAGE_GUARD))
        except Failure:
            return c.STATUS_STACK_OVERFLOW
        if last:
            self.limit = below * size
            return c.STATUS_STACK_OVERFLOW
        self.guard = below * size
        return 0

    def set_guarantee(self, size: int) -> int:
        """Have so many bytes, rounded up to pages (at least two in a 64-bit process), left when it overflows; the
        guarantee that it had before. Less than that is ignored. Raises Failure ERROR_INVALID_PARAMETER if the whole
        reserve would be needed [SetThreadStackGuarantee]."""
        page, before = self.space.page_size, self.guarantee
        least = 2 * page if size and self.space.own.bits == 64 else 0
        wanted = max(-(-size // page) * page, least)
        if size < 0 or wanted >= self.top - self.base:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        self.guarantee = max(before, wanted)
        return before


def create_stack(space: AddressSpace, reserve: int, commit: int) -> Stack:
    """A new stack of `reserve` bytes, of which the highest `commit` are committed [Thread Stack Size]: the first
    rounded up to the allocation granularity, the second to pages.

    What is to be committed and isn't less than `reserve` becomes the reserve, rounded up to 1 MiB. A stack that is
    committed as a whole has no guard page [ntdll/virtual.c: test_RtlCreateUserStack; ros:
    dll/win32/kernel32/client/utils.c, BaseCreateStack]. Raises Failure ERROR_NOT_ENOUGH_MEMORY (address space) or
    ERROR_COMMITMENT_LIMIT.
    """
    page, unit = space.page_size, space.system.granularity
    if commit >= reserve:
        reserve = -(-commit // MiB) * MiB
    pages = max(-(-commit // page), 1)
    first, end = space.place(0, -(-reserve // unit) * unit, False)
    guard = int(end - first > pages)
    space.charge(pages + guard + space.missing_tables(end - pages - guard, end))
    stack = Stack(space, first, end, pages, guard)
    space.insert(stack)
    return stack
