"""The report of a run: what came of it in sentences, key figures and tables, and its memory moment by moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.compare.text import PLUS_MINUS
from experiments.present.report import asked, provenance, words
from experiments.present.report.figures import figure, named, pictures
from experiments.present.report.grids import Cell, Row, grid, number
from experiments.present.report.markup import Markup, element, join, listed, share
from experiments.present.report.moments import Moments, Run, moments
from experiments.present.report.page import Report, Section
from experiments.present.report.walk import walk
from experiments.process_rows import columns, ending, has_threads, shown_processes, time_share
from experiments.tables import KINDS
from simulator.result import RunResult
from simulator.units import SECOND, format_size, format_time

Summary = Mapping[str, Any]
WITHOUT = ("run-dashboard",)
"""Plots that aren't drawn: all panels of this one stand on the page by themselves."""


def report(result: RunResult, manifest: Mapping[str, Any]) -> Report:
    """The report of a run."""
    summary, config = result.summary, manifest["config"]
    page_size = int(config["machine"]["page_size"])
    found = moments([Run(str(summary["name"]), result)])
    drawn, left_out = pictures(result, "run", lambda name: words.run(name, result), WITHOUT)
    said = sentences(summary, page_size)
    sections = [
        Section("question", "What was asked", [asked.comment(manifest), element("p", asked.machine_sentence(config))]),
        Section("outcome", "What came out", [_figures(summary, page_size), listed([*said, *_shortest(found)])]),
        Section("processes", "Who paid", [_process_grid(summary, page_size), _fault_grid(summary)]),
    ]
    data: list[Markup] = []
    lists = named(drawn, "page-lists")
    if found is not None and lists is not None:
        slider, numbers = walk(found, figure(lists, cursor=True))
        data.append(numbers)
        sections.append(Section("memory", "Memory, moment by moment", [slider]))
    others = [figure(one) for one in drawn if one is not lists or not data]
    if left_out:
        others.append(element("p", f"No room here: {asked.and_list(left_out)}; pagesim plot draws them."))
    sections += [
        Section("plots", "In pictures", others),
        Section("config", "The config", [asked.glance(config)]),
        provenance.section(manifest),
    ]
    return Report("Report of a run", str(summary["name"]), _lead(summary), [one for one in sections if one.content],
                  data)  # fmt: skip


def _lead(summary: Summary) -> str:
    """The outcome in one sentence."""
    slowest = _by_slowdown(summary)
    length = f"{'Failed after ' if 'status' in summary else ''}{format_time(summary['simulated_ns'])} of simulated time"
    stalled = f"{share(_stalled(summary), 0)} of the processes’ time stalled"
    text = f"{length}, {summary['hard_faults']:,} hard faults, {stalled}"
    return f"{text}; {slowest[0][0]} was slowed down most, {slowest[0][1]:,.1f} times." if slowest else f"{text}."


def _by_slowdown(summary: Summary) -> list[tuple[str, float]]:
    """The processes that have a slowdown, the largest first."""
    known = [(name, one["slowdown"]) for name, one in summary["processes"].items() if one["slowdown"] is not None]
    return sorted(known, key=lambda one: -one[1])


def _stalled(summary: Summary, key: str = "stall_ns") -> float:
    """A stall time's share of the time of all threads."""
    return time_share(summary["processes"].values(), key) or 0.0


def sentences(summary: Summary, page_size: int) -> list[str]:
    """What came of a run, in sentences made from its numbers."""
    kinds = [f"{summary[key]:,} {name}" for key, name in KINDS.items() if summary[key]]
    faults = f"In {summary['references']:,} references there were {summary['page_faults']:,} page faults"
    failed = "status" in summary
    found = [f"The run failed: {summary['reason']}. All else is what came of it until then."] if failed else []
    found += [_ends(summary), f"{faults}: {asked.and_list(kinds)}." if kinds else f"{faults}."]
    if summary["pages_input"] or summary["pages_output"]:
        found.append(
            f"{summary['page_reads']:,} reads brought {summary['pages_input']:,} pages in "
            f"({format_size(summary['pages_input'] * page_size)}), {summary['page_writes']:,} writes took "
            f"{summary['pages_output']:,} out ({format_size(summary['pages_output'] * page_size)})."
        )
    waits = {"stall_read_ns": "their own reads", "stall_collided_ns": "pages that others were reading",
             "stall_frame_ns": "a free frame", "stall_write_ns": "writes"}  # fmt: skip
    parts = [f"{share(part)} for {text}" for key, text in waits.items() if (part := _stalled(summary, key)) >= 0.0005]
    if parts:
        found.append(f"The processes waited {share(_stalled(summary))} of their time: {asked.and_list(parts)}.")
    if slowest := _by_slowdown(summary):
        (most, ratio), (least, smaller) = slowest[0], slowest[-1]
        text = f"{most} took {ratio:,.2f} times as long as it would have in unlimited memory"
        found.append(f"{text}; {least}, the least slowed down, {smaller:,.2f} times." if len(slowest) > 1 else
                     f"{text}.")  # fmt: skip
    return found


