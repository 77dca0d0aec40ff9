"""The report of a comparison: who takes how long, what differs and how surely, who pays, and memory under each policy,
moment by moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from experiments.analysis.comparison import MEMORY, ComparisonResult
from experiments.analysis.metrics import METRICS, MORE
from experiments.present.comparison import (
    cells,
    difference_table,
    differences,
    figures_table,
    mean_text,
    name,
    notes,
    sentence,
    sentences,
)  # fmt: skip
from experiments.present.numbers import show
from experiments.present.plots.dashboard import telling_memory
from experiments.present.report.page import (
    Bullets,
    Details,
    Figures,
    Heading,
    Meanings,
    Part,
    Report,
    Verdict,
    report_of,
)  # fmt: skip
from experiments.present.report.pictures import named, pictures
from experiments.present.report.provenance import provenance
from experiments.present.report.question import and_list, comment, glance, machine_sentence, parameters
from experiments.present.report.slider import MOST_NUMBERS, Run, Slider, Timeline, timeline
from experiments.present.table import Column, Table, text_column
from experiments.spec.variants import TRIMMING
from simulator.result import RunResult

Summary = Mapping[str, Any]
MOST_SENTENCES = 24
MOST_PROCESSES = 40
"""rows of the table of slowdowns: the processes with the largest"""
MOST_SLIDERS = 6
"""memory sizes that have a slider"""
MOST_OPEN = 12
"""differences in the table that stands open on the page; more are for the reader to unfold"""


def report(result: ComparisonResult, manifest: Mapping[str, Any]) -> Report:
    """The report of the comparison that stands in a directory."""
    summary, config = result.summary, manifest["config"]
    drawn, no_room = pictures(result, "comparison")
    overview = named(drawn, "dashboard")
    memory, data = _memory(result)
    said = [_finished(text) for text in sentences(summary)[:MOST_SENTENCES]]
    reading = [Heading("How to read the figures"), Bullets([_finished(line) for line in notes(summary)])]
    sections: dict[str, tuple[str, list[Part]]] = {
        "question": ("What was asked", [*comment(manifest), *_asked(summary, config)]),
        "outcome": ("What came out", [Bullets(said), *_figures(result), *([overview] if overview else [])]),
        "differences": ("What differs, and how surely", [*_differences(summary), *reading]),
        "figures": ("Figures by policy", _tables(summary)),
        "processes": ("Who paid", [*_slowdowns(result)]),
        "memory": ("Memory, moment by moment", memory),
        "plots": ("In pictures", [*(one for one in drawn if one is not overview), *no_room]),
        "config": ("The config", [*glance(config), *_changes(manifest)]),
        "provenance": ("Provenance", provenance(manifest)),
    }
    return report_of("Report of a comparison", str(summary["name"]), _lead(summary), sections, data)


def _finished(text: str) -> str:
    """A sentence that begins with a name or, like any other, with a capital letter; and ends."""
    start = text[0].upper() + text[1:] if text.startswith("with ") else text
    return f"{start}."


def _asked(summary: Summary, config: Mapping[str, Any]) -> list[Part]:
    others = [label for label in summary["labels"] if label not in summary["bounds"]]
    sizes = and_list(show(memory, "bytes") for memory in summary["memories"])
    times = "once" if summary["replications"] == 1 else f"{summary['replications']} times, with seeds of their own"
    which = (
        f"Which policy does best? {and_list(others)} ran on the same references in {sizes} of memory, {times}. "
        f"All are compared with {summary['baseline']}."
    )
    if summary["bounds"]:
        which += f" {and_list(summary['bounds'])} bounds what is possible: no system could do the same."
    return [which, machine_sentence(config, memory=False)]


def _lead(summary: Summary) -> str:
    """The largest sure difference between policies that a system could have, in completion time if there is one."""
    baseline, confidence = summary["baseline"], summary["confidence"]
    known = [one for one in differences(summary) if not one[0]["requires"] and one[2]["relative"] is not None]
    sure = [one for one in known if one[2]["verdict"] in ("significant", "exact")]
    if not known:
        return f"{len(summary['labels'])} policies, compared with {baseline}."
    timed = [one for one in sure if one[1] == "completion_ns"]
    said = ""
    if sure:
        cell, key, difference = max(timed or sure, key=lambda one: abs(one[2]["relative"]))
        where = f" with {show(cell[MEMORY], 'bytes')} of memory" if len(summary["memories"]) > 1 else ""
        said = f"{sentence(cell['label'], baseline, key, difference, confidence)}{where}"
    if timed:
        return f"{said}."
    none = f"No implementable policy differs significantly from {baseline} in completion time"
    return f"{none}; {said}." if said else f"{none}."


def _figures(result: ComparisonResult) -> list[Part]:
    """Each policy's completion time where they lie furthest apart."""
    memory = telling_memory(result)
    here = cells(result.summary, memory)[:8]
    where = f", {show(memory, 'bytes')} of memory" if len(result.summary["memories"]) > 1 else ""
    shown = {cell["label"]: mean_text("ns", cell["metrics"]["completion_ns"]) for cell in here}
    return [f"Completion time{where}:", Figures(shown)]


