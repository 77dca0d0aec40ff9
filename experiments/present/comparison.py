"""A comparison as tables and sentences: what each policy gave, what differs from the baseline, and how surely."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments.analysis.comparison import MEMORY
from experiments.analysis.metrics import BY_KEY, METRICS, MORE, Metric
from experiments.present import markdown
from experiments.present.numbers import PLUS_MINUS, UNKNOWN, Unit, change, mean, share, show, significant
from experiments.present.table import Cell, Column, Part, Table, text_column

Figures = Mapping[str, Any]
MARKS = {"significant": "*", "exact": "exact", "not significant": "n.s.", "equal": "", "untested": "", None: ""}
"""How a verdict is marked beside a difference."""
IDEAL = "†"
"""Marks a policy that no system could have, because it needs what none knows."""
FIRST = ("completion_ns", "slowdown", "hard_faults")
"""Metrics that a table shows where there is little room; of the others the later go first."""
OVER = ("completion_ns", "hard_faults")
"""Metrics whose distance from a bound is shown; all are in the CSV and JSON."""
SENTENCES = 24
"""Most sentences before a table."""
PHRASES = {
    "completion_ns": ("takes {} longer", "takes {} less time"),
    "slowdown": ("slows processes down {} more", "slows processes down {} less"),
    "stall_share": ("has processes stalled {} more of their time", "has processes stalled {} less of their time"),
    "hard_faults": ("has {} more hard faults", "has {} fewer hard faults"),
    "transition_faults": ("has {} more transition faults", "has {} fewer transition faults"),
    "demand_zero_faults": ("has {} more demand-zero faults", "has {} fewer demand-zero faults"),
    "pages_input": ("reads {} more pages", "reads {} fewer pages"),
    "pages_output": ("writes {} more pages", "writes {} fewer pages"),
    "mean_memory_bytes": ("holds {} more memory", "holds {} less memory"),
    "trimming_ns": ("spends {} more processor time on trimming", "spends {} less processor time on trimming"),
}  # fmt: skip
"""For each figure that is tested, what it is to have more of it, and what to have less."""
NAMES = {"completion_ns": "completion time", "stall_share": "time stalled", "hard_faults": "hard faults",
         "transition_faults": "transition faults", "demand_zero_faults": "demand-zero faults",
         "pages_input": "pages read", "pages_output": "pages written",
         "trimming_ns": "time spent on trimming"}  # fmt: skip
"""Figures whose heading in a table needs its neighbours to be understood."""
VERDICTS = ("significant", "exact", "not significant", "equal", "untested")


def report(summary: Figures) -> list[Part]:
    """What a comparison ends with: what differs in completion time, a table for each memory size, and how to read
    them."""
    lines = [text + "." for text in sentences(summary)[:SENTENCES]]
    return [*lines, "", *(figures_table(summary, memory) for memory in summary["memories"]), *notes(summary)]


def page(summary: Figures) -> str:
    """The comparison as a Markdown page."""
    tables = [figures_table(summary, memory) for memory in summary["memories"]]
    title = f"# {summary['name']}: {len(summary['labels'])} policies compared\n\n"
    said = "".join(f"- {line}\n" for line in sentences(summary))
    return f"{title}{said}\n{markdown.text([*tables, *(f'{line}.' for line in notes(summary))])}"


def cells(summary: Figures, memory: int) -> list[Figures]:
    """What every policy gave with one size of memory."""
    return [cell for cell in summary["cells"] if cell[MEMORY] == memory]


def figures_table(summary: Figures, memory: int, more: bool = False) -> Table:
    """A row for each policy in one size of memory: each figure's mean, and below it the difference from the baseline.

    `more`: the further metrics, which stand in the frames.
    """
    shown = [one for one in (MORE if more else METRICS) if any(cell["metrics"][one.key] for cell in summary["cells"])]
    bounds = [] if more else [(bound, key) for bound in summary["bounds"] for key in OVER]
    columns = [
        text_column("policy"),
        *(Column(one.heading, priority=0 if one.key in FIRST else 1 + place) for place, one in enumerate(shown)),
        *(Column(f"{BY_KEY[key].heading} over {bound}", priority=2) for bound, key in bounds),
    ]
    rows = [
        [name_text(cell, summary["baseline"]), *(_figure(cell, one) for one in shown),
         *(_over(cell["over_bounds"].get(bound, {}).get(key)) for bound, key in bounds)]
        for cell in cells(summary, memory)
    ]  # fmt: skip
    kind = "further means" if more else "means"
    title = f"{summary['name']}: {show(memory, 'bytes')} of memory, {kind}"
    identity = f"{'more' if more else 'figures'}-{memory}"
    return Table(title, columns, rows, notes=ideal_note(cells(summary, memory)), name=identity)


def _figure(cell: Figures, metric: Metric) -> Cell:
    found = cell["metrics"][metric.key]
    lines = (mean_text(metric.unit, found), difference_text(metric.unit, cell["differences"].get(metric.key)))
    return Cell("\n".join(line for line in lines if line), None if found is None else found["mean"])


def mean_text(unit: Unit, found: Figures | None) -> str:
    """A mean with half its interval, such as "525.4 ms ± 2.1"; "-": there is none."""
    if found is None:
        return UNKNOWN
    low, high = (None, None) if found["constant"] else (found["low"], found["high"])
    if unit == "count":
        return mean(found["mean"], low, high) if high is not None else show(found["mean"], unit)
    return mean(found["mean"], low, high, unit)


def difference_text(unit: Unit, found: Figures | None) -> str:
    """A difference as a share of the baseline's mean, with half its interval and its mark: "+6.4% ± 0.9 *"."""
    if found is None:
        return ""
    if found["verdict"] == "equal":
        return "="
    if found.get("relative") is None:
        text = ("+" if found["mean"] > 0 else "") + show(found["mean"], "number" if unit == "count" else unit)
    elif found["low"] is None or found["constant"]:
        text = change(found["relative"])
    else:
        text = change(found["relative"], *sorted((found["relative_low"], found["relative_high"])))
    return f"{text} {MARKS[found['verdict']]}".rstrip()


