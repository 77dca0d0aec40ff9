"""Results as frames that answer questions: `experiments.load("results/x")`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq

from experiments.batch.point import Outcome, Point
from experiments.compare.result import CONCLUSIONS
from experiments.errors import BadInput
from experiments.opening import check_file, opened, read_json
from experiments.store import COMPARISON, KIND, SWEEP_FILE, telling_damage
from experiments.sweeps.frames import POINTS, head, tidy
from experiments.sweeps.layout import POINT, about, finished, read_outcome
from simulator.result import RunResult

if TYPE_CHECKING:
    from experiments.notebook.picture import Picture
    from experiments.notebook.results import Run

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
        if point not in self._places:  # a comparison without --keep, or a frame that was put together otherwise
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
    """The points of a sweep's, a comparison's or a run's directory.

    A sweep that isn't finished has those points that are. Sizes are bytes and times nanoseconds; names of policies are
    text; `error` says why a point failed. Raises BadInput for another directory, or one with a part missing.
    """
    place = Path(directory)
    if (place / SWEEP_FILE).exists():
        return _sweep(place)
    with opened(place, (KIND, COMPARISON)) as manifest:
        return _comparison(place) if manifest["kind"] == COMPARISON else _run(place, manifest)


def _points(frame: pd.DataFrame, parameters: Sequence[str], places: dict[str, str]) -> Points:
    made = Points(frame)
    made._places, made._parameters = places, list(parameters)
    return made


def _sweep(place: Path) -> Points:
    told = read_json(place / SWEEP_FILE)
    with telling_damage(place):
        check_file(place / f"{POINTS}.parquet")
        return _points_of(place, told)


def _points_of(place: Path, told: dict[str, Any]) -> Points:
    """The points of a sweep that is described so."""
    names = [*told["parameters"], "replication"]
    if told["complete"]:
        frame = pd.read_parquet(place / f"{POINTS}.parquet")
        done = set(frame.loc[frame["error"].isna(), "point"])
    else:
        done, rows = set(finished(place)), []
        for point in told["points"]:
            name = point["point"]
            if name in done and (outcome := read_outcome(place, Point(name, {}, ""), about(place, name))):
                rows.append((head(name, point["parameters"], point["replication"], point["seed"]), outcome))
        frame = tidy(rows, told["parameters"])[POINTS]
    places = {name: os.path.abspath(place / f"{POINT}{name}") for name in done}
    return _points(frame, names, places)


def _comparison(place: Path) -> Points:
    frame = pd.read_parquet(place / f"{POINTS}.parquet")
    end = list(frame.columns).index("error")
    parameters = [name for name in frame.columns[:end] if name != "seed"]
    from experiments.compare.plan import MEMORY, run_name

    labels: list[str] = read_json(place / CONCLUSIONS)["labels"]
    heads = zip(frame["label"], frame[MEMORY], frame["replication"], strict=True)
    frame.insert(0, "point", [run_name(label, labels.index(label), *rest) for label, *rest in heads])
    kept = {str(name): os.path.abspath(place / "points" / str(name)) for name in frame["point"]}
    return _points(frame, parameters, {name: path for name, path in kept.items() if Path(path).is_dir()})


def _run(place: Path, told: dict[str, Any]) -> Points:
    from experiments.batch.measure import mean_memory

    summary = read_json(place / "summary.json")
    result = RunResult(summary, pd.read_parquet(place / "samples.parquet"), pd.DataFrame())
    measured = {"summary": summary, "mean_memory_bytes": mean_memory(result)}
    name = place.resolve().name
    row = head(name, {}, 0, told["seed"])
    frame = tidy([(row, Outcome(Point(name, {}, ""), measured, summary.get("reason"), 0.0))], ())[POINTS]
    return _points(frame, (), {name: os.path.abspath(place)})


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
