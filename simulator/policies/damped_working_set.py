"""Damped working set: at a fault also the least recently used page leaves, if it is old enough."""

from simulator.policies.base import I8, NONE, Compiled, Count, Field, Policy, Pte, Record, compiled, policy
from simulator.policies.structures.entries import accessed
from simulator.policies.structures.lowest import Lowest, lowest_of_all
from simulator.policies.structures.own_time import NEVER, virtual_time
from simulator.policies.structures.rounds import first_unlocked, give_chance
from simulator.policies.structures.sampling import next_accessed

READY, ASKED, TAKEN = range(3)
"""Whether this fault was asked about before, and has taken the least recently used page."""


class Own(Record):
    window: I8[int]
    damped: I8[int]  # the age at which a fault takes the least recently used page
    resolution: I8[int]
    fault: I8[int]


class Page(Record):
    last_use: I8[int]  # when one was last found; the order of entry is kept as the order of these times


class Process(Record):
    lowest: Lowest
    looked: I8[int]  # when it was last looked at, in units of the resolution


class Hooks(Compiled[Own, Page, Process]):
    def entered(m, entry: Pte) -> None:
        m.page[entry].last_use = NEVER  # until its first use is found

    def withdraw(m, process: int) -> int:
        own, now = m.own, virtual_time(m, process)
        if own.fault == TAKEN:
            own.fault = READY
            return NONE
        if own.fault == READY:
            look(m, process, now)
        entry = oldest(m, process, now, m.threads[m.actor].fault_pte)
        age = now - m.page[entry].last_use if entry >= 0 else 0
        if entry < 0 or age <= own.damped:
            own.fault = READY
            return NONE
        own.fault = ASKED if age > own.window else TAKEN
        return entry

    def replace(m, process: int) -> int:
        if process < 0:
            return lowest_of_all(m, m.process_state.lowest, False, False)
        now = virtual_time(m, process)
        entry = oldest(m, process, now, NONE)
        if entry >= 0:
            m.process_state[process].lowest.key = m.page[entry].last_use - now
        return entry


@compiled
def note_use(m: Hooks, entry: Pte, now: int) -> None:
    """A use was found."""
    m.page[entry].last_use = now
    give_chance(m, entry)


@compiled
def look(m: Hooks, process: int, now: int) -> None:
    """Note which pages of a process were used, if the last look is long enough ago."""
    state = m.process_state[process]
    if state.looked == now // m.own.resolution:
        return
    state.looked = now // m.own.resolution
    place, entry = next_accessed(m, process, 0)
    while entry >= 0:
        note_use(m, entry, now)
        place, entry = next_accessed(m, process, place + 1)


@compiled
def oldest(m: Hooks, process: int, now: int, kept: int) -> int:
    """The entry whose last use was found longest ago, and that isn't locked, -1: none; those that were used since go to
    the end, and so does `kept`."""
    entry = first_unlocked(m, process)
    while entry >= 0 and (accessed(m, entry) or (entry == kept and m.page[entry].last_use != now)):
        note_use(m, entry, now)
        entry = first_unlocked(m, process)
    return entry


@policy("damped-working-set", Hooks)
class DampedWorkingSet(Policy):
    """Damped working set (Smith, "A modified working set paging algorithm", IEEE Transactions on Computers 25(9),
    1976): Denning's working set, but at a fault the least recently used page leaves, too, if it wasn't used for
    `damping` times the window, so that the set doesn't swell when the program turns to other pages. All faults count,
    soft ones too.

    Sees accessed bits only, and only at faults: they are read once in `resolution` references, and for the pages that
    might leave at each fault; a use counts from when it was found. When a frame must be had all the same, the page goes
    that is known to be unused for longest in its process's own time."""

    window: Count = Field(default=100_000, ge=1, description="T, in the process's own references; chosen")
    damping: float = Field(default=0.5, gt=0, le=1, description="share of the window; chosen")
    resolution: Count = Field(default=1_000, ge=1, description="in the process's own references; chosen")

    def begin(self, frames: int) -> dict[str, float]:
        """The age for damping."""
        return {"damped": int(self.damping * self.window)}
