"""The layout of the machine's state: dtypes of the record arrays, field by field.

Numbers: frame, content, PTE, process, thread, request, disk and store numbers index their arrays; -1 is none. Times
are nanoseconds, sizes pages.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.logs import FAULT_LOG, IO_LOG, PAGE_LOG, THREAD_LOG

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
        ("stored", "u1"),  # zeroed or stored to since the content came in
        ("io", "u1"),
        ("deleted", "u1"),  # its page was deleted during the I/O
        ("fixed", "u1"),  # nonpageable: no working set and no list ever has it
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
        ("version", "u4"),  # 0: none, it reads as zeros; 1: zeroed for its page; then one more for each store folded in
        ("written", "u4"),  # version on the backing store
        ("file", "i4"),  # store number of its file, else -1
        ("adjacent", "u1"),  # the next content is the next page of the same process, section or file
        ("losable", "u1"),  # reset or offered: a version in memory needn't be kept, and counts as none
        ("lost", "u1"),  # it was losable, and its frame was given to another page
        ("zeroed", "u1"),  # times that it was zeroed since it last had no contents: at most once
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
        ("accessible", "u1"),  # committed, and neither PAGE_NOACCESS nor PAGE_GUARD
        ("writable", "u1"),  # a store is allowed, perhaps by copying
        ("executable", "u1"),
        ("fixed", "u1"),  # mapped as long as it is bound, outside the working set: AWE and large pages
    ],
    align=True,
)
TABLE_PTES = 16
"""PTEs that a program's process gets at a time: those of 64 KiB of addresses, the allocation granularity."""
REASONS = 40
"""Room for counts by reason, of those in `simulator.records`."""
PROCESS = np.dtype(
    [
        ("first_pte", "i8"),
        ("ptes", "i8"),
        ("tables_at", "i8"),  # of a program: int32, the first of each group of TABLE_PTES; else 0: one row of PTEs
        ("page_base", "i8"),  # the PTE of page 0 of its threads' blocks
        ("start", "i8"),
        ("finished", "i8"),
        ("status", "i8"),  # -1 while it lives
        ("commit", "i8"),
        ("size", "i8"),
        ("peak", "i8"),
        ("space_time", "i8"),  # integral of its size over time, up to space_time_at
        ("space_time_at", "i8"),
        ("minimum", "i8"),
        ("maximum", "i8"),
        ("kinds", "i8", (8,)),
        ("page_reads", "i8"),
        ("pages_input", "i8"),
        ("pages_output", "i8"),
        ("trimmed", "i8"),
        ("replaced", "i8"),
        ("departures", "i8", (REASONS,)),  # pages that left its working set, by reason
        ("watch_at", "i8"),  # its working set watch: rows of logs.WATCH, of which so many are filled
        ("watch_count", "i4"),
        ("watch_limit", "i4"),  # how many there are; 0: nobody watches
        ("head", "i4"),
        ("tail", "i4"),
        ("hand", "i4"),
        ("first_thread", "i4"),
        ("threads", "i4"),
        ("living_threads", "i4"),  # that have not ended
        ("hard_minimum", "u1"),
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
        ("stop", "i8"),  # the run before which the thread waits next, or the end of the block
        ("page_at", "i8"),
        ("fetches_at", "i8"),
        ("loads_at", "i8"),
        ("stores_at", "i8"),
        ("wait_row_at", "i8"),
        ("wait_until_at", "i8"),
        ("wait_pause_at", "i8"),
        ("wait", "i8"),  # the wait that comes next
        ("waits", "i8"),  # in the block
        ("wake", "i8"),  # when a sleeping thread goes on
        ("references", "i8"),  # made so far
        ("runs", "i8"),  # begun so far; not counted for a policy that doesn't see hits
        ("next_run_at", "i8"),  # for each run of the block, the stream's next run on that page: its number
        ("next_reference_at", "i8"),  # ... and that of its first reference
        ("quantum_left", "i8"),
        ("since", "i8"),
        ("run_ns", "i8"),
        ("ready_ns", "i8"),
        ("stall_ns", "i8", (5,)),
        ("fault_time", "i8"),
        ("fault_cpu", "i8"),
        ("fault_queue", "i8"),
        ("wait_since", "i8"),
        ("exception", "i8"),  # status that a program's reference has raised, 0: none
        ("fault_pte", "i8"),
        ("victim", "i8"),  # what a policy in Python chose
        ("next", "i4"),  # in a ready queue or among waiters
        ("request", "i4"),  # the read that it waits for
        ("number", "i4"),  # in its process
        ("process", "i4"),  # -1: a system thread
        ("processor", "i4"),
        ("fault_access", "u1"),
        ("room_made", "u1"),
        ("state", "u1"),
        ("stall", "u1"),
        ("priority", "u1"),
        ("last_block", "u1"),
        ("program", "u1"),  # at the end of its runs it goes on in Python
        ("fetching", "u1"),  # its block may fetch from pages that forbid it
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
        ("moves", "u1"),  # it seeks or rotates
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
NODE = np.dtype(
    [
        ("time", "i8"),
        ("next", "i4", (2,)),
        ("previous", "i4", (2,)),
        ("queue", "i1", (2,)),  # the queue it is on, -1: none
        ("count", "i4"),
        ("slot", "i4"),
        ("mark", "i4"),
    ],
    align=True,
)
"""A policy's notes on one entry, resident or not: two links, so that it may be on two queues, and fields for what it
likes; or its notes on a process."""
POLICY_QUEUES = 32
POLICY_NUMBERS = 32
OUTBOX = np.dtype([("time", "i8"), ("daemon", "i8")], align=True)
POLICY_HOOKS = ("replace", "trim", "withdraw", "entered", "left", "hit")
"""What a policy may have compiled; see `simulator.policies.base.Compiled`."""

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
    "sleepers": np.dtype("i4"),
    "disks": DISK,
    "stores": STORE_RECORD,
    "nodes": NODE,
    "process_notes": NODE,
    "policy_queues": LIST,
    "policy_integers": np.dtype("i8"),
    "policy_reals": np.dtype("f8"),
    "history": np.dtype("i8"),
    "outbox": OUTBOX,
    "fault_log": FAULT_LOG,
    "io_log": IO_LOG,
    "page_log": PAGE_LOG,
    "thread_log": THREAD_LOG,
    "sample_times": np.dtype("i8"),
    "samples": np.dtype("i8"),
}
"""Each array of the machine and its dtype; MACHINE holds its address as `<name>_at`, its length as `<name>_room`."""

SIZES = (
    "frame_count",
    "processor_count",
    "process_count",
    "pte_count",
    "user_threads",  # there at the start; the daemons' threads follow, then those that programs start
    "thread_count",  # daemons' among them
    "paging_files",
    "disk_count",
)
PARAMETERS = (
    "demand_paging",  # the textbook machine
    "quantum",
    "reference_cost",
    "demand_zero_cost",
    "zero_page_cost",
    "transition_cost",
    "copy_cost",
    "hard_cost",
    "trim_cost",
    "age_cost",
    "read_cluster",
    "low",
    "high",
    "tight",
    "write_cluster",
    "free_trigger",
    "available_divisor",
    "modified_maximum",
    "immediate",
    "mapped_trigger",
    "mapped_cluster",
    "zero_enabled",
    "zero_trigger",
    "zero_batch",
    "write_cost",
    "log_faults",
    "log_io",
    "log_pages",
    "log_threads",
    "exact",  # the policy sees every hit
    "passes_in_python",  # of the balance set manager: its policy is in Python, or somebody watches its decisions
    "steps_watched",  # Python wants to look at the machine before each step of a daemon
    "signals_watched",  # ... and whenever a daemon is woken
    "end",  # time after which no I/O completes any more
    "sample_columns",
    "sample_stops",  # Python wants to look at each sample
)
STATE = (
    "now",
    "fresh",  # frames from this one on are zeroed and have never been used; they are on no list
    "states_active",
    "states_transition",
    "entry_sequence",
    "fresh_request",  # request records from this one on have never been used
    "free_request",  # the others that are free
    "in_flight",
    "sleeping",  # threads
    "frame_waiters",
    "last_frame_waiter",
    "frame_waiting",
    "woken",  # threads that waited for a frame and were woken
    "low_signalled",
    "reclaim_hand",
    "commit",
    "system_commit",  # the part of it that no process is charged: sections, pools
    "commit_peak",
    "alive",  # processes that have not ended
    "living_threads",  # threads that have not ended
    "outbox_count",  # daemons that were woken and have not gone on yet
    "outbox_seen",  # of these, those that Python knows of
    "step_seen",  # Python has looked before the next step of a daemon
    "fault_count",
    "io_count",
    "page_count",
    "thread_log_count",
    "page_rows",  # that the page log has room for
    "history_count",
    "actor",  # the thread whose reference is being made
    "passes",  # of the balance set manager
    "fruitless",  # its passes in a row that trimmed nothing while every thread waited for a frame
    "woken_before",  # `woken` at its last pass
    "goal",  # pages that its last pass was to trim
    "examined",  # entries that the policy looked at in this pass
    "withdrawn",  # pages that the policy took out on its own account, between passes
    "sample_count",
    "sample_period",
    "next_sample",
    "mapped_flush",
    "running",
    "ready",
    "asking",  # the thread that needs a block, or a policy's answer
)
COUNTERS = (
    "page_reads",
    "pages_input",
    "page_writes",
    "pages_output",
    "repurposed",
    "dirty_evictions",
    "trimmed",
    "replaced",
)
MACHINE = np.dtype(
    [
        *((f"{name}_at", "i8") for name in ARRAYS),
        *((f"{name}_room", "i8") for name in ARRAYS),
        *((f"{name}_hook", "i8") for name in POLICY_HOOKS),  # addresses; 0: there is none, or it is in Python
        *((name, "i8") for name in (*SIZES, *PARAMETERS, *STATE, *COUNTERS)),
        ("daemon_busy", "i8", (4,)),
        ("daemon_pending", "i8", (4,)),
        ("daemon_stage", "i8", (4,)),  # what it does next: see simulator.memory.signals
        ("daemon_job", "i8", (4,)),  # the write that it has gathered; the pages that it is about to zero
    ],
    align=True,
)
