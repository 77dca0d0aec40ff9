"""An experiment as its config describes it: what is in `pagesim validate`, `pagesim schema` and the manifest.

The machine's parameters are the simulator's own classes; only what the simulator doesn't know is added here.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from experiments.errors import BadInput
from experiments.spec.document import Document, KeyPath, read_document
from experiments.spec.factors import Row, Sweep, factors, settings
from experiments.spec.messages import explain, show
from experiments.spec.overrides import assign, override
from experiments.spec.plugin_files import load_plugins, with_plugins
from experiments.spec.plugins import Workload, fold, unfold
from simulator.config import STRICT, Machine, MemoryManager, Process
from simulator.units import Time

MAXIMUM = 1 << 60
"""Largest number that a config may hold: sums of a few still fit into 64 bits."""

Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w. +=,-]*$", max_length=100)]
"""Text that can be a directory's name everywhere."""


@dataclass(config=STRICT, kw_only=True)
class ProcessGroup(Process):
    """A process, or several alike."""

    name: str = Field(
        default="",
        pattern=r"^[^\x00-\x1f\x7f]*$",
        max_length=100,
        description="default: the workload's kind; copies are called NAME-1, NAME-2, ...",
    )
    copies: int = Field(default=1, ge=1, le=10_000, description="how many processes like this one there are")
    workload: Workload

    def members(self) -> list[Process]:
        """The processes that the simulator is given, one for each copy."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(Process)}
        base = self.name or self.workload.kind
        names = [base] if self.copies == 1 else [f"{base}-{number}" for number in range(1, self.copies + 1)]
        return [Process(**{**own, "name": name}) for name in names]


@dataclass(config=STRICT)
class Observe:
    """What is written down of a run; none of it changes the run."""

    sample_every: Time | None = Field(default=None, ge=1, description="between two samples; default: fits the run")
    fault_log: bool = Field(default=True, description="one row for each page fault")
    io_log: bool = Field(default=True, description="one row for each disk request")
    page_log: bool = Field(default=True, description="one row for each time a page comes, goes, is written or reused")
    thread_log: bool = Field(
        default=True, description="one row for each time a thread runs, is ready, stalls or sleeps"
    )
    page_map: bool = Field(default=True, description="which pages were referenced in each interval")
    baseline: bool = Field(default=True, description="a second run with unlimited memory, for each process's slowdown")
    denning: bool = Field(
        default=False, description="each process's working-set curve, for the plot working-sets-against-denning"
    )


@dataclass(config=STRICT, kw_only=True)
class Experiment:
    """One machine, its processes and what is observed of them; one config."""

    name: Name = Field(description="names the result; default: the config file's name")
    seed: int = Field(default=1, ge=0, lt=1 << 64, description="root of every random number")
    duration: Time | None = Field(default=None, ge=1, description="default: until every process has ended")
    machine: Machine = Field(default_factory=Machine)
    memory_manager: MemoryManager = Field(default_factory=MemoryManager)
    processes: list[ProcessGroup] = Field(min_length=1)
    observe: Observe = Field(default_factory=Observe)
    plugins: list[Annotated[str, StringConstraints(min_length=1)]] = Field(
        default_factory=list, description="Python files with plug-ins, relative to the config's directory"
    )
    sweep: Sweep = Field(
        default_factory=dict,
        description="what `pagesim sweep` varies: dotted keys to lists of values, a grid; or `grid`, `zip`, `points`",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        seen: set[str] = set()
        for index, group in enumerate(self.processes):
            for process in group.members():
                if process.name in seen:
                    raise ValueError(
                        f"processes.{index}.name: found {process.name!r} a second time, allowed is one of each"
                    )
                seen.add(process.name)
            for number, region in enumerate(group.regions):
                if region.file and region.file not in self.machine.files:
                    known = ", ".join(sorted(self.machine.files)) or "a file of machine.files, which has none"
                    raise ValueError(
                        f"processes.{index}.regions.{number}.file: found {region.file!r}, allowed is one of {known}"
                    )
        return self

    def resolved(self) -> dict[str, Any]:
        """The whole config, defaults written out, in a canonical order: a mapping that `from_document` reads.

        Sizes are bytes and times nanoseconds. Where order has no meaning it is sorted, so configs that differ in the
        order of their declarations resolve to the same text.
        """
        data = self.plain()
        for group in data["processes"]:
            group["name"] = group["name"] or group["workload"]["kind"]
            group["regions"].sort(key=lambda region: region["first"])
        data["processes"].sort(key=lambda group: natural(group["name"]))
        data["machine"]["paging_files"].sort(key=lambda paging: (paging["disk"], paging["size"], paging["maximum"]))
        canonical: dict[str, Any] = json.loads(json.dumps(data, sort_keys=True))
        return canonical

    def plain(self) -> dict[str, Any]:
        """The whole config as plain data, defaults written out, in the order in which it was written."""
        return unfold(json.loads(_ADAPTER.dump_json(self)))


_ADAPTER: TypeAdapter[Experiment] = TypeAdapter(Experiment)


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which `a-2` comes before `a-10`."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def load(
    path: Path, overrides: Iterable[str] = (), seed: int | None = None, plugins: Sequence[Path] = ()
) -> Experiment:
    """The experiment that a YAML file describes, changed by "KEY=VALUE" overrides, with more plug-in files.

    Raises BadInput: one line that names the file and line or the option, the key, what was found, what is allowed.
    """
    return from_document(load_document(path, overrides, seed, plugins))


def load_document(
    path: Path, overrides: Iterable[str] = (), seed: int | None = None, plugins: Sequence[Path] = ()
) -> Document:
    """The document that `load` reads, changed likewise and not checked yet; raises BadInput."""
    document = read_document(path)
    if isinstance(document.data, dict):
        document.data.setdefault("name", path.stem)
    document = with_plugins(override(document, overrides), plugins)
    if seed is not None:
        document = assign(document, "seed", seed, f"--seed {seed}")
    return document


def from_document(document: Document) -> Experiment:
    """The experiment that a document describes; raises BadInput. Every point of a sweep is checked as well. The
    plug-in files that it lists are loaded before."""
    experiment = base_experiment(document)
    for _ in swept(document):
        pass
    return experiment


def base_experiment(document: Document) -> Experiment:
    """The experiment of a document with the values outside of its sweep; raises BadInput."""
    load_plugins(document)
    return _validated(document)


def swept(document: Document) -> Iterator[tuple[Row, Experiment]]:
    """The settings of a document's sweep, each with its experiment, which has no sweep; none if it has none.

    Raises BadInput, naming the key and the value.
    """
    found = factors(document)
    alone = replace(document, data={**document.data, "sweep": {}}) if found else document
    for row in settings(found) if found else ():
        setting, said = alone, []
        for one in row:
            said.append(f"{one.key}={show(one.value) if isinstance(one.value, (dict, list)) else one.value}")
            setting = assign(setting, one.key, one.value, f"{document.place(one.where)}: sweep: {said[-1]}")
        try:
            yield row, base_experiment(setting)
        except BadInput as error:
            if ": sweep: " in str(error):
                raise
            raise BadInput(f"{document.place(('sweep',))}: sweep: {', '.join(said)}: {error}") from None


def _validated(document: Document) -> Experiment:
    if not isinstance(document.data, dict):
        raise document.error((), f"found {show(document.data)}, allowed is a mapping with the key 'processes'")
    data = fold(document)
    try:
        experiment = _ADAPTER.validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        where, text = explain(error, Experiment)
        raise document.error(where, text) from None
    for where, number in _numbers(json.loads(_ADAPTER.dump_json(experiment)), ()):
        if number > MAXIMUM and where != ("seed",):
            raise document.error(where, f"found {number}, allowed is at most {MAXIMUM}")
    return experiment


def _numbers(data: Any, where: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(data, int):
        yield where, data
    elif isinstance(data, (dict, list)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _numbers(value, (*where, key))
