"""A config's `sweep:`: which keys take which values, as factors whose product are the settings that are run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WithJsonSchema

from experiments.spec.document import Document, KeyPath
from experiments.spec.messages import show

FORMS = ("grid", "zip", "points")
MOST_POINTS = 100_000
"""Points that a sweep may have; more is a mistake in the config more often than a wish."""

_LISTS = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}
SCHEMA: dict[str, Any] = {
    "anyOf": [
        {**_LISTS, "not": {"anyOf": [{"required": [form]} for form in FORMS]}},
        {
            "type": "object",
            "properties": {
                "grid": {**_LISTS, "description": "every value of a key with every value of the others"},
                "zip": {**_LISTS, "description": "lists of one length: their first values together, their second ..."},
                "points": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "object", "minProperties": 1},
                    "description": "settings, each a mapping of dotted keys to values",
                },
            },
            "additionalProperties": False,
        },
    ]
}
Sweep = Annotated[dict[str, Any], WithJsonSchema(SCHEMA)]
"""A field that holds what `sweep:` says; its form is checked by `factors`, which knows the lines."""


@dataclass(frozen=True)
class Assignment:
    """One key that a setting gives a value."""

    key: str
    """dotted, as `--set` takes it"""
    value: Any
    where: KeyPath
    """where the value stands in the document"""


Row = tuple[Assignment, ...]


@dataclass(frozen=True)
class Factor:
    """What changes together: a key of the grid, all zipped keys, or the listed points."""

    rows: tuple[Row, ...]

    @property
    def ordered(self) -> bool:
        """Whether its rows may have a middle: a single key with numbers or quantities, not names."""
        return all(len(row) == 1 and _quantity(row[0].value) for row in self.rows)


def _quantity(value: Any) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, str) and value[:1].isdecimal())


def factors(document: Document) -> list[Factor]:
    """The factors of a document's sweep, in the order in which they are written; raises BadInput for a wrong form."""
    data = document.data.get("sweep") if isinstance(document.data, dict) else None
    if data is None:
        return []
    if not isinstance(data, dict):
        raise document.error(("sweep",), f"found {show(data)}, allowed is a mapping")
    forms = [key for key in data if key in FORMS]
    if not forms:
        found = _grid(document, data, ("sweep",))
    else:
        for key in data:
            if key not in FORMS:
                raise document.error(("sweep", key), f"found {key!r}, allowed is one of {', '.join(FORMS)} beside them")
        readers = {"grid": _grid, "zip": _zip, "points": _points}
        found = [factor for form in forms for factor in readers[form](document, data[form], ("sweep", form))]
    _check_keys(document, found)
    count = math.prod(len(factor.rows) for factor in found)
    if count > MOST_POINTS:
        raise document.error(("sweep",), f"found {count} points, allowed are at most {MOST_POINTS}")
    return found


def settings(found: Sequence[Factor]) -> Iterator[Row]:
    """The product of factors, the last one changing fastest; in each setting a key stands before those inside of it."""
    for rows in itertools.product(*(factor.rows for factor in found)):
        yield tuple(sorted(itertools.chain.from_iterable(rows), key=lambda one: one.key.count(".")))


def _lists(document: Document, data: Any, where: KeyPath) -> dict[str, list[Any]]:
    if not isinstance(data, dict):
        raise document.error(where, f"found {show(data)}, allowed is a mapping of dotted keys to lists")
    for key, values in data.items():
        if not isinstance(values, list):
            raise document.error((*where, key), f"found {show(values)}, allowed is a list")
        if not values:
            raise document.error((*where, key), "found a list of 0, allowed is at least 1")
    return data


def _grid(document: Document, data: Any, where: KeyPath) -> list[Factor]:
    return [
        Factor(tuple((Assignment(key, value, (*where, key, index)),) for index, value in enumerate(values)))
        for key, values in _lists(document, data, where).items()
    ]


def _zip(document: Document, data: Any, where: KeyPath) -> list[Factor]:
    lists = _lists(document, data, where)
    for key, values in lists.items():
        first = next(iter(lists))
        if len(values) != len(lists[first]):
            text = f"found a list of {len(values)}, allowed is one of {len(lists[first])}, as {first} has"
            raise document.error((*where, key), text)
    rows = zip(*([(key, (*where, key, i), v) for i, v in enumerate(vs)] for key, vs in lists.items()), strict=True)
    made = tuple(tuple(Assignment(key, value, at) for key, at, value in row) for row in rows)
    return [Factor(made)] if made else []


def _points(document: Document, data: Any, where: KeyPath) -> list[Factor]:
    if not isinstance(data, list) or not data:
        raise document.error(where, f"found {show(data)}, allowed is a list of mappings of dotted keys to values")
    rows: list[Row] = []
    for index, point in enumerate(data):
        if not isinstance(point, dict) or not point:
            text = f"found {show(point)}, allowed is a mapping of dotted keys to values, with one at least"
            raise document.error((*where, index), text)
        rows.append(tuple(Assignment(key, value, (*where, index, key)) for key, value in point.items()))
    return [Factor(tuple(rows))]


def _check_keys(document: Document, found: list[Factor]) -> None:
    """Each key is a dotted one and belongs to one factor."""
    taken: set[str] = set()
    for factor in found:
        own = {one.key: one for row in factor.rows for one in row}
        for key, one in own.items():
            if key == "sweep" or key.startswith("sweep.") or not all(part.strip() for part in key.split(".")):
                raise document.error(one.where[:-1], f"found the key {key!r}, allowed is a dotted key of the config")
            if key in taken:
                raise document.error(one.where, f"found the key {key!r} a second time, allowed is once")
        taken |= own.keys()
