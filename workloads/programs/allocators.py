"""A program that has one of Windows' allocators serve a mix of requests, and notes down what that takes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from simulator.rng import generator
from simulator.units import Fraction, KiB, MiB, Size
from simulator.windows.constants import (
    ERROR_NOT_ENOUGH_MEMORY,
    ERROR_SUCCESS,
    GMEM_MOVEABLE,
    MEM_COMMIT,
    MEM_FREE,
    MEM_RELEASE,
    MEM_RESERVE,
    PAGE_READWRITE,
)
from simulator.windows.heap.walk import LARGE_REGION
from workloads.base import StreamContext, plugin

Steps = Generator[Any, Any, Any]


class Request(NamedTuple):
    """A block that is asked for."""

    size: int
    """bytes"""
    lifetime: int
    """it's freed when so many others have been allocated after it, before the next one is; at least 1"""


@plugin("workload", "allocators")
class Allocators:
    """A mix of small and large blocks with random lifetimes, each written from end to end once it is allocated.

    The mix depends on the seed and the parameters, not on the process's name, so that all allocators get the same.
    When the last block has been allocated it notes, of the blocks that are alive: the bytes that were asked for; what
    the blocks take, with headers and rounding; and how far the process's commit charge, working set and address space
    have grown since it began. Then it frees them, and notes how much stays committed, and how long calls and the first
    write took on average: GlobalAlloc, which gives moveable memory, with GlobalLock, GlobalFree with GlobalUnlock.
    """

    allocator: Literal["virtual", "heap", "malloc", "global"] = Field(
        ..., description="VirtualAlloc, HeapAlloc from the process heap, malloc, or GlobalAlloc"
    )
    requests: int = Field(default=1000, ge=1, le=1_000_000, description="blocks in all")
    alive: int = Field(default=250, ge=1, description="mean of the lifetimes, which are geometric: blocks that follow")
    smallest: Size = Field(default=8, ge=1, description="bytes of a small block, at least")
    small: Size = Field(default=1 * KiB, description="... and at most; all magnitudes are equally likely")
    share: Fraction = Field(default=0.02, description="of blocks that are large")
    large: Size = Field(default=16 * KiB, ge=1, description="bytes of a large block, at least")
    largest: Size = Field(
        default=4 * MiB, description="... and at most; from some 1 MiB on, a heap takes blocks from VirtualAlloc"
    )

    @model_validator(mode="after")
    def _possible(self) -> Allocators:
        for low, high in (("smallest", "small"), ("large", "largest")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low}: found {getattr(self, low)}, allowed is at most {high}, {getattr(self, high)}")
        return self

    def mix(self, seed: int) -> list[Request]:
        """The requests, in order."""
        random = generator(seed, "workload/allocators")
        is_large = random.random(self.requests) < self.share
        low = np.where(is_large, self.large, self.smallest)
        high = np.where(is_large, self.largest, self.small)
        sizes = np.rint(low * (high / low) ** random.random(self.requests)).astype(np.int64)
        lifetimes = random.geometric(1 / self.alive, self.requests)
        return [Request(int(size), int(lifetime)) for size, lifetime in zip(sizes, lifetimes, strict=True)]

    def program(self, context: StreamContext) -> Callable[[Any], Steps]:
        """The program; its exit code is ERROR_NOT_ENOUGH_MEMORY if a block can't be had."""
        requests = self.mix(context.seed)

        def main(process: Any) -> Steps:
            allocate, free = _CALLS[self.allocator]
            before = yield from _taken(process)
            live: dict[int, _Block] = {}
            due: dict[int, list[int]] = defaultdict(list)
            spent: Counter[str] = Counter()
            for number, (size, lifetime) in enumerate(requests):
                for old in due.pop(number, ()):
                    block = live.pop(old)
                    yield from _timed(process, spent, f"{block.kind} free", free(process, block.name))
                kind = "small" if size <= self.small else "large"
                address, name = yield from _timed(process, spent, f"{kind} allocation", allocate(process, size))
                if not address:
                    return ERROR_NOT_ENOUGH_MEMORY
                yield from _timed(process, spent, f"{kind} first use", process.write(address, size))
                live[number] = _Block(address, name, size, kind)
                due[number + lifetime + 1].append(number)
            yield from _note_memory(process, before, live, heap=self.allocator != "virtual")
            for block in live.values():
                yield from _timed(process, spent, f"{block.kind} free", free(process, block.name))
            after = yield from _taken(process)
            yield process.note("committed when all is freed (KiB)", (after.committed - before.committed) / KiB)
            small = sum(size <= self.small for size, _ in requests)
            yield from _note_times(process, spent, {"small": small, "large": len(requests) - small})
            return ERROR_SUCCESS

        return main


