"""Data execution prevention: the four policies, and a process's own setting."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from simulator.windows.dep import POLICIES
from tests.windows.small_system import SmallSystem, done

ENABLE, NO_THUNKS = 1, 2


def process(policy: str, bits: int) -> Any:
    return SmallSystem(dep_policy=policy).process(bits)


@pytest.mark.parametrize(
    ("policy", "bits", "on"),
    [
        ("always-off", 32, False),
        ("always-off", 64, False),
        ("always-on", 32, True),
        ("always-on", 64, True),
        ("opt-in", 32, False),
        ("opt-in", 64, True),
        ("opt-out", 32, True),
        ("opt-out", 64, True),
    ],
)
def test_a_process_begins_as_the_policy_has_it_and_64_bit_ones_with_dep(policy: str, bits: int, on: bool) -> None:
    assert process(policy, bits).own.dep.enabled is on


def test_policies_have_the_numbers_of_getsystemdeppolicy() -> None:
    found = [done(process(policy, 64).get_system_dep_policy()) for policy in POLICIES]
    assert found == [0, 1, 2, 3]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_64_bit_process_can_neither_set_nor_get_its_setting(policy: str) -> None:
    one = process(policy, 64)
    for call in (one.set_process_dep_policy(ENABLE), one.set_process_dep_policy(0), one.get_process_dep_policy()):
        one.set_last_error(0)
        assert not done(call)
        assert one.get_last_error() == 50


@pytest.mark.parametrize(("policy", "flags"), list(itertools.product(("always-off", "always-on"), (0, ENABLE))))
def test_under_always_off_and_always_on_nothing_can_be_changed(policy: str, flags: int) -> None:
    one = process(policy, 32)
    assert not done(one.set_process_dep_policy(flags))
    assert one.get_last_error() == 5
    assert done(one.get_process_dep_policy()) == (int(policy == "always-on"), True)


@pytest.mark.parametrize("policy", ["opt-in", "opt-out"])
def test_turned_on_it_stays_on(policy: str) -> None:
    one = process(policy, 32)
    assert done(one.get_process_dep_policy())[1] is False
    assert done(one.set_process_dep_policy(ENABLE))
    assert done(one.get_process_dep_policy()) == (ENABLE, True)
    for flags in (0, ENABLE):
        assert not done(one.set_process_dep_policy(flags))
        assert one.get_last_error() == 5
    assert one.own.dep.enabled


def test_it_can_be_turned_off_and_on_again_until_it_is_on_for_good() -> None:
    one = process("opt-out", 32)
    assert done(one.set_process_dep_policy(0))
    assert not one.own.dep.enabled
    assert done(one.set_process_dep_policy(ENABLE | NO_THUNKS))
    assert done(one.get_process_dep_policy()) == (ENABLE | NO_THUNKS, True)


@pytest.mark.parametrize("flags", [NO_THUNKS, 4, ENABLE | 8])
def test_other_flags_fail_with_87(flags: int) -> None:
    one = process("opt-in", 32)
    assert not done(one.set_process_dep_policy(flags))
    assert one.get_last_error() == 87
