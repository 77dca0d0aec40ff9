"""The LRU stack model: its stack distances, measured the slow way, are those that were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.examples import fits, index, make
from workloads.base import StreamContext
from workloads.synthetic.lru_stack_model import TOP, _Stack

CONTEXT = StreamContext(base=Path(), seed=1, name="a", page_size=4096, address_space=8 << 40)


def measured(visits: list[int]) -> list[int]:
    """The stack distance of each visit; 0: a page's first. A list, the page visited last at its end."""
    stack: list[int] = []
    distances = []
    for page in visits:
        if page in stack:
            distances.append(len(stack) - stack.index(page))
            stack.remove(page)
        else:
            distances.append(0)
        stack.append(page)
    return distances


@pytest.mark.parametrize(
    ("pages", "distances", "exact"),
    [
        (20, {"family": "geometric", "mean": 3}, None),
        (200, {"family": "zipf", "exponent": 0.5}, np.arange(1, 201) ** -0.5),
        (200, {"family": "steps", "steps": [[1, 4], [3, 2], [60, 2], [150, 0], [200, 2]]}, None),
    ],
)
def test_stack_distances_follow_the_distribution(pages: int, distances: dict[str, Any], exact: Any) -> None:
    if distances["family"] == "geometric":
        exact = np.append((2 / 3) ** np.arange(19) / 3, (2 / 3) ** 19)
    elif distances["family"] == "steps":
        exact = np.repeat([4, 1, 2 / 57, 0, 2 / 50], [1, 2, 57, 90, 50])
    visited = index(make("lru-stack-model", pages=pages, references=80_000, distances=distances), CONTEXT)
    found = np.array(measured(visited.tolist()))
    assert (found == 0).sum() == pages
    warm = found[np.flatnonzero(found == 0)[-1] + 1 :]
    assert len(warm) > 60_000
    assert fits(np.bincount(warm, minlength=pages + 1)[1:], exact / exact.sum())


def test_new_pages_come_with_their_probability_and_then_the_oldest() -> None:
    workload = make(
        "lru-stack-model", pages=1000, references=60_000, distances={"family": "uniform", "low": 1, "high": 4}, new=0.05
    )
    found = np.array(measured(index(workload, CONTEXT).tolist()))
    last = int(np.flatnonzero(found == 0)[-1])
    assert (found == 0).sum() == 1000
    fresh = found[100 : last + 1] == 0  # the first distances are often beyond what was visited
    assert fits(np.array([fresh.sum(), (~fresh).sum()]), np.array([0.05, 0.95]))
    assert fits(np.bincount(found[last + 1 :], minlength=1001)[[1, 2, 3, 4, 1000]], np.array([0.95 / 4] * 4 + [0.05]))
    assert set(found) == {0, 1, 2, 3, 4, 1000}


def test_new_pages_come_in_ascending_or_in_random_order() -> None:
    always_new = {"pages": 500, "references": 500, "distances": {"family": "constant", "mean": 1}, "new": 1.0}
    assert index(make("lru-stack-model", **always_new), CONTEXT).tolist() == list(range(500))
    scattered = index(make("lru-stack-model", **always_new, scattered=True), CONTEXT)
    assert sorted(scattered) == list(range(500))
    assert (np.diff(scattered) < 0).sum() > 200


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3 * TOP), st.lists(st.integers(1, 3 * TOP + 1), min_size=1, max_size=600), st.integers(1, 200))
def test_the_stack_does_what_a_list_does(pages: int, distances: list[int], piece: int) -> None:
    """Places run out many times here; in pieces, the state is carried from one to the next."""
    drawn = np.array([min(distance, pages) for distance in distances * 3], np.int64)
    at = iter(range(0, len(drawn), piece))

    def draw(count: int, _numbers: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
        start = next(at)
        return drawn[start : start + count].copy()

    stack = _Stack(np.arange(pages, dtype=np.uint32), draw, 0.0)
    numbers = np.random.Generator(np.random.PCG64(1))
    got: list[int] = []
    for start in range(0, len(drawn), piece):
        got += stack.visit(start, min(piece, len(drawn) - start), numbers).tolist()
    plain: list[int] = []
    for distance, page in zip(drawn.tolist(), got, strict=True):
        expected = len(plain) if distance > len(plain) and len(plain) < pages else plain[-distance]
        assert page == expected
        if page in plain:
            plain.remove(page)
        plain.append(page)
