"""Measured latencies of a disk: samples, or counts by value, or only some of their quantiles; and reading them.

A file is fio's JSON (`fio --output-format=json` or `json+`), a CSV with a header, or fio's log of latencies
(`--write_lat_log`), which has none.

Of fio's JSON the completion latency is taken: `clat_ns` of fio 3, `clat` (microseconds) of fio 2; its `bins` (json+) if
they are there, else its percentiles. How many requests were under way is the job's `iodepth` times its `numjobs`; how
large they were, its `bs` [fio's documentation, "fio_generate_plots" and HOWTO, JSON output].

Columns of a CSV, in any order; others are left out:

- `latency_ns`, `latency_us`, `latency_ms` or `latency_s`: how long a request took
- `kind`, optional: `read` or `write` (or `r`, `w`); without it all are reads
- `bytes` or `pages`, optional: how large the request was, a page being 4 KiB; without it one page

fio's log: milliseconds, latency in nanoseconds, direction (0 read, 1 write, 2 trim, which is left out), bytes, ...
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.errors import BadInput
from simulator.units import MICROSECOND, MILLISECOND, SECOND

Floats = NDArray[np.float64]

KINDS = ("read", "write")
FEWEST = 20
"""latencies, or requests behind quantiles, that a fit needs of a kind"""
FEWEST_QUANTILES = 3


@dataclass(frozen=True)
class Latencies:
    """What was measured of one kind of request, all of one size."""

    values: Floats
    """nanoseconds, more than 0, ascending (n)"""
    below: Floats
    """the share of requests that took less than each value (n)"""
    upto: Floats
    """the share that took at most that long (n); with quantiles alone the same as `below`"""
    requests: int
    counted: bool
    """every request is in `values`; otherwise they are quantiles, and nothing is known between them"""
    pages: int = 1
    """pages of a request"""
    per_page: float | None = None
    """nanoseconds for each page more, if requests of several sizes were measured"""
    depth: int | None = None
    """requests that were kept under way, if known"""

    @property
    def weights(self) -> Floats:
        """The share of requests at each value (n); for quantiles, of what lies around it."""
        if self.counted:
            return self.upto - self.below
        edges = np.concatenate(([0.0], (self.upto[1:] + self.upto[:-1]) / 2, [1.0]))
        return np.diff(edges)

    def quantile(self, shares: Floats) -> Floats:
        """Latencies below which these shares of requests lie: of samples the smallest such, between quantiles on a
        straight line of their logarithms."""
        if self.counted:
            at = np.searchsorted(self.upto, shares - 1e-12)
            return self.values[np.minimum(at, len(self.values) - 1)]
        return np.exp(np.interp(shares, self.upto, np.log(self.values)))


def counted(values: Floats, counts: Floats, pages: int, per_page: float | None, depth: int | None) -> Latencies:
    """Latencies from values and how often each occurred, in any order."""
    distinct, place = np.unique(np.maximum(values, 1.0), return_inverse=True)
    number = np.bincount(place, counts)
    upto = np.cumsum(number) / number.sum()
    upto[-1] = 1.0
    below = np.concatenate(([0.0], upto[:-1]))
    return Latencies(
        distinct, below, upto, int(number.sum()), counted=True, pages=pages, per_page=per_page, depth=depth
    )


def from_quantiles(shares: Floats, values: Floats, requests: int, pages: int, depth: int | None) -> Latencies:
    """Latencies of which only quantiles are known: shares in (0, 1), and values; equal values keep the last share."""
    order = np.lexsort((shares, values))
    shares, values = shares[order], np.maximum(values[order], 1.0)
    kept = np.append(np.diff(values) > 0, True)
    return Latencies(
        values[kept], shares[kept], shares[kept], requests, counted=False, pages=pages, depth=depth
    )  # fmt: skip


def of_sizes(values: Floats, pages: NDArray[np.int64], depth: int | None) -> Latencies:
    """Latencies of requests of several sizes, brought to the commonest: a page more takes `per_page` nanoseconds more,
    which is the least-squares slope of the sizes' means, where at least two sizes have FEWEST requests each."""
    sizes, counts = np.unique(pages, return_counts=True)
    usual = int(sizes[np.argmax(counts)])
    common = counts >= FEWEST
    if common.sum() < 2:
        kept = pages == usual
        return counted(values[kept], np.ones(int(kept.sum())), usual, None, depth)
    means = np.array([values[pages == size].mean() for size in sizes[common]])
    slope = max(0.0, float(np.polyfit(sizes[common], means, 1, w=np.sqrt(counts[common]))[0]))
    slope = min(slope, 0.9 * float((values / pages).min()))
    moved = values - (pages - usual) * slope
    return counted(moved, np.ones(len(moved)), usual, slope, depth)


PAGE = 4096
MOST_BYTES = 1 << 30