def _differences(summary: Summary) -> list[Part]:
    """What differs significantly, memory size by memory size and policy by policy, and every difference in a table."""
    table = difference_table(summary)
    if not table.rows:
        return []
    parts: list[Part] = []
    for memory in summary["memories"]:
        if len(summary["memories"]) > 1:
            parts.append(Heading(f"With {show(memory, 'bytes')} of memory"))
        parts += [_verdict(cell, summary) for cell in cells(summary, memory) if cell["label"] != summary["baseline"]]
    few = len(table.rows) <= MOST_OPEN
    return [*parts, table if few else Details(f"All {len(table.rows)} differences in a table", [table])]


def _verdict(cell: Summary, summary: Summary) -> Verdict:
    """What is sure of a policy, the largest differences first; then what the other figures come to."""
    label, baseline = cell["label"], summary["baseline"]
    known = {one.key: found for one in METRICS if (found := cell["differences"].get(one.key)) is not None}
    sure = {key: found for key, found in known.items() if found["verdict"] in ("significant", "exact")}
    order = sorted(sure, key=lambda key: (key != "completion_ns", -abs(sure[key]["relative"] or 0.0)))
    doubtful = [name(key) for key, found in known.items() if found["verdict"] == "not significant"]
    same = [name(key) for key, found in known.items() if found["verdict"] == "equal"]
    if not known:
        opening = f"{label}: nothing can be told, because no run ended well."
    elif sure:
        exact = known[order[0]]["verdict"] == "exact"
        how = "from {} exactly so, because nothing in it is random" if exact else "significantly from {}"
        opening = f"{label} differs {how.format(baseline)}:"
    elif all(found["verdict"] == "untested" for found in known.values()):
        opening = f"{label}: one replication, which says nothing on other seeds; the table has what it gave."
    elif not doubtful:
        opening = f"{label} does exactly what {baseline} does, in every figure."
    else:
        opening = f"{label}: no figure differs significantly from that of {baseline}."
    remarks = [f"Not significant: {', '.join(doubtful)}."] if doubtful and sure else []
    remarks += [f"Equal in every replication: {', '.join(same)}."] if same and (sure or doubtful) else []
    said = [sentence(label, baseline, key, sure[key], summary["confidence"]) for key in order]
    return Verdict(opening, said, " ".join(remarks))


def _tables(summary: Summary) -> list[Part]:
    """For each size of memory the figures of every policy, with the difference from the baseline below; and what they
    mean."""
    parts: list[Part] = [
        table
        for memory in summary["memories"]
        for more in (False, True)
        if len((table := figures_table(summary, memory, more)).columns) > 1
    ]
    meanings = {metric.heading: metric.meaning for metric in (*METRICS, *MORE)}
    return [*parts, Details("What each figure means", [Meanings(meanings)])]


