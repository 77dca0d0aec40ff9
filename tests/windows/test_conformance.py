"""Each documented rule of each call, in a machine of its own (MODEL.md sections 1, 2, 3 and 6 to 13)."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter

import pytest

from tests.windows import conformance
from tests.windows.harness import Case, run


def table() -> list[Case]:
    """All cases, module by module."""
    names = sorted(module.name for module in pkgutil.iter_modules(conformance.__path__))
    return [case for name in names for case in importlib.import_module(f"{conformance.__name__}.{name}").case]


@pytest.mark.parametrize("case", table(), ids=lambda case: case.name)
def test_a_documented_rule_holds(case: Case) -> None:
    run(case.program, **case.options)


def test_the_table_has_at_least_250_rules_each_with_a_source_and_a_name_of_its_own() -> None:
    cases = table()
    assert len(cases) >= 250
    assert all(case.source.startswith(("[", "ros:", "MODEL")) for case in cases)
    assert [name for name, count in Counter(case.name for case in cases).items() if count > 1] == []
