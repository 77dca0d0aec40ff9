"""`pagesim trace`, and the trace of a run: what they print and leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.conftest import BUSY, Command, WriteConfig
from tests.workloads.stand_in import install
from tests.workloads.trace_files import rows_of, same, timed_runs
from workloads.traces.cache import open_trace
from workloads.traces.format import chosen
from workloads.traces.formats import parquet
from workloads.traces.runs import concatenated, count

needs_posix = pytest.mark.skipif(os.name == "nt", reason="valgrind needs a POSIX system")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace of three processes with three threads each, and times."""
    path = tmp_path / "a.parquet"
    parquet.write(path, [timed_runs(400)], {"page_size": "4096", "command": "a b"}, wide=True)
    return path


def test_info_tells_the_same_of_every_format(trace: Path, tmp_path: Path, pagesim: Command) -> None:
    assert pagesim("trace", "convert", trace, tmp_path / "a.arrow").status == 0
    told = [json.loads(pagesim("trace", "info", path, "--json").out) for path in (trace, tmp_path / "a.arrow")]
    runs = timed_runs(400)
    assert runs.time is not None
    for data in told:
        assert (data["runs"], data["references"], data["page_size"]) == (400, count(runs), 4096)
        assert data["duration_ns"] == runs.time.max() - runs.time.min()
        assert data["metadata"]["command"] == "a b"
    same_of_both = [{key: data[key] for key in data if key not in ("path", "format", "metadata")} for data in told]
    assert same_of_both[0] == same_of_both[1]
    for data in told[0]["processes"]:
        mine = runs.process == data["process"]
        assert data["pages"] == len(np.unique(runs.page[mine]))
        assert [thread["thread"] for thread in data["threads"]] == [0, 1, 2]
        assert sum(thread["stores"] for thread in data["threads"]) == runs.stores[mine].sum()


def test_info_for_people(trace: Path, pagesim: Command) -> None:
    ran = pagesim("trace", "info", trace)
    assert ran.err == ""
    for text in ("a.parquet: parquet", "of 4 KiB", "from the first run to the last", "3 processes, 9 threads", "3000"):
        assert text in ran.out


def test_convert_leaves_nothing_out(trace: Path, tmp_path: Path, pagesim: Command) -> None:
    out = tmp_path / "b"
    ran = pagesim("trace", "convert", trace, out, "--to", "native", "--json")
    assert json.loads(ran.out)["runs"] == 400
    assert same(concatenated(list(chosen(out).runs(out))), timed_runs(400))


