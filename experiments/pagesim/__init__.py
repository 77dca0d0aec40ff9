"""pagesim from Python: experiments that are built, run, compared and swept, results that are loaded, plug-ins that are
registered, and the machine itself for models of one's own.

    import pagesim
    crowded = pagesim.experiment(machine={"memory": "2 MiB"}, processes=[...])
    result = crowded.run()

What is behind it is in the packages `experiments`, `workloads` and `simulator`. Nothing of them is imported until it is
used.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_LAZY = {
    "experiment": "experiments.notebook.experiment",
    "read": "experiments.notebook.experiment",
    "sweep": "experiments.notebook.experiment",
    "compare": "experiments.notebook.experiment",
    "size": "experiments.notebook.experiment",
    "Experiment": "experiments.notebook.experiment",
    "Run": "experiments.notebook.results",
    "Comparison": "experiments.notebook.results",
    "load": "experiments.storage.points",
    "Points": "experiments.storage.points",
    "RunResult": "simulator.result",
    "BadInput": "experiments.errors",
    "RunFailed": "experiments.errors",
    "Interrupted": "experiments.errors",
    "register": "simulator.registry",
    "Machine": "simulator.machine",
    "main": "experiments.command.cli",
    "__version__": "experiments",
}
"""What there is, to the module that has it."""


def _find_own_packages() -> None:
    """See to it that `experiments` is ours, also where the working directory has a folder of that name, which Python
    would find first; in worker processes, too, which take over the path."""
    here = Path(__file__).resolve().parent.parent
    root = here.parent if (here / "__init__.py").is_file() else here  # below `experiments`, or beside it
    for name in ("simulator", "workloads", "experiments"):
        ours, spec = root / name / "__init__.py", find_spec(name)
        if ours.is_file() and (spec is None or spec.origin is None or not ours.samefile(spec.origin)):
            sys.path.insert(0, str(root))
            return


_find_own_packages()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
