"""Share modes: what those who have a file open leave to others [Creating and Opening Files]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from simulator.windows import constants as c
from simulator.windows.failure import Failure

EVERYTHING = c.FILE_SHARE_READ | c.FILE_SHARE_WRITE | c.FILE_SHARE_DELETE
_NEEDS = (
    (c.GENERIC_READ | c.GENERIC_EXECUTE | c.GENERIC_ALL, c.FILE_SHARE_READ),
    (c.GENERIC_WRITE | c.GENERIC_ALL, c.FILE_SHARE_WRITE),
    (c.DELETE | c.GENERIC_ALL, c.FILE_SHARE_DELETE),
)
"""access, and what others must share for it"""


class Opening(NamedTuple):
    """For what a file is, or is to be, opened."""

    needs: int
    """FILE_SHARE_ flags that everybody else must have given"""
    shares: int
    """... and those that it gives"""


def opening(access: int, shares: int) -> Opening:
    """An opening with an access: one that neither reads, writes nor deletes shares everything
    [k32/file.c: test_file_sharing]."""
    needs = 0
    for rights, share in _NEEDS:
        needs |= share if access & rights else 0
    return Opening(needs, shares if needs else EVERYTHING)


def check(new: Opening, others: Iterable[Opening]) -> None:
    """Raise Failure 32 if one of the others doesn't share what the new one needs, or needs what it doesn't share."""
    if any(new.needs & ~other.shares or other.needs & ~new.shares for other in others):
        raise Failure(c.ERROR_SHARING_VIOLATION)
