"""The paged and nonpaged pools: the kernel's own memory, in tagged blocks, with limits and quotas."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.units import GiB, MiB
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.pool_memory import Block, PoolBlocks, PoolPages

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

_BASES = {64: (0xFFFFFA80_00000000, 0xFFFFF8A0_00000000), 32: (0x81000000, 0xE1000000)}
"""first addresses of nonpaged and paged pool, by the system's bits: as in Windows 7 and XP; nothing depends on them"""
_LARGEST = 128 * GiB
"""of either pool on 64-bit Windows 7 [Memory Limits]"""
_NONPAGED_32, _PAGED_32 = 256 * MiB, 490 * MiB
"""on 32-bit Windows XP [Memory Limits]"""


@dataclass
class Quota:
    """What a process has been charged of pool, in bytes; index 0: nonpaged, 1: paged."""

    used: list[int] = field(default_factory=lambda: [0, 0])
    peaks: list[int] = field(default_factory=lambda: [0, 0])

    nonpaged = property(lambda self: self.used[0], doc="QuotaNonPagedPoolUsage")
    paged = property(lambda self: self.used[1], doc="QuotaPagedPoolUsage")
    peak_nonpaged = property(lambda self: self.peaks[0], doc="QuotaPeakNonPagedPoolUsage")
    peak_paged = property(lambda self: self.peaks[1], doc="QuotaPeakPagedPoolUsage")

    def charge(self, size: int, *, paged: bool) -> None:
        """Charge bytes."""
        self.used[paged] += size
        self.peaks[paged] = max(self.peaks[paged], self.used[paged])


@dataclass(slots=True)
class Use:
    """What PoolMon shows of one tag in one pool."""

    allocs: int = 0
    frees: int = 0
    bytes: int = 0


class PoolRow(NamedTuple):
    """A row of PoolMon's table."""

    tag: str
    type: str
    """Nonp or Paged"""
    allocs: int
    frees: int
    diff: int
    """allocations in use"""
    bytes: int
    """of those in use, headers included"""
    per_alloc: int
    """bytes / diff, rounded down"""


class Allocation(NamedTuple):
    """An allocation in use."""

    tag: str
    paged: bool
    bytes: int
    """what it takes of the pool: header and rounding included"""
    pool: PoolBlocks | None
    """the pool its block lies in; None: whole pages"""
    block: Block | None
    quota: Quota | None


