"""The machine's state as compiled code sees it: its vocabulary, and how to reach the arrays.

All state that compiled code touches lies in the record arrays of `simulator.layout`. One record, MACHINE, holds the
scalars and the addresses of the arrays; compiled functions take its address, an int64, as their first argument `a`,
because numba unboxes an integer in a tenth of the time of a record array. `frames(a)` and its like give the arrays
back.

Numbers: frame, content, PTE, process, thread, request, disk and store numbers index their arrays; -1 is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from simulator.compile import compiled, extent, pointer
from simulator.layout import (
    CONTENT,
    DISK,
    FRAME,
    LIST,
    MACHINE,
    NODE,
    PROCESS,
    PROCESSOR,
    PTE,
    QUEUE,
    REQUEST,
    STORE_RECORD,
    TABLE_PTES,
    THREAD,
)

# Frame states (MMLISTS, geoffchappell.com; MODEL.md section 4)
ZEROED, FREE, STANDBY, MODIFIED, NO_WRITE, BAD, ACTIVE, TRANSITION = range(8)
STATE_NAMES = ("zeroed", "free", "standby", "modified", "modified-no-write", "bad", "active", "transition")

# Page lists: standby has one list for each priority; modified pages of files have a list of their own.
ON_ZEROED, ON_FREE, ON_STANDBY, ON_MODIFIED, ON_MAPPED, ON_NO_WRITE, ON_BAD, LISTS = 0, 1, 2, 10, 11, 12, 13, 14
STANDBY_PRIORITIES = 8

# PTE bits, in an array of bytes of their own: the MMU reads one byte for each run of references.
VALID, WRITE, ACCESSED, DIRTY, SEEN, LOCKED, HELD, NO_EXECUTE = 1, 2, 4, 8, 16, 32, 64, 128
"""WRITE: a store needs no fault. NO_EXECUTE: a fetch traps. SEEN: accessed since the last look of the page map. HELD: a
store is about to copy this page, or waits for a frame to do so; would it be taken meanwhile, the copy might never come
about."""
PINNED = LOCKED | HELD
"""Pages with one of these bits stay in their working set."""

FETCH, LOAD, STORE = range(3)
IO_NONE, IO_READ, IO_WRITE = range(3)

# Kinds of faults, and causes: where the page was found.
DEMAND_ZERO, SOFT, SHARED, COPY_ON_WRITE, COLLIDED, HARD, VIOLATION, PAGE_ERROR = range(8)
KIND_NAMES = (
    "demand-zero",
    "transition",
    "shared",
    "copy-on-write",
    "collided",
    "hard",
    "access-violation",
    "in-page-error",
)
CAUSE_NAMES = (
    "first touch",
    "standby",
    "modified",
    "modified-no-write",
    "in-flight write",
    "another process",
    "copy-on-write page",
    "in-flight read",
    "paging file",
    "file",
    "not committed",
    "read-only page",
    "read error",
    "no-execute page",
)
(
    FIRST_TOUCH,
    FROM_STANDBY,
    FROM_MODIFIED,
    FROM_NO_WRITE,
    FROM_WRITE,
    FROM_SHARER,
    FROM_COPY,
    FROM_READ,
    FROM_PAGING_FILE,
    FROM_FILE,
    NOT_COMMITTED,
    READ_ONLY,
    READ_ERROR,
    NOT_EXECUTABLE,
) = range(14)

# What happens to a page, and why: the words of the page log. A reason is one of these, or a cause of a fault.
ENTERED, LEFT, ON_STANDBY_LIST, ON_MODIFIED_LIST, HELD_BACK, WRITTEN, REPURPOSED, FREED, COPIED = range(9)
EVENT_NAMES = (
    "entered",
    "left",
    "standby",
    "modified",
    "modified-no-write",
    "written",
    "repurposed",
    "freed",
    "copied",
)
(
    TRIMMED,
    REPLACED,
    WITHDRAWN,
    PROCESS_ENDED,
    OUT_OF_WORKING_SETS,
    WRITE_DONE,
    WRITE_OVERTAKEN,
    WRITE_FAILED,
    READ_AHEAD,
    READ_IN_VAIN,
    FLUSHED,
    FOR_ANOTHER,
    EMPTIED,
    LIMITS_LOWERED,
    UNLOCKED,
    UNMAPPED,
    OFFERED,
    DISCARDED,
    DECOMMITTED,
    OUTSWAPPED,
    PROTECTED,
    RESET,
) = range(14, 36)
REASON_NAMES = (
    *CAUSE_NAMES,
    "trimmed",
    "replaced",
    "withdrawn",
    "process ended",
    "out of working sets",
    "written",
    "write overtaken",
    "write failed",
    "read-ahead",
    "read in vain",
    "flush",
    "another page",
    "emptied",
    "limits lowered",
    "unlocked",
    "unmapped",
    "offered",
    "discarded",
    "decommitted",
    "outswapped",
    "protected",
    "reset",
)
DEPARTURE_REASONS = (
    TRIMMED,
    REPLACED,
    WITHDRAWN,
    PROCESS_ENDED,
    EMPTIED,
    LIMITS_LOWERED,
    UNLOCKED,
    UNMAPPED,
    OFFERED,
    DISCARDED,
    DECOMMITTED,
    OUTSWAPPED,
    PROTECTED,
    FROM_COPY,
)
"""Why a page leaves a working set; FROM_COPY: the process stored to it and goes on with a copy of its own."""
DEPARTURE_NAMES = tuple(REASON_NAMES[reason] for reason in DEPARTURE_REASONS)

READY, RUNNING, BLOCKED, ENDED = range(4)
STALL_READ, STALL_COLLIDED, STALL_FRAME, STALL_WRITE, SLEEP = range(5)
"""What a blocked thread waits for; to sleep is its own will, and no stall."""
THREAD_STATE_NAMES = (
    "ready", "running", "stall: read", "stall: collided", "stall: frame", "stall: write", "asleep",
)  # fmt: skip
"""What a thread does, as the thread log has it: READY, RUNNING, or BLOCKED + what it waits for."""

# Daemons, in the order of their thread numbers after the user threads
BALANCE, WRITER, MAPPED_WRITER, ZEROER, DAEMONS = range(5)
DAEMON_NAMES = ("balance set manager", "modified page writer", "mapped page writer", "zero page thread")
IO_CAUSES = ("page-in", "modified page writer", "mapped page writer", "write at trim", "flush", "prefetch")
PAGE_IN, BY_WRITER, BY_MAPPED_WRITER, AT_TRIM, BY_FLUSH, BY_PREFETCH = range(6)

STATUS_ACCESS_VIOLATION = 0xC0000005
STATUS_IN_PAGE_ERROR = 0xC0000006
STATUS_COMMITMENT_LIMIT = 0xC000012D

NEVER = np.int64(1) << np.int64(62)
"""A time that doesn't come."""
STORE_SHIFT = np.int64(40)
"""A location is (store << STORE_SHIFT) | page of the store; -1 is none."""
STORE_MASK = (np.int64(1) << STORE_SHIFT) - np.int64(1)


