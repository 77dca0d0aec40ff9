"""Threads as SimPy processes: what a thread does is a generator that yields one block of references after another."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import simpy

from simulator.driver import Driver
from simulator.future import Future
from simulator.memory.completion import finish_thread
from simulator.memory.follow_up import follow_up
from simulator.memory.program import give_block, give_waits
from simulator.memory.state import State
from simulator.stream import Block, ReferenceStream, Waits

Columns = tuple[Any, ...]


def give(state: State, thread: int, runs: Columns, waits: Waits | None, fetching: bool) -> None:
    """Have a thread make the references of a block: page, fetches, loads and stores of its runs, which the caller keeps
    as long as it makes them."""
    addresses = [column.ctypes.data for column in runs]
    give_block(state.address, thread, len(runs[0]), *addresses, fetching)
    if waits is not None and len(waits.row):
        places = [column.ctypes.data for column in waits]
        give_waits(state.address, thread, len(waits.row), places[0], int(waits.row[0]), *places[1:])


def follow(
    state: State, driver: Driver, thread: int, stream: ReferenceStream, looks: bool
) -> Generator[simpy.Event, Any, None]:
    """The life of a thread that makes the references of a stream; `looks`: the policy is shown its future."""
    future = Future(stream) if looks else None
    blocks: Iterator[Block] = iter(stream.blocks())
    while True:
        turn = simpy.Event(driver.env)
        driver.turns[thread] = turn
        yield turn
        block = next(blocks, None)
        if block is None:
            break
        give(state, thread, block[:4], block.waits, fetching=False)
        if future is not None:
            record = state.arrays["threads"][thread]
            record["next_run_at"], record["next_reference_at"] = future.of(len(block.page))
    state.record[0]["asking"] = -1
    finish_thread(state.address, thread, driver.now)
    follow_up(state.address, driver.now)
