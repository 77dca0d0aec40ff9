"""`python -m tests.benchmark.policies [--repeat N] [POLICY ...]`: what each policy costs, as a ratio to `fifo`.

A mixed workload in a quarter of its footprint: recorded programs and a synthetic one with uniform visits compete
under the windows memory manager. Processor time of whole runs, policies taken in turn, medians; beside it the page
faults of a run, for a policy that faults more works more.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from simulator.config import Disk, MemoryManager, PagingFile, Process, Trimming, WorkingSet
from simulator.config import Machine as MachineConfig
from simulator.machine import Machine, ProcessSpec
from simulator.registry import find, names
from simulator.stream import ReferenceStream
from tests.benchmark.__main__ import DATA, timed
from tests.benchmark.machines import PAGE, QUIET
from workloads.base import StreamContext, parts
from workloads.synthetic.uniform import Uniform
from workloads.traces.replay import Trace

RUNS = 3_000_000
"""references of each recorded program"""


def streams() -> dict[str, ReferenceStream]:
    """The programs of the mix."""
    context = StreamContext(DATA, 1, "uniform", PAGE, 8 << 40)
    found: dict[str, ReferenceStream] = {"uniform": Uniform(pages=400, references=200_000, writes=0.3).stream(context)}
    for name in ("python", "sqlite", "gcc", "sort"):
        (found[name],) = parts(Trace(path=Path(f"{name}.parquet"), limit=RUNS), context)[0].streams
    return found


def mixed(policy: str, programs: dict[str, ReferenceStream]) -> Any:
    """One run of the mix; returns its result."""
    footprint = sum(len(stream.pages) for stream in programs.values())
    machine = MachineConfig(
        memory=footprint // 4 * PAGE,
        processors=2,
        disks={"d": Disk("nvme")},
        paging_files=[PagingFile(size=8 * footprint * PAGE)],
    )
    manager = MemoryManager(trimming=Trimming(policy=policy, period=1_000_000))
    limits = WorkingSet(minimum=50 * PAGE, maximum=footprint * PAGE)
    specs = [ProcessSpec(Process(name=name, working_set=limits), (stream,)) for name, stream in programs.items()]
    return Machine(machine, manager, specs, observe=QUIET).run()


def main() -> None:
    """Time every policy, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.policies", description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("policies", nargs="*", default=[name for name in names("policy") if name != "none"])
    given = parser.parse_args()
    chosen = list(dict.fromkeys(["fifo", *given.policies]))
    programs = streams()
    faults = {policy: mixed(policy, programs).summary["page_faults"] for policy in chosen}
    times: dict[str, list[float]] = {policy: [] for policy in chosen}
    for _ in range(given.repeat):
        for policy in chosen:
            times[policy].append(timed(lambda policy=policy: mixed(policy, programs)))  # type: ignore[misc]
    median = {policy: statistics.median(seconds) for policy, seconds in times.items()}
    for policy in sorted(chosen, key=median.__getitem__):
        seen = ", ".join(sorted(find("policy", policy).requires)) or "accessed bits"  # type: ignore[attr-defined]
        ratio, more = median[policy] / median["fifo"], faults[policy] / faults["fifo"]
        sys.stdout.write(f"{policy:<24} {ratio:6.2f} x fifo  {more:6.2f} x its faults  sees {seen}\n")


if __name__ == "__main__":
    main()
