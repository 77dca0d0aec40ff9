"""The records of the machine's state, field by field: all that compiled code touches lies in arrays of these.

Frames, contents, PTEs, processes, threads, requests, disks and stores are named by their place in their array; -1 is
none. Times are nanoseconds, sizes pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from numpy.typing import NDArray

from simulator.state.record import (
    I1,
    I4,
    I8,
    U1,
    U4,
    U8,
    Content,
    Field,
    Frame,
    Nanoseconds,
    Nothing,
    Pte,
    Record,
    Rows,
    Thread,
)

Numbers = NDArray[Any]


class PageFrame(Record):
    """A page frame: one row of the PFN database."""

    content: I4[Content]
    next: I4[Frame]  # on a page list, or among the frames of an I/O
    previous: I4[Frame]
    request: I4[int]  # the I/O in flight
    share: I4[int]  # valid PTEs
    io_version: U4[int]  # content version that the write in flight carries
    list: I1[int]
    state: U1[int]
    priority: U1[int]
    modified: U1[int]  # differs from the backing store
    stored: U1[int]  # zeroed or stored to since the content came in
    io: U1[int]
    deleted: U1[int]  # its page was deleted during the I/O
    fixed: U1[int]  # nonpageable: no working set and no list ever has it


class PageList(Record):
    """A doubly linked list: its ends and its length."""

    head: I4[Any]
    tail: I4[Any]
    count: I8[int]


class PageContents(Record):
    """What a page holds, resident or not: one for each private page and each page of a section or file."""

    location: I8[int]
    frame: I4[Frame]
    process: I4[int]  # owner of a private page, else -1
    pte: I4[Pte]  # its PTE if private
    version: U4[int]  # 0: none, it reads as zeros; 1: zeroed for its page; then one more for each store folded in
    written: U4[int]  # version on the backing store
    file: I4[int]  # store number of its file, else -1
    adjacent: U1[int]  # the next content is the next page of the same process, section or file
    discardable: U1[int]  # reset or offered: a version in memory needn't be kept, and counts as none
    discarded: U1[int]  # it was discardable, and its frame was given to another page
    zeroed: U1[int]  # times that it was zeroed since it last had no contents: at most once


class PageTableEntry(Record):
    """A page-table entry but for its bits, which the MMU reads as bytes of their own; in a working set its entry."""

    entered: I8[int]  # global sequence number of its entry into the working set
    vpn: U8[int]
    content: I4[Content]
    private: I4[Content]  # the content a copy-on-write copy will use, else -1
    next: I4[Pte]
    previous: I4[Pte]
    process: I4[int]
    age: U1[int]
    accessible: U1[int]  # committed, and neither PAGE_NOACCESS nor PAGE_GUARD
    writable: U1[int]  # a store is allowed, perhaps by copying
    executable: U1[int]
    fixed: U1[int]  # mapped as long as it is bound, outside the working set: AWE and large pages


class WatchRow(Record):
    """A row of a process's working set watch: a fault that brought a page into its working set, or copied one there."""

    page: U8[int]
    thread: I4[Thread]
    kind: U1[int]
    access: U1[int]


LOG_ROWS = 1 << 15
"""Rows that a log has room for, beside those that one step may need."""
TABLE_PTES = 16
"""PTEs that a program's process gets at a time: those of 64 KiB of addresses, the allocation granularity."""
REASONS = 40
"""Room for counts by reason."""


class ProcessRecord(Record):
    """A process: its page table, working set, threads and counts."""

    first_pte: I8[Pte]
    ptes: I8[int]
    tables: Annotated[
        Numbers, Field("i4", length="ptes")
    ]  # of a program: int32, the first of each group of TABLE_PTES; else 0: one row of PTEs
    page_base: I8[Pte]  # the PTE of page 0 of its threads' blocks
    start: I8[Nanoseconds]
    finished: I8[Nanoseconds]
    status: I8[int]  # -1 while it lives
    commit: I8[int]
    size: I8[int]
    peak: I8[int]
    space_time: I8[int]  # integral of its size over time, up to space_time_at
    space_time_at: I8[Nanoseconds]
    minimum: I8[int]
    maximum: I8[int]
    kinds: Annotated[Numbers, Field("i8", (8,))]
    page_reads: I8[int]
    pages_input: I8[int]
    pages_output: I8[int]
    trimmed: I8[int]
    replaced: I8[int]
    departures: Annotated[Numbers, Field("i8", (REASONS,))]  # pages that left its working set, by reason
    watch: Annotated[
        Rows[WatchRow], Field(WatchRow, length="watch_limit")
    ]  # its working set watch: rows of logs.WATCH, of which so many are filled
    watch_count: I4[int]
    watch_limit: I4[int]  # how many there are; 0: nobody watches
    head: I4[Pte]
    tail: I4[Pte]
    hand: I4[Pte]
    first_thread: I4[Thread]
    threads: I4[int]
    living_threads: I4[int]  # that have not ended
    hard_minimum: U1[int]
    hard_maximum: U1[int]
    memory_priority: U1[int]
    foreground: U1[int]
    alive: U1[int]

    if TYPE_CHECKING:
        tables_at: int


