"""`python -m tests.reference.search COUNT SEED`: so many random machines, engine against reference machine.

Hypothesis draws them, the same for the same seed, and makes the first that disagrees (or raises anything) as small as
it can; with `--all` it goes on instead, and prints what each one came to. Exit status: 0 all agree, 1 not.
"""

from __future__ import annotations

import argparse
import sys

from hypothesis import HealthCheck, Phase, assume, given, seed, settings

from tests.reference.cases import Case, code
from tests.reference.compare import differences
from tests.reference.machines import cases


def main(arguments: list[str]) -> int:
    """Run the search."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference.search", description=__doc__)
    parser.add_argument("count", type=int, help="how many machines")
    parser.add_argument("seed", type=int, help="what they are drawn from")
    parser.add_argument("--check", action="store_true", help="check the reference machine after every step")
    parser.add_argument("--all", action="store_true", help="go on after a disagreement")
    options = parser.parse_args(arguments)
    bad = 0

    @seed(options.seed)
    @settings(
        max_examples=options.count, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False,
    )  # fmt: skip
    @given(cases())
    def search(case: Case) -> None:
        nonlocal bad
        lines = differences(case, options.check)
        assume(lines is not None)
        if lines:
            bad += 1
            text = "\n".join([*lines[:120], code(case)])
            assert options.all, text
            sys.stdout.write(f"{text}\n\n")

    try:
        search()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is searched for
        sys.stdout.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{bad} of {options.count} machines disagree\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
