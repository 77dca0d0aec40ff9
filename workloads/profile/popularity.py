"""How often each page is referenced, and by what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block


class Popularity:
    """Counters of each page. Memory: 32 bytes for each."""

    def __init__(self, pages: int) -> None:
        """Nothing counted yet; page indices are below `pages`."""
        self.counts: NDArray[np.int64] = np.zeros((pages, 4), np.int64)
        """for each page its runs, fetches, loads and stores"""

    def add(self, block: Block) -> None:
        """Take further runs."""
        _add(block.page, block.fetches, block.loads, block.stores, self.counts)


@compiled
def _add(page: Any, fetches: Any, loads: Any, stores: Any, counts: Any) -> None:
    for row in range(len(page)):
        wanted = page[row]
        counts[wanted, 0] += 1
        counts[wanted, 1] += fetches[row]
        counts[wanted, 2] += loads[row]
        counts[wanted, 3] += stores[row]
