"""What the plots show, in numbers: for those who can't see them, and as the first sentence of their captions.

A plot that isn't named here, such as a third party's, is described by its docstring alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from experiments.compare.metrics import BY_KEY
from experiments.compare.result import ComparisonResult
from experiments.compare.text import value_text
from experiments.present.plots import data, disks, style
from experiments.regret import WITHIN, removals
from simulator.result import RunResult
from simulator.units import format_size, format_time

MOST = 6
"""names in a sentence"""


def run(plot: str, result: RunResult) -> str:
    """What a plot of a run shows, in numbers; empty if nothing is known of such a plot."""
    made = _RUN.get(plot)
    return "" if made is None else made(result)


def comparison(plot: str, result: ComparisonResult) -> str:
    """What a plot of a comparison shows, in numbers; empty if nothing is known of such a plot."""
    if plot == "differences":
        return _verdicts(result)
    if plot == "fairness":
        return _slowest(result)
    metric = {"dashboard": "completion_ns", "faults-by-memory": "hard_faults", "space-time": "space_time_byte_s"}
    return _means(result, metric[plot]) if plot in metric else ""


def _peak(result: RunResult, column: str) -> tuple[float, int]:
    """The largest value of a column of the samples, and when."""
    values = np.nan_to_num(result.samples[column].to_numpy(np.float64)) if column in result.samples else np.zeros(1)
    place = int(np.argmax(values))
    return float(values[place]), int(result.samples["time_ns"].iloc[place])


def _lists(result: RunResult) -> str:
    most, when = _peak(result, "pagesim\\Active")
    parts = [f"Working sets hold at most {format_size(int(most))}, at {format_time(when)}"]
    most_of = {name: _peak(result, f"pagesim\\{name}")[0] for name in ("Modified", "Free", "Zeroed")}
    parts += [f"{name} at most {format_size(int(size))}" for name, size in most_of.items() if size]
    return f"{'; '.join(parts)}."


def _sets(result: RunResult) -> str:
    peaks = {name: _peak(result, f"Process({name})\\Working Set")
             for name in data.instances(result, "Process", "Working Set")}  # fmt: skip
    largest = sorted(peaks, key=lambda name: -peaks[name][0])[:MOST]
    parts = [f"{name} {format_size(int(peaks[name][0]))} at {format_time(peaks[name][1])}" for name in largest]
    return f"Largest working sets: {', '.join(parts)}." if parts else ""


def _rates(result: RunResult) -> str:
    kinds = {"hard": "pagesim\\Hard Faults/sec", "transition": "pagesim\\Soft Transition Faults/sec",
             "demand-zero": "Memory\\Demand Zero Faults/sec"}  # fmt: skip
    parts = []
    for name, column in kinds.items():
        if column in result.samples and result.samples[column].any():
            most, when = _peak(result, column)
            parts.append(f"{name} {most:,.0f} a second around {format_time(when)}")
    return f"At their peaks: {', '.join(parts)}." if parts else ""


def _disks(result: RunResult) -> str:
    ends = result.samples["time_ns"].to_numpy(np.float64)
    lengths = np.diff(ends, prepend=0.0)
    parts = []
    for name in disks.names(result)[:MOST]:
        busy, queue = (
            float((np.nan_to_num(result.samples[column].to_numpy(np.float64)) * lengths).sum() / max(lengths.sum(), 1))
            for column in (f"PhysicalDisk({name})\\% Disk Time", f"PhysicalDisk({name})\\Avg. Disk Queue Length")
        )
        parts.append(f"{name} was in use {busy:.1f} % of the time, with {queue:.2g} requests on average")
    return f"{'; '.join(parts)}." if parts else ""


def _latency(result: RunResult) -> str:
    parts = []
    for kind in style.FAULTS:
        found = result.faults.loc[data.chosen(result.faults, "kind", kind), "latency_ns"].to_numpy()
        if len(found):
            half, most = (style.latency_text(float(value)) for value in np.quantile(found, (0.5, 0.99)))
            parts.append(f"{kind} {half} and {most}")
    return f"Median latency and 99th percentile: {'; '.join(parts)}." if parts else ""


def _map(result: RunResult) -> str:
    counts = result.page_map.groupby("process", observed=True)["page"].nunique().sort_values(ascending=False)
    parts = [f"{name} {count:,}" for name, count in counts.head(MOST).items()]
    return f"Pages referenced: {', '.join(parts)}." if parts else ""


def _regret(result: RunResult) -> str:
    gaps = removals(result)["gap_ns"].to_numpy()
    if not len(gaps):
        return ""
    share = float(np.mean((gaps >= 0) & (gaps <= WITHIN)))
    return f"{share:.1%} of the pages taken out were wanted again within {format_time(WITHIN)}."


def _states(result: RunResult) -> str:
    log = result.threads[result.threads["process"].notna()]
    spent = (log["end_ns"] - log["start_ns"]).groupby(log["state"], observed=True).sum()
    shares = [f"{state} {spent[state] / spent.sum():.1%}" for state in style.THREAD_STATES if state in spent.index]
    return f"Of the threads' time: {', '.join(shares)}." if shares else ""


_RUN: Mapping[str, Callable[[RunResult], str]] = {
    "page-lists": _lists, "working-sets": _sets, "fault-rates": _rates, "disks": _disks, "fault-latency": _latency,
    "page-map": _map, "trim-regret": _regret, "thread-states": _states,
}  # fmt: skip


def _means(result: ComparisonResult, key: str) -> str:
    """A metric of each contestant, for the first and the last memory size."""
    metric, memories = BY_KEY[key], result.summary["memories"]
    parts = []
    for memory in dict.fromkeys((memories[0], memories[-1])):
        cells = [cell for cell in result.summary["cells"] if cell["machine.memory"] == memory]
        texts = [f"{cell['label']} {value_text(metric, cell['metrics'][key])}" for cell in cells]
        more = f" and {len(texts) - MOST} more" if len(texts) > MOST else ""
        parts.append(f"with {format_size(memory)} {', '.join(texts[:MOST])}{more}")
    return f"Mean {metric.heading}: {'; '.join(parts)}."


def _verdicts(result: ComparisonResult) -> str:
    verdicts = [one["verdict"] for cell in result.summary["cells"] for one in cell["differences"].values() if one]
    sure = verdicts.count("significant")
    return f"{sure} of {len(verdicts)} differences {'is' if sure == 1 else 'are'} significant, over all figures."


def _slowest(result: ComparisonResult) -> str:
    known = result.processes[result.processes["slowdown"].notna()]
    means = known.groupby(["label", "process"], sort=False)["slowdown"].mean()
    parts = []
    for label in result.summary["labels"][:MOST]:
        if label in means.index.get_level_values("label"):
            mine = means[label]
            parts.append(f"{mine.idxmax()} {float(mine.max()):,.2f} times under {label}")
    return f"Slowed down most, on average: {', '.join(parts)}." if parts else ""
