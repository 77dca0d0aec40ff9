"""The clock: first in, first out, but a page used since the hand last passed gets another round."""

from simulator.policies.base import Compiled, Nothing, Policy, policy
from simulator.policies.structures.rounds import oldest_unused, unused_to_trim


class Hooks(Compiled[Nothing, Nothing, Nothing]):
    def replace(m, process: int) -> int:
        return oldest_unused(m, process)

    def trim(m, wanted: int) -> int:
        return unused_to_trim(m, wanted)


@policy("clock", Hooks)
class Clock(Policy):
    """The clock, or second chance (Corbato, "A paging experiment with the Multics system", 1968). The fault's own
    reference sets the accessed bit, so a page is never taken on the first round after it came in. Trims in one sweep
    over all working sets in order of entry, first those above their minimum, then any."""
