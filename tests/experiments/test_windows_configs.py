"""The committed configs of programs show what they are named after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.spec.experiment import load
from experiments.study.run import run
from simulator.result import RunResult

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"


def _run(name: str, *changes: str) -> RunResult:
    return run(load(CONFIGS / f"{name}.yaml", changes), CONFIGS, check=True)


def _departures(result: RunResult) -> dict[str, int]:
    found: dict[str, int] = {}
    for by_reason in result.summary["departures"].values():
        for reason, count in by_reason.items():
            found[reason] = found.get(reason, 0) + count
    return found


def test_every_way_out_of_a_working_set_is_taken() -> None:
    result = _run("ways-out")
    departures = result.summary["departures"]
    one_each = ("emptied", "unlocked", "unmapped", "offered", "discarded", "decommitted", "protected")
    assert departures["calls"] == {**dict.fromkeys(one_each, 1), "copy-on-write page": 1}
    assert {reason: departures["limits"][reason] for reason in ("limits lowered", "replaced")} == {
        "limits lowered": 1,
        "replaced": 1,
    }
    assert departures["idle"] == {"outswapped": 1}
    assert departures["hungry"]["trimmed"] == result.summary["trimmed"] > 0
    assert departures["hungry"]["process ended"] + departures["hungry"]["trimmed"] == 500
    assert len(_departures(result)) == 13  # MODEL.md section 3 has as many


def test_a_page_goes_through_every_state_in_order() -> None:
    result = _run("page-life")
    pages = result.pages
    mine = pages[(pages["process"] == "page") & (pages["page"] == pages["page"][pages["process"] == "page"].min())]
    story = [(str(row.event), str(row.reason)) for row in mine.itertuples()]
    expected = [
        ("entered", "first touch"),
        ("left", "emptied"),
        ("modified", "out of working sets"),
        ("entered", "modified"),
        ("left", "emptied"),
        ("modified", "out of working sets"),
        ("written", "written"),
        ("standby", "written"),
        ("entered", "standby"),
        ("left", "emptied"),
        ("standby", "out of working sets"),
        ("repurposed", "another page"),
        ("entered", "paging file"),
        ("left", "decommitted"),
        ("freed", "decommitted"),
    ]
    assert story == expected


def test_soft_faults_have_three_causes_and_a_store_to_a_shared_page_copies_it() -> None:
    first, second = (_run("soft-fault-causes").summary["processes"][name] for name in ("first", "second"))
    # 32 KiB are 8 pages, 64 KiB 16, two clusters of 8; the second reads 16 that the first has, and stores to 4
    assert (first["transition_faults"], first["hard_faults"]) == (8 + 14, 2)
    assert first["demand_zero_faults"] >= 8
    assert (second["shared_faults"], second["copy_on_write_faults"], second["hard_faults"]) == (16, 4, 0)


def test_dirty_pages_are_written_before_their_frames_are_reused() -> None:
    result = _run("dirty-transition")
    pages = result.pages[result.pages["process"] == "writer"]
    for _, page in pages.groupby("page"):
        events = [str(event) for event in page["event"]]
        if "repurposed" in events:
            assert "written" in events[: events.index("repurposed")]
    assert (pages["event"] == "repurposed").sum() == 64
    assert result.summary["processes"]["writer"]["pages_input"] == 64


def test_the_commit_limit_is_reached_while_memory_is_free() -> None:
    result = _run("commit-limit")
    assert result.summary["processes"]["hoarder"]["exit_status"] == 1455
    notes = result.summary["notes"]["hoarder"]
    assert notes["commit limit in pages"] == 2 * 64 * 256
    assert notes["commit limit in pages"] - 256 < notes["committed pages"] <= notes["commit limit in pages"]
    assert notes["available pages"] > 0.99 * 64 * 256


@pytest.mark.parametrize(
    ("process", "status"),
    [("heap", 0xC0000005), ("executable-heap", 0), ("old-program", 0), ("old-program-with-dep", 0xC0000005)],
)
def test_dep_stops_code_on_a_heap_page(process: str, status: int) -> None:
    summary: dict[str, Any] = _run("dep").summary
    assert summary["processes"][process]["exit_status"] == status
    assert summary["processes"][process]["access_violations"] == (status != 0)


def test_dep_that_is_off_for_all_stops_nothing() -> None:
    summary = _run("dep", "machine.windows.dep_policy=always-off").summary
    assert summary["access_violations"] == 0
    assert summary["processes"]["heap"]["exit_status"] == 0