def _over(found: Figures | None) -> Cell:
    """How far above a bound, as a share of the bound."""
    if found is None:
        return Cell(UNKNOWN)
    if found["relative"] is None:
        return Cell("+0%" if found["mean"] == 0 else f"+{significant(found['mean'])}", found["mean"])
    return Cell(share(found["relative"], signed=True), found["relative"])


def name_text(cell: Figures, baseline: str) -> str:
    """A policy's label, marked where it is the baseline or no system could do what it does."""
    mark = f" {IDEAL}" if cell["requires"] else ""
    return f"{cell['label']}{mark}\n(baseline)" if cell["label"] == baseline else f"{cell['label']}{mark}"


def ideal_note(cells: Iterable[Figures]) -> list[str]:
    """What the mark of policies that no system could have means, where there are such."""
    needs = {cell["label"]: ", ".join(cell["requires"]) for cell in cells if cell["requires"]}
    if not needs:
        return []
    return [f"{IDEAL}: not implementable; {'; '.join(f'{label} needs {what}' for label, what in needs.items())}"]


def differences(summary: Figures) -> Iterator[tuple[Figures, str, Figures]]:
    """Every difference from the baseline: the policy's cell, the figure, and what was found."""
    for cell in summary["cells"]:
        for metric in METRICS:
            if (found := cell["differences"].get(metric.key)) is not None:
                yield cell, metric.key, found


def difference_table(summary: Figures) -> Table:
    """Every difference with its interval and its verdict."""
    where = [Column("memory", "bytes")] if len(summary["memories"]) > 1 else []
    signed = [Column(text, format=lambda part: share(part, signed=True)) for text in ("difference", "from", "to")]
    columns = [text_column("policy"), text_column("figure"), *where, text_column("verdict"), *signed,
               Column("adjusted p", format=lambda p: significant(p, 3))]  # fmt: skip
    rows = []
    for cell, key, found in differences(summary):
        verdict = Cell(found["verdict"], VERDICTS.index(found["verdict"]))
        shares = [found.get("relative"), *_ends(found)]
        size = [cell[MEMORY]] if where else []
        rows.append([cell["label"], name(key), *size, verdict, *shares, found["p_adjusted"]])
    title = f"Differences from {summary['baseline']}, as shares of its mean; {summary['confidence']:.0%} intervals"
    return Table(title, columns, rows, name="differences-table")


def _ends(found: Figures) -> tuple[float | None, float | None]:
    """The ends of a difference's interval as shares of the baseline, the lower first."""
    low, high = found.get("relative_low"), found.get("relative_high")
    return (low, high) if low is None or high is None else (min(low, high), max(low, high))


def name(key: str) -> str:
    """What a figure is called by itself."""
    return NAMES.get(key, BY_KEY[key].heading)


def sentence(label: str, baseline: str, key: str, found: Figures, confidence: float) -> str:
    """A difference in words, such as "fifo has 41.4% more hard faults than windows (95% interval +20% to +63%)"."""
    more, less = PHRASES[key]
    size = found["relative"]
    amount = significant(abs(found["mean"])) if size is None else share(abs(size))
    said = f"{label} {(more if found['mean'] > 0 else less).format(amount)} than {baseline}"
    low, high = _ends(found)
    if low is None or found["constant"]:
        return said
    return f"{said} ({confidence:.0%} interval {share(low, signed=True)} to {share(high, signed=True)})"


