"""Idle and busy: another workload in bursts, with sleep between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from simulator.compile import compiled
from simulator.rng import generator
from simulator.stream import Block, ReferenceStream
from simulator.units import Time
from workloads.base import Part, StreamContext, parts, plugin
from workloads.cut import gathered, room, spread, take
from workloads.generator import RUNS
from workloads.nested import Nested

DISTRIBUTIONS = ("fixed", "exponential")


@plugin("workload", "idle-busy")
class IdleBusy:
    """Every thread of another workload, in bursts of so many references; before each burst but the first it sleeps.

    Lengths of bursts and sleeps are fixed, or exponential with that mean: a burst, rounded up, has n references with
    the probability that a geometric number does; a sleep is rounded down to a nanosecond.
    """

    workload: Nested = Field(..., description="what is done in the bursts: a kind and its parameters")
    busy: int = Field(..., ge=1, le=1 << 40, description="references in a burst, or their mean")
    idle: Time = Field(..., le=1 << 50, description="time asleep between two bursts, or its mean")
    busy_distribution: Literal["fixed", "exponential"] = Field(default="exponential", description="of the bursts")
    idle_distribution: Literal["fixed", "exponential"] = Field(default="exponential", description="of the sleeps")

    def processes(self, context: StreamContext) -> list[Part]:
        """The processes of the workload inside, with sleeps; raises InputError where it does."""
        made = parts(self.workload.workload, replace(context, name=f"{context.name}/busy"))
        chosen = (self.busy_distribution, self.idle_distribution)
        # The geometric distribution with that mean is the exponential one, rounded up, with a rate of -log(1 - 1/mean).
        mean = self.busy if chosen[0] == "fixed" else -1 / math.log1p(-1 / self.busy) if self.busy > 1 else 0.0
        first, second = (DISTRIBUTIONS.index(name) for name in chosen)
        lengths = (float(mean), float(self.idle), first, second)
        return [
            replace(
                part,
                streams=tuple(
                    Bursts(stream, lengths, context.seed, f"workload/{context.name}/idle{part.suffix}/{thread}")
                    for thread, stream in enumerate(part.streams)
                ),
            )
            for part in made
        ]


class Bursts:
    """A stream with sleeps in it; a ReferenceStream."""

    def __init__(self, stream: ReferenceStream, lengths: tuple[float, float, int, int], seed: int, name: str) -> None:
        """`lengths`: mean of the bursts, mean of the sleeps, and for each the index of its distribution."""
        self.pages, self.references = stream.pages, stream.references
        self._stream, self._lengths, self._source = stream, lengths, (seed, name)

    def blocks(self) -> Iterator[Block]:
        """The runs from the start, in blocks of at most `RUNS`; a burst may end inside a run."""
        numbers, out = generator(*self._source), room(RUNS)
        state = np.zeros(3, np.int64)
        state[0] = _burst(self._lengths, numbers)
        for block in self._stream.blocks():
            source = spread(block)
            state[1] = 0
            while state[1] < len(source.page):
                rows = _cut(source, self._lengths, state, numbers, out)
                yield gathered(out, rows)


@compiled
def _burst(lengths: Any, numbers: Any) -> int:
    if lengths[2] == 0:
        return int(lengths[0])
    return int(min(-math.log1p(-numbers.random()) * lengths[0], 1e18)) + 1


@compiled
def _cut(source: Any, lengths: Any, state: Any, numbers: Any, out: Any) -> int:
    # Fills `out`; state: references left in the burst, row of the source, sleep before the next row.
    left, at, pause = state[0], state[1], state[2]
    row = 0
    while row < len(out.page) and at < len(source.page):
        if left == 0:
            left = _burst(lengths, numbers)
            pause = int(lengths[1] if lengths[3] == 0 else -math.log1p(-numbers.random()) * lengths[1])
        moved, remaining = take(source, at, left, out, row)
        out.pause[row] += pause
        pause = 0
        left -= moved
        row += 1
        if remaining == 0:
            at += 1
    state[0], state[1], state[2] = left, at, pause
    return row
