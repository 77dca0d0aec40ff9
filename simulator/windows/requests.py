"""What a program's generator may ask of the machine, beside an int: nanoseconds of processor time to charge.

Programs don't make these themselves: the calls of `windows.calls` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from simulator.stream import Waits

INFINITE = 0xFFFFFFFF
"""A timeout that never comes, in milliseconds [WaitForSingleObject]."""


class References(NamedTuple):
    """References to make, run by run: arrays of one length, at least 1; each run makes its fetches, then its loads,
    then its stores, at least one reference. The program goes on when all are made, or gets a WindowsException."""

    entries: NDArray[np.int64]
    """page-table entries"""
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]
    address: int = 0
    """where the first reference is, in bytes; an access violation tells of no lower address"""
    waits: Waits | None = None
    """None: the thread doesn't wait between runs"""


@dataclass(frozen=True)
class Sleep:
    """Do nothing for a time."""

    nanoseconds: int


@dataclass(frozen=True)
class Wait:
    """Wait until one, or all, of some objects are signalled; gives the index of the one, 0 for all, or None if the
    timeout comes first."""

    objects: Sequence[Any]
    every: bool = False
    timeout: int | None = None
    """nanoseconds; None: for ever"""


@dataclass(frozen=True)
class Exit:
    """End the process."""

    code: int


@dataclass(frozen=True)
class EndThread:
    """End the thread; with its last thread the process ends."""

    code: int


@dataclass(frozen=True)
class WaitForWrite:
    """Wait until an I/O that writes is done."""

    request: int


Request = int | References | Sleep | Wait | WaitForWrite | Exit | EndThread | simpy.Event
