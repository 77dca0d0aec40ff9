"""Every plot draws every result: large, tiny, quiet and crowded, with the same bytes each time and nothing cut off."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from numpy.typing import NDArray

from experiments.plots import data, style
from experiments.plots.draw import draw, kinds_that_read
from experiments.plots.page_map import bands
from simulator.registry import UnknownName, find
from simulator.result import RunResult

SECOND = 1_000_000_000
PAGE = 4096
KINDS = ("demand-zero", "transition", "shared", "copy-on-write", "collided", "hard")
EMPTY = pd.DataFrame()
Numbers = NDArray[Any]
ALL = [
    "disks", "fault-latency", "fault-rates", "kernel-memory", "notes",
    "page-lists", "page-map", "run-dashboard", "thread-states", "trim-regret", "working-sets",
]  # fmt: skip
ASKED_FOR = ["working-sets-against-denning"]
"""plots of what a run keeps only if it was asked to"""


def made(
    processes: int = 3, samples: int = 300, end: int = 20 * SECOND, faults: int = 20_000, requests: int = 6_000,
    disks: int = 1, memory: int = 64 << 20, mapped: int = 60_000,
) -> RunResult:  # fmt: skip
    """A run in three phases: processes grow, memory is short and they thrash, half of them end and writing goes on."""
    random = np.random.default_rng(7)
    named = [f"process {n}" for n in range(processes)]
    time = np.linspace(end / samples, end, samples).astype(np.int64)
    frame, finished = _sampled(random, named, time, memory, disks)
    frame = _kernel_memory(frame, named, memory)
    log = _fault_log(random, named, end, faults, finished)
    seconds = end / samples / SECOND
    for kind, column in zip(KINDS, RATES, strict=True):
        slot = np.searchsorted(time, log.loc[log["kind"] == kind, "time_ns"].to_numpy())
        frame[column] = np.bincount(np.minimum(slot, samples - 1), minlength=samples) / seconds
    rows = pd.DataFrame([{"process": name, "start_ns": 0, "finished_ns": finished[name]} for name in named])
    peaks = {name: {"peak_working_set": int(frame[f"Process({name})\\Working Set"].max() // PAGE)} for name in named}
    requested = _io_log(random, end, requests, disks)
    for disk in range(disks):
        for kind, column in (("read", "Reads"), ("write", "Writes")):
            mine = requested[(requested["disk"] == f"disk{disk}") & (requested["kind"] == kind)]
            slot = np.minimum(np.searchsorted(time, mine["end_ns"].to_numpy()), samples - 1)
            frame[f"PhysicalDisk(disk{disk})\\Disk {column}/sec"] = np.bincount(slot, minlength=samples) / seconds
    return RunResult(
        {"name": "quickstart", "simulated_ns": end, "page_size": PAGE, "processes": peaks},
        frame, rows, log, requested, _page_map(random, named, time, mapped), _page_log(random, named, end, faults),
        notes=_notes(named, end), threads=_thread_log(random, named, end, faults),
    )  # fmt: skip


RATES = (
    "Memory\\Demand Zero Faults/sec", "pagesim\\Soft Transition Faults/sec", "pagesim\\Shared Faults/sec",
    "Memory\\Write Copies/sec", "pagesim\\Collided Faults/sec", "pagesim\\Hard Faults/sec",
)  # fmt: skip


def coded(codes: Numbers, known: list[str]) -> pd.Categorical[str]:
    return pd.Categorical.from_codes(codes, pd.Index(known))


def _sampled(
    random: np.random.Generator, named: list[str], time: Numbers, memory: int, disks: int
) -> tuple[pd.DataFrame, dict[str, int | None]]:
    share = time / time[-1]
    frame = pd.DataFrame({"time_ns": time})
    finished: dict[str, int | None] = {}
    active = np.zeros(len(time))
    weights = random.dirichlet(np.full(len(named), 1.5))
    for n, name in enumerate(named):
        grown = np.minimum(share / (0.15 + 0.3 * random.random()), 1) * weights[n] * memory * 0.8
        trimmed = grown * (1 - 0.3 * ((share > 0.35) * (share * 14 + n * 0.37) % 1.0))
        finished[name] = int(time[-1] * (0.7 + 0.1 * random.random())) if n % 2 else None
        frame[f"Process({name})\\Working Set"] = np.where(
            time > (finished[name] or time[-1]), 0, trimmed // PAGE * PAGE
        )
        active += frame[f"Process({name})\\Working Set"]
    rest = memory - active
    parts = {"Modified": 0.35 * (share > 0.3) * (1 + np.sin(share * 60)) / 2, "Modified No Write": 0.03 * (share > 0.4),
             "Transition": 0.04 * (share > 0.3), "Standby 5": 0.3 * np.minimum(share * 2, 1),
             "Standby 2": 0.06 * share, "Standby 6": 0.08 * share}  # fmt: skip
    left = np.ones(len(time))
    for name, part in parts.items():
        frame[f"pagesim\\{name}"] = rest * part
        left -= part
    frame["pagesim\\Active"], frame["pagesim\\Bad"] = active, 0.0
    frame["pagesim\\Free"], frame["pagesim\\Zeroed"] = rest * left * share, rest * left * (1 - share)
    frame[[f"pagesim\\Standby {n}" for n in (0, 1, 3, 4, 7)]] = 0.0
    for disk in range(disks):
        busy = np.clip(200 * (share - 0.25) * random.random(len(time)) ** 0.3, 0, 100)
        frame[f"PhysicalDisk(disk{disk})\\% Disk Time"] = busy
        frame[f"PhysicalDisk(disk{disk})\\Avg. Disk Queue Length"] = busy / 25
    return frame, finished


def _kernel_memory(frame: pd.DataFrame, named: list[str], memory: int) -> pd.DataFrame:
    """Some processes leak memory, some handles; paged pool is leaked too, and part of it is paged out."""
    share = frame["time_ns"] / frame["time_ns"].max()
    columns: dict[str, Any] = {}
    committed = np.full(len(frame), memory / 50)
    for n, name in enumerate(named):
        size = frame[f"Process({name})\\Working Set"]
        private = np.where(size > 0, size * (1 + share * (n % 3)) + PAGE, 0)
        columns[f"Process({name})\\Private Bytes"] = private
        columns[f"Process({name})\\Handle Count"] = np.where(size > 0, 50 + 40_000 * share * (n % 2), 0) // 1
        committed += private
    columns |= {
        "Memory\\Committed Bytes": committed,
        "Memory\\Commit Limit": 2.0 * max(memory, committed.max()),
        "Paging File(_Total)\\% Usage": 100 * share**2,
        "Memory\\Pool Paged Bytes": memory / 10 * share,
        "Memory\\Pool Paged Resident Bytes": np.minimum(memory / 10 * share, memory / 20),
        "Memory\\Pool Nonpaged Bytes": memory / 40,
    }
    return pd.concat([frame, pd.DataFrame(columns)], axis=1).copy()


def _fault_log(
    random: np.random.Generator, named: list[str], end: int, count: int, finished: dict[str, int | None]
) -> pd.DataFrame:
    kind = random.choice(6, count, p=(0.45, 0.35, 0.02, 0.03, 0.02, 0.13))
    when = np.where(kind == 0, random.random(count) ** 2 * 0.5, 0.3 + 0.7 * random.random(count))
    process = random.integers(len(named), size=count)
    last = np.array([finished[name] or end for name in named])
    waits = kind >= 4
    service = np.where(waits, random.lognormal(np.log(90_000), 0.3, count), 0).astype(np.int64)
    queue = np.where(waits, random.exponential(200_000 * (0.1 + when), count), 0).astype(np.int64)
    cpu = np.array([1000, 500, 500, 1500, 5000, 5000])[kind] + 250 * (random.random(count) < 0.3)
    frame = pd.DataFrame({
        "time_ns": (when * end).astype(np.int64),
        "process": coded(process, named), "page": _pages(random, count, when), "thread": 0,
        "kind": coded(kind, list(KINDS)),
        "queue_ns": queue, "service_ns": service, "cpu_ns": cpu, "latency_ns": queue + service + cpu,
    })  # fmt: skip
    return frame[frame["time_ns"] < last[process]].sort_values("time_ns", ignore_index=True)


def _pages(random: np.random.Generator, count: int, when: Numbers) -> Numbers:
    """Code, a heap that is scanned again and again, a mapped file and a stack: four regions far apart."""
    region = random.choice(4, count, p=(0.15, 0.55, 0.25, 0.05))
    base = np.array([0x140001, 0x1F0A3C40, 0x7FF6_1200_0, 0x7FFE_FFF0_0], dtype=np.uint64)[region]
    size = np.array([220, 2600, 900, 40])[region]
    scan = (when * 9 % 1.0 + random.normal(0, 0.02, count)) % 1.0
    inside = np.where(region == 1, scan, random.random(count) ** 1.5)
    found: Numbers = base + (inside * size).astype(np.uint64)
    return found


def _io_log(random: np.random.Generator, end: int, count: int, disks: int) -> pd.DataFrame:
    submit = np.sort((0.28 + 0.7 * random.random(count)) * end).astype(np.int64)
    service = random.lognormal(np.log(end / 4000), 0.4, count).astype(np.int64)
    queue = random.exponential(end / 1500, count).astype(np.int64)
    return pd.DataFrame({
        "submit_ns": submit, "start_ns": submit + queue, "end_ns": submit + queue + service,
        "disk": coded(random.integers(disks, size=count), [f"disk{n}" for n in range(disks)]),
        "kind": coded((random.random(count) < 0.3).astype(int), ["read", "write"]),
        "ok": random.random(count) > 0.001, "queue_ns": queue, "service_ns": service,
    })  # fmt: skip


def _page_map(random: np.random.Generator, named: list[str], time: Numbers, count: int) -> pd.DataFrame:
    when = random.random(count)
    slot = np.minimum((when * len(time)).astype(int), len(time) - 1)
    owner = coded(random.integers(len(named), size=count), named)
    return pd.DataFrame({"time_ns": time[slot], "process": owner, "page": _pages(random, count, when)})


def _page_log(random: np.random.Generator, named: list[str], end: int, count: int) -> pd.DataFrame:
    """Pages that come, are taken out, and mostly come back, later if they have to be read."""
    causes = ["standby", "paging file", "replaced", "first touch"]
    come = random.random(count) * end / 2
    hard = random.random(count) < 0.3
    away = random.lognormal(np.log(end / 50), 2, count) * (1 + 10 * hard)
    times = np.concatenate([come, come + end / 100, come + end / 100 + away])
    reason = np.concatenate([np.full(count, 3), np.full(count, 2), hard.astype(int)])
    event = np.repeat([0, 1, 0], count)
    page, process = np.arange(count), random.integers(len(named), size=count)
    order = np.argsort(times, kind="stable")
    kept = order[times[order] < end]
    return pd.DataFrame({
        "time_ns": times[kept].astype(np.int64), "event": coded(event[kept], ["entered", "left"]),
        "reason": coded(reason[kept], causes), "process": coded(np.tile(process, 3)[kept], named),
        "page": pd.array(np.tile(page, 3)[kept], dtype="UInt64"),
        "file": pd.Series(pd.NA, range(len(kept)), "category"),
        "file_page": pd.array([pd.NA] * len(kept), dtype="Int64"), "thread": pd.array([0] * len(kept), dtype="Int32"),
        "since_ns": pd.array(times[kept].astype(np.int64), dtype="Int64"),
    })  # fmt: skip


def _thread_log(random: np.random.Generator, named: list[str], end: int, count: int) -> pd.DataFrame:
    """Each process's only thread from state to state until the end, and a daemon that runs now and then."""
    each = 1 + count // len(named)
    cuts = np.sort(random.random((len(named), each - 1)) * end, axis=1).astype(np.int64)
    edges = np.concatenate([np.zeros((len(named), 1), np.int64), cuts, np.full((len(named), 1), end)], axis=1)
    process = np.repeat(np.arange(len(named)), each)
    state = random.integers(len(style.THREAD_STATES), size=len(process))
    times = np.linspace(0, end, 21).astype(np.int64)
    none, states = np.full(20, -1), list(style.THREAD_STATES)
    return pd.DataFrame({
        "start_ns": np.concatenate([edges[:, :-1].ravel(), times[:-1]]),
        "end_ns": np.concatenate([edges[:, 1:].ravel(), times[1:]]),
        "process": coded(np.concatenate([process, none]), named),
        "daemon": coded(np.concatenate([np.full(len(process), -1), none + 1]), ["balance set manager"]),
        "state": coded(np.concatenate([state, none + 1]), states),
    })  # fmt: skip


