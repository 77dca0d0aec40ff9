"""The page-state diagram: each arc of MODEL.md section 4 is possible, and each other one raises."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.config import File, Region
from simulator.memory.state import State
from simulator.memory.transitions import allocate, move
from simulator.state import constants
from simulator.state.constants import ACTIVE, FREE, MODIFIED, STANDBY, STATE_NAMES, TRANSITION, ZEROED
from tests.reference.cases import PAGE
from tests.simulator.small import build, loads

#            Z F S M N B A T   to; from the rows below. MODEL.md section 4, "any -> bad" and what its causes imply:
ARCS = {  # a metadata page goes to no-write where another one goes to modified; a private page at exit goes free
    "zeroed": "0 0 0 0 0 1 1 1",
    "free": "1 0 0 0 0 1 1 1",
    "standby": "0 1 0 0 0 1 1 1",
    "modified": "0 1 0 0 0 1 1 1",
    "modified-no-write": "0 1 0 1 0 1 1 0",
    "bad": "0 0 0 0 0 0 0 0",
    "active": "0 1 1 1 1 1 0 1",
    "transition": "0 1 1 1 1 1 1 0",
}
LISTS = {"zeroed": constants.ON_ZEROED, "free": constants.ON_FREE, "bad": constants.ON_BAD}
WITH_PAGE = {
    "standby": constants.ON_STANDBY + 3,
    "modified": constants.ON_MODIFIED,
    "modified-no-write": constants.ON_NO_WRITE,
}


def on_list(state: int) -> int:
    """The list of a state for a private page of priority 3, -1: none."""
    return {**LISTS, **WITH_PAGE}.get(STATE_NAMES[state], -1)


def machine_in(state: int) -> State:
    """Two frames, frame 0 in a state (and alone on its list if it has one), frame 1 free."""
    built = build([loads([1])], 2).state
    frames, lists, m = built.arrays["frames"], built.arrays["lists"], built.record[0]
    m["fresh"] = 2
    frames["content"], frames["next"], frames["previous"], frames["priority"] = [0, -1], -1, -1, 3
    frames["state"] = [state, FREE]
    for frame, number in enumerate((on_list(state), constants.ON_FREE)):
        if number >= 0:
            tail = int(lists["tail"][number])
            frames["list"][frame], frames["previous"][frame] = number + 1, tail
            lists["tail"][number] = frame
            lists["count"][number] += 1
            if tail < 0:
                lists["head"][number] = frame
            else:
                frames["next"][tail] = frame
    m["states_active"], m["states_transition"] = state == ACTIVE, state == TRANSITION
    return built


@pytest.mark.parametrize("to", range(8), ids=STATE_NAMES)
@pytest.mark.parametrize("source", range(8), ids=STATE_NAMES)
def test_an_arc_is_possible_exactly_if_the_diagram_has_it(source: int, to: int) -> None:
    state = machine_in(source)
    frame, lists, m = state.arrays["frames"][0], state.arrays["lists"], state.record[0]
    if ARCS[STATE_NAMES[source]].split()[to] == "0":
        before = state.arrays["frames"].copy(), lists.copy()
        with pytest.raises(ValueError, match="illegal page-state move"):
            move(state.address, 0, to)
        assert (before[0] == state.arrays["frames"]).all()
        assert (before[1] == lists).all()
        return
    move(state.address, 0, to)
    number = on_list(to)
    assert frame["state"] == to
    assert frame["list"] == number + 1
    if number >= 0:
        assert lists["tail"][number] == 0
    old = on_list(source)
    if old >= 0:
        assert lists["count"][old] == (1 if old == constants.ON_FREE else 0)
    assert (m["states_active"], m["states_transition"]) == (to == ACTIVE, to == TRANSITION)
    assert lists["count"].sum() == (2 if to < ACTIVE else 1)


def test_a_frame_in_the_middle_of_a_list_leaves_its_neighbours_linked() -> None:
    """Free: 0, 1, 2 in this order; 1 leaves."""
    state = build([loads([1])], 3).state
    for frame in range(3):
        allocate(state.address, True, 0, 5, ACTIVE)
        move(state.address, frame, FREE)
    move(state.address, 1, ACTIVE)
    frames, free = state.arrays["frames"], state.arrays["lists"][constants.ON_FREE]
    assert (free["head"], free["tail"], free["count"]) == (0, 2, 2)
    assert frames["next"][0] == 2
    assert frames["previous"][2] == 0


def stocked(kinds: list[int]) -> State:
    """One frame for each of `kinds` (zeroed, free, or standby of priority 0, 1, ... in the order given)."""
    state = build([loads(range(len(kinds)))], len(kinds)).state
    priority = 0
    for frame, kind in enumerate(kinds):
        allocate(state.address, True, frame, priority, ACTIVE)
        if kind == STANDBY:
            priority += 1
            move(state.address, frame, STANDBY)
        else:
            move(state.address, frame, FREE)
            state.arrays["contents"]["frame"][frame] = -1
    for frame, kind in enumerate(kinds):
        if kind == ZEROED:
            move(state.address, frame, ZEROED)
    return state


@pytest.mark.parametrize(
    ("zeroed", "order"), [(True, [ZEROED, FREE, STANDBY, STANDBY]), (False, [FREE, ZEROED, STANDBY, STANDBY])]
)
def test_frames_are_handed_out_in_the_order_of_windows_internals(zeroed: bool, order: list[int]) -> None:
    """A zeroed frame is wanted: zeroed, free, standby; any frame will do: free before zeroed. Standby: priority 0
    first."""
    kinds = [STANDBY, FREE, STANDBY, ZEROED]
    state = stocked(kinds)
    given = [allocate(state.address, zeroed, 0, 5, ACTIVE) for _ in range(5)]
    assert [kinds[frame] for frame in given[:4]] == order
    assert given[2:] == [0, 2, -1]
    assert state.record[0]["repurposed"] == 2


def test_a_stored_page_without_a_copy_is_never_repurposed() -> None:
    """The page on standby has been stored to, and no backing store has it: losing it is refused."""
    state = stocked([STANDBY])
    state.arrays["contents"]["version"][0] = 1
    with pytest.raises(ValueError, match="lost write"):
        allocate(state.address, True, 0, 5, ACTIVE)


def test_the_modified_list_is_chosen_by_where_the_page_is_written_to() -> None:
    """Content 0 is private, content 1 a page of a file."""
    state = build(
        [loads([1, 2])],
        2,
        machine={"files": {"f": File(size=PAGE)}},
        process={"regions": [Region(first=2, pages=1, file="f")]},
    ).state
    for content in range(2):
        frame = allocate(state.address, True, content, 5, ACTIVE)
        move(state.address, frame, MODIFIED)
    lists = state.arrays["lists"]["count"]
    assert (lists[constants.ON_MODIFIED], lists[constants.ON_MAPPED]) == (1, 1)
    assert np.array_equal(state.arrays["frames"]["list"], [constants.ON_MODIFIED + 1, constants.ON_MAPPED + 1])
