"""Synthetic workloads that a formula gives: each visit where it belongs, or distributed as stated."""

from __future__ import annotations

from dataclasses import replace
from math import erf, gcd, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from simulator.rng import generator as random_numbers
from tests.workloads.examples import fits, index, make
from workloads import generator
from workloads.base import InputError, StreamContext

DRAWS = 200_000
PAGE = 4096
CONTEXT = StreamContext(base=Path(), seed=1, name="a", page_size=PAGE, address_space=8 << 40)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 3 * PAGE * 40), st.sampled_from([PAGE, 1000]))
def test_stride_goes_to_a_multiple_of_the_stride_modulo_the_size(pages: int, stride: int, page_size: int) -> None:
    here = replace(CONTEXT, page_size=page_size)
    visited = index(make("stride", pages=pages, references=500, stride=stride), here)
    assert visited.tolist() == [visit * stride % (pages * page_size) // page_size for visit in range(500)]


def test_stride_goes_on_from_block_to_block(context: StreamContext) -> None:
    visits, size = generator.RUNS + 1000, PAGE << 16
    visited = index(make("stride", pages=1 << 16, references=visits, stride=size - 5000), context)
    assert visited[-1] == (visits - 1) * (size - 5000) % size // PAGE
    assert len(np.unique(index(make("stride", pages=60, references=900, stride=24 * PAGE), context))) == 60 // gcd(
        60, 24
    )


def test_loop_passes_over_its_window_and_drifts(context: StreamContext) -> None:
    assert index(make("loop", pages=3, passes=2), context).tolist() == [0, 1, 2, 0, 1, 2]
    # A window of 3 of 5 pages, twice at each place, moving on by 2: it starts at 0, 2, 4 and wraps round.
    drifting = make("loop", pages=5, length=3, passes=5, turns=2, drift=2)
    assert index(drifting, context).tolist() == [0, 1, 2] * 2 + [2, 3, 4] * 2 + [4, 0, 1]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 5), st.integers(0, 120))
