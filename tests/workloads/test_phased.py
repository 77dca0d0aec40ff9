"""Denning and Kahn's model: phases, sets and visits are distributed as they say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from tests.workloads.examples import fits, index, make
from tests.workloads.test_distribution import normal
from tests.workloads.test_lru_stack_model import measured
from workloads.base import InputError, StreamContext

CONTEXT = StreamContext(base=Path(), seed=1, name="a", page_size=4096, address_space=8 << 40)
DRAWS = 400_000
THIRTY = {"family": "constant", "mean": 30}
HUNDRED = {"family": "constant", "mean": 100}
ALWAYS = {"family": "constant", "mean": 1e9}


def phased(**parameters: Any) -> NDArray[np.int64]:
    """The pages visited by a phased workload."""
    return index(make("phased", **({"pages": 2000, "references": DRAWS} | parameters)), CONTEXT)


def phases(visited: NDArray[np.int64], length: int) -> list[set[int]]:
    """The pages of each phase, where all have one length."""
    return [set(part.tolist()) for part in visited[: len(visited) // length * length].reshape(-1, length)]


def numbered(visited: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of each phase's set, and how long each phase but the last is; for disjoint sets of one size, all of
    whose pages come at the start of each phase."""
    number = np.full(2000, -1)
    sets = 0
    while len(unknown := np.flatnonzero(number[visited] < 0)):
        number[visited[unknown[0] : unknown[0] + size]] = sets
        sets += 1
    starts = np.append(0, np.flatnonzero(np.diff(number[visited])) + 1)
    assert (np.bincount(number[number >= 0]) == size).all()
    return number[visited][starts], np.diff(starts)


STEPS = {"family": "steps", "steps": [[29, 0], [30, 1], [40, 3], [90, 2]]}
STEP_SHARES = np.repeat([0, 1, 0.3, 2 / 50], [29, 1, 10, 50]) / 6


def test_holding_times_follow_their_distribution_and_any_other_set_may_follow() -> None:
    which, length = numbered(phased(sizes=THIRTY, holding=STEPS, micromodel="cyclic", sets=8), 30)
    assert fits(np.bincount(length, minlength=91)[1:], STEP_SHARES)
    assert fits(np.bincount(8 * which[:-1] + which[1:], minlength=64), ((1 - np.eye(8)) / 56).ravel())


def test_holding_times_of_ever_new_sets_follow_their_distribution() -> None:
    # With 50 pages in a set, geometric holding times and a stay of 10 pages, a phase starts where a page comes that
    # was not in the 50 of the phase before: here every set is shown at once, because all phases are 50 long or more.
    steps = {"family": "steps", "steps": [[49, 0], [50, 1], [60, 2]]}
    visited = phased(pages=100, sizes={"family": "constant", "mean": 50}, holding=steps, micromodel="cyclic")
    starts, current = [0], set(visited[:50].tolist())
    for at, page in enumerate(visited.tolist()):
        if page not in current:
            starts.append(at)
            current = set(visited[at : at + 50].tolist())
    assert fits(np.bincount(np.diff(starts)[:-1], minlength=61)[50:], np.repeat([1 / 3, 1 / 15], [1, 10]))


def test_transitions_follow_their_matrix() -> None:
    weights = np.array([[0, 1, 3], [2, 0, 2], [1, 0, 0]], float)
    which, _ = numbered(
        phased(sizes=THIRTY, holding=STEPS, micromodel="cyclic", sets=3, transitions=weights.tolist()), 30
    )
    # Sets are numbered here as they are first seen: of all ways to rename them one must fit.
    pairs = np.bincount(3 * which[:-1] + which[1:], minlength=9).reshape(3, 3)
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    assert any(
        all(fits(pairs[a][list(order)], weights[row] / weights[row].sum()) for row, a in enumerate(order))
        for order in orders
    )


@pytest.mark.parametrize("sets", [None, 300])
def test_sizes_of_locality_sets_follow_their_distribution(sets: int | None) -> None:
    visited = phased(
        pages=20_000, references=2_000_000, sizes={"family": "normal", "mean": 30, "deviation": 10}, holding=HUNDRED,
        micromodel="cyclic", sets=sets,
    )  # fmt: skip
    found = {frozenset(phase): None for phase in phases(visited, 100)}
    assert len(found) == (sets or 20_000)
    assert fits(np.bincount([len(phase) for phase in found], minlength=101)[1:], normal(30, 10))


@pytest.mark.parametrize("overlap", [0, 1, 12, 30])
@pytest.mark.parametrize("sets", [None, 40])
def test_a_set_has_the_overlap_with_the_one_before(overlap: int, sets: int | None) -> None:
    sizes = {"family": "uniform", "low": 20, "high": 50}
    found = phases(
        phased(sizes=sizes, holding=HUNDRED, micromodel="cyclic", sets=sets, overlap=overlap, references=50_000), 100
    )
    assert {len(one & other) for one, other in pairwise(found)} == {overlap}
    if sets:
        common = set.intersection(*found)
        assert len(common) == overlap
        assert all(one == other or one & other == common for one in found[:50] for other in found[:50])


