"""The report of a comparison: who takes how long, what differs and how surely, who pays, and memory under each policy,
moment by moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.compare.contestants import TRIMMING
from experiments.compare.metrics import METRICS, MORE, Metric
from experiments.compare.plan import MEMORY, run_name
from experiments.compare.result import ComparisonResult
from experiments.compare.text import difference_text, name_text, notes, sentences, value_text
from experiments.present.plots.dashboard import telling_memory
from experiments.present.report import asked, provenance, verdicts, words
from experiments.present.report.figures import figure, named, pictures
from experiments.present.report.grids import Cell, Row, grid, number
from experiments.present.report.markup import Markup, element, join, listed
from experiments.present.report.moments import MOST_NUMBERS, Moments, Run, moments, sampled
from experiments.present.report.page import Report, Section, details
from experiments.present.report.run import figures
from experiments.present.report.walk import walk
from simulator.result import RunResult
from simulator.units import format_size

Summary = Mapping[str, Any]
MOST_SENTENCES = 24
MOST_PROCESSES = 40
"""rows of the table of slowdowns: the processes with the largest"""
MOST_WALKS = 6
"""memory sizes that have a slider"""
POINTS = "points"
"""Where `compare --keep` keeps whole runs."""


def report(result: ComparisonResult, manifest: Mapping[str, Any], directory: Path) -> Report:
    """The report of the comparison that stands in a directory."""
    summary = result.summary
    drawn, left_out = pictures(result, "comparison", lambda name: words.comparison(name, result))
    overview = named(drawn, "dashboard")
    memory, data = _memory(result, directory)
    outcome = [listed(_sentence(text) for text in sentences(summary)[:MOST_SENTENCES]), _figures(result)]
    if overview is not None:
        outcome.append(figure(overview))
    others = [figure(one) for one in drawn if one is not overview]
    if left_out:
        others.append(element("p", f"No room here: {asked.and_list(left_out)}; pagesim plot draws them."))
    differ = [verdicts.in_words(summary), verdicts.table(summary)] if any(verdicts.differences(summary)) else []
    sections = [
        Section("question", "What was asked", [asked.comment(manifest), *_asked(summary, manifest["config"])]),
        Section("outcome", "What came out", outcome),
        Section("differences", "What differs, and how surely", [*differ, _notes(summary)]),
        Section("figures", "Figures by policy", _tables(summary)),
        Section("processes", "Who paid", _slowdowns(result)),
        Section("memory", "Memory, moment by moment", memory),
        Section("plots", "In pictures", others),
        Section("config", "The config", [asked.glance(manifest["config"]), _changes(manifest)]),
        provenance.section(manifest),
    ]
    return Report("Report of a comparison", str(summary["name"]), _lead(summary),
                  [one for one in sections if one.content], data)  # fmt: skip


def _sentence(text: str) -> str:
    """A sentence that begins with a name or, like any other, with a capital letter; and ends."""
    start = text[0].upper() + text[1:] if text.startswith("with ") else text
    return f"{start}."


def _asked(summary: Summary, config: Mapping[str, Any]) -> list[Markup]:
    others = [label for label in summary["labels"] if label not in summary["bounds"]]
    sizes = asked.and_list(format_size(memory) for memory in summary["memories"])
    times = "once" if summary["replications"] == 1 else f"{summary['replications']} times, with seeds of their own"
    which = (
        f"Which policy does best? {asked.and_list(others)} ran on the same references in {sizes} of memory, {times}. "
        f"All are held against {summary['baseline']}."
    )
    if summary["bounds"]:
        which += f" {asked.and_list(summary['bounds'])} bounds what is possible: no system could do the same."
    return [element("p", which), element("p", asked.machine_sentence(config, memory=False))]


def _lead(summary: Summary) -> str:
    """The largest sure difference between policies that a system could have, in completion time if there is one."""
    baseline, confidence = summary["baseline"], summary["confidence"]
    known = [one for one in verdicts.differences(summary) if not one[0]["requires"] and one[2]["relative"] is not None]
    sure = [one for one in known if one[2]["verdict"] in ("significant", "exact")]
    if not known:
        return f"{len(summary['labels'])} policies, held against {baseline}."
    timed = [one for one in sure if one[1] == "completion_ns"]
    said = ""
    if sure:
        cell, key, difference = max(timed or sure, key=lambda one: abs(one[2]["relative"]))
        where = f" with {format_size(cell[MEMORY])} of memory" if len(summary["memories"]) > 1 else ""
        said = f"{verdicts.sentence(cell['label'], baseline, key, difference, confidence)}{where}"
    if timed:
        return f"{said}."
    none = f"No policy that a system could have differs surely from {baseline} in completion time"
    return f"{none}; {said}." if said else f"{none}."


def _figures(result: ComparisonResult) -> Markup:
    """Each contestant's completion time where they lie furthest apart."""
    memory = telling_memory(result)
    cells = [cell for cell in result.summary["cells"] if cell[MEMORY] == memory]
    shown = {cell["label"]: value_text(METRICS[0], cell["metrics"]["completion_ns"]) for cell in cells[:8]}
    where = f", {format_size(memory)} of memory" if len(result.summary["memories"]) > 1 else ""
    return join([element("p", f"Completion time{where}:", class_="above"), figures(shown)])


def _notes(summary: Summary) -> Markup:
    return element("div", element("h3", "How to read the figures"), listed(_sentence(line) for line in notes(summary)),
                   class_="notes")  # fmt: skip


