from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from experiments.tables import KINDS, ending, run_report

_COUNTS = ("page_reads", "pages_input", "page_writes", "pages_output", "trimmed", "replaced", "repurposed",
           "access_violations", "in_page_errors", "commit_peak_pages", "references")  # fmt: skip


def _summary(**process: Any) -> dict[str, Any]:
    one = {
        **dict.fromkeys(KINDS, 0), "references": 1234567, "page_faults": 10, "demand_zero_faults": 6, "hard_faults": 3,
        "collided_faults": 1, "pages_input": 24, "start_ns": 0, "finished_ns": 2_000_000_000, "exit_status": 0,
        "run_ns": 500_000_000, "ready_ns": 500_000_000, "stall_ns": 1_000_000_000, "slowdown": 1.5,
        "peak_working_set": 256,
    } | process  # fmt: skip
    return {
        **dict.fromkeys(_COUNTS, 0), **dict.fromkeys(KINDS, 0), "name": "n", "page_faults": 10, "demand_zero_faults": 6,
        "hard_faults": 3, "collided_faults": 1, "simulated_ns": 4_000_000_000, "processes": {"p": one},
    }  # fmt: skip


def _text(summary: dict[str, Any]) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(run_report(summary, 4096))
    return stream.getvalue()


def _row(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.strip().startswith(name))


def test_a_process_row_says_where_its_time_went() -> None:
    assert _row(_text(_summary()), "p ") == [
        "p", "finished", "2", "s", "1,234,567", "10", "6", "4", "24", "25.0%", "25.0%", "50.0%", "1.50x", "1", "MiB"
    ]  # fmt: skip


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
