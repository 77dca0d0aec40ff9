"""A clock for each working set: every process loses pages by its own hand."""

from simulator.policies.base import NONE, Compiled, MachineRecord, Nothing, Policy, compiled, policy
from simulator.policies.structures.entries import accessed
from simulator.policies.structures.rounds import first_unlocked, fullest, give_chance


@compiled
def _turn(m: MachineRecord, process: int) -> int:
    """Turn a process's hand, the head of its order of entry, up to an entry that wasn't used since the last round."""
    entry = first_unlocked(m, process)
    while entry >= 0 and accessed(m, entry):
        m.examined += 1
        give_chance(m, entry)
        entry = first_unlocked(m, process)
    return entry


class Hooks(Compiled[Nothing, Nothing, Nothing]):
    def replace(m, process: int) -> int:
        loser = process if process >= 0 else fullest(m)
        return _turn(m, loser) if loser >= 0 else NONE

    def trim(m, wanted: int) -> int:
        loser = fullest(m) if wanted > 0 else NONE
        if loser < 0:
            return NONE
        m.examined += 1
        return _turn(m, loser)


@policy("local-clock", Hooks)
class LocalClock(Policy):
    """The clock (Corbato, "A paging experiment with the Multics system", 1968) turned within each working set, as in
    local replacement with fixed allotments. Who loses a page when it isn't said whose it shall be: the process with
    most pages above its minimum, so that allotments tend to be equal; pages below the minimum go last. One process
    alone loses what the global `clock` would take."""
