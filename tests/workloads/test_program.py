"""Algorithms that write down their references: runs join, counts hold, blocks end where they must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.examples import columns
from tests.workloads.naive import Log, stretches
from workloads.base import InputError, StreamContext
from workloads.generator import RUNS
from workloads.program import NO_PAGE, Out, Program, Recorded, fetch, load, load_words, store, store_words

TOUCHES = {1: fetch, 2: load, 3: store}


def recorded(references: list[tuple[int, int, int]], limit: int | None = None, full: int = 4) -> Recorded:
    """A stream of (kind, page, count), written in blocks of about `full` rows."""

    def run(out: Out) -> Iterator[int]:
        row = 0
        for kind, page, count in references:
            row = TOUCHES[kind](out, row, page, count)
            if row >= full:
                yield row
                row = 0
        yield row

    return Recorded(np.arange(5, dtype=np.uint64), limit, run, 4096)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.integers(0, 2), st.integers(1, 700))), st.integers(1, 9))
def test_references_become_maximal_runs(references: list[tuple[int, int, int]], full: int) -> None:
    log = Log(4096)
    for kind, page, count in references:
        log.touch(kind, page, count)
    blocks = list(recorded(references, full=full).blocks())
    if not references:
        assert blocks == []
        return
    assert stretches(recorded(references, full=full)) == log.stretches
    pages, _, loads, stores = (np.concatenate(column) for column in zip(*(block[:4] for block in blocks), strict=True))
    again = pages[1:] == pages[:-1]
    assert ((loads[:-1] == 255) | (stores[:-1] == 255))[again].all()  # a page begins a new run only if a count is full


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.integers(0, 2), st.integers(1, 300)), min_size=1), st.data())
def test_a_limit_cuts_the_last_run(references: list[tuple[int, int, int]], data: st.DataObject) -> None:
    everything = _each(recorded(references))
    limit = data.draw(st.integers(1, len(everything)))
    assert _each(recorded(references, limit)) == everything[:limit]


def _each(stream: Recorded) -> list[tuple[int, int]]:
    rows: Any = zip(*(column.tolist() for column in columns(stream)), strict=True)
    return [(page, kind) for page, *counts in rows for kind, count in enumerate(counts) for _ in range(count)]


def test_counts_are_full_before_a_second_run_on_the_page_begins() -> None:
    rows = columns(recorded([(1, 0, 0xFFFF + 2), (2, 1, 255), (2, 1, 1), (3, 1, 600)], full=99))
    assert [column.tolist() for column in rows] == [
        [0, 0, 1, 1, 1, 1],
        [0xFFFF, 2, 0, 0, 0, 0],
        [0, 0, 255, 1, 0, 0],
        [0, 0, 0, 255, 255, 90],
    ]


def test_a_long_step_comes_in_blocks_of_the_usual_size() -> None:
    def run(out: Out) -> Iterator[int]:
        row = 0
        for page in range(RUNS + 3000):
            row = load(out, row, page % 2, 1)
        yield row

    stream = Recorded(np.arange(2, dtype=np.uint64), None, run, 4096)
    assert [len(block.page) for block in stream.blocks()] == [RUNS, 2999, 1]


@settings(deadline=None)
@given(st.integers(0, 5000), st.integers(1, 3000), st.sampled_from([1, 7, 8, 100, 4096]))
def test_words_belong_to_the_page_that_they_begin_on(address: int, size: int, page_size: int) -> None:
    for touch, kind in ((load_words, 2), (store_words, 3)):
        log, counted = Log(page_size), np.zeros((2, 4000), np.uint8)
        out = Out(np.zeros(4000, np.uint32), np.zeros(4000, np.uint16), counted[0], counted[1])
        out.page[0] = NO_PAGE
        last = touch(out, 0, address, size, page_size)
        log.words(kind, address, size)
        counts = np.zeros(address + size + 1, np.int64)
        np.add.at(counts, out.page[1 : last + 1], out[kind][1 : last + 1])
        assert [[page, count] for page, count in enumerate(counts.tolist()) if count] == [
            [one[0], one[kind]] for one in log.stretches
        ]


def test_a_footprint_beyond_the_address_space_is_refused(context: StreamContext) -> None:
    def run(_: Out) -> Iterator[int]:
        yield 0

    with pytest.raises(InputError, match="a: found 11 distinct pages, allowed is at most 10"):
        Program(code_pages=1).record(replace(context, address_space=10 * 4096), 10, run)
    with pytest.raises(InputError, match=f"a: found a footprint of {1 << 29} pages, allowed is at most"):
        Program().record(context, 1 << 29, run)
