"""Drawing from any distribution over 0, 1, 2, ...: Walker's alias method."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled


class Alias:
    """A distribution over the integers below `len(probabilities)`, ready to be drawn from exactly: one random number
    and two look-ups a draw, whatever the distribution.

    A. J. Walker, ACM TOMS 3(3), 1977, in the form of M. D. Vose, IEEE TSE 17(9), 1991. Memory: 12 bytes for each
    integer.
    """

    def __init__(self, probabilities: NDArray[np.float64]) -> None:
        """`probabilities` add up to 1."""
        self.share, self.other = _alias(probabilities * len(probabilities))

    def draw(self, count: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
        """`count` independent draws."""
        drawn = np.empty(count, np.uint32)
        _draw(numbers.random(count), self.share, self.other, drawn)
        return drawn


@compiled
def _alias(scaled: Any) -> tuple[Any, Any]:
    # Each column of height 1 holds `share` of its own integer and, above that, of one `other`.
    columns = len(scaled)
    share, other = scaled.copy(), np.arange(columns).astype(np.uint32)
    small, large = np.empty(columns, np.uint32), np.empty(columns, np.uint32)
    smalls = larges = 0
    for column in range(columns):
        if scaled[column] < 1.0:
            small[smalls] = column
            smalls += 1
        else:
            large[larges] = column
            larges += 1
    while smalls and larges:
        smalls -= 1
        low, high = small[smalls], large[larges - 1]
        other[low] = high
        share[high] -= 1.0 - share[low]
        if share[high] < 1.0:
            larges -= 1
            small[smalls] = high
            smalls += 1
    share[small[:smalls]] = 1.0  # what rounding left over
    share[large[:larges]] = 1.0
    return share, other


@compiled
def _draw(numbers: Any, share: Any, other: Any, drawn: Any) -> None:
    for row in range(len(numbers)):
        place = numbers[row] * len(share)
        column = min(int(place), len(share) - 1)
        drawn[row] = column if place - column < share[column] else other[column]
