"""The steps of a script, checked when it is read: which call, with which values, and what is expected of it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from simulator.units import MILLISECOND, parse_time
from workloads.nested import Nested
from workloads.scripting.values import CONSTANTS, Value, names, value

OPTIONS = ("as", "fails", "may_fail", "raises")
"""What may stand beside a call in a step."""
CONTROLS = ("repeat", "check")

_NESTED: TypeAdapter[Nested] = TypeAdapter(Nested)


@dataclass(frozen=True)
class Step:
    """One step."""

    where: str
    """its place, such as `steps.3`"""
    call: str
    arguments: Mapping[str, Value]
    steps: tuple[Step, ...] = ()
    """of a `repeat`, or of the thread or process that it starts"""
    workload: Nested | None = None
    """of a `touch`"""
    result: str = ""
    """the name of its result"""
    fails: int | None = None
    """the error that it must fail with"""
    may_fail: bool = False
    raises: int | None = None
    """the status of the exception that it must raise"""


def read(steps: Any, where: str = "steps", known: frozenset[str] = frozenset()) -> tuple[Step, ...]:
    """The steps that a config gives as a list; `known` are the results that earlier steps have.

    Raises ValueError: the step's place, what was found, what is allowed.
    """
    if not isinstance(steps, list) or not steps:
        raise ValueError(f"{where}: found {steps!r:.60}, allowed is a list of steps")
    found, so_far = [], known
    for number, given in enumerate(steps):
        step = _step(given, f"{where}.{number}", so_far)
        found.append(step)
        so_far |= _results(step)
    return tuple(found)


def _results(step: Step) -> frozenset[str]:
    """The names that a step and those in it leave behind; a thread shares its process's."""
    inner = frozenset() if step.call == "create_process" else frozenset().union(*map(_results, step.steps))
    return inner | ({step.result} if step.result else frozenset())


def _step(given: Any, where: str, known: frozenset[str]) -> Step:
    if isinstance(given, str):
        given = {given: {}}
    if not isinstance(given, dict):
        raise ValueError(f"{where}: found {given!r:.60}, allowed is a call with its parameters")  # noqa: TRY004
    rest = dict(given)
    options = {key: rest.pop(key) for key in OPTIONS if key in rest}
    steps = rest.pop("steps", None) if "repeat" in rest else None
    if len(rest) != 1:
        raise ValueError(f"{where}: found {', '.join(map(str, rest)) or 'no call'}, allowed is one call in a step")
    ((call, parameters),) = rest.items()
    place = f"{where}.{call}"
    common = _options(options, where)
    if call == "repeat":
        again = _names_known(parameters, place, known)
        name = common["result"]
        inside = read(steps, f"{where}.steps", known | ({name} if name else set()))
        return Step(where, call, {"times": again}, inside, **common)
    if call == "check":
        return Step(where, call, {"holds": _names_known(parameters, place, known)}, **common)
    if call not in calls():
        raise ValueError(f"{where}: found {call!r}, allowed is one of {', '.join([*CONTROLS, *calls()])}")
    return _call(call, parameters, where, known, common)


def _options(options: Mapping[str, Any], where: str) -> dict[str, Any]:
    name = options.get("as", "")
    if name and (not isinstance(name, str) or not name.isidentifier() or name in CONSTANTS):
        raise ValueError(f"{where}.as: found {name!r:.60}, allowed is a name of letters, digits and underscores")
    codes = {}
    for key in ("fails", "raises"):
        given = options.get(key)
        if given is not None and given not in CONSTANTS and not isinstance(given, int):
            raise ValueError(f"{where}.{key}: found {given!r:.60}, allowed is a code, or a name such as ERROR_BUSY")
        codes[key] = CONSTANTS.get(given, given) if isinstance(given, str) else given
    may_fail = options.get("may_fail", False)
    if not isinstance(may_fail, bool):
        raise ValueError(f"{where}.may_fail: found {may_fail!r:.60}, allowed is true or false")  # noqa: TRY004
    return {"result": name, "may_fail": may_fail, **codes}


def _call(call: str, parameters: Any, where: str, known: frozenset[str], common: dict[str, Any]) -> Step:
    place = f"{where}.{call}"
    wanted = calls()[call]
    rest = _by_name(parameters, place, wanted)
    steps: tuple[Step, ...] = ()
    workload = None
    if "function" in wanted:
        steps = read(rest.pop("steps", None), f"{place}.steps", known)
        wanted = {name: one for name, one in wanted.items() if name != "function"}
    if call == "touch":
        workload = _workload(rest.pop("workload", None), place)
        wanted = {name: one for name, one in wanted.items() if name != "stream"}
    _check_names(rest, place, wanted)
    arguments = {}
    for name, given in rest.items():
        try:
            arguments[name] = wanted[name].read(given)
        except ValueError as error:
            raise ValueError(f"{place}.{name}: {error}") from None
        if not wanted[name].kind.startswith("str"):
            _require_known(given, f"{place}.{name}", known)
    return Step(where, call, arguments, steps, workload, **common)


def _by_name(parameters: Any, place: str, wanted: Mapping[str, Parameter]) -> dict[str, Any]:
    """Parameters by name; a single value is the first one."""
    if isinstance(parameters, dict):
        return dict(parameters)
    if parameters is None:
        return {}
    if not wanted:
        raise ValueError(f"{place}: found {parameters!r:.60}, allowed is nothing")
    return {next(iter(wanted)): parameters}


def _check_names(given: Mapping[str, Any], place: str, wanted: Mapping[str, Parameter]) -> None:
    for name in given:
        if name not in wanted:
            raise ValueError(f"{place}: found {name!r}, allowed is one of {', '.join(wanted) or 'none'}")
    for name, one in wanted.items():
        if one.required and name not in given:
            raise ValueError(f"{place}.{name}: found nothing, allowed is a value for it")


def _workload(given: Any, place: str) -> Nested:
    try:
        return _NESTED.validate_python(given)
    except ValueError as error:
        text = str(error).splitlines()
        raise ValueError(f"{place}.workload: {text[-2].strip() if len(text) > 1 else text[0]}") from None


def _names_known(given: Any, place: str, known: frozenset[str]) -> Value:
    try:
        found = value(given)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    _require_known(given, place, known)
    return found


def _require_known(given: Any, place: str, known: frozenset[str]) -> None:
    try:
        asked = names(given)
    except SyntaxError:  # a time where milliseconds are wanted
        return
    for name in sorted(asked - known - set(CONSTANTS)):
        results = ", ".join(sorted(known)) or "none so far"
        raise ValueError(f"{place}: found {name!r}, allowed are constants and results of earlier steps: {results}")


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
