"""Every policy runs every committed config to its end, in both models, or says why the machine can't go on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.robustness import matrix, programs
from tests.robustness.sample import one_in, seed

CHECKED = {**os.environ, "PAGESIM_CHECKED": "1"}
PARTS = 24
BRIEF = "30 ms"
"""Simulated; what the default run takes of a config whose whole run takes longer than a quarter of a second."""
LONG = frozenset(
    (
        *("allocators", "foreground-switch", "handle-and-pool-leak", "heap-fragmentation", "leak", "many-competing"),
        *("many-processes", "paging-file-full", "quickstart", "scan-beside-interactive", "soft-faults", "thrashing"),
        "ways-out",
    )
)
SAMPLE = one_in(40, matrix.combinations())  # of both models: one in twenty pairs of a policy and a config


@pytest.mark.parametrize("one", SAMPLE, ids=str)
def test_a_sample_of_policies_on_configs(one: matrix.Combination) -> None:
    """Another one for each commit; `PAGESIM_SAMPLE` chooses it."""
    brief = BRIEF if one.config.stem in LONG else None
    assert matrix.run(one, brief) in ("ended", "can't go on"), f"PAGESIM_SAMPLE={seed()}"


@pytest.mark.parametrize("number", range(20))
def test_a_sample_of_random_programs(number: int) -> None:
    """Another one for each commit; `PAGESIM_SAMPLE` chooses it."""
    chosen = seed() % 1_000_000 * 20 + number
    assert programs.run(chosen) in ("ended", "can't go on"), f"PAGESIM_SAMPLE={seed()}, random machine {chosen}"


def _checked(module: str, *arguments: int) -> None:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=CHECKED, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_policy_on_every_config_in_the_checked_build(part: int) -> None:
    _checked("tests.robustness.matrix", part, PARTS)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_random_programs_in_the_checked_build(part: int) -> None:
    _checked("tests.robustness.programs", 250, 250 * part)


@pytest.mark.slow
@pytest.mark.parametrize("number", [53])
def test_a_random_machine_that_was_broken(number: int) -> None:
    """53: pages were taken from a process that another processor's thread had looked ahead over."""
    _checked("tests.robustness.programs", 1, number)
