"""Synthetic workloads: the same each time, and distributed as they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from simulator.registry import find, names
from simulator.rng import generator as random_numbers
from simulator.stream import ReferenceStream
from tests.workloads.examples import (
    EXAMPLES,
    REFERENCES,
    UNSEEDED,
    chi_square,
    chi_square_bound,
    columns,
    fits,
    make,
)
from workloads import generator
from workloads.base import InputError, StreamContext, parts
from workloads.draws import Alias
from workloads.generator import Visits
from workloads.synthetic.sequential import Sequential
from workloads.synthetic.uniform import Uniform
from workloads.synthetic.zipf import Zipf

DRAWS = 400_000


def streams(kind: str, context: StreamContext, **parameters: Any) -> list[ReferenceStream]:
    """All streams of an example's processes, with those parameters that every `Visits` has."""
    added = parameters if issubclass(find("workload", kind), Visits) else {}
    workload = make(kind, **EXAMPLES[kind], **added)
    return [stream for part in parts(workload, context) for stream in part.streams]


def test_every_generator_has_an_example() -> None:
    built_in = [name for name in names("workload") if find("workload", name).__module__.startswith("workloads.synth")]
    assert built_in == sorted(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_each_reading_is_the_same_and_the_seed_and_name_decide(kind: str, context: StreamContext) -> None:
    made = streams(kind, context, writes=0.3)
    everything = [columns(stream) for stream in made]
    for again in ([columns(stream) for stream in made], [columns(s) for s in streams(kind, context, writes=0.3)]):
        assert all(same(a, b) for a, b in zip(everything, again, strict=True))
    for other in (replace(context, seed=2), replace(context, name="b")):
        differs = [columns(stream) for stream in streams(kind, other, writes=0.3)]
        assert all(same(a, b) for a, b in zip(everything, differs, strict=True)) == (kind in UNSEEDED)


def same(first: list[NDArray[Any]], second: list[NDArray[Any]]) -> bool:
    """Whether two streams' columns are equal."""
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("kind", EXAMPLES)
def test_two_readings_at_once_do_not_disturb_each_other(kind: str, context: StreamContext) -> None:
    for stream in streams(kind, context):
        for first, second in zip(stream.blocks(), stream.blocks(), strict=True):
            assert same(list(first[:4]), list(second[:4]))


@pytest.mark.parametrize("kind", EXAMPLES)
def test_blocks_are_what_the_machine_takes(kind: str, context: StreamContext) -> None:
    for stream in streams(kind, context, first_page=1000, writes=0.2, fetches=0.3):
        for block in stream.blocks():
            assert [column.dtype for column in block[:4]] == [np.uint32, np.uint16, np.uint8, np.uint8]
            assert all(column.flags.c_contiguous for column in block[:4])
            assert len({len(column) for column in block[:4]}) == 1
            assert 1 <= len(block.page) <= generator.RUNS
            assert block.page.max() < len(stream.pages)
            assert (block.fetches.astype(int) + block.loads + block.stores).min() >= 1
            if block.waits is not None:
                assert (np.diff(block.waits.row, prepend=-1) >= 1).all()
                assert (block.waits.row < len(block.page)).all()
        assert (np.diff(stream.pages.astype(np.int64)) >= 1).all()
        total = sum(int(column.sum(dtype=np.int64)) for column in columns(stream)[1:])
        assert stream.references in (None, total)


@pytest.mark.parametrize("kind", [kind for kind in EXAMPLES if issubclass(find("workload", kind), Visits)])
def test_visits_have_the_pages_references_and_kinds_that_are_asked_for(kind: str, context: StreamContext) -> None:
    (stream,) = streams(kind, context, first_page=1000, writes=0.2, fetches=0.3)
    assert stream.pages.tolist() == list(range(1000, 1100))
    assert stream.references == REFERENCES
    kinds = np.array([column.sum() for column in columns(stream)[1:]])
    assert fits(kinds, np.array([0.3, 0.5, 0.2]))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 255), st.floats(0, 1))
def test_exactly_as_many_references_as_asked_for(references: int, burst: int, writes: float) -> None:
    workload = Uniform(pages=3, references=references, burst=burst, writes=writes)
    context = StreamContext(base=Path(), seed=1, name="a", page_size=4096, address_space=1 << 40)
    counts = np.array(columns(workload.stream(context))[1:], np.int64)
    visits = counts.sum(axis=0)
    assert visits.sum() == references
    assert set(visits[:-1]) <= {burst}
    assert ((counts > 0).sum(axis=0) == 1).all()


