"""Results that show themselves: a line or a few as they are, the command's tables when printed or in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from experiments.analysis.comparison import ComparisonResult
from experiments.errors import BadInput
from experiments.present import comparison, html, terminal
from experiments.present.numbers import show
from experiments.present.run import run_report
from experiments.present.table import Part
from experiments.storage.directory import replacing, write_manifest
from experiments.storage.manifest import manifest, outcome
from simulator.result import RunResult

if TYPE_CHECKING:
    from experiments.notebook.picture import Picture
    from experiments.spec.experiment import Experiment as Config
    from experiments.study.ask import Done
    from experiments.study.compare import Comparison as Planned

MOST_SENTENCES = 6
"""Sentences of a comparison's short form."""


class Shown(ABC):
    """A result that shows and draws itself."""

    reads: ClassVar[str]
    """what plots call this kind of result"""
    overview: ClassVar[str]
    """the plot that is drawn if none is named"""

    def plots(self) -> list[str]:
        """What `plot` can draw of it."""
        from experiments.notebook.picture import applying

        return applying(self, self.reads)

    def plot(self, kind: str | None = None) -> Picture:
        """A plot by its name, see `plots`, as a matplotlib figure; no file is written. Raises BadInput."""
        from experiments.notebook.picture import picture

        return picture(self, kind or self.overview, self.reads)

    @abstractmethod
    def report(self) -> list[Part]:
        """What the command prints of it."""

    def __str__(self) -> str:
        return terminal.text(self.report())

    def _repr_html_(self) -> str:
        return html.fragment(self.report())


@dataclass(frozen=True)
class Made:
    """How a run was made: what its manifest will say."""

    config: Config
    base: Path
    source: Mapping[str, str] | None
    """the config file's name and comment, if there is one"""
    digests: dict[str, str]
    seconds: float


@dataclass(repr=False, eq=False)
class Run(Shown, RunResult):
    """A run's result, with its frames as attributes, that shows, draws and keeps itself."""

    reads = "run"
    overview = "run-dashboard"
    made: Made | None = None
    """how it was made, unless it was read from a directory"""

    def save(self, directory: Path | str) -> Path:
        """Keep it as `pagesim run` does, for `load`, `pagesim plot`, `report` and `rerun`; an older result gives way.

        Raises BadInput for a directory that can't be written or that holds something else.
        """
        made, target = self.made, Path(directory)
        if made is None:
            raise _read_from_a_directory("run()")
        with replacing(target) as partial:
            self.write(partial)
            described = manifest(made.config.resolved(), made.base, target, made.digests, made.seconds)
            described |= {**({"source": made.source} if made.source else {}), **outcome(self.summary)}
            write_manifest(partial, described)
        return target

    def report(self) -> list[Part]:
        """The tables that `pagesim run` prints."""
        return run_report(self.summary, self.summary["page_size"])

    def __repr__(self) -> str:
        summary = self.summary
        slowest = max((one["slowdown"] or 0 for one in summary["processes"].values()), default=0)
        said = [
            *(["failed"] if "status" in summary else []),
            f"{show(summary['simulated_ns'], 'ns')} simulated",
            f"{summary['references']:,} references",
            f"{summary['page_faults']:,} page faults",
            f"{summary['hard_faults']:,} hard",
            *([f"largest slowdown {show(slowest, 'ratio')}"] if slowest else []),
        ]
        return f"<Run {summary['name']!r}: {', '.join(said)}>"


@dataclass(repr=False, eq=False)
class Comparison(Shown, ComparisonResult):
    """A comparison's result, with its frames as attributes, that shows, draws and keeps itself."""

    reads = "comparison"
    overview = "dashboard"
    made: tuple[Planned, Done] | None = field(default=None)
    """what was asked and what was run, unless it was read from a directory"""

    def save(self, directory: Path | str) -> Path:
        """Keep it as `pagesim compare` does, for `load`, `pagesim plot`, `report` and `rerun`; an older result gives
        way. Raises BadInput for a directory that can't be written or that holds something else."""
        if self.made is None:
            raise _read_from_a_directory("compare()")
        planned, done = self.made
        planned.save(Path(directory), done)
        return Path(directory)

    def report(self) -> list[Part]:
        """The tables that `pagesim compare` prints."""
        return comparison.report(self.summary)

    def __repr__(self) -> str:
        summary = self.summary
        sizes = ", ".join(show(size, "bytes") for size in summary["memories"])
        count = summary["replications"]
        often = "1 replication" if count == 1 else f"{count} replications"
        lines = comparison.sentences(summary)
        more = [f"and {len(lines) - MOST_SENTENCES} more"] if len(lines) > MOST_SENTENCES else []
        head = f"<Comparison {summary['name']!r}: {', '.join(summary['labels'])} with {sizes}, {often}>"
        return "\n  ".join([head, *lines[:MOST_SENTENCES], *more])


def _read_from_a_directory(maker: str) -> BadInput:
    return BadInput(f"save(): found a result that was read from a directory, allowed is one that {maker} gave")
