"""How numbers are written for people, everywhere: units, digits, and a mean with its interval.

No number has an exponent; thousands are parted by commas; a unit stands behind its number, `%` and `×` without a space.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from simulator.units import SIZE_UNITS, TIME_UNITS

Unit = Literal["text", "count", "number", "ns", "bytes", "byte seconds", "share", "ratio"]
"""What a value is: how it is written, and whether it stands to the left or to the right."""

UNKNOWN = "-"
PLUS_MINUS = "±"
_TIMES = {{"us": "µs"}.get(name, name): factor for name, factor in TIME_UNITS.items() if name != "min"}


def show(value: Any, unit: Unit = "number", digits: int = 4) -> str:
    """A value in its unit, with about so many significant digits; "-" for None and NaN; text stays as it is."""
    if missing(value):
        return UNKNOWN
    if unit == "text" or isinstance(value, str):
        return str(value)
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "share":
            return share(value)
        case "ratio":
            return f"{value:,.2f}×" if abs(value) < 100 else f"{value:,.0f}×"
    factor, name = scale(value, unit)
    return f"{significant(value / factor, digits)}{name}"


def missing(value: Any) -> bool:
    """Whether there is no value: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def scale(value: float, unit: Unit) -> tuple[float, str]:
    """What a value of this size is divided by, and what is written behind it then."""
    match unit:
        case "share":
            return 0.01, "%"
        case "ratio":
            return 1, "×"
        case "ns" | "bytes" | "byte seconds":
            units = _TIMES if unit == "ns" else SIZE_UNITS
            fitting = [(factor, name) for name, factor in units.items() if abs(value) >= factor]
            factor, name = max(fitting, default=(1, next(iter(units))))
            return factor, f" {name}{'·s' if unit == 'byte seconds' else ''}"
    return 1, ""


def significant(value: float, digits: int = 4) -> str:
    """A number rounded to so many significant digits, of which none before the point is lost; no zeros at the end."""
    if not math.isfinite(value):
        return str(value)
    decimals = max(0, digits - 1 - _magnitude(value))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _magnitude(value: float) -> int:
    """The power of ten of a number's first digit."""
    return math.floor(math.log10(abs(value))) if value else 0


def share(part: float | None, signed: bool = False) -> str:
    """A share as a percentage: one decimal, none from 1000% on; with a sign, and never "-0.0%", if it is a change."""
    if part is None or math.isnan(part):
        return UNKNOWN
    decimals = 0 if abs(part) >= 10 else 1
    rounded = round(part * 100, decimals) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''},.{decimals}f}%"


def mean(value: float | None, low: float | None = None, high: float | None = None, unit: Unit = "number") -> str:
    """A mean and half its interval, both rounded to the second digit of the latter: "525.4 ms ± 2.1"."""
    if value is None:
        return UNKNOWN
    if low is None or high is None or high <= low:
        return show(value, unit, 3 if abs(scaled(value, unit)) < 100 else 4)
    factor, name = scale(value, unit)
    text, half = rounded(value / factor, (high - low) / 2 / factor)
    return f"{text}{name} {PLUS_MINUS} {half}"


def scaled(value: float, unit: Unit) -> float:
    """A value as it is written, without its unit."""
    return value / scale(value, unit)[0]


def change(value: float, low: float | None = None, high: float | None = None) -> str:
    """A relative change and half its interval in percent: "+6.4% ± 0.9"."""
    if low is None or high is None or high == low:
        return share(value, signed=True)
    text, half = rounded(value * 100, abs(high - low) * 50, "+")
    return f"{text}% {PLUS_MINUS} {half}"


def rounded(value: float, half: float, sign: str = "") -> tuple[str, str]:
    """A value and half its interval, both to the interval's second significant digit."""
    decimals = 1 - _magnitude(half)
    decimals = 1 - _magnitude(round(half, decimals))  # 9.96 has become 10
    places = max(0, decimals)
    number = round(value, decimals) + 0.0
    return f"{number:{sign if number else ''},.{places}f}", f"{round(half, decimals):,.{places}f}"
