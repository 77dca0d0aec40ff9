"""The machine's state: record arrays, and how compiled code reaches them.

All state that compiled code touches lies in NumPy record arrays. One record, MACHINE, holds the scalars and the
addresses of the arrays; compiled functions take its address, an int64, as their first argument `a`, because numba
unboxes an integer in a tenth of the time of a record array. `frames(a)` and its like give the arrays back.

Numbers: frame, content, PTE, process, thread, request, disk and store numbers index their arrays; -1 is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from simulator.compile import compiled, pointer

# Frame states (MMLISTS, geoffchappell.com; MODEL.md section 4)
ZEROED, FREE, STANDBY, MODIFIED, NO_WRITE, BAD, ACTIVE, TRANSITION = range(8)
STATE_NAMES = ("zeroed", "free", "standby", "modified", "modified-no-write", "bad", "active", "transition")

# Page lists: standby has one list for each priority; modified pages of files have a list of their own.
ON_ZEROED, ON_FREE, ON_STANDBY, ON_MODIFIED, ON_MAPPED, ON_NO_WRITE, ON_BAD, LISTS = 0, 1, 2, 10, 11, 12, 13, 14
STANDBY_PRIORITIES = 8

# PTE bits, in an array of bytes of their own: the MMU reads one byte for each run of references.
VALID, WRITE, ACCESSED, DIRTY, SEEN, LOCKED = 1, 2, 4, 8, 16, 32
"""WRITE: a store needs no fault. SEEN: accessed since the last look of the page map."""

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
) = range(13)

READY, RUNNING, BLOCKED, ENDED = range(4)
STALL_READ, STALL_COLLIDED, STALL_FRAME = range(3)

# Daemons, in the order of their thread numbers after the user threads
BALANCE, WRITER, MAPPED_WRITER, ZEROER, DAEMONS = range(5)
DAEMON_NAMES = ("balance set manager", "modified page writer", "mapped page writer", "zero page thread")
IO_CAUSES = ("page-in", "modified page writer", "mapped page writer", "write at trim")
PAGE_IN, BY_WRITER, BY_MAPPED_WRITER, AT_TRIM = range(4)

STATUS_ACCESS_VIOLATION = 0xC0000005
STATUS_IN_PAGE_ERROR = 0xC0000006
STATUS_COMMITMENT_LIMIT = 0xC000012D

NEVER = np.int64(1) << np.int64(62)
"""A time that doesn't come."""
STORE_SHIFT = np.int64(40)
"""A location is (store << STORE_SHIFT) | page of the store; -1 is none."""
STORE_MASK = (np.int64(1) << STORE_SHIFT) - np.int64(1)