def _notes(named: list[str], end: int) -> pd.DataFrame:
    """Ten values that every process notes over and over, the even ones negative, and one that it notes at its end."""
    random = np.random.default_rng(8)
    times = (np.arange(40) * end // 40).tolist()
    each = [(when, name, n) for when in times for name in named for n in range(10)]
    rows = [(when, name, f"value {n}", (-1) ** (n + 1) * 10.0**n * random.random()) for when, name, n in each]
    return pd.DataFrame(
        rows + [(end, name, "result", 1.0) for name in named], columns=["time_ns", "process", "name", "value"]
    )


CASES: dict[str, dict[str, Any]] = {
    "usual": {},
    "one sample, three faults": {"processes": 1, "samples": 1, "faults": 3, "requests": 2, "mapped": 5},
    "forty processes": {"processes": 40, "faults": 4000},
    "many disks": {"processes": 8, "disks": 5},
    "50 us": {"end": 50_000, "samples": 50, "faults": 40, "requests": 6, "mapped": 500},
    "10 minutes, 16 GiB": {"end": 600 * SECOND, "samples": 2000, "memory": 16 << 30, "disks": 2},
    "crowded": {"faults": 150_000, "requests": 20_000, "mapped": 100_000},
    "no faults": {"faults": 0, "requests": 0},
}


@cache
def made_once(case: str) -> RunResult:
    return made(**CASES[case])


def drawn(kind: str, result: RunResult) -> Figure:
    """A figure with the plot of this kind, laid out."""
    with style.applied():
        find("plot", kind)().draw(result, figure := Figure())
        figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ALL)
