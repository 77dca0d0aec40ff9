"""A page read back carries the version last written; anything else is loud. Here backing store is damaged on
purpose."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.config import File, Region
from simulator.machine import Machine, Observe
from simulator.memory.state import State
from simulator.observe import Observer
from tests.reference.cases import PAGE
from tests.simulator.small import build, hard, immediate, limits, loads, stores


class Damage(Observer):
    """Does something to the machine at a time."""

    def __init__(self, time: int, change: Callable[[State], None]) -> None:
        """`change` is called once, at `time`."""
        self._time, self._change = time, change

    def sampled(self, state: State, time: int) -> None:
        """The time has come."""
        if time == self._time:
            self._change(state)


def slot(state: State, what: str, kind: Any) -> NDArray[Any]:
    """What is noted of the slots of the paging file."""
    address = int(state.arrays["stores"][what][0])
    values: NDArray[Any] = np.ctypeslib.as_array((kind * 64).from_address(address))
    return values


def old_version(state: State) -> None:
    """The slot's copy is of before the last store."""
    slot(state, "version_at", ctypes.c_uint32)[0] = 0


def other_page(state: State) -> None:
    """The slot was given to another page meanwhile."""
    slot(state, "content_at", ctypes.c_int32)[0] = 2


def forgotten(state: State) -> None:
    """Nobody remembers that the page was written."""
    state.arrays["contents"]["location"][0] = -1


def nothing(state: State) -> None:
    """The page is left alone."""


def paged_out(change: Callable[[State], None]) -> Machine:
    """Page 1 is stored to, written by 1001 and repurposed by page 2; at 5000 something happens; page 1 is read
    later."""
    return build(
        [[*stores([1]), *loads([2]), *[(2, 0, 250, 0)] * 40, *loads([1])]],
        1,
        manager=immediate(),
        process=hard(1),
        observers=[Damage(5_000, change)],
        watched=False,
        observe=Observe(sample_every=5_000),
    )


def test_an_undamaged_page_comes_back() -> None:
    assert paged_out(nothing).run().summary["hard_faults"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (old_version, "lost write: an old version was read"),
        (other_page, "lost write: a paging-file slot holds another page"),
        (forgotten, "lost write: a page that has contents is zeroed"),
    ],
)
def test_a_damaged_paging_file_is_noticed_when_the_page_is_read(change: Callable[[State], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paged_out(change).run()


def test_a_file_page_that_lost_its_write_is_noticed() -> None:
    """Page 5 of the file is stored to, written (immediately) and repurposed; then the file is said to hold what it held
    before."""

    def change(state: State) -> None:
        state.arrays["contents"]["written"][state.file_contents["f"]] = 0

    for damage, raises in ((nothing, False), (change, True)):
        machine = build(
            [[*stores([5]), *loads([1, 2]), *[(2, 0, 250, 0)] * 40, *loads([5])]],
            1,
            machine={"files": {"f": File(size=PAGE)}},
            manager=immediate(),
            process={"regions": [Region(first=5, pages=1, file="f")], "working_set": limits(1, 1)},
            observers=[Damage(5_000, damage)],
            watched=False,
            observe=Observe(sample_every=5_000),
        )
        if raises:
            with pytest.raises(ValueError, match="lost write: an old version was read"):
                machine.run()
        else:
            assert machine.run().summary["hard_faults"] == 2
