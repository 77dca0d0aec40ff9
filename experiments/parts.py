"""The processes that a workload makes, joined to the process that the config describes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

from experiments.errors import BadInput
from simulator.config import File, Machine, Process
from workloads.base import Part


def with_part(process: Process, part: Part, files: dict[str, File], machine: Machine) -> Process:
    """The process as it is simulated: its name with the part's suffix, its regions and the part's.

    Enters the part's files into `files`: those of `machine`, as the config has it, and those of other parts. Raises
    BadInput if a file is there already and is another one, if a file of the config is smaller than the part's regions
    want, if a region maps a file that isn't there, or if regions overlap.
    """
    name = f"{process.name}-{part.suffix}" if part.suffix else process.name
    for file, found in part.files.items():
        if files.setdefault(file, found) != found:
            raise BadInput(
                f"process {name}: its workload makes a file {file!r}, allowed is one that is not in the config"
            )
    for file, size in part.maps.items():
        _make_room(name, file, size, files, machine)
    regions = sorted([*process.regions, *part.regions], key=lambda region: region.first)
    for region in part.regions:
        if region.file and region.file not in files:
            raise BadInput(f"process {name}: its workload maps the file {region.file!r}, which there is not")
    for before, after in pairwise(regions):
        if part.regions and before.first + before.pages > after.first:
            raise BadInput(
                f"process {name}: found regions at page {before.first} and at page {after.first} that overlap, one of "
                "them made by its workload; allowed are regions apart from each other"
            )
    return dataclasses.replace(process, name=name, regions=regions if part.regions else process.regions)


def _make_room(process: str, file: str, size: int, files: dict[str, File], machine: Machine) -> None:
    known = machine.files.get(file)
    if file in machine.images or (known is not None and -(-known.size // machine.page_size) * machine.page_size < size):
        what = "an image" if known is None else f"a file of {known.size} bytes"
        raise BadInput(
            f"machine: found {what} called {file!r}, allowed is a file of at least {size} bytes, as the workload of "
            f"process {process} maps it"
        )
    if known is None:
        files[file] = File(size=max(size, files[file].size if file in files else 0))


def check_names(names: Sequence[str]) -> None:
    """Raise BadInput if two processes have one name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput(f"processes: found two called {name!r}, one named by a workload; allowed is one of each")
        seen.add(name)