@compiled
def machine(a: int) -> Any:
    """The MACHINE record at address `a`."""
    return carray(pointer(a), 1, MACHINE)[0]


@compiled
def frames(a: int) -> Any:
    """The PFN database."""
    return carray(pointer(machine(a).frames_at), extent(machine(a).frames_room), FRAME)


@compiled
def lists(a: int) -> Any:
    """Heads, tails and lengths of the page lists."""
    return carray(pointer(machine(a).lists_at), extent(machine(a).lists_room), LIST)


@compiled
def contents(a: int) -> Any:
    """What pages hold: one for each private page and each page of a file, resident or not."""
    return carray(pointer(machine(a).contents_at), extent(machine(a).contents_room), CONTENT)


@compiled
def ptes(a: int) -> Any:
    """Page-table entries, but for their bits."""
    return carray(pointer(machine(a).ptes_at), extent(machine(a).ptes_room), PTE)


@compiled
def bits(a: int) -> Any:
    """The bits of the page-table entries."""
    return carray(pointer(machine(a).bits_at), extent(machine(a).bits_room), np.uint8)


@compiled
def processes(a: int) -> Any:
    """Processes with their working sets and counters."""
    return carray(pointer(machine(a).processes_at), extent(machine(a).processes_room), PROCESS)


@compiled
def threads(a: int) -> Any:
    """User threads by process, then the daemons' threads."""
    return carray(pointer(machine(a).threads_at), extent(machine(a).threads_room), THREAD)


