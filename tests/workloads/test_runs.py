"""Runs are merged without losing a reference."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.trace_files import Row, as_runs
from workloads.traces.runs import count, merged, select


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), *(st.sampled_from([0, 1, 200, 255]),) * 3).filter(lambda row: any(row[1:]))),
    st.integers(1, 5),
)
def test_merging_keeps_the_references_of_each_stay_on_a_page(rows: list[Row], size: int) -> None:
    runs = as_runs(rows) if rows else None
    pieces = [select(runs, slice(at, at + size)) for at in range(0, len(rows), size)] if runs else []
    result: list[Row] = [
        row for piece in merged(pieces) for row in zip(*(column.tolist() for column in piece[:4]), strict=True)
    ]
    for before, after in itertools.pairwise(result):
        sums = [before[column] + after[column] for column in (1, 2, 3)]
        assert before[0] != after[0] or sums[0] > 65535 or sums[1] > 255 or sums[2] > 255
    assert stays(result) == stays(rows)
    assert not runs or count(runs) == sum(sum(row[1:]) for row in rows)


def stays(rows: list[Row]) -> list[Row]:
    """Rows merged without a bound on their counts."""
    groups = [(page, list(group)) for page, group in itertools.groupby(rows, key=lambda row: row[0])]
    return [(page, *(sum(row[column] for row in group) for column in (1, 2, 3))) for page, group in groups]