def read_latencies(path: Path) -> dict[str, Latencies]:
    """The latencies in a file, fio's JSON or a CSV, by kind of request; raises BadInput."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path}: found more than {MOST_BYTES >> 30} GiB, allowed is less")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}, allowed is fio's JSON or a CSV of latencies") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: found the byte {error.object[error.start]:#04x}, allowed is text in UTF-8") from None
    return _read_fio(path, text) if _looks_like_json(text) else _read_table(path, text)


# fio's JSON

CLOCKS = (("clat_ns", 1), ("lat_ns", 1), ("clat", MICROSECOND), ("lat", MICROSECOND))
_SIZE = re.compile(r"(\d+)([kKmM]?)(?:i?[bB])?")


def _looks_like_json(text: str) -> bool:
    """Whether a file's text is fio's JSON, perhaps behind warnings that fio printed."""
    return _begin(text) is not None


def _begin(text: str) -> int | None:
    match = re.search(r"^\s*\{", text, re.MULTILINE)
    before = "" if match is None else text[: match.start()]
    return None if match is None or "," in before.split("\n", 1)[0] else match.start()


def _read_fio(path: Path, text: str) -> dict[str, Latencies]:
    """The latencies of each kind of request that was measured; raises BadInput."""
    begin = _begin(text) or 0
    try:
        data, _ = json.JSONDecoder().raw_decode(text[begin:].lstrip())
    except ValueError as error:
        line = text[:begin].count("\n") + int(getattr(error, "lineno", 1))
        raise BadInput(f"{path}:{line}: {error}, allowed is fio's JSON") from None
    jobs = data.get("jobs") if isinstance(data, dict) else None
    if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs) or not jobs:
        raise BadInput(f"{path}: found no list 'jobs', allowed is what fio --output-format=json or json+ prints")
    options = data.get("global options")
    found = {}
    for kind in KINDS:
        parts = [part for job in jobs if (part := _part(path, job, options, kind)) is not None]
        if parts:
            found[kind] = _together(path, kind, parts)
    if not found:
        raise BadInput(
            f"{path}: found no latencies of at least {FEWEST} reads or writes, allowed are jobs with clat_ns and its "
            "percentile or bins"
        )
    return found


Part = tuple[Mapping[str, Any], int, int, int]
"""Latencies as fio tells them, nanoseconds of their unit, pages of a request, depth."""


def _part(path: Path, job: Mapping[str, Any], options: Any, kind: str) -> Part | None:
    side = job.get(kind)
    if not isinstance(side, dict):
        return None
    own = job.get("job options")
    merged = {**(options if isinstance(options, dict) else {}), **(own if isinstance(own, dict) else {})}
    for key, unit in CLOCKS:
        latencies = side.get(key)
        if isinstance(latencies, dict) and (latencies.get("bins") or latencies.get("percentile")):
            requests = latencies.get("N", side.get("total_ios", 0))
            if not isinstance(requests, int) or requests < FEWEST:
                return None
            depth = _number(path, merged, "iodepth", 1) * _number(path, merged, "numjobs", 1)
            return {**latencies, "N": requests}, unit, _pages(path, merged), depth
    return None


def _number(path: Path, options: Mapping[str, Any], key: str, default: int) -> int:
    text = str(options.get(key, default))
    if not text.isdecimal():
        raise BadInput(f"{path}: job options: {key}: found {text!r}, allowed is a whole number")
    return max(1, int(text))


def _pages(path: Path, options: Mapping[str, Any]) -> int:
    text = str(options.get("bs", options.get("blocksize", PAGE))).split(",")[0].strip()
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadInput(f"{path}: job options: bs: found {text!r}, allowed is one size such as 4k")
    return max(1, -(-int(match[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20}[match[2].lower()] // PAGE))


def _together(path: Path, kind: str, parts: list[Part]) -> Latencies:
    sizes = sorted({pages for _, _, pages, _ in parts})
    if len(sizes) > 1:
        text = ", ".join(f"{size * 4} KiB" for size in sizes)
        raise BadInput(f"{path}: {kind}: found jobs with requests of {text}, allowed is one size a file")
    depth = max(depth for _, _, _, depth in parts)
    if all(latencies.get("bins") for latencies, _, _, _ in parts):
        pairs = [
            pair for latencies, unit, _, _ in parts for pair in _pairs(path, kind, "bins", latencies["bins"], unit)
        ]
        values, counts = np.array(pairs).T
        return counted(values, counts, sizes[0], None, depth)
    if len(parts) > 1:
        raise BadInput(
            f"{path}: {kind}: found percentiles of {len(parts)} jobs, which can't be put together, allowed is one job, "
            "fio --group_reporting, or bins (--output-format=json+)"
        )
    latencies, unit, pages, depth = parts[0]
    swapped = _pairs(path, kind, "percentile", latencies.get("percentile"), unit, swap=True)
    known = sorted((share / 100, value) for value, share in swapped if 0 < share < 100)
    shares, values = np.array(known).reshape(-1, 2).T
    if (np.diff(values) < 0).any():
        raise BadInput(
            f"{path}: {kind}: percentile: found a smaller latency at a larger share, allowed are ascending ones"
        )
    found = from_quantiles(shares, values, int(latencies["N"]), pages, depth)
    if len(found.values) < FEWEST_QUANTILES:
        raise BadInput(
            f"{path}: {kind}: found {len(found.values)} different percentiles, allowed are at least {FEWEST_QUANTILES}"
        )
    return found


def _pairs(
    path: Path, kind: str, key: str, table: Any, unit: int, swap: bool = False
) -> list[tuple[float, float]]:  # fmt: skip
    """Latencies in nanoseconds and how often each occurred; with `swap` the table is of shares to latencies."""
    if not isinstance(table, dict):
        raise BadInput(f"{path}: {kind}: {key}: found {table!r:.40}, allowed is a mapping of numbers")
    pairs = []
    for left, right in table.items():
        try:
            latency, other = (float(right), float(left)) if swap else (float(left), float(right))
        except (TypeError, ValueError):
            latency = other = -1.0
        if not (0 <= latency < 1e15 and 0 <= other < 1e18):
            raise BadInput(f"{path}: {kind}: {key}: found {left!r:.40}: {right!r:.40}, allowed are numbers from 0 up")
        pairs.append((latency * unit, other))
    return pairs


# Tables

UNITS = {"latency_ns": 1, "latency_us": MICROSECOND, "latency_ms": MILLISECOND, "latency_s": SECOND}
WORDS = {"read": "read", "r": "read", "write": "write", "w": "write"}
LOG_WORDS = {"0": "read", "1": "write", "2": ""}
LOG_COLUMNS = 4


@dataclass(frozen=True)
class _Columns:
    """Where things stand in a row."""

    latency: int
    unit: int
    kind: int | None
    size: int | None
    page: int
    """what a size is divided by"""
    words: Mapping[str, str]
    width: int

    def request(self, row: list[str]) -> tuple[str, float, int]:
        """A row's kind of request, its latency in nanoseconds and its pages; raises ValueError."""
        if len(row) < self.width:
            raise ValueError(f"found {len(row)} cells, allowed are {self.width}")
        word = "read" if self.kind is None else row[self.kind].strip().casefold()
        if self.kind is not None and word not in self.words:
            raise ValueError(f"found the kind {word[:40]!r}, allowed is one of {', '.join(self.words)}")
        latency = _float(row[self.latency]) * self.unit
        if not 0 <= latency < 1e15:
            raise ValueError(f"found {row[self.latency][:40]!r}, allowed is a latency from 0 up")
        size = float(self.page) if self.size is None else _float(row[self.size])
        if not 0 < size < 1e12 or size != int(size):
            found = row[self.size or 0][:40]
            raise ValueError(f"found the size {found!r}, allowed is a whole number from 1 up")
        return self.words.get(word, word), latency, -int(-size // self.page)


def _float(text: str) -> float:
    """A number; NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _read_table(path: Path, text: str) -> dict[str, Latencies]:
    """The latencies of each kind of request in a CSV; raises BadInput."""
    reader = csv.reader(text.splitlines(), skipinitialspace=True)
    requests: dict[str, list[tuple[float, int]]] = {kind: [] for kind in KINDS}
    columns: _Columns | None = None
    try:
        for row in reader:
            if not row or row[0].startswith("#"):
                continue
            header = columns is None
            columns = columns or _columns(row)
            if not header or columns.words is LOG_WORDS:
                kind, latency, pages = columns.request(row)
                requests.get(kind, []).append((latency, pages))
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num}: {error}, allowed is CSV") from None
    except ValueError as error:
        raise BadInput(f"{path}:{reader.line_num}: {error}") from None
    if columns is None:
        raise BadInput(f"{path}: found no rows, allowed is a CSV with a column latency_ns, or fio's JSON")
    known = {kind: rows for kind, rows in requests.items() if rows}
    for kind, rows in known.items():
        if len(rows) < FEWEST:
            raise BadInput(f"{path}: found {len(rows)} latencies of a {kind}, allowed are at least {FEWEST}")
    if not known:
        raise BadInput(f"{path}: found no latency, allowed are at least {FEWEST} of a kind")
    arrays = {kind: np.array(rows, np.float64).T for kind, rows in known.items()}
    return {kind: of_sizes(values, pages.astype(np.int64), None) for kind, (values, pages) in arrays.items()}


def _columns(row: list[str]) -> _Columns:
    """Where the columns are, by the first row: a header, or of fio's log the first request."""
    names = [cell.strip().casefold() for cell in row]
    if len(names) >= LOG_COLUMNS and all(name.isdecimal() for name in names[:LOG_COLUMNS]):
        return _Columns(1, 1, 2, 3, PAGE, LOG_WORDS, LOG_COLUMNS)
    latency = [name for name in names if name in UNITS]
    if len(latency) != 1:
        found = "no column" if not latency else " and ".join(latency)
        raise ValueError(f"found {found} of latencies in the header, allowed is one of {', '.join(UNITS)}")
    size = next((name for name in ("pages", "bytes") if name in names), None)
    return _Columns(
        names.index(latency[0]), UNITS[latency[0]], names.index("kind") if "kind" in names else None,
        None if size is None else names.index(size), PAGE if size == "bytes" else 1, WORDS, len(names),
    )  # fmt: skip
