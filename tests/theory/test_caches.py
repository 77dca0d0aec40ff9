"""Policies published for caches, and those of Linux, against plain ones from their papers, and against libCacheSim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import MemoryManager, Trimming
from simulator.result import RunResult
from tests.theory import plain_caches, plain_clocks
from tests.theory.plain_cache import Cache, count
from tests.theory.recorded import Requests, _run, from_list, misses, recorded

TRACES = ("python", "sort", "sqlite", "gcc", "awk", "xz")
SLICE = 20_000
"""runs of a recorded trace that a plain policy is given"""
LONG_SLICE = 150_000
"""runs of a recorded trace that libCacheSim is given"""

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

PLAIN: dict[str, type[Cache]] = {
    "sieve": plain_caches.Sieve,
    "s3-fifo": plain_caches.S3Fifo,
    "arc": plain_caches.Arc,
    "2q": plain_caches.TwoQ,
    "lirs": plain_caches.Lirs,
    "mru": plain_caches.Mru,
    "lfu": plain_caches.Lfu,
    "lru-k": plain_caches.LruK,
    "mq": plain_caches.Mq,
    "car": plain_clocks.Car,
    "clock-pro": plain_clocks.ClockPro,
    "linux-active-inactive": plain_clocks.LinuxActiveInactive,
    "mglru": plain_clocks.Mglru,
}
"""The plain cache that a policy's name stands for."""

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
    assert misses(result) == count(PLAIN[policy](frames, **plain_parameters), stream)


@pytest.mark.parametrize("trace", ["sqlite", "gcc"])
@pytest.mark.parametrize("name", BOTH)
def test_policies_agree_with_plain_ones_on_recorded_traces(name: str, trace: str) -> None:
    """At a twentieth, a fifth and half of the footprint."""
    policy, parameters, plain_parameters = BOTH[name]
    requests = recorded(trace, SLICE)
    for share in (0.05, 0.2, 0.5):
        frames = max(2, int(len(requests.pages) * share))
        expected = count(PLAIN[policy](frames, **plain_parameters), requests.pairs())
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


def test_who_keeps_a_part_of_a_loop_that_does_not_fit_misses_on_the_rest_only() -> None:
    """Fifty rounds over 30 pages in 20 frames: least recently used misses every time. The least that can be is, after
    the first round, the 10 pages that don't fit, and now and then one more, as one frame is for those that pass."""
    loop = from_list([*range(30)] * 50)
    counts = {name: misses(textbook(loop, 20, name))[0] for name in ("lru", "mru", "lirs", "clock-pro")}
    assert counts["lru"] == 1500
    assert 30 + 49 * 10 <= counts["mru"] <= 30 + 49 * 11
    assert counts["mru"] < counts["lirs"] <= 30 + 49 * 12
    assert counts["lirs"] < counts["clock-pro"] <= 30 + 49 * 13


def test_pages_in_use_outlive_a_scan() -> None:
    """Ten pages twice, then a scan of 30 that come only once, sixty times, in 25 frames. Least recently used loses the
    ten to each scan, 2Q too, whose ghosts reach back by half the frames only; others miss on them just once."""
    stream = [p for turn in range(60) for p in [*range(10), *range(10), *range(100 + 30 * turn, 130 + 30 * turn)]]
    counts = {p: misses(textbook(from_list(stream), 25, p))[0] for p, _, _ in BOTH.values() if p != "mru"}
    assert misses(textbook(from_list(stream), 25, "lru"))[0] == counts["2q"] == 60 * 40
    for policy in ("arc", "lirs", "lru-k", "lfu", "mq", "sieve", "clock-pro"):
        assert counts[policy] == 10 + 60 * 30, policy
    assert 10 + 60 * 30 < min(counts["s3-fifo"], counts["car"]) < 60 * 32


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


def agree_with_libcachesim(requests: Requests, path: Path) -> None:
    """At a tenth and a third of the footprint. Its LIRS isn't the authors', and left out."""
    lcs = pytest.importorskip("libcachesim")
    for frames in (max(20, len(requests.pages) // 10), max(25, len(requests.pages) // 3)):
        room: dict[str, Any] = {"cache_size": frames, "hashpower": 18}  # its tables of 2^24 take longer than its work
        theirs = {
            "fifo": lcs.FIFO(**room),
            "clock": lcs.Clock(**room, init_freq=1),
            "lru": lcs.LRU(**room),
            "opt": lcs.Belady(**room),
            "sieve": lcs.Sieve(**room),
            "s3-fifo": lcs.S3FIFO(**room),
            "arc": lcs.ARC(**room),
            "2q": lcs.TwoQ(**room),
        }
        for policy, other in theirs.items():
            reader = lcs.TraceReader(trace=str(path), trace_type=lcs.TraceType.ORACLE_GENERAL_TRACE)
            share, _ = other.process_trace(reader)
            parameters = {"variant": "libcachesim"} if policy == "2q" else {}
            ours = misses(textbook(requests, frames, policy, **parameters))[0]
            assert ours == round(share * len(requests.page)), (policy, frames)


@pytest.mark.parametrize("trace", TRACES)
def test_misses_are_those_of_libcachesim(trace: str, tmp_path: Path) -> None:
    """Needs the extra `bench`."""
    requests = recorded(trace, LONG_SLICE)
    agree_with_libcachesim(requests, written(requests, tmp_path / "trace.oracleGeneral"))


@pytest.mark.slow
@pytest.mark.parametrize("trace", TRACES)
def test_misses_of_whole_traces_are_those_of_libcachesim(trace: str, tmp_path: Path) -> None:
    """Needs the extra `bench`."""
    requests = recorded(trace)
    agree_with_libcachesim(requests, written(requests, tmp_path / "trace.oracleGeneral"))
