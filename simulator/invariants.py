"""Invariants: an observer that looks at the whole machine and raises when two of its records contradict each other.

What holds between any two events: every frame is in exactly one place; page tables, contents and the PFN database tell
the same story; working-set lists hold the valid PTEs in order of entry; slots of the paging files are held once; what
is clean has its newest version on backing store; a page is zeroed once, until its contents are given up; each I/O,
thread and committed page is accounted for once.
A check costs time in proportion to the pages of the machine, in NumPy; what there are few of, threads and requests, is
looked at in plain lists, where NumPy's calls would cost more than the work.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.consistency import (
    InvariantBroken,
    check_frames,
    check_page_lists,
    check_page_tables,
    check_versions,
    check_working_sets,
    check_zeroed,
    require,
)
from simulator.memory.state import State
from simulator.observe import Observer
from simulator.state import constants
from simulator.state.constants import ACTIVE, FREE, IO_NONE, IO_READ, IO_WRITE, STANDBY, TRANSITION, ZEROED
from simulator.state.queries import available

__all__ = ["InvariantBroken", "Invariants", "check"]

_STALLS_OF_IO = (constants.STALL_READ, constants.STALL_COLLIDED, constants.STALL_WRITE)
PAGES_A_STEP = 4096
"""Pages for which one check a step is cheap enough; a machine n times as large is checked at every n-th step."""


class Invariants(Observer):
    """Checks the whole machine at the start, at the end and after every `every`-th step; None: as its size allows.

    Raises InvariantBroken ("invariant broken: ..."); what the run would have given can't be trusted then.
    """

    def __init__(self, every: int | None = None) -> None:
        """Nothing is looked at before the run starts."""
        self.every = every
        self.checks = 0
        """checks made so far"""
        self._steps = 0

    def started(self, state: State) -> None:
        """Settle how often to look, and look."""
        pages = len(state.arrays["frames"]) + len(state.arrays["contents"]) + len(state.arrays["ptes"])
        if self.every is None:
            self.every = max(1, pages // PAGES_A_STEP)
        state.record[0]["promise_every"] = self.every
        self._check(state)

    def stepped(self, state: State, time: int) -> None:
        """Look at every `every`-th step."""
        self._steps += 1
        if self._steps % (self.every or 1) == 0:
            self._check(state)

    def finished(self, state: State, time: int) -> None:
        """Look at what is left."""
        self._check(state)

    def _check(self, state: State) -> None:
        self.checks += 1
        check(state)


def check(state: State) -> None:
    """Raise InvariantBroken unless the records of a machine agree with each other."""
    check_frames(state)
    check_page_lists(state)
    check_page_tables(state)
    check_working_sets(state)
    check_versions(state)
    check_zeroed(state)
    live = _check_requests(state)
    _check_slots(state, live)
    _check_places(state)
    _check_threads(state, live)
    _check_totals(state)


def _chain(following: list[int], first: int, what: str) -> list[int]:
    """The numbers on a linked list; one of more than there are is a loop."""
    found: list[int] = []
    while first >= 0:
        require(len(found) < len(following), f"{what} is a loop")
        found.append(first)
        first = following[first]
    return found


def _check_requests(state: State) -> NDArray[np.int64]:
    """Each I/O is in service, queued, or held by a writer; its frames know it. Returns the numbers of all."""
    m, r, f = state.record[0], state.arrays["requests"], state.arrays["frames"]
    flying, following = state.arrays["flights"][: m["in_flight"]].tolist(), r["next"].tolist()
    require((np.diff(r["end"][flying]) >= 0).all(), "I/Os in service are not in order of completion")
    disks, served = state.arrays["disks"][: m["disk_count"]], r["disk"][flying].tolist()
    counts = [disks[name].tolist() for name in ("waiting", "busy", "channels")]
    queued: list[int] = []
    for number, (heads, waiting, busy, channels) in enumerate(
        zip(disks["queues"][:, :, 0].tolist(), *counts, strict=True)
    ):
        waits = [request for head in heads for request in _chain(following, head, f"the queue of disk {number}")]
        require(waiting == len(waits), f"disk {number}: requests waiting are miscounted")
        require(busy == served.count(number) <= channels, f"disk {number}: channels in use are miscounted")
        require(not waiting or busy == channels, f"disk {number} is idle while requests wait")
        queued += waits
    held = sorted(set(f["request"][f["io"] != IO_NONE].tolist()).difference(flying, queued))
    require(len(held) <= 2 and r["write"][held].all(), "frames belong to an I/O that no disk and no writer has")
    free = _chain(following, int(m["free_request"]), "the list of free requests")
    everywhere = sorted([*flying, *queued, *held, *free])
    require(everywhere == list(range(m["fresh_request"])), "a request is lost, or in two places")
    live = np.array([*flying, *queued, *held], np.int64)
    _check_frames_of(state, live)
    return live


def _check_frames_of(state: State, live: NDArray[np.int64]) -> None:
    """The frames of an I/O are chained to it, and no frame is without."""
    r, f = state.arrays["requests"][live], state.arrays["frames"]
    pages, frame = np.zeros(len(live), np.int64), r["first"].astype(np.int64)
    while (frame >= 0).any():
        on = frame >= 0
        here = frame[on]
        require((f["request"][here] == live[on]).all(), "a frame of an I/O belongs to another one")
        require(
            (f["io"][here] == np.where(r["write"][on], IO_WRITE, IO_READ)).all(), "a frame has the wrong kind of I/O"
        )
        pages[on] += 1
        require((pages <= r["pages"]).all(), "an I/O has more frames than pages")
        frame[on] = f["next"][here]
    require((pages[r["write"] != 0] == r["pages"][r["write"] != 0]).all(), "a write has fewer frames than pages")
    require(pages.sum() == (f["io"] != IO_NONE).sum(), "a frame's I/O doesn't know the frame")


def _memory_at(address: int, count: int, kind: str) -> NDArray[Any]:
    if count == 0:
        return np.zeros(0, kind)
    return np.frombuffer(
        memoryview((ctypes.c_char * (count * np.dtype(kind).itemsize)).from_address(int(address))), kind
    )


def _check_slots(state: State, live: NDArray[np.int64]) -> None:
    """A slot in use is a page's place, or the goal of a write in flight; it holds what was last written there."""
    c, r = state.arrays["contents"], state.arrays["requests"][live]
    private = np.flatnonzero((c["file"] < 0) & (c["location"] >= 0))
    writes = r[r["write"] != 0]
    goals = np.concatenate([np.empty(0, np.int64), *(w["location"] + np.arange(w["pages"]) for w in writes)])
    for number, store in enumerate(state.arrays["stores"][: state.paging_files]):
        mine = private[c["location"][private] >> constants.STORE_SHIFT == number]
        slots = c["location"][mine] & constants.STORE_MASK
        taken = np.concatenate([slots, goals[goals >> constants.STORE_SHIFT == number] & constants.STORE_MASK])
        used = _memory_at(store["slots_at"], store["maximum"], "u1")
        require(len(set(taken.tolist())) == len(taken), f"paging file {number}: a slot is held twice")
        require(used[taken].all() and (taken < store["size"]).all(), f"paging file {number}: a page's slot isn't taken")
        require(
            np.count_nonzero(used) == len(taken) == store["used"], f"paging file {number}: a slot is held by nobody"
        )
        holds = _memory_at(store["content_at"], store["maximum"], "i4")[slots]
        version = _memory_at(store["version_at"], store["maximum"], "u4")[slots]
        require((holds == mine).all(), f"paging file {number}: a slot holds another page than the one that has it")
        require((version == c["written"][mine]).all(), f"paging file {number}: a slot holds another version")


