"""Tables of hard faults are read as they were meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workloads.format_checks import refused, rows_of, told
from tests.workloads.samples import DUMPER, WPA
from workloads.traces import compression
from workloads.traces.formats.wpa import Faults, WpaHardFaults

NOBODY = 0xFFFF_FFFF
WPA_ROWS = [(0x7FF6B2C41, 0, 1, 0, 1234, 5678, 1_234_567_890), (0x7FF6B2C42, 0, 1, 0, 4, 8, 2_000_000_000)]


def faults_in(path: Path, data: bytes) -> Faults:
    path.write_bytes(data)
    (faults,) = WpaHardFaults().faults(path)
    return faults


def values(column: object) -> list[int]:
    return column.tolist()  # type: ignore[attr-defined, no-any-return]


def test_the_dumper_s_hard_faults_are_read_and_other_events_skipped(tmp_path: Path) -> None:
    assert rows_of(tmp_path, DUMPER, "wpa-hard-faults") == [
        (0xFFFFA88FBF2B8, 0, 1, 0, 3984, 11844, 8_729_000),
        (0x7FF612340, 0, 1, 0, NOBODY, NOBODY, 10_001_000),
    ]


def test_faults_have_the_times_and_sizes_of_their_reads(tmp_path: Path) -> None:
    faults = faults_in(tmp_path / "a", DUMPER)
    assert values(faults.address) == [0xFFFFA88FBF2B8000, 0x7FF612340000]
    assert values(faults.io_time) == [425_000, 1_234_000]
    assert values(faults.size) == [4096, 32768]
    assert values(faults.offset) == [0x53B8000, 0x200]
    faults = faults_in(tmp_path / "b", WPA.encode())
    assert values(faults.io_time) == [1_234_567, 500]
    assert values(faults.size) == [16384, 4096]
    assert faults.offset is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, delimiter: str
) -> None:
    text = WPA if delimiter == "," else WPA.replace(",", delimiter).replace(f'5{delimiter}678"', '5,678"')
    if delimiter != ",":
        text = text.replace(f'1{delimiter}234.567"', '1,234.567"').replace(f'16{delimiter}384"', '16,384"')
    data = text.encode(encoding)
    data = b"\xfe\xff" + data if encoding == "utf-16-be" else data
    assert rows_of(tmp_path, data, "wpa-hard-faults") == WPA_ROWS
    monkeypatch.setattr(compression, "PIECE", 7)
    assert rows_of(tmp_path, data, "wpa-hard-faults") == WPA_ROWS


def test_decimal_commas(tmp_path: Path) -> None:
    text = b"Process;Virtual Address;Time (ms);IO Time (ms)\nx (1);0x1000;1.234,5;0,25\n"
    assert rows_of(tmp_path, text, "wpa-hard-faults", decimal=",") == [(1, 0, 1, 0, 1, 1_234_500_000)]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    text = b"Prozess-ID,virtuelle Adresse,Dauer (ms)\n7,0x5000,3\n"
    refused(tmp_path, text, "wpa-hard-faults", "found no header line with a virtual address")
    given = {"address": "virtuelle Adresse", "process": "Prozess-ID", "io_time": "Dauer (ms)"}
    assert rows_of(tmp_path, text, "wpa-hard-faults", columns=given) == [(5, 0, 1, 0, 7)]


def test_what_is_unknown_is_minus_one(tmp_path: Path) -> None:
    text = b"PID,Thread ID,Virtual Address,IO Time,Size\nUnknown,,0x5000,N/A,\n-1,N/A,0x6000,7,8\n"
    faults = faults_in(tmp_path / "a", text)
    assert values(faults.process) == values(faults.thread) == [NOBODY, NOBODY]
    assert values(faults.io_time) == [-1, 7000]
    assert values(faults.size) == [-1, 8]
    assert faults.time is None


@pytest.mark.parametrize(
    "line",
    [
        *("x (1),0x1000,5", "x (1),1000,5,7", "x (1),,5,7", "x (1),0x,5,7", "x (1),0x1000,,7", "x (1),0x1000,five,7"),
        *("x,0x1000,5,7", "(,0x1000,5,7", "x (99999999999),0x1000,5,7", 'x (1),"0x1000,5,7', "x (1),0x1000,5,-7"),
        *("x (1),0x1000,99999999999999999999,7", "x (1),0x12345678901234567,5,7", f"x (1),0x1000,{'1' * 99},7"),
        *("x (1),0x1000,5-,7", "x (1),0x1000,1.5.5,7", "x (1),0x1000,.,7"),
    ],
)
def test_a_row_that_can_not_be_read_is_named(tmp_path: Path, line: str) -> None:
    text = f"Process,Virtual Address,Time (s),IO Time (us)\nx (1),0x1000,5,7\n\n{line}\n"
    refused(
        tmp_path,
        text.encode(),
        "wpa-hard-faults",
        f"a:4: found {line[:30]!r}"[:20],
        "a row with the columns of the header",
    )


def test_text_that_breaks_its_encoding_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, WPA.encode("utf-16")[:-1], "wpa-hard-faults", "found text that breaks its encoding")
    refused(
        tmp_path, WPA.encode("utf-16") + b"\x00\xd8\x00\xd8", "wpa-hard-faults", "found text that breaks its encoding"
    )


def test_a_report_of_sums_is_refused(tmp_path: Path) -> None:
    text = b"Process, File, Count, Bytes\nx.exe (4), C:\\pagefile.sys, 10, 40960\n"
    refused(tmp_path, text, "wpa-hard-faults", "found no header line with a virtual address")


def test_a_table_whose_columns_csv_knows_is_not_taken_for_csv(tmp_path: Path) -> None:
    told(tmp_path, b"Process,Virtual Address,Time (s),IO Time (us)\nx (1),0x1000,5,7\n", "wpa-hard-faults")
    told(tmp_path, b"process,address,time,size\n1,0x1000,5,7\n", "csv")
