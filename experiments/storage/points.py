"""Results as frames that answer questions: `experiments.load("results/x")`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq

from experiments.analysis.frames import POINTS, Measured, frames
from experiments.analysis.reduction import mean_memory
from experiments.errors import BadInput
from experiments.storage.directory import (
    BASELINE,
    POINT,
    SWEEP,
    check_file,
    opened,
    read_json,
    read_manifest,
    study_of,
    telling_damage,
)
from simulator.result import RunResult

if TYPE_CHECKING:
    from experiments.notebook.picture import Picture
    from experiments.notebook.results import Run

ABOUT = "point"
"""The key of a point's manifest that says what the study knows of it."""
Filters = Sequence[tuple[str, str, Any]]
"""Conditions on columns that hold together, such as `[("kind", "==", "hard")]`, as PyArrow has them."""


class Points(pd.DataFrame):
    """One row for each point of a result, with its parameters and figures as columns; a pandas frame that still knows
    where the points' own frames are.

    What is chosen from it by rows stays one, so `points[points["machine.memory"] > 2**24].samples()` reads the samples
    of those points only.
    """

    _metadata = ["_places", "_parameters"]  # noqa: RUF012 (pandas' own name and type)
    _places: Mapping[str, str] = MappingProxyType({})
    _parameters: Sequence[str] = ()

    @property
    def _constructor(self) -> Callable[..., Points]:
        return Points

    @property
    def parameters(self) -> list[str]:
        """The columns that tell one point from another."""
        return [name for name in self._parameters if name in self.columns]

    def samples(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The samples of the points in this frame, with their parameters as columns; only `columns` are read."""
        return self.read("samples", columns)

    def faults(self, columns: Sequence[str] | None = None, filters: Filters | None = None) -> pd.DataFrame:
        """The fault logs of the points in this frame, with their parameters; of `columns` and of rows that meet the
        `filters` no others are read."""
        return self.read("faults", columns, filters)

    def processes(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The processes of the points in this frame, with their parameters."""
        return self.read("processes", columns)

    def read(self, name: str, columns: Sequence[str] | None = None, filters: Filters | None = None) -> pd.DataFrame:
        """Any frame of the points (see `simulator.result.FRAMES`), one below the other, after columns for the point and
        its parameters.

        Raises BadInput if a point hasn't such a frame, because only summaries were kept, or such a column.
        """
        keys = [key for key in ("point", *self.parameters) if key in self.columns]
        parts = []
        for _, row in self[self["error"].isna() | self["point"].isin(list(self._places))].iterrows():
            part = _table(self.directory(row["point"]) / f"{name}.parquet", columns, filters)
            for key in reversed(keys):
                part.insert(0, key, pd.Series([row[key]] * len(part), index=part.index, dtype=self[key].dtype))
            parts.append(part)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*keys, *(columns or ())])

    def directory(self, point: str) -> Path:
        """The result directory of a point."""
        if point not in self._places:  # a point that failed, or a frame that was put together otherwise
            raise BadInput(f"found no whole result of {point!r}; allowed is a point that was kept")
        return Path(self._places[point])

    def result(self, point: str) -> Run:
        """The whole result of a point."""
        from experiments.notebook.results import Run

        place = self.directory(point)
        with opened(place):
            return Run(**vars(RunResult.read(place)))

    def curves(self) -> Picture:
        """A sweep's figures over the number that takes most values, as a matplotlib figure; raises BadInput if no
        parameter is a number that takes two."""
        from experiments.notebook.picture import picture

        settings = [name for name in self.parameters if name != "replication"]
        return picture((pd.DataFrame(self), settings), "sweep-curves", "sweep")

    def __repr__(self) -> str:
        from experiments.present.sweep import points_table
        from experiments.present.terminal import text

        table = points_table(self, self.parameters)
        return super().__repr__() if table is None else text([table])

    def _repr_html_(self) -> str | None:
        from experiments.present.html import fragment
        from experiments.present.sweep import points_table

        table = points_table(self, self.parameters)
        whole: Any = pd.DataFrame(self)
        return whole._repr_html_() if table is None else fragment([table])


