"""Mixed: every part's references in their order, by turns as long and as likely as stated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.stream import ReferenceStream
from tests.workloads.examples import columns, fits, make
from workloads.base import MAX_PAGE, InputError, StreamContext, parts
from workloads.synthetic.mixed import _apart

CONTEXT = StreamContext(base=Path(), seed=1, name="a", page_size=4096, address_space=8 << 40)


def zipf(pages: int, references: int, **more: Any) -> dict[str, Any]:
    """A part's workload."""
    return {"kind": "zipf", "pages": pages, "references": references, "writes": 0.3, "fetches": 0.2, **more}


def one(context: StreamContext, **parameters: Any) -> ReferenceStream:
    """The one stream of a mixed workload."""
    (part,) = parts(make("mixed", **parameters), context)
    (stream,) = part.streams
    return stream


def each(stream: ReferenceStream) -> NDArray[np.int64]:
    """Every reference as page index x 3 + kind."""
    page, *counts = columns(stream)
    order = np.stack(counts, axis=1).ravel()
    return np.repeat((page[:, None].astype(np.int64) * 3 + np.arange(3)).ravel(), order)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 3000), st.integers(1, 255), st.floats(0.1, 10)),
        min_size=1, max_size=4,
    ),
    st.integers(1, 500), st.integers(0, 2**31),
)  # fmt: skip
def test_each_part_does_what_it_does_alone(
    given_parts: list[tuple[int, int, int, float]], turn: int, seed: int
) -> None:
    context = replace(CONTEXT, seed=seed)
    workloads = [zipf(pages, references, burst=burst) for pages, references, burst, _ in given_parts]
    ingredients = [{"workload": w, "weight": g[3]} for w, g in zip(workloads, given_parts, strict=True)]
    stream = one(context, parts=ingredients, turn=turn)
    everything, first = each(stream), 0
    assert stream.references == len(everything) == sum(w["references"] for w in workloads)
    for index, workload in enumerate(workloads):
        mine = everything[(everything >= 3 * first) & (everything < 3 * (first + workload["pages"]))]
        alone = each(make(**workload).stream(replace(context, name=f"a/{index}")))
        assert np.array_equal(mine - 3 * first, alone)
        first += workload["pages"]
    assert stream.pages.tolist() == list(range(16, 16 + first))


def turns(stream: ReferenceStream, first_pages: list[int]) -> tuple[list[int], list[int]]:
    """Whose turn it is again and again, and how many references long."""
    owner = np.searchsorted(first_pages, each(stream) // 3, side="right") - 1
    edges = np.flatnonzero(np.diff(owner)) + 1
    starts = np.concatenate([[0], edges])
    return owner[starts].tolist(), np.diff([*starts, len(owner)]).tolist()


def test_turns_are_as_long_and_as_likely_as_stated() -> None:
    ingredients = [{"workload": zipf(5, 2_000_000), "weight": w} for w in (6, 3, 1)]
    stream = one(CONTEXT, parts=ingredients, turn=70)
    owners, lengths = turns(stream, [0, 5, 10])
    # Turns of one part that follow each other look like one; the first part ends after about 3.3 million references.
    early = int(np.searchsorted(np.cumsum(lengths), 2_800_000))
    assert {length % 70 for length in lengths[:early]} == {0}
    counts = np.zeros(3)
    for owner, length in zip(owners[:early], lengths[:early], strict=True):
        counts[owner] += length // 70
    assert fits(counts, np.array([0.6, 0.3, 0.1]))  # 40,000 independent turns; significance 10^-6


def test_what_is_left_goes_on_when_a_part_ends() -> None:
    stream = one(CONTEXT, parts=[{"workload": zipf(3, 10)}, {"workload": zipf(4, 50_000)}], turn=100)
    owners, lengths = turns(stream, [0, 3])
    assert owners in ([0, 1], [1, 0, 1])
    assert sum(lengths) == 50_010


def test_parts_keep_their_pages_apart(tmp_path: Path) -> None:
    context = replace(CONTEXT, base=tmp_path)
    ingredients = [
        {"workload": zipf(10, 100, first_page=100)},
        {"workload": zipf(10, 100, first_page=500)},
        {"workload": zipf(10, 100, first_page=505)},
    ]
    pages = [*range(100, 110), *range(500, 520)]
    assert one(context, parts=ingredients).pages.tolist() == pages
    (part,) = parts(make("mixed", parts=ingredients, threads=True), context)
    assert [stream.pages.tolist() for stream in part.streams] == [pages] * 3
    for index, stream in enumerate(part.streams):
        assert stream.references == 100
        alone = each(make(**ingredients[index]["workload"]).stream(replace(context, name=f"a/{index}")))
        assert np.array_equal(each(stream), alone + 30 * index)


def test_sleeps_stay_where_they_are() -> None:
    fixed = {"busy_distribution": "fixed", "idle_distribution": "fixed"}
    sleepy = {"kind": "idle-busy", "workload": zipf(5, 1000, burst=7), "busy": 100, "idle": 9, **fixed}
    stream = one(CONTEXT, parts=[{"workload": sleepy}, {"workload": zipf(3, 1000)}], turn=3)  # cuts the runs that wait
    found, done, mine = [], 0, 0
    for block in stream.blocks():
        assert block.waits is not None
        sleeps = dict(zip(block.waits.row.tolist(), block.waits.pause.tolist(), strict=True))
        for row, page in enumerate(block.page.tolist()):
            if row in sleeps:
                assert page < 5
                found.append((mine, sleeps[row]))
            count = int(block.fetches[row]) + int(block.loads[row]) + int(block.stores[row])
            done += count
            mine += count if page < 5 else 0
    assert found == [(edge, 9) for edge in range(100, 1000, 100)]
    assert done == 2000


def test_parts_of_several_processes_or_threads_are_refused() -> None:
    fork = {"kind": "copy-on-write-fork", "pages": 9, "references": 900}
    threaded = {"kind": "mixed", "threads": True, "parts": [{"workload": zipf(3, 3)}, {"workload": zipf(3, 3)}]}
    for inner in (fork, threaded):
        with pytest.raises(InputError, match=r"a: found parts\.1 of kind .* allowed is one thread of private memory"):
            one(CONTEXT, parts=[{"workload": zipf(3, 3)}, {"workload": inner}])


def test_too_many_pages_are_refused() -> None:
    with pytest.raises(InputError, match="a: found 20 distinct pages, allowed is at most 19"):
        one(replace(CONTEXT, address_space=19 * 4096), parts=[{"workload": zipf(10, 3)}, {"workload": zipf(10, 3)}])
    with pytest.raises(InputError, match="mixed: found page"):
        _apart([np.array([MAX_PAGE - 1], np.uint64), np.array([1, 2], np.uint64)])


def test_long_blocks_are_mixed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    ingredients = [{"workload": zipf(5, 9000)}, {"workload": zipf(3, 5000)}]
    whole = each(one(CONTEXT, parts=ingredients, turn=11))
    monkeypatch.setattr("workloads.synthetic.mixed.RUNS", 256)
    assert np.array_equal(each(one(CONTEXT, parts=ingredients, turn=11)), whole)
