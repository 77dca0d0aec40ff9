"""A run's result: a summary and pandas frames, and how they are kept in a directory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

FRAMES = ("samples", "processes", "faults", "io", "page_map", "pages")
"""The frames of a result; each is kept as `<name>.parquet`."""
OPTIONAL = ("threads", "denning", "notes", "pools")
"""Frames that are kept only if there is something in them."""


class SimulationError(Exception):
    """The simulated machine can't go on; the message is for the user."""


class PolicyRefused(ValueError):
    """A policy proposed what it may not; the message names it and says why."""


@dataclass
class RunResult:
    """What a run gives: see the README for the columns of each frame.

    Frames of a run are made when they are first looked at (`later`): a short run takes less time than its frames, and
    many of its users read the summary only. Until then the result holds the machine's arrays.
    """

    summary: dict[str, Any]
    """counters of the whole machine; `summary["processes"][name]` has those of each process"""
    samples: pd.DataFrame
    """counters over simulated time, one row a sample, PerfMon names"""
    processes: pd.DataFrame
    """one row a process"""
    faults: pd.DataFrame = field(default_factory=pd.DataFrame)
    """one row a fault"""
    io: pd.DataFrame = field(default_factory=pd.DataFrame)
    """one row an I/O"""
    page_map: pd.DataFrame = field(default_factory=pd.DataFrame)
    """pages referenced between two samples"""
    pages: pd.DataFrame = field(default_factory=pd.DataFrame)
    """one row for each thing that happened to a page beside being referenced; see `simulator.page_frame`"""
    threads: pd.DataFrame = field(default_factory=pd.DataFrame)
    """one row for each time a thread was in one state; see `simulator.thread_frame`"""
    denning: pd.DataFrame = field(default_factory=pd.DataFrame)
    """each process's working-set size and misses by window, if they were asked for"""

    notes: pd.DataFrame = field(default_factory=pd.DataFrame)
    """what programs noted down: time_ns, process, name, value"""
    pools: pd.DataFrame = field(default_factory=pd.DataFrame)
    """pool allocations by tag at the end of a run with programs, as PoolMon shows them"""

    @classmethod
    def later(cls, summary: dict[str, Any], frames: Mapping[str, Callable[[], pd.DataFrame]]) -> RunResult:
        """A result of which each frame is made by a function, at the first look; those not given are empty."""
        result = cls.__new__(cls)
        result.summary = summary
        result.__dict__["_later"] = {name: frames.get(name, pd.DataFrame) for name in (*FRAMES, *OPTIONAL)}
        return result

    def make(self, name: str, frame: Callable[[], pd.DataFrame]) -> None:
        """Have a frame of a result that came from `later` made by another function."""
        self.__dict__["_later"][name] = frame

    def complete(self) -> RunResult:
        """Make all frames, so that the result holds nothing else; returns it."""
        for name in (*FRAMES, *OPTIONAL):
            getattr(self, name)
        self.__dict__.pop("_later", None)
        return self

    if not TYPE_CHECKING:  # for a type checker there are only the fields

        def __getattr__(self, name: str) -> Any:
            """A frame that has not been made yet."""
            make = self.__dict__.get("_later", {}).get(name)
            if make is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            frame = make()
            setattr(self, name, frame)
            del self.__dict__["_later"][name]
            return frame

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and sent elsewhere: the frames, not what makes them."""
        return dict(self.complete().__dict__)

    def write(self, directory: Path) -> None:
        """Write summary.json and the frames into an existing directory; the same result gives the same bytes."""
        text = json.dumps(self.summary, indent=2, sort_keys=True)
        (directory / "summary.json").write_text(text + "\n", encoding="utf-8")
        for name in (*FRAMES, *(name for name in OPTIONAL if len(getattr(self, name)))):
            getattr(self, name).to_parquet(directory / f"{name}.parquet", compression="zstd", index=False)

    @classmethod
    def read(cls, directory: Path) -> RunResult:
        """Read a result back; raises FileNotFoundError if a part is missing."""
        summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
        names = [*FRAMES, *(name for name in OPTIONAL if (directory / f"{name}.parquet").exists())]
        return cls(summary, **{name: pd.read_parquet(directory / f"{name}.parquet") for name in names})