def test_nothing_is_cut_off_and_no_legend_covers_data(kind: str, case: str) -> None:
    result = made_once(case)
    if not find("plot", kind)().applies(result):
        assert (case, kind) in [
            ("no faults", quiet) for quiet in ("disks", "fault-latency", "fault-rates", "trim-regret")
        ]
        return
    whole = (figure := drawn(kind, result)).bbox
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box is not None
        assert min(box.x0 - whole.x0, whole.x1 - box.x1, box.y0 - whole.y0, whole.y1 - box.y1) > -1
        assert min(axes.bbox.width, axes.bbox.height) > 40
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=False)  # none inside a grid
            shown = [label.get_window_extent() for at, label in ticks if low <= at <= high and label.get_text()]
            assert not any(one.overlaps(other) for one, other in combinations(shown, 2))
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        if legend is not None:
            assert not any(legend.get_window_extent().overlaps(axes.bbox) for axes in figure.axes)


def test_every_plot_is_found_has_a_title_and_names_units() -> None:
    assert kinds_that_read("run") == sorted([*ALL, *ASKED_FOR])
    for kind in ALL:
        figure = drawn(kind, made_once("usual"))
        assert find("plot", kind).title in figure.get_suptitle()  # type: ignore[attr-defined]
        words = " ".join(text.get_text() for text in figure.findobj(Text))
        assert "simulated time (s)" in words or kind in ("fault-latency", "trim-regret")


