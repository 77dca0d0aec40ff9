"""Copy-on-write fork: who maps what, who stores where, and when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.config import File
from simulator.stream import ReferenceStream
from tests.workloads.examples import columns, fits, make
from tests.workloads.naive import stretches
from workloads.base import InputError, Part, StreamContext, parts

CONTEXT = StreamContext(base=Path(), seed=1, name="a", page_size=4096, address_space=8 << 40)


def made(context: StreamContext = CONTEXT, **parameters: Any) -> list[Part]:
    """The processes of a fork."""
    given = {"pages": 100, "references": 200_000, "children": 2, "first_page": 32, **parameters}
    return parts(make("copy-on-write-fork", **given), context)


def first_wait(stream: ReferenceStream) -> int:
    """When the first row begins; no other row waits."""
    first, *others = stream.blocks()
    assert all(block.waits is None for block in others)
    if first.waits is None:
        return 0
    assert (first.waits.row.tolist(), first.waits.pause.tolist()) == ([0], [0])
    return int(first.waits.until[0])


def test_all_map_one_section_the_parent_to_write_the_children_to_copy() -> None:
    parent, *children = made(code_pages=3)
    assert [part.suffix for part in (parent, *children)] == ["parent", "child-0", "child-1"]
    for part in (parent, *children):
        assert part.files == {"a-section": File(size=100 * 4096)}
        (region,) = part.regions
        assert (region.first, region.pages, region.file, region.offset) == (35, 100, "a-section", 0)
        assert part.streams[0].pages.tolist() == list(range(32, 135))
    assert [part.regions[0].protection for part in (parent, *children)] == ["read-write", *["copy-on-write"] * 2]


def test_the_parent_stores_to_each_page_in_order() -> None:
    (stream,) = made(stores=300)[0].streams
    assert stretches(stream) == [[page, 0, 0, 300] for page in range(100)]
    assert stream.references == 30_000
    (stream,) = made(stores=5, code_pages=2, instructions=4)[0].streams
    filled = [[[page % 2, 4, 0, 0], [2 + page, 0, 0, 5]] for page in range(100)]
    assert stretches(stream) == [one for pair in filled for one in pair]
    assert stream.references == 900


def test_children_begin_when_they_are_told() -> None:
    parent, *children = made(children=4, fork="2 s", spacing="3 ms")
    assert first_wait(parent.streams[0]) == 0
    assert [first_wait(child.streams[0]) for child in children] == [2 * 10**9 + i * 3 * 10**6 for i in range(4)]
    assert [first_wait(part.streams[0]) for part in made(fork=0)] == [0, 0, 0]


def test_the_parent_goes_on_in_a_view_of_its_own() -> None:
    parent = made(parent_references=5000, stores=2, code_pages=1)[0]
    assert [(region.first, region.pages, region.protection) for region in parent.regions] == [
        (33, 100, "read-write"),
        (133, 100, "copy-on-write"),
    ]
    (stream,) = parent.streams
    assert stream.references == 100 * (2 + 16) + 5000 == sum(int(column.sum()) for column in columns(stream)[1:])
    assert stream.pages.tolist() == list(range(32, 233))
    blocks = list(stream.blocks())
    waiting = [number for number, block in enumerate(blocks) if block.waits is not None]
    assert len(waiting) == 1
    before, after = (
        np.concatenate([block.page for block in some]) for some in (blocks[: waiting[0]], blocks[waiting[0] :])
    )
    assert before.max() == 100
    assert set(after) <= {0, *range(101, 201)}
    assert blocks[waiting[0]].waits.until.tolist() == [10**9]  # type: ignore[union-attr]


def test_a_child_writes_to_its_share_of_the_pages_only() -> None:
    sets = []
    for child in made(written=0.25, writes=0.4, visit=1)[1:]:
        (stream,) = child.streams
        page, _, _, stores = columns(stream)
        counts = np.bincount(page, weights=columns(stream)[2] + stores.astype(np.int64), minlength=100)
        assert fits(counts, np.full(100, 0.01))  # uniform, significance 10^-6
        written = np.bincount(page, weights=stores, minlength=100)
        own = np.flatnonzero(written)
        assert len(own) == 25
        sets.append(set(own.tolist()))
        assert fits(np.array([written.sum(), counts[own].sum() - written.sum()]), np.array([0.4, 0.6]))
        assert counts.sum() == stream.references == 200_000
    assert sets[0] != sets[1]


def test_popular_pages_are_the_same_for_all() -> None:
    popular = []
    for child in made(exponent=1.2, written=0.0, visit=1)[1:]:
        counts = np.bincount(columns(child.streams[0])[0], weights=columns(child.streams[0])[2], minlength=100)
        exact = np.arange(1, 101) ** -1.2
        ranked = counts[np.arange(100) * 63 % 100]  # 63: the next above 61.8 without a divisor in common with 100
        popular.append(int(counts.argmax()))
        assert fits(ranked, exact / exact.sum())
    assert popular[0] == popular[1]


def test_sections_too_large_are_refused() -> None:
    with pytest.raises(InputError, match="a: found 100 distinct pages, allowed is at most 99"):
        made(replace(CONTEXT, address_space=99 * 4096))