def _tables(summary: Summary) -> list[Markup]:
    """For each size of memory the figures of every contestant, with the difference from the baseline below."""
    shown = [metric for metric in METRICS if any(cell["metrics"][metric.key] for cell in summary["cells"])]
    more = [metric for metric in MORE if any(cell["metrics"][metric.key] for cell in summary["cells"])]
    found = []
    for memory in summary["memories"]:
        cells = [cell for cell in summary["cells"] if cell[MEMORY] == memory]
        for name, metrics in (("figures", shown), ("more", more)):
            what = "Means" if name == "figures" else "Further means"
            headings = ["policy", *(metric.heading for metric in metrics)]
            rows = [_figure_row(cell, metrics, summary["baseline"]) for cell in cells]
            found.append(
                grid(f"{name}-{memory}", f"{what}, {format_size(memory)} of memory", headings, rows, wide=True)
            )
    return [*found, _meanings([*shown, *more])]


def _figure_row(cell: Summary, metrics: list[Metric], baseline: str) -> Row:
    row: list[Cell] = [Cell(_named(cell, baseline), str(cell["label"]))]
    for metric in metrics:
        found = cell["metrics"][metric.key]
        lines = (value_text(metric, found), difference_text(metric, cell["differences"].get(metric.key)))
        row.append(Cell("\n".join(line for line in lines if line), None if found is None else found["mean"]))
    return row


def _named(cell: Summary, baseline: str) -> Markup:
    """A contestant's label, and below it what `name_text` puts into brackets."""
    label = str(cell["label"])
    more = name_text(cell, baseline).removeprefix(label).strip(" ()")
    return join([label, element("small", more) if more else None])


def _meanings(metrics: list[Metric]) -> Markup:
    """What each figure is."""
    pairs = [part for one in metrics for part in (element("dt", one.heading), element("dd", one.meaning))]
    return element("details", element("summary", "What each figure means"), element("dl", *pairs, class_="meanings"))


def _slowdowns(result: ComparisonResult) -> list[Markup]:
    """For each size of memory, the mean slowdown of each process under each policy."""
    known: pd.DataFrame = result.processes[result.processes["slowdown"].notna()]
    labels, found = result.summary["labels"], []
    for memory in result.summary["memories"]:
        here = known[known[MEMORY] == memory]
        if here.empty:
            continue
        means = here.pivot_table("slowdown", "process", "label", sort=False)
        worst = means.max(axis=1).sort_values(ascending=False, kind="stable").index[:MOST_PROCESSES]
        rows: list[Row] = []
        for name in (name for name in means.index if name in worst):
            values = [float(means.loc[name, label]) if label in means else math.nan for label in labels]
            rows.append([str(name), *(_ratio(value) for value in values)])
        caption = f"Mean slowdown of each process against unlimited memory, with {format_size(memory)}"
        found.append(grid(f"slowdowns-{memory}", caption, ["process", *labels], rows))
    return found


def _ratio(value: float) -> Cell:
    return Cell("-") if math.isnan(value) else number(value, f"{value:,.2f}×")


def _memory(result: ComparisonResult, directory: Path) -> tuple[list[Markup], list[Markup]]:
    """A slider for each size of memory over the first replication of every contestant, and their data; where neither
    page lists nor runs were kept, why there is none."""
    telling = telling_memory(result)
    sizes = [telling, *(size for size in result.summary["memories"] if size != telling)][:MOST_WALKS]
    runs = {size: _listed(result, size) or _kept(result, directory, size) for size in sizes}
    several = sum(map(bool, runs.values()))
    walks = [(size, found) for size in sizes if (found := moments(runs[size], MOST_NUMBERS // max(1, several)))]
    if not walks:
        text = "This comparison was made by an older version and holds no page lists, so there is nothing to walk "
        text += "through here. Made anew, it lays the page lists of all policies side by side, moment by moment."
        return [element("p", text)], []
    parts, numbers = [], []
    for place, (size, found) in enumerate(walks):
        slider, told = walk(found, identity="walk" if place == 0 else f"walk-{place + 1}")
        part = _walked(result, size, found, slider)
        parts.append(details(f"{format_size(size)} of memory", part, open_=place == 0) if len(walks) > 1 else part)
        numbers.append(told)
    return parts, numbers


def _walked(result: ComparisonResult, memory: int, found: Moments, slider: Markup) -> Markup:
    """A slider, and what it shows in a sentence."""
    names = {run.label for run in found.runs}
    missing = [label for label in result.summary["labels"] if label not in names]
    told = f"The first replication of each policy with {format_size(memory)} of memory, side by side."
    if missing:
        told += f" Not there: {asked.and_list(missing)}."
    return join([element("p", told), slider])


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


def _kept(result: ComparisonResult, directory: Path, memory: int) -> list[Run]:
    """The same from whole runs, which an older comparison may have kept."""
    runs = []
    for index, label in enumerate(result.summary["labels"]):
        place = directory / POINTS / run_name(label, index, memory, 0)
        if (place / "samples.parquet").is_file():
            runs.append(Run(label, sampled(place)))
    return runs


def _changes(manifest: Mapping[str, Any]) -> Markup:
    """What each contestant changes in the config."""
    found = manifest.get("plan", {}).get("contestants", [])
    rows = [
        [str(one["label"]), str(one["policy"]), asked.parameters(_flat(one["changes"]), "policy", one["policy"]) or "-"]
        for one in found
    ]
    return grid("contestants", "What each policy changes in it", ["label", "policy", "changes"], rows, words=3)


def _flat(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes by dotted key; those of the policy's own parameters, which are most, by their names alone."""
    found: dict[str, Any] = {}
    for key, value in changes.items():
        prefix = "" if key == TRIMMING else f"{key}."
        found |= {f"{prefix}{name}": one for name, one in value.items()} if isinstance(value, Mapping) else {key: value}
    found.pop("policy", None)
    return found
