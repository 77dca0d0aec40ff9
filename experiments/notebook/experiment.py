"""An experiment from Python: `experiments.experiment(...)` or `experiments.read("config.yaml")`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from experiments.config import Experiment as Config
from experiments.config import from_document, load_document
from experiments.document import Document
from experiments.errors import BadInput
from experiments.loading import Points
from experiments.messages import show
from experiments.notebook.results import Comparison, Made, Run
from experiments.notebook.values import plain, yaml_text
from experiments.overrides import assign
from experiments.present.report.question import machine_sentence
from experiments.source import source

Sizes = str | int | Sequence[str | int]
Policies = str | Sequence[str]


@dataclass(frozen=True, eq=False, repr=False)
class Experiment:
    """A config that is known to be valid, and what can be done with it: run it, compare policies, sweep a parameter.

    It never changes; `with_` gives another one. `config` has its values with all defaults, sizes in bytes and times in
    nanoseconds: `experiment.config.machine.memory`.
    """

    document: Document
    """what was written, and where"""
    config: Config
    """what it means"""
    file: Path | None = None
    """the file it was read from"""

    def with_(self, changes: Mapping[str, Any] | None = None, /, **more: Any) -> Experiment:
        """The same experiment but for some values: `with_({"machine.memory": "24 MiB"}, seed=2)`.

        Keys are dotted, as those of `--set`; a process in the list goes by its name or its place. A mapping replaces
        the whole value. Raises BadInput, naming the key, what was found and what is allowed.
        """
        document = self.document
        for key, value in {**(changes or {}), **more}.items():
            if not isinstance(key, str):
                raise BadInput(f"with_({key!r:.60}: ...): allowed are dotted keys, such as 'machine.memory'")
            option = Document(f"with_({key}={show(value)})", None, {})
            document = assign(document, key, plain(value, option), option.source)
        return replace(self, document=document, config=from_document(document))

    def yaml(self) -> str:
        """The config as the text of a file that `read` and `pagesim` take: what was given, without defaults."""
        return yaml_text(self.document.data)

    def run(self, *, check: bool = False) -> Run:
        """Run it once, as `pagesim run` does, and nothing written; values outside of its `sweep` hold.

        `check` watches the simulator's invariants. Raises BadInput for input that can't be read or doesn't fit the
        machine, RunFailed if the simulation can't go on; its `result` is what came of it until then.
        """
        from experiments import runner
        from experiments.manifest import input_digests
        from experiments.progress import reporter

        digests = input_digests(self.config, self.document.base)
        began = time.perf_counter()
        with reporter(["run", "baseline"], self.config.duration) as progress:
            result, failure = runner.run_as_far_as_it_goes(self.config, self.document.base, progress, check)
        made = Run(**vars(result.complete()), made=self._made(digests, began))
        if failure is not None:
            failure.result = made
            raise failure
        return made

    def compare(
        self,
        policies: Policies,
        *,
        replications: int = 10,
        memory: Sizes | None = None,
        baseline: str | None = None,
        bounds: Policies | None = None,
        confidence: float = 0.95,
        workers: int = 1,
        executor: Executor | None = None,
    ) -> Comparison:
        """Compare policies on it, as `pagesim compare` does, and nothing written.

        `policies` are such as `["windows", "eager=windows(age_share=0.5)"]`; the first one is the `baseline` unless
        another is named. `workers` and `executor` are as for `sweep`. Raises BadInput, naming the command's option;
        RunFailed if not a single run could be made.
        """
        from experiments.compare.command import Options, planned
        from experiments.compare.conduct import conduct

        options = Options(
            _listed(policies) or "", baseline, _listed(bounds), replications, _listed(memory), confidence=confidence
        )
        plan = planned(self.config, self.document.base, self.document.source, options)
        began = time.perf_counter()
        with _workers(workers, executor) as (opener, several):
            result = conduct(plan, opener, several)
        return Comparison(**vars(result), made=replace(self._made({}, began), plan=plan))

    def sweep(
        self,
        over: Mapping[str, Any] | None = None,
        *,
        replications: int = 1,
        workers: int = 1,
        executor: Executor | None = None,
        resume: bool = False,
        summaries: bool = False,
        out: Path | str | None = None,
    ) -> Points:
        """Run it at every point of a grid, as `pagesim sweep` does, in a directory (default: results/NAME).

        `over` is such as `{"machine.memory": ["16 MiB", "24 MiB"]}`, or any other form of a config's `sweep`, which it
        takes the place of. Work is done in this process, by several `workers` of this machine, or by any `executor`
        with the interface of `concurrent.futures`; only this process knows plug-ins that were registered in a notebook.
        Raises BadInput, RunFailed and Interrupted as `experiments.sweep` does.
        """
        from experiments.sweeps.api import conducted

        document = self.document
        if over is not None:
            option = Document("sweep(...)", None, {})
            document = assign(document, "sweep", plain(over, option), option.source)
        return conducted(
            document, _workers(workers, executor), replications=replications, resume=resume, summaries=summaries,
            out=out,
        )  # fmt: skip

    def _made(self, digests: dict[str, str], began: float) -> Made:
        told = source(self.file) if self.file else None
        return Made(self.config, self.document.base, told, digests, time.perf_counter() - began)

    def _sentence(self) -> str:
        config = self.config.plain()
        for group in config["processes"]:
            group["name"] = group["name"] or group["workload"]["kind"]
        policy = config["memory_manager"]["trimming"]["policy"]
        return f"{machine_sentence(config)} Policy {policy}, seed {self.config.seed}."

    def __repr__(self) -> str:
        return f"<Experiment {self.config.name!r}: {self._sentence()}>"

    def __str__(self) -> str:
        return self.yaml().rstrip()

    def _repr_html_(self) -> str:
        named = f"<p><strong>{escape(self.config.name)}</strong>: {escape(self._sentence())}</p>"
        return f"{named}<pre>{escape(self.yaml())}</pre>"


def experiment(*, base: Path | str = ".", **config: Any) -> Experiment:
    """An experiment from plain values: the keys of a config as keywords, nested mappings and lists, units as text.

    `experiment(machine={"memory": "8 MiB"}, processes=[{"workload": {"kind": "zipf", "pages": 4000}}])`. Relative paths
    start from `base`. Raises BadInput: one line that names the key, what was found and what is allowed.
    """
    empty = Document("experiment()", None, {}, Path(base))
    document = replace(empty, data=plain({"name": "experiment", **config}, empty))
    return Experiment(document, from_document(document))


def read(file: Path | str) -> Experiment:
    """The experiment that a YAML file describes; raises BadInput, naming file and line."""
    document = load_document(Path(file))
    return Experiment(document, from_document(document), Path(file))


def _listed(given: Sizes | None) -> str | None:
    """One or several values as an option of the command; numbers are bytes."""
    if given is None or isinstance(given, str):
        return given
    values = [given] if isinstance(given, int) else list(given)
    return ", ".join(value if isinstance(value, str) else f"{value} B" for value in values)


def _workers(workers: int, executor: Executor | None) -> AbstractContextManager[Any]:
    from experiments.batch import executors, pool

    return executors.given(executor) if executor else pool.local(workers)
