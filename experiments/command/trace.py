"""What the subcommands of `pagesim trace` do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import BadInput, RunFailed
from experiments.present import terminal
from experiments.present.numbers import UNKNOWN, share, show
from experiments.present.table import Column, Part, Table, text_column
from experiments.spec.document import parse_document
from experiments.storage.directory import canonical_json
from experiments.trace_progress import reading, recording_line
from workloads.base import InputError

if TYPE_CHECKING:
    from workloads.traces.info import Info
    from workloads.traces.regions import TraceRegion

MOST_ROWS = 30
"""Threads, or regions, that a table shows."""


def format_options(given: Sequence[str]) -> dict[str, Any]:
    """The options of a format from "KEY=VALUE" texts, VALUE being YAML; raises BadInput."""
    options = {}
    for text in given:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise BadInput(f"--option {text}: found no KEY=VALUE, allowed is such as page_size=4096")
        options[key.strip()] = parse_document(value, f"--option {text}").data
    return options


@contextmanager
def usable() -> Iterator[None]:
    """What a trace's reader says of bad input, as bad input of the command."""
    try:
        yield
    except InputError as error:
        raise BadInput(str(error)) from None


def info(path: Path, format_name: str, options: Sequence[str], as_json: bool) -> None:
    """Print what is in a trace."""
    from workloads.traces.info import info as find

    with usable(), reading(f"reading {path.name}") as progress:
        found = find(path, format_name, format_options(options), progress)
    data = description(path, found)
    if as_json:
        sys.stdout.write(canonical_json(data))
        return
    parts: list[Part] = [*summary_lines(data)]
    parts += [thread_table(data)] if len(found.facts.origins) > 1 else []
    terminal.show(parts + ([region_table(data)] if data["regions"] else []))


def description(path: Path, found: Info) -> dict[str, Any]:
    """What is in a trace, as plain data; times are nanoseconds, sizes bytes."""
    facts = found.facts
    processes = []
    for process in sorted(facts.processes, key=lambda process: process or 0):
        origins = [origin for origin in facts.origins if origin.process == process]
        threads = [
            {
                "thread": origin.thread, "runs": origin.runs, "references": origin.references,
                "fetches": origin.fetches, "loads": origin.loads, "stores": origin.stores,
            }
            for origin in sorted(origins, key=lambda origin: origin.thread or 0)
        ]  # fmt: skip
        processes.append({"process": process, "pages": found.pages_of(process), "threads": threads})
    return {
        "path": str(path),
        "format": found.format,
        "page_size": int(found.about["page_size"]) if "page_size" in found.about else None,
        "runs": facts.runs,
        "references": facts.references,
        "pages": found.pages,
        "share_of_fetches": found.share("fetches"),
        "share_of_stores": found.share("stores"),
        "duration_ns": facts.duration,
        "processes": processes,
        "regions": [_region(found, region) for region in facts.regions],
        "metadata": {key: text for key, text in found.about.items() if key != "page_size"},
    }


def _region(found: Info, region: TraceRegion) -> dict[str, Any]:
    fields = region._asdict() | {"file": region.file or None, "offset": region.offset if region.file else None}
    return {**fields, "referenced": found.pages_in(region)}


def summary_lines(data: dict[str, Any]) -> Iterator[str]:
    """What is in a trace, for people."""
    size, duration = data["page_size"], data["duration_ns"]
    yield f"{data['path']}: {data['format']}"
    yield f"{data['references']:,} references in {data['runs']:,} runs of references to one page"
    footprint = f" of {show(size, 'bytes')}, {show(size * data['pages'], 'bytes')}" if size else " of unknown size"
    yield f"{data['pages']:,} distinct pages{footprint}"
    yield f"{share(data['share_of_fetches'])} fetches, {share(data['share_of_stores'])} stores"
    yield "no times" if duration is None else f"{show(duration, 'ns')} from the first run to the last"
    threads = sum(len(process["threads"]) for process in data["processes"])
    told = data["processes"][0]["process"] is not None
    yield f"{len(data['processes']):,} processes{'' if told else ' (not told apart)'}, {threads:,} threads"
    for key, text in sorted(data["metadata"].items()):
        yield f"{key}: {text}"


