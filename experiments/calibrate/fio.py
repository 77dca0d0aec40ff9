"""Latencies from fio's JSON, `fio --output-format=json` or `json+`.

Taken is the completion latency: `clat_ns` of fio 3, `clat` (microseconds) of fio 2; its `bins` (json+) if they are
there, else its percentiles. How many requests were under way is the job's `iodepth` times its `numjobs`; how large they
were, its `bs` [fio's documentation, "fio_generate_plots" and HOWTO, JSON output].
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.calibrate.latencies import FEWEST, FEWEST_QUANTILES, KINDS, Latencies, counted, from_quantiles
from experiments.errors import BadInput
from simulator.units import MICROSECOND

PAGE = 4096
CLOCKS = (("clat_ns", 1), ("lat_ns", 1), ("clat", MICROSECOND), ("lat", MICROSECOND))
_SIZE = re.compile(r"(\d+)([kKmM]?)(?:i?[bB])?")


def looks_like_json(text: str) -> bool:
    """Whether a file's text is fio's JSON, perhaps behind warnings that fio printed."""
    return _begin(text) is not None


def _begin(text: str) -> int | None:
    match = re.search(r"^\s*\{", text, re.MULTILINE)
    before = "" if match is None else text[: match.start()]
    return None if match is None or "," in before.split("\n", 1)[0] else match.start()


def read_fio(path: Path, text: str) -> dict[str, Latencies]:
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
        told = side.get(key)
        if isinstance(told, dict) and (told.get("bins") or told.get("percentile")):
            requests = told.get("N", side.get("total_ios", 0))
            if not isinstance(requests, int) or requests < FEWEST:
                return None
            depth = _number(path, merged, "iodepth", 1) * _number(path, merged, "numjobs", 1)
            return {**told, "N": requests}, unit, _pages(path, merged), depth
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
    if all(told.get("bins") for told, _, _, _ in parts):
        pairs = [pair for told, unit, _, _ in parts for pair in _pairs(path, kind, "bins", told["bins"], unit)]
        values, counts = np.array(pairs).T
        return counted(values, counts, sizes[0], None, depth)
    if len(parts) > 1:
        raise BadInput(
            f"{path}: {kind}: found percentiles of {len(parts)} jobs, which can't be put together, allowed is one job, "
            "fio --group_reporting, or bins (--output-format=json+)"
        )
    told, unit, pages, depth = parts[0]
    swapped = _pairs(path, kind, "percentile", told.get("percentile"), unit, swap=True)
    known = sorted((share / 100, value) for value, share in swapped if 0 < share < 100)
    shares, values = np.array(known).reshape(-1, 2).T
    if (np.diff(values) < 0).any():
        raise BadInput(
            f"{path}: {kind}: percentile: found a smaller latency at a larger share, allowed are ascending ones"
        )
    found = from_quantiles(shares, values, int(told["N"]), pages, depth)
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
