"""The program that has processes load one image."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import ValidationError

from simulator.config import Image, ImageSection, Machine, MemoryManager, Process
from simulator.machine import Machine as Simulator
from simulator.machine import Observe, ProcessSpec
from simulator.result import RunResult
from simulator.units import KiB, MiB
from workloads.programs.dll_users import DllUsers

DLL = Image(
    size=40 * KiB,
    preferred_base=0x10000000,
    dynamic_base=False,
    fixups=0.2,
    sections=[ImageSection(size=32 * KiB), ImageSection(size=8 * KiB, protection="data")],
)


def _run(name: str = "dll", machine: dict[str, Any] | None = None, **parameters: Any) -> RunResult:
    return _run_all([(name, 0)], machine, **parameters)


def _run_all(starts: list[tuple[str, int]], machine: dict[str, Any] | None = None, **parameters: Any) -> RunResult:
    """A program of each name, at its time."""
    main = DllUsers(**parameters).main
    specs = [ProcessSpec(config=Process(name=name, start=start), program=main) for name, start in starts]
    given: dict[str, Any] = {"memory": 4 * MiB, "images": {"a.dll": DLL}}
    config = Machine(**given | (machine or {}))
    return Simulator(config, MemoryManager(), specs, observe=Observe(sample_every=1_000_000)).run()


def test_one_process_has_all_pages_of_the_image_and_shares_them_with_nobody_else() -> None:
    # 10 pages; 2 of data, and a page table
    assert _run(image="a.dll", users=1).summary["notes"]["dll"] == {
        "frames": 10,
        "... of shared pages": 10,
        "... of private pages": 0,
        "most that share a page": 1,
        "private bytes (KiB)": (2 + 1) * 4,
        "bases": 1,
    }


def test_where_the_base_is_occupied_each_process_has_copies_of_the_pages_with_fixups() -> None:
    notes = _run(image="a.dll", users=3, occupied=DLL.preferred_base).summary["notes"]["dll"]
    assert (notes["frames"], notes["... of private pages"]) == (8 + 3 * 2, 3 * 2)  # 20 % of 10 pages


def test_processes_wait_for_each_other_even_if_the_image_is_in_memory_and_nothing_else_makes_them_wait() -> None:
    summary = _run_all([("first", 0), ("second", 100_000_000)], image="a.dll", users=4).summary
    assert summary["pages_input"] == 10
    assert summary["notes"]["second"]["most that share a page"] == 4


def test_pages_that_were_trimmed_take_no_frame() -> None:
    large = dataclasses.replace(DLL, size=400 * KiB, fixups=1.0)
    # three copies of 100 pages in 128 frames
    machine = {"memory": 512 * KiB, "images": {"a.dll": large}}
    notes = _run(machine=machine, image="a.dll", users=3, occupied=DLL.preferred_base).summary["notes"]["dll"]
    assert 100 < notes["... of private pages"] <= notes["frames"] < 128


def test_all_processes_have_ended_when_the_one_that_started_them_ends() -> None:
    processes = _run(image="a.dll", users=5).summary["processes"]
    assert {name for name in processes if name != "System"} == {"dll", *(f"dll-{n}" for n in range(1, 6))}
    last = processes["dll"]["finished_ns"]
    assert all(processes[f"dll-{n}"]["finished_ns"] <= last for n in range(1, 6))


def test_an_image_that_is_not_there_is_an_error_and_nobody_waits_for_ever() -> None:
    result = _run(image="b.dll", users=2)
    codes = {name: one["exit_status"] for name, one in result.summary["processes"].items() if name != "System"}
    assert codes == dict.fromkeys(("dll", "dll-1", "dll-2"), 126)  # ERROR_MOD_NOT_FOUND
    assert result.summary["notes"] == {}


def test_a_process_that_can_not_be_started_is_an_error_of_the_one_that_starts_it() -> None:
    # 20 pages of paging file and 64 of memory: stacks and page tables of some processes, but not of 60
    machine = {"memory": 256 * KiB, "paging_files": [{"size": 80 * KiB, "maximum": 80 * KiB}]}
    assert _run(machine=machine, image="a.dll", users=60).summary["processes"]["dll"]["exit_status"] == 1455


def test_a_backslash_in_a_name_does_not_matter() -> None:
    assert _run(name="a\\b", image="a.dll", users=2).summary["notes"]["a\\b"]["frames"] == 10


@pytest.mark.parametrize("parameters", [{}, {"image": ""}, {"image": "a", "users": 0}, {"image": "a", "users": 65}])
def test_parameters_are_checked(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DllUsers(**parameters)
