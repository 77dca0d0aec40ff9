"""The disks of a run as slices, from its I/O log: each request's service on a channel, and its time in the queue.

The log doesn't tell which channel served a request, and channels are alike: each request is drawn on the lowest one
that was free. Requests in the queue overlap, so they are slices with a number of their own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.present.export.events import Event, slice_event, text, thread_names, track, waiting_events

PIECE = 1 << 16
"""requests turned into text at a time"""
FIRST_NUMBER = 1


def channels(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each request, given in order of `start`, the lowest channel (from 0) that is free when its service starts.

    A request that ends at a time makes room for one that starts at that time.
    """
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    used = 0
    chosen = []
    for begin, finish in zip(start.tolist(), end.tolist(), strict=True):
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, used = used, used + 1
        heapq.heappush(busy, (finish, lane))
        chosen.append(lane)
    return np.array(chosen, np.int64)


def disk_events(requests: pd.DataFrame, process: int, first_thread: int) -> Iterator[Event]:
    """The slices of all disks, as threads of one process, numbered from `first_thread`."""
    if not len(requests):
        return
    disks = requests["disk"].astype("category")
    thread, number = first_thread, FIRST_NUMBER
    for code, name in enumerate(disks.cat.categories):
        mine = requests[(disks.cat.codes == code).to_numpy()]
        mine = mine.sort_values(["start_ns", "submit_ns", "end_ns"], kind="stable")
        lanes = channels(mine["start_ns"].to_numpy(np.int64), mine["end_ns"].to_numpy(np.int64))
        used = int(lanes.max(initial=-1)) + 1
        for lane in range(used):
            yield from thread_names(process, thread + lane, f"{name} channel {lane + 1}", thread + lane)
        yield from _slices(mine, thread + lanes, str(name), process, number)
        thread += used
        number += len(mine)


def _slices(
    requests: pd.DataFrame, threads: NDArray[np.int64], disk: str, process: int, number: int
) -> Iterator[Event]:
    waiting = {kind: text(f"{disk} queue: {kind}") for kind in ("read", "write")}
    for at in range(0, len(requests), PIECE):
        piece = requests.iloc[at : at + PIECE]
        columns: list[list[Any]] = [
            piece[name].astype(object).tolist() if name in ("kind", "cause") else piece[name].tolist()
            for name in ("submit_ns", "start_ns", "end_ns", "kind", "cause", "offset", "pages", "ok")
        ]
        rows = zip(threads[at : at + PIECE].tolist(), *columns, strict=True)
        for index, (thread, submit, start, end, kind, cause, offset, pages, ok) in enumerate(rows, number + at):
            arguments = text({"cause": cause, "pages": pages, "offset": offset, "ok": ok, "queue_ns": start - submit})
            yield slice_event(track(process, thread), "io", f'"{kind}"', start, end, arguments)
            if start > submit:
                place = f'"pid":{process},"tid":{process}'
                yield from waiting_events(place, "queue", waiting[kind], index, submit, start)
