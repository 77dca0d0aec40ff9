"""Threads' stacks: a reserved region, committed at its top, with a guard page that moves down as the stack grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.units import MiB
from simulator.windows.constants import PAGE_GUARD, PAGE_READWRITE, STATUS_STACK_OVERFLOW
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

    def guarded(self, first: int, end: int) -> None:
        """A program has made guard pages of the bytes [first, end): if they lie in what is committed of the stack, it
        ends above them from now on [ntdll/virtual.c:1100-1154; whichever thread does it: chosen]."""
        if self.limit < end <= self.top:
            self.limit, self.guard = end, first


def create_stack(space: AddressSpace, reserve: int, commit: int) -> Stack:
    """A new stack of `reserve` bytes, of which the highest `commit` are committed [Thread Stack Size]: the first
    rounded up to the allocation granularity, the second to pages. Reserves more, up to a multiple of 1 MiB, if
    they leave no room for a guard page. Raises Failure 8 (address space) or 1455."""
    page = space.page_size
    pages = max(-(-commit // page), 1)
    if -(-reserve // page) < pages + 2:
        reserve = -(-(pages + 2) * page // MiB) * MiB
    unit = space.system.granularity
    first, end = space.place(0, -(-reserve // unit) * unit, False)
    vad = Vad(first, end, PAGE_READWRITE, 0)
    space.charge(pages + 1 + space.missing_tables(end - pages - 1, end))
    vad.runs.set(end - pages, end, PAGE_READWRITE)
    vad.runs.set(end - pages - 1, end - pages, PAGE_READWRITE | PAGE_GUARD)
    vad.stack = Stack(first * page, end * page, (end - pages) * page, (end - pages - 1) * page)
    space.insert(vad)
    return vad.stack


def grow_stack(space: AddressSpace, vad: Vad, stack: Stack, page: int) -> int:
    """A thread has touched a guard page of its own stack, whoever set it: the stack goes down to it, and the page below
    is the next guard page, committed or not before. 0, or STATUS_STACK_OVERFLOW if that can't be.

    It can't if the page below is the last but one of the region, or commit charge is short [ros: ARM3/pagfault.c,
    MiCheckForUserStackOverflow]. In the first case that page is committed without guard, so that the program can handle
    the exception; the lowest page never is.
    """
    space.assign(vad, page, page + 1, vad.runs.at(page) & KNOWN & ~PAGE_GUARD)
    below = max(page - 1, vad.first + 1)
    last = page - 2 <= vad.first
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
