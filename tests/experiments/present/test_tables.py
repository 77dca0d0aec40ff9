from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.config import load
from experiments.process_rows import ending, thread_time
from experiments.runner import run
from experiments.tables import KINDS, run_report

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"
_COUNTS = ("page_reads", "pages_input", "page_writes", "pages_output", "trimmed", "replaced", "repurposed",
           "access_violations", "in_page_errors", "commit_peak_pages", "references")  # fmt: skip


def _summary(**process: Any) -> dict[str, Any]:
    one = {
        **dict.fromkeys(KINDS, 0), "references": 1234567, "page_faults": 10, "demand_zero_faults": 6, "hard_faults": 3,
        "collided_faults": 1, "pages_input": 24, "start_ns": 0, "finished_ns": 2_000_000_000, "exit_status": 0,
        "threads": 1, "run_ns": 500_000_000, "ready_ns": 500_000_000, "stall_ns": 1_000_000_000, "sleep_ns": 0,
        "slowdown": 1.5, "peak_working_set": 256,
    } | process  # fmt: skip
    return {
        **dict.fromkeys(_COUNTS, 0), **dict.fromkeys(KINDS, 0), "name": "n", "page_faults": 10, "demand_zero_faults": 6,
        "hard_faults": 3, "collided_faults": 1, "simulated_ns": 4_000_000_000, "processes": {"p": one},
    }  # fmt: skip


def _text(summary: dict[str, Any], width: int = 200) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(run_report(summary, 4096))
    return stream.getvalue()


def _row(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.strip().startswith(name))


def test_a_process_row_says_where_its_time_went() -> None:
    assert _row(_text(_summary()), "p ") == [
        "p", "finished", "2", "s", "1,234,567", "10", "6", "4", "24", "25.0%", "25.0%", "50.0%", "1.50x", "1", "MiB"
    ]  # fmt: skip


def _shares(text: str, name: str) -> list[float]:
    """The percentages in a row."""
    return [float(word.rstrip("%")) for word in _row(text, name) if word.endswith("%")]


def test_shares_of_time_are_of_the_time_of_the_threads_and_add_up() -> None:
    """Two threads that lived for 2 s each: 0.4 s run, 0.4 ready, 1.2 asleep, 2 stalled, half of that for frames."""
    slept = {"threads": 2, "run_ns": 4 * 10**8, "ready_ns": 4 * 10**8, "sleep_ns": 12 * 10**8, "stall_ns": 2 * 10**9,
             "stall_read_ns": 75 * 10**7, "stall_frame_ns": 10**9, "stall_collided_ns": 25 * 10**7}  # fmt: skip
    text = _text(_summary(**slept))
    assert _shares(text, "p ") == [10.0, 10.0, 30.0, 50.0, 18.8, 6.2, 25.0]
    assert all(heading in text for heading in ("asleep", "stall: read", "stall: frame", "stall: collided"))
    assert "stall: write" not in text
    assert "50.0% of the processes' time stalled" in text


def test_rows_and_the_row_of_all_and_the_lines_below_have_one_denominator() -> None:
    """One process of 2 s, half of it stalled, and one of 6 s, all of it asleep: an eighth of all time is stalled."""
    summary = _summary()
    idle = {"run_ns": 0, "ready_ns": 0, "stall_ns": 0, "sleep_ns": 6 * 10**9}
    summary["processes"]["q"] = summary["processes"]["p"] | idle
    text = _text(summary)
    assert (_shares(text, "p "), _shares(text, "q ")) == ([25.0, 25.0, 0.0, 50.0], [0.0, 0.0, 100.0, 0.0])
    assert _shares(text, "all") == [6.2, 6.2, 75.0, 12.5]
    assert "12.5% of the processes' time stalled" in text


def test_in_a_run_the_time_of_a_processs_only_thread_is_that_from_its_start_to_its_end() -> None:
    result = run(load(CONFIGS / "soft-fault-causes.yaml"), CONFIGS)
    processes = result.summary["processes"]
    for name in ("first", "second"):
        assert thread_time(processes[name]) == processes[name]["finished_ns"] - processes[name]["start_ns"]
    assert processes["first"]["sleep_ns"] >= 20_000_000
    assert sum(map(thread_time, processes.values())) == int(
        (result.threads["end_ns"] - result.threads["start_ns"])[result.threads["process"].notna()].sum()
    )


