"""Variable-interval sampled working set: samples more often while a process faults more."""

from simulator.policies.base import I8, NONE, Compiled, Count, Field, Nothing, Policy, Record, policy
from simulator.policies.structures.own_time import virtual_time
from simulator.policies.structures.rounds import oldest_unused, unused_to_trim
from simulator.policies.structures.sampling import Search, next_unused


class Own(Record):
    least: I8[int]
    most: I8[int]
    faults: I8[int]
    search: Search


class Process(Record):
    sampled: I8[int]  # when it was last, in its own time
    faults: I8[int]  # since


class Hooks(Compiled[Own, Nothing, Process]):
    def withdraw(m, process: int) -> int:
        own, state = m.own, m.process_state[process]
        if own.search.place < 0:
            now = virtual_time(m, process)
            since = now - state.sampled
            state.faults += 1
            if since < own.most and (state.faults < own.faults or since < own.least):
                return NONE
            state.sampled, state.faults = now, 0
            own.search.place = 0
        return next_unused(m, own.search, process)

    def replace(m, process: int) -> int:
        return oldest_unused(m, process)

    def trim(m, wanted: int) -> int:
        return unused_to_trim(m, wanted)


@policy("vsws", Hooks)
class Vsws(Policy):
    """Variable-interval sampled working set (Ferrari and Yih, "VSWS: the variable-interval sampled working set policy",
    IEEE Transactions on Software Engineering 9(3), 1983): a sample takes away what the process hasn't used since the
    last one, and clears the accessed bits. It is due L references after the last one, or earlier after Q faults, but
    not before M references. All faults count, soft ones too.

    The machine asks at faults, so a sample that is due is taken at the process's next fault. When a frame must be had
    all the same, the clock takes a page, and the bits that it clears count as unused if they stay so."""

    least: Count = Field(default=10_000, ge=1, description="M, in the process's own references; chosen")
    most: Count = Field(default=200_000, ge=1, description="L, in the process's own references; chosen")
    faults: Count = Field(default=16, ge=1, description="Q; chosen")
