"""Making a disagreeing case smaller, greedily, as long as it disagrees."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from tests.model.cases import Case, RunList, Spec, default_of


def shrink(case: Case, fails: Callable[[Case], bool], seconds: float) -> Case:
    """The smallest case that greedy steps reach within a time and that still fails."""
    deadline = time.monotonic() + seconds
    progress = True
    while progress and time.monotonic() < deadline:
        progress = False
        for smaller in _smaller(case):
            if time.monotonic() > deadline:
                break
            if _holds(fails, smaller):
                case, progress = smaller, True
                break
    return case


def _holds(fails: Callable[[Case], bool], case: Case) -> bool:
    try:
        return fails(case)
    except (KeyError, IndexError, AssertionError):
        return False


def _smaller(case: Case) -> Iterator[Case]:
    yield from _smaller_processes(case)
    yield from _smaller_machine(case)
    for manager in _plainer(case.memory_manager, skip={"modified_writer", "mapped_writer", "zero_page_thread"}):
        yield replace(case, memory_manager=manager)
    for part in ("modified_writer", "mapped_writer", "zero_page_thread"):
        for smaller in _plainer(getattr(case.memory_manager, part)):
            yield replace(case, memory_manager=replace(case.memory_manager, **{part: smaller}))
    if case.duration is not None:
        yield replace(case, duration=None)


def _smaller_processes(case: Case) -> Iterator[Case]:
    for i in range(len(case.processes)):
        if len(case.processes) > 1:
            yield replace(case, processes=case.processes[:i] + case.processes[i + 1 :])
    for i, spec in enumerate(case.processes):
        streams = spec.streams
        for j, stream in enumerate(streams):
            if len(streams) > 1:
                yield _with(case, i, Spec(spec.config, (*streams[:j], *streams[j + 1 :])))
            for smaller in _smaller_stream(stream):
                yield _with(case, i, Spec(spec.config, (*streams[:j], smaller, *streams[j + 1 :])))
        for config in _plainer(spec.config, skip={"name"}):
            yield _with(case, i, Spec(config, streams))


def _smaller_machine(case: Case) -> Iterator[Case]:
    for machine in _plainer(case.machine, skip={"memory", "costs", "disks", "paging_files"}):
        yield replace(case, machine=machine)
    for costs in _plainer(case.machine.costs):
        yield replace(case, machine=replace(case.machine, costs=costs))
    for part in ("disks", "paging_files", "files"):
        for smaller in _less(getattr(case.machine, part)):
            try:
                yield replace(case, machine=replace(case.machine, **{part: smaller}))
            except ValueError:
                continue


def _with(case: Case, index: int, spec: Spec) -> Case:
    return replace(case, processes=[spec if i == index else other for i, other in enumerate(case.processes)])


def _smaller_stream(stream: RunList) -> Iterator[RunList]:
    runs, waits = stream.runs, stream.waits
    if waits:
        yield RunList(runs, stream.block)
    size = len(runs) // 2
    while size:
        for first in range(0, len(runs), size):
            left = [row for row in range(len(runs)) if not first <= row < first + size]
            if left:
                moved = {new: waits[old] for new, old in enumerate(left) if old in waits}
                yield RunList([runs[row] for row in left], stream.block, moved)
        size //= 2
    if len(runs) < 40:
        for i, (page, fetches, loads, stores) in enumerate(runs):
            plain = (page, 0, 0, 1) if stores else (page, 0, 1, 0)
            if plain != (page, fetches, loads, stores):
                yield RunList([*runs[:i], plain, *runs[i + 1 :]], stream.block, waits)
        for row, (until, pause) in waits.items():
            others = {key: wait for key, wait in waits.items() if key != row}
            yield RunList(runs, stream.block, others)
            if until and pause:
                yield RunList(runs, stream.block, {**others, row: (until, 0)})
                yield RunList(runs, stream.block, {**others, row: (0, pause)})


def _less(items: Any) -> Iterator[Any]:
    if isinstance(items, dict):
        for key in items:
            yield {other: items[other] for other in items if other != key}
    else:
        for i in range(len(items)):
            yield items[:i] + items[i + 1 :]


def _plainer(value: Any, skip: set[str] = frozenset()) -> Iterator[Any]:  # type: ignore[assignment]
    assert is_dataclass(value)
    for field in fields(value):
        default = default_of(type(value), field.name)
        if field.name in skip or getattr(value, field.name) == default:
            continue
        try:
            yield replace(value, **{field.name: default})  # type: ignore[type-var]
        except ValueError:
            continue
    if hasattr(value, "regions"):
        for regions in _less(value.regions):
            yield replace(value, regions=regions)  # type: ignore[type-var]
        for i, region in enumerate(value.regions):
            for plainer in _plainer(region):
                regions = [*value.regions[:i], plainer, *value.regions[i + 1 :]]
                yield replace(value, regions=regions)  # type: ignore[type-var]
