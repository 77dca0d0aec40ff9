"""What a trimming policy sees and what it proposes. A policy's file imports this module only.

A policy is a dataclass, derived from Policy and registered under its name; its fields are its parameters. The memory
manager asks it at two points: `trim`, at each pass of the balance set manager, and `replace`, when a process faults at
its working-set limit (or, on the textbook machine, when no frame is free). A policy proposes; the manager applies,
refuses what isn't allowed, and counts, so that a figure means the same for every policy.

A policy in plain Python overrides `trim` and `replace`. One that is compiled gives a Compiled instead: functions that
the machine calls by address, which keep their notes in the policy's memory (`nodes`, one for each entry,
`process_notes`, one for each process, `policy_queues`, `policy_integers`, `policy_reals`; see
`simulator.policies.queues`). The machine allocates it, also for what programs add while it runs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as parameters

from simulator.compile import call, callback, compiled
from simulator.config import STRICT
from simulator.memory.working_set import may_leave, requeue
from simulator.registry import register
from simulator.state.constants import ACCESSED, DIRTY, NEVER, PINNED, VALID
from simulator.state.queries import available, entry_of
from simulator.state.record import Content, Frame, Nanoseconds, Pte, Thread
from simulator.state.schema import MachineRecord

__all__ = [
    "ACCESSED",
    "DIRTY",
    "NEVER",
    "NOTHING",
    "PINNED",
    "STRICT",
    "VALID",
    "Compiled",
    "Content",
    "Count",
    "Decision",
    "Entries",
    "Field",
    "Frame",
    "MachineRecord",
    "MemoryView",
    "Nanoseconds",
    "Policy",
    "PolicyMemory",
    "Pte",
    "Ratio",
    "Thread",
    "WorkingSetView",
    "available",
    "callback",
    "compiled",
    "entry_of",
    "last_thread",
    "may_leave",
    "next_use",
    "np",
    "oldest",
    "oldest_to_trim",
    "parameters",
    "register",
    "requeue",
    "trim_by_replacing",
    "virtual_time",
]

NOTHING: NDArray[np.int64] = np.empty(0, np.int64)
"""No entries."""


Count = Annotated[int, Field(le=1 << 56)]
"""A parameter that is a whole number, such as a window: none so large that sums with it don't fit into 64 bits."""
Ratio = Annotated[float, Field(le=1 << 20, allow_inf_nan=False)]
"""A parameter that is a share or a multiple of something, such as of the frames."""


class Entries(NamedTuple):
    """The entries of one working set in order of entry: arrays of one length, copies that a policy may keep."""

    entry: NDArray[np.int64]
    """the number by which a Decision names it"""
    page: NDArray[np.uint64]
    """virtual page number"""
    age: NDArray[np.uint8]
    """passes since it was seen accessed, as the policy set it; 0 on entry"""
    accessed: NDArray[np.bool_]
    """referenced since this bit was last cleared, or since entry"""
    dirty: NDArray[np.bool_]
    """stored to since entry"""
    locked: NDArray[np.bool_]
    """may not be trimmed"""
    share: NDArray[np.int32]
    """working sets that hold its frame"""
    entered: NDArray[np.int64]
    """place in the order of entry among all processes"""
    last_access: NDArray[np.int64]
    """simulated time, in ns, of the last use; zeros for a policy that doesn't declare `last_access`"""


class WorkingSetView(Protocol):
    """One process's working set."""

    index: int
    name: str
    size: int
    minimum: int
    maximum: int
    peak: int
    hard_maximum: bool
    memory_priority: int
    foreground: bool
    page_faults: int

    @property
    @abstractmethod
    def entries(self) -> Entries:
        """Its entries, gathered when first asked for."""


class MemoryView(Protocol):
    """What a policy may look at. Sizes are in pages, `time` in nanoseconds."""

    time: int
    available: int
    zeroed: int
    free: int
    modified: int
    writable: int
    """modified pages that have somewhere to be written to"""
    low: int
    high: int

    @property
    @abstractmethod
    def standby(self) -> Sequence[int]:
        """Pages on each standby list, by priority."""

    @property
    @abstractmethod
    def working_sets(self) -> Sequence[WorkingSetView]:
        """Of the living processes, in order of their index."""


@dataclass(frozen=True)
class Decision:
    """What a policy proposes; arrays of entry numbers, applied in the order of these fields."""

    cleared: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """their accessed bits are cleared"""
    aged: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """get a new age"""
    ages: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    """the ages for `aged`, one each"""
    requeued: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """go to the end of the order of entry, one after another"""
    trimmed: NDArray[np.int64] = field(default_factory=lambda: NOTHING)
    """are taken out of their working sets, one after another"""
    examined: int = 0
    """entries looked at; processor time is charged for each"""


