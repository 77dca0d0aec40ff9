"""WSClock: one clock over all frames, that passes over what its process's working set holds."""

from simulator.policies.base import I8, NONE, Compiled, Count, Field, Nothing, Policy, Pte, Record, compiled, policy
from simulator.policies.structures.entries import accessed, clear_accessed, dirty, locked, requeue
from simulator.policies.structures.own_time import NEVER, virtual_time
from simulator.policies.structures.queues import Link, Queue, append, remove
from simulator.policies.structures.rounds import first_unlocked


class Own(Record):
    circle: Queue  # all pages, the hand being at the head
    cleaning: Queue  # those that wait to be cleaned
    tau: I8[int]
    quiet: I8[int]  # how many references must have been made before any page of the circle can be outside of its window


class Page(Record):
    link: Link
    last_use: I8[int]  # when one was last found, in its process's own time


class Hooks(Compiled[Own, Page, Nothing]):
    def entered(m, entry: Pte) -> None:
        m.page[entry].last_use = NEVER  # its first use is found, and timed, when the hand comes by
        append(m.own.circle, m.page.link, entry)

    def left(m, entry: Pte) -> None:
        remove(m.page.link, entry)

    def replace(m, process: int) -> int:
        if process < 0:
            entry = go_round(m, False) if worth_a_round(m) else NONE
            entry = entry if entry >= 0 else to_clean(m)
            return entry if entry >= 0 else second_chance(m)
        entry = first_unlocked(m, process)
        while entry >= 0 and accessed(m, entry):
            note_use(m, entry)
            requeue(m, entry)
            entry = first_unlocked(m, process)
        return entry

    def trim(m, wanted: int) -> int:
        if wanted == 0:
            return NONE
        entry = to_clean(m)
        if entry < 0 and worth_a_round(m):
            entry = go_round(m, True)
        return entry if entry >= 0 else second_chance(m)


@compiled
def unused_for(m: Hooks, entry: Pte) -> int:
    """References that a page's process made since its use was last found; negative: it wasn't looked at yet."""
    return virtual_time(m, m.ptes[entry].process) - m.page[entry].last_use


@compiled
def note_use(m: Hooks, entry: Pte) -> None:
    """A use was found."""
    clear_accessed(m, entry)
    m.page[entry].last_use = virtual_time(m, m.ptes[entry].process)


@compiled
def worth_a_round(m: Hooks) -> bool:
    """Whether any page of the circle was last found used longer than tau ago; `quiet` saves the search."""
    own, made = m.own, 0
    for process in range(m.process_count):
        made += virtual_time(m, process)
    if made < own.quiet:
        return False
    left = own.tau
    entry = own.circle.head
    while entry >= 0:
        left = min(left, own.tau - unused_for(m, entry))
        if left < 0:
            return True
        entry = m.page[entry].link.next
    own.quiet = made + left + 1
    return False


@compiled
def go_round(m: Hooks, dirty_too: bool) -> int:
    """Turn the hand once round at most, up to a clean page outside of its window; dirty ones are taken out of the
    circle, to be cleaned. -1: there was none."""
    own = m.own
    for _ in range(own.circle.count):
        entry = own.circle.head
        m.examined += 1
        if accessed(m, entry):
            note_use(m, entry)
        elif not locked(m, entry) and unused_for(m, entry) > own.tau:
            if dirty_too or not dirty(m, entry):
                return entry
            append(own.cleaning, m.page.link, entry)
            continue
        append(own.circle, m.page.link, entry)
    return NONE


@compiled
def meet(m: Hooks, entry: Pte) -> bool:
    """Whether a page that the hand comes by may go; if not, it is put at the end of the circle."""
    m.examined += 1
    if not accessed(m, entry) and not locked(m, entry):
        return True
    if accessed(m, entry):
        note_use(m, entry)
    append(m.own.circle, m.page.link, entry)
    return False


@compiled
def to_clean(m: Hooks) -> int:
    """The page that waits longest to be cleaned, -1: none; those used meanwhile go back into the circle."""
    while m.own.cleaning.head >= 0:
        entry = m.own.cleaning.head
        if meet(m, entry):
            return entry
    return NONE


@compiled
def second_chance(m: Hooks) -> int:
    """What the clock takes when all pages are inside their windows: the next one that isn't found used; -1: none."""
    for _ in range(2 * m.own.circle.count):
        entry = m.own.circle.head
        if meet(m, entry):
            return entry
    return NONE


@policy("wsclock", Hooks)
class WsClock(Policy):
    """WSClock (Carr and Hennessy, "WSClock: a simple and effective algorithm for virtual memory management", SOSP
    1981). A hand goes round over the pages of all processes: one that was used since it last came by gets its process's
    own time as time of last use; one that its process hasn't used for `tau` references goes if it is clean, and is put
    in line to be cleaned if it is dirty. After a round without a clean one the first in that line goes, unless it was
    used meanwhile.

    What differs here: a policy can't write a page that stays, so being trimmed or replaced is what cleans it (in a pass
    of the balance set manager dirty pages go at once, to the modified list, from where a reference fetches them back);
    nobody is swapped out when all pages are in working sets, instead the hand takes the next page that it finds unused,
    as a clock does; a working set at its own limit loses pages by a clock of its own. Knows no minima."""

    tau: Count = Field(default=100_000, ge=1, description="window, in the process's own references; chosen")
