"""The files that a run reads beside its config: parameters of plug-ins that are paths."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.errors import BadInput
from experiments.spec.experiment import Experiment
from experiments.spec.plugins import SLOTS, anchored, build, matches, path_parameters
from simulator import registry
from simulator.config import Machine, MemoryManager
from workloads.nested import inside


def input_paths(experiment: Experiment) -> list[str]:
    """The paths of all input files as the config writes them, sorted."""
    found: set[str] = set(experiment.plugins)
    resolved = experiment.resolved()
    for slot in SLOTS:
        for _, entry in matches(resolved, slot.pattern):
            parameters = path_parameters(registry.find(slot.point, entry[slot.key]))
            found |= {entry[parameter] for parameter in parameters if entry[parameter] is not None}
    for group in experiment.processes:
        for nested in inside(build("workload", group.workload.kind, group.workload.parameters)):
            kind: type = type(nested.workload)
            given = [getattr(nested.workload, name) for name in path_parameters(kind)]
            found |= {str(path) for path in given if path is not None}
    return sorted(found)


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; raises BadInput if it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path}: found no readable file ({error.strerror or error}), allowed is one") from None


def input_digests(experiment: Experiment, base: Path) -> dict[str, str]:
    """The SHA-256 of each input file, by its path as the config writes it; raises BadInput for an unreadable file."""
    return {path: digest(base / path) for path in input_paths(experiment)}


def with_absolute_paths(machine: Machine, memory_manager: MemoryManager, base: Path) -> tuple[Machine, MemoryManager]:
    """The machine with relative paths among the parameters of its disks and policy made absolute, from `base`."""
    disks = {
        name: replace(disk, parameters=_anchor("disk", disk.model, disk.parameters, base))
        for name, disk in machine.disks.items()
    }
    trimming = memory_manager.trimming
    trimming = replace(trimming, parameters=_anchor("policy", trimming.policy, trimming.parameters, base))
    return replace(machine, disks=disks), replace(memory_manager, trimming=trimming)


def _anchor(point: str, name: str, parameters: dict[str, Any], base: Path) -> dict[str, Any]:
    return parameters | anchored(registry.find(point, name), parameters, base)
