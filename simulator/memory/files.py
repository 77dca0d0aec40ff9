"""Files on simulated disks: where their pages lie, and how they come and grow while the machine runs.

A file is one store, or several where it has grown: each behind what its disk held before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.memory.state import State
from simulator.state import constants


class Files:
    """The files of a machine by name."""

    def __init__(self, state: State) -> None:
        """Those of the config are there."""
        self.state = state
        self._stores = {name: [state.paging_files + i] for i, name in enumerate(state.file_names)}

    def __contains__(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._stores

    def pages(self, name: str) -> int:
        """A file's size in pages."""
        return int(self.state.arrays["stores"]["size"][self._stores[name]].sum())

    def disk(self, name: str) -> str:
        """The disk that a file lies on."""
        return self.state.disk_names[int(self.state.arrays["stores"]["disk"][self._stores[name][0]])]

    def used(self, disk: str) -> int:
        """Pages of a disk that files, and paging files at their largest, occupy."""
        return self.state.spans[self.state.disk_names.index(disk)]

    def add(self, name: str, disk: str, pages: int, metadata: bool = False) -> None:
        """A new file of at least one page, behind what the disk holds."""
        if name in self._stores:
            raise ValueError(f"file {name} is there already")
        self.state.file_names.append(name)
        self._stores[name] = []
        self._append(name, disk, pages, metadata, 0)

    def extend(self, name: str, pages: int) -> None:
        """Make a file larger by so many pages."""
        store = self.state.arrays["stores"][self._stores[name][0]]
        self._append(name, self.disk(name), pages, bool(store["metadata"]), self.pages(name))

    def contents(self, name: str, first: int, count: int) -> NDArray[np.int64]:
        """The contents of a range of a file's pages."""
        pieces, at = [], 0
        for store in self._stores[name]:
            record = self.state.arrays["stores"][store]
            begin, end = max(first, at), min(first + count, at + int(record["size"]))
            if begin < end:
                pieces.append(int(record["first_content"]) + np.arange(begin - at, end - at))
            at += int(record["size"])
        return np.concatenate([np.empty(0, np.int64), *pieces])

    def _append(self, name: str, disk: str, pages: int, metadata: bool, offset: int) -> None:
        state = self.state
        number = state.store_count
        state.store_count += 1
        place = state.disk_names.index(disk)
        first = state.content_count
        state.content_count += pages
        store = state.grow("stores", state.store_count)[number]
        store["disk"], store["base"], store["is_file"], store["metadata"] = place, state.spans[place], 1, metadata
        store["size"] = store["maximum"] = pages
        store["first_content"] = first
        state.spans[place] += pages
        state.arrays["disks"]["span"][place] = state.spans[place]
        contents = state.grow("contents", state.content_count)[first : first + pages]
        contents["file"], contents["adjacent"] = number, 1
        contents["location"] = (number << int(constants.STORE_SHIFT)) + np.arange(pages)
        contents["adjacent"][-1:] = 0
        self._stores[name].append(number)
        state.store_files.append(state.file_names.index(name))
        state.store_offsets.append(offset)
