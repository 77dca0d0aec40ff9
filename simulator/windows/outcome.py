"""What only a run with programs leaves: their notes, the pools by tag, and why pages left working sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simulator.result import RunResult
from simulator.state.constants import DEPARTURE_REASONS, REASON_NAMES
from simulator.windows.pool import PoolRow, pool_frame
from simulator.windows.system import System


def complete(system: System, own_pool: Mapping[tuple[str, str], int], result: RunResult) -> None:
    """Add all that to a run's result; `own_pool` is what was in use of each tag and pool before any program ran."""
    notes, rows = system.notes, system.pool.rows()
    result.make("notes", lambda: pd.DataFrame(notes, columns=["time_ns", "process", "name", "value"]))
    result.make("pools", lambda: pool_frame(rows))
    result.summary["pools"] = _pool_left(own_pool, rows)
    result.summary["notes"] = _last_notes(system)
    result.summary["departures"] = _departures(system)


def _last_notes(system: System) -> dict[str, dict[str, float]]:
    """What each process noted down last under each name."""
    last: dict[str, dict[str, float]] = {}
    for _, process, name, value in system.notes:
        last.setdefault(process, {})[name] = value
    return last


def _departures(system: System) -> dict[str, dict[str, int]]:
    """Pages that left each process's working set, by reason."""
    processes = system.state.arrays["processes"]
    return {
        name: {
            REASON_NAMES[reason]: int(processes["departures"][number, reason])
            for reason in DEPARTURE_REASONS
            if processes["departures"][number, reason]
        }
        for number, name in enumerate(system.state.names)
    }


def _pool_left(own_pool: Mapping[tuple[str, str], int], rows: list[PoolRow]) -> list[dict[str, Any]]:
    """The rows of PoolMon's table for tags of which more is in use than the system itself has from the beginning, most
    bytes first."""
    left = [row for row in rows if row.diff > own_pool.get((row.tag, row.type), 0)]
    return [row._asdict() for row in sorted(left, key=lambda row: (-row.bytes, row.tag, row.type))]
