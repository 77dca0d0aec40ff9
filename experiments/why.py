"""`pagesim why`: a page's biography, or how far a run's taking pages out was regretted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from experiments.analysis.biography import PARTS, Step, biography, where_at
from experiments.analysis.processes import shown_processes
from experiments.analysis.regret import WITHIN, Figures, curve, regret, removals
from experiments.errors import BadInput
from experiments.present import terminal
from experiments.present.numbers import UNKNOWN, Unit, show
from experiments.present.run import MOST_ROWS
from experiments.present.table import Cell, Column, Table, text_column
from experiments.spec.experiment import natural
from experiments.storage.directory import canonical_json, opened
from simulator.result import RunResult
from simulator.units import parse_time

CURVE = tuple(int(step * 10**power) for power in range(3, 10) for step in (1, 2, 5))
"""The times of the curve in JSON, in nanoseconds: 1, 2 and 5 of each power of ten from 1 us to 5 s."""
MOST_NAMES = 20
TEXTBOOK = "demand-paging"


def explain(
    directory: Path, process: str | None, page: str | None, at: str | None, within: str | None, as_json: bool
) -> None:
    """Print a page's biography or, without a page, the table of regret; raises BadInput."""
    if (process is None) != (page is None):
        missing, named = ("--process", "--page") if process is None else ("--page", "--process")
        raise BadInput(f"{named}: found no {missing} with it, allowed are both, or neither")
    if page is None and at is not None:
        raise BadInput(f"--at {at}: found no --page that it could be about")
    if page is not None and within is not None:
        raise BadInput(f"--within {within}: found together with --page, allowed is without one")
    with opened(directory) as manifest:
        _explain(directory, manifest["config"], process, page, at, within, as_json)


