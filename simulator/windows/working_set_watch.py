"""The working set watch: which faults have brought pages into a process's working set [InitializeProcessForWsWatch]."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.state.constants import FETCH, HARD
from simulator.windows.constants import ERROR_GEN_FAILURE, ERROR_INSUFFICIENT_BUFFER
from simulator.windows.failure import Failure

if TYPE_CHECKING:
    from simulator.windows.owner import Owner

ROOM = 1024
"""Faults that a process's buffer holds; chosen."""


class WorkingSetChange(NamedTuple):
    """A page that was added to a working set [PSAPI_WS_WATCH_INFORMATION_EX]."""

    faulting_pc: int
    """the instruction's page where it is the fetch that faulted; else 0, as a program's loads and stores come from no
    instruction that is known"""
    faulting_va: int
    """the page's address; its lowest bit is set if the fault was soft, that is, read nothing"""
    faulting_thread_id: int
    flags: int = 0
    """reserved by Windows"""


def begin(own: Owner) -> bool:
    """Note down the faults of a process from now on, beginning with an empty buffer [InitializeProcessForWsWatch]."""
    own.system.pages.watch_working_set(own.number, ROOM)
    return True


def changes(own: Owner, size: int, extended: bool) -> list[WorkingSetChange]:
    """The faults since the last call, oldest first, and the buffer is empty again [GetWsChanges, GetWsChangesEx]. While
    it is full nothing is noted down.

    `size`: bytes that the caller has for them, and for one record more, which ends them. Raises Failure 122 if that is
    too little (then they stay in the buffer), 31 if nobody watches the process (STATUS_UNSUCCESSFUL).
    """
    pages = own.system.pages
    rows = pages.watched(own.number)
    if rows is None:
        raise Failure(ERROR_GEN_FAILURE)
    if (len(rows) + 1) * (4 if extended else 2) * own.bits // 8 > size:
        raise Failure(ERROR_INSUFFICIENT_BUFFER)
    pages.watch_working_set(own.number, ROOM)
    page = own.system.page_size
    return [
        WorkingSetChange(
            faulting_pc=int(row["page"]) * page if row["access"] == FETCH else 0,
            faulting_va=int(row["page"]) * page | int(row["kind"] != HARD),
            faulting_thread_id=int(row["thread"]),
        )
        for row in rows
    ]
