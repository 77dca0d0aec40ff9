"""ChampSim's instruction traces."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.compile import compiled
from workloads.base import InputError, plugin
from workloads.traces.compression import expanded
from workloads.traces.format import HEAD, PageSize, start
from workloads.traces.runs import Runs, empty, merged, select

STORES = {"input": 2, "cloudsuite": 4}
"""Layouts, and how many addresses each has for stores; both have `LOADS` for loads."""
LOADS = 4

LONGEST = 16
"""Bytes by which an instruction's address may lie after the one before, unless that was a branch: x86's have 15."""

SEQUENTIAL = 0.7
"""Share of instructions after those that weren't taken branches which must follow, so that a file is recognised."""


@plugin("format", "champsim")
class Champsim:
    """A binary file of ChampSim's struct input_instr (64 bytes: the instruction's address, 2 bytes about branches, 6
    of registers, 2 addresses of stores, 4 of loads; 0 where there is none), or struct cloudsuite_instr (96 bytes: 4
    addresses of stores, and after those of loads an address space id, which is taken for the process). An instruction
    is a fetch, its loads, its stores; sizes aren't recorded, so each refers to one page. References to one page in a
    row become one run.

    Source: inc/trace_instruction.h of ChampSim; integers are little-endian, as the tracers' machines write them."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".champsimtrace", ".champsim")

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")
    layout: Literal["auto", "input", "cloudsuite"] = Field(
        default="auto", description="the struct; auto: what the start of the file tells, else input"
    )

    def recognises(self, head: bytes) -> bool:
        """By the bytes about branches, which are 0 or 1, and by instructions that follow each other."""
        return any(_whole(head, layout) and _fits(head, layout) for layout in self._layouts())

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each longest sequence of references to one page."""
        head = start(path)
        fitting = sorted(filter(partial(_fits, head), self._layouts()), key=partial(_whole, head), reverse=True)
        if self.layout == "auto" and not fitting:
            raise InputError(f"{path}: found no instructions in a row, allowed is a trace, or option layout")
        layout = fitting[0] if fitting else self.layout
        return merged(_read(path, layout, self.page_size.bit_length() - 1))

    def _layouts(self) -> tuple[str, ...]:
        return tuple(STORES) if self.layout == "auto" else (self.layout,)


def _words(layout: str) -> int:
    # Words of 8 bytes: the address, what isn't an address, the addresses, in cloudsuite's case the address space.
    return 8 if layout == "input" else 12


def _whole(head: bytes, layout: str) -> bool:
    return len(head) >= HEAD or len(head) % (8 * _words(layout)) == 0


def _fits(head: bytes, layout: str) -> bool:
    size = 8 * _words(layout)
    count = len(head) // size
    if count == 0:
        return False
    data = np.frombuffer(head, np.uint8, count * size).reshape(count, size)
    address, (branch, taken) = data[:, :8].copy().view("<u8")[:, 0], data[:, 8:10].T
    if branch.max() > 1 or taken.max() > 1 or (taken > branch).any() or not address.all():
        return False
    if layout == "cloudsuite" and (data[:, 18:24].any() or data[:, 90:].any()):
        return False
    follows = (address[1:] - address[:-1] <= LONGEST)[taken[:-1] == 0]
    return bool(np.count_nonzero(follows) >= SEQUENTIAL * len(follows)) and (count > 1 or _plausible(data, layout))


def _plausible(data: NDArray[np.uint8], layout: str) -> bool:
    # A single instruction: its addresses are in a 47-bit address space, not at its start.
    addresses = data[:, 16 if layout == "input" else 24 : 64 if layout == "input" else 88].copy().view("<u8")
    right = (addresses == 0) | ((addresses >= 1 << 16) & (addresses < 1 << 47))
    return bool(right.all() and data[0, :8].copy().view("<u8")[0] < 1 << 47)


def _read(path: Path, layout: str, bits: int) -> Iterator[Runs]:
    words, before = _words(layout), 0
    spaces = layout == "cloudsuite"
    for piece in _records(path, 8 * words):
        data: NDArray[np.uint64] = np.frombuffer(piece, "<u8").astype(np.uint64, copy=False).reshape(-1, words)
        room = empty(len(data) * (1 + LOADS + STORES[layout]), ("process",) if spaces else ())
        process = room.process if room.process is not None else np.empty(0, np.uint32)
        rows, wrong = _parse(data, bits, STORES[layout], *room[:4], process)
        if rows:
            yield select(room, slice(0, rows))
        if wrong >= 0:
            flags = [int(data[wrong, 1]) >> shift & 0xFF for shift in (0, 8)]
            raise InputError(
                f"{path}: instruction {before + wrong}: found is_branch {flags[0]} and branch_taken {flags[1]}, "
                "allowed is 0 or 1"
            )
        before += len(data)


def _records(path: Path, size: int) -> Iterator[bytes]:
    rest, count = b"", 0
    for piece in expanded(path):
        rest += piece
        whole = len(rest) - len(rest) % size
        if whole:
            yield rest[:whole]
            count += whole // size
            rest = rest[whole:]
    if rest:
        raise InputError(f"{path}: instruction {count}: found {len(rest)} bytes, allowed is {size}")


@compiled
def _parse(
    data: Any, bits: int, most_stores: int, page: Any, fetches: Any, loads: Any, stores: Any, process: Any
) -> tuple[int, int]:
    # Rows filled, and the first instruction that can't be read, or -1.
    row, shift = 0, np.uint64(bits)
    first = data.shape[1] - LOADS - most_stores - (1 if len(process) else 0)
    for i in range(len(data)):
        if (data[i, 1] & np.uint64(0xFE)) != 0 or (data[i, 1] & np.uint64(0xFE00)) != 0:
            return row, i
        begin = row
        page[row], fetches[row], loads[row], stores[row] = data[i, 0] >> shift, 1, 0, 0
        row += 1
        for j in range(LOADS):
            address = data[i, first + most_stores + j]
            if address:
                page[row], fetches[row], loads[row], stores[row] = address >> shift, 0, 1, 0
                row += 1
        for j in range(most_stores):
            address = data[i, first + j]
            if address:
                page[row], fetches[row], loads[row], stores[row] = address >> shift, 0, 0, 1
                row += 1
        if len(process):
            process[begin:row] = data[i, data.shape[1] - 1] & np.uint64(0xFFFF)
    return row, -1
