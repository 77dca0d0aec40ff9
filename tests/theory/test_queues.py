"""Queues: a disk under Poisson arrivals waits as M/D/1 and M/M/1 say, and Little's law holds on each queue."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.config import Disk, File, MemoryManager, Process, Region, Trimming
from simulator.config import Machine as MachineConfig
from simulator.hardware.disk import finish_service, integrate, submit
from simulator.hardware.quantiles import exponential
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.memory.backing import drop_request, new_request
from simulator.memory.state import State
from simulator.result import RunResult
from simulator.rng import generator
from simulator.state.constants import PAGE_IN
from tests.reference.cases import PAGE, RunList
from tests.simulator.small import TEXTBOOK, build, constant, loads, run, stores

SERVICE = 1_000_000
"""mean service time, nanoseconds"""
BATCHES, BATCH = 40, 2_500
"""batches of requests, for the confidence interval"""


def waits(state: State, load: float, seed: int) -> NDArray[np.int64]:
    """Waiting times before service of requests that arrive as a Poisson process; the system is warm before."""
    count = (BATCHES + 4) * BATCH
    gaps = generator(seed, "arrivals").exponential(SERVICE / load, count)
    arrivals = np.cumsum(np.rint(gaps).astype(np.int64))
    requests, flights, m = state.arrays["requests"], state.arrays["flights"], state.record[0]
    waited = np.zeros(count, np.int64)
    arrived: dict[int, int] = {}

    def serve(until: float) -> None:
        while m["in_flight"] and requests["end"][flights[0]] <= until:
            request = finish_service(state.address)
            waited[arrived[request]] = requests["start"][request] - requests["submit"][request]
            drop_request(state.address, request)

    for number, time in enumerate(arrivals):
        serve(time)
        request = new_request(state.address, 0, 1, False, PAGE_IN, 0)
        arrived[request] = number
        submit(state.address, request, time)
    serve(np.inf)
    return waited[4 * BATCH :]


def assert_mean(waited: NDArray[np.int64], expected: float) -> None:
    """The mean of the batches' means differs from the expected one by what chance allows in one of a thousand runs,
    and the interval is narrow enough to tell the two queues apart."""
    means = waited.reshape(BATCHES, BATCH).mean(axis=1)
    allowed = NormalDist().inv_cdf(0.9995) * means.std(ddof=1) / np.sqrt(BATCHES)
    assert abs(means.mean() - expected) < allowed
    assert allowed < 0.25 * expected


def disk(exponentially: bool) -> State:
    """A machine with one disk of one channel and room for 20,000 requests."""
    state = build([loads([1])], 20_000, machine={"disks": {"d": constant(SERVICE, SERVICE)}}, watched=False).state
    if exponentially:
        state.arrays["disks"]["latency_at"][0, 0] = state._keep(exponential(SERVICE))
    return state


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("exponentially", [False, True], ids=["M/D/1", "M/M/1"])
def test_poisson_arrivals_wait_as_theory_says(exponentially: bool, load: float) -> None:
    """Pollaczek and Khinchine: mean wait = load / (1 - load) x service x (1 + c^2) / 2, with c = 0 (M/D/1) or 1
    (M/M/1)."""
    state = disk(exponentially)
    expected = load / (1 - load) * SERVICE * (1.0 if exponentially else 0.5)
    assert_mean(waits(state, load, seed=7), expected)


def test_a_share_of_time_as_large_as_the_load_is_busy() -> None:
    """With c = 1 and load 0.6: the disk's own integrals give load and, by Little's law, the number in the system."""
    state = disk(exponentially=True)
    waited = waits(state, 0.6, seed=8)
    record = state.arrays["disks"][0]
    end = int(record["since"])
    integrate(state.address, 0, end)
    assert record["busy_ns"] / end == pytest.approx(0.6, rel=0.02)
    in_system = record["queue_ns"] / end
    assert in_system == pytest.approx((waited.mean() + SERVICE) * 0.6 / SERVICE, rel=0.05)


def crowded(channels: int) -> RunResult:
    """Twelve processes that read 30 pages each of a file of their own, thinking between; two processors, one SSD."""
    names = [f"p{i}" for i in range(12)]
    specs = []
    for number, name in enumerate(names):
        source = generator(number, "think")
        runs = [row for page in range(30) for row in [(page, 0, 1, 0), (page, 0, int(source.integers(1, 250)), 0)]]
        region = Region(first=0, pages=30, file=name)
        specs.append(ProcessSpec(Process(name=name, regions=[region]), (RunList(runs),)))
    machine = MachineConfig(
        memory=2000 * PAGE,
        processors=2,
        disks={"d": Disk(model="ssd", parameters={"channels": channels})},
        files={name: File(size=30 * PAGE) for name in names},
    )
    manager = MemoryManager(trimming=Trimming(policy="none"), read_cluster=1)
    return Machine(machine, manager, specs, observe=Observe(sample_every=100_000)).run()


@pytest.mark.parametrize("channels", [1, 4])
def test_littles_law_holds_on_the_disk(channels: int) -> None:
    """Mean number in the system x time = sum of the times in the system: exactly, as the system is empty at both
    ends. The same for those in service and for those that only wait."""
    result = crowded(channels)
    passed = result.samples["time_ns"].diff().fillna(0)
    length = (result.samples[r"PhysicalDisk(d)\Avg. Disk Queue Length"] * passed).sum()
    busy = (result.samples[r"PhysicalDisk(d)\% Disk Time"] / 100 * channels * passed).sum()
    assert length == pytest.approx((result.io["queue_ns"] + result.io["service_ns"]).sum(), rel=1e-9)
    assert busy == pytest.approx(result.io["service_ns"].sum(), rel=1e-9)
    assert length - busy == pytest.approx(result.io["queue_ns"].sum(), rel=1e-6)
    assert result.io["queue_ns"].sum() > 0


def test_littles_law_holds_on_the_processors() -> None:
    """Twelve threads are, all the time, running, ready or blocked; those that run are what the processors are busy
    with."""
    result = crowded(1)
    rows = list(result.summary["processes"].values())
    passed = result.samples["time_ns"].diff().fillna(0)
    busy = (result.samples[r"Processor(_Total)\% Processor Time"] / 100 * 2 * passed).sum()
    assert busy == pytest.approx(sum(row["run_ns"] for row in rows), rel=1e-9)
    stalls = result.faults.loc[result.faults["kind"] == "hard", ["queue_ns", "service_ns"]].sum().sum()
    assert stalls == sum(row["stall_ns"] for row in rows)


def test_each_wait_for_a_read_is_that_reads_time_in_the_disk() -> None:
    """Every process reads its own file: a fault waits exactly for its own I/O."""
    result = crowded(1)
    hard = result.faults[result.faults["kind"] == "hard"]
    for column in ("queue_ns", "service_ns"):
        assert sorted(hard[column]) == sorted(result.io[column])


def test_littles_law_holds_on_the_queue_for_frames() -> None:
    """Three processes store to 6 pages each in 4 frames: the time integral of those that wait is the sum of waits.
    Counted each nanosecond; one that begins to wait at t does so after the sample at t, and may be missed that once, as
    each fault may that doesn't find a frame at once."""
    rows = stores(range(6))
    hardware = {"disks": {"d": constant(50, 70)}, "processors": 3}
    done = run([rows] * 3, 4, machine=hardware, manager=TEXTBOOK, observe=Observe(sample_every=1))
    samples = done.result.samples
    assert samples["time_ns"].diff().iloc[1:].eq(1).all()
    assert done.summary["hard_faults"] == done.summary["page_faults"] == 18
    waits = 18 - 4
    area = int(samples[r"pagesim\Threads Waiting For A Frame"].sum())
    stalls = sum(done.process(name)["stall_frame_ns"] for name in "abc")
    assert 0 <= stalls - area <= waits < 0.01 * stalls
