"""Damaged files of all formats are read or refused; the fuzzer finds what is wrong where something is."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from simulator.registry import names
from tests.workloads import fuzz
from tests.workloads.format_checks import IN_MEMORY
from tests.workloads.samples import samples
from workloads.traces.format import HEAD, formats
from workloads.traces.formats.text import Text
from workloads.traces.runs import Runs

UNTOLD = ("libcachesim-csv",)
"""Formats that must be named: nothing in a file of them tells what its columns are."""


def test_every_format_has_a_sample() -> None:
    assert set(samples()) == set(names("format"))


@pytest.mark.parametrize("name", sorted(samples()))
def test_a_sample_is_told_by_content_as_one_format(name: str) -> None:
    for content in samples()[name]:
        told = [known.name for known in formats() if known.recognises(content[:HEAD])]
        assert told == ([] if name in UNTOLD else [name])


def test_damaged_files_are_read_or_refused() -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as name:
        numbers = [number for number in range(2500) if not fuzz.drawn(5, number).bomb]
        outcomes = {fuzz.answer(Path(name), 5, number).outcome for number in numbers}
    assert outcomes == {"read", "refused"}


def test_an_input_is_a_matter_of_its_number_alone() -> None:
    assert fuzz.drawn(1, 77) == fuzz.drawn(1, 77) != fuzz.drawn(2, 77)


def test_an_exception_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Text, _path: Path) -> Iterator[Runs]:
        raise KeyError("boo")

    monkeypatch.setattr(Text, "runs", broken)
    monkeypatch.setattr(fuzz, "drawn", lambda _seed, _number: fuzz.Input(b"1\n", "", "text", cached=False, bomb=False))
    assert fuzz.answer(tmp_path, 1, 1).outcome.startswith("KeyError at test_fuzz.py:")


def test_runs_without_references_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.zeros(1, np.uint8)
    runs = Runs(none.astype(np.uint64), none.astype(np.uint16), none, none)
    monkeypatch.setattr(Text, "runs", lambda _self, _path: iter([runs]))
    monkeypatch.setattr(fuzz, "drawn", lambda _seed, _number: fuzz.Input(b"1\n", "", "text", cached=False, bomb=False))
    assert "a run without references" in fuzz.answer(tmp_path, 1, 1).outcome


def _hanging(_seed: int, numbers: range, pipe: Connection) -> None:
    for number in numbers:
        pipe.send(number)
        if number == 3:
            time.sleep(600)
        if number == 5:
            os._exit(1)
        pipe.send(fuzz.Answer(number, "read", 1, 0.0))
    pipe.send(None)


@pytest.mark.slow
def test_a_reader_that_hangs_or_dies_is_reported_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "_work", _hanging)
    monkeypatch.setattr(fuzz, "PATIENCE", 5.0)
    found = {answer.number: answer.outcome for answer in fuzz.answers(1, range(8), jobs=1)}
    assert found == {**dict.fromkeys(range(8), "read"), 3: "no answer in 5 s", 5: "the reader died"}
