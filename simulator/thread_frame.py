"""The thread log as a pandas frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.columns import category, known
from simulator.memory.state import State
from simulator.state import constants
from simulator.state.schema import ThreadRow


def thread_frame(state: State, parts: Sequence[NDArray[Any]]) -> pd.DataFrame:
    """One row for each time that a thread was in one state, by start, then process and thread, daemons first.

    Columns: `start_ns` and `end_ns`; `process` and the `thread`'s number in it, or the `daemon` whose thread it is;
    `state`, of `THREAD_STATE_NAMES`; `processor`, by number, where the state is running. What doesn't apply is
    missing (NA). A thread's rows touch from its start to its end, and those of a process in one state add up to its
    `run_ns`, `ready_ns`, `stall_read_ns` and so on. That a daemon has nothing to do is no row.
    """
    log = np.concatenate([np.empty(0, ThreadRow.dtype), *parts])
    log = log[np.lexsort((log["thread"], log["process"], log["start_ns"]))]
    process = log["process"]
    return pd.DataFrame(
        {
            "start_ns": log["start_ns"].copy(),
            "end_ns": log["end_ns"].copy(),
            "process": category(np.maximum(process, -1), state.names),
            "thread": known(log["thread"], process >= 0),
            "daemon": category(np.maximum(-1 - process, -1), constants.DAEMON_NAMES),
            "state": category(log["state"], constants.THREAD_STATE_NAMES),
            "processor": known(log["processor"], log["processor"] >= 0),
        },
        copy=False,
    )