def thread_table(data: dict[str, Any]) -> Table:
    """A row for each thread, those that make most references if there are many."""
    rows = [(process, thread) for process in data["processes"] for thread in process["threads"]]
    shown = sorted(rows, key=lambda row: -row[1]["references"])[:MOST_ROWS]
    counts = ("references", "fetches", "loads", "stores")
    cells = [
        (_number(process["process"]), _number(thread["thread"]), process["pages"], *(thread[key] for key in counts))
        for process, thread in rows if (process, thread) in shown
    ]  # fmt: skip
    columns = [text_column("process"), text_column("thread"), Column("pages of the process", "count"),
               *(Column(key, "count", place) for place, key in enumerate(counts))]  # fmt: skip
    title = "threads" if len(shown) == len(rows) else f"the {len(shown)} busiest of {len(rows):,} threads"
    return Table(title, columns, cells)


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)


def region_table(data: dict[str, Any]) -> Table:
    """A row for each region, those of which most pages are referenced if there are many."""
    regions, several = data["regions"], len(data["processes"]) > 1
    shown = sorted(range(len(regions)), key=lambda number: (-regions[number]["referenced"], number))[:MOST_ROWS]
    rows = [_region_cells(regions[number], several) for number in sorted(shown)]
    title = "regions" if len(shown) == len(regions) else f"the {len(shown)} most used of {len(regions):,} regions"
    columns = [
        *([text_column("process")] if several else []), text_column("pages"), Column("referenced"),
        text_column("backed by", wrap=True), Column("from page", priority=3), text_column("access"),
        text_column("kind", 1), text_column("references", 2),
    ]  # fmt: skip
    return Table(title, columns, rows)


def _region_cells(region: dict[str, Any], several: bool) -> tuple[str, ...]:
    first, begin, end = region["first"], region["begin"], region["end"]
    access = "r" + "w" * region["writable"] + "x" * region["executable"]
    life = "all" if not begin and end is None else f"{begin:,} to {'the end' if end is None else f'{end:,}'}"
    return (
        *([str(region["process"])] if several else []),
        f"{first} to {first + region['pages'] - 1}",
        f"{region['referenced']:,} of {region['pages']:,}",
        region["file"] or "anonymous",
        "" if region["offset"] is None else str(region["offset"]),
        access,
        "shared" if region["shared"] else "private",
        life,
    )


def convert(
    source: Path,
    out: Path,
    format_name: str,
    options: Sequence[str],
    to: Any,
    merge: bool,
    skip: int,
    limit: int | None,
    plain: bool,
    as_json: bool,
) -> None:
    """Write a trace in another format."""
    from workloads.traces.convert import convert as write

    with usable(), reading(f"converting {source.name}") as progress:
        written = write(
            source, out, format_name, merge, options=format_options(options), to=to, skip=skip, limit=limit,
            plain=plain, progress=progress,
        )  # fmt: skip
    _told(out, written.runs, written.references, as_json)


def _told(out: Path, runs: int, references: int, as_json: bool, **more: Any) -> None:
    size = out.stat().st_size
    if as_json:
        data = {"path": str(out), "runs": runs, "references": references, "bytes": size, **more}
        sys.stdout.write(canonical_json(data))
    else:
        sys.stdout.write(f"{out}: {runs:,} runs, {references:,} references, {show(size, 'bytes')}\n")


def record(
    out: Path | None,
    command: Sequence[str],
    limit: int | None,
    seconds: float | None,
    skip: int,
    note: str | None,
    as_json: bool,
) -> int:
    """Record a program; the exit status: 1 if the program failed.

    Standard output is the program's, so that what is told of the recording goes to standard error, but for JSON.
    """
    from workloads.traces.record import record as run

    if not command:
        raise BadInput("trace record: found no command, allowed is [OUT] -- COMMAND...")
    out = out or Path(f"{Path(command[0]).name}.arrow")
    with usable(), recording_line(limit, seconds) as progress:
        try:
            recording = run(command, out, skip, limit, seconds, note, progress)
        except OSError as error:
            raise RunFailed(f"{error.filename or out}: {error.strerror or error}") from None
    if as_json:
        _told(out, recording.runs, recording.references, True, exit_status=recording.exit_status)
    else:
        sys.stderr.write(f"{out}: {recording.runs:,} runs, {recording.references:,} references\n")
    if recording.replaced:
        sys.stderr.write(
            f"{command[0]}: replaced itself by another program (exec), which was not recorded; it may be a script that "
            "starts the one you want: give that one\n"
        )
    if recording.exit_status:
        sys.stderr.write(f"{command[0]}: ended with status {recording.exit_status}\n")
    return 1 if recording.exit_status else 0
