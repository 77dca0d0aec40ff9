"""The workload `trace`: the whole of a trace, a part of it, or it several times over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simulator.registry import find
from simulator.stream import ReferenceStream
from tests.workloads.trace_files import ROWS, Row, as_runs, rows_of, timed_runs, write_parquet, write_text
from workloads.base import InputError, StreamContext, parts
from workloads.traces.formats import parquet
from workloads.traces.replay import Trace
from workloads.traces.runs import Runs
from workloads.traces.store import write_native


def references(rows: list[Row]) -> list[tuple[int, str]]:
    """Rows as single references, in order."""
    return [
        (page, kind) for page, *counts in rows for kind, count in zip("XRW", counts, strict=True) for _ in range(count)
    ]


def only(trace: Trace, context: StreamContext) -> ReferenceStream:
    """The one thread of the one process that a trace makes."""
    (part,) = parts(trace, context)
    (stream,) = part.streams
    assert part.suffix == ""
    return stream


def test_the_path_starts_at_the_config(context: StreamContext, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write_parquet(tmp_path / "a.parquet", ROWS)
    trace: Trace = TypeAdapter(find("workload", "trace")).validate_python({"path": "../a.parquet"})
    stream = only(trace, replace(context, base=tmp_path / "deep"))
    assert rows_of(stream) == ROWS
    assert stream.references == 9


def test_repeating_replays_the_whole_again(context: StreamContext, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ROWS)
    stream = only(Trace(path=Path("a.parquet"), repeat=3), context)
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
    monkeypatch.setattr("workloads.traces.store.BATCH", 4)
    with (tmp_path / "a.arrow").open("w+b") as file:
        write_native(file, [as_runs(rows)], "", "a")
    trace = Trace(path=Path("a.arrow"), skip=skip, limit=limit)
    wanted = references(rows)[skip : None if limit is None else skip + limit]
    if not wanted:
        with pytest.raises(InputError, match=f"skip: found {skip}, allowed is less than the trace's"):
            only(trace, context)
        return
    stream = only(trace, context)
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
    assert rows_of(only(Trace(path=Path("a.parquet"), skip=skip, limit=limit), context)) == [left]


def test_more_pages_than_the_address_space_are_refused(context: StreamContext, tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "1\n2\n3\n")
    small = replace(context, address_space=3 * 4096)
    assert len(only(Trace(path=Path("a.txt")), small).pages) == 3
    with pytest.raises(InputError, match=r"a\.txt: found 3 distinct pages, allowed is at most 2: an address space of"):
        only(Trace(path=Path("a.txt")), replace(small, address_space=3 * 4096 - 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"repeat": 0},
        {"skip": -1},
        {"limit": 0},
        {"other": 1},
        {"path": None},
        {"split": "half"},
        {"time_scale": -1},
        {"time_scale": float("inf")},
        {"process": -1},
        {"format": "xml"},
        {"format": "text", "options": {"page_size": 5}},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Trace).validate_python({"path": "a", **wrong})


# Several processes and threads


Single = tuple[int, str, int, int, int]
"""Page, kind, process, thread, time: one reference."""


def singles(runs: Runs) -> list[Single]:
    """Runs as single references."""
    columns = [column.tolist() for column in runs if column is not None]
    return [
        (page, kind, process, thread, time)
        for page, *counts, process, thread, time in zip(*columns, strict=True)
        for kind, count in zip("XRW", counts, strict=True)
        for _ in range(count)
    ]


def write_runs(path: Path, runs: Runs, page_size: int = 4096) -> None:
    """A Parquet trace with all columns."""
    parquet.write(path, [runs], {"page_size": str(page_size)}, wide=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 3),
    skip=st.sampled_from([0, 1, 150, 400]),
    limit=st.sampled_from([None, 1, 77, 300]),
    split=st.sampled_from(["all", "processes", "threads", "none"]),
    process=st.sampled_from([None, 1000, 3000]),
    offset=st.sampled_from([0, 7]),
    bigger=st.sampled_from([1, 2, 8]),
    room=st.sampled_from([3, 1 << 16]),
)
def test_every_reference_is_made_once_by_its_thread_in_order(
    context: StreamContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    skip: int,
    limit: int | None,
    split: str,
    process: int | None,
    offset: int,
    bigger: int,
    room: int,
) -> None:
    monkeypatch.setattr("workloads.traces.store.BATCH", 16)
    monkeypatch.setattr("workloads.traces.thread.ROOM", room)
    runs = timed_runs(200, seed)
    write_runs(tmp_path / f"{seed}.parquet", runs)
    chosen = [one for one in singles(runs) if process in (None, one[2])]
    wanted: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for page, kind, of, thread, _ in chosen[skip : None if limit is None else skip + limit]:
        key = (of if split in ("all", "processes") else 0, 10 * of + thread if split in ("all", "threads") else 0)
        wanted.setdefault(key, []).append((page // bigger + offset, kind))
    trace: Trace = TypeAdapter(Trace).validate_python(
        {
            "path": f"{seed}.parquet", "skip": skip, "limit": limit, "split": split, "process": process,
            "offset": offset,
        }
    )  # fmt: skip
    if not wanted:
        with pytest.raises(InputError, match=f"skip: found {skip}"):
            parts(trace, context)
        return
    made = parts(trace, replace(context, page_size=4096 * bigger))
    by_process = [[wanted[key] for key in sorted(wanted) if key[0] == of] for of in sorted({key[0] for key in wanted})]
    assert [[references(rows_of(stream)) for stream in part.streams] for part in made] == by_process
    suffixes = [str(of) for of in sorted({key[0] for key in wanted})]
    assert [part.suffix for part in made] == (suffixes if len(suffixes) > 1 else [""])
    for part in made:
        for stream in part.streams:
            assert stream.pages is part.streams[0].pages
            assert stream.references == len(references(rows_of(stream)))
        made_of = {page for stream in part.streams for page, _ in references(rows_of(stream))}
        assert part.streams[0].pages.tolist() == sorted(made_of)


def waited(stream: ReferenceStream) -> list[int]:
    """For each run the latest time that it or one before it waits for."""
    latest = 0
    found: list[int] = []
    for block in stream.blocks():
        until = [0] * len(block.page)
        if block.waits is not None:
            assert (np.diff(block.waits.row) > 0).all()
            assert not block.waits.pause.any()
            for row, time in zip(block.waits.row.tolist(), block.waits.until.tolist(), strict=True):
                assert time > latest  # else the entry wouldn't matter
                until[row] = latest = time
        found += [max(until[: row + 1] + ([found[-1]] if found else [])) for row in range(len(until))]
    return found


@pytest.mark.parametrize("scale", [1, 0.5, 3, 0])
@pytest.mark.parametrize("split", ["all", "none"])
def test_no_run_begins_before_its_time(
    context: StreamContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: float, split: str
) -> None:
    monkeypatch.setattr("workloads.traces.store.BATCH", 16)
    runs = timed_runs(120)
    assert runs.process is not None
    assert runs.thread is not None
    assert runs.time is not None
    write_runs(tmp_path / "a.parquet", runs)
    trace: Trace = TypeAdapter(Trace).validate_python(
        {"path": "a.parquet", "time_scale": scale, "split": split, "repeat": 2}
    )
    since = runs.time - runs.time.min()
    turns = [np.rint(since * scale) + turn * round(int(since.max()) * scale) for turn in range(2)]
    for part in parts(trace, context):
        for number, stream in enumerate(part.streams):
            mine = np.ones(120, bool)
            if split == "all":
                mine = (runs.process == int(part.suffix)) & (runs.thread == number)
            expected = np.maximum.accumulate(np.concatenate([turn[mine] for turn in turns]))
            assert waited(stream) == expected.tolist()


def test_a_trace_without_times_never_waits(context: StreamContext, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ROWS)
    assert all(block.waits is None for block in only(Trace(path=Path("a.parquet")), context).blocks())


@pytest.mark.parametrize(
    ("changes", "page_size", "message"),
    [
        ({}, 2048, "found pages of 4096 bytes, allowed are such that the machine's, of 2048 bytes, are"),
        ({}, 6144, "found pages of 4096 bytes"),
        ({"process": 7}, 4096, "process: found 7, allowed is one of 1000, 2000, 3000"),
        ({"offset": -30}, 4096, "offset: found -30, which makes pages -30 to -1, allowed is what leaves them within 0"),
        ({"time_scale": 1e18}, 4096, "time_scale: found 1e.18, with which the replay lasts"),
        ({"repeat": 1 << 59}, 4096, "time_scale: found 1.0, with which the replay lasts"),
    ],
)
def test_what_does_not_fit_the_machine_is_refused(
    context: StreamContext, tmp_path: Path, changes: dict[str, Any], page_size: int, message: str
) -> None:
    write_runs(tmp_path / "a.parquet", timed_runs(400))
    with pytest.raises(InputError, match=message):
        parts(Trace(path=Path("a.parquet"), **changes), replace(context, page_size=page_size))


def test_a_process_of_a_trace_that_tells_none_is_refused(context: StreamContext, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", ROWS)
    with pytest.raises(InputError, match="found 7, allowed is none: the trace doesn't tell processes apart"):
        parts(Trace(path=Path("a.parquet"), process=7), context)


def test_the_option_of_the_format_decides_the_pages(context: StreamContext, tmp_path: Path) -> None:
    write_text(tmp_path / "a.lackey", " L 3000,4\n L 4000,4\n")
    trace = Trace(path=Path("a.lackey"), options={"page_size": "8 KiB"})
    assert only(trace, replace(context, page_size=8192)).pages.tolist() == [1, 2]


def test_a_part_of_a_trace_is_the_same_at_each_reading(context: StreamContext, tmp_path: Path) -> None:
    """Its first and last runs lose references, at each reading as many."""
    write_parquet(tmp_path / "a.parquet", [(1, 3, 2, 1), (2, 0, 5, 0), (3, 1, 1, 4)])
    stream = only(Trace(path=Path("a.parquet"), skip=2, limit=12), context)
    assert rows_of(stream) == rows_of(stream) == [(1, 1, 2, 1), (2, 0, 5, 0), (3, 1, 1, 1)]
