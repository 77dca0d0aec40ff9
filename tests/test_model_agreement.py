"""The engine is, bit for bit, the per-reference model: every counter, fault, I/O and page of random machines.

PAGESIM_AGREEMENT_EXAMPLES sets how many machines each of the two tests makes (default 500 in all); 20000 takes long.
"""

from __future__ import annotations

import os
import random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.model.cases import code
from tests.model.compare import differences
from tests.model.machines import random_case

EXAMPLES = int(os.environ.get("PAGESIM_AGREEMENT_EXAMPLES", "500"))
FRESH = EXAMPLES // 5
"""machines that are new in every run; the others are the same each time"""

common = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


def agree(source: random.Random) -> None:
    """A random machine's outcome is the same on both sides."""
    case = random_case(source)
    found = differences(case)
    assume(found is not None)
    assert not found, "\n".join([*found, code(case)])


@settings(common, max_examples=EXAMPLES - FRESH, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_engine_agrees_with_the_per_reference_model(source: random.Random) -> None:
    """The same machines in every run."""
    agree(source)


@settings(common, max_examples=max(1, FRESH))
@given(st.integers(0, 2**62))
def test_engine_agrees_on_machines_never_seen_before(seed: int) -> None:
    """New machines in every run; the seed is printed on failure, for `python -m tests.model.search 1 SEED`."""
    agree(random.Random(seed))
