"""Distributions over the whole numbers 1, 2, 3, ...: sizes of locality sets, holding times, stack distances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from workloads.draws import Alias

Sampler = Callable[[int, np.random.Generator], NDArray[np.int64]]
"""(how many, random numbers) -> so many independent draws"""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "constant": ("mean",),
    "uniform": ("low", "high"),
    "normal": ("mean", "deviation"),
    "gamma": ("mean", "deviation"),
    "bimodal": ("mean", "deviation", "second_mean", "second_deviation", "second_share"),
    "geometric": ("mean",),
    "zipf": ("exponent",),
    "steps": ("steps",),
}
"""The parameters of each family."""


@dataclass(config=STRICT, kw_only=True)
class Distribution:
    """A distribution over whole numbers from 1: draws of a family, rounded to the nearest and then kept within bounds.

    `constant`; `uniform` over low..high; `normal`, `gamma` and `bimodal`, the mixture of two normals, are the families
    of Denning and Kahn (SOSP 1975) for the sizes of locality sets; `geometric` is the exponential distribution of
    discrete time: P(k) = 1/mean (1 - 1/mean)^(k-1); `zipf`: P(k) in proportion to k^-exponent, up to the upper bound;
    `steps` is any distribution: each step [last, weight] spreads its weight evenly over the numbers after the step
    before, up to `last`, so [[1, 5], [2, 3], [10, 2]] draws 1 in half of all cases and 3 to 10 in a fifth.
    """

    family: Literal["constant", "uniform", "normal", "gamma", "bimodal", "geometric", "zipf", "steps"]
    mean: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    deviation: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="standard deviation")
    low: int | None = Field(default=None, ge=1)
    high: int | None = Field(default=None, ge=1)
    second_mean: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="of the second normal")
    second_deviation: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    second_share: float | None = Field(default=None, ge=0, le=1, description="share of draws from the second normal")
    exponent: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    steps: list[tuple[int, float]] | None = Field(default=None, min_length=1, description="[last, weight], ascending")

    @model_validator(mode="after")
    def _consistent(self) -> Distribution:
        needed = NEEDS[self.family]
        for name in dict.fromkeys(name for names in NEEDS.values() for name in names):
            given = getattr(self, name)
            if given is None and name in needed:
                raise ValueError(f"{name}: found nothing, allowed is a value: the family {self.family!r} needs it")
            if given is not None and name not in needed:
                allowed = " and ".join(needed)
                raise ValueError(f"{name}: found {given!r:.60}, allowed with family {self.family!r} is only {allowed}")
        if self.family == "geometric" and self._of("mean") < 1:
            raise ValueError(f"mean: found {self.mean}, allowed is at least 1")
        if self.family == "gamma" and not self.mean:
            raise ValueError(f"mean: found {self.mean}, allowed is more than 0")
        if self.family == "uniform" and self._of("low") > self._of("high"):
            raise ValueError(f"low: found {self.low}, allowed is at most `high`, {self.high}")
        self._check_steps(self.steps or [])
        return self

    def _check_steps(self, steps: list[tuple[int, float]]) -> None:
        before = 0
        for number, (last, weight) in enumerate(steps):
            if last <= before:
                raise ValueError(f"steps: found {last} in step {number}, allowed is more than {before}")
            if not 0 <= weight < float("inf"):
                raise ValueError(f"steps: found the weight {weight} in step {number}, allowed is a finite one from 0")
            before = last
        total = sum(weight for _, weight in steps)
        if steps and not 0 < total < float("inf"):
            raise ValueError(f"steps: found weights that add up to {total}, allowed is a finite sum over 0")

    def _of(self, name: str) -> Any:
        return getattr(self, name)

    def sampler(self, least: int, most: int) -> Sampler:
        """Draws that are kept within `least`..`most`: smaller ones are raised, larger ones lowered."""
        tables = {"zipf": self._zipf, "steps": self._steps}
        draw = tables[self.family](most) if self.family in tables else getattr(self, f"_{self.family}")

        def kept(count: int, numbers: np.random.Generator) -> NDArray[np.int64]:
            return np.clip(np.rint(draw(count, numbers)), least, most).astype(np.int64)

        return kept

    def _constant(self, count: int, numbers: np.random.Generator) -> NDArray[Any]:
        return np.full(count, self.mean)

    def _uniform(self, count: int, numbers: np.random.Generator) -> NDArray[Any]:
        return numbers.integers(self._of("low"), self._of("high"), count, endpoint=True)

    def _normal(self, count: int, numbers: np.random.Generator) -> NDArray[Any]:
        return numbers.normal(self._of("mean"), self._of("deviation"), count)

    def _gamma(self, count: int, numbers: np.random.Generator) -> NDArray[Any]:
        mean, variance = self._of("mean"), self._of("deviation") ** 2
        return numbers.gamma(mean * mean / variance, variance / mean, count)

    def _bimodal(self, count: int, numbers: np.random.Generator) -> NDArray[Any]:
        second = numbers.random(count) < self._of("second_share")
        drawn = numbers.standard_normal(count)
        mean = np.where(second, self._of("second_mean"), self._of("mean"))
        return mean + drawn * np.where(second, self._of("second_deviation"), self._of("deviation"))

    def _geometric(self, count: int, numbers: np.random.Generator) -> NDArray[Any]:
        return numbers.geometric(1 / self._of("mean"), count)

    def _zipf(self, most: int) -> Callable[[int, np.random.Generator], NDArray[Any]]:
        weights = np.arange(1, most + 1, dtype=np.float64) ** -self._of("exponent")
        alias = Alias(weights / weights.sum())
        return lambda count, numbers: alias.draw(count, numbers) + np.int64(1)

    def _steps(self, most: int) -> Callable[[int, np.random.Generator], NDArray[Any]]:
        last = np.array([end for end, _ in self._of("steps")], np.int64)
        weights = np.array([weight for _, weight in self._of("steps")], np.float64)
        alias, first = Alias(weights / weights.sum()), np.append(0, last[:-1]) + 1

        def draw(count: int, numbers: np.random.Generator) -> NDArray[Any]:
            step = alias.draw(count, numbers)
            return first[step] + (numbers.random(count) * (last - first + 1)[step]).astype(np.int64)

        return draw