class ThreadRecord(Record):
    """A thread: how far it is in its references, its fault, what it waits for, and where its time went."""

    debt: I8[Nanoseconds]  # processor time owed before the next reference
    position: I8[int]  # run in the block
    offset: I8[int]  # references of that run already made
    length: I8[int]
    stop: I8[int]  # the run before which the thread waits next, or the end of the block
    page: Annotated[Numbers, Field("u4", length="length")]
    fetches: Annotated[Numbers, Field("u2", length="length")]
    loads: Annotated[Numbers, Field("u1", length="length")]
    stores: Annotated[Numbers, Field("u1", length="length")]
    wait_row: Annotated[Numbers, Field("i8", length="waits")]
    wait_until: Annotated[Numbers, Field("i8", length="waits")]
    wait_pause: Annotated[Numbers, Field("i8", length="waits")]
    wait: I8[int]  # the wait that comes next
    waits: I8[int]  # in the block
    wake: I8[Nanoseconds]  # when a sleeping thread goes on
    references: I8[int]  # made so far
    block_end: I8[int]  # `references` at the end of the block; -1: nobody has counted them
    runs: I8[int]  # begun so far; not counted for a policy that doesn't see hits
    next_run: Annotated[
        Numbers, Field("i8", length="length")
    ]  # for each run of the block, the stream's next run on that page: its number
    next_reference: Annotated[Numbers, Field("i8", length="length")]  # ... and that of its first reference
    quantum_left: I8[Nanoseconds]
    since: I8[Nanoseconds]
    run_ns: I8[Nanoseconds]
    ready_ns: I8[Nanoseconds]
    stall_ns: Annotated[Numbers, Field("i8", (5,))]
    fault_time: I8[Nanoseconds]
    fault_cpu: I8[Nanoseconds]
    fault_queue: I8[Nanoseconds]
    wait_since: I8[Nanoseconds]
    exception: I8[int]  # status that a program's reference has raised, 0: none
    fault_pte: I8[Pte]
    victim: I8[Pte]  # what a policy in Python chose
    next: I4[Thread]  # in a ready queue or among waiters
    request: I4[int]  # the read that it waits for
    number: I4[int]  # in its process
    process: I4[int]  # -1: a system thread
    processor: I4[int]
    fault_access: U1[int]
    room_made: U1[int]
    state: U1[int]
    stall: U1[int]
    priority: U1[int]
    program: U1[int]  # at the end of its runs it goes on in Python
    suspended: U1[int]  # 1: it is; 2: and would be ready otherwise
    fetching: U1[int]  # its block may fetch from pages that forbid it

    if TYPE_CHECKING:
        page_at: int
        fetches_at: int
        loads_at: int
        stores_at: int
        wait_row_at: int
        wait_until_at: int
        wait_pause_at: int


class Processor(Record):
    """A processor, its thread and the look-ahead over that thread's references."""

    clock: I8[Nanoseconds]  # its thread's state is exact at this time
    quantum_end: I8[Nanoseconds]
    stop: I8[int]  # no trap before this time
    scan_position: I8[int]
    scan_offset: I8[int]
    lookahead: I8[int]  # runs
    thread: I4[Thread]
    stop_kind: U1[int]
    scanned: U1[int]  # stop and stop_kind hold


class ReadyQueue(Record):
    """The threads of one priority that are ready, linked through their `next`."""

    head: I4[Thread]
    tail: I4[Thread]


class Request(Record):
    """An I/O request: its pages, its times and who waits for it."""

    submit: I8[Nanoseconds]
    start: I8[Nanoseconds]
    end: I8[Nanoseconds]
    location: I8[int]
    offset: I8[int]  # page on the disk
    pages: I4[int]
    disk: I4[int]
    first: I4[Frame]  # its frames, linked by frame.next, in the order of their locations
    waiters: I4[Thread]
    last_waiter: I4[Thread]
    process: I4[int]
    next: I4[int]  # in the disk's queue, or among free requests
    daemon: I1[int]
    write: U1[int]
    cause: U1[int]
    ok: U1[int]


