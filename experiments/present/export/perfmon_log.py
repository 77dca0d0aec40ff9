r"""Reading logs of performance counters, as PerfMon and `relog -f csv` write them.

The layout is described in `perfmon`. What differs between machines is taken as it comes: commas, semicolons or tabs
between the cells; decimal points or commas; UTF-8, UTF-16 with its mark, or Windows-1252; blank cells where a counter
had no value; any time zone's name. The counters' names must be English: they name what is compared.
"""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.errors import BadInput
from simulator.units import MICROSECOND, SECOND

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
