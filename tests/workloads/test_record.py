"""Recording a program with valgrind, or with a stand-in that prints what valgrind would."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.workloads.trace_files import Row, rows_of
from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.record import main, record

STAND_IN = """#!{python}
import os, sys
if sys.argv[1:] == ["--version"]:
    print("valgrind-3.0.0")
    sys.exit()
log = os.fdopen(int(next(a for a in sys.argv if a.startswith("--log-fd=")).split("=")[1]), "w")
{body}
"""

needs_posix = pytest.mark.skipif(os.name == "nt", reason="valgrind needs a POSIX system")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of programs that the recorder finds first."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    return directory


def install(directory: Path, body: str) -> None:
    """Make a program called valgrind."""
    path = directory / "valgrind"
    path.write_text(STAND_IN.format(python=sys.executable, body=body))
    path.chmod(0o755)


@needs_posix
def test_runs_split_where_a_count_is_full(stand_in: Path, tmp_path: Path) -> None:
    install(
        stand_in, "for _ in range(70000): log.write('I  00001000,4\\n')\nfor _ in range(300): log.write(' L 2000,8\\n')"
    )
    recording = record([sys.executable], tmp_path / "a.parquet")
    rows: list[Row] = [(1, 65535, 0, 0), (1, 4465, 0, 0), (2, 0, 255, 0), (2, 0, 45, 0)]
    assert rows_of(open_trace(tmp_path / "a.parquet")) == rows
    assert (recording.runs, recording.references, recording.exit_status) == (4, 70300, 0)


@needs_posix
def test_an_endless_program_is_stopped_at_the_limit(stand_in: Path, tmp_path: Path) -> None:
    install(stand_in, "while True: log.write('I  00001000,4\\n S 00005000,8\\n' * 1000)")
    recording = record([sys.executable], tmp_path / "a.parquet", skip=1, limit=4)
    assert rows_of(open_trace(tmp_path / "a.parquet")) == [(5, 0, 0, 1), (1, 1, 0, 0)] * 2
    assert recording.exit_status is None


@needs_posix
def test_command_and_version_are_kept(stand_in: Path, tmp_path: Path) -> None:
    install(stand_in, "log.write('I  00001000,4\\n')")
    record([sys.executable, "-c", "a b"], tmp_path / "a.parquet", note="for a test")
    metadata = pq.read_metadata(tmp_path / "a.parquet").metadata
    assert metadata[b"command"].decode() == f"{sys.executable} -c 'a b'"
    assert (metadata[b"valgrind"], metadata[b"note"], metadata[b"page_size"]) == (b"3.0.0", b"for a test", b"4096")


@needs_posix
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("log.write('==1== nothing\\n')", "found no references"),
        ("log.write('I  00001000,4\\nI  0000')", r"lackey:2: found 'I  0000', allowed is lackey's"),
    ],
)
def test_a_failed_recording_leaves_no_file(stand_in: Path, tmp_path: Path, body: str, message: str) -> None:
    install(stand_in, body)
    with pytest.raises(InputError, match=message):
        record([sys.executable], tmp_path / "a.parquet")
    assert not list(tmp_path.glob("*.parquet*")) + list(tmp_path.glob(".*.parquet*"))


def test_without_valgrind_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(tmp_path / "a.parquet"), "--", "true"]) == 2
    assert re.search(r"^valgrind: found no such program, .*apt install valgrind.*\n\Z", capsys.readouterr().err)


@needs_posix
def test_a_program_that_is_not_there_is_refused(stand_in: Path, tmp_path: Path) -> None:
    install(stand_in, "")
    with pytest.raises(InputError, match="command: found 'no-such-program', allowed is a program on the PATH"):
        record(["no-such-program"], tmp_path / "a.parquet")
    with pytest.raises(InputError, match="found no directory"):
        record([sys.executable], tmp_path / "missing" / "a.parquet")


@needs_posix
def test_the_program_s_failure_is_told(stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(stand_in, "log.write('I  00001000,4\\n')\nlog.close()\nsys.exit(3)")
    assert main([str(tmp_path / "a.parquet"), "--limit", "100", "--", sys.executable]) == 1
    assert "1 runs, 1 references" in capsys.readouterr().err


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_recorder_that_is_stopped_takes_valgrind_with_it(stand_in: Path, tmp_path: Path, number: int) -> None:
    started = tmp_path / "started"
    body = f"open({str(started)!r}, 'w').write(str(os.getpid()))\nwhile True: log.write('I  00001000,4\\n' * 1000)"
    install(stand_in, body)
    command = [sys.executable, "-m", "workloads.traces.record", str(tmp_path / "a.parquet"), "--", sys.executable]
    with subprocess.Popen(command) as recorder:
        while not (started.exists() and started.read_text() and list(tmp_path.glob(".*.tmp"))):
            assert recorder.poll() is None
            time.sleep(0.05)
        recorder.send_signal(number)
        assert recorder.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_a_real_program_is_recorded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recording = record(["echo", "hello"], tmp_path / "a.parquet")
    assert capfd.readouterr().out == "hello\n"
    assert recording.exit_status == 0
    trace = open_trace(tmp_path / "a.parquet")
    assert (trace.runs, trace.references) == (recording.runs, recording.references)
    assert recording.references > 50_000
    assert 20 < len(trace.pages) < 1000
