"""Programs written down one reference at a time: what the compiled algorithms of `workloads.program` must equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.stream import ReferenceStream
from tests.workloads.examples import columns

FETCH, LOAD, STORE = 1, 2, 3
WORD = 8


class Log:
    """Stretches of references to one page, as lists: page, fetches, loads, stores."""

    def __init__(self, page_size: int, code: tuple[int, int] = (0, 1)) -> None:
        """`code`: pages, and instructions in a step."""
        self.page_size, self.code, self.steps = page_size, code, 0
        self.stretches: list[list[int]] = []
        self.references = 0

    def touch(self, kind: int, page: int, count: int = 1) -> None:
        """`count` references of a kind to a page."""
        if not self.stretches or self.stretches[-1][0] != page:
            self.stretches.append([page, 0, 0, 0])
        self.stretches[-1][kind] += count
        self.references += count

    def at(self, kind: int, address: int) -> None:
        """A reference to a byte address."""
        self.touch(kind, address // self.page_size)

    def words(self, kind: int, address: int, size: int) -> None:
        """A reference to each word of `size` bytes from an address."""
        for offset in range(0, size, WORD):
            self.at(kind, address + offset)

    def step(self) -> None:
        """The fetches of the next step."""
        if self.code[0]:
            self.touch(FETCH, self.steps % self.code[0], self.code[1])
        self.steps += 1

    def equals(self, stream: ReferenceStream, references: int | None = None) -> bool:
        """Whether the stream has the same stretches; if it ends after `references`, all of the log up to there."""
        found = stretches(stream)
        if references is None:
            return found == self.stretches
        assert self.references >= references == sum(sum(one[1:]) for one in found)
        return found[:-1] == self.stretches[: len(found) - 1] and found[-1][0] == self.stretches[len(found) - 1][0]


def stretches(stream: ReferenceStream) -> list[list[int]]:
    """A stream's runs, adjacent ones on one page joined: page index, fetches, loads, stores."""
    joined: list[list[int]] = []
    rows: Sequence[Any] = [column.tolist() for column in columns(stream)]
    for page, fetches, loads, stores in zip(*rows, strict=True):
        if not joined or joined[-1][0] != page:
            joined.append([page, 0, 0, 0])
        for kind, count in ((FETCH, fetches), (LOAD, loads), (STORE, stores)):
            joined[-1][kind] += count
    return joined
