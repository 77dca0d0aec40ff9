"""Validation errors as one line for people: what was found and what is allowed."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from typing import Any

from pydantic import ValidationError

from experiments.spec.document import KeyPath

_NESTED = re.compile(r"^([\w.-]+): (found .*)$", re.DOTALL)
"""The form in which a class's own check names the field that it found wrong."""

_ALLOWED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "literal_error": "one of {expected}",
}
"""Error types of pydantic to what is allowed instead."""


def show(value: object) -> str:
    """A value as a config spells it, cut short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return f"a list of {len(value)}"
        case _:
            return f"{value!r:.60}"


def explain(error: ValidationError, model: Any) -> tuple[KeyPath, str]:
    """Where the first error of a validation stands, and the line that tells it; `model` is what was validated."""
    first, *others = error.errors(include_url=False)
    where: KeyPath = first["loc"]
    context = first.get("ctx", {})
    match first["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            text = unknown_key(str(where[-1]), fields_at(model, where[:-1]))
        case "missing" | "missing_keyword_only_argument" | "missing_argument":
            text = "found nothing, which has no default"
        case "value_error":
            text = str(context["error"])
            if nested := _NESTED.match(text):
                where = (*where, *nested[1].split("."))
                text = nested[2]
        case kind if kind in _ALLOWED:
            text = f"found {show(first['input'])}, allowed is {_ALLOWED[kind].format(**context)}"
        case _:
            text = f"found {show(first['input'])}: {first['msg']}"
    return where, text + (f" (and {len(others)} more)" if others else "")


def unknown_key(found: str, allowed: list[str] | None) -> str:
    """The text for a key that nothing is called; `allowed` is None if the keys that there are aren't known."""
    if allowed is None:
        return f"found the unknown key {found!r}"
    if not allowed:
        return f"found the unknown key {found!r}, allowed are no keys"
    return f"found the unknown key {found!r}, allowed is one of {', '.join(allowed)}"


def fields_at(model: Any, where: KeyPath) -> list[str] | None:
    """The keys of the dataclass that stands at a place of a model; None if it can't be told from the model, because a
    plug-in is on the way."""
    for step in where:
        model = _inside(model, step)
    model = _plain(model)
    if not dataclasses.is_dataclass(model):
        return None
    return [field.name for field in dataclasses.fields(model) if field.init and field.name != "parameters"]


def _inside(model: Any, step: str | int) -> Any:
    model = _plain(model)
    if dataclasses.is_dataclass(model):
        fields: dict[str, Any] = getattr(model, "__pydantic_fields__", {})
        return fields[str(step)].annotation if step in fields else None
    arguments = typing.get_args(model)
    return arguments[-1] if arguments else None


def _plain(annotation: Any) -> Any:
    """An annotation without `Annotated` and without `| None`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _plain(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [argument for argument in typing.get_args(annotation) if argument is not type(None)]
        return _plain(rest[0])
    return annotation