def _slowdowns(result: ComparisonResult) -> list[Table]:
    """For each size of memory, the mean slowdown of each process under each policy."""
    known: pd.DataFrame = result.processes[result.processes["slowdown"].notna()]
    labels, found = result.summary["labels"], []
    for memory in result.summary["memories"]:
        here = known[known[MEMORY] == memory]
        if here.empty:
            continue
        means = here.pivot_table("slowdown", "process", "label", sort=False)
        worst = means.max(axis=1).sort_values(ascending=False, kind="stable").index[:MOST_PROCESSES]
        rows = [
            [str(name), *(float(means.loc[name, label]) if label in means else None for label in labels)]
            for name in means.index if name in worst
        ]  # fmt: skip
        caption = f"Mean slowdown of each process against unlimited memory, with {show(memory, 'bytes')}"
        columns = [text_column("process"), *(Column(label, "ratio") for label in labels)]
        found.append(Table(caption, columns, rows, name=f"slowdowns-{memory}"))
    return found


def _memory(result: ComparisonResult) -> tuple[list[Part], dict[str, Any]]:
    """A slider for each size of memory over the first replication of every policy, and their data; where no
    page lists were kept, why there is none."""
    telling = telling_memory(result)
    sizes = [telling, *(size for size in result.summary["memories"] if size != telling)][:MOST_SLIDERS]
    runs = {size: _listed(result, size) for size in sizes}
    several = sum(map(bool, runs.values()))
    each = MOST_NUMBERS // max(1, several)
    timelines = [(size, found) for size in sizes if (found := timeline(runs[size], each))]
    if not timelines:
        return ["No run of the first replication ended, so there is nothing to go through here."], {}
    parts: list[Part] = []
    numbers: dict[str, Any] = {}
    for place, (size, found) in enumerate(timelines):
        moving = Slider(found, identity="slider" if place == 0 else f"slider-{place + 1}")
        both = [_about(result, size, found), moving]
        parts += [Details(f"{show(size, 'bytes')} of memory", both, place == 0)] if len(timelines) > 1 else both
        numbers |= moving.data
    return parts, numbers


def _about(result: ComparisonResult, memory: int, found: Timeline) -> str:
    """What a slider shows, in a sentence."""
    names = {run.label for run in found.runs}
    missing = [label for label in result.summary["labels"] if label not in names]
    said = f"The first replication of each policy with {show(memory, 'bytes')} of memory, side by side."
    if missing:
        said += f" Not there: {and_list(missing)}."
    return said


def _listed(result: ComparisonResult, memory: int) -> list[Run]:
    """The runs of the first replication in so much memory, of which the comparison has the page lists."""
    if result.lists.empty:
        return []
    here = result.lists[result.lists[MEMORY] == memory]
    summary = {
        "page_size": int(result.points["page_size"].dropna().iloc[0]),
        "processes": {name: {} for name in result.processes["process"]},
    }
    labels = [label for label in result.summary["labels"] if (here["label"] == label).any()]
    return [Run(label, RunResult(summary, here[here["label"] == label], pd.DataFrame())) for label in labels]


def _changes(manifest: Mapping[str, Any]) -> list[Table]:
    """What each policy changes in the config."""
    rows = [
        (str(one["label"]), str(one["policy"]), parameters(_flat(one["changes"]), "policy", one["policy"]) or "-")
        for one in json.loads(manifest["study"])["variants"]
    ]
    columns = [text_column("label"), text_column("policy"), text_column("changes", wrap=True)]
    return [Table("What each policy changes in it", columns, rows, name="variants")]


def _flat(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes by dotted key; those of the policy's own parameters, which are most, by their names alone."""
    found: dict[str, Any] = {}
    for key, value in changes.items():
        prefix = "" if key == TRIMMING else f"{key}."
        found |= {f"{prefix}{name}": one for name, one in value.items()} if isinstance(value, Mapping) else {key: value}
    found.pop("policy", None)
    return found
