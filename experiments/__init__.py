"""Experiments: configs in YAML, the runs they describe, the results that are kept, and the `pagesim` command."""

from importlib import import_module
from typing import Any

__version__ = "0.4.0"

_LAZY = {
    "experiment": "experiments.notebook.experiment",
    "read": "experiments.notebook.experiment",
    "load": "experiments.storage.points",
    "sweep": "experiments.notebook.experiment",
}
"""What is imported only when it is used, because it needs the data libraries, to the module that has it."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
