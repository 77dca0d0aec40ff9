"""A comparison's figures as text: means with intervals, differences with their verdict, sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.compare.metrics import Metric
from experiments.compare.plan import MEMORY
from simulator.units import SIZE_UNITS, TIME_UNITS, format_size

Figures = Mapping[str, Any]
PLUS_MINUS = "±"
MARKS = {"significant": "*", "exact": "exact", "not significant": "n.s.", "equal": "", "untested": "", None: ""}
"""How a verdict is marked beside a difference."""


def value_text(metric: Metric, found: Figures | None) -> str:
    """A mean with half its interval, such as "525.4 ms ± 2.1"; "-": there is none."""
    if found is None:
        return "-"
    factor, unit = _scale(metric, found["mean"])
    shown = f"{_number(found['mean'] / factor)}{unit}"
    if found["low"] is None or found["constant"]:
        return shown
    return f"{shown} {PLUS_MINUS} {_number((found['high'] - found['low']) / 2 / factor)}"


def difference_text(metric: Metric, found: Figures | None) -> str:
    """A difference as a share of the baseline's mean, with half its interval and its mark: "+6.4 % ± 0.9 *"."""
    if found is None:
        return ""
    if found["verdict"] == "equal":
        return "="
    if found.get("relative") is None:
        factor, unit = _scale(metric, found["mean"])
        shown = f"{found['mean'] / factor:+.4g}{unit}"
    else:
        shown = f"{_percent(found['relative'])}"
        if found["low"] is not None and not found["constant"]:
            shown += f" {PLUS_MINUS} {abs(found['relative_high'] - found['relative_low']) * 50:.2g}"
    return f"{shown} {MARKS[found['verdict']]}".rstrip()


def over_text(found: Figures | None) -> str:
    """How far above a bound, as a share of the bound."""
    if found is None:
        return "-"
    if found["relative"] is None:
        return "+0 %" if found["mean"] == 0 else f"+{found['mean']:,.4g}"
    return _percent(found["relative"])


def _percent(share: float) -> str:
    return f"{share * 100:+,.1f} %" if abs(share) < 10 else f"{share * 100:+,.0f} %"


def _scale(metric: Metric, mean: float) -> tuple[float, str]:
    """What a figure is divided by to be read, and its unit."""
    match metric.unit:
        case "share":
            return 0.01, " %"
        case "ratio":
            return 1, "x"
        case "count":
            return 1, ""
    units = TIME_UNITS if metric.unit == "ns" else SIZE_UNITS
    times = "·s" if metric.unit == "byte seconds" else ""
    fitting = [(factor, f" {name}{times}") for name, factor in units.items() if name != "min" and abs(mean) >= factor]
    return max(fitting, default=(1, f" {next(iter(units))}{times}"))


def _number(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if magnitude < 100 else f"{value:.1f}"


def name_text(cell: Figures, baseline: str) -> str:
    """A contestant's label, marked where it is the baseline or no system could do what it does."""
    marks = []
    if cell["label"] == baseline:
        marks.append("baseline")
    if cell["requires"]:
        marks.append(f"not implementable: needs {', '.join(cell['requires'])}")
    return f"{cell['label']} ({'; '.join(marks)})" if marks else str(cell["label"])


def sentences(summary: Figures) -> list[str]:
    """What the comparison says of the completion time, a sentence for each contestant and memory size; and, where the
    completion times can't be compared, why."""
    found = []
    several = len(summary["memories"]) > 1
    for cell in summary["cells"]:
        if cell["label"] != summary["baseline"]:
            where = f"with {format_size(cell[MEMORY])}, " if several else ""
            found.append(f"{where}{_sentence(cell, summary)}")
    return found


def _sentence(cell: Figures, summary: Figures) -> str:
    label, baseline = cell["label"], summary["baseline"]
    difference = cell["differences"]["completion_ns"]
    if cell["failed"] and not cell["runs"]:
        return f"{label} failed: {cell['errors'][0]}"
    if difference is None:
        return f"{label} can't be held against {baseline} in completion time: not every process ended in both"
    if difference["verdict"] == "equal":
        return f"{label} takes exactly as long as {baseline}"
    ratio = abs(difference["relative"] or 0.0)
    way = "longer" if difference["mean"] > 0 else "less time"
    said = f"{label} takes {ratio:.1%} {way} than {baseline}"
    match difference["verdict"]:
        case "untested":
            return f"{said} in 1 replication, which says nothing on other seeds"
        case "exact":
            return f"{said}, exactly: nothing in it depends on the seed"
    ends = sorted((difference["relative_low"] * 100, difference["relative_high"] * 100))
    interval = f"{summary['confidence']:.0%} interval {ends[0]:+.1f} to {ends[1]:+.1f} %"
    if difference["verdict"] == "significant":
        return f"{said} ({interval}): significant"
    if ends[0] > 0 or ends[1] < 0:
        return f"{said} ({interval}): not significant among {summary['tests']} tests; more replications may tell"
    return f"{said} ({interval}): not significant, {difference['count']} replications don't tell them apart"


def notes(summary: Figures) -> list[str]:
    """How the figures are to be read."""
    replications, baseline = summary["replications"], summary["baseline"]
    lines = []
    if replications == 1:
        lines.append("1 replication: no interval; nothing is said on other seeds")
    elif all(cell["deterministic"] for cell in summary["cells"] if cell["runs"]):
        lines.append(
            f"deterministic: no interval; all {replications} replications are the same, because nothing here is random"
        )
    else:
        lines.append(
            f"means of {replications} replications {PLUS_MINUS} half a {summary['confidence']:.0%} interval (Student t)"
            f"; differences are paired, in % of {baseline}'s mean"
        )
        lines.append(
            f"*: significant at {1 - summary['confidence']:.2g} after Holm's correction (1979) over the "
            f"{summary['tests']} differences tested here, of which the completion times get half the weight; "
            "n.s.: not significant; =: equal in every replication; the intervals hold for each figure by itself"
        )
    beaten = {
        bound for cell in summary["cells"] for bound, over in cell["over_bounds"].items()
        if (found := over["hard_faults"]) and found["mean"] < 0
    }  # fmt: skip
    if beaten:
        lines.append(
            f"fewer hard faults than {', '.join(sorted(beaten))}: it bounds the misses of one stream in fixed memory, "
            "and no more; read-ahead, page lists, limits and the interleaving of processes are outside of it"
        )
    lines += [
        f"{cell['label']}: {cell['failed']} of {cell['failed'] + cell['runs']} runs failed: {cell['errors'][0]}"
        for cell in summary["cells"]
        if cell["failed"]
    ]
    return lines
