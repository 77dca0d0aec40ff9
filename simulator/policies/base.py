"""What a trimming policy sees and what it proposes. A policy's file imports this module and `policies.structures` only.

A policy is a class derived from `Policy` and registered under its name; its fields are its parameters, and its
docstring says where it comes from. The memory manager asks it at two points: `trim`, at each pass of the balance set
manager, and `replace`, when a process faults at its working-set limit (or, on the textbook machine, when no frame is
free). A policy proposes; the manager applies, refuses what isn't allowed, and counts, so that a figure means the same
for every policy. It may be written in either of two ways.

In plain Python it overrides `replace`, and `trim` if it has a better idea than to replace until enough pages are free
(`policies/mru.py` is an example):

    @policy("largest")
    class Largest(Policy):
        \"\"\"The oldest page of the largest working set.\"\"\"

        def replace(self, view, process):
            sets = [ws for ws in view.working_sets if process in (None, ws.index)]
            entries = max(sets, key=lambda ws: ws.size).entries
            return first(entries.entry[~entries.locked])

Compiled, it is some hundred times as fast (`policies/sieve.py`). It declares its state as records: one for itself, one
for each page and one for each process, `Nothing` where it needs none. The manager allocates them, and fills the fields
that are called like parameters, `frames`, or what `begin` gives. Its hooks are the methods of a class derived from
`Compiled`; their first argument `m` is the machine:

    class Own(Record):
        share: F8[float]  # the parameter below

    class Page(Record):
        uses: I4[int]

    class Hooks(Compiled[Own, Page, Nothing]):
        def hit(m, entry: Pte) -> None:
            m.page[entry].uses += 1

        def replace(m, process: int) -> int:
            ...  # the number of an entry, or NONE

    @policy("mine", Hooks, requires={"last_access"})
    class Mine(Policy):
        \"\"\"...\"\"\"

        share: float = Field(default=0.1, gt=0, lt=1, description="...")

What hooks share stands in functions with `@compiled`, in the same file or in `policies.structures`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as parameters
from typing_extensions import dataclass_transform

from simulator.compile import call, callback, compiled
from simulator.registry import register
from simulator.state.record import F8, I4, I8, NONE, U1, Nothing, Pte, Record, Rows
from simulator.state.record import Field as Array
from simulator.state.schema import POLICY_HOOKS, MachineRecord
from simulator.state.view import PolicyMachine

__all__ = [
    "F8",
    "I4",
    "I8",
    "NONE",
    "NOTHING",
    "U1",
    "Annotated",
    "Array",
    "Compiled",
    "Count",
    "Decision",
    "Entries",
    "Field",
    "MachineRecord",
    "MemoryView",
    "Nothing",
    "Policy",
    "Pte",
    "Ratio",
    "Record",
    "Rows",
    "WorkingSetView",
    "call",
    "callback",
    "compiled",
    "first",
    "np",
    "parameters",
    "policy",
    "register",
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
    use: NDArray[np.int64]
    """place of that use in the order of uses among all processes; zeros likewise"""


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


@callback
def trim_by_replacing(m: MachineRecord, wanted: int) -> int:
    """A compiled `trim` that replaces globally until enough pages are free, and never ages."""
    if wanted == 0:
        return -1
    m.examined += 1
    return call(m.replace_hook, m, -1)


Own = TypeVar("Own", bound=Record)
Page = TypeVar("Page", bound=Record)
Process = TypeVar("Process", bound=Record)


if TYPE_CHECKING:
    _Machine = MachineRecord
else:

    class _Machine:
        """Its attributes are those that `simulator.state.view` gives to compiled code."""


class Compiled(_Machine, Generic[Own, Page, Process]):
    """The machine as a compiled policy sees it, `m`: it has the policy's own state beside everything else, which a
    policy only reads. The methods are the policy's hooks; those that it doesn't have are never called.

    Hooks may change accessed bits, ages, the order of entry (`requeue`), `m.examined` and the policy's own state, and
    nothing else. An entry's number is that of its PTE; it has one, and a record, whether it is in memory or not.
    """

    own: Own
    """the policy's"""
    page: Rows[Page]
    """... on each entry, by its number"""
    process_state: Rows[Process]
    """... on each process"""
    hooks: ClassVar[dict[str, callback]]
    records: ClassVar[dict[str, type[Record]]]

    if TYPE_CHECKING:

        def replace(self, process: int) -> int:
            """The entry that makes room in the process's working set (-1: in any), or NONE. Asked for the fault of
            thread `m.actor` on its `fault_pte`; NONE: for a pass that trims by replacing."""

        def trim(self, wanted: int) -> int:
            """The entry to trim next, or NONE; `wanted` more are to go. Asked in each pass of the balance set manager
            until it says NONE or has given enough; `m.passes` tells passes apart. With 0 pages wanted it only ages and
            gives NONE. Adds what it looks at to `m.examined`. Without it a policy replaces until there is enough."""

        def withdraw(self, process: int) -> int:
            """An entry of the process that leaves now, or NONE. Asked until it says NONE: at each fault of the process,
            before the page is brought in; or, if the policy sees hits, after each of its references."""

        def entered(self, entry: Pte) -> None:
            """The entry came into its working set by the fault of thread `m.actor`, whose reference to it will be made
            at once."""

        def left(self, entry: Pte) -> None:
            """The entry left its working set, for whatever reason."""

        def hit(self, entry: Pte) -> None:
            """Thread `m.actor` uses an entry that is in its working set. Only for policies that declare `last_access`
            or `future`."""

    def __init_subclass__(cls) -> None:
        """Collect the policy's records and hooks; each is compiled when a machine first wants it."""
        own, page, process = get_args(cls.__orig_bases__[0])  # type: ignore[attr-defined]
        cls.records = {"own": own, "page": page, "process_state": process}
        machine = PolicyMachine(own, page, process)
        functions = {"trim": trim_by_replacing, **vars(cls)}
        cls.hooks = {
            name: hook if isinstance(hook := functions[name], callback) else callback(hook, machine)
            for name in POLICY_HOOKS
            if name in functions
        }


class Policy:
    """What the memory manager asks of a policy."""

    name: ClassVar[str]
    requires: ClassVar[frozenset[str]] = frozenset()
    """what an implementation in hardware couldn't have: "last_access" (it sees every use of a page), "future" (it knows
    the next one); empty: implementable"""
    compiled: ClassVar[type[Compiled[Any, Any, Any]] | None] = None
    """takes the place of `trim`, `replace`, `on_fault` and `on_evict`"""

    def begin(self, frames: int) -> dict[str, float]:
        """What the fields of a compiled policy's own state begin with, beside those that are called like parameters."""
        return {}

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


@dataclass_transform(field_specifiers=(Field,))
def policy(
    name: str, compiled: type[Compiled[Any, Any, Any]] | None = None, requires: AbstractSet[str] = frozenset()
) -> Callable[[type], Any]:
    """A class decorator that registers a policy under a name; what it `requires` is said at `Policy`."""

    def enter(cls: type) -> Any:
        cls.compiled, cls.requires = compiled, frozenset(requires)  # type: ignore[attr-defined]
        return register("policy", name)(parameters(config=ConfigDict(extra="forbid"))(cls))

    return enter


def first(entries: NDArray[np.int64]) -> int | None:
    """The first of some entries, None if there is none."""
    return int(entries[0]) if len(entries) else None
