"""What holds for all tests: the order in which they are run, and that none of them asserts a time."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

DRAWING = ("test_plots.py", "test_comparison_plots.py", "test_profile_plots.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that only draw behind the first one: of two workers that start with nothing compiled, one draws
    while the other compiles the machine, and neither compiles what the other does."""
    first = items[0].path if items else None
    items.sort(key=lambda item: 0 if item.path == first else 1 if item.path.name in DRAWING else 2)
