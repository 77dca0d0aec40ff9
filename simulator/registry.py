"""The registry: which class stands behind a name at each plug-in point.

A plug-in is one file that decorates its class with `@register(point, name)`. Built-ins are the modules of the
point's package; third parties add modules through the entry point group `pagesim.<point>`. Nobody keeps a list.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TypeVar

PACKAGES = {
    "policy": ("simulator.policies",),
    "disk": ("simulator.hardware.disks",),
    "workload": ("workloads.synthetic", "workloads.traces", "workloads.programs"),
    "format": ("workloads.traces.formats",),
    "plot": ("experiments.present.plots",),
}
"""Plug-in point to the packages whose modules are its built-ins."""

_Class = TypeVar("_Class", bound=type)
_FOUND: dict[str, dict[str, type]] = {point: {} for point in PACKAGES}
_LOADED: set[str] = set()


class UnknownName(ValueError):
    """No plug-in of this name: says which were found."""


def register(point: str, name: str) -> Callable[[_Class], _Class]:
    """A class decorator that enters a class under `name` at a plug-in point; a name can be taken once."""

    def enter(cls: _Class) -> _Class:
        taken = _FOUND[point].get(name)
        if taken is not None and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"two plug-ins are called {point} {name!r}: {taken.__module__} and {cls.__module__}")
        _FOUND[point][name] = cls
        cls.name = name  # type: ignore[attr-defined]
        return cls

    return enter


def names(point: str) -> list[str]:
    """The names at a plug-in point, sorted."""
    return sorted(_load(point))


def find(point: str, name: str) -> type:
    """The class registered under `name`; raises UnknownName, which lists what there is."""
    found = _load(point)
    if name not in found:
        raise UnknownName(f"found {name!r}, allowed is one of {', '.join(sorted(found))}")
    return found[name]


def _load(point: str) -> dict[str, type]:
    if point not in _LOADED:
        _LOADED.add(point)
        for package in map(importlib.import_module, PACKAGES[point]):
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{package.__name__}.{module.name}")
        for entry in entry_points(group=f"pagesim.{point}"):
            entry.load()
    return _FOUND[point]
