"""ChampSim's instruction traces are read as they were meant."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.workloads.format_checks import refused, rows_in, rows_of, told
from tests.workloads.samples import instructions
from tests.workloads.trace_files import COMPRESS
from workloads.traces import compression
from workloads.traces.formats.champsim import Champsim


def instruction(address: int, stores: tuple[int, ...] = (), loads: tuple[int, ...] = (), taken: int = 0) -> bytes:
    """A struct input_instr."""
    addresses = (*stores, *(0,) * (2 - len(stores)), *loads, *(0,) * (4 - len(loads)))
    return struct.pack("<Q8B6Q", address, taken, taken, 0, 0, 0, 0, 0, 0, *addresses)


def cloudsuite(address: int, stores: tuple[int, ...], loads: tuple[int, ...], space: int) -> bytes:
    """A struct cloudsuite_instr: 18 bytes, 6 of padding, 8 addresses, the address space, 6 of padding."""
    addresses = (*stores, *(0,) * (4 - len(stores)), *loads, *(0,) * (4 - len(loads)))
    return struct.pack("<Q10B6x8QH6x", address, *(0,) * 10, *addresses, space)


def test_an_instruction_is_a_fetch_its_loads_and_its_stores(tmp_path: Path) -> None:
    data = instruction(0x401FFC, (0x5000, 0x6000), (0x7000, 0x7FF8, 0x8000, 0x9000)) + instruction(
        0x402000, (0x402800,)
    )
    assert rows_of(tmp_path, data, "champsim") == [
        *((0x401, 1, 0, 0), (7, 0, 2, 0), (8, 0, 1, 0), (9, 0, 1, 0), (5, 0, 0, 1), (6, 0, 0, 1)),
        (0x402, 1, 0, 1),
    ]


def test_an_address_space_is_a_process(tmp_path: Path) -> None:
    data = cloudsuite(0x401FF0, (1 << 12, 2 << 12, 3 << 12, 4 << 12), (5 << 12,), 7) + cloudsuite(
        0x401FF4, (), (), 0x0102
    )
    assert rows_of(tmp_path, data, "champsim") == [
        *((0x401, 1, 0, 0, 7), (5, 0, 1, 0, 7), (1, 0, 0, 1, 7), (2, 0, 0, 1, 7), (3, 0, 0, 1, 7), (4, 0, 0, 1, 7)),
        (0x401, 1, 0, 0, 0x0102),
    ]
    assert rows_of(tmp_path, data, "champsim", layout="cloudsuite") == rows_of(tmp_path, data, "champsim")


def test_pages_are_of_the_size_that_is_given(tmp_path: Path) -> None:
    assert rows_of(tmp_path, instruction(0x401FFC), "champsim", page_size=2 << 20) == [(2, 1, 0, 0)]


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("layout", ["input", "cloudsuite"])
def test_it_is_told_by_content_compressed_or_not(tmp_path: Path, layout: str, suffix: str) -> None:
    data = instructions(layout, 3000)
    path = tmp_path / f"a.x{suffix}"
    path.write_bytes(COMPRESS[suffix](data))
    told(tmp_path, path.read_bytes(), "champsim")
    assert rows_in(path, "champsim") == rows_of(tmp_path, data, "champsim")


@pytest.mark.parametrize("layout", ["input", "cloudsuite"])
def test_records_are_whole_however_pieces_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    whole = rows_of(tmp_path, instructions(layout), "champsim")
    monkeypatch.setattr(compression, "PIECE", 7)
    assert rows_of(tmp_path, instructions(layout), "champsim") == whole


def test_other_binary_data_is_not_taken_for_it() -> None:
    rng = np.random.default_rng(3)
    known = Champsim()
    assert not known.recognises(bytes(6400))
    assert not known.recognises(rng.bytes(6400))
    # Addresses that don't follow each other; bytes about branches that are neither 0 nor 1, or taken without a branch.
    assert not known.recognises(b"".join(instruction(0x400000 + 100 * i) for i in range(50)))
    assert not known.recognises(instruction(0x400000) + instruction(0x400004, taken=2))
    assert not known.recognises(struct.pack("<Q8B6Q", 0x400000, 0, 1, *(0,) * 12))
    assert known.recognises(b"".join(instruction(0x400000 + 100 * i, taken=1) for i in range(50)))


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    wrong = instruction(0x400000, taken=2)
    found = "found is_branch 2 and branch_taken 2, allowed is 0 or 1"
    refused(tmp_path, instructions(count=1100) + wrong, "champsim", f"instruction 1100: {found}")
    refused(tmp_path, instructions(count=9) + wrong, "champsim", f"instruction 9: {found}", layout="input")
    refused(tmp_path, instructions(count=9) + wrong, "champsim", "found no instructions in a row")
    refused(tmp_path, instructions(count=9)[:-1], "champsim", "instruction 8: found 63 bytes, allowed is 64")
