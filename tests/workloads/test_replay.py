"""The workload `trace`: the whole of a trace, a part of it, or it several times over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simulator.registry import find
from tests.workloads.trace_files import ROWS, Row, as_runs, rows_of, write_parquet, write_text
from workloads.base import InputError, StreamContext
from workloads.traces.native import write_native
from workloads.traces.replay import Trace


def references(rows: list[Row]) -> list[tuple[int, str]]:
    """Rows as single references, in order."""
    return [
        (page, kind) for page, *counts in rows for kind, count in zip("XRW", counts, strict=True) for _ in range(count)
    ]


def test_the_path_starts_at_the_config(context: StreamContext, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write_parquet(tmp_path / "a.parquet", ROWS)
    trace: Trace = TypeAdapter(find("workload", "trace")).validate_python({"path": "../a.parquet"})
    stream = trace.stream(replace(context, base=tmp_path / "deep"))
    assert rows_of(stream) == ROWS
    assert stream.references == 9


def test_repeating_replays_the_whole_again(context: StreamContext, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ROWS)
    stream = Trace(path=Path("a.parquet"), repeat=3).stream(context)
    assert rows_of(stream) == rows_of(stream) == ROWS * 3
    assert stream.references == 27


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).filter(
            lambda row: any(row[1:])
        ),
        min_size=1,
        max_size=30,
    ),
    skip=st.integers(0, 40),
    limit=st.none() | st.integers(1, 60),
)
def test_a_part_is_a_range_of_references(
    context: StreamContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[Row],
    skip: int,
    limit: int | None,
) -> None:
    monkeypatch.setattr("workloads.traces.native.BATCH", 4)
    with (tmp_path / "a.arrow").open("w+b") as file:
        write_native(file, [as_runs(rows)], "", "a")
    trace = Trace(path=Path("a.arrow"), skip=skip, limit=limit)
    wanted = references(rows)[skip : None if limit is None else skip + limit]
    if not wanted:
        with pytest.raises(InputError, match=f"skip: found {skip}, allowed is less than the trace's"):
            trace.stream(context)
        return
    stream = trace.stream(context)
    assert references(rows_of(stream)) == wanted
    assert stream.references == len(wanted)
    assert stream.pages.tolist() == sorted({page for page, _ in wanted})
    assert all(any(row[1:]) for row in rows_of(stream))


@pytest.mark.parametrize(
    ("skip", "limit", "left"),
    [
        # The run is X R R W W: a fetch, two loads, two stores.
        (0, 4, (5, 1, 2, 1)),
        (0, 2, (5, 1, 1, 0)),
        (1, 3, (5, 0, 2, 1)),
        (2, 1, (5, 0, 1, 0)),
        (3, 9, (5, 0, 0, 2)),
    ],
)
def test_a_run_is_cut_in_the_order_of_its_kinds(
    context: StreamContext, tmp_path: Path, skip: int, limit: int, left: Row
) -> None:
    write_parquet(tmp_path / "a.parquet", [(5, 1, 2, 2)])
    assert rows_of(Trace(path=Path("a.parquet"), skip=skip, limit=limit).stream(context)) == [left]


def test_more_pages_than_the_address_space_are_refused(context: StreamContext, tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "1\n2\n3\n")
    small = replace(context, address_space=3 * 4096)
    assert len(Trace(path=Path("a.txt")).stream(small).pages) == 3
    with pytest.raises(InputError, match=r"a\.txt: found 3 distinct pages, allowed is at most 2: an address space of"):
        Trace(path=Path("a.txt")).stream(replace(small, address_space=3 * 4096 - 1))


@pytest.mark.parametrize("wrong", [{"repeat": 0}, {"skip": -1}, {"limit": 0}, {"other": 1}, {"path": None}])
def test_wrong_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Trace).validate_python({"path": "a", **wrong})
