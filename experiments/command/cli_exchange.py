"""The subcommands that exchange data with other tools, `export` and `calibrate`: what they accept. What they do is in
`experiments.present.export` and `experiments.calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.present.wide import Wide

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object to stdout.")]

calibrate = typer.Typer(
    name="calibrate",
    help="Fit the machine's parameters to measurements.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def export(
    directory: Annotated[Path, typer.Argument(metavar="RESULT_DIR", help="A result that `pagesim run` wrote.")],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The file to write. [default: trace.json.gz, perfmon.csv in the result]"),
    ] = None,
    perfetto: Annotated[
        bool, typer.Option("--perfetto", help="A trace for ui.perfetto.dev and chrome://tracing; .gz compresses it.")
    ] = False,
    perfmon: Annotated[bool, typer.Option("--perfmon", help="The samples as a CSV in PerfMon's layout.")] = False,
    start: Annotated[str, typer.Option(metavar="TIME", help="When the log starts, UTC.")] = "2000-01-01 00:00:00",
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine's name in the log.")] = "PAGESIM",
    stretch: Annotated[
        int, typer.Option(metavar="N", help="Seconds of the log for a simulated one; its resolution is 1 ms.")
    ] = 1,
    json: Json = False,
) -> None:
    """Write a run for other tools: a trace of its threads, counters and disks, or a log of its counters."""
    from experiments.present.export import command

    command.export(directory, out, perfetto, perfmon, start, machine, stretch, json)


@calibrate.callback()
def _group() -> None:
    """So that `disk` stays a subcommand while it is the only one."""


@calibrate.command()
def disk(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="fio's JSON, or a CSV of latencies.")],
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="A model to fit, see `pagesim list disks`. Repeatable. [default: all]")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the config calls the disk.")] = "disk0",
    channels: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Requests served at one time. [default: the model's]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FRAGMENT.yaml", help="Write the closest model as a part of a config.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Where the plot goes. [default: beside FRAGMENT]")
    ] = None,
    json: Json = False,
    _wide: Wide = False,
) -> None:
    """Fit disk models to measured latencies; tell how close they come."""
    from experiments.calibrate import command

    command.calibrate_disk(file, model or [], name, channels, out, picture, json)
