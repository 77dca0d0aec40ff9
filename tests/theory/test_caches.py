"""Policies published for caches, and those of Linux, against plain ones from their papers, and against libCacheSim."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import MemoryManager, Trimming
from simulator.result import RunResult
from tests.theory.plain_caches import cache as plain_cache
from tests.theory.plain_caches import count
from tests.theory.recorded import Requests, _run, from_list, misses, recorded

TRACES = ("python", "sort", "sqlite", "gcc", "awk", "xz")
SLICE = 20_000
"""runs of a recorded trace that a plain policy is given"""
LONG_SLICE = 1_000_000
"""runs that libCacheSim is given"""

BOTH: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "sieve": ("sieve", {}, {}),
    "s3-fifo": ("s3-fifo", {"small_queue_of_one": "keep"}, {}),
    "arc": ("arc", {}, {}),
    "2q": ("2q", {}, {}),
    "2q of libcachesim": ("2q", {"variant": "libcachesim"}, {"forgets_first": True}),
    "lirs": ("lirs", {}, {}),
    "mru": ("mru", {}, {}),
    "lfu": ("lfu", {}, {}),
    "lfu, remembering": ("lfu", {"remember": True}, {"remember": True}),
    "lru-2": ("lru-k", {}, {}),
    "lru-2 with its periods": ("lru-k", {"correlated": 3, "retained": 20}, {"correlated": 3, "retained": 20}),
    "mq": ("mq", {}, {}),
    "car": ("car", {}, {}),
    "clock-pro": ("clock-pro", {}, {}),
    "linux-active-inactive": ("linux-active-inactive", {}, {}),
    "mglru": ("mglru", {}, {}),
}
"""A policy with its parameters here, and in plain Python."""

page = st.integers(0, 11)
streams = st.lists(st.tuples(page, st.booleans()), min_size=1, max_size=150)


def textbook(requests: Requests, frames: int, policy: str, **parameters: Any) -> RunResult:
    """Demand paging with so many frames."""
    trimming = Trimming(policy=policy, parameters=parameters)
    return _run(requests, frames, MemoryManager(model="demand-paging", trimming=trimming))


@settings(deadline=None, max_examples=30)
@pytest.mark.parametrize("name", BOTH)
@given(streams, st.integers(1, 9))
def test_policies_agree_with_plain_ones(name: str, stream: list[tuple[int, bool]], frames: int) -> None:
    policy, parameters, plain_parameters = BOTH[name]
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    result = textbook(from_list(pages, stored), frames, policy, **parameters)
    assert misses(result) == count(plain_cache(policy, frames, **plain_parameters), stream)


@pytest.mark.parametrize("trace", ["sqlite", "gcc"])
@pytest.mark.parametrize("name", BOTH)
def test_policies_agree_with_plain_ones_on_recorded_traces(name: str, trace: str) -> None:
    """At a twentieth, a fifth and half of the footprint."""
    policy, parameters, plain_parameters = BOTH[name]
    requests = recorded(trace, SLICE)
    for share in (0.05, 0.2, 0.5):
        frames = max(2, int(len(requests.pages) * share))
        expected = count(plain_cache(policy, frames, **plain_parameters), requests.pairs())
        assert misses(textbook(requests, frames, policy, **parameters)) == expected


@pytest.mark.parametrize("frames", [1, 4, 19])
def test_a_small_queue_with_no_room_for_a_page_makes_every_request_miss(frames: int) -> None:
    """As libCacheSim has it below 20 frames: no page outlives its use. The machine finds what was just given up on
    standby, so that its faults are counted, not its reads."""
    requests = recorded("sort", SLICE)
    repeats = int((requests.page[1:] == requests.page[:-1]).sum())
    assert repeats == 0
    assert textbook(requests, frames, "s3-fifo").summary["page_faults"] == SLICE
    assert textbook(requests, frames, "s3-fifo", small_queue_of_one="keep").summary["page_faults"] < SLICE or frames < 2
    assert textbook(requests, 20, "s3-fifo").summary["page_faults"] < SLICE // 2


def test_a_loop_that_does_not_fit_is_what_scan_resistant_policies_are_for() -> None:
    """Fifty rounds over 30 pages in 20 frames: least recently used misses every time, as do those that come to the
    same here; who keeps a part of the loop misses on the rest only, the least that can be: 10 pages, or 11 as one
    frame is needed for those that pass, a round."""
    loop = from_list([*range(30)] * 50)
    counts = {name: misses(textbook(loop, 20, name))[0] for name in ("lru", "mru", "lirs", "clock-pro")}
    assert counts["lru"] == 1500
    assert 30 + 49 * 10 <= counts["mru"] <= 30 + 49 * 11
    assert counts["lirs"] <= 30 + 49 * 12
    assert counts["clock-pro"] < 1000


def test_pages_used_often_outlive_a_scan() -> None:
    """Ten pages in rounds, and beside them a scan that uses each page once: lru loses the ten at each round, policies
    that look at frequency or at inter-reference recency don't."""
    stream = [page for turn in range(60) for page in [*range(10), *range(10), *range(100 + 30 * turn, 130 + 30 * turn)]]
    scanned, all_again = 60 * 30, 60 * 40
    assert misses(textbook(from_list(stream), 25, "lru"))[0] == all_again
    for policy in ("arc", "2q", "lirs", "lru-k", "lfu", "mq", "s3-fifo", "sieve"):
        assert misses(textbook(from_list(stream), 25, policy))[0] < scanned + (all_again - scanned) // 3, policy


