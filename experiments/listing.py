"""What can be named in a config: the registered plug-ins of a point, with their parameters and defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import TypeAdapter

from experiments.present.table import Table, text_column
from experiments.spec.schema import UNIT_FRAGMENTS, first_sentence
from simulator import registry
from simulator.units import format_size, format_time

POINTS = {"policies": "policy", "workloads": "workload", "formats": "format", "disks": "disk", "plots": "plot"}
"""What `pagesim list` lists, to the plug-in point."""


def entries(what: str) -> list[dict[str, Any]]:
    """A mapping for each plug-in: name, description, parameters (name to default; a required one has none) and, for a
    policy that needs what no real system has, `requires`; for a plot, which kind of result it `reads`."""
    point = POINTS[what]
    found = []
    for name in registry.names(point):
        cls = registry.find(point, name)
        entry: dict[str, Any] = {"name": name, "description": first_sentence(cls), "parameters": parameters(cls)}
        if requires := sorted(getattr(cls, "requires", ())):
            entry["requires"] = requires
        if point == "plot":
            entry["reads"] = getattr(cls, "reads", "run")
        found.append(entry)
    return found


def parameters(cls: type) -> dict[str, dict[str, Any]]:
    """The parameters of a registered class: name to `default` or `required`, with `unit` (bytes of a Size,
    nanoseconds of a Time) and `description` where it has one."""
    if not dataclasses.is_dataclass(cls):
        return {}
    schema = TypeAdapter(cls).json_schema()
    found: dict[str, dict[str, Any]] = {}
    for name, field in schema.get("properties", {}).items():
        entry: dict[str, Any] = (
            {"required": True} if name in schema.get("required", []) else {"default": field.get("default")}
        )
        units = [unit for unit, fragment in UNIT_FRAGMENTS.items() if field.get("anyOf") == fragment]
        if units:
            entry["unit"] = units[0]
        if "description" in field:
            entry["description"] = field["description"]
        found[name] = entry
    return found


def parameter_text(entry: dict[str, Any]) -> str:
    """The parameters of an entry in one line, such as "pages (required), period=1 s"."""
    parts = []
    for name, parameter in entry["parameters"].items():
        show = {"Time": format_time, "Size": format_size}.get(parameter.get("unit"), str)
        parts.append(f"{name} (required)" if parameter.get("required") else f"{name}={show(parameter['default'])}")
    return ", ".join(parts)


def description(entry: dict[str, Any]) -> str:
    """The description of an entry; a policy that needs more than a real system knows is marked."""
    if "requires" in entry:
        return f"{entry['description']} (not implementable: needs {', '.join(entry['requires'])})"
    if entry.get("reads", "run") != "run":
        return f"{entry['description']} (of a {entry['reads'].replace('-', ' ')})"
    return str(entry["description"])


def table(what: str, entries: list[dict[str, Any]]) -> Table:
    """A row for each plug-in."""
    columns = [text_column("name"), text_column("description", wrap=True), text_column("parameters", 1, wrap=True)]
    rows = [(entry["name"], description(entry), parameter_text(entry)) for entry in entries]
    return Table(what, columns, rows)
