"""Plug-ins in a config: `{model: nvme, channels: 4}` names a registered class and gives its parameters beside the name.

The simulator keeps the two apart, as a name and a mapping `parameters`. `fold` turns the form of the config into that
form, checks the parameters against the class's fields and fills in their defaults; `unfold` is the way back.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from experiments.spec.document import Document, KeyPath
from experiments.spec.messages import explain, show, unknown_key
from simulator import config, registry


@dataclass(config=config.STRICT)
class Workload:
    """Where a process's references come from: a registered workload and its parameters."""

    kind: str
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place of the config that names a plug-in."""

    pattern: KeyPath
    """where it stands; "*" is any key or index"""
    point: str
    """the plug-in point"""
    key: str
    """the key that holds the name"""
    holder: type
    """the class that the simulator or the experiment keeps name and parameters in"""

    @property
    def own_keys(self) -> list[str]:
        """The keys beside the name that are no parameters."""
        return [field.name for field in dataclasses.fields(self.holder) if field.name != "parameters"]

    @property
    def default(self) -> str | None:
        """The name if none is given."""
        value = self.holder.__pydantic_fields__[self.key].default  # type: ignore[attr-defined]
        return value if isinstance(value, str) else None


SLOTS = (
    Slot(("machine", "disks", "*"), "disk", "model", config.Disk),
    Slot(("memory_manager", "trimming"), "policy", "policy", config.Trimming),
    Slot(("processes", "*", "workload"), "workload", "kind", Workload),
)


def parameter_names(cls: type) -> list[str]:
    """The parameters of a registered class: the fields of its dataclass."""
    if not dataclasses.is_dataclass(cls):
        return []
    return [field.name for field in dataclasses.fields(cls) if field.init]


@cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    """What checks a class's parameters; made once, because a sweep checks each of its points."""
    return TypeAdapter(cls)


def build(point: str, name: str, parameters: dict[str, Any]) -> Any:
    """An instance of a registered class; raises UnknownName or ValidationError."""
    cls = registry.find(point, name)
    if not dataclasses.is_dataclass(cls):
        return cls()
    return _adapter(cls).validate_json(json.dumps(parameters), strict=True)


def matches(data: Any, pattern: KeyPath, where: KeyPath = ()) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The mappings of plain data that stand where the pattern says."""
    if not pattern:
        if isinstance(data, dict):
            yield where, data
        return
    step, *rest = pattern
    children: list[tuple[str | int, Any]] = []
    if isinstance(data, dict):
        children = list(data.items())
    elif isinstance(data, list):
        children = list(enumerate(data))
    for key, child in children:
        if step in ("*", key):
            yield from matches(child, tuple(rest), (*where, key))


def fold(document: Document) -> dict[str, Any]:
    """The document's data with every plug-in as name and complete parameters.

    Raises BadInput for an unknown name, an unknown parameter or a wrong value.
    """
    data: dict[str, Any] = json.loads(json.dumps(document.data))
    _defaults(data)
    for slot in SLOTS:
        for where, entry in matches(data, slot.pattern):
            _fold_one(document, slot, where, entry)
    return data


def _defaults(data: dict[str, Any]) -> None:
    """Write out the holders whose parameters need their defaults filled in though the config doesn't mention them."""
    if isinstance(machine := data.setdefault("machine", {}), dict):
        machine.setdefault("disks", {name: {} for name in config.Machine().disks})
    if isinstance(manager := data.setdefault("memory_manager", {}), dict):
        manager.setdefault("trimming", {})


def _fold_one(document: Document, slot: Slot, where: KeyPath, entry: dict[str, Any]) -> None:
    name = entry.get(slot.key, slot.default)
    if name is None:
        raise document.error(
            (*where, slot.key), f"found nothing, allowed is one of {', '.join(registry.names(slot.point))}"
        )
    if not isinstance(name, str):
        raise document.error((*where, slot.key), f"found {show(name)}, allowed is text")
    try:
        cls = registry.find(slot.point, name)
    except registry.UnknownName as error:
        raise document.error((*where, slot.key), str(error)) from None
    given = {key: entry.pop(key) for key in list(entry) if key not in slot.own_keys}
    entry["parameters"] = _checked(document, slot, where, name, cls, given)


def _checked(
    document: Document, slot: Slot, where: KeyPath, name: str, cls: type, given: dict[str, Any]
) -> dict[str, Any]:
    known = parameter_names(cls)
    for key in given:
        if key not in known:
            raise document.error((*where, key), f"{slot.point} {name}: {unknown_key(key, [*slot.own_keys, *known])}")
    if not dataclasses.is_dataclass(cls):
        return {}
    adapter = _adapter(cls)
    try:
        instance = adapter.validate_json(json.dumps(given | anchored(cls, given, document.base)), strict=True)
    except ValidationError as error:
        inner, text = explain(error, cls)
        raise document.error((*where, *inner), text) from None
    dumped: dict[str, Any] = json.loads(adapter.dump_json(instance))
    as_written = {key: given[key] for key in path_parameters(cls) if key in given}
    return {key: dumped[key] for key in known} | as_written


@cache
def path_parameters(cls: type) -> tuple[str, ...]:
    """The parameters of a registered class whose type is a path."""
    if not dataclasses.is_dataclass(cls):
        return ()
    hints = typing.get_type_hints(cls)
    return tuple(name for name in parameter_names(cls) if Path in (hints[name], *typing.get_args(hints[name])))


def anchored(cls: type, parameters: dict[str, Any], base: Path) -> dict[str, str]:
    """Those parameters of a registered class that are paths and given, made absolute from `base`."""
    given = {key: parameters.get(key) for key in path_parameters(cls)}
    return {key: os.path.abspath(base / path) for key, path in given.items() if isinstance(path, str)}


def unfold(data: dict[str, Any]) -> dict[str, Any]:
    """Plain data with each plug-in's parameters beside its name again; changes `data` and returns it."""
    for slot in SLOTS:
        for _, entry in matches(data, slot.pattern):
            entry.update(entry.pop("parameters"))
    return data
