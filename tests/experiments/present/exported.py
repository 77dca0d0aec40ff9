"""Runs whose exports the tests look at, and a small reader of traces."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from experiments.command.cli import main
from tests.experiments.conftest import BUSY, TRACE

ASLEEP: dict[str, object] = {
    "name": "asleep",
    "machine": {"memory": "64*4 KiB", "disks": {"d": {"model": "nvme", "channels": 1, "read_error_rate": 0.0012}}},
    "processes": [
        {"name": "naps", "copies": 3,
         "workload": {"kind": "idle-busy", "busy": 400, "idle": "200 us",
                      "workload": {"kind": "uniform", "pages": 40, "references": 4_000, "writes": 0.4}}},
        {"name": "pair", "workload": {"kind": "trace", "path": "pair.csv"}},
    ],
}  # fmt: skip
"""Threads that sleep, a process of two threads, a disk whose queue is short, and reads that fail."""

PAIR = "pid,tid,type,address\n" + "".join(f"1,{n % 2},W,{n * 7919 % 53 * 4096}\n" for n in range(600))
"""A trace of a process with two threads."""

SHORT: dict[str, object] = {
    **BUSY,
    "processes": [
        {"name": "writer", "workload": {"kind": "zipf", "pages": 60, "references": 6_000, "writes": 0.3}},
        {"name": "reader", "copies": 2, "workload": {"kind": "uniform", "pages": 30, "references": 2_000},
         "regions": [{"first": 16, "pages": 8, "file": "other"}, {"first": 24, "pages": 16, "file": "shared"}]},
        {"name": "late", "start": "1 ms", "workload": {"kind": "trace", "path": "trace.txt"}},
    ],
}  # fmt: skip
"""Everything competes, for a shorter time than in BUSY."""

CONFIGS = {"busy": SHORT, "asleep": ASLEEP}
PERIODS = {"busy": "30 ms", "asleep": "700 us"}
"""Between two samples: some hundreds in all."""


def run(directory: Path, name: str, **changes: object) -> Path:
    """Run one of CONFIGS in a directory; returns the result's."""
    (directory / "trace.txt").write_text(TRACE, encoding="utf-8")
    (directory / "pair.csv").write_text(PAIR, encoding="utf-8")
    config = directory / f"{name}.yaml"
    observe = {"baseline": False, "page_map": False, "page_log": False, "sample_every": PERIODS[name]}
    config.write_text(yaml.safe_dump({"observe": observe, **CONFIGS[name], **changes}), encoding="utf-8")
    out = directory / name
    assert main(["run", str(config), "--out", str(out), "--no-plots", "--json"]) == 0
    return out


def read_trace(path: Path) -> list[dict[str, Any]]:
    """The events of a trace."""
    raw = path.read_bytes()
    data = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    assert data["displayTimeUnit"] == "ns"
    events: list[dict[str, Any]] = data["traceEvents"]
    return events


def nanoseconds(microseconds: float) -> int:
    """A time of the format; exact below three months."""
    return round(microseconds * 1000)


def totals(events: list[dict[str, Any]]) -> tuple[Counter[tuple[str, str, str]], Counter[tuple[str, str, str]]]:
    """By process, category and name of slices: how many there are, and their nanoseconds."""
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    count: Counter[tuple[str, str, str]] = Counter()
    length: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        if event["ph"] == "X":
            key = (names[event["pid"]], event["cat"], event["name"])
            count[key] += 1
            length[key] += nanoseconds(event["dur"])
    return count, length


def check_totals(
    summary: dict[str, Any],
    count: Counter[tuple[str, str, str]],
    length: Counter[tuple[str, str, str]],
) -> None:
    """Faults by kind and every thread state are those of the summary, process by process; I/O is the machine's."""
    kinds = {"demand-zero": "demand_zero_faults", "transition": "transition_faults", "shared": "shared_faults",
             "copy-on-write": "copy_on_write_faults", "collided": "collided_faults"}  # fmt: skip
    states = {"running": "run_ns", "ready": "ready_ns", "asleep": "sleep_ns",
              **{f"stall: {kind}": f"stall_{kind}_ns" for kind in ("read", "collided", "frame", "write")}}  # fmt: skip
    for name, process in summary["processes"].items():
        for kind, key in kinds.items():
            assert count[name, "fault", kind] == process[key], (name, kind)
        assert count[name, "fault", "hard"] + count[name, "fault", "in-page-error"] == process["hard_faults"]
        assert count[name, "fault", "in-page-error"] == process["in_page_errors"]
        assert count[name, "fault", "access-violation"] == process["access_violations"]
        assert {state: length[name, "state", state] for state in states} == {
            state: process[key] for state, key in states.items()
        }
    assert length["System", "state", "running"] >= summary["trimming_ns"]
    ran = sum(nanos for key, nanos in length.items() if key[1:] == ("state", "running"))
    assert sum(nanos for key, nanos in length.items() if key[:2] == ("processors", "processor")) == ran > 0
    reads = sum(amount for key, amount in count.items() if key[1:] == ("io", "read"))
    writes = sum(amount for key, amount in count.items() if key[1:] == ("io", "write"))
    assert (reads, writes) == (summary["page_reads"], summary["page_writes"])