@compiled
def processors(a: int) -> Any:
    """Processors."""
    return carray(pointer(machine(a).processors_at), extent(machine(a).processors_room), PROCESSOR)


@compiled
def ready_queues(a: int) -> Any:
    """Ready queues by priority, 0 to 31."""
    return carray(pointer(machine(a).ready_at), extent(machine(a).ready_room), QUEUE)


@compiled
def requests(a: int) -> Any:
    """I/O requests."""
    return carray(pointer(machine(a).requests_at), extent(machine(a).requests_room), REQUEST)


@compiled
def flights(a: int) -> Any:
    """Requests in service, by time of completion, then order of service start."""
    return carray(pointer(machine(a).flights_at), extent(machine(a).flights_room), np.int32)


@compiled
def sleepers(a: int) -> Any:
    """Sleeping threads, the next to wake last."""
    return carray(pointer(machine(a).sleepers_at), extent(machine(a).sleepers_room), np.int32)


@compiled
def disks(a: int) -> Any:
    """Disks."""
    return carray(pointer(machine(a).disks_at), extent(machine(a).disks_room), DISK)


@compiled
def stores(a: int) -> Any:
    """Backing stores: the paging files, then the mapped files."""
    return carray(pointer(machine(a).stores_at), extent(machine(a).stores_room), STORE_RECORD)


@compiled
def nodes(a: int) -> Any:
    """The policy's notes, one for each PTE."""
    return carray(pointer(machine(a).nodes_at), extent(machine(a).nodes_room), NODE)


@compiled
def process_notes(a: int) -> Any:
    """The policy's notes, one for each process."""
    return carray(pointer(machine(a).process_notes_at), extent(machine(a).process_notes_room), NODE)


@compiled
def policy_queues(a: int) -> Any:
    """The policy's queues of nodes."""
    return carray(pointer(machine(a).policy_queues_at), extent(machine(a).policy_queues_room), LIST)


@compiled
def policy_integers(a: int) -> Any:
    """The policy's own numbers, and its parameters."""
    return carray(pointer(machine(a).policy_integers_at), extent(machine(a).policy_integers_room), np.int64)


@compiled
def policy_reals(a: int) -> Any:
    """The policy's own real numbers."""
    return carray(pointer(machine(a).policy_reals_at), extent(machine(a).policy_reals_room), np.float64)


@compiled
def entry_of(a: int, process: int, index: int) -> int:
    """A process's PTE by place: from 0 to its `ptes`, in no order that means anything for a program."""
    p = processes(a)[process]
    if p.tables_at == 0:
        return p.first_pte + index
    tables = carray(pointer(p.tables_at), extent(p.ptes // TABLE_PTES), np.int32)
    return np.int64(tables[index // TABLE_PTES]) + index % TABLE_PTES


@compiled
def available(a: int) -> int:
    """Pages that can be handed out at once: zeroed, free and standby."""
    m = machine(a)
    on = lists(a)
    count = on[ON_ZEROED].count + m.frame_count - m.fresh + on[ON_FREE].count
    for priority in range(STANDBY_PRIORITIES):
        count += on[ON_STANDBY + priority].count
    return count
