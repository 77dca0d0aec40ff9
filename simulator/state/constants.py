"""The words for the codes in the machine's state: states, lists, kinds of faults, reasons."""

from __future__ import annotations

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
STATUS_CONTROL_C_EXIT = 0xC000013A

NEVER = 1 << 62
"""A time that doesn't come."""
STORE_SHIFT = 40
"""A location is (store << STORE_SHIFT) | page of the store; -1 is none."""
STORE_MASK = (1 << STORE_SHIFT) - 1
