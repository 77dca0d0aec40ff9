"""Logs of real machines over a run: written in PerfMon's layout, read with their quirks, drawn where both have them."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from experiments.errors import BadInput
from experiments.present.export.overlay import LOG, RUN, overlay, panel, shown
from experiments.present.export.perfmon import _time, is_rate, log_lines, path_of, read_log, stamp, thinned
from simulator.result import RunResult
from tests.experiments.conftest import Command
from tests.experiments.present.exported import run

START = datetime(2026, 11, 23, 14, 5)  # noqa: DTZ001
ENGLISH = (
    '"(PDH-CSV 4.0) (W. Europe Standard Time)(-60)","\\\\WS1\\Memory\\Pages/sec","\\\\WS1\\Memory\\Available Bytes",'
    '"\\\\WS1\\Process(reader#1)\\Working Set","\\\\WS1\\PhysicalDisk(_Total)\\Avg. Disk Queue Length"\r\n'
    '"11/23/2026 14:05:00.123"," ","8123392","4096"," "\r\n'
    '"11/23/2026 14:05:15.124","12.5","8123390","8192","0.25"\r\n'
    '"11/23/2026 14:05:30.122","0.999999999999","7000000"," ","1"\r\n'
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("run"), "busy")


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_a_log_has_the_layout_of_relog(result: Path, tmp_path: Path, pagesim: Command) -> None:
    out = tmp_path / "log.csv"
    assert pagesim("export", result, out, "--perfmon", "--start", "2026-11-23 14:05", "--machine", "WS1").status == 0
    raw = out.read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n")
    assert raw.startswith(b'"(PDH-CSV 4.0) (Coordinated Universal Time)(0)","\\\\WS1\\Memory\\Page Faults/sec",')
    header, first, *rows = list(csv.reader(raw.decode().splitlines()))
    assert first[0] == "11/23/2026 14:05:00.000"
    for name, cell in zip(header[1:], first[1:], strict=True):
        assert (cell == " ") == is_rate(name), name
    assert all(len(row) == len(header) for row in rows)
    times = [row[0] for row in rows]
    assert times == sorted(set(times))
    before = raw
    pagesim("export", result, out, "--perfmon", "--start", "2026-11-23T14:05:00", "--machine", "WS1")
    assert out.read_bytes() == before


def test_putting_samples_together_keeps_the_events_and_the_last_levels() -> None:
    times = np.array([0, 300_000, 900_000, 1_000_000, 1_000_001, 7_500_000])
    rates = np.array([0.0, 10.0, 5.0, 80.0, 1e9, 3.0])
    frame = pd.DataFrame({"time_ns": times, "Memory\\Pages/sec": rates, "Memory\\Available Bytes": [9, 8, 7, 6, 5, 4]})
    one = thinned(frame, 1)
    assert one["time_ns"].tolist() == [0, 1_000_000, 2_000_000, 8_000_000]
    assert one["Memory\\Available Bytes"].tolist() == [9, 6, 5, 4]
    assert np.isclose(one["Memory\\Pages/sec"][1], (10 * 0.3 + 5 * 0.6 + 80 * 0.1) / 1.0)
    assert one["Memory\\Pages/sec"].tolist()[2:] == [1e9, 3.0]
    apart = thinned(frame, 1_000_000)
    assert apart["Memory\\Pages/sec"].tolist() == rates.tolist()


@pytest.mark.parametrize("stretch", [1, 1000])
def test_a_run_over_itself_coincides(result: Path, tmp_path: Path, pagesim: Command, stretch: int) -> None:
    log = tmp_path / "self.csv"
    pagesim("export", result, log, "--perfmon", "--stretch", stretch)
    found = overlay(RunResult.read(result), log, 0, stretch, [])
    columns = [name for name in RunResult.read(result).samples.columns if name != "time_ns"]
    assert [pair.name for pair in found.pairs] == columns
    apart = 1e6 / stretch
    for pair in found.pairs:
        assert np.array_equal(np.isnan(pair.run.values), np.arange(len(pair.run.values)) == 0) == pair.rate
        if len(pair.log.times) == len(pair.run.times):
            assert np.array_equal(pair.log.values, pair.run.values, equal_nan=True), pair.name
            assert np.abs(pair.log.times - pair.run.times).max() <= apart
    if stretch == 1000:
        assert len(found.pairs[0].log.times) == len(found.pairs[0].run.times)
    faults = found.pairs[0]
    curves = [vars(curve) for curve in (faults.run, faults.log)]
    totals = [np.nansum(curve["values"][1:] * np.diff(curve["times"])) for curve in curves]
    assert np.isclose(totals[0], totals[1], rtol=0.02 if stretch == 1 else 1e-4)


def test_a_real_log_is_read_with_its_blanks(tmp_path: Path) -> None:
    log = read_log(written(tmp_path / "a.csv", ENGLISH))
    assert log.machine == "WS1"
    assert log.times.tolist() == [0, 15_001_000_000, 29_999_000_000]
    assert list(log.counters) == [
        r"Memory\Pages/sec", r"Memory\Available Bytes", r"Process(reader#1)\Working Set",
        r"PhysicalDisk(_Total)\Avg. Disk Queue Length",
    ]  # fmt: skip
    assert log.counters[r"Memory\Available Bytes"].tolist() == [8123392, 8123390, 7000000]
    pages = log.counters[r"Memory\Pages/sec"]
    assert np.isnan(pages[0])
    assert pages[1:].tolist() == [12.5, 0.999999999999]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_decimal_commas_and_encodings_change_nothing(tmp_path: Path, encoding: str, separator: str) -> None:
    text = ENGLISH.replace("W. Europe Standard Time", "Mitteleuropäische Zeit")
    text = text.replace('","', f'"{separator}"')
    body = text.split("\r\n", 1)
    for number in ("12.5", "0.999999999999", "0.25"):
        body[1] = body[1].replace(number, number.replace(".", ","))
    text = "\r\n".join(body)
    if separator == "\t":
        text = text.replace("PDH-CSV", "PDH-TSV")
    plain = read_log(written(tmp_path / "a.csv", ENGLISH))
    found = read_log(written(tmp_path / "b.csv", text, encoding))
    assert found.times.tolist() == plain.times.tolist()
    assert list(found.counters) == list(plain.counters)
    for name, values in plain.counters.items():
        assert np.array_equal(found.counters[name], values, equal_nan=True)


def test_instances_go_together_as_perfmon_counts_them_or_as_told(result: Path, tmp_path: Path) -> None:
    log = written(tmp_path / "a.csv", ENGLISH.replace("Memory\\Pages", "MEMORY\\pages"))
    run_result = RunResult.read(result)
    pairs = {pair.name: pair for pair in overlay(run_result, log, 0, 1.0, []).pairs}
    assert set(pairs) == {r"Memory\Pages/sec", r"Memory\Available Bytes", r"Process(reader-2)\Working Set"}
    assert pairs[r"Process(reader-2)\Working Set"].log_name == r"Process(reader#1)\Working Set"
    told = overlay(run_result, log, -5_000_000, 1000.0, ["reader#1=writer", "_Total=slow"])
    names = [pair.name for pair in told.pairs]
    assert r"Process(writer)\Working Set" in names
    assert r"PhysicalDisk(slow)\Avg. Disk Queue Length" in names
    assert told.pairs[0].log.times.tolist() == [-5_000_000, 15_001_000 - 5_000_000, 29_999_000 - 5_000_000]
    one = run_result.samples.drop(
        columns=[name for name in map(str, run_result.samples) if "PhysicalDisk(fast)" in name]
    )
    alone = overlay(RunResult(run_result.summary, one, run_result.processes), log, 0, 1.0, [])
    assert r"PhysicalDisk(slow)\Avg. Disk Queue Length" in [pair.name for pair in alone.pairs]


HEAD = '"(PDH-CSV 4.0) (UTC)(0)","\\\\A\\Memory\\Pages/sec"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: found '', allowed is a header that begins with"),
        ("time,value\n1,2\n", ":1: found 'time,value', allowed is a header that begins with"),
        ('"(PDH-CSV 4.0) (UTC)(0)"|"\\\\A\\Memory\\Pages/sec"\n', ":1: found '|' between the cells, allowed is"),
        ('"(PDH-CSV 4.0) (UTC)(0)","pages"\n"x","1"\n', r":1: found no counter, allowed are paths such as \\MACHINE"),
        (HEAD, ":1: found no row after the header, allowed is at least one"),
        (HEAD + '"23.11.2026 14:00:00","1"\n', ":2: found the time '23.11.2026 14:00:00', allowed is MM/DD/YYYY"),
        (HEAD + '"13/41/2026 14:00:00.000","1"\n', ":2: found the time '13/41/2026 14:00:00.000', allowed is"),
        (HEAD + '"11/23/2026 14:00:00.000"\n', ":2: found 1 cells, allowed are 2 as in the header"),
        (HEAD + '"11/23/2026 14:00:00.000","many"\n', ":2: found 'many', allowed is a number or a blank"),
        (
            HEAD + '"11/23/2026 14:00:01.000","1"\n"11/23/2026 14:00:00.000","1"\n',
            ":3: found the time '11/23/2026 14:00:00.000' before that of the row above",
        ),
        (
            HEAD.replace("Memory\\Pages", "Arbeitsspeicher\\Seiten") + '"11/23/2026 14:00:00.000","1"\n',
            ":1: found no counter that the run has too, but 'Arbeitsspeicher\\\\Seiten/sec', allowed are English names",
        ),
    ],
)
def test_a_bad_log_is_told_in_one_line(result: Path, tmp_path: Path, pagesim: Command, text: str, said: str) -> None:
    log = written(tmp_path / "bad.csv", text)
    status, out, err = pagesim("plot", result, "--overlay", log)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"pagesim: {log}{said}" in err
    assert not (result / "plots" / "overlay.png").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--offset", "soon"], "--offset soon: found 'soon', allowed is a time with a unit"),
        (["--stretch", "0"], "--stretch 0.0: found 0.0, allowed is more than 0"),
        (["--instance", "x"], "--instance x: found no LOG=RUN"),
        (["--instance", "sqlservr=writer"], "found 'sqlservr', allowed in the log is one of _Total, reader#1"),
        (["--instance", "reader#1=x"], "found 'x', allowed in the run is one of _Total, fast, late"),
    ],
)
def test_bad_options_are_told_in_one_line(
    result: Path, tmp_path: Path, pagesim: Command, options: list[str], said: str
) -> None:
    log = written(tmp_path / "a.csv", ENGLISH)
    status, out, err = pagesim("plot", result, "--overlay", log, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert pagesim("plot", result, "--overlay", tmp_path / "none.csv").status == 2


def test_the_picture_has_both_lines_in_every_panel(result: Path, tmp_path: Path, pagesim: Command) -> None:
    from matplotlib.figure import Figure

    log = written(tmp_path / "a.csv", ENGLISH)
    told = json.loads(pagesim("plot", result, "--overlay", log, "--stretch", "100", "--offset", "-1 ms", "--json").out)
    picture = Path(told["plots"][0])
    assert picture == result / "plots" / "overlay.png"
    first = picture.read_bytes()
    assert pagesim("plot", result, "--overlay", log, "--stretch", "100", "--offset", "-1 ms").out == f"{picture}\n"
    assert picture.read_bytes() == first
    found = overlay(RunResult.read(result), log, 0, 100.0, [])
    assert told["drawn"] == [pair.name for pair in shown(found)]
    axes = Figure().add_subplot()
    panel(axes, found.pairs[1], 300_000_000, label=True)
    assert [to_hex(line.get_color()).upper() for line in axes.lines] == [RUN.colour, LOG.colour]
    assert axes.get_xlabel() == "simulated time (ms)"
    assert axes.get_ylabel() in ("KiB", "MiB")
    picture.unlink()


def test_a_log_outside_of_the_run_is_told(result: Path, tmp_path: Path, pagesim: Command) -> None:
    log = written(tmp_path / "a.csv", ENGLISH)
    status, _, err = pagesim("plot", result, "--overlay", log, "--offset", "1 min")
    assert status == 0
    assert "none of the log lies within the run's time" in err
    (result / "plots" / "overlay.png").unlink()


def test_names_of_instances_are_written_as_perfmon_writes_them() -> None:
    assert path_of(r"Process(a(b)/c#1)\Working Set", "M") == r"\\M\Process(a[b]_c_1)\Working Set"
    assert path_of(r"Memory\Pages/sec", "M") == r"\\M\Memory\Pages/sec"


@given(st.integers(0, 10**17))
def test_times_go_out_and_come_back(nanoseconds: int) -> None:
    passed = _time(Path("x"), 3, stamp(START, nanoseconds)) - _time(Path("x"), 2, stamp(START, 0))
    assert passed == nanoseconds // 1_000_000 * 1_000_000


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_log_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for body in (text, HEAD + text, HEAD + '"11/23/2026 14:00:00.000","1"\n' + text):
        path.write_bytes(body.encode("utf-8", "surrogatepass"))
        try:
            read_log(path)
        except BadInput as error:
            told = str(error)
            assert told.startswith(f"{path}:")


def test_numbers_keep_all_their_digits() -> None:
    frame = pd.DataFrame({"time_ns": [0, 10**6], "x\\y": [0.1 + 0.2, 1e300], "a\\b": [2**60, 3]})
    lines = list(log_lines(frame, START, "M", 1))
    assert lines[1].split(",")[1:] == ['"0.30000000000000004"', f'"{2**60}"']
