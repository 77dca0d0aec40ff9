"""The `pagesim` command: what it accepts. What its subcommands do is in a module each, imported only when one runs, so
that `pagesim --help` needs neither the compiler nor the data libraries."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments import __version__
from experiments.command.cli_exchange import calibrate, export
from experiments.command.cli_trace import trace
from experiments.errors import BadInput, Interrupted, ProgramFault, RunFailed, single_line
from experiments.present.wide import Wide

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Why a stream may take no more output: a full disk, a limit, a broken device, a closed descriptor."""
INTERRUPTED = 130
TERMINATED = 143

app = typer.Typer(
    name="pagesim",
    help="Simulate how a Windows-style memory manager behaves under paging workloads.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(trace)
app.add_typer(calibrate)


class Listed(StrEnum):
    """What can be listed."""

    policies = "policies"
    workloads = "workloads"
    formats = "formats"
    disks = "disks"
    plots = "plots"


class PictureFormat(StrEnum):
    """What a plot can be written as."""

    png = "png"
    svg = "svg"
    pdf = "pdf"


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The experiment, a YAML file.")]
ResultDirectory = Annotated[Path, typer.Argument(metavar="RESULT_DIR", help="A result that `pagesim` wrote.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the config: a dotted key, and a value in YAML. Repeatable."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Root of every random number, instead of the config's.")]
Workers = Annotated[int | None, typer.Option(metavar="N", help="Worker processes. [default: one a processor]")]
Confidence = Annotated[float, typer.Option(metavar="C", help="Confidence of the intervals.")]
Resume = Annotated[bool, typer.Option("--resume", help="Run what is missing in the result directory, if there is one.")]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file with policies or other plug-ins. Repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object to stdout.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pagesim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    config: Config,
    overrides: Overrides = None,
    seed: Annotated[int | None, typer.Option(help="Root of every random number, instead of the config's.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Result directory. [default: results/NAME]")] = None,
    json: Json = False,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw the plots, too.")] = True,
    check: Annotated[bool, typer.Option("--check", help="Watch the machine's invariants as it runs; slower.")] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Run on the reference machine: plain, slow, for comparison.")
    ] = False,
    record_trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the references that were made: .arrow or .parquet."),
    ] = None,
    plugins: Plugins = None,
    _wide: Wide = False,
) -> None:
    """Run an experiment; write its result and print its table."""
    from experiments.command.run import Options, run_config

    options = Options(seed, overrides or (), plugins or (), plots, check, record_trace)
    if reference:
        from experiments.command.reference import run_reference

        run_reference(config, options, out, json)
        return
    run_config(config, options, out, json)


@app.command()
def compare(
    config: Config,
    *,
    policies: Annotated[
        str, typer.Option(metavar="A,B,...", help="Policies, such as clock, windows(age_share=0.25), old=fifo.")
    ],
    baseline: Annotated[
        str | None, typer.Option(metavar="A", help="What the others are held against. [default: the first]")
    ] = None,
    bounds: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Bounds to tell the distance from. [default: opt]")
    ] = None,
    replications: Annotated[int, typer.Option(metavar="R", help="Runs of each, with seeds of their own.")] = 10,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE,...", help="Sizes of memory, instead of the config's.")
    ] = None,
    workers: Workers = None,
    seed: Seed = None,
    overrides: Overrides = None,
    confidence: Confidence = 0.95,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Result directory. [default: results/NAME-comparison]")
    ] = None,
    json: Json = False,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw the plots, too.")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="Keep each run as a whole result, in DIR/point=*.")] = False,
    resume: Resume = False,
    plugins: Plugins = None,
    _wide: Wide = False,
) -> None:
    """Compare policies on the same references: how much they differ, and how surely."""
    from experiments.study.workers import local

    with local(workers) as ready:
        from experiments.command.compare import compare_config
        from experiments.study.compare import Options

        options = Options(
            replications, seed, overrides or (), plugins or (), resume, confidence, policies, baseline, bounds, memory,
            keep,
        )  # fmt: skip
        compare_config(config, options, ready, out, json, plots)


