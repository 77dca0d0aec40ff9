"""The same machine gives the same result, however its parts are listed and whatever ran before."""

from __future__ import annotations

import random
from dataclasses import replace

import pandas as pd
import pytest

from simulator.config import Disk
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.result import FRAMES, RunResult, SimulationError
from simulator.units import natural
from tests.reference.cases import Case
from tests.reference.machines import random_case
from tests.simulator.small import TEXTBOOK, loads, run, stores


def machine(case: Case) -> Machine:
    """A case's machine, built."""
    processes = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    duration = min(case.duration or 100_000, 100_000)
    return Machine(
        case.machine, case.memory_manager, processes, case.seed, duration, observe=Observe(sample_every=2_003)
    )


def outcome(built: Machine) -> RunResult | str:
    """Its result, or why there is none."""
    try:
        return built.run()
    except SimulationError as error:
        return str(error)


def assert_same(one: RunResult | str, other: RunResult | str) -> None:
    """Summary and every frame are equal to the last bit, types and order included."""
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    assert one.summary == other.summary
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


def case(seed: int) -> Case:
    """A random machine with an SSD, whose times depend on the seed."""
    made = random_case(random.Random(93_000 + seed))
    return replace(made, machine=replace(made.machine, disks={**made.machine.disks, "d0": Disk(model="ssd")}))


def reversed_case(made: Case) -> Case:
    """The same, with everything whose order means nothing listed backwards."""
    hardware = replace(
        made.machine,
        disks=dict(reversed(made.machine.disks.items())),
        files=dict(reversed(made.machine.files.items())),
        paging_files=made.machine.paging_files[::-1],
    )
    return replace(made, machine=hardware, processes=made.processes[::-1])


@pytest.mark.parametrize("seed", range(20))
def test_machines_are_independent_of_each_other_and_of_the_order_of_their_parts(seed: int) -> None:
    """Built together, run one after another, the last one backwards."""
    made = case(seed)
    machines = [machine(made), machine(made), machine(reversed_case(made))]
    first, *others = [outcome(built) for built in machines]
    for other in others:
        assert_same(first, other)


def test_another_seed_gives_another_run() -> None:
    """The same references, but other times of the disk."""
    times = [
        run(
            [[*stores(range(6)), *loads(range(6))]],
            3,
            machine={"disks": {"d": Disk(model="ssd")}},
            manager=TEXTBOOK,
            seed=seed,
        ).io("service_ns")
        for seed in (1, 1, 2)
    ]
    assert times[0] == times[1] != times[2]
    assert len(times[0]) == len(times[2])


def test_a_new_disk_does_not_disturb_the_others() -> None:
    """Each disk has random numbers of its own, by its name."""
    made = next(one for one in map(case, range(100)) if len(one.machine.disks) == 1 and one.machine.paging_files)
    hardware = replace(made.machine, disks={**made.machine.disks, "z": Disk(model="hdd")})
    named = [replace(paging, disk="d0") for paging in hardware.paging_files]
    files = {name: replace(file, disk="d0") for name, file in hardware.files.items()}
    more = replace(made, machine=replace(hardware, paging_files=named, files=files))
    one, other = outcome(machine(made)), outcome(machine(more))
    if isinstance(one, RunResult) and isinstance(other, RunResult):
        assert one.summary == other.summary
        assert one.io["service_ns"].equals(other.io["service_ns"])
    else:
        assert one == other


def test_names_are_ordered_as_people_do() -> None:
    assert sorted(["p10", "p9", "a", "p-2", "10", "9"], key=natural) == ["9", "10", "a", "p9", "p10", "p-2"]
