"""From the machine's records to pandas frames: samples over time, totals by process, fault log and I/O log."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.columns import category
from simulator.counters import FAULT_KINDS, RATES
from simulator.memory.sampling import take_sample
from simulator.memory.state import State
from simulator.page_frame import page_frame
from simulator.result import RunResult
from simulator.state import constants
from simulator.state.schema import COUNTERS, FaultRow, IoRow
from simulator.thread_frame import thread_frame

_SECOND = 1e9


class Recorder:
    """Collects what a run shows, and makes its result."""

    FIRST_PERIOD = 100_000
    """nanoseconds between samples at first, when the period is automatic"""
    MOST_SAMPLES = 2_000
    """samples after which every other one is dropped and the period doubled, when it is automatic"""

    def __init__(self, state: State, *, period: int | None, page_map: bool) -> None:
        """Watch a machine's state, sampled each `period` nanoseconds (None: automatic). The first row is the state at
        time 0, before anything ran. With `page_map` the machine must hand over each sample as it is taken."""
        self.state = state
        self._automatic = period is None
        self._page_map = page_map
        self._period = period or self.FIRST_PERIOD
        self._times: list[int] = []
        self._rows: list[NDArray[np.int64]] = []
        self._maps: list[tuple[int, NDArray[np.int64]]] = []
        self._faults: list[NDArray[Any]] = []
        self._ios: list[NDArray[Any]] = []
        self._pages: list[NDArray[Any]] = []
        self._threads: list[NDArray[Any]] = []
        self.more: Callable[[], dict[str, int]] | None = None
        """further counters at the time of a sample, by name; None: there are none"""
        self._more: list[dict[str, int]] = []
        take_sample(state.address, 0)
        self._set_period(0)

    def _set_period(self, now: int) -> None:
        record = self.state.record[0]
        record["sample_period"] = self._period
        record["next_sample"] = (now // self._period + 1) * self._period

    def collect(self) -> None:
        """Take over the samples that the machine has taken, and with them the pages seen since the one before."""
        self._take_over()
        if self._automatic and len(self._times) > self.MOST_SAMPLES:
            self._thin()

    def _take_over(self) -> None:
        count = int(self.state.record[0]["sample_count"])
        if count == 0:
            return
        times = self.state.arrays["sample_times"][:count].tolist()
        rows = self.state.arrays["samples"].reshape(-1, len(self.state.columns))[:count].copy()
        self.state.record[0]["sample_count"] = 0
        if self._times and self._times[-1] == times[0]:
            for kept in (self._times, self._rows, self._more):
                kept.pop()
        self._times += times
        self._rows += list(rows)
        counters = self.more() if self.more is not None else {}
        self._more += [counters] * count
        if self._page_map:
            bits = self.state.arrays["bits"]
            seen = np.flatnonzero(bits & constants.SEEN)
            bits[seen] &= np.uint8(0xFF ^ constants.SEEN)
            self._maps.append((times[-1], seen))

    def _thin(self) -> None:
        """Keep the number of samples bounded: drop every other one and double the period."""
        self._period *= 2
        keep = [i for i, time in enumerate(self._times) if time % self._period == 0]
        self._times = [self._times[i] for i in keep]
        self._rows = [self._rows[i] for i in keep]
        self._more = [self._more[i] for i in keep]
        merged: dict[int, list[NDArray[np.int64]]] = {}
        for time, seen in self._maps:
            merged.setdefault(-(-time // self._period) * self._period, []).append(seen)
        self._maps = [(time, np.unique(np.concatenate(parts))) for time, parts in merged.items()]
        self._set_period(self._times[-1])

    def drain(self) -> None:
        """Empty the logs of the compiled machine."""
        logs = (
            ("fault_log", self._faults, "fault_count"),
            ("io_log", self._ios, "io_count"),
            ("page_log", self._pages, "page_count"),
            ("thread_log", self._threads, "thread_log_count"),
        )
        for name, rows, count in logs:
            filled = int(self.state.record[0][count])
            if filled:
                rows.append(self.state.arrays[name][:filled].copy())
                self.state.record[0][count] = 0

    def finish(self, end: int) -> None:
        """Take the last sample, at the end of the run, and empty the logs. A machine in which nothing can happen any
        more was sampled beyond the end: these samples are dropped."""
        self.collect()
        kept = bisect_right(self._times, end)
        self._times, self._rows, self._more = self._times[:kept], self._rows[:kept], self._more[:kept]
        self._maps = [(time, seen) for time, seen in self._maps if time <= end]
        take_sample(self.state.address, end)
        self._take_over()  # the last sample is never thinned out: the summary is made of it
        self.drain()

    def result(self, end: int, references: list[int]) -> RunResult:
        """The result of a run that ended at time `end`."""
        processes = self._processes(end, references)
        rows = [{"process": name, **values} for name, values in processes.items()]
        return RunResult.later(
            self._summary(end, processes),
            {
                "samples": self._samples,
                "processes": lambda: _process_frame(rows),
                "faults": self._fault_frame,
                "io": self._io_frame,
                "page_map": self._map_frame,
                "pages": lambda: page_frame(self.state, self._pages),
                "threads": lambda: thread_frame(self.state, self._threads),
            },
        )

    def _summary(self, end: int, processes: dict[str, dict[str, Any]]) -> dict[str, Any]:
        last = dict(zip(self.state.columns, self._rows[-1].tolist(), strict=True))
        m = self.state.record[0]
        kinds = self.state.arrays["processes"]["kinds"].sum(axis=0)
        return {
            "references": sum(process["references"] for process in processes.values()),
            **{key: last[key] for key in ("page_faults", *FAULT_KINDS, *COUNTERS)},
            "access_violations": int(kinds[constants.VIOLATION]),
            "in_page_errors": int(kinds[constants.PAGE_ERROR]),
            "commit_peak_pages": int(m["commit_peak"]),
            "trimming_ns": int(self.state.arrays["threads"][self.state.user_threads + constants.BALANCE]["run_ns"]),
            "simulated_ns": end,
            "page_size": self.state.config.page_size,
            "processes": processes,
        }

    def _processes(self, end: int, references: list[int]) -> dict[str, dict[str, Any]]:
        arrays = self.state.arrays
        table = {}
        for i, name in enumerate(self.state.names):
            process = arrays["processes"][i]
            threads = arrays["threads"][arrays["threads"]["process"] == i]
            kinds = {key: int(process["kinds"][kind]) for key, kind in FAULT_KINDS.items()}
            ended = process["status"] >= 0
            stalls = [int(stall) for stall in threads["stall_ns"].sum(axis=0)]
            table[name] = {
                "threads": len(threads),
                "references": references[i],
                "page_faults": sum(kinds.values()),
                **kinds,
                "access_violations": int(process["kinds"][constants.VIOLATION]),
                "in_page_errors": int(process["kinds"][constants.PAGE_ERROR]),
                **{
                    key: int(process[key])
                    for key in ("page_reads", "pages_input", "pages_output", "trimmed", "replaced")
                },
                "start_ns": int(process["start"]),
                "finished_ns": int(process["finished"]) if ended else None,
                "exit_status": int(process["status"]) if ended else None,
                "run_ns": int(threads["run_ns"].sum()),
                "ready_ns": int(threads["ready_ns"].sum()),
                "sleep_ns": stalls[constants.SLEEP],
                "stall_ns": sum(stalls[: constants.SLEEP]),
                "stall_read_ns": stalls[constants.STALL_READ],
                "stall_collided_ns": stalls[constants.STALL_COLLIDED],
                "stall_frame_ns": stalls[constants.STALL_FRAME],
                "stall_write_ns": stalls[constants.STALL_WRITE],
                "slowdown": None,
                "peak_working_set": int(process["peak"]),
                "space_time_page_ns": int(process["space_time"]),
                "committed_pages": int(process["commit"]),
            }
        return table

    def _samples(self) -> pd.DataFrame:
        table = np.zeros((len(self._rows), len(self.state.columns)), np.int64)
        for filled, row in zip(table, self._rows, strict=True):
            filled[: len(row)] = row  # perhaps a shorter one: processes came meanwhile
        raw: dict[str, NDArray[np.int64]] = dict(zip(self.state.columns, table.T, strict=True))
        time = np.array(self._times, np.int64)
        seconds = np.diff(time, prepend=0) / _SECOND
        seconds[0] = np.inf
        page = self.state.config.page_size

        def rate(*keys: str) -> NDArray[np.float64]:
            total = sum((raw[key] for key in keys), np.zeros(len(time), np.int64))
            change: NDArray[np.float64] = np.diff(total, prepend=total[:1]) / seconds
            return change

        columns: dict[str, Any] = {"time_ns": time}
        columns |= {name: rate(*keys) for name, keys in RATES.items()}
        columns |= self._gauges(raw, page)
        for name in self.state.names:
            columns[rf"Process({name})\Working Set"] = raw[f"size {name}"] * page
            columns[rf"Process({name})\Page Faults/sec"] = rate(f"faults {name}")
        for i, name in enumerate(self.state.disk_names):
            channels = int(self.state.arrays["disks"][i]["channels"])
            columns[rf"PhysicalDisk({name})\% Disk Time"] = rate(f"busy {name}") / _SECOND / channels * 100
            columns[rf"PhysicalDisk({name})\Avg. Disk Queue Length"] = rate(f"queue {name}") / _SECOND
            columns[rf"PhysicalDisk({name})\Disk Reads/sec"] = rate(f"reads {name}")
            columns[rf"PhysicalDisk({name})\Disk Writes/sec"] = rate(f"writes {name}")
        processors = self.state.config.processors
        columns[r"Processor(_Total)\% Processor Time"] = rate("processor") / _SECOND / processors * 100
        further = dict.fromkeys(name for counters in self._more for name in counters)
        columns |= {name: np.array([counters.get(name, 0) for counters in self._more]) for name in further}
        return pd.DataFrame(columns)

    def _gauges(self, raw: dict[str, NDArray[np.int64]], page: int) -> dict[str, Any]:
        lists = [column for column in raw if column.startswith("list ") and column != "list mapped"]
        standby = np.array([raw[f"list Standby {i}"] for i in range(constants.STANDBY_PRIORITIES)]) * page
        ready = (raw["list Zeroed"] + raw["list Free"]) * page
        return {
            r"Memory\Available Bytes": ready + standby.sum(axis=0),
            r"Memory\Free & Zero Page List Bytes": ready,
            r"Memory\Modified Page List Bytes": (raw["list Modified"] + raw["list Modified No Write"]) * page,
            r"Memory\Standby Cache Reserve Bytes": standby[:5].sum(axis=0),
            r"Memory\Standby Cache Normal Priority Bytes": standby[5],
            r"Memory\Standby Cache Core Bytes": standby[6:].sum(axis=0),
            r"Memory\Committed Bytes": raw["commit"] * page,
            r"Memory\Commit Limit": raw["limit"] * page,
            r"Memory\% Committed Bytes In Use": raw["commit"] / raw["limit"] * 100,
            r"Paging File(_Total)\% Usage": raw["paging used"] / np.maximum(raw["paging size"], 1) * 100,
            r"pagesim\Threads Waiting For A Frame": raw["waiting"],
            **{"pagesim\\" + name.removeprefix("list "): raw[name] * page for name in lists},
        }

    def _fault_frame(self) -> pd.DataFrame:
        log = np.concatenate([np.empty(0, FaultRow.dtype), *self._faults])
        log = log[np.argsort(log["time_ns"], kind="stable")]
        parts = {name: log[name].copy() for name in ("queue_ns", "service_ns", "cpu_ns")}
        return pd.DataFrame(
            {
                "time_ns": log["time_ns"].copy(),
                "process": category(log["process"], self.state.names),
                "thread": log["thread"].copy(),
                "page": log["page"].copy(),
                "kind": category(log["kind"], constants.KIND_NAMES),
                "cause": category(log["cause"], constants.CAUSE_NAMES),
                "access": category(log["access"], ("fetch", "load", "store")),
                **parts,
                "latency_ns": sum(parts.values(), np.zeros(len(log), np.int64)),
            }
        )

    def _io_frame(self) -> pd.DataFrame:
        log = np.concatenate([np.empty(0, IoRow.dtype), *self._ios])
        return pd.DataFrame(
            {
                **{name: log[name].copy() for name in ("submit_ns", "start_ns", "end_ns")},
                "disk": category(log["disk"], self.state.disk_names),
                "kind": category(log["write"], ("read", "write")),
                "cause": category(log["cause"], constants.IO_CAUSES),
                "offset": log["offset"].copy(),
                "pages": log["pages"].copy(),
                "ok": log["ok"].astype(np.bool_),
                "queue_ns": log["start_ns"] - log["submit_ns"],
                "service_ns": log["end_ns"] - log["start_ns"],
            }
        )

    def _map_frame(self) -> pd.DataFrame:
        counts = [len(seen) for _, seen in self._maps]
        entries = np.concatenate([np.empty(0, np.int64), *(seen for _, seen in self._maps)])
        ptes = self.state.arrays["ptes"][entries]
        return pd.DataFrame(
            {
                "time_ns": np.repeat(np.array([time for time, _ in self._maps], np.int64), counts),
                "process": category(ptes["process"], self.state.names),
                "page": ptes["vpn"].copy(),
            }
        )


def _process_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for column in ("finished_ns", "exit_status"):  # by way of float64 large ones would lose their last digits
        frame[column] = pd.array([row[column] for row in rows], "Int64")
    frame["slowdown"] = frame["slowdown"].astype("Float64")
    return frame