def _explain(
    directory: Path, config: dict[str, Any], process: str | None, page: str | None, at: str | None, within: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    if not config["observe"].get("page_log"):
        raise BadInput(f"{directory}: found a result without a page log, allowed is one with observe.page_log: true")
    result, manager = RunResult.read(directory), config["memory_manager"]
    policy = str(manager["trimming"]["policy"])
    if process is None or page is None:
        _print_regret(directory, result, _time("--within", within, WITHIN), policy, as_json)
        return
    end = int(result.summary["simulated_ns"])
    moment = None if at is None else _time("--at", at, 0)
    if moment is not None and moment > end:
        raise BadInput(f"--at {at}: found a time after the end of the run, allowed is at most {end} ns")
    number = _page_number(page)
    steps = biography(result, _known(process, result), number, policy, manager["model"] == TEXTBOOK)
    if not steps:
        raise BadInput(
            f"--page {page}: found a page that {process} never brought into memory, {_pages(result, process)}"
        )
    _print_biography(process, number, steps, moment, end, as_json)


def _time(option: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        return parse_time(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise BadInput(f"{option} {text}: {error}") from None


def _page_number(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 63:
        raise BadInput(f"--page {text}: found {text!r}, allowed is a page number, decimal or 0x hex")
    return number


def _known(process: str, result: RunResult) -> str:
    names = list(result.summary["processes"])
    if process not in names:
        listed = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else "")
        raise BadInput(f"--process {process}: found {process!r}, allowed is one of {listed}")
    return process


def _pages(result: RunResult, process: str) -> str:
    mine = result.pages.loc[(result.pages["process"] == process) & (result.pages["event"] == "entered"), "page"]
    if not len(mine):
        return "allowed is none: it never touched one"
    return f"allowed is one of its {mine.nunique()} pages, which are from {mine.min()} to {mine.max()}"


def _print_biography(
    process: str, page: int, steps: list[Step], moment: int | None, end: int, as_json: bool
) -> None:  # fmt: skip
    where = None if moment is None else where_at(steps, moment)
    if as_json:
        data: dict[str, Any] = {"process": process, "page": page, "steps": [step.plain() for step in steps]}
        if moment is not None:
            data["at"] = {"time_ns": moment, "where": where}
        sys.stdout.write(canonical_json(data))
        return
    rows = [_row(step, before, end) for step, before in zip(steps, [None, *steps], strict=False)]
    if moment is not None:
        past = sum(step.time_ns <= moment for step in steps)
        rows.insert(past, [_moment(moment, end), "", f"--> at this time: {where}"])
    columns = [Column("time"), Column("after", priority=1), text_column("what happened", wrap=True)]
    terminal.show([Table(f"page {page} of {process}", columns, rows)])


def _row(step: Step, before: Step | None, end: int) -> list[str]:
    text = step.text
    if step.since_ns is not None and step.event in ("written", "standby"):
        text += f", an I/O of {show(step.time_ns - step.since_ns, 'ns')}"
    if step.latency:
        parts = (f"{name} {show(step.latency[key], 'ns')}" for key, name in PARTS.items() if step.latency[key])
        text += f"; fault latency {show(step.latency['latency_ns'], 'ns')}"
        text += f" ({said})" if (said := ", ".join(parts)) else ""
    after = "" if before is None else f"+{show(step.time_ns - before.time_ns, 'ns')}"
    return [_moment(step.time_ns, end), after, text]


def _moment(time: int, end: int) -> str:
    """A time to the nanosecond, in the unit that suits the run: "12.345678 ms"."""
    for factor, digits, name in ((10**9, 9, "s"), (10**6, 6, "ms"), (10**3, 3, "µs")):
        if end >= factor:
            return f"{time // factor:,}.{time % factor:0{digits}d} {name}"
    return f"{time} ns"


def _print_regret(directory: Path, result: RunResult, within: int, policy: str, as_json: bool) -> None:
    everything, each = regret(result, within)
    if as_json:
        at = np.array(CURVE)
        shares = {name: share.tolist() for name, share in curve(removals(result), at).items()}
        data = {"within_ns": within, "all": everything, "processes": each, "curve": {"at_ns": at.tolist(), **shares}}
        sys.stdout.write(canonical_json(data))
        return
    known = shown_processes(result.summary)
    shown = sorted(known, key=lambda name: -(each[name]["regret_stall_ns"] or 0))[:MOST_ROWS]
    rows = [[name, *_figures(each[name])] for name in sorted(shown, key=natural)]
    soon = f"back in {show(within, 'ns')}".replace(" ", terminal.TOGETHER)
    median = "median (10 to 90%)".replace(" ", terminal.TOGETHER)
    columns = [
        text_column("process"), Column("taken out", "count"), Column(soon, "share"), Column("soft", "share"),
        Column("hard", "share"), Column("their stall", "ns", 1), Column("rescued", "share", 2),
        Column("repurposed", "share", 3), Column(f"on{terminal.TOGETHER}standby, {median}", priority=4),
        Column(f"refault{terminal.TOGETHER}distance, {median}", priority=5),
    ]  # fmt: skip
    few = [f"the {len(shown)} whose regret cost most of {len(known)}; all are in --json"]
    table = Table(f"pages taken out by {policy}", columns, rows, [["all", *_figures(everything)]],
                  few if len(shown) < len(known) else ())  # fmt: skip
    note = (
        f"soft, hard: wanted again within {show(within, 'ns')}, and read from the disk (hard) or not (soft); rescued: "
        "back before the frame was given away"
    )
    terminal.show([table, note, f"one page's story: pagesim why {directory} --process P --page V"])


def _figures(found: Figures) -> list[Any]:
    keys = ("taken_out", "regret_share", "regret_soft_share", "regret_hard_share", "regret_stall_ns", "rescued_share",
            "repurposed_share")  # fmt: skip
    return [
        *(found[key] for key in keys),
        _spread(found, "standby_{}_ns", "ns"),
        _spread(found, "distance_{}", "count"),
    ]


def _spread(found: Figures, key: str, unit: Unit) -> Cell:
    """A median, and between which values the middle four fifths lie."""
    middle, low, high = (found[key.format(part)] for part in ("median", "p10", "p90"))
    if middle is None:
        return Cell(UNKNOWN)
    return Cell(f"{show(middle, unit)} ({show(low, unit)} to {show(high, unit)})", middle)