def _ends(summary: Summary) -> str:
    """How the processes ended."""
    processes = {name: one for name, one in summary["processes"].items() if has_threads(one)}
    others = {name: one for name, one in processes.items() if one["exit_status"] != 0}
    time = format_time(summary["simulated_ns"])
    if not others:
        return f"{'The process' if len(processes) == 1 else f'All {len(processes)} processes'} finished, in {time}."
    named_ = asked.and_list(f"{name} ({ending(one['exit_status'])})" for name, one in list(others.items())[:8])
    more = f" and {len(others) - 8} more" if len(others) > 8 else ""
    return f"{len(processes) - len(others)} of {len(processes)} processes finished within {time}; not {named_}{more}."


def _shortest(found: Moments | None) -> list[str]:
    """When memory was shortest."""
    if found is None:
        return []
    position = found.least()
    ready = int(found.at(position)[0][found.available].sum())
    if ready == found.total:
        return []
    size = format_size(ready * found.page_size)
    whole = format_size(found.total * found.page_size)
    return [f"Memory was shortest at {found.texts[position]}: {size} of {whole} could be had at once."]


def _figures(summary: Summary, page_size: int) -> Markup:
    """Key figures, a term and a number each."""
    slowest = _by_slowdown(summary)
    shown = {
        "simulated time": format_time(summary["simulated_ns"]),
        "hard faults": f"{summary['hard_faults']:,}",
        "time stalled": share(_stalled(summary)),
        "largest slowdown": f"{slowest[0][1]:,.1f}×" if slowest else "-",
        "read": format_size(summary["pages_input"] * page_size),
        "written": format_size(summary["pages_output"] * page_size),
    }
    return figures(shown)


def figures(shown: Mapping[str, str]) -> Markup:
    """Key figures side by side; what follows a plus-minus sign stands smaller."""
    pairs = []
    for term, text in shown.items():
        value, sign, half = text.partition(PLUS_MINUS)
        more = element("small", f"{sign}{half}") if sign else None
        pairs.append(element("div", element("dt", term), element("dd", value, more)))
    return element("dl", *pairs, class_="figures")


def _process_grid(summary: Summary, page_size: int) -> Markup:
    processes = shown_processes(summary)
    found = columns(processes, summary["simulated_ns"], page_size)
    rows: list[Row] = [[name, *(one.cells[place] for one in found)] for place, name in enumerate(processes)]
    totals: list[Row] = [["all", *(one.total for one in found)]] if len(rows) > 1 else []
    note = (
        "Soft faults needed no read; hard ones did, or waited for one under way. Run, ready, asleep and stall are "
        "shares of the time of a process’s threads, and stall is the sum of its causes; slowdown is the process’s "
        "time against unlimited memory."
    )
    headings = ["process", *(one.heading for one in found)]
    table = grid("process-table", "The processes", headings, rows, totals, words=2)
    return join([table, element("p", note, class_="note")])


def _fault_grid(summary: Summary) -> Markup:
    rows = [_fault_row(name, summary[key], summary) for key, name in KINDS.items() if summary[key]]
    total = _fault_row("all", summary["page_faults"], summary)
    return grid("fault-table", "Page faults by kind", ["kind", "faults", "share", "per second"], rows, [total])


def _fault_row(name: str, count: int, summary: Summary) -> Row:
    rate = count * SECOND / summary["simulated_ns"] if summary["simulated_ns"] else 0.0
    return [name, number(count), _share(count, summary["page_faults"]), number(rate, f"{rate:,.0f}")]


def _share(part: int, whole: int) -> Cell:
    return number(part / whole, share(part / whole)) if whole else Cell("-")