@app.command()
def size(
    config: Config,
    *,
    policies: Annotated[str, typer.Option(metavar="A,B,...", help="Policies, as for compare.")],
    target: Annotated[str, typer.Option(metavar="TARGET", help="What must be met, such as 'slowdown <= 1.05'.")],
    tolerance: Annotated[
        str, typer.Option(metavar="SIZE", help="How much too large an answer may be: a size, or a percentage of it.")
    ] = "1%",
    replications: Annotated[int, typer.Option(metavar="R", help="Runs at each size, with seeds of their own.")] = 5,
    workers: Workers = None,
    seed: Seed = None,
    overrides: Overrides = None,
    confidence: Confidence = 0.95,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Result directory. [default: results/NAME-size]")
    ] = None,
    json: Json = False,
    resume: Resume = False,
    plugins: Plugins = None,
    _wide: Wide = False,
) -> None:
    """Find the least memory in which each policy meets a target."""
    from experiments.study.workers import local

    with local(workers) as ready:
        from experiments.command.size import size_config
        from experiments.study.size import Options

        options = Options(
            replications, seed, overrides or (), plugins or (), resume, confidence, policies, target=target,
            tolerance=tolerance,
        )  # fmt: skip
        size_config(config, options, ready, out, json)


class ExecutorKind(StrEnum):
    """Who runs a sweep's points."""

    local = "local"
    dask = "dask"


@app.command()
def sweep(
    config: Config,
    *,
    workers: Workers = None,
    executor: Annotated[
        ExecutorKind, typer.Option(help="Who runs the points: processes of this machine, or a Dask cluster.")
    ] = ExecutorKind.local,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of the Dask cluster, such as tcp://127.0.0.1:8786.")
    ] = None,
    replications: Annotated[int, typer.Option(metavar="R", help="Runs of each point, with seeds of their own.")] = 1,
    resume: Resume = False,
    summaries: Annotated[
        bool, typer.Option("--summaries", help="Keep each point's summary only, not its samples, faults, ...")
    ] = False,
    seed: Seed = None,
    overrides: Overrides = None,
    confidence: Confidence = 0.95,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Result directory. [default: results/NAME]")] = None,
    json: Json = False,
    plugins: Plugins = None,
    _wide: Wide = False,
) -> None:
    """Run every point of a config's `sweep:`; what is finished is kept, whatever happens."""
    from experiments.study.workers import chosen

    with chosen(workers, executor.value, scheduler) as ready:
        from experiments.command.sweep import sweep_config
        from experiments.study.sweep import Options

        options = Options(replications, seed, overrides or (), plugins or (), resume, confidence, summaries)
        sweep_config(config, options, ready, out, json)