def test_loop_follows_its_formula_across_blocks(pages: int, length: int, turns: int, drift: int) -> None:
    length = min(length, pages)
    passes = (generator.RUNS + 1000) // length
    visited = index(make("loop", pages=pages, length=length, passes=passes, turns=turns, drift=drift), CONTEXT)
    visit = np.arange(length * passes)
    assert np.array_equal(visited, (visit // (length * turns) * drift + visit % length) % pages)


def test_lru_never_hits_in_a_loop_larger_than_memory(context: StreamContext) -> None:
    visited = index(make("loop", pages=20, passes=50), context)
    held: list[int] = []
    for page in visited.tolist():
        assert page not in held
        held = [*held, page][-19:]


@pytest.mark.parametrize(("object_size", "each"), [(None, 1), (4096, 1), (1000, 4), (16, 256)])
def test_pointer_chase_is_one_cycle_through_all_objects(
    object_size: int | None, each: int, context: StreamContext
) -> None:
    objects = 500 * each
    visited = index(make("pointer-chase", pages=500, references=3 * objects + 7, object_size=object_size), context)
    assert (np.bincount(visited[:objects], minlength=500) == each).all()
    assert np.array_equal(visited[objects:], visited[: len(visited) - objects])
    # In a random order, next objects lie a third of the footprint apart on average (standard deviation 0.24).
    apart = np.abs(np.diff(visited[:objects])) / 500
    assert abs(apart.mean() - 1 / 3) < 4.75 * 0.24 / sqrt(objects)


def test_pointer_chase_refuses_objects_that_are_too_large_or_too_many(context: StreamContext) -> None:
    with pytest.raises(InputError, match="object_size: found 4097, allowed is at most a page, 4096"):
        make("pointer-chase", pages=5, references=5, object_size=4097).stream(context)
    with pytest.raises(InputError, match="object_size: found 4294967296 objects, 4096 in each page"):
        make("pointer-chase", pages=1 << 20, references=5, object_size=1).stream(context)


def normal_on_a_circle(pages: int, centre: float, deviation: float) -> NDArray[np.float64]:
    """The probability of each page: the normal distribution's share of [i, i + 1), over all times round the circle."""
    rounds = int(8 * deviation / pages) + 2
    edges = np.arange(-rounds * pages, (rounds + 1) * pages + 1)
    below = np.array([(1 + erf((edge - centre) / deviation / sqrt(2))) / 2 for edge in edges])
    return np.asarray(np.diff(below).reshape(-1, pages).sum(axis=0))


@pytest.mark.parametrize(("pages", "centre", "deviation"), [(100, None, 9.5), (100, 3.25, 12.0), (30, 29.0, 50.0)])
def test_gaussian_is_normal_around_its_centre(
    pages: int, centre: float | None, deviation: float, context: StreamContext
) -> None:
    visited = index(make("gaussian", pages=pages, references=DRAWS, centre=centre, deviation=deviation), context)
    expected = normal_on_a_circle(pages, pages / 2 if centre is None else centre, deviation)
    assert fits(np.bincount(visited, minlength=pages), expected)


@pytest.mark.parametrize("drift", [0.25, -0.013, 3.0])
def test_gaussian_moves_with_its_centre(drift: float, context: StreamContext) -> None:
    workload = make("gaussian", pages=1000, references=DRAWS, centre=10.0, deviation=20.0, drift=drift)
    centre = 10 + drift * np.arange(DRAWS)
    off = (index(workload, context) + 0.5 - centre + 500) % 1000 - 500  # from the page's middle
    assert abs(off.mean()) < 4.75 * 20 / sqrt(DRAWS)
    assert off.std() == pytest.approx(20, rel=0.01)
    assert abs(off[-1000:].mean()) < 4.75 * 20 / sqrt(1000)


@pytest.mark.parametrize(("hot_pages", "hot_visits"), [(0.2, 0.8), (0.001, 0.3), (1.0, 0.4), (0.5, 0.0), (0.1, 1.0)])
@pytest.mark.parametrize("scattered", [True, False])
def test_hotspot_gives_its_share_to_its_pages(
    hot_pages: float, hot_visits: float, scattered: bool, context: StreamContext
) -> None:
    workload = make(
        "hotspot", pages=200, references=DRAWS, hot_pages=hot_pages, hot_visits=hot_visits, scattered=scattered
    )
    order = np.arange(200)
    if scattered:
        random_numbers(context.seed, "workload/a/order").shuffle(order)
    hot = max(round(200 * hot_pages), 1)
    expected = np.full(200, hot_visits / hot)
    expected[hot:] = (1 - hot_visits) / max(200 - hot, 1)
    if hot == 200:
        expected[:] = 1 / 200
    assert fits(np.bincount(index(workload, context), minlength=200)[order], expected)


def test_the_hot_pages_move_on(context: StreamContext) -> None:
    workload = make(
        "hotspot", pages=50, references=DRAWS, hot_pages=0.2, hot_visits=0.9, scattered=False, move_every=700,
        move_by=0.3,
    )  # fmt: skip
    visits = np.arange(DRAWS)
    relative = (index(workload, context) - visits // 700 * 3) % 50
    assert fits(np.bincount(relative, minlength=50), np.repeat([0.09, 0.0025], [10, 40]))


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(("quiet", "scan", "between"), [(50, 30, 0), (0, 7, 3), (13, 100, 1)])
def test_scans_disturb_the_hot_set(quiet: int, scan: int, between: int, restart: bool, context: StreamContext) -> None:
    workload = make(
        "scan-with-hotset", pages=60, references=DRAWS, hot=20, quiet=quiet, scan=scan, between=between, exponent=0.8,
        restart=restart,
    )  # fmt: skip
    visited = index(workload, context)
    cycle, since = np.divmod(np.arange(DRAWS), quiet + scan * (between + 1))
    scanning = (since >= quiet) & ((since - quiet) % (between + 1) == 0)
    done = (since - quiet) // (between + 1) + (0 if restart else cycle * scan)
    assert np.array_equal(visited[scanning], 20 + done[scanning] % 40)
    page_of_rank = random_numbers(context.seed, "workload/a/ranks").permutation(20)
    weights = np.arange(1, 21) ** -0.8
    assert visited[~scanning].max() < 20
    assert fits(np.bincount(visited[~scanning], minlength=20)[page_of_rank], weights / weights.sum())


@pytest.mark.parametrize(
    ("kind", "wrong", "text"),
    [
        ("loop", {"length": 11}, "length: found 11, allowed is at most `pages`, 10"),
        ("scan-with-hotset", {"hot": 10, "quiet": 1, "scan": 1}, "hot: found 10, allowed is less than `pages`, 10"),
        ("stride", {"stride": 0}, "greater than or equal to 1"),
        ("gaussian", {"deviation": 0}, "greater than 0"),
        ("hotspot", {"hot_visits": 1.5}, "less than or equal to 1"),
    ],
)
def test_wrong_parameters_are_refused(kind: str, wrong: dict[str, Any], text: str) -> None:
    references = {} if kind == "loop" else {"references": 5}
    with pytest.raises(ValidationError, match=text):
        make(kind, pages=10, **references, **wrong)