class _Block(NamedTuple):
    """A block that is alive."""

    address: int
    name: Any
    """what frees it: its address or handle"""
    size: int
    kind: str
    """small or large"""


class _Taken(NamedTuple):
    """What a process has, in bytes."""

    committed: int
    """its commit charge"""
    reserved: int
    """its address space that isn't free"""
    lost: int
    """... and what is free, but can't be reserved, as reservations begin at multiples of 64 KiB"""
    touched: int
    """its working set"""


def _timed(process: Any, spent: Counter[str], what: str, steps: Steps) -> Steps:
    """Do something, add the time it took, give its result."""
    start = yield process.query_performance_counter()
    result = yield from steps
    spent[what] += (yield process.query_performance_counter()) - start
    return result


def _virtual_alloc(process: Any, size: int) -> Steps:
    address = yield process.virtual_alloc(0, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)
    return address, address


def _virtual_free(process: Any, address: int) -> Steps:
    yield process.virtual_free(address, 0, MEM_RELEASE)


def _heap_alloc(process: Any, size: int) -> Steps:
    heap = yield process.get_process_heap()
    address = yield process.heap_alloc(heap, 0, size)
    return address, address


def _heap_free(process: Any, address: int) -> Steps:
    heap = yield process.get_process_heap()
    yield process.heap_free(heap, 0, address)


def _malloc(process: Any, size: int) -> Steps:
    address = yield process.malloc(size)
    return address, address


def _free(process: Any, address: int) -> Steps:
    yield process.free(address)


def _global_alloc(process: Any, size: int) -> Steps:
    handle = yield process.global_alloc(GMEM_MOVEABLE, size)
    address = (yield process.global_lock(handle)) if handle else 0
    return address, handle


def _global_free(process: Any, handle: int) -> Steps:
    yield process.global_unlock(handle)
    yield process.global_free(handle)


_CALLS: dict[str, tuple[Callable[[Any, int], Steps], Callable[[Any, Any], Steps]]] = {
    "virtual": (_virtual_alloc, _virtual_free),
    "heap": (_heap_alloc, _heap_free),
    "malloc": (_malloc, _free),
    "global": (_global_alloc, _global_free),
}
"""How each gives a block, as its address and what frees it, and how it takes it back."""


def _taken(process: Any) -> Generator[Any, Any, _Taken]:
    reserved = lost = address = 0
    while (region := (yield process.virtual_query(address))) is not None:
        if region.state == MEM_FREE:
            lost += min(-address % process.system.granularity, region.region_size)
        else:
            reserved += region.region_size
        address += region.region_size
    info = yield process.get_process_memory_info()
    return _Taken(info.private_usage, reserved, lost, info.working_set_size)


def _sizes(process: Any, live: Iterable[_Block], heap: bool) -> Generator[Any, Any, dict[int, int]]:
    """What each block takes with headers and rounding, as the heap's walk or, if it has pages of its own, VirtualQuery
    says; by address."""
    found = {}
    if heap:
        entries = yield process.heap_walk((yield process.get_process_heap()))
        found = {entry.data: entry.size + entry.overhead for entry in entries if entry.region != LARGE_REGION}
    for block in live:
        if block.address in found:
            continue
        found[block.address] = (yield process.virtual_query(block.address)).region_size
    return found


def _note_memory(process: Any, before: _Taken, live: dict[int, _Block], heap: bool) -> Steps:
    now = yield from _taken(process)
    sizes = yield from _sizes(process, live.values(), heap)
    for kind in ("small", "large"):
        blocks = [block for block in live.values() if block.kind == kind]
        yield process.note(f"{kind} blocks alive", len(blocks))
        yield process.note(f"{kind} blocks, asked for (KiB)", sum(block.size for block in blocks) / KiB)
        yield process.note(f"{kind} blocks, taken (KiB)", sum(sizes[block.address] for block in blocks) / KiB)
    yield process.note("committed (KiB)", (now.committed - before.committed) / KiB)
    yield process.note("touched (KiB)", (now.touched - before.touched) / KiB)
    yield process.note("reserved (KiB)", (now.reserved - before.reserved) / KiB)
    unusable = now.reserved + now.lost - before.reserved - before.lost
    yield process.note("... or lost to 64 KiB (KiB)", unusable / KiB)


def _note_times(process: Any, spent: Counter[str], counts: dict[str, int]) -> Steps:
    for kind, count in counts.items():
        for what in ("allocation", "first use", "free"):
            yield process.note(f"{kind} {what} (ns)", spent[f"{kind} {what}"] / count if count else 0)
