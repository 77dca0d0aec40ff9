"""Page protection: which PAGE_ constants there are, and what a page with one of them allows.

On x86 a page that can be executed can be read: PAGE_EXECUTE differs from PAGE_EXECUTE_READ in its name only. Whether a
page without an EXECUTE protection can be executed is a matter of data execution prevention (`no_execute` below).
"""

from __future__ import annotations

from simulator.windows import constants as c

BASE = 0xFF
"""The bits of which exactly one is set; the others are modifiers."""
CACHING = c.PAGE_NOCACHE | c.PAGE_WRITECOMBINE
"""The modifiers that belong to an allocation, not to its pages."""
MODIFIERS = c.PAGE_GUARD | CACHING
WRITABLE = c.PAGE_READWRITE | c.PAGE_WRITECOPY | c.PAGE_EXECUTE_READWRITE | c.PAGE_EXECUTE_WRITECOPY
EXECUTABLE = c.PAGE_EXECUTE | c.PAGE_EXECUTE_READ | c.PAGE_EXECUTE_READWRITE | c.PAGE_EXECUTE_WRITECOPY
COPYING = c.PAGE_WRITECOPY | c.PAGE_EXECUTE_WRITECOPY
KNOWN = BASE | MODIFIERS

OFFERED = 1 << 16
"""Not a protection but kept with it: the page is offered, and inaccessible until it is reclaimed."""
CHARGED = 1 << 17
"""The same: a page of a view that is charged for a private copy, whatever its protection has become."""

WORKING_SET_CODES = {
    c.PAGE_NOACCESS: 0,
    c.PAGE_READONLY: 1,
    c.PAGE_EXECUTE: 2,
    c.PAGE_EXECUTE_READ: 3,
    c.PAGE_READWRITE: 4,
    c.PAGE_WRITECOPY: 5,
    c.PAGE_EXECUTE_READWRITE: 6,
    c.PAGE_EXECUTE_WRITECOPY: 7,
}
"""What QueryWorkingSet calls protections [PSAPI_WORKING_SET_BLOCK]; guard, non-cached and write-combined pages have
8, 16 and 24 added."""


def is_valid(protect: int) -> bool:
    """Whether `protect` is one protection with modifiers that can go with it [Memory Protection Constants; ros:
    ARM3/virtual.c, MiMakeProtectionMask]: none goes with PAGE_NOACCESS, and no two go together."""
    base, modifiers = protect & BASE, protect & MODIFIERS
    if protect & ~KNOWN or base == 0 or base & (base - 1):
        return False
    return modifiers == 0 or (base != c.PAGE_NOACCESS and modifiers & (modifiers - 1) == 0)


def cached(protect: int, allocation: int) -> int:
    """What a page of an allocation with some protection gets for a protection: PAGE_NOCACHE and PAGE_WRITECOMBINE are
    the allocation's, and no page is given or rid of them [k32/virtual.c:492-541]. None go with
    PAGE_NOACCESS."""
    plain = protect & ~CACHING
    return plain if plain & c.PAGE_NOACCESS else plain | allocation & CACHING


def is_private(protect: int) -> bool:
    """Whether private memory can have this valid protection: the WRITECOPY kinds are for views."""
    return not protect & COPYING


def rights(value: int, no_execute: bool) -> tuple[bool, bool, bool]:
    """(accessible, writable, executable) for the MMU, of a protection with its flags; 0: not committed.

    Inaccessible pages trap, so that guard pages raise their exception.
    """
    if value & (c.PAGE_GUARD | c.PAGE_NOACCESS | OFFERED) or not value & BASE:
        return False, False, False
    return True, bool(value & WRITABLE), bool(value & EXECUTABLE) or not no_execute


def working_set_code(protect: int) -> int:
    """The protection of a page as QueryWorkingSet tells it."""
    code = WORKING_SET_CODES[protect & BASE]
    if protect & c.PAGE_NOCACHE:
        return code + 8
    if protect & c.PAGE_GUARD:
        return code + 16
    return code + 24 if protect & c.PAGE_WRITECOMBINE else code
