"""The registry: a name is taken once, and an unknown one is told what there is."""

from __future__ import annotations

import pytest

from simulator import registry
from simulator.registry import UnknownName, find, names, register

POINTS = sorted(registry.PACKAGES)


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone afterwards."""
    for point in POINTS:
        names(point)
    monkeypatch.setattr(registry, "_FOUND", {point: dict(found) for point, found in registry._FOUND.items()})


def test_the_built_in_models_and_policies_are_there() -> None:
    assert {"constant", "empirical", "hdd", "nvme", "ssd"} <= set(names("disk"))
    assert {"clock", "fifo", "none", "windows"} <= set(names("policy"))
    assert names("disk") == sorted(names("disk"))


def test_a_class_is_found_under_its_name_and_knows_it() -> None:
    @register("disk", "test-tape")
    class Tape:
        name: str

    assert find("disk", "test-tape") is Tape
    assert Tape.name == "test-tape"
    assert "test-tape" in names("disk")


def test_a_name_is_taken_once() -> None:
    @register("policy", "test-taken")
    class First:
        pass

    with pytest.raises(ValueError, match=f"two plug-ins are called policy 'test-taken': {__name__} and {__name__}"):

        @register("policy", "test-taken")
        class Second:
            pass

    assert find("policy", "test-taken") is First


def test_the_same_class_may_be_registered_again() -> None:
    """As happens when its module is loaded anew."""

    class Again:
        pass

    assert register("disk", "test-again")(Again) is register("disk", "test-again")(Again)


def test_one_name_at_two_points_is_two_things() -> None:
    class One:
        pass

    class Two:
        pass

    register("disk", "test-both")(One)
    register("policy", "test-both")(Two)
    assert (find("disk", "test-both"), find("policy", "test-both")) == (One, Two)


@pytest.mark.parametrize("point", POINTS)
def test_an_unknown_name_lists_what_is_allowed(point: str) -> None:
    with pytest.raises(UnknownName) as error:
        find(point, "no such thing")
    assert str(error.value) == f"found 'no such thing', allowed is one of {', '.join(names(point))}"
