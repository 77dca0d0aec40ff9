"""An experiment from Python: `experiments.experiment(...)` or `experiments.read("config.yaml")`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import BadInput
from experiments.notebook.results import Comparison, Made, Run
from experiments.present.report.question import machine_sentence
from experiments.progress import reporter
from experiments.spec.document import Document
from experiments.spec.experiment import Experiment as Config
from experiments.spec.experiment import from_document, load_document
from experiments.spec.inputs import input_digests
from experiments.spec.messages import show
from experiments.spec.overrides import assign, override
from experiments.spec.values import plain, yaml_text
from experiments.storage.manifest import source
from experiments.storage.points import Points

if TYPE_CHECKING:
    from experiments.study.workers import Workers

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
        from experiments.study import run

        digests = input_digests(self.config, self.document.base)
        began = time.perf_counter()
        with reporter(["run", "baseline"], self.config.duration) as progress:
            result, failure = run.run_as_far_as_it_goes(self.config, self.document.base, progress, check)
        made = Run(
            **vars(result.complete()),
            made=Made(self.config, self.document.base, self._source(), digests, time.perf_counter() - began),
        )
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
        from experiments.study.compare import Options, planned

        options = Options(
            replications=replications, confidence=confidence, policies=_listed(policies) or "", baseline=baseline,
            bounds=_listed(bounds), memory=_listed(memory),
        )  # fmt: skip
        asked = planned(self.config, self.document.base, self.document.source, options, self._source())
        with _workers(workers, executor) as ready:
            result, done = asked.run(ready)
        return Comparison(**vars(result), made=(asked, done))

    def sweep(
        self,
        over: Mapping[str, Any] | None = None,
        *,
        replications: int = 1,
        workers: int = 1,
        executor: Executor | None = None,
        confidence: float = 0.95,
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
        document = self.document
        if over is not None:
            option = Document("sweep(...)", None, {})
            document = assign(document, "sweep", plain(over, option), option.source)
        return _swept(document, _workers(workers, executor), replications, confidence, resume, summaries, out)

    def size(
        self,
        policies: Policies,
        target: str,
        *,
        tolerance: str = "1%",
        replications: int = 5,
        confidence: float = 0.95,
        workers: int = 1,
        executor: Executor | None = None,
        resume: bool = False,
        out: Path | str | None = None,
    ) -> dict[str, Any]:
        """The least memory in which each policy meets a target such as "slowdown <= 1.05", as `pagesim size` finds it,
        in a directory (default: results/NAME-size); what `pagesim size --json` prints. Raises as `compare`."""
        from experiments.study.compare import planned
        from experiments.study.size import Options, run_in

        options = Options(replications=replications, confidence=confidence, policies=_listed(policies) or "")
        asked = planned(self.config, self.document.base, self.document.source, options, self._source())
        place = Path("results", f"{self.config.name}-size") if out is None else Path(out)
        with _workers(workers, executor) as ready:
            return run_in(place, asked, target, tolerance, ready, resume=resume)

    def _source(self) -> dict[str, str]:
        return source(self.file) if self.file else {}

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


def compare(config: Path | str | Mapping[str, Any], policies: Policies, **options: Any) -> Comparison:
    """Compare policies on a config, a YAML file or a mapping; the options are those of `Experiment.compare`."""
    return _experiment(config).compare(policies, **options)


def size(config: Path | str | Mapping[str, Any], policies: Policies, target: str, **options: Any) -> dict[str, Any]:
    """The least memory in which each policy meets a target, for a config, a YAML file or a mapping; the options are
    those of `Experiment.size`."""
    return _experiment(config).size(policies, target, **options)


def _experiment(config: Path | str | Mapping[str, Any]) -> Experiment:
    return experiment(**config) if isinstance(config, Mapping) else read(config)


def sweep(
    config: Path | str | Mapping[str, Any],
    executor: Executor | None = None,
    *,
    workers: int | None = None,
    in_flight: int | None = None,
    replications: int = 1,
    confidence: float = 0.95,
    resume: bool = False,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    plugins: Sequence[Path] = (),
    summaries: bool = False,
    out: Path | str | None = None,
) -> Points:
    """Run a config's sweep as `pagesim sweep` does, and load its result.

    `config` is a YAML file or the same as a mapping, whose relative paths start from the current directory. `executor`
    is anything with the interface of `concurrent.futures.Executor` whose workers can import pagesim: MPI's, Ray's, a
    Dask client's `get_executor()`; it stays open. Without one, `workers` processes of this machine are used, one for
    each processor if not said; a script that uses several guards its start with `if __name__ == "__main__":`, as
    `multiprocessing` wants it. `in_flight` is how many points are handed to the executor at a time. Points that fail
    have an error in their row. Raises BadInput for bad input, RunFailed if the executor is lost, Interrupted on Ctrl-C.
    """
    if isinstance(config, Mapping):
        document = override(Document("config", {"name": "sweep", **config}, {}, Path()), overrides)
        document = document if seed is None else assign(document, "seed", seed, f"seed={seed}")
    else:
        document = load_document(Path(config), overrides, seed, plugins)
    used = _workers(workers, executor, in_flight)
    return _swept(document, used, replications, confidence, resume, summaries, out)


def _swept(
    document: Document, used: AbstractContextManager[Workers], replications: int, confidence: float, resume: bool,
    summaries: bool, out: Path | str | None,
) -> Points:  # fmt: skip
    from experiments.storage.points import load
    from experiments.study.sweep import planned, run_in

    study = planned(document, replications, confidence, whole=not summaries)
    target = Path("results", study.experiment.name) if out is None else Path(out)
    with used as workers:
        run_in(target, study, workers, resume=resume)
    return load(target)


def _listed(given: Sizes | None) -> str | None:
    """One or several values as an option of the command; numbers are bytes."""
    if given is None or isinstance(given, str):
        return given
    values = [given] if isinstance(given, int) else list(given)
    return ", ".join(value if isinstance(value, str) else f"{value} B" for value in values)


def _workers(
    workers: int | None, executor: Executor | None, in_flight: int | None = None
) -> AbstractContextManager[Workers]:
    from experiments.study.workers import lent, local

    return lent(executor, in_flight) if executor else local(workers)