def test_without_an_io_log_the_counter_gives_the_queue() -> None:
    result = made(requests=50)
    result.io = EMPTY
    axes = drawn("disks", result).axes[0]
    assert axes.get_ylim()[1] == result.samples["PhysicalDisk(disk0)\\Avg. Disk Queue Length"].max() * 1.08


def test_a_run_without_programs_has_no_plot_of_kernel_memory() -> None:
    result, plot = made(), find("plot", "kernel-memory")()
    assert plot.applies(result)
    result.samples = result.samples.drop(columns="Memory\\Pool Paged Bytes")
    assert not plot.applies(result)


def test_without_handles_there_is_no_panel_of_handles() -> None:
    result = made(processes=1)
    assert "handles" in [axes.get_ylabel() for axes in drawn("kernel-memory", result).axes]
    result.samples["Process(process 0)\\Handle Count"] = 0
    assert "handles" not in [axes.get_ylabel() for axes in drawn("kernel-memory", result).axes]


def test_a_process_has_one_colour_and_its_private_bytes_and_handles_end_with_it() -> None:
    figure = drawn("kernel-memory", result := made(processes=4, samples=50))
    private, handles = figure.axes[-2:]
    assert (private.get_ylabel(), handles.get_ylabel()) == ("private bytes (MiB)", "handles")
    for axes in (private, handles):
        lines = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
        colours = [to_hex(line.get_edgecolor()).upper() for line in lines]
        assert colours == [style.process_look(n).colour for n in range(4)]
        for n, line in enumerate(lines):  # the second and fourth end at 70 to 80 % of the run
            living = result.samples[f"Process(process {n})\\Working Set"] > 0
            assert (np.isnan(line.get_data()[0]) == ~living).all()
            assert living.all() == (n % 2 == 0)