def test_who_stays_and_who_enters_is_drawn_with_equal_probability() -> None:
    # 4 of 10 pages stay; of the 90 outside, 6 enter. Counted by how long ago a page was in the set before.
    found = phases(
        phased(pages=100, sizes={"family": "constant", "mean": 10}, holding={"family": "constant", "mean": 10},
               micromodel="cyclic", overlap=4), 10,
    )  # fmt: skip
    assert fits(np.bincount([page for phase in found[::20] for page in phase], minlength=100), np.full(100, 0.01))
    stays_twice = [len(a & b & c) for a, b, c in zip(found, found[1:], found[2:], strict=False)]
    # Of the 4 that stayed once, the number that stay again is hypergeometric: 4 drawn from 10.
    assert fits(np.bincount(stays_twice[::3], minlength=5), np.array([15, 80, 90, 24, 1]) / 210)


def test_who_stays_does_not_depend_on_who_was_visited() -> None:
    # Stack distance 1 is one page all through a phase. It stays with probability 4 in 10, and is then the page of the
    # next phase with probability 1 in 10.
    only = {"family": "constant", "mean": 1}
    ten = {"family": "constant", "mean": 10}
    visited = phased(pages=100, sizes=ten, holding=ten, micromodel="lru", distances=only, overlap=4)[::10]
    again = int((visited[1:] == visited[:-1]).sum())
    assert fits(np.array([again, len(visited) - 1 - again]), np.array([0.04, 0.96]))


def test_a_footprint_too_small_for_disjoint_sets_makes_them_overlap_more() -> None:
    found = phases(phased(pages=50, sizes=THIRTY, holding=HUNDRED, micromodel="cyclic", references=9000), 100)
    assert {len(one & other) for one, other in pairwise(found)} == {10}


def test_cyclic_and_sawtooth_are_exact() -> None:
    for sets in (None, 1):
        cyclic = phased(sizes=THIRTY, holding=ALWAYS, micromodel="cyclic", sets=sets, references=100_000)
        assert len(set(cyclic[:30].tolist())) == 30
        assert np.array_equal(cyclic, cyclic[np.arange(100_000) % 30])
        sawtooth = phased(sizes=THIRTY, holding=ALWAYS, micromodel="sawtooth", sets=sets, references=100_000)
        up = sawtooth[:30].tolist()
        assert len(set(up)) == 30
        tooth = np.array(up + up[-2:0:-1])
        assert np.array_equal(sawtooth, tooth[np.arange(100_000) % 58])


def test_random_is_uniform_and_lru_has_its_stack_distances() -> None:
    everywhere = phased(pages=30, sizes=THIRTY, holding=ALWAYS, micromodel="random")
    assert fits(np.bincount(30 * everywhere[:-1:2] + everywhere[1::2], minlength=900), np.full(900, 1 / 900))
    wanted = {"family": "geometric", "mean": 5}
    visited = phased(pages=30, sizes=THIRTY, holding=ALWAYS, micromodel="lru", distances=wanted, references=100_000)
    found = np.array(measured(visited.tolist()))
    warm = found[np.flatnonzero(found == 0)[-1] + 1 :]
    assert fits(np.bincount(warm, minlength=31)[1:], np.append(0.8 ** np.arange(29) / 5, 0.8**29))


def test_a_set_of_one_page_is_visited_over_and_over() -> None:
    for micromodel in ("cyclic", "sawtooth", "random"):
        one = {"family": "constant", "mean": 1}
        visited = phased(sizes=one, holding=HUNDRED, micromodel=micromodel, references=1000)
        assert [len(phase) for phase in phases(visited, 100)] == [1] * 10


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"micromodel": "lru"}, "distances: found nothing, allowed is a distribution with micromodel 'lru'"),
        ({"distances": THIRTY}, "distances: found some, allowed is none with micromodel 'random'"),
        ({"overlap": 101}, "overlap: found 101, allowed is at most `pages`, 100"),
        ({"transitions": [[1]]}, "transitions: found another number of rows or columns, allowed is `sets`, 0"),
        ({"sets": 2, "transitions": [[1, 1], [1]]}, "transitions: found another number of rows or columns"),
        ({"sets": 2, "transitions": [[1, 1], [0, 0]]}, "transitions: found a wrong row"),
        ({"sets": 2, "transitions": [[1, 1], [2, -1]]}, "transitions: found a wrong row"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        make("phased", pages=100, references=5, sizes=THIRTY, holding=HUNDRED, **wrong)


def test_sets_that_do_not_fit_are_refused() -> None:
    workload = make("phased", pages=100, references=5, sizes=THIRTY, holding=HUNDRED, sets=4, overlap=5)
    with pytest.raises(InputError, match="sets: found 4 sets of 105 pages, allowed is at most `pages`, 100"):
        workload.stream(CONTEXT)
