"""Tables: what a run's say, and that in whatever room nothing is cut and no two names become the same."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from experiments.analysis.processes import ending, thread_time
from experiments.command.cli import main
from experiments.present import markdown, terminal
from experiments.present.html import fragment
from experiments.present.numbers import change, mean, rounded, share, show, significant
from experiments.present.run import KINDS, run_report
from experiments.present.table import Cell, Column, Table, text_column
from experiments.spec.experiment import load
from experiments.study.run import run

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


def _text(summary: dict[str, Any], width: int = terminal.EVERYTHING) -> str:
    return terminal.text(run_report(summary, 4096), width)


def _row(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.startswith(name))


def _shares(text: str, name: str) -> list[float]:
    """The percentages in a row."""
    return [float(word.rstrip("%")) for word in _row(text, name) if word.endswith("%")]


def test_a_process_row_says_where_its_time_went() -> None:
    assert _row(_text(_summary()), "p ") == [
        "p", "finished", "2", "s", "1,234,567", "10", "6", "4", "24", "25.0%", "25.0%", "50.0%", "1.50×", "1", "MiB"
    ]  # fmt: skip


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
    assert re.findall(r"^q-\d+", text, re.MULTILINE) == [f"q-{i}" for i in range(81, 101)]


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


WIDTHS = (60, 80, 100, 120, 200)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_runs_table_has_its_columns_of_first_rank_in_any_width(width: int) -> None:
    summary = _summary(stall_read_ns=4 * 10**8, stall_frame_ns=6 * 10**8)
    summary["processes"] = {f"process-{number}": summary["processes"]["p"] for number in range(1, 4)}
    text = _text(summary, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert len([line for line in text.splitlines() if re.match(r"process-[123] ", line)]) == 3
    assert _shares(text, "process-2")[:3] == [25.0, 25.0, 50.0]
    assert ("no room for" in text) == (width < 120)


words = st.text("abcdefg-1/漢", min_size=1, max_size=30)
values = st.one_of(st.integers(-(10**13), 10**13), st.floats(allow_nan=False, allow_infinity=False, width=32), words)
tables = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.lists(st.tuples(words, st.integers(0, 4), st.booleans()), min_size=count, max_size=count),
        st.lists(
            st.lists(values, min_size=count, max_size=count), min_size=1, max_size=4, unique_by=lambda row: row[0]
        ),
    )
)


@settings(deadline=None)
@given(tables, st.sampled_from(WIDTHS))
def test_in_whatever_room_no_number_is_cut_and_no_two_names_become_the_same(
    made: tuple[list[tuple[str, int, bool]], list[tuple[Any, ...]]], width: int
) -> None:
    """Every value of a shown column stands in the text whole; a column that isn't shown is named."""
    columns = [Column(f"{name} {at}", "number", priority if at else 0, wrap=wrap and at > 0)
               for at, (name, priority, wrap) in enumerate(made[0])]  # fmt: skip
    table = Table("t", columns, made[1])
    text = terminal.text([table], width)
    assert max(map(cell_len, text.splitlines())) <= width
    lines, whole = [" ".join(line.split()) for line in text.splitlines()], " ".join(text.split())
    left_out = whole.partition("no room for: ")[2]
    for row in table.cells():
        assert any(line.startswith(row[0].text) for line in lines)
        for column, cell in zip(columns, row, strict=True):
            shown = f"{column.heading}" in left_out or column.wrap or any(cell.text in line for line in lines)
            assert shown or "".join(cell.text.split()) in "".join(whole.split())
    everything = terminal.text([table])
    assert "no room" not in everything
    assert all(cell.text in everything for row in table.cells() for cell in row)
    assert max(map(cell_len, everything.splitlines())) < 10 * terminal.WIDEST


def test_text_that_may_be_broken_is_told_whole() -> None:
    story = "it was trimmed, it came back, and it was trimmed again: " * 4
    table = Table("t", [Column("time", "ns"), text_column("what happened", wrap=True)], [(1_234_000, story)])
    for width in WIDTHS:
        text = terminal.text([table], width)
        assert story.split() == " ".join(line[10:] for line in text.splitlines()[3:]).split()
        assert "1.234 ms" in text


def test_where_not_even_one_row_fits_it_becomes_lines() -> None:
    columns = [text_column("name"), *(Column(f"figure {n}", "count") for n in range(9))]
    table = Table("t", columns, [("a", *range(10**11, 10**11 + 9)), ("b", *range(9))])
    assert "a\n  figure 0: 100,000,000,000\n  figure 1: 100,000,000,001\n" in terminal.text([table], 60)


def test_a_table_in_markdown_and_in_html_says_the_same() -> None:
    columns = [text_column("na|me"), Column("size", "bytes"), Column("odd")]
    table = Table("t", columns, [("a*b", 4096, Cell("1\n2", 1)), ("<c>", None, 3)], [("all", 4096, "")], ["a note"])
    assert markdown.text([table]).splitlines() == [
        "## t", "", "| na\\|me | size | odd |", "|---|---:|---:|", "| a\\*b | 4 KiB | 1<br>2 |", "| &lt;c> | - | 3 |",
        "| all | 4 KiB |  |", "", "a note",
    ]  # fmt: skip
    page = fragment([table, "x & y"])
    assert '<td style="text-align: right">4 KiB</td>' in page
    assert "1<br/>2" in page
    assert "&lt;c&gt;" in page
    assert page.endswith("<p>a note</p>\n<p>x &amp; y</p>\n")
    assert table.frame.to_dict("list") == {
        "na|me": ["a*b", "<c>"],
        "size": [4096, pytest.approx(math.nan, nan_ok=True)],
        "odd": [1, 3],
    }


def test_a_mean_and_its_interval_are_rounded_to_the_intervals_second_digit() -> None:
    assert mean(273.9e6, 88.6e6, 459.2e6, "ns") == "270 ms ± 190"
    assert mean(525.43e6, 523.3e6, 527.5e6, "ns") == "525.4 ms ± 2.1"
    assert mean(1.47, 1.4552, 1.4848, "ratio") == "1.470× ± 0.015"
    assert mean(0.846, 0.845177, 0.846823, "share") == "84.600% ± 0.082"
    assert mean(2_718_281.8, 2_718_271.8, 2_718_291.8) == "2,718,282 ± 10"
    assert mean(1374, None, None) == "1,374"
    assert (mean(None), change(-0.0004)) == ("-", "0.0%")
    assert change(5.151, 3.0, 7.2) == "+520% ± 210"
    assert rounded(-0.001, 9.96) == ("0", "10")


@given(st.floats(-1e15, 1e15), st.floats(1e-9, 1e15))
def test_no_number_has_an_exponent(value: float, half: float) -> None:
    texts = [*rounded(value, half), significant(value), share(value), *(show(abs(value), unit) for unit in
             ("count", "number", "ns", "bytes", "byte seconds", "share", "ratio"))]  # fmt: skip
    assert not any(re.search(r"\de", text) for text in texts)


@pytest.mark.parametrize(("wide", "whole"), [([], False), (["--wide"], True)])
def test_a_terminal_shows_what_has_room_unless_everything_is_asked_for(
    wide: list[str], whole: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["list", "disks", *wide]) == 0
    assert ("no room for: parameters" in capsys.readouterr().out) is not whole
