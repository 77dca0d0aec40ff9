"""What a plain cache is, and how it is driven: it is told of hits, asked for a victim when full, and told what came
in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable

Request = tuple[int, bool]
Queue = OrderedDict[int, None]


class Cache(ABC):
    """A cache of so many pages."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    @abstractmethod
    def hit(self, page: int) -> None:
        """A page is used that is there."""

    @abstractmethod
    def victim(self, page: int) -> int:
        """The page that goes, so that `page` may come in; it is forgotten, or remembered as a ghost."""

    @abstractmethod
    def insert(self, page: int) -> None:
        """A page comes in, and is used."""


def count(cache: Cache, requests: Iterable[Request]) -> tuple[int, int]:
    """Misses, and evictions of pages that were stored to since they came in."""
    dirty: dict[int, bool] = {}
    misses = evictions = 0
    for page, stored in requests:
        if page in dirty:
            cache.hit(page)
        else:
            misses += 1
            if len(dirty) == cache.frames:
                evictions += dirty.pop(cache.victim(page))
            cache.insert(page)
            dirty[page] = False
        dirty[page] |= stored
    return misses, evictions
