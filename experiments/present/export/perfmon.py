r"""Logs in PerfMon's layout, as `relog -f csv` writes it: a run's samples written so, and a real machine's read.

The layout is that of "PDH-CSV 4.0": a header with the time zone and the counters' paths, `\\MACHINE\Object(x)\Counter`;
then a row a sample, quoted, with CRLF at the end; a time is MM/DD/YYYY HH:MM:SS.mmm, and a rate has no value in the
first row, because a rate needs two samples. A log has milliseconds: samples that fall into one are put together
(levels: the last; rates: their mean over time), unless time is stretched. Everything is UTF-8.

In logs that are read, what differs between machines is taken as it comes: commas, semicolons or tabs between the cells;
decimal points or commas; UTF-8, UTF-16 with its mark, or Windows-1252; blank cells where a counter had no value; any
time zone's name. The counters' names must be English: they name what is compared.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.errors import BadInput
from simulator.units import MICROSECOND, MILLISECOND, SECOND

HEADER = "(PDH-CSV 4.0) (Coordinated Universal Time)(0)"
BLANK = " "
_INSTANCE = re.compile(r"([^(\\]+)\((.*)\)(\\[^\\]*)", re.DOTALL)
_REPLACED = str.maketrans("()/\\#", "[]___")
"""What PerfMon puts for characters of an instance's name that mean something in a path."""


_AVERAGES = ("% Disk Time", "% Processor Time", "Avg. Disk Queue Length")


def is_rate(column: str) -> bool:
    """Whether a counter's samples are of intervals: events a second, or averages over one."""
    return column.endswith(("/sec", *_AVERAGES))


def path_of(column: str, machine: str) -> str:
    """A sample's column as the path of a counter."""
    match = _INSTANCE.fullmatch(column)
    local = f"{match[1]}({match[2].translate(_REPLACED)}){match[3]}" if match else column
    return f"\\\\{machine}\\{local}"


