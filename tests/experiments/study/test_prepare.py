from __future__ import annotations

import numpy as np
import pytest

from experiments.spec.document import Document
from experiments.spec.experiment import from_document
from experiments.study.run import committed, unlimited
from simulator.config import File, Machine, MemoryManager, Process, Region

PAGES = np.array([3, 4, 5, 10, 11, 20], np.uint64)


@pytest.mark.parametrize(
    ("region", "charge"),
    [
        (None, 6),
        (Region(first=4, pages=7), 6),
        (Region(first=4, pages=7, state="reserved"), 3),
        (Region(first=4, pages=7, file="f"), 3),
        (Region(first=4, pages=7, file="f", protection="read-only"), 3),
        (Region(first=4, pages=7, file="f", protection="copy-on-write"), 6),
        (Region(first=0, pages=100, file="f"), 0),
        (Region(first=6, pages=4, state="reserved"), 6),
    ],
)
def test_commit_charge_counts_private_and_copy_on_write_pages(region: Region | None, charge: int) -> None:
    process = Process(name="p", regions=[] if region is None else [region])
    assert committed(process, PAGES) == charge


def test_unlimited_memory_holds_everything_twice_over_and_the_thresholds() -> None:
    class Stream:
        pages = PAGES

    tight = Machine(memory=3 * 4096, bad_frames=1, files={"f": File(size=4097)})
    machine, manager = unlimited(tight, MemoryManager(low_memory=2, high_memory=9), [Stream(), Stream()])  # type: ignore[list-item]
    need = 1 + 2 * 2 * len(PAGES) + 2
    assert machine.frames - need > manager.high_threshold(machine.frames)
    assert (machine.disks, machine.files) == (tight.disks, tight.files)
    assert manager.low_memory == -1


def test_unlimited_memory_is_never_less_than_there_was() -> None:
    machine, _ = unlimited(Machine(), MemoryManager(), [])
    assert machine.memory == Machine().memory


def test_each_copy_has_random_numbers_of_its_own() -> None:
    from pathlib import Path

    from experiments.study.run import prepare

    group = {"name": "p", "copies": 2, "workload": {"kind": "uniform", "pages": 50, "references": 100}}
    _, specs = prepare(from_document(Document("f", {"name": "x", "processes": [group]}, {})), Path())
    one, two = (np.concatenate([block.page for block in spec.streams[0].blocks()]) for spec in specs)
    assert [spec.config.name for spec in specs] == ["p-1", "p-2"]
    assert not np.array_equal(one, two)