@app.command()
def plot(
    directory: ResultDirectory,
    kind: Annotated[
        list[str] | None, typer.Option(help="Which plots: see `pagesim list plots`. Repeatable. [default: all]")
    ] = None,
    format: Annotated[PictureFormat, typer.Option(help="Picture format.")] = PictureFormat.png,  # noqa: A002
    overlay: Annotated[
        Path | None, typer.Option(metavar="LOG.csv", help="Draw a PerfMon log over the run's counters instead.")
    ] = None,
    offset: Annotated[str, typer.Option(metavar="T", help="When in the run the log begins; may be negative.")] = "0 s",
    stretch: Annotated[float, typer.Option(metavar="X", help="Seconds of the log that are drawn as one.")] = 1.0,
    instance: Annotated[
        list[str] | None, typer.Option(metavar="LOG=RUN", help="An instance of the log and the run's. Repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Draw the plots of a result into its directory plots/."""
    if overlay is not None:
        from experiments.present.export.command import draw_overlay

        draw_overlay(directory, overlay, offset, stretch, instance or [], format.value, json)
        return
    from experiments.command.plot import plot

    plot(directory, kind or [], format.value, json)


@app.command()
def report(
    directory: ResultDirectory,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page. [default: RESULT_DIR/report.html]")
    ] = None,
    json: Json = False,
) -> None:
    """Write a result as one self-contained HTML page."""
    from experiments.present.report import command

    command.write_report(directory, out, json)


@app.command()
def why(
    directory: ResultDirectory,
    process: Annotated[str | None, typer.Option(metavar="P", help="The process whose page is asked for.")] = None,
    page: Annotated[str | None, typer.Option(metavar="V", help="Its virtual page number, decimal or 0x hex.")] = None,
    at: Annotated[str | None, typer.Option(metavar="T", help="Mark where the page was at this time.")] = None,
    within: Annotated[
        str | None,
        typer.Option(metavar="T", help="How soon a page must be wanted again to be regretted. [default: 10 ms]"),
    ] = None,
    json: Json = False,
    _wide: Wide = False,
) -> None:
    """Tell a page's biography; without a page, how far taking pages out was regretted."""
    from experiments import why

    why.explain(directory, process, page, at, within, json)


@app.command()
def validate(config: Config, overrides: Overrides = None, json: Json = False, plugins: Plugins = None) -> None:
    """Check a config and that its input files are there."""
    from experiments.command import describe

    describe.validate(config, overrides or [], json, plugins or ())


@app.command()
def schema(json: Json = False) -> None:  # noqa: ARG001 (the schema is JSON either way)
    """Print the JSON Schema of configs, for editors."""
    from experiments.command import describe

    describe.schema()


@app.command(name="list")
def list_(
    what: Annotated[Listed, typer.Argument(help="Which plug-ins.")],
    json: Json = False,
    plugins: Plugins = None,
    _wide: Wide = False,
) -> None:
    """List what a config can name, with parameters."""
    from experiments.command import describe

    describe.list_plugins(what.value, json, plugins or ())


@app.command()
def rerun(directory: ResultDirectory, workers: Workers = None, json: Json = False) -> None:
    """Make a run, a comparison, a sweep or a size again and compare every file: 1 if one differs."""
    from experiments.command.rerun import rerun_result

    raise typer.Exit(rerun_result(directory, workers, json))


app.command()(export)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 0 done, 1 the run failed, 2 bad usage or bad input, 130 interrupted.

    What goes wrong for reasons outside the program is told in one line on stderr; a fault of the program's own is a
    traceback.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _status(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough
        _print_no_more()
        return 1
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _print_no_more()
        return _tell(f"{error.filename or 'standard output'}: can't be written: {error.strerror}", 1)
    return status


def _open_closed_streams() -> None:
    """Python has no streams where the shell has closed them (`>&-`): output that nobody can take is an error then, as
    for other commands, and messages go nowhere."""
    if sys.stdout is None:
        nowhere = os.open(os.devnull, os.O_RDONLY)
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(nowhere, "w")))
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 (it stays open until the end)


def _print_no_more() -> None:
    """Have what is still to be written to standard output go nowhere, so that the interpreter's end is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _status(arguments: Sequence[str] | None) -> int:
    try:
        returned: Any = app(arguments, prog_name="pagesim", standalone_mode=False)
    except typer.TyperException as error:
        return _tell(f"{error.format_message()} (see pagesim --help)", error.exit_code)
    except BadInput as error:
        return _tell(str(error), 2)
    except RunFailed as error:
        if isinstance(error, ProgramFault):
            traceback.print_exception(error.__cause__)
        return _tell(f"the run failed: {error}", 1)
    except Interrupted as error:
        return _tell(str(error), INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort):
        return _tell("interrupted, nothing written", INTERRUPTED)
    if returned == INTERRUPTED:
        return _tell("interrupted, nothing written", INTERRUPTED)
    return returned if isinstance(returned, int) else 0


def _tell(text: str, status: int) -> int:
    sys.stderr.write(f"pagesim: {single_line(text)}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