def thinned(samples: pd.DataFrame, stretch: int) -> pd.DataFrame:
    """The samples at whole milliseconds of the log, one each: `time_ns` is simulated time times `stretch`.

    A sample belongs to the millisecond that it ends in, or at whose end it lies. At least one sample.
    """
    times = samples["time_ns"].to_numpy(np.int64)
    slot = -(-times * stretch // MILLISECOND)
    last = np.flatnonzero(np.append(np.diff(slot) > 0, True))
    lengths = np.diff(times, prepend=0).astype(np.float64)
    columns: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {"time_ns": slot[last] * MILLISECOND}
    first = np.concatenate(([0], last[:-1] + 1))
    whole = np.maximum(np.add.reduceat(lengths, first), 1.0)
    for name in samples.columns[samples.columns != "time_ns"]:
        values = samples[name].to_numpy()
        mean = is_rate(str(name)) and len(last) < len(times)
        columns[str(name)] = np.add.reduceat(values * lengths, first) / whole if mean else values[last]
    return pd.DataFrame(columns)


def stamp(start: datetime, nanoseconds: int) -> str:
    """A time of the log."""
    at = start + timedelta(milliseconds=nanoseconds // MILLISECOND)
    return f"{at:%m/%d/}{at.year:04d}{at: %H:%M:%S}.{at.microsecond // 1000:03d}"


def log_lines(samples: pd.DataFrame, start: datetime, machine: str, stretch: int) -> Iterator[str]:
    """The lines of the log, without line ends; raises OverflowError for times after the year 9999."""
    table = thinned(samples, stretch)
    names = [str(name) for name in table.columns[1:]]
    yield ",".join(_quoted(text) for text in (HEADER, *(path_of(name, machine) for name in names)))
    rates = [is_rate(name) for name in names]
    columns = [table[name].tolist() for name in names]
    for index, time in enumerate(table["time_ns"].tolist()):
        cells = (
            BLANK if rate and index == 0 else _number(column[index])
            for column, rate in zip(columns, rates, strict=True)
        )  # fmt: skip
        yield ",".join(_quoted(text) for text in (stamp(start, time), *cells))


def write_log(samples: pd.DataFrame, path: Path, start: datetime, machine: str, stretch: int) -> int:
    """Write the log; returns the number of its rows."""
    rows = -1
    with path.open("w", encoding="utf-8", newline="") as file:
        for line in log_lines(samples, start, machine, stretch):
            file.write(line + "\r\n")
            rows += 1
    return rows


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


# Reading

MOST_BYTES = 1 << 30
SEPARATORS = {"C": ",;", "T": "\t"}
_MARK = re.compile(r'"?\(PDH-(?P<form>[CT])SV 4\.0\)[^"]*"?(?P<separator>.?)')
_PATH = re.compile(r"\\\\([^\\]+)\\(.+\\[^\\]+)", re.DOTALL)
_TIME = re.compile(r"(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?")
_EMPTY = frozenset(("", "-", "nan", "NaN"))


@dataclass(frozen=True)
class PerfmonLog:
    """A log: when its rows were taken, and the counters of the one machine that is read."""

    times: NDArray[np.float64]
    """nanoseconds since the first row, not descending (n)"""
    counters: dict[str, NDArray[np.float64]]
    r"""by path without the machine, such as `Memory\Pages/sec`: values (n), NaN where there is none"""
    machine: str
    others: tuple[str, ...] = ()
    """further machines in the log, which are left out"""


def read_log(path: Path) -> PerfmonLog:
    """The log in a file; raises BadInput: one line with the file, the line, what was found and what is allowed."""
    text = _text(path)
    head = text.split("\n", 1)[0]
    match = _MARK.match(head)
    if match is None:
        raise BadInput(f'{path}:1: found {head[:40]!r}, allowed is a header that begins with "(PDH-CSV 4.0)"')
    separator = match["separator"] or ("," if match["form"] == "C" else "\t")
    if separator not in SEPARATORS[match["form"]]:
        raise BadInput(f"{path}:1: found {separator!r} between the cells, allowed is a comma, a semicolon or a tab")
    reader = csv.reader(text.splitlines(), delimiter=separator)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows += [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num}: {error}, allowed is a CSV of performance counters") from None
    return _log(path, rows[0][1], rows[1:])


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path}: found more than {MOST_BYTES >> 30} GiB, allowed is less")
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path}: {error.strerror or error}, allowed is a readable CSV of performance counters"
        ) from None
    try:
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _log(path: Path, header: list[str], rows: list[tuple[int, list[str]]]) -> PerfmonLog:
    paths = [_PATH.fullmatch(cell.strip()) for cell in header[1:]]
    machines = list(dict.fromkeys(found[1] for found in paths if found))
    if not machines:
        raise BadInput(rf"{path}:1: found no counter, allowed are paths such as \\MACHINE\Memory\Pages/sec")
    if not rows:
        raise BadInput(f"{path}:1: found no row after the header, allowed is at least one")
    times = []
    values = np.full((len(rows), len(paths)), np.nan)
    for at, (line, row) in enumerate(rows):
        if len(row) < len(header):
            raise BadInput(f"{path}:{line}: found {len(row)} cells, allowed are {len(header)} as in the header")
        times.append(_time(path, line, row[0]))
        values[at] = [_value(path, line, cell) for cell in row[1 : len(header)]]
        if times[at] < times[at - 1]:
            raise BadInput(
                f"{path}:{line}: found the time {row[0]!r} before that of the row above, allowed is a later one"
            )
    counters = {
        found[2]: values[:, column]
        for column, found in reversed(list(enumerate(paths)))
        if found and found[1] == machines[0]
    }  # fmt: skip
    counters = dict(reversed(counters.items()))
    passed = np.array([time - times[0] for time in times], np.float64)
    return PerfmonLog(passed, counters, machines[0], tuple(machines[1:]))


def _time(path: Path, line: int, text: str) -> int:
    match = _TIME.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        month, day, year, hour, minute, second = (int(part) for part in match.groups()[:6])
        passed = datetime(year, month, day, hour, minute, second) - datetime(1601, 1, 1)  # noqa: DTZ001 (as logged)
    except ValueError:
        raise BadInput(f"{path}:{line}: found the time {text[:40]!r}, allowed is MM/DD/YYYY HH:MM:SS.mmm") from None
    micro = int((match[7] or "0").ljust(6, "0"))
    return (passed.days * 86_400 + passed.seconds) * SECOND + micro * MICROSECOND


def _value(path: Path, line: int, cell: str) -> float:
    text = cell.strip()
    if text in _EMPTY:
        return float("nan")
    if "," in text and "." not in text and text.count(",") == 1:
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{path}:{line}: found {cell[:40]!r}, allowed is a number or a blank") from None