class DiskRecord(Record):
    """A disk: its tables of service times, its queues and its integrals over time."""

    latency_at: Annotated[
        Numbers, Field("i8", (2,))
    ]  # quantiles of the service time, int64[4096] each for reads and writes
    seek_at: I8[int]
    per_page: Annotated[Numbers, Field("i8", (2,))]
    error_below: Annotated[Numbers, Field("u8", (2,))]
    key: U8[int]
    error_key: U8[int]
    rotation: I8[int]
    span: I8[int]
    position: I8[int]
    draws: I8[int]
    since: I8[Nanoseconds]
    busy_ns: I8[Nanoseconds]  # integral of busy channels over time
    queue_ns: I8[Nanoseconds]  # integral of requests waiting or in service
    operations: Annotated[Numbers, Field("i8", (2,))]
    queues: Annotated[Numbers, Field("i4", (2, 2))]  # head and tail for each class
    channels: I4[int]
    busy: I4[int]
    waiting: I4[int]
    page_in_first: U1[int]
    moves: U1[int]  # it seeks or rotates


class BackingStore(Record):
    """A paging file or a mapped file: where it lies on its disk, and what its slots hold."""

    disk: I8[int]
    base: I8[int]  # page on the disk where it begins
    size: I8[int]
    maximum: I8[int]
    used: I8[int]
    hint: I8[int]
    slots: Annotated[Numbers, Field("u1", length="maximum")]  # uint8: slot in use
    content: Annotated[Numbers, Field("i4", length="maximum")]  # int32: content last written there
    version: Annotated[Numbers, Field("u4", length="maximum")]  # uint32: its version
    first_content: I8[Content]
    is_file: U1[int]
    metadata: U1[int]


class WokenDaemon(Record):
    """A daemon that was woken and has not gone on yet."""

    time: I8[Nanoseconds]
    daemon: I8[int]


class FaultRow(Record):
    """A fault that was resolved, or couldn't be."""

    time_ns: I8[Nanoseconds]
    page: U8[int]
    queue_ns: I8[Nanoseconds]
    service_ns: I8[Nanoseconds]
    cpu_ns: I8[Nanoseconds]
    process: I4[int]
    thread: I4[int]  # its number in its process
    kind: U1[int]
    cause: U1[int]
    access: U1[int]


class IoRow(Record):
    """An I/O request that is done."""

    submit_ns: I8[Nanoseconds]
    start_ns: I8[Nanoseconds]
    end_ns: I8[Nanoseconds]
    offset: I8[int]
    pages: I4[int]
    disk: I4[int]
    write: U1[int]
    cause: U1[int]
    ok: U1[int]


class ThreadRow(Record):
    """A stretch of time in which a thread was in one state."""

    start_ns: I8[Nanoseconds]
    end_ns: I8[Nanoseconds]
    process: I4[int]  # or -1 - daemon
    thread: I4[int]  # its number in its process
    processor: I4[int]  # that it ran on, else -1
    state: U1[int]  # of constants.THREAD_STATE_NAMES


class PageRow(Record):
    """What happened to a page; see `simulator.memory.page_log`."""

    time_ns: I8[Nanoseconds]
    since_ns: I8[Nanoseconds]  # when the fault or the I/O began that ends here, else -1
    entry: I4[Pte]  # the PTE, -1 where the event is that of a content
    content: I4[Content]
    other: I4[int]  # by event, else -1; see `simulator.memory.page_log`
    number: I4[int]  # of a thread in its process, or of a store, else -1
    event: U1[int]
    reason: U1[int]
    accessed: U1[int]  # of a page that leaves its working set: since its bit was last cleared
    age: U1[int]  # ... and what its policy says of it


