"""A program that has several processes load one image, and notes down what that takes of memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import Any

from pydantic import Field

from simulator.units import Size
from simulator.windows.constants import ERROR_SUCCESS, MEM_RESERVE, PAGE_NOACCESS
from workloads.base import plugin

Steps = Generator[Any, Any, Any]

_LOADED, _MEASURED = "loaded", "measured"
"""Where processes wait for each other; with the program's name before it, the name of an event."""


@dataclasses.dataclass
class _Found:
    """What the processes see while all of them have the image, added up; page numbers count from its first."""

    shared: set[int] = dataclasses.field(default_factory=set)
    private: int = 0
    committed: int = 0
    sharers: int = 0
    bases: set[int] = dataclasses.field(default_factory=set)
    arrived: int = 0


@plugin("workload", "dll-users")
class DllUsers:
    """Processes, NAME-1 and so on, that load one image and read all of it; NAME itself starts them and waits.

    While all of them have it, it notes: the frames that the image takes in their working sets (one for a page that they
    share, however many they are, one for each private page), how many of these are private, how many processes share a
    page (Windows tells no more than 7), the commit charge, and at how many bases it lies.
    """

    image: str = Field(..., min_length=1, description="one of machine.images")
    users: int = Field(default=6, ge=1, le=64, description="how many load it")
    occupied: Size = Field(
        default=0, description="address at which each has reserved 64 KiB before it loads the image; 0: nothing"
    )

    def main(self, process: Any) -> Steps:
        """The process that starts the others; its exit code is the first error that one of them had."""
        found, handles = _Found(), []
        for name in (_LOADED, _MEASURED):
            yield process.create_event(True, False, _event(process.name, name))
        for number in range(1, self.users + 1):
            child = f"{process.name}-{number}"
            handle = yield process.create_process(child, self._user, parent=process.name, found=found)
            if not handle:
                return process.get_last_error()
            handles.append(handle)
        yield process.wait_for_multiple_objects(handles, wait_all=True)
        for handle in handles:
            code = yield process.get_exit_code_process(handle)
            if code:
                return code
        yield from _note(process, found)
        return ERROR_SUCCESS

    def _user(self, process: Any, parent: str, found: _Found) -> Steps:
        """One of the processes."""
        if self.occupied:
            yield process.virtual_alloc(self.occupied, 1, MEM_RESERVE, PAGE_NOACCESS)
        before = (yield process.get_process_memory_info()).private_usage
        base = yield process.load_library(self.image)
        code = 0 if base else process.get_last_error()
        if base:
            size = yield from _size(process, base)
            yield process.read(base, size)
        yield from self._meet(process, parent, found, _LOADED)
        if base:
            yield from _measure(process, base, size, found)
            found.committed += (yield process.get_process_memory_info()).private_usage - before
        yield from self._meet(process, parent, found, _MEASURED)
        return code

    def _meet(self, process: Any, parent: str, found: _Found, name: str) -> Steps:
        """Wait until all processes are here."""
        event = yield process.open_event(_event(parent, name))
        found.arrived += 1
        if found.arrived % self.users == 0:
            yield process.set_event(event)
        yield process.wait_for_single_object(event)


def _event(program: str, name: str) -> str:
    return f"{program} {name}".replace("\\", "/")


def _size(process: Any, base: int) -> Generator[Any, Any, int]:
    """The bytes of the image at a base, whose sections differ in protection."""
    size = 0
    while (region := (yield process.virtual_query(base + size))).allocation_base == base:
        size += region.region_size
    return size


def _measure(process: Any, base: int, size: int, found: _Found) -> Steps:
    page = (yield process.get_performance_info()).page_size
    seen = yield process.query_working_set_ex(range(base, base + size, page))
    found.bases.add(base)
    for number, state in enumerate(seen):
        if state.valid and state.shared:
            found.shared.add(number)
            found.sharers = max(found.sharers, state.share_count)
        found.private += state.valid and not state.shared


def _note(process: Any, found: _Found) -> Steps:
    yield process.note("frames", len(found.shared) + found.private)
    yield process.note("... of shared pages", len(found.shared))
    yield process.note("... of private pages", found.private)
    yield process.note("most that share a page", found.sharers)
    yield process.note("private bytes (KiB)", found.committed / 1024)
    yield process.note("bases", len(found.bases))