FRAME = np.dtype(
    [
        ("content", "i4"),
        ("next", "i4"),  # on a page list, or among the frames of an I/O
        ("previous", "i4"),
        ("request", "i4"),  # the I/O in flight
        ("share", "i4"),  # valid PTEs
        ("io_version", "u4"),  # content version that the write in flight carries
        ("list", "i1"),
        ("state", "u1"),
        ("priority", "u1"),
        ("modified", "u1"),  # differs from the backing store
        ("stored", "u1"),  # a store happened since the content came in
        ("io", "u1"),
        ("deleted", "u1"),  # its process ended during the I/O
    ],
    align=True,
)
LIST = np.dtype([("head", "i4"), ("tail", "i4"), ("count", "i8")], align=True)
CONTENT = np.dtype(
    [
        ("location", "i8"),
        ("frame", "i4"),
        ("process", "i4"),  # owner of a private page, else -1
        ("pte", "i4"),  # its PTE if private
        ("version", "u4"),  # stores folded in so far
        ("written", "u4"),  # version on the backing store
        ("file", "i4"),  # store number of its file, else -1
        ("adjacent", "u1"),  # the next content is the next page of the same process or file
    ],
    align=True,
)
PTE = np.dtype(
    [
        ("entered", "i8"),  # global sequence number of its entry into the working set
        ("vpn", "u8"),
        ("content", "i4"),
        ("private", "i4"),  # the content a copy-on-write copy will use, else -1
        ("next", "i4"),
        ("previous", "i4"),
        ("process", "i4"),
        ("age", "u1"),
        ("committed", "u1"),
        ("writable", "u1"),  # a store is allowed, perhaps by copying
    ],
    align=True,
)
PROCESS = np.dtype(
    [
        ("first_pte", "i8"),
        ("ptes", "i8"),
        ("start", "i8"),
        ("finished", "i8"),
        ("status", "i8"),  # -1 while it lives
        ("commit", "i8"),
        ("size", "i8"),
        ("peak", "i8"),
        ("minimum", "i8"),
        ("maximum", "i8"),
        ("kinds", "i8", (8,)),
        ("page_reads", "i8"),
        ("pages_input", "i8"),
        ("pages_output", "i8"),
        ("trimmed", "i8"),
        ("replaced", "i8"),
        ("head", "i4"),
        ("tail", "i4"),
        ("hand", "i4"),
        ("thread", "i4"),
        ("hard_maximum", "u1"),
        ("memory_priority", "u1"),
        ("foreground", "u1"),
        ("alive", "u1"),
    ],
    align=True,
)
THREAD = np.dtype(
    [
        ("debt", "i8"),  # processor time owed before the next reference
        ("position", "i8"),  # run in the block
        ("offset", "i8"),  # references of that run already made
        ("length", "i8"),
        ("page_at", "i8"),
        ("fetches_at", "i8"),
        ("loads_at", "i8"),
        ("stores_at", "i8"),
        ("references", "i8"),  # made in earlier blocks
        ("quantum_left", "i8"),
        ("since", "i8"),
        ("run_ns", "i8"),
        ("ready_ns", "i8"),
        ("stall_ns", "i8", (3,)),
        ("fault_time", "i8"),
        ("fault_cpu", "i8"),
        ("fault_queue", "i8"),
        ("wait_since", "i8"),
        ("fault_pte", "i8"),
        ("victim", "i8"),  # what a policy in Python chose
        ("next", "i4"),  # in a ready queue or among waiters
        ("process", "i4"),  # -1: a system thread
        ("processor", "i4"),
        ("fault_access", "u1"),
        ("room_made", "u1"),
        ("state", "u1"),
        ("stall", "u1"),
        ("priority", "u1"),
        ("last_block", "u1"),
    ],
    align=True,
)
PROCESSOR = np.dtype(
    [
        ("clock", "i8"),  # its thread's state is exact at this time
        ("quantum_end", "i8"),
        ("stop", "i8"),  # no trap before this time
        ("scan_position", "i8"),
        ("scan_offset", "i8"),
        ("lookahead", "i8"),  # runs
        ("thread", "i4"),
        ("stop_kind", "u1"),
        ("scanned", "u1"),  # stop and stop_kind hold
    ],
    align=True,
)
QUEUE = np.dtype([("head", "i4"), ("tail", "i4")], align=True)
REQUEST = np.dtype(
    [
        ("submit", "i8"),
        ("start", "i8"),
        ("end", "i8"),
        ("sequence", "i8"),
        ("location", "i8"),
        ("offset", "i8"),  # page on the disk
        ("pages", "i4"),
        ("disk", "i4"),
        ("first", "i4"),  # its frames, linked by frame.next, in the order of their locations
        ("waiters", "i4"),
        ("last_waiter", "i4"),
        ("process", "i4"),
        ("next", "i4"),  # in the disk's queue, or among free requests
        ("daemon", "i1"),
        ("write", "u1"),
        ("cause", "u1"),
        ("ok", "u1"),
    ],
    align=True,
)
DISK = np.dtype(
    [
        ("latency_at", "i8", (2,)),  # quantiles of the service time, int64[4096] each for reads and writes
        ("seek_at", "i8"),
        ("per_page", "i8", (2,)),
        ("error_below", "u8", (2,)),
        ("key", "u8"),
        ("error_key", "u8"),
        ("rotation", "i8"),
        ("span", "i8"),
        ("position", "i8"),
        ("draws", "i8"),
        ("since", "i8"),
        ("busy_ns", "i8"),  # integral of busy channels over time
        ("queue_ns", "i8"),  # integral of requests waiting or in service
        ("operations", "i8", (2,)),
        ("queues", "i4", (2, 2)),  # head and tail for each class
        ("channels", "i4"),
        ("busy", "i4"),
        ("waiting", "i4"),
        ("page_in_first", "u1"),
    ],
    align=True,
)
STORE_RECORD = np.dtype(
    [
        ("disk", "i8"),
        ("base", "i8"),  # page on the disk where it begins
        ("size", "i8"),
        ("maximum", "i8"),
        ("used", "i8"),
        ("hint", "i8"),
        ("slots_at", "i8"),  # uint8: slot in use
        ("content_at", "i8"),  # int32: content last written there
        ("version_at", "i8"),  # uint32: its version
        ("first_content", "i8"),
        ("is_file", "u1"),
        ("metadata", "u1"),
    ],
    align=True,
)
OUTBOX = np.dtype([("time", "i8"), ("daemon", "i8")], align=True)
FAULT_LOG = np.dtype(
    [
        ("time_ns", "i8"),
        ("page", "u8"),
        ("queue_ns", "i8"),
        ("service_ns", "i8"),
        ("cpu_ns", "i8"),
        ("process", "i4"),
        ("kind", "u1"),
        ("cause", "u1"),
        ("access", "u1"),
    ],
    align=True,
)
IO_LOG = np.dtype(
    [
        ("submit_ns", "i8"),
        ("start_ns", "i8"),
        ("end_ns", "i8"),
        ("offset", "i8"),
        ("pages", "i4"),
        ("disk", "i4"),
        ("write", "u1"),
        ("cause", "u1"),
        ("ok", "u1"),
    ],
    align=True,
)

