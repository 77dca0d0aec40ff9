"""Page fault frequency: a process that faults seldom loses what it didn't use since its last fault."""

from simulator.policies.base import I8, NONE, Compiled, Count, Field, Nothing, Policy, Record, policy
from simulator.policies.structures.own_time import virtual_time
from simulator.policies.structures.rounds import oldest_unused, unused_to_trim
from simulator.policies.structures.sampling import Search, clear_accessed, next_unused


class Own(Record):
    interval: I8[int]
    search: Search


class Process(Record):
    last_fault: I8[int]  # in its own time


class Hooks(Compiled[Own, Nothing, Process]):
    def withdraw(m, process: int) -> int:
        if m.own.search.place < 0:
            now = virtual_time(m, process)
            since = now - m.process_state[process].last_fault
            m.process_state[process].last_fault = now
            if since < m.own.interval:
                clear_accessed(m, process)
                return NONE
            m.own.search.place = 0
        return next_unused(m, m.own.search, process)

    def replace(m, process: int) -> int:
        return oldest_unused(m, process)

    def trim(m, wanted: int) -> int:
        return unused_to_trim(m, wanted)


@policy("pff", Hooks)
class PageFaultFrequency(Policy):
    """Page fault frequency (Chu and Opderbeck, "The page fault frequency replacement algorithm", AFIPS FJCC 1972): at
    a fault, if the process has made at least `interval` references since its last one, the pages that it hasn't used
    since then leave; else it only grows. Accessed bits are cleared at each fault. All faults count, soft ones too.

    The paper has no rule for a machine whose memory is full; here the clock then takes a page, and the bits that it
    clears count as unused if they stay so."""

    interval: Count = Field(
        default=10_000, ge=1, description="critical time between faults, in the process's own references; chosen"
    )
