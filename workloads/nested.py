"""Workloads inside workloads: a parameter that is itself a workload, `{kind: zipf, pages: 100, ...}`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simulator import registry

SCHEMA = {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}
"""By what a nested workload is known in a JSON Schema."""


@dataclass(frozen=True)
class Nested:
    """A registered workload with its parameters, as the type of a parameter of another one.

    In a config it is a mapping of `kind` and the parameters, checked like a process's workload; when a config is
    written out it is such a mapping again, its defaults filled in.
    """

    kind: str
    """the name that it is registered under"""
    workload: Any
    """an instance of that class"""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _checked, serialization=core_schema.plain_serializer_function_ser_schema(_written)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(SCHEMA)


def inside(value: Any) -> Iterator[Nested]:
    """The workloads inside a workload, at any depth."""
    if isinstance(value, Nested):
        yield value
        yield from inside(value.workload)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from inside(getattr(value, field.name))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from inside(one)


def _checked(given: Any) -> Nested:
    # A ValidationError raised here becomes part of the outer one, with the place inside the nested workload.
    if isinstance(given, Nested):
        return given
    if not isinstance(given, dict):
        raise ValueError(f"found {given!r:.60}, allowed is a mapping with the key 'kind'")  # noqa: TRY004
    kind = given.get("kind")
    if not isinstance(kind, str):
        found = "nothing" if kind is None else f"{kind!r:.60}"
        raise ValueError(f"kind: found {found}, allowed is one of {', '.join(registry.names('workload'))}")  # noqa: TRY004
    try:
        cls = registry.find("workload", kind)
    except registry.UnknownName as error:
        raise ValueError(f"kind: {error}") from None
    parameters = {key: value for key, value in given.items() if key != "kind"}
    known = [field.name for field in dataclasses.fields(cls) if field.init]
    for key in parameters:
        if key not in known:
            allowed = ", ".join(["kind", *known])
            raise ValueError(f"{key}: found the unknown key {key!r} of {kind}, allowed is one of {allowed}")
    return Nested(kind, TypeAdapter(cls).validate_json(json.dumps(parameters), strict=True))


def _written(nested: Nested) -> dict[str, Any]:
    parameters = TypeAdapter(type(nested.workload)).dump_python(nested.workload, mode="json")
    return {"kind": nested.kind, **parameters}