def _check_places(state: State) -> None:
    """On the textbook machine each page has a place of its own, and on every machine each page of a file."""
    c = state.arrays["contents"][: state.content_count]
    own = c["location"][(c["location"] >= 0) & (c["location"] >> constants.STORE_SHIFT >= state.paging_files)]
    require(len(np.unique(own)) == len(own), "two pages have one place")
    size = state.arrays["stores"]["size"][own >> constants.STORE_SHIFT]
    require((own & constants.STORE_MASK < size).all(), "a page's place lies behind the end of its store")
    require(len(own) == len(c) or state.manager.model != "demand-paging", "a page of the textbook machine has no place")


def _check_threads(state: State, live: NDArray[np.int64]) -> None:
    """A thread is in one place: a processor, a ready queue, among waiters or sleepers, or at rest."""
    m, t, arrays = state.record[0], state.arrays["threads"], state.arrays
    following, condition, stall, on = (t[name].tolist() for name in ("next", "state", "stall", "processor"))
    ready = [n for head in arrays["ready_queues"]["head"].tolist() for n in _chain(following, head, "a ready queue")]
    processors = arrays["processors"]["thread"].tolist()
    running = [n for n in processors if n >= 0]
    frames = _chain(following, int(m["frame_waiters"]), "the queue for frames")
    waiters = arrays["requests"]["waiters"][live].tolist()
    reads = [n for first in waiters for n in _chain(following, first, "the waiters of a read")]
    asleep = arrays["sleepers"][: m["sleeping"]].tolist()
    everywhere = ready + running + frames + reads + asleep
    require(len(set(everywhere)) == len(everywhere), "a thread is in two places")
    require(len(ready) == m["ready"] and len(running) == m["running"], "ready or running threads are miscounted")
    require(len(frames) == m["frame_waiting"], "threads that wait for a frame are miscounted")
    require(all(condition[n] == constants.READY for n in ready), "a thread in a ready queue isn't ready")
    require(all(condition[n] == constants.RUNNING for n in running), "a thread on a processor isn't running")
    require(all(condition[n] == constants.BLOCKED for n in frames + reads), "a thread among waiters isn't blocked")
    require(all(stall[n] == constants.STALL_FRAME for n in frames), "a thread waits for a frame, but isn't booked so")
    require(all(stall[n] in _STALLS_OF_IO for n in reads), "a thread waits for an I/O, but isn't booked so")
    require(all(stall[n] == constants.SLEEP for n in asleep), "a thread sleeps, but isn't booked so")
    require((np.diff(t["wake"][asleep]) <= 0).all(), "sleeping threads are out of order")
    user = np.flatnonzero(t["process"] >= 0)
    living = user[(arrays["processes"]["alive"][t["process"][user]] != 0) & (t["state"][user] != constants.ENDED)]
    lost = sorted(set(living.tolist()).difference(everywhere))
    require(not lost, f"thread {lost[:1]} of a living process is nowhere")
    for number, thread in enumerate(processors):
        require(thread < 0 or on[thread] == number, f"processor {number} and its thread disagree")


def _check_totals(state: State) -> None:
    """Counters that are kept beside what they count, and commit charge."""
    m, p = state.record[0], state.arrays["processes"]
    condition = np.bincount(state.arrays["frames"]["state"], minlength=8)
    require(m["states_active"] == condition[ACTIVE], "active frames are miscounted")
    require(m["states_transition"] == condition[TRANSITION], "frames in transition are miscounted")
    count = int(available(state.address))
    require(count == condition[ZEROED] + condition[FREE] + condition[STANDBY], "available frames are miscounted")
    require(not m["frame_waiting"] or count == 0, "threads wait for a frame while one is available")
    alive = p["alive"][: len(state.names)] != 0
    charged = p["commit"][: len(state.names)][alive].sum() + m["system_commit"]
    require(m["commit"] == charged, "commit charge isn't what was charged")
    limit = m["frame_count"] + state.arrays["stores"]["size"][: state.paging_files].sum()
    require(m["commit"] <= limit and m["commit"] <= m["commit_peak"], "commit charge is over its limit or its peak")