def test_an_empty_result_gives_no_plot(tmp_path: Path) -> None:
    assert draw(RunResult({}, EMPTY, EMPTY), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_result_gives_the_same_bytes(form: str, tmp_path: Path) -> None:
    kinds = ["page-lists", "page-map"] if form != "png" else ALL  # areas with hatches, lines and rasterised marks
    result = made(processes=2, samples=20, faults=300, requests=50, mapped=300)
    first, second = (draw(result, tmp_path / name, kinds, form) for name in "ab")
    assert [path.name for path in first] == [f"{kind}.{form}" for kind in kinds]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [path.name for path in first]


def test_bad_requests_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="page-lists"):
        draw(made(), tmp_path, ["page-lists", "pie"])
    with pytest.raises(ValueError, match="allowed is one of png, svg, pdf"):
        draw(made(), tmp_path, None, "gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_names_from_people_are_drawn_as_they_are(tmp_path: Path) -> None:
    result = made(processes=2)
    odd = {"process 0": "_$x^2$ (a)\\b", "process 1": "a very long name of a process that never ends " * 3}
    columns = {f"Process({name})\\Working Set": f"Process({new})\\Working Set" for name, new in odd.items()}
    result.samples = result.samples.rename(columns=columns)
    result.processes["process"] = [odd[name] for name in result.processes["process"]]
    for frame in (result.faults, result.page_map):
        frame["process"] = frame["process"].cat.rename_categories(odd)
    result.notes = result.notes.replace({"process": odd, "name": {"value 0": "_$x^2$"}})
    assert len(draw(result, tmp_path)) == len(ALL)
    words = [text.get_text() for text in drawn("working-sets", result).findobj(Text)]
    assert any(word.startswith(r"_\$x^2\$ (a)\b") for word in words)


def test_putting_samples_together_keeps_the_time_weighted_mean() -> None:
    # 1000 samples of unequal length; by hand: sum(value * length) / 3000 is what any grouping must keep
    ends = np.cumsum(np.tile([1, 2, 3, 6], 250))
    values = np.arange(1000.0)
    result = RunResult({}, processes=EMPTY, samples=pd.DataFrame({"time_ns": ends, "x": values}))
    edges, together = data.series(result, ["x"], 50)
    assert len(edges) <= 51
    assert (edges[0], edges[-1]) == (0, 3000)
    assert np.isclose((together["x"] * np.diff(edges)).sum(), (values * np.diff(ends, prepend=0)).sum())


def test_few_samples_stay_as_they_are() -> None:
    result = RunResult({}, processes=EMPTY, samples=pd.DataFrame({"time_ns": [0, 10, 30], "x": [5.0, 1.0, 2.0]}))
    edges, values = data.series(result, ["x", "absent"])
    assert edges.tolist() == [0, 10, 30]
    assert values["x"].tolist() == [1.0, 2.0]
    assert values["absent"].tolist() == [0.0, 0.0]
    assert data.series(RunResult({}, result.samples[:1], EMPTY), ["x"])[1]["x"].tolist() == [5.0]


def test_the_mean_queue_is_the_area_under_it() -> None:
    # two requests: [0, 10) and [5, 25); in [0, 10): (10 + 5) / 10; in [10, 20): 10 / 10; in [20, 30): 5 / 10
    mean = data.mean_inside(np.array([0, 5]), np.array([10, 25]), np.array([0.0, 10.0, 20.0, 30.0]))
    assert mean.tolist() == [1.5, 1.0, 0.5]


def test_gaps_in_the_address_space_are_cut_out_and_order_is_kept() -> None:
    pages = np.array([5, 6, 8, 0x7FF612000, 0x7FF612001, 2**52 - 1], dtype=np.uint64)
    folded = bands(pages)
    assert folded.first.tolist() == [5, 0x7FF612000, 2**52 - 1]
    assert (np.diff(folded.place(pages)) > 0).all()
    assert folded.place(pages[:3]).tolist() == [0, 1, 3]  # 7 isn't in use, but too small a gap to cut
    assert folded.height < 12


def test_hard_faults_are_drawn_above_every_other_kind() -> None:
    axes = drawn("page-map", made(faults=200_000)).axes[0]
    depths = {line.get_color(): line.get_zorder() for line in axes.lines}
    assert max((style.FAULTS[kind].colour for kind in KINDS), key=depths.__getitem__) == style.FAULTS["hard"].colour


def test_kinds_lists_and_parts_look_different_in_colour_and_in_print() -> None:
    for looks in (style.FAULTS, style.LISTS, style.PARTS):
        assert len({look.colour for look in looks.values()}) == len(looks)
    assert len({(look.line, look.marker) for look in style.FAULTS.values()}) == len(style.FAULTS)
    assert len({(style.process_look(n).colour, style.process_look(n).line) for n in range(28)}) == 28
