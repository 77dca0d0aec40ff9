"""Recording a program with valgrind, or with a stand-in that prints what valgrind would."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.workloads.stand_in import install
from tests.workloads.trace_files import Row, rows_of
from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.record import record

needs_posix = pytest.mark.skipif(os.name == "nt", reason="valgrind needs a POSIX system")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of programs that the recorder finds first."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    return directory


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


def test_without_valgrind_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"^valgrind: found no such program, .*apt install valgrind"):
        record(["true"], tmp_path / "a.arrow")


@needs_posix
def test_a_program_that_is_not_there_is_refused(stand_in: Path, tmp_path: Path) -> None:
    install(stand_in, "")
    with pytest.raises(InputError, match="command: found 'no-such-program', allowed is a program on the PATH"):
        record(["no-such-program"], tmp_path / "a.parquet")
    with pytest.raises(InputError, match="found no directory"):
        record([sys.executable], tmp_path / "missing" / "a.parquet")


@needs_posix
def test_a_program_is_stopped_when_the_time_is_over(stand_in: Path, tmp_path: Path) -> None:
    body = "log.write('I  00001000,4\\n' * 9 + 'I  0000'); log.flush()\nimport time\nwhile True: time.sleep(1)"
    install(stand_in, body)
    recording = record([sys.executable], tmp_path / "a.arrow", seconds=0.5)
    assert rows_of(open_trace(tmp_path / "a.arrow")) == [(1, 9, 0, 0)]
    assert (recording.references, recording.exit_status, recording.stopped) == (9, None, True)


@needs_posix
def test_progress_is_told(stand_in: Path, tmp_path: Path) -> None:
    install(stand_in, "for n in range(300_000): log.write(f' L {n % 7:02x}000,4\\n')")
    told: list[int] = []
    record([sys.executable], tmp_path / "a.arrow", progress=lambda recording: told.append(recording.references))
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == 300_000


@needs_posix
def test_the_program_s_status_is_told(stand_in: Path, tmp_path: Path) -> None:
    install(stand_in, "log.write('I  00001000,4\\n')\nlog.close()\nsys.exit(3)")
    assert record([sys.executable], tmp_path / "a.arrow", limit=100).exit_status == 3


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_a_real_program_is_recorded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recording = record(["echo", "hello"], tmp_path / "a.parquet")
    assert capfd.readouterr().out == "hello\n"
    assert recording.exit_status == 0
    trace = open_trace(tmp_path / "a.parquet")
    assert trace.page_size == 4096
    assert (trace.runs, trace.references) == (recording.runs, recording.references)
    assert recording.references > 50_000
    assert 20 < len(trace.pages) < 1000


@needs_posix
@pytest.mark.parametrize("ending", ["", "==7== \\n"])
def test_a_program_that_gives_way_to_another_is_noticed(stand_in: Path, tmp_path: Path, ending: str) -> None:
    install(stand_in, f"log.write('==7== Lackey\\nI  00001000,4\\n{ending}')")
    assert record([sys.executable], tmp_path / "a.arrow").replaced == (not ending)


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_what_a_program_forks_is_not_recorded(tmp_path: Path) -> None:
    quiet = record(["sh", "-c", "wait"], tmp_path / "a.arrow")
    forking = "( j=0; while [ $j -lt 3000 ]; do j=$((j + 1)); done ) & wait"
    assert record(["sh", "-c", forking], tmp_path / "b.arrow").references < 2 * quiet.references
