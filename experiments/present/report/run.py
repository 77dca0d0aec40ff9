"""The report of a run: what came of it in sentences, key figures and tables, and its memory moment by moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from experiments.analysis.processes import ending, has_threads, time_share
from experiments.present.numbers import share, show
from experiments.present.report.page import Bullets, Figures, Note, Part, Report, report_of
from experiments.present.report.pictures import named, pictures
from experiments.present.report.provenance import provenance
from experiments.present.report.question import and_list, comment, glance, machine_sentence
from experiments.present.report.slider import Run, Slider, Timeline, timeline
from experiments.present.run import KINDS, TIMES_NOTE, fault_table, process_table
from simulator.result import RunResult

Summary = Mapping[str, Any]
WITHOUT = ("run-dashboard",)
"""Plots that aren't drawn: all panels of this one stand on the page by themselves."""


def report(result: RunResult, manifest: Mapping[str, Any]) -> Report:
    """The report of a run."""
    summary, config = result.summary, manifest["config"]
    page_size = int(config["machine"]["page_size"])
    found = timeline([Run(str(summary["name"]), result)])
    drawn, no_room = pictures(result, "run", WITHOUT)
    lists = named(drawn, "page-lists")
    memory: list[Part] = []
    data: dict[str, Any] = {}
    if found is not None and lists is not None:
        drawn.remove(lists)
        memory.append(moving := Slider(found, replace(lists, cursor=True)))
        data = moving.data
    said = [*sentences(summary, page_size), *_shortest(found)]
    tables = [process_table(summary, page_size), Note(TIMES_NOTE), fault_table(summary)]
    sections: dict[str, tuple[str, list[Part]]] = {
        "question": ("What was asked", [*comment(manifest), machine_sentence(config)]),
        "outcome": ("What came out", [_figures(summary, page_size), Bullets(said)]),
        "processes": ("Who paid", tables),
        "memory": ("Memory, moment by moment", memory),
        "plots": ("In pictures", [*drawn, *no_room]),
        "config": ("The config", glance(config)),
        "provenance": ("Provenance", provenance(manifest)),
    }
    return report_of("Report of a run", str(summary["name"]), _lead(summary), sections, data)


def _lead(summary: Summary) -> str:
    """The outcome in one sentence."""
    slowest = _by_slowdown(summary)
    length = f"{'Failed after ' if 'status' in summary else ''}{show(summary['simulated_ns'], 'ns')} of simulated time"
    stalled = f"{share(_stalled(summary))} of the processes' time stalled"
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
    found += [_ends(summary), f"{faults}: {and_list(kinds)}." if kinds else f"{faults}."]
    if summary["pages_input"] or summary["pages_output"]:
        found.append(
            f"{summary['page_reads']:,} reads brought {summary['pages_input']:,} pages in "
            f"({show(summary['pages_input'] * page_size, 'bytes')}), {summary['page_writes']:,} writes took "
            f"{summary['pages_output']:,} out ({show(summary['pages_output'] * page_size, 'bytes')})."
        )
    waits = {"stall_read_ns": "their own reads", "stall_collided_ns": "pages that others were reading",
             "stall_frame_ns": "a free frame", "stall_write_ns": "writes"}  # fmt: skip
    parts = [f"{share(part)} for {text}" for key, text in waits.items() if (part := _stalled(summary, key)) >= 0.0005]
    if parts:
        found.append(f"The processes waited {share(_stalled(summary))} of their time: {and_list(parts)}.")
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
    time = show(summary["simulated_ns"], "ns")
    if not others:
        return f"{'The process' if len(processes) == 1 else f'All {len(processes)} processes'} finished, in {time}."
    named_ = and_list(f"{name} ({ending(one['exit_status'])})" for name, one in list(others.items())[:8])
    more = f" and {len(others) - 8} more" if len(others) > 8 else ""
    return f"{len(processes) - len(others)} of {len(processes)} processes finished within {time}; not {named_}{more}."


def _shortest(found: Timeline | None) -> list[str]:
    """When memory was shortest."""
    if found is None:
        return []
    position = found.least()
    ready = int(found.at(position)[0][found.available].sum())
    if ready == found.total:
        return []
    size = show(ready * found.page_size, "bytes")
    whole = show(found.total * found.page_size, "bytes")
    return [f"Memory was shortest at {found.texts[position]}: {size} of {whole} was available."]


def _figures(summary: Summary, page_size: int) -> Figures:
    slowest = _by_slowdown(summary)
    return Figures({
        "simulated time": show(summary["simulated_ns"], "ns"),
        "hard faults": f"{summary['hard_faults']:,}",
        "time stalled": share(_stalled(summary)),
        "largest slowdown": show(slowest[0][1], "ratio") if slowest else "-",
        "read": show(summary["pages_input"] * page_size, "bytes"),
        "written": show(summary["pages_output"] * page_size, "bytes"),
    })  # fmt: skip
