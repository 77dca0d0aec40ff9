"""A server whose memory is short: `python -m experiments.models.server [--out FILE] [--requests N]`.

Clients arrive at random (a Poisson process) at a server with a few workers, a `simpy.Resource`. A request needs a
worker, and touches pages of the server's process, some far more often than others. What is the response time, median
and 99th percentile, with how much memory and which trimming policy? As long as the hot pages fit, memory hardly
matters; a little less, and requests queue behind those that wait for the disk: the curve has a knee.

The model is all SimPy but for the machine: clients are SimPy processes, the workers are threads of a simulated process,
and a request is handed over in a `simpy.Store`. Nobody but this combination tells response times, for paging alone
knows no queues, and a queueing model alone no pages.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import simpy
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.present import terminal
from experiments.present.plots import style
from experiments.present.table import Column, Table, text_column
from simulator import config
from simulator.machine import Machine, Observe
from simulator.registry import names
from simulator.stream import Block
from simulator.units import MICROSECOND, MiB
from simulator.windows.constants import MEM_COMMIT, MEM_RESERVE, PAGE_READWRITE

PAGE = 4096
DATA = 3_000
"""pages of the server's data"""
TOUCHED = 24
"""pages that a request touches"""
SKEW = 0.9
"""exponent of Zipf's law over the pages"""
STORES = 0.2
"""share of the touched pages that are stored to"""
WORK = 100 * MICROSECOND
"""processor time of a request, beside what its pages cost"""
BETWEEN = 40 * MICROSECOND
"""mean time between two arrivals"""
WORKERS = 8
MEMORIES = (7, 7.5, 8, 8.5, 9, 9.5, 10, 11, 12, 14)
"""MiB"""
PAGING: dict[str, Any] = {"paging_files": [config.PagingFile(size=64 * MiB)]}
POLICIES = ("windows", "clock", "fifo")


@dataclass
class Request:
    """What a client asks of the server: a stream of references, and an event that the answer triggers."""

    pages: NDArray[np.uint64]
    stores: NDArray[np.uint8]
    answered: simpy.Event
    references: int | None = TOUCHED

    def blocks(self) -> Iterator[Block]:
        """One reference to each page."""
        order = np.arange(len(self.pages), dtype=np.uint32)
        yield Block(order, np.zeros(len(order), np.uint16), 1 - self.stores, self.stores)


