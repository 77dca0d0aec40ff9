"""Made-up runs of every size, for tests of what is drawn and told of runs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.present.plots import style
from simulator.result import RunResult

SECOND = 1_000_000_000
PAGE = 4096
KINDS = ("demand-zero", "transition", "shared", "copy-on-write", "collided", "hard")
EMPTY = pd.DataFrame()
Numbers = NDArray[Any]


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
