"""What only a run with programs leaves: their notes, the pools by tag, and why pages left working sets."""

from __future__ import annotations

from typing import Any

import pandas as pd

from simulator.records import DEPARTURE_REASONS, REASON_NAMES
from simulator.result import RunResult
from simulator.windows.system import System


def complete(system: System, own_pool: pd.DataFrame, result: RunResult) -> None:
    """Add all that to a run's result; `own_pool` is PoolMon's table before any program ran."""
    result.notes = pd.DataFrame(system.notes, columns=["time_ns", "process", "name", "value"])
    result.pools = system.pool.table()
    result.summary["pools"] = _pool_left(own_pool, result.pools)
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


def _pool_left(own_pool: pd.DataFrame, table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of PoolMon's table for tags of which more is in use than the system itself has from the beginning, most
    bytes first."""
    keys = ["tag", "type"]
    own = own_pool.set_index(keys)["diff"].reindex(pd.MultiIndex.from_frame(table[keys]), fill_value=0)
    left = table[table["diff"].to_numpy() > own.to_numpy()]
    rows = left.sort_values(["bytes", *keys], ascending=[False, True, True]).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
