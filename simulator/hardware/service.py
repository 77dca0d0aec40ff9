"""A disk's service time: quantiles of its latency, transfer, seek and rotation, drawn by counter.

Draw number n of a stream is splitmix64's finalizer of key + (n + 1) x 0x9E3779B97F4A7C15 (Steele, Lea, Flood, "Fast
splittable pseudorandom number generators", OOPSLA 2014), so compiled code, SimPy code and a model written from plain
integers draw the same numbers on every platform.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numba import carray
from numpy.typing import NDArray

from simulator.compile import compiled, pointer
from simulator.state.schema import MachineRecord

QUANTILES = 4096
SEEKS = 1024
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _zeros(count: int) -> NDArray[np.int64]:
    return np.zeros(count, np.int64)


@dataclass(frozen=True)
class ServiceTable:
    """All that decides how long a disk takes; every time in nanoseconds, every distance in pages."""

    latency_read: NDArray[np.int64]
    """int64[4096]: the mean latency within each of 4096 equally likely slices, ascending"""
    latency_write: NDArray[np.int64]
    per_page_read: int = 0
    """transfer of one page"""
    per_page_write: int = 0
    seek: NDArray[np.int64] = field(default_factory=lambda: _zeros(SEEKS))
    """int64[1024]: seek time by distance / span; not charged when the head is in place"""
    rotation: int = 0
    """one revolution; the wait is uniform in it, and 0 when the head is in place"""
    channels: int = 1
    """requests served at one time"""


class DiskModel(Protocol):
    """A registered service model: a dataclass whose fields are its YAML parameters."""

    def tables(self) -> ServiceTable:
        """The service-time tables that follow from the parameters."""
        ...


def constant_latency(nanoseconds: int) -> NDArray[np.int64]:
    """Quantiles of a latency that is always the same."""
    return np.full(QUANTILES, nanoseconds, np.int64)


@compiled
def draw(key: int, counter: int) -> int:
    """Number `counter` of the stream `key`: 64 uniform bits."""
    z = np.uint64(key) + np.uint64(counter + 1) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def service_time(m: MachineRecord, disk: int, write: int, offset: int, pages: int, u: int) -> int:
    """Nanoseconds that a request takes on a channel; moves the head to the request's end."""
    d = m.disks[disk]
    quantile = carray(pointer(d.latency_at[write]), (QUANTILES,), np.int64)
    time = quantile[np.int64(u >> np.uint64(52))] + pages * d.per_page[write]
    distance = abs(offset - d.position)
    if d.moves and distance > 0:
        seek = carray(pointer(d.seek_at), (SEEKS,), np.int64)
        time += seek[min(np.int64(SEEKS - 1), distance * SEEKS // d.span)]
        time += np.int64(((u & np.uint64(0xFFFFFFFF)) * np.uint64(d.rotation)) >> np.uint64(32))
    d.position = offset + pages
    return time
