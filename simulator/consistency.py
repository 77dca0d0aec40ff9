"""What must hold of frames, page lists, page tables, working sets and versions between any two events.

`simulator.invariants` calls these checks; each raises InvariantBroken. All of them are NumPy over whole arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.memory.state import State
from simulator.state import constants
from simulator.state.constants import (
    ACTIVE,
    BAD,
    FREE,
    IO_NONE,
    IO_READ,
    IO_WRITE,
    MODIFIED,
    NO_WRITE,
    STANDBY,
    TRANSITION,
    ZEROED,
)

_FIRST_LIST = np.zeros(8, np.int64)
for _state, _list in (
    (ZEROED, constants.ON_ZEROED),
    (FREE, constants.ON_FREE),
    (STANDBY, constants.ON_STANDBY),
    (MODIFIED, constants.ON_MODIFIED),
    (NO_WRITE, constants.ON_NO_WRITE),
    (BAD, constants.ON_BAD),
):
    _FIRST_LIST[_state] = _list + 1
_OF_A_PAGE = np.isin(np.arange(8), (STANDBY, MODIFIED, NO_WRITE, ACTIVE, TRANSITION))


class InvariantBroken(AssertionError):
    """Two records of the machine contradict each other: a fault of the simulator, never of its user."""


def require(holds: Any, what: str) -> None:
    """Raise InvariantBroken unless something holds."""
    if not holds:
        raise InvariantBroken(f"invariant broken: {what}")


def forbid(wrong: NDArray[np.bool_], what: str) -> None:
    """Raise InvariantBroken if any item is wrong; the first one's number goes into `what`."""
    if wrong.any():
        raise InvariantBroken("invariant broken: " + what.format(int(np.flatnonzero(wrong)[0])))


def _fresh(state: State) -> NDArray[np.bool_]:
    """Frames that nobody has touched yet: zeroed, and on no list."""
    return np.arange(len(state.arrays["frames"])) >= state.record[0]["fresh"]


def check_frames(state: State) -> None:
    """States, flags and contents of the frames, each by itself."""
    f, c = state.arrays["frames"], state.arrays["contents"]
    condition, io, fresh = f["state"], f["io"], _fresh(state)
    of_a_page = _OF_A_PAGE[condition] & ~fresh & (f["deleted"] == 0)
    content = np.where(of_a_page, f["content"], 0)
    forbid(fresh & ((condition != ZEROED) | (f["list"] != 0)), "fresh frame {} is in use")
    forbid(of_a_page & (f["content"] < 0), "frame {} holds a page, but none is named")
    forbid(of_a_page & (c["frame"][content] != np.arange(len(f))), "frame {} holds a page that is elsewhere")
    require((c["frame"] >= 0).sum() == of_a_page.sum(), "a page is in a frame that doesn't hold it")
    forbid(~of_a_page & ~fresh & (f["deleted"] == 0) & (f["content"] >= 0), "frame {} holds no page, but one is named")
    forbid(
        (condition == ACTIVE) != ((f["share"] > 0) | (f["fixed"] != 0)),
        "frame {} is active without a PTE, or mapped without being active",
    )
    forbid((condition == TRANSITION) & (io == IO_NONE), "frame {} is in transition without I/O")
    forbid((condition < ACTIVE) & (io != IO_NONE), "frame {} on a list has I/O in flight")
    forbid((condition == ACTIVE) & (io == IO_READ), "active frame {} is being read")
    forbid((f["deleted"] != 0) & (condition != TRANSITION), "frame {} is marked deleted without I/O in flight")
    dirty = (condition == MODIFIED) | (condition == NO_WRITE)
    forbid(
        of_a_page & (condition < ACTIVE) & ((f["modified"] != 0) != dirty),
        "frame {} is on a list that its dirtiness denies",
    )


def check_page_lists(state: State) -> None:
    """Every frame is on the list that its state says, and the lists are whole: links, ends, lengths, no loops."""
    f, on = state.arrays["frames"], state.arrays["lists"]
    number, following, count = f["list"].astype(np.int64), f["next"], len(f)
    expected = _FIRST_LIST[f["state"]]
    expected[f["state"] == STANDBY] += f["priority"][f["state"] == STANDBY]
    file = state.arrays["contents"]["file"][np.where(f["state"] == MODIFIED, f["content"], 0)]
    expected[(f["state"] == MODIFIED) & (file >= 0)] += constants.ON_MAPPED - constants.ON_MODIFIED
    expected[_fresh(state)] = 0
    forbid(number != expected, "frame {} is not on the list that its state says")
    lengths = np.bincount(number, minlength=constants.LISTS + 1)[1:]
    forbid(lengths != on["count"], "page list {} has another length than it says")
    members = np.flatnonzero(number > 0)
    ends = members[following[members] < 0]
    linked = members[following[members] >= 0]
    require((number[following[linked]] == number[linked]).all(), "a link leads from one page list to another")
    require((f["previous"][following[linked]] == linked).all(), "a page list's links back differ from those forward")
    require(len(ends) == (lengths > 0).sum(), "a page list has two ends")
    require((on["tail"][number[ends] - 1] == ends).all(), "a page list's tail isn't its last frame")
    heads = on["head"][lengths > 0]
    require((heads >= 0).all() and (f["previous"][heads] < 0).all(), "a page list's head isn't its first frame")
    require((number[heads] - 1 == np.flatnonzero(lengths > 0)).all(), "a page list's head is on another list")
    require((on["head"][lengths == 0] < 0).all(), "an empty page list has a head")
    jump = np.append(np.where((number > 0) & (following >= 0), following, count), count)
    for _ in range(count.bit_length()):  # pointer doubling: from anywhere, the end is reached in as many steps
        jump = jump[jump]
    require((jump == count).all(), "a page list is a loop")


