"""The subcommands of `pagesim trace`: what they accept. What they do is in `trace_commands`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from experiments.present.wide import Wide

trace = typer.Typer(
    name="trace",
    help="Look into traces, convert them, record them.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

TraceFile = Annotated[Path, typer.Argument(metavar="TRACE", help="A trace, in any format; it may be compressed.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the format, its value in YAML. Repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object to stdout.")]
Skip = Annotated[int, typer.Option(min=0, metavar="N", help="Leave out the first N references.")]


class Target(StrEnum):
    """What a trace can be written as."""

    native = "native"
    parquet = "parquet"
    text = "text"


class _BeforeCommand(TyperCommand):
    """Takes what stands behind `--` as it is, as the command to run."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if "--" in args:
            at = args.index("--")
            args, ctx.meta["command"] = args[:at], args[at + 1 :]
        return super().parse_args(ctx, args)


@trace.command()
def info(
    path: TraceFile,
    format: Annotated[str, typer.Option(help="A registered format, or auto.")] = "auto",  # noqa: A002
    options: Options = None,
    json: Json = False,
    _wide: Wide = False,
) -> None:
    """Tell what is in a trace: references, pages, processes, threads, duration, regions, where it comes from."""
    from experiments.command import trace

    trace.info(path, format, options or [], json)


@trace.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A trace, in any format; it may be compressed.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .arrow, .parquet or .txt.")],
    format: Annotated[str, typer.Option("--from", help="A registered format, or auto.")] = "auto",  # noqa: A002
    options: Options = None,
    to: Annotated[Target | None, typer.Option(help="What to write. [default: as the suffix of OUT says]")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Make one run of adjacent runs on one page.")] = False,
    skip: Skip = 0,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N references after that.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Leave out processes, threads and times.")] = False,
    json: Json = False,
) -> None:
    """Write a trace in another format: native (fast to replay), Parquet (small, to pass on) or text."""
    from experiments.command import trace

    trace.convert(source, out, format, options or [], to and to.value, merge, skip, limit, plain, json)


@trace.command(cls=_BeforeCommand)
def record(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT] -- COMMAND...", help="The trace, .arrow or .parquet. [default: PROGRAM.arrow]"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after N references.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.001, metavar="S", help="Stop after S seconds.")] = None,
    skip: Skip = 0,
    note: Annotated[str | None, typer.Option(help="Kept in the file: where the input came from, for instance.")] = None,
    json: Json = False,
) -> None:
    """Run a program under valgrind and record its references, by page, and the files that the pages are mapped from.

    Its threads are recorded as one; processes that it starts are not recorded.
    """
    from experiments.command import trace

    raise typer.Exit(trace.record(out, context.meta.get("command", []), limit, seconds, skip, note, json))


@trace.command()
def profile(
    path: TraceFile,
    format: Annotated[str, typer.Option(help="A registered format, or auto.")] = "auto",  # noqa: A002
    options: Options = None,
    skip: Skip = 0,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N references after that.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Result directory. [default: results/TRACE-profile]")
    ] = None,
    shards: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Estimate the LRU curve from 8 samples of this share of the pages, too."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the sampled pages.")] = 1,
    exact: Annotated[
        bool, typer.Option("--exact/--no-exact", help="With the exact curves of LRU and optimal replacement.")
    ] = True,
    json: Json = False,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw the plots, too.")] = True,
    _wide: Wide = False,
) -> None:
    """Find miss-ratio curves, working sets, reuse, popularity and phases of a trace, in one pass."""
    from experiments.profile.command import profile_trace

    profile_trace(path, format, options or [], skip, limit, out, exact, shards, seed, plots, json)


@trace.command()
def fit(
    path: TraceFile,
    format: Annotated[str, typer.Option(help="A registered format, or auto.")] = "auto",  # noqa: A002
    options: Options = None,
    model: Annotated[
        list[str] | None, typer.Option(help="lru-stack-model or phased. Repeatable. [default: both]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Write the closest model as a config of one process.")
    ] = None,
    json: Json = False,
    _wide: Wide = False,
) -> None:
    """Fit synthetic workloads to a trace; tell how close their miss-ratio curves come."""
    from experiments.command import fit

    fit.fit_trace(path, format, options or [], model or [], out, json)
