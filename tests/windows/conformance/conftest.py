"""The fixture that each documented rule is written with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.windows.conformance.rules import Caller, Rule, program


@pytest.fixture
def rule(subtests: pytest.Subtests) -> Rule:
    """See `tests.windows.conformance.rules`: what holds, its source, and a process that sees whether it does."""

    @contextmanager
    def holds(what: str, source: str, **options: Any) -> Iterator[Caller]:
        assert source.startswith(("[", "ros:", "MODEL")), f"no source: {source}"
        with subtests.test(f"{what} {source}"), program(**options) as p:
            yield p

    return holds