def check_page_tables(state: State) -> None:
    """A valid PTE is of a living process, and maps an active frame that counts it."""
    arrays = state.arrays
    e, f, c = arrays["ptes"], arrays["frames"], arrays["contents"]
    bits = arrays["bits"][: len(e)]
    valid = (bits & constants.VALID) != 0
    mapped = e[valid]
    forbid(
        ~valid & (bits & (constants.WRITE | constants.ACCESSED | constants.DIRTY) != 0), "invalid PTE {} has bits set"
    )
    forbid((bits & (constants.WRITE | constants.DIRTY)) == constants.DIRTY, "PTE {} is dirty, but not writable")
    require((mapped["content"] >= 0).all() and mapped["accessible"].all(), "a valid PTE may not be touched")
    require(arrays["processes"]["alive"][mapped["process"]].all(), "a process that doesn't live has a valid PTE")
    frame = c["frame"][mapped["content"]]
    require((frame >= 0).all(), "a valid PTE maps a page that is in no frame")
    forbid(np.bincount(frame, minlength=len(f)) != f["share"], "frame {} has another share count than valid PTEs")
    forbids = (bits[valid] & constants.NO_EXECUTE) != 0
    require((forbids == (mapped["executable"] == 0)).all(), "a valid PTE's no-execute bit isn't its protection's")
    copied = mapped["writable"].astype(np.bool_) & ((mapped["private"] < 0) | (mapped["private"] == mapped["content"]))
    writes = (bits[valid] & constants.WRITE) != 0
    require((writes == copied).all(), "a valid PTE's write bit doesn't follow from its protection")


def check_working_sets(state: State) -> None:
    """A process's list is its valid PTEs in order of entry, no more, no less."""
    arrays = state.arrays
    e, p = arrays["ptes"], arrays["processes"]
    in_a_set = (arrays["bits"][: len(e)] & constants.VALID != 0) & (e["fixed"] == 0)
    valid = np.flatnonzero(in_a_set)
    order = valid[np.lexsort((e["entered"][valid], e["process"][valid]))]
    owner, entered = e["process"][order], e["entered"][order]
    require((np.bincount(owner, minlength=len(p)) == p["size"]).all(), "a working set's size isn't its valid PTEs")
    require((p["size"] <= p["peak"]).all(), "a working set is larger than its peak")
    require((np.diff(np.sort(entered)) > 0).all(), "two working-set entries have one place in the order of entry")
    require(not len(entered) or entered.max() < state.record[0]["entry_sequence"], "an entry comes from the future")
    same = owner[1:] == owner[:-1]
    following, previous = np.full(len(order), -1), np.full(len(order), -1)
    following[:-1][same], previous[1:][same] = order[1:][same], order[:-1][same]
    require((e["next"][order] == following).all(), "a working-set list isn't in order of entry")
    require((e["previous"][order] == previous).all(), "a working-set list's links back differ from those forward")
    heads, tails = np.full(len(p), -1), np.full(len(p), -1)
    heads[owner[previous < 0]], tails[owner[following < 0]] = order[previous < 0], order[following < 0]
    alive = p["alive"] != 0
    require((p["head"] == heads)[alive].all(), "a working-set list's head isn't its first entry")
    require((p["tail"] == tails)[alive].all(), "a working-set list's tail isn't its last entry")
    hands = np.flatnonzero(alive & (p["hand"] >= 0))
    stands = p["hand"][hands]
    there = stands < len(e)
    require(there.all() and in_a_set[stands[there]].all(), "a working set's hand stands on a page that has left")
    require((e["process"][stands] == hands).all(), "a working set's hand stands in another process")


def check_versions(state: State) -> None:
    """No write is lost: a page that isn't modified has its newest version where it would be read from."""
    c, f = state.arrays["contents"], state.arrays["frames"]
    frame = np.maximum(c["frame"], 0)
    resident = c["frame"] >= 0
    modified = resident & (f["modified"][frame] != 0)
    written = resident & (f["io"][frame] == IO_WRITE)
    clean = ~modified & ~written
    stale = np.where(c["location"] >= 0, c["written"], 0) != c["version"]
    living = (c["process"] < 0) | (state.arrays["processes"]["alive"][np.maximum(c["process"], 0)] != 0)
    forbid(clean & stale & living, "page {} has stores that its backing store doesn't hold")
    carried = written & ~modified & living & (f["deleted"][frame] == 0) & (c["discardable"] == 0)
    forbid(carried & (f["io_version"][frame] != c["version"]), "page {} is being written in an old version")
    slot = (c["location"] >= 0) & (c["location"] >> constants.STORE_SHIFT < state.paging_files)
    forbid(modified & slot, "modified page {} keeps a slot with a stale copy")


def check_zeroed(state: State) -> None:
    """A page is demand-zero once, until its contents are given up; they are in memory or on backing store."""
    c = state.arrays["contents"]
    forbid(c["zeroed"] > 1, "page {} was zeroed a second time, though its contents were never given up")
    kept = c["zeroed"] > 0
    forbid(kept & (c["version"] == 0), "page {} was zeroed, but counts as having no contents")
    forbid(kept & (c["frame"] < 0) & (c["location"] < 0), "page {} was zeroed, and its frame reused without a write")
    forbid(
        c["discardable"].astype(np.bool_) & (c["version"] > 0), "page {} needn't be kept, but counts as having contents"
    )
    forbid(c["discardable"].astype(np.bool_) & (c["frame"] < 0), "page {} needn't be kept, but is in no frame")
