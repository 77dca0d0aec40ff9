"""What differs, and how surely: a comparison's differences in words and in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.compare.metrics import BY_KEY, METRICS
from experiments.compare.plan import MEMORY
from experiments.present.report.grids import Cell, Row, grid, number
from experiments.present.report.markup import Markup, element, join, listed, share
from experiments.present.report.page import details
from simulator.units import format_size

Figures = Mapping[str, Any]
PHRASES = {
    "completion_ns": ("takes {} more time", "takes {} less time"),
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
SHOWN = {"significant": "significant", "exact": "exact", "not significant": "not significant", "equal": "equal",
         "untested": "untested: one replication"}  # fmt: skip
ORDER = list(SHOWN)
MOST_OPEN = 12
"""rows of the table that stand open on the page; more are for the reader to unfold"""


NAMES = {"completion_ns": "completion time", "stall_share": "time stalled", "hard_faults": "hard faults",
         "transition_faults": "transition faults", "demand_zero_faults": "demand-zero faults",
         "pages_input": "pages read", "pages_output": "pages written",
         "trimming_ns": "time spent on trimming"}  # fmt: skip
"""Figures whose heading in a table needs its neighbours to be understood."""


def name(key: str) -> str:
    """What a figure is called by itself."""
    return NAMES.get(key, BY_KEY[key].heading)


def differences(summary: Figures) -> Iterator[tuple[Figures, str, Figures]]:
    """Every difference from the baseline: the contestant's cell, the figure, and what was found."""
    for cell in summary["cells"]:
        for metric in METRICS:
            if (found := cell["differences"].get(metric.key)) is not None:
                yield cell, metric.key, found


def percent(part: float, signed: bool = False) -> str:
    """A share as a percentage; a whole one, and one above 10, without decimals."""
    return share(part, 0 if abs(part) >= 10 or abs(part) == 1 else 1, "+" if signed else "")


def interval(found: Figures, confidence: float) -> str:
    """The interval of a difference as a share of the baseline, in words; empty where there is none."""
    if found.get("relative_low") is None or found["constant"]:
        return ""
    low, high = sorted((found["relative_low"], found["relative_high"]))
    ends = (f"{end * 100:+,.{0 if abs(end) >= 10 else 1}f}" for end in (low, high))
    return f"{share(confidence, 0)} interval {' to '.join(ends)}\N{NO-BREAK SPACE}%"


def sentence(label: str, baseline: str, key: str, found: Figures, confidence: float) -> str:
    """A difference in words, such as "fifo has 41.4 % more hard faults than windows (95% interval ...)"."""
    more, less = PHRASES[key]
    size = found["relative"]
    amount = f"{abs(found['mean']):,.4g}" if size is None else percent(abs(size))
    said = f"{label} {(more if found['mean'] > 0 else less).format(amount)} than {baseline}"
    return f"{said} ({within})" if (within := interval(found, confidence)) else said


def in_words(summary: Figures) -> Markup:
    """What differs significantly, memory size by memory size and contestant by contestant, with intervals; then what
    the others come to."""
    parts = []
    several = len(summary["memories"]) > 1
    for memory in summary["memories"]:
        cells = [cell for cell in summary["cells"] if cell[MEMORY] == memory and cell["label"] != summary["baseline"]]
        if several:
            parts.append(element("h3", f"With {format_size(memory)} of memory"))
        parts += [_contestant(cell, summary) for cell in cells]
    return join(parts)


def _contestant(cell: Figures, summary: Figures) -> Markup:
    """What is sure of a contestant, the largest differences first."""
    label, baseline = cell["label"], summary["baseline"]
    known = {one.key: found for one in METRICS if (found := cell["differences"].get(one.key)) is not None}
    sure = {key: found for key, found in known.items() if found["verdict"] in ("significant", "exact")}
    order = sorted(sure, key=lambda key: (key != "completion_ns", -abs(sure[key]["relative"] or 0.0)))
    said = [sentence(label, baseline, key, sure[key], summary["confidence"]) for key in order]
    rest = [name(key) for key, found in known.items() if found["verdict"] == "not significant"]
    same = [name(key) for key, found in known.items() if found["verdict"] == "equal"]
    if not known:
        opening = f"{label}: nothing can be told, because no run ended well."
    elif sure:
        exact = known[order[0]]["verdict"] == "exact"
        how = "from {} exactly so, because nothing in it is random" if exact else "significantly from {}"
        opening = f"{label} differs {how.format(baseline)}:"
    elif all(found["verdict"] == "untested" for found in known.values()):
        opening = f"{label}: one replication, which says nothing on other seeds; the table has what it gave."
    elif not rest:
        opening = f"{label} does exactly what {baseline} does, in every figure."
    else:
        opening = f"{label}: no figure differs significantly from that of {baseline}."
    notes = [f"Not significant: {', '.join(rest)}." if rest and sure else None,
             f"Equal in every replication: {', '.join(same)}." if same and (sure or rest) else None]  # fmt: skip
    note = " ".join(text for text in notes if text)
    return join([element("p", opening, class_="verdict"), listed(said), element("p", note, class_="note") if note
                 else None])  # fmt: skip


def table(summary: Figures) -> Markup:
    """Every difference with its interval and its verdict."""
    several = len(summary["memories"]) > 1
    headings = [*(["memory"] if several else []), "policy", "figure", "verdict", "difference", "from", "to",
                "adjusted p"]  # fmt: skip
    rows = [_row(cell, key, found, several) for cell, key, found in differences(summary)]
    confidence = share(summary["confidence"], 0)
    caption = f"Differences from {summary['baseline']}, as shares of its mean; {confidence} intervals"
    made = grid("differences-table", caption, headings, rows, words=4 if several else 3)
    return made if len(rows) <= MOST_OPEN else details(f"All {len(rows)} differences in a table", made)


def _row(cell: Figures, key: str, found: Figures, several: bool) -> Row:
    where = [number(cell[MEMORY], format_size(cell[MEMORY]))] if several else []
    low, high = found.get("relative_low"), found.get("relative_high")
    if low is not None and high is not None:
        low, high = sorted((low, high))
    adjusted = found["p_adjusted"]
    return [
        *where,
        cell["label"],
        name(key),
        Cell(SHOWN[found["verdict"]], ORDER.index(found["verdict"])),
        *(number(share, None if share is None else percent(share, signed=True)) for share in
          (found.get("relative"), low, high)),
        number(adjusted, None if adjusted is None else f"{adjusted:.3g}"),
    ]  # fmt: skip
