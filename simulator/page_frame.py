"""The page log as a pandas frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.columns import category, known
from simulator.memory.state import State
from simulator.state import constants
from simulator.state.schema import PageRow

Numbers = NDArray[Any]


def page_frame(state: State, parts: Sequence[Numbers]) -> pd.DataFrame:
    """One row for each thing that happened to a page beside being referenced, in the order in which it happened.

    Columns: `time_ns`; `event` and `reason` (`simulator.state.constants`); `process` and `page` (virtual number), none
    where it happened to a file's page as such; `file` and `file_page`, none for private pages; `since_ns`, when the
    fault or the I/O began that ends here; `thread`, whose fault it was; `for_process`, `for_page`, `for_file` and
    `for_file_page`, the page that needed the room or got the frame; `wanted`, the pages that the pass was to trim;
    `accessed` and `age` as a page left its working set; `disk` and `offset`, where it was written to, as in the I/O
    log. What doesn't apply is missing (NA).
    """
    log = np.concatenate([np.empty(0, PageRow.dtype), *parts])
    event, reason, other = log["event"], log["reason"], log["other"]
    left, written = event == constants.LEFT, event == constants.WRITTEN
    replaced, trimmed = left & (reason == constants.REPLACED), left & (reason == constants.TRIMMED)
    faulted = replaced | (event == constants.ENTERED) | (event == constants.COPIED)
    nobody = np.int32(-1)
    aim = np.where(replaced, other, nobody)
    gets = np.where(event == constants.REPURPOSED, other, nobody)
    stores = state.arrays["stores"]
    store = np.where(written, log["number"], nobody)
    return pd.DataFrame(
        {
            "time_ns": log["time_ns"].copy(),
            "event": category(event, constants.EVENT_NAMES),
            "reason": category(reason, constants.REASON_NAMES),
            **_whose(state, log["entry"], log["content"], ""),
            "since_ns": known(log["since_ns"], log["since_ns"] >= 0),
            "thread": known(log["number"], faulted),
            **_whose(state, aim, gets, "for_"),
            "wanted": known(other, trimmed),
            "accessed": pd.arrays.BooleanArray(log["accessed"].astype(np.bool_), ~left),
            "age": known(log["age"], left),
            "disk": category(np.where(written, stores["disk"][store], -1), state.disk_names),
            "offset": known(stores["base"][store] + other, written),
        },
        copy=False,
    )


def _whose(state: State, entry: Numbers, content: Numbers, prefix: str) -> dict[str, Any]:
    """Process and page of each entry, or of the content where there is none; file and its page where it is one's."""
    ptes, contents = state.arrays["ptes"], state.arrays["contents"]
    nobody = np.int32(-1)
    file = np.where(content >= 0, contents["file"][content], nobody)
    entry = np.where((entry < 0) & (content >= 0), contents["pte"][content], entry)
    owned, mapped = entry >= 0, file >= 0
    first = state.arrays["stores"]["first_content"][file]
    which = np.maximum(file - np.int32(state.paging_files), nobody)
    names, offsets = (np.array([*of, -1], np.int32) for of in (state.store_files, state.store_offsets))
    return {
        f"{prefix}process": category(np.where(owned, ptes["process"][entry], nobody), state.names),
        f"{prefix}page": known(ptes["vpn"][entry], owned),
        f"{prefix}file": category(names[which], state.file_names),
        f"{prefix}file_page": known(content - first + offsets[which], mapped),
    }
