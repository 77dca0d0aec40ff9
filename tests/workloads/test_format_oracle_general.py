"""libCacheSim's oracleGeneral: requests become loads of the page that an object's id is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from simulator.rng import generator
from tests.workloads.table_files import LOAD, Seen, kept, read, refused, with_options
from tests.workloads.table_samples import ORACLE, requests
from tests.workloads.trace_files import COMPRESS
from workloads.traces import compression
from workloads.traces.format import guess
from workloads.traces.formats.oracle_general import RECORD, OracleGeneral

SAMPLE = Seen([(page, *LOAD) for page in (70, 7, 70, 70)], time=[0, 10**9, 10**9, 6 * 10**9])
"""The fourth request is of size 0."""


@pytest.mark.parametrize("suffix", COMPRESS)
def test_requests_are_read_and_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert read(path, COMPRESS[suffix](ORACLE)) == SAMPLE
    assert guess(path) == OracleGeneral()
    assert kept(path, OracleGeneral()) == SAMPLE


def test_records_may_come_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "PIECE", 7)
    assert read(tmp_path / "a", ORACLE) == SAMPLE
    refused(tmp_path / "a", ORACLE[:-1], "record 4: found 23 bytes, allowed is a record of 24", known=OracleGeneral())


def test_ids_that_are_no_page_need_numbering(tmp_path: Path) -> None:
    largest = (1 << 64) - 2
    content = requests((0, 5, 1, 2), (0, largest, 1, 3), (1, 5, 1, -1), (2, largest, 1, -1))
    refused(
        tmp_path / "a", content, f"record 1: found object {largest}, allowed is 0 to {2**52 - 1}", "option renumber"
    )
    numbered = with_options("oracle-general", renumber=True)
    wanted = Seen([(page, *LOAD) for page in (0, 1, 0, 1)], time=[0, 0, 10**9, 2 * 10**9])
    assert read(tmp_path / "a", content, numbered) == wanted
    assert kept(tmp_path / "a", numbered) == wanted
    refused(tmp_path / "a", requests((0, largest + 1, 1, -1)), f"allowed is 0 to {largest}", known=numbered)


@pytest.mark.parametrize("first", [0, 1])
def test_a_long_trace_is_told_by_content(tmp_path: Path, first: int) -> None:
    objects = generator(1, "test").integers(0, 500, 5000)
    records = np.zeros(len(objects), RECORD)
    records["time"], records["object"], records["size"] = np.arange(5000) // 7, objects, 100
    seen: dict[int, int] = {}
    for row in reversed(range(len(objects))):
        records["next"][row] = seen.get(int(objects[row]), -1)
        seen[int(objects[row])] = row + first
    head = records.tobytes()[: 1 << 16]
    assert OracleGeneral().recognises(head)
    records["object"][1000] = 1000
    assert not OracleGeneral().recognises(records.tobytes()[: 1 << 16])


@pytest.mark.parametrize(
    "head",
    [
        *(b"", ORACLE[:23], ORACLE + b"\0", b"\0" * 48, b"\xff" * 24 + b"\0" * 24, b"1" * 24, b"12 R\n" * 24),
        requests((1, 5, 1, -1), (0, 5, 1, -1)),
        requests((0, 5, 1, -1), (0, 5, 1, 1)),
        requests((0, 5, 1, -2)),
        requests((0, 5, 1, 1 << 41)),
        requests((0, 5, 1, 1), (0, 6, 1, 2), (0, 7, 1, -1)),
    ],
)
def test_other_bytes_are_not_told_by_content(head: bytes) -> None:
    assert not OracleGeneral().recognises(head)


def test_libcachesim_reads_the_same(tmp_path: Path) -> None:
    lcs = pytest.importorskip("libcachesim")
    path = tmp_path / "a.oracleGeneral"
    mine = read(path, ORACLE)
    theirs = lcs.TraceReader(os.fspath(path), lcs.TraceType.ORACLE_GENERAL_TRACE)
    found = [(request.obj_id, request.clock_time * 10**9) for request in theirs]
    assert found == list(zip([row[0] for row in mine.rows], mine.time or [], strict=True))