def test_pages_do_not_depend_on_what_is_done_to_them(context: StreamContext) -> None:
    streams = [Uniform(pages=50, references=1000, writes=writes).stream(context) for writes in (0, 0.5, 1)]
    read, mixed, written = (columns(stream) for stream in streams)
    assert np.array_equal(read[0], mixed[0])
    assert np.array_equal(read[0], written[0])
    assert (read[3].sum(), written[3].sum()) == (0, 1000)


def test_the_share_of_kinds_is_as_given(context: StreamContext) -> None:
    stream = Uniform(pages=10, references=DRAWS, writes=0.2, fetches=0.5).stream(context)
    observed = np.array([column.sum() for column in columns(stream)[1:]])
    assert chi_square(observed, DRAWS * np.array([0.5, 0.3, 0.2])) < chi_square_bound(2)


@pytest.mark.parametrize("pages", [1, 2, 1000])
def test_uniform_is_uniform_and_without_memory(pages: int, context: StreamContext) -> None:
    index = columns(Uniform(pages=pages, references=DRAWS).stream(context))[0].astype(np.int64)
    observed = np.bincount(index, minlength=pages)
    assert chi_square(observed, np.full(pages, DRAWS / pages)) < chi_square_bound(max(pages - 1, 1))
    if pages == 2:
        pairs = np.bincount(2 * index[:-1] + index[1:], minlength=4)
        assert chi_square(pairs, np.full(4, (DRAWS - 1) / 4)) < chi_square_bound(3)


@pytest.mark.parametrize("exponent", [0, 0.5, 1, 1.2, 3])
@pytest.mark.parametrize("pages", [1, 7, 500])
def test_zipf_has_the_probabilities_it_states(pages: int, exponent: float, context: StreamContext) -> None:
    workload = Zipf(pages=pages, references=DRAWS, exponent=exponent)
    page_of_rank = random_numbers(context.seed, "workload/a/ranks").permutation(pages)
    observed = np.bincount(columns(workload.stream(context))[0], minlength=pages)[page_of_rank]
    exact = np.arange(1, pages + 1) ** -float(exponent)
    assert fits(observed, exact / exact.sum())


@settings(deadline=None)
@given(st.integers(1, 2000), st.floats(0, 60))
def test_the_alias_table_adds_up_to_the_probabilities(pages: int, exponent: float) -> None:
    probabilities = Zipf(pages=pages, references=1, exponent=exponent).probabilities()
    alias = Alias(probabilities)
    assert alias.share.min() >= 0
    assert alias.share.max() <= 1
    total = alias.share.copy()
    np.add.at(total, alias.other, 1 - alias.share)
    np.testing.assert_allclose(total / pages, probabilities, rtol=1e-9, atol=1e-15)


def test_popular_pages_do_not_lie_together(context: StreamContext) -> None:
    stream = Zipf(pages=10_000, references=DRAWS, exponent=1).stream(context)
    most = np.sort(np.argsort(np.bincount(columns(stream)[0], minlength=10_000))[-20:])
    assert np.diff(most).min() >= 1
    assert most[-1] - most[0] > 2000


def test_sequential_visits_every_page_once_in_each_pass(context: StreamContext) -> None:
    assert columns(Sequential(pages=4, passes=2).stream(context))[0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    # Pages 0, 3, 6; then 1, 4, 7; then 2, 5.
    assert columns(Sequential(pages=8, stride=3).stream(context))[0].tolist() == [0, 3, 6, 1, 4, 7, 2, 5]
    assert columns(Sequential(pages=3, stride=9).stream(context))[0].tolist() == [0, 1, 2]


@given(st.integers(1, 500), st.integers(1, 600))
def test_a_stride_leaves_no_page_out(pages: int, stride: int) -> None:
    assert sorted(Sequential(pages=pages, stride=stride)._order()) == list(range(pages))


def test_a_footprint_beyond_the_address_space_is_refused(context: StreamContext) -> None:
    with pytest.raises(InputError, match="pages: found 11 distinct pages, allowed is at most 10"):
        Uniform(pages=11, references=1).stream(replace(context, address_space=10 * 4096))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pages": 0},
        {"pages": 1 << 29},
        {"writes": 1.1},
        {"writes": -0.1},
        {"burst": 0},
        {"burst": 256},
        {"writes": 0.6, "fetches": 0.6},
        {"first_page": -1},
        {"exponent": -1},
        {"exponent": float("nan")},
        {"exponent": float("inf")},
        {"references": 0},
        {"unknown": 1},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make("zipf", **{"pages": 10, "references": 1, **wrong})
