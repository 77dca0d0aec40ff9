"""A machine's state in plain dicts and lists, page by page: for tests, and for looking at small machines."""

from __future__ import annotations

from typing import Any

from simulator.memory.state import State
from simulator.state import constants


def _content_name(state: State, content: int) -> tuple[str, int]:
    record = state.arrays["contents"][content]
    if record["file"] < 0 and record["process"] < 0:
        return "section", content
    if record["file"] < 0:
        return state.names[record["process"]], int(state.arrays["ptes"]["vpn"][record["pte"]])
    store = int(record["file"])
    part = store - state.paging_files
    first = int(state.arrays["stores"]["first_content"][store])
    return f"file:{state.file_names[state.store_files[part]]}", content - first + state.store_offsets[part]


def _listed(state: State, number: int) -> list[tuple[str, int]]:
    names, frame = [], int(state.arrays["lists"]["head"][number])
    while frame >= 0:
        record = state.arrays["frames"][frame]
        names.append(_content_name(state, int(record["content"])))
        frame = int(record["next"])
    return names


def _pages(state: State) -> dict[tuple[str, int], tuple[Any, ...]]:
    pages = {}
    contents, frames = state.arrays["contents"], state.arrays["frames"]
    for entry, pte in enumerate(state.arrays["ptes"][: state.pte_count]):
        process = state.arrays["processes"][pte["process"]]
        if not process["alive"]:
            continue
        bits = int(state.arrays["bits"][entry])
        valid = bool(bits & constants.VALID)
        content = contents[pte["content"]] if pte["content"] >= 0 else None
        frame = -1 if content is None else int(content["frame"])
        pages[state.names[pte["process"]], int(pte["vpn"])] = (
            valid,
            valid and bool(bits & constants.ACCESSED),
            valid and bool(bits & constants.DIRTY),
            int(pte["age"]) if valid else 0,
            int(frames["share"][frame]) if frame >= 0 else 0,
            content is not None and bool(content["location"] >= 0),
            0 if content is None else int(content["version"]),
        )
    return pages


def snapshot(state: State) -> dict[str, Any]:
    """Page lists (head first, each page by owner and number), PTEs of living processes, files and commit charge.

    A page is (valid, accessed, dirty, age, share count, has a place on backing store, content version).
    """
    m, lists = state.record[0], state.arrays["lists"]["count"]
    contents = state.arrays["contents"]
    files = {}
    for i, name in enumerate(state.file_names, start=state.paging_files):
        first = state.file_contents[name]
        for page in range(int(state.arrays["stores"]["size"][i])):
            content = contents[first + page]
            files[name, page] = (bool(content["frame"] >= 0), int(content["version"]))
    return {
        "lists": {
            "zeroed": int(lists[constants.ON_ZEROED] + m["frame_count"] - m["fresh"]),
            "free": int(lists[constants.ON_FREE]),
            "standby": [_listed(state, constants.ON_STANDBY + i) for i in range(constants.STANDBY_PRIORITIES)],
            "modified": _listed(state, constants.ON_MODIFIED),
            "modified mapped": _listed(state, constants.ON_MAPPED),
            "modified no-write": _listed(state, constants.ON_NO_WRITE),
            "bad": int(lists[constants.ON_BAD]),
            "active": int(m["states_active"]),
            "transition": int(m["states_transition"]),
        },
        "pages": _pages(state),
        "commit": int(m["commit"]),
        "files": files,
    }
