"""`python -m tests.robustness.matrix SLICE SLICES`: runs every registered policy on every committed config to its end,
watched by the invariants; prints what each combination came to and how long it took.

Run it in the checked build: `PAGESIM_CHECKED=1`.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from time import process_time
from typing import NamedTuple

import experiments
from experiments.errors import RunFailed
from experiments.spec.experiment import load
from experiments.study.run import prepare, simulate
from simulator.registry import names
from simulator.result import SimulationError
from tests.robustness.watch import Thinning

CONFIGS = sorted(Path(experiments.__file__).parent.glob("configs/*.yaml"))
MODELS = ("windows", "demand-paging")
ENDS = ("no page can be taken", "policy opt: the future of", "policy vmin: the future of")
"""Why a run may fail: the machine can't go on, or the policy must know what a program will do."""


class Combination(NamedTuple):
    """A policy, a config and a model of the memory manager."""

    policy: str
    config: Path
    model: str

    def __str__(self) -> str:
        """As a test's name has it."""
        return f"{self.config.stem}-{self.policy}-{self.model}"


def combinations() -> list[Combination]:
    """All there are."""
    return [Combination(policy, config, model) for config in CONFIGS for model in MODELS for policy in names("policy")]


def run(one: Combination, duration: str | None = None) -> str:
    """Run a combination to its end, or for a simulated time, with the invariants watching: "ended", or why the machine
    can't go on. Raises what it shouldn't."""
    changes = [f"memory_manager.trimming.policy={one.policy}", "observe={baseline: false, denning: false}"]
    if one.model != "windows":
        changes.append(f"memory_manager.model={one.model}")
    if duration is not None:
        changes.append(f"duration={duration}")
    experiment, specs = prepare(load(one.config, changes), one.config.parent)
    try:
        simulate(experiment, specs, one.config.parent, observers=[Thinning()])
    except (RunFailed, SimulationError) as failure:
        if any(end in str(failure) for end in ENDS):
            return "can't go on"
        raise
    return "ended"


def main(part: int, parts: int) -> int:
    """Run each `parts`-th combination from number `part` on; 1 if one crashed or broke an invariant."""
    outcomes: Counter[str] = Counter()
    for one in combinations()[part::parts]:
        before = process_time()
        try:
            outcome = run(one)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome = f"{type(error).__name__}: {error}"
        print(f"{one}: {outcome} ({process_time() - before:.2f} s)", flush=True)  # noqa: T201
        outcomes[outcome if outcome in ("ended", "can't go on") else "broken"] += 1
    print(dict(outcomes))  # noqa: T201
    return int(outcomes["broken"] > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
