"""A profile in a few figures, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workloads.profile.profile import Profile
from workloads.profile.sampled import SAMPLES

SHARES = (0.5, 0.9, 0.99, 1.0)
"""Shares of the references for which the summary says how few pages receive them."""


def summary(profile: Profile, frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """What is in a trace: counts, the curves at powers of two and at the footprint, phases. Misses are counted in
    requests (runs): of a run's references only the first can miss."""
    popularity = frames["popularity"]
    touched = popularity["runs"] > 0
    kinds = {kind: int(popularity[kind].sum()) for kind in ("fetches", "loads", "stores")}
    return {
        "runs": profile.runs,
        "references": profile.references,
        **kinds,
        "pages": int(touched.sum()),
        "pages_fetched": int((popularity["fetches"] > 0).sum()),
        "pages_stored": int((popularity["stores"] > 0).sum()),
        "pages_for_share": _concentration(popularity),
        "reuse_median_requests": _median(frames["reuse"], "requests"),
        "interval": profile.timeline.width,
        "working_set": _working_set(frames["working_set"]),
        "misses": _misses(frames),
        "sampling": _sampling(profile, frames),
        "phases": _phases(frames["phases"]),
    }


def _concentration(popularity: pd.DataFrame) -> dict[str, int]:
    counts = np.sort(popularity[["fetches", "loads", "stores"]].sum(axis=1).to_numpy())[::-1]
    held = np.cumsum(counts)
    return {f"{share:g}": int(np.searchsorted(held, share * held[-1])) + 1 for share in SHARES}


def _median(reuse: pd.DataFrame, clock: str) -> int | None:
    """The upper end of the bin in which the median lies; None if no page is referenced twice."""
    rows = reuse[reuse["clock"] == clock]
    held = rows["count"].cumsum().to_numpy()
    return int(rows["most"].iloc[int(np.searchsorted(held, held[-1] / 2))]) if held[-1] else None


def _working_set(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame[frame["window"].isin([10**power for power in range(1, 19)])]
    return [
        {
            "clock": str(row["clock"]),
            "window": int(row["window"]),
            "misses": int(row["misses"]),
            "size": round(float(row["size"]), 6),
        }
        for row in rows.to_dict("records")
    ]


def _misses(frames: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    known = [frames[name].set_index("pages") for name in ("curves", "sampled") if name in frames]
    if not known:
        return []
    together = pd.concat(known, axis=1, join="inner").reset_index()
    most = int(together["pages"].max())
    rows = together[together["pages"].isin([*(1 << power for power in range(64)), most])]
    names = {"lru_misses": "lru", "optimal_misses": "optimal", "misses": "shards", "low": "shards_low",
             "high": "shards_high"}  # fmt: skip
    chosen = [column for column in names if column in rows]
    return [
        {"pages": int(row["pages"]), **{names[column]: round(row[column], 1) for column in chosen}}
        for row in rows.to_dict("records")
    ]


def _sampling(profile: Profile, frames: Mapping[str, pd.DataFrame]) -> dict[str, Any] | None:
    """How the sampled curve was made and, where the exact one is there, how far off it is, in miss ratio."""
    if not profile.shards:
        return None
    found: dict[str, Any] = {
        "rate": profile.shards.rate, "samples": SAMPLES, "pages": sum(profile.shards.sampled),
        "exact_up_to": len(profile.shards.head) - 1,
    }  # fmt: skip
    if "curves" in frames:
        both = frames["sampled"].merge(frames["curves"], on="pages")
        error = (both["misses"] - both["lru_misses"]).abs() / profile.runs
        found |= {"error_mean": float(error.mean()), "error_most": float(error.max())}
    return found


def _phases(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {**{name: int(row[name]) for name in ("start", "length", "pages")}, "stable": bool(row["stable"])}
        for row in frame.to_dict("records")
    ]
