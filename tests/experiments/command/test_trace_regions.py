"""Runs of traces with regions: what faults, what is read, what is shared. Counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import experiments
from experiments.errors import BadInput
from simulator.result import RunResult
from tests.experiments.conftest import Command, WriteConfig
from tests.workloads.trace_files import Row, write_arrow
from workloads.traces.info import info
from workloads.traces.regions import TraceRegion

ROWS: list[Row] = [(10, 3, 0, 0), (20, 0, 1, 0), (20, 0, 0, 1), (30, 0, 0, 1)]
REGIONS = (
    TraceRegion(None, 10, 4, "lib.so", 2, writable=False, executable=True),
    TraceRegion(None, 20, 1, "lib.so", 7),
    TraceRegion(None, 30, 1),
)
KINDS = ("hard_faults", "shared_faults", "copy_on_write_faults", "demand_zero_faults", "transition_faults")


def run(path: Path, *starts: str, machine: dict[str, Any] | None = None, **parameters: Any) -> RunResult:
    """Processes that replay a trace on a machine with memory to spare, which reads no neighbours."""
    made = experiments.experiment(
        name="a",
        machine={"memory": "2 MiB", **(machine or {})},
        memory_manager={"read_cluster": 1},
        processes=[
            {"name": f"p{number}", "start": start, "workload": {"kind": "trace", "path": str(path), **parameters}}
            for number, start in enumerate(starts)
        ],
    )
    result: RunResult = made.run(check=True)
    return result


def counts(result: RunResult, process: str) -> tuple[int, ...]:
    """A process's faults of each of `KINDS`."""
    row = result.processes.set_index("process").loc[process]
    return tuple(int(row[kind]) for kind in KINDS)  # type: ignore[arg-type]


def test_code_is_read_from_its_file_data_is_copied_heap_is_zeroed(tmp_path: Path) -> None:
    result = run(write_arrow(tmp_path / "a.arrow", ROWS, REGIONS), "0 ns")
    # Page 10 by a read; 20 by a read, and copied when it is stored to; 30 zeroed.
    assert counts(result, "p0") == (2, 0, 1, 1, 0)
    assert result.summary["access_violations"] == 0


def test_two_processes_share_what_both_map(tmp_path: Path) -> None:
    result = run(write_arrow(tmp_path / "a.arrow", ROWS, REGIONS), "0 ns", "10 ms")
    assert counts(result, "p0") == (2, 0, 1, 1, 0)
    # p0 has ended, and what it had read is on standby.
    assert counts(result, "p1") == (0, 0, 1, 1, 2)
    rows = [*ROWS, *([(10, 65535, 0, 0)] * 400)]  # stays for 26 ms
    result = run(write_arrow(tmp_path / "b.arrow", rows, REGIONS), "0 ns", "10 ms", machine={"processors": 2})
    # Page 10 is valid in p0; page 20 isn't any more, since p0 has its copy.
    assert counts(result, "p1") == (0, 1, 1, 1, 1)
    assert result.summary["page_reads"] == 2


def test_files_of_one_name_are_one_file_and_as_large_as_the_largest(tmp_path: Path) -> None:
    write_arrow(tmp_path / "a.arrow", ROWS, REGIONS)
    write_arrow(tmp_path / "b.arrow", [(50, 1, 0, 0)], [TraceRegion(None, 50, 90, "lib.so", 2, executable=True)])
    made = experiments.experiment(
        name="a",
        machine={"memory": "2 MiB"},
        memory_manager={"read_cluster": 1},
        processes=[
            {"name": "a", "workload": {"kind": "trace", "path": str(tmp_path / "a.arrow")}},
            {"name": "b", "start": "10 ms", "workload": {"kind": "trace", "path": str(tmp_path / "b.arrow")}},
        ],
    )
    result = made.run(check=True)
    assert counts(result, "b") == (0, 0, 0, 0, 1)  # page 2 of the file is there


def test_a_file_of_the_config_is_used_if_it_is_large_enough(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS, REGIONS)
    disks = {"a": {"model": "nvme"}, "b": {"model": "nvme"}}
    files = {"lib.so": {"size": "32 KiB", "disk": "b"}}
    result = run(path, "0 ns", machine={"disks": disks, "files": files})
    assert set(result.io["disk"]) == {"b"}
    with pytest.raises(
        BadInput, match=r"found a file of 28672 bytes called 'lib\.so', allowed is a file of at least 32768"
    ):
        run(path, "0 ns", machine={"files": {"lib.so": {"size": "28 KiB"}}})


def test_a_fetched_page_of_a_trace_without_regions_is_read(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS)
    assert counts(run(path, "0 ns"), "p0") == (1, 0, 0, 2, 0)
    assert counts(run(path, "0 ns", backing="anonymous"), "p0") == (0, 0, 0, 3, 0)
    assert counts(run(path, "0 ns", backing="file"), "p0") == (3, 0, 0, 0, 0)


def test_a_warm_image_is_not_read(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS, REGIONS)
    result = run(path, "0 ns", image="warm")
    assert counts(result, "p0") == (0, 0, 1, 1, 2)
    assert result.summary["page_reads"] == 0


def test_info_shows_regions(pagesim: Command, tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", ROWS, [*REGIONS[:2], REGIONS[2]._replace(end=6)])
    out = pagesim("trace", "info", path).out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "10 to 13 1 of 4 lib.so 2 rx private all" in lines
    assert "30 to 30 1 of 1 anonymous rw private 0 to 6" in lines
    data = json.loads(pagesim("trace", "info", path, "--json").out)["regions"]
    assert data[0] == {
        "process": None, "first": 10, "pages": 4, "file": "lib.so", "offset": 2, "shared": False, "writable": False,
        "executable": True, "begin": 0, "end": None, "referenced": 1,
    }  # fmt: skip
    assert [region["file"] for region in data] == ["lib.so", "lib.so", None]


def test_a_recorded_simulation_keeps_its_regions(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    write_arrow(tmp_path / "a.arrow", ROWS, REGIONS)
    processes = [{"name": "p", "copies": 2, "workload": {"kind": "trace", "path": "a.arrow"}}]
    config = write_config(machine={"memory": "2 MiB"}, memory_manager={}, processes=processes)
    ran = pagesim("run", config, "--out", tmp_path / "r", "--no-plots", "--record-trace", tmp_path / "b.parquet")
    assert ran.status == 0, ran.err
    regions = info(tmp_path / "b.parquet").facts.regions
    code, data = (region._replace(executable=False) for region in REGIONS[:2])
    assert regions == tuple(each._replace(process=process) for process in (0, 1) for each in (code, data))
    first = run(tmp_path / "a.arrow", "0 ns")
    again = run(tmp_path / "b.parquet", "0 ns", process=0)
    assert counts(first, "p0") == counts(again, "p0")


def test_on_the_textbook_machine_a_trace_has_neither_files_nor_sharing(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path
) -> None:
    # Four pages in three frames, FIFO: 10 20 30 31 10 all miss.
    rows: list[Row] = [(10, 1, 0, 0), (20, 0, 1, 0), (30, 0, 1, 0), (31, 0, 1, 0), (10, 1, 0, 0)]
    write_arrow(tmp_path / "a.arrow", rows, REGIONS)
    config = write_config(processes=[{"name": "p", "workload": {"kind": "trace", "path": "a.arrow"}}])
    summary = json.loads(pagesim("run", config, "--out", tmp_path / "r", "--no-plots", "--json").out)
    assert summary["page_faults"] == 5
    assert summary["copy_on_write_faults"] == summary["shared_faults"] == 0
