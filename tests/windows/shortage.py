"""Shortages made to measure: the k-th thing that a call takes can't be had; and all that a failed call could leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import chain
from typing import Any
from unittest.mock import patch

from simulator.memory.pages import Pages
from simulator.windows.address_space import AddressSpace
from simulator.windows.failure import Failure
from simulator.windows.handles import HandleTable
from simulator.windows.pool import Pools
from simulator.windows.regions.view import View


class Shortage:
    """Counts what is taken of commit charge, frames, pool, handles and address space, and refuses one of them as if
    nothing of it were left."""

    def __init__(self) -> None:
        self.taken = 0
        """things asked for since `refuse`"""
        self._at = 0

    def refuse(self, number: int) -> None:
        """Refuse the `number`-th thing that is asked for from now on; 0: none."""
        self.taken, self._at = 0, number

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For that long, every machine takes what it takes from here."""
        with ExitStack() as patches:
            for owner, name, refusal in _SOURCES:
                patches.enter_context(patch.object(owner, name, self._counted(getattr(owner, name), refusal)))
            yield

    def _counted(self, real: Callable[..., Any], refusal: object) -> Callable[..., Any]:
        def take(source: Any, *arguments: Any, **named: Any) -> Any:
            self.taken += 1
            if self.taken != self._at:
                return real(source, *arguments, **named)
            if isinstance(refusal, Failure):
                raise refusal
            return refusal

        return take


_SOURCES: tuple[tuple[type, str, object], ...] = (
    (Pages, "charge", False),
    (Pages, "fix", 0),
    (Pages, "fix_contiguous", False),
    (Pools, "allocate", Failure(1450)),
    (HandleTable, "add", Failure(1450)),
    (AddressSpace, "place", Failure(8)),
)
"""Where things are taken from, and what the answer is when there are no more."""


def _little_commit(process: Any, left: int) -> Callable[[], None]:
    pages = process.system.pages
    taken = max(pages.commit_limit() - pages.commit_total() - left, 0)
    assert pages.charge(taken)
    return lambda: pages.refund(taken)


def _few_handles(process: Any, left: int) -> Callable[[], None]:
    table = process.own.handles
    opened = []
    with suppress(Failure):
        while True:
            opened.append(table.add(process.own.object))
    for _ in range(min(left, len(opened))):
        table.close(opened.pop())
    return lambda: _each(table.close, opened)


def _little_pool(process: Any, left: int, *, paged: bool) -> Callable[[], None]:
    pool, size = process.system.pool, process.system.page_size
    pages = pool.paged if paged else pool.nonpaged
    room = pool.limit(paged=paged) // size - pages.used
    blocks = [pool.allocate(size, "Full", paged=paged) for _ in range(room)]
    spare = blocks[: min(left, room)]
    for small in (2048, 512, 128, 1):  # what is free of pages that are in use
        with suppress(Failure):
            while True:
                blocks.append(pool.allocate(small, "Full", paged=paged))
    _each(pool.free, spare)
    pool.touched()
    return lambda: _each(pool.free, blocks[len(spare) :])


def _each(function: Callable[[int], object], numbers: list[int]) -> None:
    for number in numbers:
        function(number)


SCARCE: dict[str, Callable[[Any, int], Callable[[], None]]] = {
    "commit charge": _little_commit,
    "handles": _few_handles,
    "paged pool": partial(_little_pool, paged=True),
    "nonpaged pool": partial(_little_pool, paged=False),
}
"""Take almost all that there is of something: so many pages or handles are left; gives what takes that back."""


def held(process: Any) -> dict[str, Any]:
    """All that a call may take, as it is now."""
    system, own = process.system, process.own
    quota, pools = system.pool.quota(own), system.pool.table()
    files = system.files._files
    return {
        "commit charge": (system.pages.commit_total(), system.pages.commit(own.number)),
        "frames for good": int((system.state.arrays["frames"]["fixed"] != 0).sum()),
        "pool": pools.loc[pools["diff"] != 0, ["tag", "type", "diff", "bytes"]].values.tolist(),
        "pages of pool": (system.pool.paged.used, system.pool.nonpaged.used),
        "quota": list(quota.used),
        "handles": [(item.kind, item.handles, item.references) for item in own.handles.objects()],
        "names": sorted(system.namespace._objects),
        "regions": [
            (type(region), region.first, region.end, region.protect, list(region.runs.within(region.first, region.end)))
            for region in own.space.vads.regions
        ],
        "sections": [
            region.present(region.first, region.end).tolist()
            for region in own.space.vads.regions
            if isinstance(region, View)
        ],
        "gaps": ([*chain(*own.space._free._starts)], [*chain(*own.space._free._sizes)]),
        "address space": own.space.virtual_bytes,
        "frames of its own": sorted(own.space.awe_frames),
        "heaps": {base: (heap.memory.committed, len(heap.busy)) for base, heap in own.heaps.items()},
        "modules": sorted(own.modules),
        "threads": (len(own.threads), int(system.state.record[0]["living_threads"])),
        "processes": ([other.name for other in system.processes], int(system.state.record[0]["alive"])),
        "files": {name: (file.size, file.allocated) for name, file in files.items()},
        "segments": {name: file.segment.pages if file.segment else 0 for name, file in files.items()},
        "disk": system.pages.files.used("d"),
    }
