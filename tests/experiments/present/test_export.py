"""A trace of a run holds what the summary counts; its slices nest; the same run gives the same bytes."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.present.export.perfetto import Turns, channels, split, write_trace
from experiments.present.export.perfmon import is_rate
from tests.experiments.conftest import Command
from tests.experiments.present.exported import CONFIGS, check_totals, nanoseconds, read_trace, run, totals


@pytest.fixture(scope="module", params=CONFIGS)
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("run"), request.param)


@pytest.fixture(scope="module")
def events(result: Path) -> list[dict[str, Any]]:
    write_trace(result, result / "trace.json")
    return read_trace(result / "trace.json")


def summary_of(result: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((result / "summary.json").read_text("utf-8"))
    return data


def test_totals_are_those_of_the_summary(result: Path, events: list[dict[str, Any]]) -> None:
    count, length = totals(events)
    summary = summary_of(result)
    check_totals(summary, count, length)
    assert summary["hard_faults"] > 50
    assert sum(process["stall_frame_ns"] for process in summary["processes"].values()) > 0


def by_track(events: list[dict[str, Any]], category: str) -> dict[tuple[int, int], list[tuple[int, int, str]]]:
    """Start, end and name of the slices of a category, by track, in order of time."""
    tracks: dict[tuple[int, int], list[tuple[int, int, str]]] = defaultdict(list)
    for event in events:
        if event.get("cat") == category:
            start = nanoseconds(event["ts"])
            tracks[event["pid"], event["tid"]].append((start, start + nanoseconds(event["dur"]), event["name"]))
    return {track: sorted(slices) for track, slices in tracks.items()}


def test_a_thread_is_in_one_state_at_a_time_from_its_start_to_its_end(
    result: Path, events: list[dict[str, Any]]
) -> None:
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    processes = summary_of(result)["processes"]
    seen = 0
    for (pid, _), slices in by_track(events, "state").items():
        if names[pid] == "System":
            continue
        process = processes[names[pid]]
        assert all(before[1] == after[0] for before, after in pairwise(slices))
        assert slices[0][0] == process["start_ns"]
        assert slices[-1][1] <= process["finished_ns"]
        assert process["threads"] > 1 or slices[-1][1] == process["finished_ns"]
        seen += 1
    assert seen == sum(process["threads"] for process in processes.values())


def test_a_processor_runs_one_thread_at_a_time(events: list[dict[str, Any]]) -> None:
    tracks = by_track(events, "processor")
    for slices in tracks.values():
        assert all(before[1] <= after[0] for before, after in pairwise(slices))
    assert len({name for slices in tracks.values() for *_, name in slices}) >= 4


def test_a_fault_stalls_as_long_as_its_thread_and_ends_when_its_processor_time_is_spent(
    result: Path, events: list[dict[str, Any]]
) -> None:
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    states = {(pid, named[pid, tid]): slices for (pid, tid), slices in by_track(events, "state").items()}
    faults = sorted((e for e in events if e.get("cat") == "fault"), key=lambda event: event["dur"])
    for fault in [*faults[:: max(1, len(faults) // 200)], *faults[-20:]]:
        spent = states[fault["pid"], named[fault["pid"], fault["tid"]].removesuffix(": faults")]
        start = nanoseconds(fault["ts"])
        end = start + nanoseconds(fault["dur"])
        inside = [(max(a, start), min(b, end), name) for a, b, name in spent if a < end and b > start]
        parts = fault["args"]
        stalled = sum(b - a for a, b, name in inside if name.startswith("stall"))
        assert stalled == parts["queue_ns"] + parts["service_ns"]
        assert sum(b - a for a, b, name in inside if name == "running") == parts["cpu_ns"]


def test_io_slices_and_queues_are_those_of_the_log(result: Path, events: list[dict[str, Any]]) -> None:
    log = pd.read_parquet(result / "io.parquet")
    slices = [event for event in events if event.get("cat") == "io"]
    assert sum(event["args"]["pages"] for event in slices) == log["pages"].sum()
    assert sum(nanoseconds(event["dur"]) for event in slices) == log["service_ns"].sum()
    begins = {event["id2"]["local"]: event for event in events if event["ph"] == "b"}
    ends = {event["id2"]["local"]: event for event in events if event["ph"] == "e"}
    assert begins.keys() == ends.keys()
    assert len(begins) == (log["queue_ns"] > 0).sum() > 0
    assert log["queue_ns"].sum() == sum(
        nanoseconds(ends[number]["ts"]) - nanoseconds(begin["ts"]) for number, begin in begins.items()
    )


def test_slices_of_a_track_lie_beside_or_inside_each_other(events: list[dict[str, Any]]) -> None:
    tracks: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start = nanoseconds(event["ts"])
            tracks[event["pid"], event["tid"]].append((start, start + nanoseconds(event["dur"])))
    for slices in tracks.values():
        around: list[int] = []
        for start, end in sorted(slices, key=lambda one: (one[0], -one[1])):
            while around and around[-1] <= start:
                around.pop()
            assert not around or end <= around[-1]
            around.append(end)


def test_no_disk_serves_more_requests_than_it_has_channels(result: Path, events: list[dict[str, Any]]) -> None:
    config = json.loads((result / "manifest.json").read_text("utf-8"))["config"]["machine"]["disks"]
    named = [event["args"]["name"] for event in events if event["name"] == "thread_name"]
    for disk, parameters in config.items():
        lanes = [name for name in named if name.startswith(f"{disk} channel ")]
        assert 1 <= len(lanes) <= parameters.get("channels", 1)


def test_counters_end_at_the_last_sample(result: Path, events: list[dict[str, Any]]) -> None:
    samples = pd.read_parquet(result / "samples.parquet")
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    last = {
        (names[e["pid"]], e["name"], key): value for e in events if e["ph"] == "C" for key, value in e["args"].items()
    }
    checked = 0
    for column in samples.columns[1:]:
        if not samples[column].any():
            continue
        whose, _, counter = column.rpartition("\\")
        name, unit = split(counter)
        process = whose.removeprefix("Process(").removesuffix(")") if whose.startswith("Process(") else "memory"
        place = {
            "pagesim": ("memory", "Page lists", counter),
            "PhysicalDisk": ("disks", f"{whose[13:-1]}: {name}", unit),
            "Process": (process, name, unit),
        }.get(whose.partition("(")[0], ("memory", f"{whose.removesuffix('(_Total)')}: {name}", unit))
        place = place if place in last else ("memory", f"pagesim: {name}", unit)
        assert last[place] == samples[column].iloc[-1], column
        checked += 1
    assert checked > 20


def test_a_rate_is_drawn_over_the_interval_it_was_measured_in(result: Path, events: list[dict[str, Any]]) -> None:
    samples = pd.read_parquet(result / "samples.parquet")
    drawn = [event for event in events if event["name"] == "Memory: Page Faults"]
    starts = [nanoseconds(event["ts"]) for event in drawn]
    steps = np.diff([*starts, int(samples["time_ns"].iloc[-1])]) / 1e9
    total = sum(step * event["args"]["per second"] for step, event in zip(steps, drawn, strict=True))
    assert round(total) == summary_of(result)["page_faults"]


def test_the_command_writes_the_same_bytes_compressed_or_not(result: Path, tmp_path: Path, pagesim: Command) -> None:
    status, out, err = pagesim("export", result, "--perfetto")
    assert (status, err) == (0, "")
    packed = result / "trace.json.gz"
    assert f"{packed}: " in out
    assert pagesim("export", result, "--perfetto", tmp_path / "plain.json").status == 0
    assert gzip.decompress(packed.read_bytes()) == (tmp_path / "plain.json").read_bytes()
    first = packed.read_bytes()
    told = json.loads(pagesim("export", result, "--perfetto", "--perfmon", "--json").out)
    assert packed.read_bytes() == first
    assert told["perfetto"]["events"] == len(read_trace(packed))
    assert sorted(path.name for path in result.glob(".*")) == []


def test_without_logs_there_are_counters_and_a_word_about_it(tmp_path: Path, pagesim: Command) -> None:
    observe = {"baseline": False, "page_map": False, "page_log": False, "fault_log": False, "io_log": False,
               "thread_log": False}  # fmt: skip
    result = run(tmp_path, "busy", observe=observe)
    status, out, _ = pagesim("export", result, tmp_path / "t.json", "--perfetto")
    assert status == 0
    assert "no fault log" in out
    assert {event["ph"] for event in read_trace(tmp_path / "t.json")} == {"M", "C"}


def test_a_run_that_was_cut_off_ends_in_time(tmp_path: Path) -> None:
    result = run(tmp_path, "busy", duration="40 ms")
    write_trace(result, tmp_path / "cut.json")
    events = read_trace(tmp_path / "cut.json")
    assert max(nanoseconds(e["ts"]) + nanoseconds(e["dur"]) for e in events if e.get("cat") == "fault") <= 40_000_000
    count, length = totals(events)
    for name, process in summary_of(result)["processes"].items():
        assert count[name, "fault", "hard"] == process["hard_faults"]
        assert sum(n for key, n in length.items() if key[:2] == (name, "stall")) <= process["stall_ns"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "found neither --perfetto nor --perfmon, allowed is one of them, or both"),
        (["x.json", "--perfetto", "--perfmon"], "found one file, x.json, for two forms"),
        (["/nowhere/x.json", "--perfetto"], "/nowhere/x.json: can't be written: No such file or directory"),
        (["--perfmon", "--start", "noon"], "--start noon: found 'noon', allowed is a time such as"),
        (["--perfmon", "--stretch", "0"], "--stretch 0: found 0, allowed is 1 to 1,000,000"),
        (["--perfmon", "--machine", "a\\b"], "allowed is a name without"),
        (["--perfmon", "--start", "9999-12-31 23:59:59", "--stretch", "1000000"], "allowed is less"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(
    result: Path, pagesim: Command, arguments: list[str], said: str
) -> None:
    before = sorted(path.name for path in result.iterdir())
    status, out, err = pagesim("export", result, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert sorted(path.name for path in result.iterdir()) == before


def test_a_broken_result_is_told_in_one_line(result: Path, tmp_path: Path, pagesim: Command) -> None:
    result = shutil.copytree(result, tmp_path / "broken")
    (result / "io.parquet").write_bytes(b"not parquet")
    for option in ("--perfetto", "--perfmon"):
        (result / "samples.parquet").unlink(missing_ok=True)
        status, out, err = pagesim("export", result, option)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert "allowed is a whole result" in err
    assert pagesim("export", tmp_path, "--perfetto").status == 2


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 12)), min_size=1, max_size=8),
)
def test_processor_time_is_counted_while_a_thread_runs(
    gaps: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    ends = np.cumsum([gap + length for gap, length in gaps])
    starts = ends - [length for _, length in gaps]
    running = [time for a, b in zip(starts.tolist(), ends.tolist(), strict=True) for time in range(a, b)]
    begin, needed = (np.array(column, np.int64) for column in zip(*asked, strict=True))
    for found, at, wanted in zip(Turns(starts, ends).spent(begin, needed).tolist(), begin, needed, strict=True):
        later = [time for time in running if time >= at]
        never = max(int(at), int(ends[-1]))
        assert found == (at if wanted == 0 else later[wanted - 1] + 1 if wanted <= len(later) else never)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=40))
def test_channels_never_overlap_and_none_is_left_out(requests: list[tuple[int, int]]) -> None:
    ordered = sorted((start, start + length) for start, length in requests)
    start, end = np.array(ordered or np.zeros((0, 2)), np.int64).reshape(-1, 2).T
    lanes = channels(start, end)
    for lane in range(lanes.max(initial=-1) + 1):
        mine = lanes == lane
        assert mine.any()
        assert (end[mine][:-1] <= start[mine][1:]).all()
    busiest = max((int(((start <= t) & (t < end)).sum() + ((start == t) & (end == t)).sum()) for t in start), default=0)
    assert lanes.max(initial=-1) + 1 <= max(busiest, 0) or len(ordered) == 0


@given(st.integers(0, 10**15))
def test_times_keep_every_nanosecond(time: int) -> None:
    assert nanoseconds(json.loads(json.dumps(time / 1000))) == time


def test_units_and_rates_of_counters() -> None:
    assert split("Page Reads/sec") == ("Page Reads", "per second")
    assert split("Available Bytes") == ("Available", "bytes")
    assert split("% Disk Time") == ("Disk Time", "%")
    assert is_rate(r"PhysicalDisk(a)\Avg. Disk Queue Length")
    assert not is_rate(r"Memory\Available Bytes")