def test_convert_takes_a_part_with_options(tmp_path: Path, pagesim: Command) -> None:
    (tmp_path / "x").write_text(" L 2000,8\n L 2000,8\n L 3fff,8\n")
    out = tmp_path / "b.arrow"
    arguments = ("--from", "lackey", "--option", "page_size=8 KiB", "--skip", "1", "--limit", 2, "--merge")
    assert pagesim("trace", "convert", tmp_path / "x", out, *arguments).status == 0
    assert rows_of(open_trace(out)) == [(1, 0, 2, 0)]
    assert open_trace(out).page_size == 8192


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "none"), "none: found no such file, allowed is a trace file"),
        (("info", "a.parquet", "--format", "xml"), "format: found 'xml', allowed is one of"),
        (("info", "a.parquet", "--option", "page_size"), "--option page_size: found no KEY=VALUE"),
        (("info", "a.parquet", "--option", "page_size=5"), "format parquet: option page_size: found 5"),
        (
            ("info", "a.parquet", "--option", "size=5"),
            "format parquet: found the unknown option 'size', allowed is one",
        ),
        (("convert", "a.parquet", "b.foo"), "b.foo: found suffix '.foo', allowed is one of .arrow, .parquet"),
        (("convert", "a.parquet", "b.txt"), "found runs with process, thread, time, allowed in text are plain ones"),
        (("convert", "a.parquet", "b.arrow", "--skip", "99999"), "found no references after the first 99999"),
        (("record",), "found no command, allowed is [OUT] -- COMMAND..."),
        (("record", "b.foo", "--", "true"), "b.foo: found suffix '.foo'"),
    ],
)
def test_what_can_not_be_used_is_told_in_one_line(
    trace: Path, pagesim: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(trace.parent)
    ran = pagesim("trace", *arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err
    assert [path.name for path in trace.parent.iterdir() if path.is_file()] == ["a.parquet"]


@needs_posix
def test_record_runs_what_stands_after_the_dashes(
    tmp_path: Path, pagesim: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "log.write('I  00001000,4\\n L 2000,8\\n')")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    ran = pagesim("trace", "record", "--note", "n", "--json", "--", sys.executable, "--json", "--", "x")
    out = tmp_path / f"{Path(sys.executable).name}.arrow"
    data = json.loads(ran.out)
    assert (ran.status, data["references"], data["exit_status"]) == (0, 2, 0)
    assert rows_of(open_trace(out)) == [(1, 1, 0, 0), (2, 0, 1, 0)]
    assert open_trace(out).about["command"] == f"{sys.executable} --json -- x"


@needs_posix
def test_a_program_s_failure_is_told(tmp_path: Path, pagesim: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "log.write('I  00001000,4\\n')\nlog.close()\nsys.exit(3)")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    ran = pagesim("trace", "record", tmp_path / "b.parquet", "--limit", "100", "--", sys.executable)
    assert (ran.status, ran.out) == (1, "")
    assert "1 runs, 1 references" in ran.err
    assert "ended with status 3" in ran.err


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_recorder_that_is_stopped_takes_valgrind_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    started = tmp_path / "started"
    body = f"open({str(started)!r}, 'w').write(str(os.getpid()))\nwhile True: log.write('I  00001000,4\\n' * 1000)"
    install(tmp_path, body)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    command = [
        sys.executable,
        "-m",
        "experiments.command.cli",
        "trace",
        "record",
        str(tmp_path / "b.arrow"),
        "--",
        "true",
    ]
    deadline = time.monotonic() + 60
    with subprocess.Popen(command, stderr=subprocess.PIPE) as recorder:
        while not (started.exists() and started.read_text() and list(tmp_path.glob(".*.tmp"))):
            assert recorder.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        recorder.send_signal(number)
        assert recorder.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert not list(tmp_path.glob(".*.tmp"))
    assert not (tmp_path / "b.arrow").exists()


def test_the_trace_of_a_run_makes_the_same_references_again(
    tmp_path: Path, pagesim: Command, write_config: WriteConfig
) -> None:
    config = write_config(**BUSY)
    out = tmp_path / "made.arrow"
    arguments = ("--out", tmp_path / "result", "--no-plots", "--json", "--record-trace", out)
    ran = pagesim("run", config, *arguments)
    assert ran.status == 0, ran.err
    summary = json.loads(ran.out)
    told = json.loads(pagesim("trace", "info", out, "--json").out)
    assert told["page_size"] == 4096
    names = json.loads(told["metadata"]["process_names"])
    assert names == ["late", "reader-1", "reader-2", "writer"]
    for process in told["processes"]:
        made = sum(thread["references"] for thread in process["threads"])
        assert made == summary["processes"][names[process["process"]]]["references"]
    again = {"processes": [{"name": "again", "workload": {"kind": "trace", "path": "made.arrow"}}]}
    ran = pagesim("run", write_config(**again), "--out", tmp_path / "again", "--no-plots", "--json")
    assert ran.status == 0, ran.err
    replayed = json.loads(ran.out)["processes"]
    for number, name in enumerate(names):
        assert replayed[f"again-{number}"]["references"] == summary["processes"][name]["references"]


def test_only_what_was_made_is_in_the_trace_of_a_run_that_is_cut_short(
    tmp_path: Path, pagesim: Command, write_config: WriteConfig
) -> None:
    config = write_config(duration="400 us")
    out = tmp_path / "made.parquet"
    arguments = ("--out", tmp_path / "result", "--no-plots", "--json", "--record-trace", out)
    made = json.loads(pagesim("run", config, *arguments).out)["references"]
    assert 0 < made < 12
    assert [row[0] for row in rows_of(open_trace(out))] == [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5][:made]


def test_the_trace_of_a_run_needs_a_place(tmp_path: Path, pagesim: Command, write_config: WriteConfig) -> None:
    for name in ("a.foo", "none/a.arrow"):
        ran = pagesim("run", write_config(), "--out", tmp_path / "result", "--record-trace", tmp_path / name)
        assert ran.status == 2
        assert f"--record-trace {tmp_path / name}: found" in ran.err
    assert not (tmp_path / "result").exists()
