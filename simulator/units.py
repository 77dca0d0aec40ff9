"""Sizes and times as integers: bytes and nanoseconds, written by people as "64 MiB" and "30 ms"."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

KiB = 1 << 10
MiB = 1 << 20
GiB = 1 << 30
TiB = 1 << 40
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

SIZE_UNITS = {"B": 1, "KiB": KiB, "MiB": MiB, "GiB": GiB, "TiB": TiB}
TIME_UNITS = {"ns": 1, "us": MICROSECOND, "ms": MILLISECOND, "s": SECOND, "min": 60 * SECOND}

LONGEST = 1 << 60
"""The longest time of a field, in nanoseconds: 36 years. A machine's own is told up to 2^62, so that what a step adds
to it always fits into 64 bits, and a machine whose time runs out is found out."""

_QUANTITY = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?)\s*\*?\s*([A-Za-z]+)\s*$")
_PRODUCT = re.compile(r"^\s*(\d+)\s*\*\s*(\d+(?:\.\d+)?\s*[A-Za-z]+)\s*$")


def _parse(value: object, units: dict[str, int], what: str, example: str) -> int:
    allowed = f"a {what} with a unit, such as {example!r} (units: {', '.join(units)})"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"found {value!r}, allowed is {allowed}")  # noqa: TRY004 - pydantic wants it
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"found {value}, a {what} can't be negative")
        return value
    product = _PRODUCT.match(value)
    if product:
        return int(product[1]) * _parse(product[2], units, what, example)
    match = _QUANTITY.match(value)
    if match is None or match[2] not in units:
        raise ValueError(f"found {value!r}, allowed is {allowed}")
    amount = Decimal(match[1]) * units[match[2]]
    if amount < 0:
        raise ValueError(f"found {value!r}, a {what} can't be negative")
    if amount != int(amount):
        raise ValueError(f"found {value!r}, which is no whole number of {next(iter(units))}")
    return int(amount)


def parse_size(value: object) -> int:
    """Bytes from text such as "64 MiB" or "100*4 KiB"; a plain integer is taken as bytes.

    Raises ValueError, saying what was found and what is allowed.
    """
    return _parse(value, SIZE_UNITS, "size", "64 MiB")


def parse_time(value: object) -> int:
    """Nanoseconds from text such as "30 ms"; a plain integer is taken as nanoseconds.

    Raises ValueError, saying what was found and what is allowed.
    """
    return _parse(value, TIME_UNITS, "time", "30 ms")


def _format(value: int, units: dict[str, int]) -> str:
    for name, factor in sorted(units.items(), key=lambda item: -item[1]):
        if name != "min" and value >= factor:
            return f"{value / factor:,.4g} {name}"
    return f"{value} {next(iter(units))}"


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key under which "p-2" comes before "p-10"."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]


def format_size(value: int) -> str:
    """A size in bytes as people read it: 67108864 is "64 MiB"."""
    return _format(value, SIZE_UNITS)


def format_time(value: int) -> str:
    """A time in nanoseconds as people read it: 1500000 is "1.5 ms"."""
    return _format(value, TIME_UNITS)


def _quantity(parse: Any, example: str) -> tuple[Any, ...]:
    schema = {"anyOf": [{"type": "string", "examples": [example]}, {"type": "integer", "minimum": 0}]}
    return (BeforeValidator(parse), WithJsonSchema(schema))


Size = Annotated[int, *_quantity(parse_size, "64 MiB")]
"""A field that holds bytes and reads "64 MiB"."""

Time = Annotated[int, *_quantity(parse_time, "30 ms"), Field(le=LONGEST)]
"""A field that holds nanoseconds and reads "30 ms"."""

Cost = Annotated[int, *_quantity(parse_time, "30 ms"), Field(le=1_000 * SECOND)]
"""A field that holds the time of one of many like steps, and reads "30 us"."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
"""A field that holds a share between 0 and 1."""
