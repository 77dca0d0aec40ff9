"""Results that show themselves: a line or a few as they are, the command's tables when printed or in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.compare.result import ComparisonResult
from experiments.errors import BadInput
from experiments.opening import write_manifest
from experiments.present import comparison, html, terminal
from experiments.present.numbers import show
from experiments.present.run import run_report
from experiments.present.table import Part
from experiments.store import replacing
from simulator.result import RunResult

if TYPE_CHECKING:
    from experiments.compare.plan import Plan
    from experiments.config import Experiment as Config
    from experiments.notebook.picture import Picture

MOST_SENTENCES = 6
"""Sentences of a comparison's short form."""


@dataclass(frozen=True)
class Made:
    """How a result was made: what its manifest will say."""

    config: Config
    base: Path
    source: Mapping[str, str] | None
    """the config file's name and comment, if there is one"""
    digests: dict[str, str]
    seconds: float
    plan: Plan | None = None
    """of a comparison"""


@dataclass(repr=False, eq=False)
class Run(RunResult):
    """A run's result, with its frames as attributes, that shows, draws and keeps itself."""

    made: Made | None = None
    """how it was made, unless it was read from a directory"""

    def plots(self) -> list[str]:
        """What `plot` can draw of it."""
        from experiments.notebook.picture import applying

        return applying(self, "run")

    def plot(self, kind: str = "run-dashboard") -> Picture:
        """A plot by its name, see `plots`, as a matplotlib figure; no file is written. Raises BadInput."""
        from experiments.notebook.picture import picture

        return picture(self, kind, "run")

    def save(self, directory: Path | str) -> Path:
        """Keep it as `pagesim run` does, for `load`, `pagesim plot`, `report` and `rerun`; an older result gives way.

        Raises BadInput for a directory that can't be written or that holds something else.
        """
        from experiments.manifest import manifest, outcome

        made, target = _known(self.made, "run()"), Path(directory)
        with replacing(target) as partial:
            self.write(partial)
            told = manifest(made.config, made.base, target, made.digests, made.seconds)
            told |= {**({"source": made.source} if made.source else {}), **outcome(self.summary)}
            write_manifest(partial, told)
        return target

    def _report(self) -> list[Part]:
        return run_report(self.summary, self.summary["page_size"])

    def __repr__(self) -> str:
        found = self.summary
        slowest = max((one["slowdown"] or 0 for one in found["processes"].values()), default=0)
        said = [
            *(["failed"] if "status" in found else []),
            f"{show(found['simulated_ns'], 'ns')} simulated",
            f"{found['references']:,} references",
            f"{found['page_faults']:,} page faults",
            f"{found['hard_faults']:,} hard",
            *([f"largest slowdown {show(slowest, 'ratio')}"] if slowest else []),
        ]
        return f"<Run {found['name']!r}: {', '.join(said)}>"

    def __str__(self) -> str:
        return terminal.text(self._report())

    def _repr_html_(self) -> str:
        return html.fragment(self._report())


@dataclass(repr=False, eq=False)
class Comparison(ComparisonResult):
    """A comparison's result, with its frames as attributes, that shows, draws and keeps itself."""

    made: Made | None = None
    """how it was made, unless it was read from a directory"""

    def plots(self) -> list[str]:
        """What `plot` can draw of it."""
        from experiments.notebook.picture import applying

        return applying(self, "comparison")

    def plot(self, kind: str = "dashboard") -> Picture:
        """A plot by its name, see `plots`, as a matplotlib figure; no file is written. Raises BadInput."""
        from experiments.notebook.picture import picture

        return picture(self, kind, "comparison")

    def save(self, directory: Path | str) -> Path:
        """Keep it as `pagesim compare` does, for `load`, `pagesim plot`, `report` and `rerun`; an older result gives
        way. Raises BadInput for a directory that can't be written or that holds something else."""
        from experiments.compare.command import write

        made, target = _known(self.made, "compare()"), Path(directory)
        assert made.plan is not None
        with replacing(target) as partial:
            write(self, made.plan, made.config, made.base, made.source, partial, target, made.seconds)
        return target

    def _report(self) -> list[Part]:
        return comparison.report(self.summary)

    def __repr__(self) -> str:
        found = self.summary
        sizes = ", ".join(show(size, "bytes") for size in found["memories"])
        count = found["replications"]
        often = "1 replication" if count == 1 else f"{count} replications"
        lines = comparison.sentences(found)
        more = [f"and {len(lines) - MOST_SENTENCES} more"] if len(lines) > MOST_SENTENCES else []
        head = f"<Comparison {found['name']!r}: {', '.join(found['labels'])} with {sizes}, {often}>"
        return "\n  ".join([head, *lines[:MOST_SENTENCES], *more])

    def __str__(self) -> str:
        return terminal.text(self._report())

    def _repr_html_(self) -> str:
        return html.fragment(self._report())


def _known(made: Made | None, maker: str) -> Made:
    if made is None:
        raise BadInput(f"save(): found a result that was read from a directory, allowed is one that {maker} gave")
    return made
