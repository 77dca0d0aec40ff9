"""First in, first out with a second chance, in two queues, as Mach had it."""

from simulator.policies.base import F8, NONE, Compiled, Field, Nothing, Policy, Pte, Record, compiled, policy
from simulator.policies.structures.entries import accessed, clear_accessed, locked
from simulator.policies.structures.queues import Queue, Queued, append, remove
from simulator.policies.structures.rounds import oldest_unused


class Own(Record):
    active_pages: Queue
    inactive_pages: Queue
    inactive: F8[float]


class Hooks(Compiled[Own, Queued, Nothing]):
    def entered(m, entry: Pte) -> None:
        append(m.own.active_pages, m.page.link, entry)

    def left(m, entry: Pte) -> None:
        remove(m.page.link, entry)

    def replace(m, process: int) -> int:
        return oldest_inactive(m) if process < 0 else oldest_unused(m, process)

    def trim(m, wanted: int) -> int:
        return oldest_inactive(m) if wanted > 0 else NONE


@compiled
def deactivate(m: Hooks) -> None:
    """Fill the inactive queue up to its share: the oldest active pages, their accessed bits cleared."""
    active, inactive = m.own.active_pages, m.own.inactive_pages
    target = max(1, int(m.own.inactive * (active.count + inactive.count)))
    while inactive.count < target and active.head >= 0:
        clear_accessed(m, active.head)
        append(inactive, m.page.link, active.head)


@compiled
def oldest_inactive(m: Hooks) -> int:
    """The inactive page that waited longest and wasn't used meanwhile; those that were are active again."""
    for _ in range(2 * (m.own.active_pages.count + m.own.inactive_pages.count)):
        deactivate(m)
        entry = m.own.inactive_pages.head
        m.examined += 1
        if not accessed(m, entry) and not locked(m, entry):
            return entry
        append(m.own.active_pages, m.page.link, entry)
    return NONE


@policy("second-chance", Hooks)
class SecondChance(Policy):
    """FIFO with second chance in two queues (Draves, "Page replacement and reference bit emulation in Mach", USENIX
    Mach Symposium, 1991). Pages come in active; when frames are wanted, the oldest active ones become inactive, their
    accessed bits cleared, until these are a share of all; the oldest inactive page goes, unless it was used while
    inactive: then it is active again.

    The second chance of textbooks, one queue whose head goes to the end if its bit is set, takes what a clock takes:
    here that is `clock`, and `local-clock` within one working set. A working set at its own limit, which Mach doesn't
    have, loses pages by just that. Knows no minima."""

    inactive: float = Field(
        default=2 / 3, gt=0, le=1, description="share of pages kept inactive (Mach 3.0, vm/vm_pageout.c)"
    )
