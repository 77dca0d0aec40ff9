"""Named random streams from one root seed: a new consumer disturbs no other."""

from __future__ import annotations

import hashlib

import numpy as np


def _digest(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()


def stream_key(seed: int, name: str) -> int:
    """The 64-bit key of a named stream, for counter-based draws (see `simulator.hardware.service.draw`)."""
    return int.from_bytes(_digest(seed, name)[:8], "little")


def generator(seed: int, name: str) -> np.random.Generator:
    """A NumPy generator (PCG64) of its own for a named consumer."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(seed, name), "little")))
