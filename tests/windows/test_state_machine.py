"""The calls of two processes, in any order, do what the plain model does; at the end nothing is left."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.windows.plain.drive import NAMES, drive
from tests.windows.plain.operations import generate
from tests.windows.plain.records import Op, Unspecified
from tests.windows.plain.system import Plain


class Calls(RuleBasedStateMachine):
    """Chooses operations on the plain model's state; the machine makes them all at the end, and each is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = Plain(len(NAMES))
        self.operations: list[Op] = []

    @rule(data=st.data())
    def call(self, data: Any) -> None:
        """One call, unless the documentation doesn't say what it does."""
        op, kept = generate(lambda items: data.draw(st.sampled_from(list(items))), self.plain), deepcopy(self.plain)
        try:
            self.plain.apply(op)
            self.operations.append(op)
        except Unspecified:
            self.plain = kept

    def teardown(self) -> None:
        """Make the calls."""
        drive(self.operations)


def explore(examples: int) -> None:
    """Look for a difference in that many lists of up to 40 operations."""
    run_state_machine_as_test(
        Calls,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_calls_in_any_order_do_what_the_plain_model_does() -> None:
    explore(60)


@pytest.mark.slow
def test_calls_in_any_order_do_what_the_plain_model_does_in_5000_runs() -> None:
    explore(5000)
