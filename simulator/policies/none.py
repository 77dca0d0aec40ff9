"""No trimming at all: what the machine does when nobody takes pages away."""

from simulator.policies.base import NONE, Compiled, Nothing, Policy, policy


class Hooks(Compiled[Nothing, Nothing, Nothing]):
    def replace(m, process: int) -> int:
        return NONE

    def trim(m, wanted: int) -> int:
        return NONE


@policy("none", Hooks)
class NoTrimming(Policy):
    """Working sets only grow. A bound, and a baseline: with too little memory the run can't go on."""
