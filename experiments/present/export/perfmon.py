r"""A run's samples as a log in PerfMon's layout, as `relog -f csv` writes it.

The layout is that of "PDH-CSV 4.0": a header with the time zone and the counters' paths, `\\MACHINE\Object(x)\Counter`;
then a row a sample, quoted, with CRLF at the end; a time is MM/DD/YYYY HH:MM:SS.mmm, and a rate has no value in the
first row, because a rate needs two samples. A log has milliseconds: samples that fall into one are put together
(levels: the last; rates: their mean over time), unless time is stretched. Everything is UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.present.export.counter_tracks import is_rate
from simulator.units import MILLISECOND

HEADER = "(PDH-CSV 4.0) (Coordinated Universal Time)(0)"
BLANK = " "
_INSTANCE = re.compile(r"([^(\\]+)\((.*)\)(\\[^\\]*)", re.DOTALL)
_REPLACED = str.maketrans("()/\\#", "[]___")
"""What PerfMon puts for characters of an instance's name that mean something in a path."""


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