class Model:
    """Clients, workers and the machine that these run on."""

    def __init__(self, memory: int, policy: str, requests: int, seed: int = 1) -> None:
        self.env = simpy.Environment()
        machine = config.Machine(memory=memory, processors=4, disks={"disk": config.Disk(model="nvme")}, **PAGING)
        manager = config.MemoryManager(trimming=config.Trimming(policy=policy))
        quiet = Observe(fault_log=False, io_log=False, page_map=False, page_log=False, thread_log=False)
        self.machine = Machine(machine, manager, seed=seed, observe=quiet, env=self.env)
        self.random = np.random.default_rng(seed)
        weights = 1 / np.arange(1, DATA + 1) ** SKEW
        self.popularity = weights / weights.sum()
        self.scattered = self.random.permutation(DATA)
        self.requests = requests
        self.workers = simpy.Resource(self.env, WORKERS)
        self.handed_over = simpy.Store(self.env)
        self.response_times: list[float] = []

    def run(self) -> pd.Series[float]:
        """Response times in milliseconds, those of the first tenth left out: memory was still filling then."""
        self.machine.start(self.server, "server")
        self.env.run(until=self.env.process(self.arrivals()))
        return pd.Series(self.response_times[self.requests // 10 :]) / 1e6

    def server(self, process: Any) -> Generator[Any, Any, None]:
        """The server's program: commit the data, start the other workers, fill the data, and work, too."""
        data = yield process.virtual_alloc(0, DATA * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)
        for _ in range(WORKERS - 1):
            if not (yield process.create_thread(self.worker, data=data)):
                raise RuntimeError(f"the server can't have another thread: error {process.get_last_error()}")
        yield process.write(data, DATA * PAGE)
        yield from self.worker(process, data)

    def worker(self, process: Any, data: int) -> Generator[Any, Any, None]:
        """A thread of the server: one request after another."""
        while True:
            request = yield self.handed_over.get()
            yield process.touch(data + int(request.pages[0]) * PAGE, request)
            yield process.compute(WORK)
            request.answered.succeed()

    def arrivals(self) -> Generator[simpy.Event, Any, None]:
        """Clients arrive, each on its own; ends with the last answer."""
        clients = []
        for _ in range(self.requests):
            yield self.env.timeout(int(self.random.exponential(BETWEEN)))
            clients.append(self.env.process(self.client()))
        yield self.env.all_of(clients)

    def client(self) -> Generator[simpy.Event, Any, None]:
        """One client: it waits for a worker, then for the answer."""
        start = self.env.now
        chosen = self.random.choice(DATA, TOUCHED, p=self.popularity)
        pages = np.unique(self.scattered[chosen]).astype(np.uint64)
        stores = (self.random.random(len(pages)) < STORES).astype(np.uint8)
        with self.workers.request() as turn:
            yield turn
            request = Request(pages, stores, self.env.event())
            yield self.handed_over.put(request)
            yield request.answered
        self.response_times.append(self.env.now - start)


def measure(requests: int) -> pd.DataFrame:
    """Median and 99th percentile of the response time, in milliseconds, for each policy and memory (MiB)."""
    rows = []
    for policy in POLICIES:
        for memory in MEMORIES:
            times = Model(round(memory * MiB), policy, requests).run()
            rows.append((policy, memory, times.median(), times.quantile(0.99)))
            sys.stderr.write(f"\r{policy}, {memory} MiB   ")
    sys.stderr.write("\r")
    return pd.DataFrame(rows, columns=["policy", "memory_mib", "median_ms", "p99_ms"])


def table(measured: pd.DataFrame) -> Table:
    """What was measured, for people."""
    columns = [
        text_column("policy"),
        Column("memory, MiB"),
        Column("median, ms", format="{:.2f}".format),
        Column("99th percentile, ms", format="{:.1f}".format),
    ]
    rows = [list(row) for row in measured.itertuples(index=False)]
    return Table("response times of a server", columns, rows)


def draw(measured: pd.DataFrame, figure: Figure) -> None:
    """Response times against memory: two panels over one axis, logarithmic in time."""
    style.begin(figure, "Response time of a server whose memory is short", "", 4.8)
    panels = figure.subplots(2, 1, sharex=True)
    for axes, column, label in zip(panels, ("median_ms", "p99_ms"), ("median, ms", "99th percentile, ms"), strict=True):
        for policy, rows in measured.groupby("policy", sort=False):
            look = style.policy_look(str(policy), names("policy"))
            axes.plot(rows["memory_mib"], rows[column], color=look.colour, marker=look.marker, linestyle=look.line)
        axes.set(yscale="log", ylabel=label)
        axes.yaxis.set_major_formatter("{x:g}")
    panels[1].set_xlabel(f"memory, MiB; the server's data are {DATA * PAGE / MiB:.1f} MiB")
    looks = [(policy, style.policy_look(policy, names("policy"))) for policy in POLICIES]
    strokes = [look.stroke(policy) for policy, look in looks]
    for stroke, (_, look) in zip(strokes, looks, strict=True):
        stroke.set_marker(look.marker)
    style.legend_beside(panels[0], strokes, "trimming policy")


def main() -> None:
    """Measure, print the table and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m experiments.models.server", description=(__doc__ or "")[:200])
    parser.add_argument("--out", type=Path, default=Path("results/server.png"), help="the picture, a PNG")
    parser.add_argument("--requests", type=int, default=4_000, help="clients in each run")
    options = parser.parse_args()
    measured = measure(options.requests)
    terminal.show([table(measured)])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with style.applied():
        figure = Figure()
        draw(measured, figure)
        style.save(figure, options.out, "png")


if __name__ == "__main__":
    main()
