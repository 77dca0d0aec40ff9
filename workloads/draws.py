"""Random draws: whole numbers below a bound, uniform or Zipf, in compiled code; and by any distribution at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled


def scatter(count: int) -> int:
    """A step that has no divisor in common with `count`, near its golden section: rank x step mod count deals
    neighbouring ranks to places that lie far apart."""
    stride = max(1, round(count * 0.6180339887498949))
    while math.gcd(stride, count) != 1:
        stride += 1
    return stride


@compiled
def zipf_table(count: int, exponent: float) -> Any:
    """What `skewed` needs: three numbers that depend on the bound and the exponent alone."""
    table = np.empty(3)
    table[0] = _area(1.5, exponent) - 1.0
    table[1] = _area(count + 0.5, exponent)
    table[2] = 2.0 - _inverse(_area(2.5, exponent) - 2.0**-exponent, exponent)
    return table


@compiled
def skewed(numbers: Any, count: int, exponent: float, table: Any) -> int:
    """A number from 0 to count - 1; r is drawn with probability (r + 1)^-exponent / H, which is exact.

    Rejection-inversion (Hoermann and Derflinger, ACM TOMACS 6(3), 1996): constant memory, and less than 1.2 random
    numbers on average, whatever the bound. An exponent of 0 is uniform.
    """
    if exponent == 0.0:
        return min(int(numbers.random() * count), count - 1)
    while True:
        area = table[1] + numbers.random() * (table[0] - table[1])
        place = _inverse(area, exponent)
        rank = min(max(int(place + 0.5), 1), count)
        if rank - place <= table[2] or area >= _area(rank + 0.5, exponent) - float(rank) ** -exponent:
            return rank - 1


@compiled
def _area(place: float, exponent: float) -> float:
    # The integral of x^-exponent from 1.
    logarithm = math.log(place)
    scaled = (1.0 - exponent) * logarithm
    return logarithm * (math.expm1(scaled) / scaled if abs(scaled) > 1e-8 else 1.0 + scaled / 2.0)


@compiled
def _inverse(area: float, exponent: float) -> float:
    scaled = max(area * (1.0 - exponent), -1.0)
    return math.exp(area * (math.log1p(scaled) / scaled if abs(scaled) > 1e-8 else 1.0 - scaled / 2.0))


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