ARRAYS: dict[str, Any] = {
    "frames": FRAME,
    "lists": LIST,
    "contents": CONTENT,
    "ptes": PTE,
    "bits": np.dtype("u1"),
    "processes": PROCESS,
    "threads": THREAD,
    "processors": PROCESSOR,
    "ready": QUEUE,
    "requests": REQUEST,
    "flights": np.dtype("i4"),
    "disks": DISK,
    "stores": STORE_RECORD,
    "outbox": OUTBOX,
    "fault_log": FAULT_LOG,
    "io_log": IO_LOG,
}
"""Each array of the machine and its dtype; MACHINE holds its address as `<name>_at`."""

MACHINE = np.dtype(
    [
        *((f"{name}_at", "i8") for name in ARRAYS),
        ("replace_at", "i8"),  # the policy's compiled `replace`, 0: it is in Python
        *(
            (name, "i8")
            for name in (
                # sizes
                "frame_count processor_count process_count user_threads store_count paging_files disk_count page_size "
                # parameters
                "demand_paging quantum reference_cost demand_zero_cost zero_page_cost transition_cost copy_cost hard_cost "
                "trim_cost age_cost write_cost read_cluster low high tight write_cluster free_trigger available_divisor "
                "modified_maximum immediate mapped_trigger mapped_cluster zero_enabled zero_trigger zero_batch "
                # state
                "now fresh states_active states_transition entry_sequence request_sequence fresh_request free_request "
                "in_flight frame_waiters last_frame_waiter frame_waiting low_signalled reclaim_hand commit commit_peak "
                "alive outbox_count fault_count io_count log_faults log_io mapped_flush mapped_modified "
                "running ready asking end woken "
                # counters
                "page_reads pages_input page_writes pages_output repurposed dirty_evictions trimmed replaced"
            ).split()
        ),
        ("daemon_busy", "i8", (4,)),
        ("daemon_pending", "i8", (4,)),
    ],
    align=True,
)
_MANY = 1 << 40


@compiled
def machine(a: int) -> Any:
    """The MACHINE record at address `a`."""
    return carray(pointer(a), 1, MACHINE)[0]


@compiled
def frames(a: int) -> Any:
    """The PFN database."""
    return carray(pointer(machine(a).frames_at), _MANY, FRAME)


@compiled
def lists(a: int) -> Any:
    """Heads, tails and lengths of the page lists."""
    return carray(pointer(machine(a).lists_at), _MANY, LIST)


@compiled
def contents(a: int) -> Any:
    """What pages hold: one for each private page and each page of a file, resident or not."""
    return carray(pointer(machine(a).contents_at), _MANY, CONTENT)


@compiled
def ptes(a: int) -> Any:
    """Page-table entries, but for their bits."""
    return carray(pointer(machine(a).ptes_at), _MANY, PTE)


@compiled
def bits(a: int) -> Any:
    """The bits of the page-table entries."""
    return carray(pointer(machine(a).bits_at), _MANY, np.uint8)


@compiled
def processes(a: int) -> Any:
    """Processes with their working sets and counters."""
    return carray(pointer(machine(a).processes_at), _MANY, PROCESS)


@compiled
def threads(a: int) -> Any:
    """User threads by process, then the daemons' threads."""
    return carray(pointer(machine(a).threads_at), _MANY, THREAD)


@compiled
def processors(a: int) -> Any:
    """Processors."""
    return carray(pointer(machine(a).processors_at), _MANY, PROCESSOR)


@compiled
def ready_queues(a: int) -> Any:
    """Ready queues by priority, 0 to 31."""
    return carray(pointer(machine(a).ready_at), _MANY, QUEUE)


@compiled
def requests(a: int) -> Any:
    """I/O requests."""
    return carray(pointer(machine(a).requests_at), _MANY, REQUEST)


@compiled
def flights(a: int) -> Any:
    """Requests in service, by time of completion, then order of service start."""
    return carray(pointer(machine(a).flights_at), _MANY, np.int32)


@compiled
def disks(a: int) -> Any:
    """Disks."""
    return carray(pointer(machine(a).disks_at), _MANY, DISK)


@compiled
def stores(a: int) -> Any:
    """Backing stores: the paging files, then the mapped files."""
    return carray(pointer(machine(a).stores_at), _MANY, STORE_RECORD)


@compiled
def available(a: int) -> int:
    """Pages that can be handed out at once: zeroed, free and standby."""
    m = machine(a)
    on = lists(a)
    count = on[ON_ZEROED].count + m.frame_count - m.fresh + on[ON_FREE].count
    for priority in range(STANDBY_PRIORITIES):
        count += on[ON_STANDBY + priority].count
    return count