class MachineRecord(Record):
    """The machine: its arrays, its parameters, its state and its counters; what compiled code calls `m`."""

    frames: Annotated[Rows[PageFrame], Field(PageFrame, length="frames_room")]
    lists: Annotated[Rows[PageList], Field(PageList, length="lists_room")]
    contents: Annotated[Rows[PageContents], Field(PageContents, length="contents_room")]
    ptes: Annotated[Rows[PageTableEntry], Field(PageTableEntry, length="ptes_room")]
    bits: Annotated[Numbers, Field("u1", length="bits_room")]
    processes: Annotated[Rows[ProcessRecord], Field(ProcessRecord, length="processes_room")]
    threads: Annotated[Rows[ThreadRecord], Field(ThreadRecord, length="threads_room")]
    processors: Annotated[Rows[Processor], Field(Processor, length="processors_room")]
    ready_queues: Annotated[Rows[ReadyQueue], Field(ReadyQueue, length="ready_queues_room")]
    requests: Annotated[Rows[Request], Field(Request, length="requests_room")]
    flights: Annotated[Numbers, Field("i4", length="flights_room")]
    sleepers: Annotated[Numbers, Field("i4", length="sleepers_room")]
    disks: Annotated[Rows[DiskRecord], Field(DiskRecord, length="disks_room")]
    stores: Annotated[Rows[BackingStore], Field(BackingStore, length="stores_room")]
    own: Annotated[Rows[Nothing], Field(Nothing, length="own_room")]  # the policy's state, as it declares it
    page: Annotated[Rows[Nothing], Field(Nothing, length="page_room")]  # ... for each PTE
    process_state: Annotated[Rows[Nothing], Field(Nothing, length="process_state_room")]  # ... for each process
    history: Annotated[Numbers, Field("i8", length="history_room")]
    outbox: Annotated[Rows[WokenDaemon], Field(WokenDaemon, length="outbox_room")]
    fault_log: Annotated[Rows[FaultRow], Field(FaultRow, length="fault_log_room")]
    io_log: Annotated[Rows[IoRow], Field(IoRow, length="io_log_room")]
    page_log: Annotated[Rows[PageRow], Field(PageRow, length="page_log_room")]
    thread_log: Annotated[Rows[ThreadRow], Field(ThreadRow, length="thread_log_room")]
    sample_times: Annotated[Numbers, Field("i8", length="sample_times_room")]
    samples: Annotated[Numbers, Field("i8", length="samples_room")]
    frames_room: I8[int]
    lists_room: I8[int]
    contents_room: I8[int]
    ptes_room: I8[int]
    bits_room: I8[int]
    processes_room: I8[int]
    threads_room: I8[int]
    processors_room: I8[int]
    ready_queues_room: I8[int]
    requests_room: I8[int]
    flights_room: I8[int]
    sleepers_room: I8[int]
    disks_room: I8[int]
    stores_room: I8[int]
    own_room: I8[int]
    page_room: I8[int]
    process_state_room: I8[int]
    history_room: I8[int]
    outbox_room: I8[int]
    fault_log_room: I8[int]
    io_log_room: I8[int]
    page_log_room: I8[int]
    thread_log_room: I8[int]
    sample_times_room: I8[int]
    samples_room: I8[int]
    # Addresses of a policy's compiled functions; 0: there is none, or it is in Python
    replace_hook: I8[int]
    trim_hook: I8[int]
    withdraw_hook: I8[int]
    entered_hook: I8[int]
    left_hook: I8[int]
    hit_hook: I8[int]
    # Under watch: every so manieth call of a hook is looked at whether the policy keeps its promise; 0: none
    promise_every: I8[int]
    promise_calls: I8[int]
    # Sizes
    frame_count: I8[int]
    processor_count: I8[int]
    process_count: I8[int]
    pte_count: I8[int]
    user_threads: I8[int]  # there at the start; the daemons' threads follow, then those that programs start
    thread_count: I8[int]  # daemons' among them
    paging_files: I8[int]
    disk_count: I8[int]
    # Parameters
    demand_paging: I8[int]  # the textbook machine
    quantum: I8[Nanoseconds]
    reference_cost: I8[Nanoseconds]
    demand_zero_cost: I8[Nanoseconds]
    zero_page_cost: I8[Nanoseconds]
    transition_cost: I8[Nanoseconds]
    copy_cost: I8[Nanoseconds]
    hard_cost: I8[Nanoseconds]
    trim_cost: I8[Nanoseconds]
    age_cost: I8[Nanoseconds]
    read_cluster: I8[int]
    low: I8[int]
    high: I8[int]
    tight: I8[int]
    write_cluster: I8[int]
    free_trigger: I8[int]
    available_divisor: I8[int]
    modified_maximum: I8[int]
    immediate: I8[int]
    mapped_trigger: I8[int]
    mapped_cluster: I8[int]
    zero_enabled: I8[int]
    zero_trigger: I8[int]
    zero_batch: I8[int]
    write_cost: I8[Nanoseconds]
    log_faults: I8[int]
    log_io: I8[int]
    log_pages: I8[int]
    log_threads: I8[int]
    exact: I8[int]  # the policy sees every hit
    balance_period: I8[Nanoseconds]
    swapper_wakes: I8[int]  # ticks of the balance set manager between two looks of the swapper; 0: it is off
    swapper_idle: I8[Nanoseconds]
    mapped_period: I8[Nanoseconds]
    flush_period: I8[Nanoseconds]
    passes_in_python: I8[int]  # of the balance set manager: its policy is in Python, or somebody watches its decisions
    steps_watched: I8[int]  # Python wants to look at the machine before each step of a daemon
    signals_watched: I8[int]  # ... and whenever a daemon is woken
    end: I8[Nanoseconds]  # time after which no I/O completes any more
    sample_columns: I8[int]
    sample_stops: I8[int]  # Python wants to look at each sample
    # State
    now: I8[Nanoseconds]
    fresh: I8[int]  # frames from this one on are zeroed and have never been used; they are on no list
    states_active: I8[int]
    states_transition: I8[int]
    entry_sequence: I8[int]
    fresh_request: I8[int]  # request records from this one on have never been used
    free_request: I8[int]  # the others that are free
    in_flight: I8[int]
    sleeping: I8[int]  # threads
    frame_waiters: I8[Thread]
    last_frame_waiter: I8[Thread]
    frame_waiting: I8[int]
    woken: I8[int]  # threads that waited for a frame and were woken
    low_signalled: I8[int]
    reclaim_hand: I8[int]
    commit: I8[int]
    system_commit: I8[int]  # the part of it that no process is charged: sections, pools
    commit_peak: I8[int]
    commit_refused: I8[int]  # times that the limit could not be raised far enough
    alive: I8[int]  # processes that have not ended
    living_threads: I8[int]  # threads that have not ended
    outbox_count: I8[int]  # daemons that were woken and have not gone on yet
    outbox_seen: I8[int]  # of these, those that Python knows of
    step_seen: I8[int]  # Python has looked before the next step of a daemon
    fault_count: I8[int]
    io_count: I8[int]
    page_count: I8[int]
    thread_log_count: I8[int]
    page_rows: I8[int]  # that the page log has room for
    history_count: I8[int]
    actor: I8[Thread]  # the thread whose reference is being made
    passes: I8[int]  # of the balance set manager
    fruitless: I8[int]  # its passes in a row that trimmed nothing while every thread waited for a frame
    woken_before: I8[int]  # `woken` at its last pass
    goal: I8[int]  # pages that its last pass was to trim
    examined: I8[int]  # entries that the policy looked at in this pass
    withdrawn: I8[int]  # pages that the policy took out on its own account, between passes
    sample_count: I8[int]
    sample_period: I8[int]
    next_sample: I8[Nanoseconds]
    mapped_flush: I8[int]
    running: I8[int]
    ready: I8[int]
    asking: I8[Thread]  # the thread that needs a block, or a policy's answer
    balance_ticks: I8[int]
    next_balance: I8[Nanoseconds]  # when the balance set manager's timer ticks next
    next_mapped: I8[Nanoseconds]  # ... and that of the mapped page writer
    next_flush: I8[Nanoseconds]
    next_start: I8[Nanoseconds]  # when a process starts next
    tick_seen: I8[int]  # Python has looked before the next timer
    may_fail: I8[int]  # a fault may end a process: pages that may not be touched, disks that fail
    memory_watched: I8[int]  # somebody outside waits for memory to be short or plentiful
    acted_on: I8[int]  # somebody outside may act on the machine: that it can't go on alone is no end
    # Counters
    page_reads: I8[int]
    pages_input: I8[int]
    page_writes: I8[int]
    pages_output: I8[int]
    repurposed: I8[int]
    dirty_evictions: I8[int]
    trimmed: I8[int]
    replaced: I8[int]
    daemon_busy: Annotated[Numbers, Field("i8", (4,))]
    daemon_pending: Annotated[Numbers, Field("i8", (4,))]
    daemon_stage: Annotated[Numbers, Field("i8", (4,))]  # what it does next: see simulator.memory.signals
    daemon_job: Annotated[
        Numbers, Field("i8", (4,))
    ]  # the write that it has gathered; the pages that it is about to zero


ARRAYS = {name: field.dtype for name, field in MachineRecord.fields.items() if field.length}
"""Each array of the machine and its dtype; the record holds its address as `<name>_at`, its length as `<name>_room`."""
POLICY_HOOKS = ("replace", "trim", "withdraw", "entered", "left", "hit")
"""What a policy may have compiled; see `simulator.policies.base.Compiled`."""
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
