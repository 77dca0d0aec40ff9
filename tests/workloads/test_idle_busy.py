"""Idle and busy: the same references, with sleeps of the stated lengths between bursts of the stated lengths."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.stream import ReferenceStream
from tests.workloads.examples import fits, make
from tests.workloads.naive import stretches
from workloads.base import StreamContext, parts

ZIPF: dict[str, Any] = {"kind": "zipf", "pages": 50, "references": 300_000, "writes": 0.3, "fetches": 0.3, "burst": 37}


def stream_of(context: StreamContext, **parameters: Any) -> ReferenceStream:
    """The one stream of an idle-busy workload."""
    (part,) = parts(make("idle-busy", **{"workload": ZIPF, "busy": 100, "idle": "1 ms", **parameters}), context)
    (stream,) = part.streams
    return stream


def bursts(stream: ReferenceStream) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """References between two sleeps, and nanoseconds of the sleeps."""
    starts, sleeps, done = [0], [], 0
    for block in stream.blocks():
        before = np.cumsum(block.fetches.astype(np.int64) + block.loads + block.stores)
        if block.waits is not None:
            starts += [done + int(before[row - 1]) if row else done for row in block.waits.row]
            sleeps += block.waits.pause.tolist()
            assert not block.waits.until.any()
        done += int(before[-1])
    return np.diff([*starts, done]), np.array(sleeps)


def test_the_references_are_those_of_the_workload_inside(context: StreamContext) -> None:
    stream = stream_of(context)
    alone = make(**ZIPF).stream(replace(context, name="a/busy"))
    assert stretches(stream) == stretches(alone)
    assert stream.references == alone.references == 300_000
    assert stream.pages.tolist() == alone.pages.tolist()


def test_fixed_lengths_are_exact(context: StreamContext) -> None:
    lengths, sleeps = bursts(stream_of(context, busy_distribution="fixed", idle_distribution="fixed", busy=70))
    assert set(lengths[:-1]) == {70}
    assert lengths.sum() == 300_000
    assert set(sleeps) == {1_000_000}
    assert len(sleeps) == len(lengths) - 1


def test_exponential_lengths_are_distributed_so(context: StreamContext) -> None:
    lengths, sleeps = bursts(stream_of(context, busy=20))
    counts = np.bincount(lengths[:-1] - 1)
    exact = (1 / 20) * (1 - 1 / 20) ** np.arange(len(counts))
    exact[-1] += 1 - exact.sum()
    assert fits(counts, exact)  # significance 10^-6
    # Kolmogorov and Smirnov: sqrt(n) x distance exceeds 2.72 with a probability of less than 10^-6.
    ordered = np.sort(sleeps)
    distance = np.abs(np.arange(1, len(ordered) + 1) / len(ordered) - (1 - np.exp(-ordered / 1e6))).max()
    assert distance * math.sqrt(len(ordered)) < 2.72
    assert np.corrcoef(lengths[:-2], sleeps[:-1])[0, 1] ** 2 * len(sleeps) < 24  # chi-square, 10^-6


def test_bursts_of_one_reference_and_no_sleep(context: StreamContext) -> None:
    lengths, _ = bursts(
        stream_of(context, busy=1, idle="1 ns", idle_distribution="fixed", workload={**ZIPF, "burst": 1})
    )
    assert set(lengths) == {1}
    assert all(block.waits is None for block in stream_of(context, idle=0).blocks())


def test_sleeps_of_the_workload_inside_are_kept(context: StreamContext) -> None:
    fixed = {"busy_distribution": "fixed", "idle_distribution": "fixed"}
    inner = {"kind": "idle-busy", "workload": {**ZIPF, "references": 1200}, "busy": 30, "idle": 5, **fixed}
    lengths, sleeps = bursts(stream_of(context, workload=inner, busy=40, idle=1000, **fixed))
    edges = np.cumsum(lengths)[:-1]
    assert edges.tolist() == sorted({*range(30, 1200, 30), *range(40, 1200, 40)})
    assert sleeps.tolist() == [5 * (edge % 30 == 0) + 1000 * (edge % 40 == 0) for edge in edges]


def test_every_process_inside_sleeps_on_its_own(context: StreamContext) -> None:
    fork = {"kind": "copy-on-write-fork", "pages": 9, "references": 900, "children": 2, "fork": "1 s"}
    made = parts(make("idle-busy", workload=fork, busy=50, idle="1 ms"), context)
    assert [part.suffix for part in made] == ["parent", "child-0", "child-1"]
    assert made[1].files == made[0].files != {}
    one, two = (next(iter(part.streams[0].blocks())).waits for part in made[1:])
    assert one is not None
    assert two is not None
    assert one.row[0] == two.row[0] == 0
    assert one.until[0] == two.until[0] == 10**9
    assert one.pause[1:].tolist() != two.pause[1:].tolist()