class Compiled(NamedTuple):
    """A policy's decisions in compiled code: each a `callback` of (machine, argument), or None.

    They may change accessed bits, ages, the order of entry (`requeue`) and the policy's own memory, and nothing else.
    """

    replace: Any = None
    """(machine, process; -1: any) -> the entry that makes room, or -1: the working set shall grow. Asked for the fault
    of thread `machine.actor` on its `fault_pte`; -1: for a pass that trims by replacing."""
    trim: Any = None
    """(machine, pages wanted) -> the entry to trim next, or -1. Asked in each pass of the balance set manager until it
    says -1 or has given enough; `machine.passes` tells passes apart. With 0 pages wanted it only ages and gives -1.
    Adds what it looks at to `machine.examined`."""
    withdraw: Any = None
    """(machine, process) -> an entry of the process that leaves now, or -1. Asked until it says -1: at each fault of
    the process, before the page is brought in; or, if the policy sees hits, after each of its references."""
    entered: Any = None
    """(machine, entry) -> 0: the entry came into its working set by the fault of thread `machine.actor`, whose
    reference to it will be made at once"""
    left: Any = None
    """(machine, entry) -> 0: the entry left its working set, for whatever reason"""
    hit: Any = None
    """(machine, entry) -> 0: thread `machine.actor` uses an entry that is in its working set. Only for policies that
    declare `last_access` or `future`."""


class PolicyMemory(NamedTuple):
    """What a policy gets to keep its notes in, all zeros (links and queues: -1), and how large the machine is."""

    frames: int
    entries: int
    processes: int
    nodes: NDArray[Any]
    """`Node`s, one for each entry"""
    integers: NDArray[np.int64]
    reals: NDArray[np.float64]


class Policy:
    """What the memory manager asks of a policy. A policy in plain Python overrides `replace`, and `trim` if it has a
    better idea than to replace until enough pages are free."""

    name: ClassVar[str]
    requires: ClassVar[frozenset[str]] = frozenset()
    """what an implementation in hardware couldn't have: "last_access" (it sees every use of a page), "future" (it knows
    the next one); empty: implementable"""
    compiled: ClassVar[Compiled | None] = None
    """takes the place of the methods"""

    def prepare(self, memory: PolicyMemory) -> None:
        """Write parameters and beginnings into a compiled policy's memory, before the machine starts."""

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """Propose which pages leave which working sets; `goal` pages are wanted (0: only age)."""
        return Decision()

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """Propose the entry that makes room in a process's working set (None: in any); None: it shall grow."""
        return None

    def on_fault(self, entry: int) -> None:
        """An entry came into its working set. Told before the next decision, in order, with those that left."""

    def on_evict(self, entry: int) -> None:
        """An entry left its working set, for whatever reason."""


@compiled
def oldest(m: MachineRecord, process: int, spares: bool) -> int:
    """The entry that has been longest in a process's working set, or in any (process -1); locked ones are passed
    over, and with `spares` working sets at their minimum; -1: there is none."""
    best = -1
    for p in range(m.process_count):
        if (process >= 0 and p != process) or (spares and m.processes[p].size <= m.processes[p].minimum):
            continue
        entry = m.processes[p].head
        while entry >= 0 and m.bits[entry] & PINNED:
            entry = m.ptes[entry].next
        if entry >= 0 and (best < 0 or m.ptes[entry].entered < m.ptes[best].entered):
            best = entry
    return best


@compiled
def oldest_to_trim(m: MachineRecord) -> int:
    """The entry that has been longest in a working set above its minimum; if there is none, in any; or -1."""
    entry = oldest(m, -1, True)
    return entry if entry >= 0 else oldest(m, -1, False)


@callback
def trim_by_replacing(m: MachineRecord, wanted: int) -> int:
    """A compiled `trim` that replaces globally until enough pages are free, and never ages."""
    if wanted == 0:
        return -1
    m.examined += 1
    return call(m.replace_hook, m, -1)


@compiled
def virtual_time(m: MachineRecord, process: int) -> int:
    """References that a process has made: its own time, which stands still while it waits."""
    p = m.processes[process]
    made = 0
    for thread in range(p.first_thread, last_thread(m, process)):
        if m.threads[thread].process == process:
            made += m.threads[thread].references
    return made


@compiled
def last_thread(m: MachineRecord, process: int) -> int:
    """The end of the range that begins with a process's first thread and has all of them; a program starts threads
    among those of others."""
    p = m.processes[process]
    return m.thread_count if p.tables_at else p.first_thread + p.threads


@compiled
def next_use(m: MachineRecord) -> tuple[int, int]:
    """For the use of a page that is just being made: the number of its thread's next run on that page, and of that
    run's first reference; NEVER if there is none. Only for a policy that declares `future`."""
    th = m.threads[m.actor]
    runs = th.next_run
    references = th.next_reference
    return runs[th.position], references[th.position]
