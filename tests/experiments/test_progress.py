from __future__ import annotations

import pytest
from rich.console import Console

from experiments.progress import reporter


def test_nothing_is_drawn_where_nobody_looks() -> None:
    with reporter(["run"], None) as progress:
        assert progress is None


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "experiments.progress.Console", lambda **options: Console(**options, force_terminal=True, width=100)
    )


@pytest.mark.usefixtures("terminal")
def test_each_simulation_has_a_bar_with_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    with reporter(["run", "baseline"], None) as progress:
        assert progress is not None
        progress(25, 100, 1_000)
        progress(50, 100, 2_000_000)
        progress(75, 100, 1_000)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "50%" in shown.err
    assert "75%" in shown.err
    assert "run" in shown.err
    assert "baseline" in shown.err
    assert "2 ms simulated" in shown.err


@pytest.mark.usefixtures("terminal")
def test_a_duration_may_end_a_run_before_its_references_do(capsys: pytest.CaptureFixture[str]) -> None:
    with reporter(["run"], 1_000) as progress:
        assert progress is not None
        progress(1, 100, 900)
    assert "90%" in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_a_run_of_unknown_length_has_no_share(capsys: pytest.CaptureFixture[str]) -> None:
    with reporter(["run"], None) as progress:
        assert progress is not None
        progress(5, None, 900)
    assert "900 ns simulated" in capsys.readouterr().err
