"""Values in a script: numbers, sizes and times with units, names of constants and of results, and sums of these."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simulator.units import SIZE_UNITS, TIME_UNITS
from simulator.windows import constants

Value = Callable[[Mapping[str, Any]], Any]
"""A value that is known when the step runs, from the results so far."""

CONSTANTS = {name: value for name, value in vars(constants).items() if name.isupper() and isinstance(value, int)}

_UNITS = {**SIZE_UNITS, **TIME_UNITS}
_QUANTITY = re.compile(rf"(?<![\w.])(\d+(?:\.\d+)?)\s*({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b")
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def value(given: Any) -> Value:
    """The value that a config writes as a number, as text such as `buffer + 64 KiB` or `PAGE_READWRITE`, or as a list
    of flags to be or-ed.

    Raises ValueError: what was found, what is allowed.
    """
    if given is None or isinstance(given, (bool, int, float)):
        return lambda _results: given
    if isinstance(given, list):
        parts = [value(one) for one in given]
        return lambda results: _or(part(results) for part in parts)
    if not isinstance(given, str):
        raise ValueError(f"found {given!r:.60}, allowed is a number, text or a list of flags")  # noqa: TRY004
    text = _QUANTITY.sub(_in_units, given)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(
            f"found {given!r:.60}, allowed is a value such as 4096, 64 KiB, buffer + 64 KiB or PAGE_READWRITE"
        ) from None
    _check(tree, given)
    return lambda results: _evaluate(tree, results)


def names(given: Any) -> set[str]:
    """The results that a value asks for."""
    if isinstance(given, list):
        return set().union(*map(names, given))
    if not isinstance(given, str):
        return set()
    tree = ast.parse(_QUANTITY.sub(_in_units, given).strip(), mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id not in CONSTANTS}


def _in_units(found: re.Match[str]) -> str:
    amount = float(found[1]) * _UNITS[found[2]]
    return str(int(amount))


def _or(values: Iterator[int]) -> int:
    total = 0
    for one in values:
        total |= one
    return total


def _check(tree: ast.AST, given: str) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            continue
        if isinstance(node, ast.Compare) and len(node.ops) != 1:
            raise ValueError(f"found {given!r:.60}, allowed is one comparison in a value")
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            raise ValueError(f"found {given!r:.60}, allowed are the fields of a result")
        allowed = (ast.BinOp, ast.Compare, ast.Name, ast.Load, ast.Attribute, ast.Subscript, *_OPERATORS)
        if not isinstance(node, allowed):
            what = "numbers, names, fields, and + - * // % | & and comparisons of these"
            raise ValueError(f"found {given!r:.60}, allowed are {what}")  # noqa: TRY004


def _evaluate(tree: Any, results: Mapping[str, Any]) -> Any:
    if isinstance(tree, ast.Constant):
        return tree.value
    if isinstance(tree, ast.Name):
        return results[tree.id] if tree.id in results else CONSTANTS[tree.id]
    if isinstance(tree, ast.Attribute):
        return getattr(_evaluate(tree.value, results), tree.attr)
    if isinstance(tree, ast.Subscript):
        return _evaluate(tree.value, results)[_evaluate(tree.slice, results)]
    if isinstance(tree, ast.Compare):
        return _OPERATORS[type(tree.ops[0])](_evaluate(tree.left, results), _evaluate(tree.comparators[0], results))
    return _OPERATORS[type(tree.op)](_evaluate(tree.left, results), _evaluate(tree.right, results))