class Pools:
    """All pools of a system: one nonpaged; three paged on one processor, five on several [Memory Pools], taken in
    turn. What doesn't fit into a page beside its header takes whole pages without one [ros: ARM3/expool.c].

    Paged blocks touch their page when they are allocated, freed or looked up; `touched` tells which entries, so that
    the calling thread can be made to reference them. What a nonpaged block touches can't fault.
    """

    def __init__(self, system: System) -> None:
        """Empty pools; the first pages are taken with the first allocations."""
        settings = system.settings.pools
        self._system = system
        self._settings = settings
        self._bits = settings.bits
        self.pointer = settings.bits // 8
        """bytes of a pointer in the kernel"""
        unit = 2 * self.pointer
        self._largest_block = system.page_size - 2 * unit
        nonpaged, paged = _BASES[settings.bits]
        self.nonpaged = PoolPages(system, nonpaged, paged=False)
        self.paged = PoolPages(system, paged, paged=True)
        self._paged_pools = [
            self._blocks(unit, self.paged) for _ in range(settings.paged_pools or (3 if system.processors == 1 else 5))
        ]
        self._nonpaged_pool = self._blocks(unit, self.nonpaged)
        self._turn = 0
        self._allocations: dict[int, Allocation] = {}
        self._uses: defaultdict[tuple[str, bool], Use] = defaultdict(Use)
        self._quotas: defaultdict[int, Quota] = defaultdict(Quota)
        self._touched: dict[int, None] = {}

    def _blocks(self, unit: int, pages: PoolPages) -> PoolBlocks:
        return PoolBlocks(
            self._system.page_size,
            unit,
            lambda: pages.allocate(1, self.limit(paged=pages.paged) // self._system.page_size),
            lambda address: self._free_pages(pages, address, 1),
        )

    def limit(self, *, paged: bool) -> int:
        """Bytes that a pool may grow to, now [Memory Limits]: as configured; by default 75 % of memory for nonpaged and
        the commit limit for paged pool, neither more than 128 GiB; or 256 and 490 MiB on a 32-bit system."""
        settings, pages = self._settings, self._system.pages
        chosen = settings.paged_limit if paged else settings.nonpaged_limit
        if chosen:
            return chosen
        page_size = self._system.page_size
        room = pages.commit_limit() * page_size if paged else pages.frames * page_size * 3 // 4
        if self._bits == 64:
            return min(room, _LARGEST)
        return min(room, _PAGED_32 if paged else _NONPAGED_32)

    def allocate(self, size: int, tag: str, *, paged: bool, owner: ProcessState | None = None) -> int:
        """The address of a block of at least `size` bytes; with an owner it is charged to that process's quota.

        Raises Failure, with nothing changed: ERROR_NOT_ENOUGH_QUOTA beyond the quota, ERROR_NONPAGED_SYSTEM_RESOURCES
        or ERROR_PAGED_SYSTEM_RESOURCES at the nonpaged or paged pool's limit, ERROR_NO_SYSTEM_RESOURCES if commit
        charge or frames are lacking.
        """
        unit = 2 * self.pointer
        big = size > self._largest_block
        pool = None if big else self._next_pool(paged)
        page_size = self._system.page_size
        taken = -(-size // page_size) * page_size if pool is None else pool.units(size) * unit
        quota = self._room(owner, paged, taken)
        if pool is None:
            pages = self.paged if paged else self.nonpaged
            block, address = None, pages.allocate(taken // page_size, self.limit(paged=paged) // page_size)
        else:
            block = pool.allocate(size)
            address = block.address + unit
        if quota:
            quota.charge(taken, paged=paged)
        use = self._uses[tag, paged]
        use.allocs += 1
        use.bytes += taken
        self._allocations[address] = Allocation(tag, paged, taken, pool, block, quota)
        if paged and not big:
            self._turn = (self._turn + 1) % len(self._paged_pools)
        if not big:
            self.touch(address)
        return address

    def free(self, address: int, tag: str | None = None) -> None:
        """Free a block; a tag, if given, must be its own. Raises Failure: ERROR_INVALID_ADDRESS if there's no such
        block, ERROR_INVALID_PARAMETER if its tag is another (where Windows would stop with BAD_POOL_CALLER)."""
        allocation = self._allocations.get(address)
        if allocation is None:
            raise Failure(c.ERROR_INVALID_ADDRESS)
        if tag is not None and tag != allocation.tag:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        del self._allocations[address]
        use = self._uses[allocation.tag, allocation.paged]
        use.frees += 1
        use.bytes -= allocation.bytes
        if allocation.quota:
            allocation.quota.used[allocation.paged] -= allocation.bytes
        if allocation.pool and allocation.block:
            self.touch(address, paged=allocation.paged)
            allocation.pool.free(allocation.block)
        else:
            pages = self.paged if allocation.paged else self.nonpaged
            self._free_pages(pages, address, allocation.bytes // self._system.page_size)

    def touch(self, address: int, *, paged: bool | None = None) -> None:
        """The calling thread touches the page at an address in a block."""
        if paged is None:
            paged = self._allocations[address].paged
        if paged:
            self._touched[self.paged.entry(address)] = None

    @property
    def any_touched(self) -> bool:
        """Whether `touched` has anything to tell."""
        return bool(self._touched)

    def touched(self) -> NDArray[np.int64]:
        """The page-table entries of paged pool touched since this was last asked, each once, in order."""
        entries = np.fromiter(self._touched, np.int64, len(self._touched))
        self._touched.clear()
        return entries

    def quota(self, owner: ProcessState) -> Quota:
        """What a process has been charged."""
        return self._quotas[owner.number]

    def rows(self) -> list[PoolRow]:
        """What PoolMon shows: one row for each tag and pool that was ever used, by tag."""
        rows = []
        for (tag, paged), use in sorted(self._uses.items()):
            diff = use.allocs - use.frees
            kind = "Paged" if paged else "Nonp"
            rows.append(PoolRow(tag, kind, use.allocs, use.frees, diff, use.bytes, use.bytes // max(diff, 1)))
        return rows

    def table(self) -> pd.DataFrame:
        """`rows` as a frame."""
        return pool_frame(self.rows())

    def _next_pool(self, paged: bool) -> PoolBlocks:
        return self._paged_pools[self._turn] if paged else self._nonpaged_pool

    def _room(self, owner: ProcessState | None, paged: bool, size: int) -> Quota | None:
        """The quota to charge, if any, which must have room."""
        if owner is None:
            return None
        quota = self._quotas[owner.number]
        most = self._settings.paged_quota if paged else self._settings.nonpaged_quota
        if most and quota.used[paged] + size > most:
            raise Failure(c.ERROR_NOT_ENOUGH_QUOTA)
        return quota

    def _free_pages(self, pages: PoolPages, address: int, count: int) -> None:
        size = self._system.page_size
        if pages.paged:
            for page in range(address, address + count * size, size):
                self._touched.pop(pages.entry(page), None)
        pages.free(address, count)


def pool_frame(rows: list[PoolRow]) -> pd.DataFrame:
    """PoolMon's table as a frame."""
    return pd.DataFrame(rows, columns=list(PoolRow._fields)).astype({"per_alloc": np.int64})


def ex_free_pool_with_tag(own: ProcessState, address: int, tag: str = "") -> bool:
    """Free a block [ExFreePoolWithTag]; without a tag as ExFreePool. ERROR_INVALID_ADDRESS if there's none,
    ERROR_INVALID_PARAMETER if its tag is another: Windows stops with BAD_POOL_CALLER."""
    own.system.pool.free(address, tag or None)
    return True
