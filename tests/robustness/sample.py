"""What the default run takes of tests that are too many: another sample for each commit, one for all who test it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

T = TypeVar("T")


def seed() -> int:
    """`PAGESIM_SAMPLE`, else a number made of the commit that is checked out; 0 if neither is known."""
    if "PAGESIM_SAMPLE" in os.environ:
        return int(os.environ["PAGESIM_SAMPLE"])
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout[:8], 16)
    except (OSError, subprocess.CalledProcessError):
        return 0


def one_in(share: int, items: Sequence[T]) -> list[T]:
    """One of so many items, chosen by the seed, in their order."""
    chosen = sorted(Random(seed()).sample(range(len(items)), len(items) // share))
    return [items[i] for i in chosen]
