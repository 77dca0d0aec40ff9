"""The calls that a script can make: the methods of `simulator.windows.process.Process`, with their parameters."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, NamedTuple

from simulator.units import MILLISECOND, parse_time
from workloads.scripting.values import Value, value


class Parameter(NamedTuple):
    """One parameter of a call."""

    name: str
    kind: str
    """its annotation"""
    required: bool

    def read(self, given: Any) -> Value:
        """What a config gives for it; raises ValueError. Text is text where the call wants a name, else a value."""
        if isinstance(given, str) and self.kind.startswith("str"):
            return lambda _results: given
        if isinstance(given, str) and ("milliseconds" in self.name or "timeout" in self.name):
            try:
                time = parse_time(given)
            except ValueError:
                return value(given)
            return lambda _results: time / MILLISECOND
        if "list" in self.kind or "Sequence" in self.kind:
            if not isinstance(given, list):  # a list that an earlier step gave, nothing, or one item
                whole = value(given)
                return lambda results: _listed(whole(results))
            items = [value(one) for one in given]
            return lambda results: [item(results) for item in items]
        return value(given)


def _listed(found: Any) -> Any:
    return found if found is None or isinstance(found, list) else [found]


@cache
def calls() -> dict[str, dict[str, Parameter]]:
    """Every call by name, and its parameters in order."""
    from simulator.windows.process import Process  # compiled code is behind it: only when a script is read

    found = {}
    for name, function in inspect.getmembers(Process, inspect.isfunction):
        if name.startswith("_"):
            continue
        given = list(inspect.signature(function).parameters.values())[1:]
        found[name] = {
            one.name: Parameter(one.name, str(one.annotation), one.default is inspect.Parameter.empty)
            for one in given
            if one.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        }
    return found
