"""First in, first out: the page that has been longest in a working set goes first, used or not."""

from simulator.policies.base import NONE, Compiled, Nothing, Policy, policy
from simulator.policies.structures.rounds import oldest, oldest_to_trim


class Hooks(Compiled[Nothing, Nothing, Nothing]):
    def replace(m, process: int) -> int:
        return oldest(m, process, False)

    def trim(m, wanted: int) -> int:
        return oldest_to_trim(m) if wanted > 0 else NONE


@policy("fifo", Hooks)
class Fifo(Policy):
    """First in, first out. With a standby list behind it this is the segmented FIFO of VMS (Turner and Levy,
    "Segmented FIFO page replacement", SIGMETRICS 1981). Trims the oldest pages of all working sets, first from those
    above their minimum, then from any."""
