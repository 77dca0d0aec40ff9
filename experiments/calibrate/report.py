"""What `pagesim calibrate` tells, for people and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.calibrate.candidates import Candidate
from experiments.calibrate.goodness import FILED, SHARES
from experiments.calibrate.latencies import Latencies
from experiments.present.numbers import share
from experiments.present.table import Cell, Column, Part, Table, text_column

CAVEAT = (
    "distance: Kolmogorov-Smirnov, the largest difference of the distribution functions; no p-values, which would not "
    "hold for fitted parameters"
)


def as_data(
    path: Path, measured: Mapping[str, Latencies], candidates: Sequence[Candidate], chosen: Candidate, line: str,
    out: Path | None, picture: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """All of it as one JSON object."""
    return {
        "file": str(path),
        "measured": {
            kind: {
                "requests": found.requests,
                "counted": found.counted,
                "pages": found.pages,
                "depth": found.depth,
                "quantiles_ns": dict(zip(map(str, SHARES), found.quantile(np.array(SHARES)).tolist(), strict=True)),
            }
            for kind, found in measured.items()
        },
        "fits": [
            {
                "model": one.fit.model,
                "parameters": one.fit.parameters,
                "aic": one.aic,
                "closeness": {
                    kind: {
                        "distance": close.distance,
                        "mean_error": close.mean_error,
                        "quantile_errors": {str(share): error for share, error in close.errors.items()},
                    }
                    for kind, close in one.close.items()
                },
            }
            for one in candidates
        ],
        "closest": chosen.fit.model,
        "set": None if chosen.fit.model == FILED and out is None else line,
        "written": None if out is None else str(out),
        "plot": None if picture is None else str(picture),
    }


def report(measured: Mapping[str, Latencies], candidates: Sequence[Candidate], chosen: Candidate) -> list[Part]:
    """How close each model comes, a row for each kind of request."""
    columns = [
        text_column("model"), text_column("requests"), Column("distance", format=lambda far: f"{far:.4f}"),
        Column("mean error", "share"), *(Column(f"p{100 * one:g}", format=lambda error: share(error, signed=True),
        priority=place) for place, one in enumerate(SHARES)), Column("AIC", priority=len(SHARES)),
    ]  # fmt: skip
    least = min((one.aic for one in candidates if one.aic is not None), default=0.0)
    rows = [
        (
            ("* " if one is chosen else "  ") + one.fit.model, f"{kind}s", close.distance, close.mean_error,
            *(close.errors.get(one_share) for one_share in SHARES),
            None if one.aic is None else Cell(f"{one.aic - least:+,.0f}", one.aic - least),
        )
        for one in candidates for kind, close in one.close.items()
    ]  # fmt: skip
    told = [
        f"{found.requests:,} {kind}s of {found.pages * 4} KiB{'' if found.counted else ', known by quantiles'}"
        for kind, found in measured.items()
    ]
    return ["; ".join(told), Table("models, and the errors of their quantiles", columns, rows, notes=[CAVEAT])]


def last_lines(chosen: Candidate, line: str, out: Path | None, picture: Path | None) -> list[str]:
    """What was chosen, how to use it, and where it was written."""
    lines = [f"closest: {chosen.fit.model}"]
    if chosen.fit.model != FILED or out is not None:
        lines.append(f"use it: pagesim run CONFIG --set {shlex.quote(line)}")
    if out is None:
        lines.append("--out FRAGMENT.yaml writes it as a part of a config, with a plot beside it")
    else:
        lines.append(f"written to {out}")
    return [*lines, *([f"plot: {picture}"] if picture else [])]