def load(directory: Path | str) -> Points:
    """The points of a sweep's, a comparison's, a search's or a run's directory.

    A study that isn't finished has those points that are. Sizes are bytes and times nanoseconds; names of policies are
    text; `error` says why a point failed. Raises BadInput for another directory, or one with a part missing.
    """
    place = Path(directory)
    study = study_of(place)
    if study is None:
        with opened(place) as manifest:
            return _run(place, manifest)
    with telling_damage(place):
        if study["complete"] and study["kind"] != SWEEP:
            with opened(place, (study["kind"],)):
                pass
        check_file(place / f"{POINTS}.parquet")
        return _study(place, study)


def _points(frame: pd.DataFrame, parameters: Sequence[str], places: dict[str, str]) -> Points:
    made = Points(frame)
    made._places, made._parameters = places, list(parameters)
    return made


def _study(place: Path, study: Mapping[str, Any]) -> Points:
    """The points of a study that is described so."""
    if study["complete"]:
        frame = pd.read_parquet(place / f"{POINTS}.parquet")
        done = frame.loc[frame["error"].isna(), "point"].tolist()
    else:
        unlimited = [_summary(place / f"{BASELINE}{name}") for name in study["baselines"]]
        done, rows = finished(place), []
        for point in (one for one in study["points"] if one["point"] in set(done)):
            directory, n = place / f"{POINT}{point['point']}", point["replication"]
            data = measured(directory, about(directory))
            if data is not None:
                baseline = unlimited[n] if unlimited else None
                rows.append(Measured(point["point"], point["parameters"], n, point["seed"], data, None, baseline))
        frame = frames(rows, study["parameters"])[POINTS]
    places = {str(name): os.path.abspath(place / f"{POINT}{name}") for name in done}
    return _points(frame, [*study["parameters"], "replication"], places)


def finished(directory: Path) -> list[str]:
    """The names of the finished points in a study's directory, sorted."""
    return sorted(path.name.removeprefix(POINT) for path in directory.glob(f"{POINT}*") if path.is_dir())


def about(place: Path) -> dict[str, Any]:
    """What the manifest of a point says of it; empty if it can't be read."""
    try:
        known = read_manifest(place).get(ABOUT)
    except BadInput:
        return {}
    return known if isinstance(known, dict) else {}


def measured(place: Path, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was measured of a point, as its directory keeps it; None if it isn't there. `known` is what `about` says."""
    summary = _summary(place)
    if summary is None or not isinstance(known.get("measured"), dict):
        return None
    return {"summary": summary, **known["measured"]}


def _summary(place: Path) -> dict[str, Any] | None:
    try:
        summary: dict[str, Any] = json.loads((place / "summary.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return summary


def _run(place: Path, manifest: Mapping[str, Any]) -> Points:
    summary = read_json(place / "summary.json")
    result = RunResult(summary, pd.read_parquet(place / "samples.parquet"), pd.DataFrame())
    data = {"summary": summary, "mean_memory_bytes": mean_memory(result)}
    name = place.resolve().name
    row = Measured(name, {}, 0, manifest["seed"], data, summary.get("reason"))
    return _points(frames([row], ())[POINTS], (), {name: os.path.abspath(place)})


def _table(path: Path, columns: Sequence[str] | None, filters: Filters | None) -> pd.DataFrame:
    if not path.exists():
        raise BadInput(f"{path}: found nothing, allowed is a point whose frames were kept")
    check_file(path)
    with telling_damage(path):
        there = pq.read_schema(path).names
    for name in (*(columns or ()), *(condition[0] for condition in filters or ())):
        if name not in there:
            raise BadInput(f"{path}: found no column {name!r}, allowed is one of {', '.join(there)}")
    with telling_damage(path):
        frame: pd.DataFrame = pq.read_table(
            path, columns=None if columns is None else list(columns), filters=None if filters is None else list(filters)
        ).to_pandas()
    return frame
