"""Linux before 6.1: an inactive list that is reclaimed, an active one that is spared, and refaults that tell when the
inactive one is too short."""

from simulator.policies.base import (
    F8,
    I8,
    NONE,
    U1,
    Compiled,
    Count,
    Field,
    Nothing,
    Policy,
    Pte,
    Ratio,
    Record,
    compiled,
    policy,
)
from simulator.policies.structures.entries import accessed, clear_accessed, may_go
from simulator.policies.structures.queues import Link, Queue, append, first_of, remove


class Own(Record):
    inactive: Queue  # the head of each, where reclaim looks, is what the kernel calls its tail
    active: Queue
    nonresident_age: I8[int]  # evictions and activations
    batch: I8[int]
    inactive_ratio: F8[float]


class Page(Record):
    link: Link
    referenced: U1[int]  # PG_referenced
    evicted: U1[int]  # there is a shadow entry: ...
    shadow: I8[int]  # the age when it was evicted


class Hooks(Compiled[Own, Page, Nothing]):
    def entered(m, entry: Pte) -> None:
        page = m.page[entry]
        refault_distance = m.own.nonresident_age - page.shadow
        if page.evicted and refault_distance <= m.own.active.count:
            activate(m, entry)
        else:
            page.referenced = 0
            append(m.own.inactive, m.page.link, entry)
        page.evicted = 0

    def left(m, entry: Pte) -> None:
        remove(m.page.link, entry)
        m.page[entry].shadow, m.page[entry].evicted = m.own.nonresident_age, 1
        m.own.nonresident_age += 1

    def replace(m, process: int) -> int:
        return reclaim(m, process)

    def trim(m, wanted: int) -> int:
        return reclaim(m, -1) if wanted > 0 else NONE


@compiled
def activate(m: Hooks, entry: Pte) -> None:
    """A page was used twice, or would have stayed on a longer inactive list."""
    m.own.nonresident_age += 1
    m.page[entry].referenced = 0
    append(m.own.active, m.page.link, entry)


@compiled
def deactivate(m: Hooks) -> None:
    """Move the oldest active pages, a batch of them, to the inactive list, used or not, with their bits cleared."""
    for _ in range(min(m.own.batch, m.own.active.count)):
        entry = m.own.active.head
        m.examined += 1
        clear_accessed(m, entry)
        append(m.own.inactive, m.page.link, entry)


@compiled
def reclaim(m: Hooks, process: int) -> int:
    """Look at inactive pages, the oldest first: one used for the first time since it is on the list stays there for
    another round, one used twice is activated, one not used goes; -1: no page may go."""
    inactive, active, links = m.own.inactive, m.own.active, m.page.link
    for _ in range(3 * (inactive.count + active.count)):
        if inactive.count * m.own.inactive_ratio < active.count:
            deactivate(m)
        entry = inactive.head
        m.examined += 1
        if not may_go(m, entry, process):
            append(inactive, links, entry)
        elif not accessed(m, entry):
            return entry
        else:
            clear_accessed(m, entry)
            if m.page[entry].referenced:
                activate(m, entry)
            else:
                m.page[entry].referenced = 1
                append(inactive, links, entry)
    return first_of(m, inactive, active, links, process)


@policy("linux-active-inactive", Hooks)
class LinuxActiveInactive(Policy):
    """Linux's two lists with refault distance (mm/vmscan.c: shrink_active_list, folio_check_references,
    inactive_is_low; mm/workingset.c; as of Linux 5.9 and later, where anonymous pages start on the inactive list, too).
    Sees accessed bits. A page that comes back is activated at once if it would have stayed had the active pages' frames
    been the inactive list's: its refault distance is no larger than the active list.

    Left out: one pair of lists, where the kernel has one for pages of files and one for anonymous ones, and balances
    them; executable pages, which it spares a round; one page is looked at and reclaimed at a time, not a batch. Trims
    as it replaces, among all processes, and knows no minima.
    """

    inactive_ratio: Ratio | None = Field(
        default=None,
        gt=0,
        description="active pages for each inactive one; by default 1 below 1 GiB, else the square root of 10 for each "
        "GiB, cut to a whole number (inactive_is_low)",
    )
    batch: Count = Field(default=32, ge=1, description="active pages moved at a time (SWAP_CLUSTER_MAX)")

    def begin(self, frames: int) -> dict[str, float]:
        """The ratio."""
        gigabytes = frames >> 18
        return {"inactive_ratio": self.inactive_ratio or (int((10 * gigabytes) ** 0.5) if gigabytes else 1)}
