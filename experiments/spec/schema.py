"""The JSON Schema of the config, for editors: the config classes with each plug-in's parameters beside its name."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from pydantic import TypeAdapter

from experiments.errors import single_line
from experiments.spec.experiment import Experiment
from experiments.spec.plugins import SLOTS, Slot, Workload
from simulator import registry
from simulator.units import SIZE_UNITS, TIME_UNITS, Size, Time
from workloads.nested import SCHEMA as NESTED

_REFERENCE = "#/$defs/{model}"
_UNITS = {"Size": (Size, SIZE_UNITS, "bytes"), "Time": (Time, TIME_UNITS, "nanoseconds")}
UNIT_FRAGMENTS: dict[str, Any] = {
    name: TypeAdapter(kind).json_schema()["anyOf"] for name, (kind, _, _) in _UNITS.items()
}
"""By what a size and a time are known in a schema."""


def config_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) that accepts what `pagesim validate` accepts, cross-checks of values apart."""
    schema = TypeAdapter(Experiment).json_schema(ref_template=_REFERENCE)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "pagesim experiment"
    schema["required"] = [key for key in schema["required"] if key != "name"]
    definitions: dict[str, Any] = schema["$defs"]
    for slot in SLOTS:
        definitions[slot.holder.__name__] = _variants(slot, definitions)
    _describe_units(schema)
    return schema


def _variants(slot: Slot, definitions: dict[str, Any]) -> dict[str, Any]:
    """One alternative for each plug-in of a slot, told apart by its name."""
    holder = definitions[slot.holder.__name__]
    own = {key: value for key, value in holder["properties"].items() if key != "parameters"}
    alternatives = []
    for name in registry.names(slot.point):
        cls = registry.find(slot.point, name)
        plugin: dict[str, Any] = {"properties": {}}
        if dataclasses.is_dataclass(cls):
            plugin = TypeAdapter(cls).json_schema(ref_template=_REFERENCE)
            definitions.update(plugin.pop("$defs", {}))
        alternative = {
            "type": "object",
            "title": f"{slot.point} {name}",
            "description": first_sentence(cls),
            "properties": {**own, slot.key: {"const": name}, **plugin["properties"]},
            "required": [*([] if name == slot.default else [slot.key]), *plugin.get("required", [])],
            "additionalProperties": False,
        }
        alternatives.append(alternative)
    return {"description": holder.get("description", ""), "anyOf": alternatives}


def first_sentence(cls: type) -> str:
    """The first sentence of a class's docstring."""
    paragraph = (cls.__doc__ or "").strip().split("\n\n")[0]
    return re.split(r"(?<=\.)\s", single_line(paragraph), maxsplit=1)[0]


def _describe_units(schema: dict[str, Any]) -> None:
    """Say, wherever a size or a time stands, which units it may carry; each is one shared definition."""
    for name, (annotation, units, plain) in _UNITS.items():
        text = f"a number and a unit ({', '.join(units)}), or a whole number of {plain}"
        schema["$defs"][name] = {"description": text, **TypeAdapter(annotation).json_schema()}
    for key, value in schema["$defs"].items():
        if key not in _UNITS:
            _refer(value)
    _refer(schema["properties"])


def _refer(node: Any) -> None:
    if isinstance(node, list):
        for child in node:
            _refer(child)
    if not isinstance(node, dict):
        return
    for name, fragment in UNIT_FRAGMENTS.items():
        if node.get("anyOf") == fragment:
            del node["anyOf"]
            node["$ref"] = _REFERENCE.format(model=name)
    if NESTED.items() <= node.items():
        for key in NESTED:
            del node[key]
        node["$ref"] = _REFERENCE.format(model=Workload.__name__)
    for child in node.values():
        _refer(child)