def test_a_page_that_comes_back_soon_is_activated_at_once() -> None:
    """Linux: a refault distance within the active list. Four frames; 0 and 1 become active by three uses each, seen at
    two looks; 9 is pushed out, comes back next, and then outlives the page that came before it."""
    active = [0, 1, 2, 3, 0, 1, 4, 0, 1, 5, 0, 1, 6, 0, 1, 7]
    kept = misses(textbook(from_list([*active, 8, 9, 8, 9, 8, 9]), 4, "linux-active-inactive"))[0]
    assert kept == count(plain_cache("linux-active-inactive", 4), [(p, False) for p in [*active, 8, 9, 8, 9, 8, 9]])[0]


def written(requests: Requests, path: Path) -> Path:
    """A trace in libCacheSim's oracleGeneral format: time, number, size, and the request's next occurrence."""
    fields = [("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")]
    rows = np.zeros(len(requests.page), np.dtype(fields))
    rows["id"], rows["size"], rows["next"] = requests.page + 1, 1, -1
    order = np.argsort(requests.page, kind="stable")
    same = requests.page[order][1:] == requests.page[order][:-1]
    rows["next"][order[:-1][same]] = order[1:][same]
    rows.tofile(path)
    return path


@cache
def long_slice(trace: str) -> Requests:
    """What libCacheSim is given, with the same page twice in a row taken as one request."""
    requests = recorded(trace, LONG_SLICE)
    new = np.append(True, requests.page[1:] != requests.page[:-1])
    return Requests(requests.page[new], requests.stored[new])


@pytest.mark.parametrize("trace", TRACES)
def test_misses_are_those_of_libcachesim(trace: str, tmp_path: Path) -> None:
    """Its LIRS excepted, which isn't the authors'. At a tenth and a third of the footprint."""
    lcs = pytest.importorskip("libcachesim")
    requests = long_slice(trace)
    path = written(requests, tmp_path / "trace.bin")
    for frames in (max(20, len(requests.pages) // 10), max(25, len(requests.pages) // 3)):
        theirs = {
            "fifo": lcs.FIFO(cache_size=frames),
            "clock": lcs.Clock(cache_size=frames, init_freq=1),
            "lru": lcs.LRU(cache_size=frames),
            "opt": lcs.Belady(cache_size=frames),
            "sieve": lcs.Sieve(cache_size=frames),
            "s3-fifo": lcs.S3FIFO(cache_size=frames),
            "arc": lcs.ARC(cache_size=frames),
            "2q": lcs.TwoQ(cache_size=frames),
        }
        for policy, other in theirs.items():
            reader = lcs.TraceReader(str(path), lcs.TraceType.ORACLE_GENERAL_TRACE)
            share, _ = other.process_trace(reader)
            parameters = {"variant": "libcachesim"} if policy == "2q" else {}
            ours = misses(textbook(requests, frames, policy, **parameters))[0]
            assert ours == round(share * len(requests.page)), (policy, frames)
