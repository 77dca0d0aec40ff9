"""A profile as pandas frames, ready to be kept: one for each question."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workloads.profile.intervals import Counted
from workloads.profile.phases import Windows, phases, windows
from workloads.profile.profile import Profile
from workloads.profile.working_set import grid, known, working_set

CLOCKS = ("requests", "references")
MOST_SIZES = 2000
"""Sizes at which a sampled curve is told, beside the first 1,024."""
PER_OCTAVE = 8
"""Bins of reuse times for each factor of two."""


def misses(histogram: NDArray[np.int64]) -> NDArray[np.int64]:
    """The misses by size, from 0 to as many pages as there are: what a histogram of stack distances says."""
    return histogram.sum() - np.cumsum(histogram) + histogram[0]


def frames(profile: Profile) -> dict[str, pd.DataFrame]:
    """The frames by name; `curves` and `sampled` only where they were asked for.

    `curves`: pages of memory, misses of LRU and of optimal replacement with so many. `sampled`: pages, misses of LRU as
    estimated, and the ends of the 95 % band. `working_set`: clock, window, misses, size (mean pages). `reuse`: clock,
    least and most (time from one reference to a page to the next), count. `timeline`: for each interval its first
    reference, its references by kind, distinct pages in it, and the footprint at its end. `windows`: for each window of
    phase detection its first reference, distinct pages, distance from the one before. `phases`: start, length, pages,
    stable. `heat`: interval, row, references; `rows`: first and last page number of each row. `popularity`: for each
    page its runs, fetches, loads and stores.
    """
    compared = windows(profile.timeline)
    found = {
        "working_set": pd.concat([_working_set(profile, clock) for clock in range(2)], ignore_index=True),
        "reuse": pd.concat([_reuse(profile, clock) for clock in range(2)], ignore_index=True),
        "timeline": _timeline(profile),
        "windows": _windows(profile, compared),
        "phases": pd.DataFrame(phases(profile.timeline, compared, profile.references)),
        "heat": _heat(profile),
        "rows": _rows(profile),
        "popularity": _popularity(profile),
    }
    if profile.lru is not None and profile.optimal is not None:
        sizes = np.arange(1, len(profile.lru))
        found["curves"] = pd.DataFrame({
            "pages": sizes, "lru_misses": misses(profile.lru)[1:], "optimal_misses": misses(profile.optimal)[1:],
        })  # fmt: skip
    if profile.shards:
        sizes = _sizes(len(profile.pages))
        estimate = profile.shards.curve(sizes)
        found["sampled"] = pd.DataFrame({"pages": sizes, **estimate._asdict()})
    return found


def _sizes(pages: int) -> NDArray[np.int64]:
    spread = np.geomspace(1, pages, MOST_SIZES).round().astype(np.int64)
    return np.union1d(np.arange(1, min(pages, 1024) + 1), spread)


def _clock(profile: Profile, clock: int) -> tuple[Counted, int]:
    intervals = profile.intervals
    return (intervals.requests, profile.runs) if clock == 0 else (intervals.references, profile.references)


def _named(clock: int, rows: int) -> Any:
    return pd.Categorical.from_codes(np.full(rows, clock, np.int8), pd.Index(CLOCKS))


def _working_set(profile: Profile, clock: int) -> pd.DataFrame:
    counted, length = _clock(profile, clock)
    curve = working_set(counted, profile.intervals.last[clock], length, grid(length))
    return pd.DataFrame({"clock": _named(clock, len(curve.window)), **curve._asdict()})


def _reuse(profile: Profile, clock: int) -> pd.DataFrame:
    counted, length = _clock(profile, clock)
    most = np.unique(known((2.0 ** np.arange(0, np.log2(length) + 1, 1 / PER_OCTAVE)).astype(np.int64)))
    longest, number, _ = counted.classes()
    upto = np.concatenate(([0], np.cumsum(number)))[np.searchsorted(longest, most, "right")]
    frame = pd.DataFrame({
        "clock": _named(clock, len(most)), "least": np.concatenate(([1], most[:-1] + 1)), "most": most,
        "count": np.diff(upto, prepend=0),
    })  # fmt: skip
    return frame[: int(np.searchsorted(upto, upto[-1])) + 1]


def _timeline(profile: Profile) -> pd.DataFrame:
    timeline = profile.timeline
    fetches, loads, stores = timeline.kinds.T
    return pd.DataFrame({
        "start": np.arange(timeline.intervals) * timeline.width, "fetches": fetches, "loads": loads, "stores": stores,
        "pages": timeline.working_set(), "footprint": timeline.footprint(),
    })  # fmt: skip


def _windows(profile: Profile, compared: Windows) -> pd.DataFrame:
    return pd.DataFrame({
        "start": compared.first * profile.timeline.width, "pages": compared.pages, "distance": compared.distance,
    })  # fmt: skip


def _heat(profile: Profile) -> pd.DataFrame:
    interval, row = np.nonzero(profile.timeline.heat)
    return pd.DataFrame({
        "interval": interval.astype(np.uint16), "row": row.astype(np.uint16),
        "references": profile.timeline.heat[interval, row],
    })  # fmt: skip


def _rows(profile: Profile) -> pd.DataFrame:
    first = np.arange(0, len(profile.pages), profile.timeline.group)
    last = np.minimum(first + profile.timeline.group, len(profile.pages)) - 1
    return pd.DataFrame({"first": profile.pages[first], "last": profile.pages[last]})


def _popularity(profile: Profile) -> pd.DataFrame:
    runs, fetches, loads, stores = profile.popularity.counts.T
    return pd.DataFrame({"page": profile.pages, "runs": runs, "fetches": fetches, "loads": loads, "stores": stores})
