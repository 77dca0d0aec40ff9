"""The faults of a run as slices, from its fault log: each on a track beside its thread's states.

A fault begins where its thread trapped, and ends when the thread has spent the processor time that the fault is
charged: right after the trap, or, of a fault with a stall, after the thread has been given a processor again. Its parts
are the queueing, for a frame and for the disk, and the disk's service; what a thread did meanwhile its own track says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.present.export.events import Event, slice_event, text
from experiments.present.export.thread_slices import Turns, Who, grouped

PIECE = 1 << 16
"""rows of the fault log read at a time"""


def fault_events(log: Path, places: Mapping[Who, str], ran: Mapping[Who, Turns], end: int) -> Iterator[Event]:
    """All faults of a log, a Parquet file that is read in pieces, each on the track of `places`.

    `ran` says when threads ran; of one that it doesn't know, a fault's processor time is drawn right after its stall.
    `end` is that of the run.
    """
    with pq.ParquetFile(log) as file:
        if file.metadata.num_rows == 0:
            return
        for batch in file.iter_batches(PIECE):
            yield from _piece({name: _values(batch.column(name)) for name in batch.schema.names}, places, ran, end)


def _piece(
    columns: Mapping[str, NDArray[Any]], places: Mapping[Who, str], ran: Mapping[Who, Turns], end: int
) -> Iterator[Event]:
    ends = ends_of(columns, ran, end).tolist()
    names = ("process", "thread", "page", "kind", "cause", "access", "time_ns", "queue_ns", "service_ns", "cpu_ns")
    for until, row in zip(ends, zip(*(columns[name].tolist() for name in names), strict=True), strict=True):
        process, thread, page, kind, cause, access, time, queue, service, cpu = row
        place = places[process, thread]
        arguments = text({
            "page": hex(page), "cause": cause, "access": access,
            "queue_ns": queue, "service_ns": service, "cpu_ns": cpu,
        })  # fmt: skip
        yield slice_event(place, "fault", text(kind), time, until, arguments)
        if queue:
            yield slice_event(place, "part", '"queueing"', time, time + queue)
        if service:
            yield slice_event(place, "part", '"service"', time + queue, time + queue + service)


def ends_of(columns: Mapping[str, NDArray[Any]], ran: Mapping[Who, Turns], end: int) -> NDArray[np.int64]:
    """When each fault's processor time was spent; at the latest the end of the thread or of the run."""
    resumes = columns["time_ns"] + columns["queue_ns"] + columns["service_ns"]
    cpu = columns["cpu_ns"]
    ends: NDArray[np.int64] = np.maximum(resumes, np.minimum(resumes + cpu, end))
    whose, codes = grouped(columns["process"], columns["thread"])
    for code, who in enumerate(whose):
        if who in ran:
            mine = codes == code
            ends[mine] = ran[who].spent(resumes[mine], cpu[mine])
    return ends


def _values(column: Any) -> NDArray[Any]:
    """A column of a piece, categories as their names."""
    words = np.array(column.dictionary.to_pylist(), object) if pa.types.is_dictionary(column.type) else None
    values: NDArray[Any] = (column if words is None else column.indices).to_numpy(zero_copy_only=False)
    return values if words is None else words[values]