def test_the_system_is_a_row_only_if_there_is_something_to_say_of_it() -> None:
    summary = _summary()
    nothing = dict.fromkeys(summary["processes"]["p"], 0)
    system = nothing | {"slowdown": None, "finished_ns": None, "exit_status": None}
    summary["processes"]["System"] = system
    assert "System" not in _text(summary)
    summary["processes"]["System"] = system | {"peak_working_set": 4}
    row = _row(_text(summary), "System")
    assert row == ["System", "-", "-", "0", "0", "0", "0", "0", "-", "-", "-", "-", "16", "KiB"]
    summary["processes"]["p"] |= {"threads": 1, "exit_status": None}
    assert _row(_text(summary), "p ")[1:3] == ["still", "running"]


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_where_there_is_little_room_columns_are_left_out_and_no_number_is_cut(width: int) -> None:
    summary = _summary(stall_read_ns=4 * 10**8, stall_frame_ns=6 * 10**8)
    summary["processes"] = {f"process-{number}": summary["processes"]["p"] for number in range(1, 4)}
    text = _text(summary, width)
    table = text.partition("faults by kind")[0]
    assert "…" not in table
    assert max(map(len, text.splitlines())) <= width
    assert "no room here for: soft" in " ".join(table.split())
    assert _shares(text, "process-2")[:3] == [25.0, 25.0, 50.0]


def test_fault_rates_are_per_simulated_second() -> None:
    text = _text(_summary())
    assert _row(text, "demand-zero") == ["demand-zero", "6", "60.0%", "2"]
    assert _row(text, "all") == ["all", "10", "100.0%", "2"]
    assert "copy-on-write" not in text, "kinds that never happened take no row"


def test_a_process_that_did_not_finish_has_the_time_so_far() -> None:
    row = _row(_text(_summary(finished_ns=None, exit_status=None, slowdown=None)), "p ")
    assert row[1:5] == ["still", "running", "4", "s"]
    assert "-" in row


def test_the_end_of_a_process_is_told_in_words() -> None:
    assert [ending(status) for status in (None, 0, 0xC0000005, 0xC0000006, 0xC000012D, 1452, 3, 0xC0000374)] == [
        "still running", "finished", "access violation", "in-page error", "commit limit", "paged pool", "exit code 3",
        "0xc0000374",
    ]  # fmt: skip


def test_a_run_of_no_length_divides_by_nothing() -> None:
    summary = _summary(finished_ns=0, run_ns=0, ready_ns=0, stall_ns=0)
    summary |= {"simulated_ns": 0, "page_faults": 0}
    assert "0 ns" in _text(summary)


def test_of_many_processes_those_that_stalled_longest_are_shown() -> None:
    summary = _summary()
    one = summary["processes"]["p"]
    summary["processes"] = {f"q-{i}": one | {"stall_ns": i} for i in range(1, 101)}
    text = _text(summary)
    assert "the 20 that stalled longest of 100" in text
    assert [line.split()[0] for line in text.splitlines() if line.strip().startswith("q-")] == [
        f"q-{i}" for i in range(81, 101)
    ]


def test_pool_that_programs_left_in_use_is_told_by_tag() -> None:
    row = {"tag": "Leak", "type": "Nonp", "allocs": 2044, "frees": 4, "diff": 2040, "bytes": 2088960, "per_alloc": 1024}
    text = _text(_summary() | {"pools": [row]})
    assert _row(text, "Leak") == ["Leak", "Nonp", "2,044", "4", "2,040", "2,088,960", "1,024"]
    assert "pool in use" not in _text(_summary() | {"pools": []})
    many = _text(_summary() | {"pools": [row | {"tag": f"T{number:03}"} for number in range(25)]})
    assert ("T019" in many, "T020" in many, "the 20 largest of 25" in many) == (True, False, True)


def test_names_are_shown_as_they_are() -> None:
    summary = _summary()
    summary["processes"] = {"[bold]x[/y]": summary["processes"]["p"]}
    assert "[bold]x[/y]" in _text(summary)