def sentences(summary: Figures) -> list[str]:
    """What the comparison says of the completion time, a sentence for each policy and memory size; and, where the
    completion times can't be compared, why."""
    several = len(summary["memories"]) > 1
    return [
        (f"with {show(cell[MEMORY], 'bytes')}, " if several else "") + _sentence(cell, summary)
        for cell in summary["cells"]
        if cell["label"] != summary["baseline"]
    ]


def _sentence(cell: Figures, summary: Figures) -> str:
    label, baseline = cell["label"], summary["baseline"]
    found = cell["differences"]["completion_ns"]
    if cell["failed"] and not cell["runs"]:
        return f"{label} failed: {cell['errors'][0]}"
    if found is None:
        return f"{label} can't be compared with {baseline} in completion time: not every process ended in both"
    if found["verdict"] == "equal":
        return f"{label} takes exactly as long as {baseline}"
    said = sentence(label, baseline, "completion_ns", found, summary["confidence"])
    return (
        said
        + {
            "untested": " in 1 replication, which says nothing on other seeds",
            "exact": ", exactly: nothing in it depends on the seed",
            "significant": ": significant",
            "not significant": _doubt(found, summary),
        }[found["verdict"]]
    )


def _doubt(found: Figures, summary: Figures) -> str:
    """Why a difference isn't significant."""
    if found["constant"]:
        return f": the same difference in each of {found['count']} replications, too few to test"
    low, high = _ends(found)
    if low is not None and high is not None and (low > 0 or high < 0):
        return f": not significant among {summary['tests']} tests; more replications may tell"
    return f": not significant, {found['count']} replications don't tell them apart"


def notes(summary: Figures) -> list[str]:
    """How the figures are to be read."""
    replications, baseline = summary["replications"], summary["baseline"]
    if replications == 1:
        lines = ["1 replication: no interval; nothing is said on other seeds"]
    elif all(cell["deterministic"] for cell in summary["cells"] if cell["runs"]):
        same = f"all {replications} replications are the same, because nothing here is random"
        lines = [f"deterministic: no interval; {same}"]
    else:
        means = (
            f"means of {replications} replications {PLUS_MINUS} half a {summary['confidence']:.0%} interval (Student t)"
            f"; differences are paired, in % of {baseline}'s mean"
        )
        marks = (
            f"*: significant at {1 - summary['confidence']:.2g} after Holm's correction (1979) over the "
            f"{summary['tests']} differences tested here, of which the completion times get half the weight; "
            "n.s.: not significant; =: equal in every replication; the intervals hold for each figure by itself"
        )
        lines = [means, marks]
    beaten = {
        bound for cell in summary["cells"] for bound, over in cell["over_bounds"].items()
        if (found := over["hard_faults"]) and found["mean"] < 0
    }  # fmt: skip
    if beaten:
        lines.append(
            f"fewer hard faults than {', '.join(sorted(beaten))}: it bounds the misses of one stream in fixed memory, "
            "and no more; read-ahead, page lists, limits and the interleaving of processes are outside of it"
        )
    return lines + [
        f"{cell['label']}: {cell['failed']} of {cell['failed'] + cell['runs']} runs failed: {cell['errors'][0]}"
        for cell in summary["cells"]
        if cell["failed"]
    ]


COLUMNS = ("mean", "low", "high", "count")
TESTED = (
    *("mean", "low", "high", "relative", "relative_low", "relative_high", "count", "p_value", "p_adjusted", "verdict"),
)


def comma_separated(summary: Figures) -> str:
    """The comparison as CSV: a row for each memory size, policy and metric; empty: there is no such figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    bounds: Sequence[str] = summary["bounds"]
    writer.writerow([
        "memory_bytes", "label", "policy", "requires", "metric", *COLUMNS, *(f"difference_{key}" for key in TESTED),
        *(f"over_{bound}{suffix}" for bound in bounds for suffix in ("", "_relative")),
    ])  # fmt: skip
    for cell in summary["cells"]:
        for metric in (*METRICS, *MORE):
            found = cell["metrics"][metric.key] or {}
            difference = cell["differences"].get(metric.key) or {}
            over = [(cell["over_bounds"].get(bound, {}).get(metric.key) or {}) for bound in bounds]
            writer.writerow([
                cell[MEMORY], cell["label"], cell["policy"], " ".join(cell["requires"]), metric.key,
                *(found.get(key) for key in COLUMNS), *(difference.get(key) for key in TESTED),
                *(one.get(key) for one in over for key in ("mean", "relative")),
            ])  # fmt: skip
    return text.getvalue()
