"""OfferVirtualMemory, ReclaimVirtualMemory, DiscardVirtualMemory, PrefetchVirtualMemory."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    AV,
    COMMIT,
    PAGE,
    PARAMETER,
    PRESSURE,
    RELEASE,
    RESERVE,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    charge,
    equal,
    hard_faults,
    locked,
    mapped,
    query,
    raises,
    region,
    state,
    valid,
    works,
)

case = Table()
OFFER, RECLAIM, DISCARD = "[OfferVirtualMemory]", "[ReclaimVirtualMemory]", "[DiscardVirtualMemory]"
PREFETCH = "[PrefetchVirtualMemory]"


def offered(process: Any, pages: int = 4, priority: int = w.VM_OFFER_PRIORITY_LOW) -> Steps:
    """The address of some pages that were written and then offered."""
    base = yield from region(process, pages)
    yield from process.write(base, pages * PAGE)
    equal((yield from process.offer_virtual_memory(base, pages * PAGE, priority)), 0)
    return base


@case("OfferVirtualMemory", "takes the pages out of the working set", OFFER)
def _(process: Any) -> Steps:
    base = yield from offered(process)
    equal((yield from valid(process, base, 4)), [False] * 4)


@case("OfferVirtualMemory", "offered pages must not be touched", OFFER)
def _(process: Any) -> Steps:
    base = yield from offered(process)
    yield from raises(AV, process.read(base, 1), 0, base)


@case("OfferVirtualMemory", "offered pages stay committed and charged", OFFER)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    before = yield from charge(process)
    equal((yield from process.offer_virtual_memory(base, 4 * PAGE, 1)), 0)
    equal((yield from charge(process)), before)
    equal((yield from process.virtual_query(base)).state, COMMIT)


@case("OfferVirtualMemory", "unlocks locked pages", OFFER)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_lock(base, 4 * PAGE))
    equal((yield from process.offer_virtual_memory(base, 4 * PAGE, 1)), 0)
    equal((yield from valid(process, base, 4)), [False] * 4)
    yield from process.reclaim_virtual_memory(base, 4 * PAGE)
    equal((yield from locked(process, base, 4)), [False] * 4)


for _name, _offset, _size in (("address", 1, PAGE), ("size", 0, PAGE + 1)):

    @case("OfferVirtualMemory", f"the {_name} must be aligned to pages", OFFER)
    def _(process: Any, offset: int = _offset, size: int = _size) -> Steps:
        base = yield from region(process, 4)
        equal((yield from process.offer_virtual_memory(base + offset, size, 1)), PARAMETER)

    @case("DiscardVirtualMemory", f"the {_name} must be aligned to pages", DISCARD)
    def _(process: Any, offset: int = _offset, size: int = _size) -> Steps:
        base = yield from region(process, 4)
        equal((yield from process.discard_virtual_memory(base + offset, size)), PARAMETER)

    @case("ReclaimVirtualMemory", f"the {_name} must be aligned to pages", RECLAIM)
    def _(process: Any, offset: int = _offset, size: int = _size) -> Steps:
        base = yield from offered(process, 8)
        equal((yield from process.reclaim_virtual_memory(base + offset, size)), PARAMETER)


for _priority in (1, 2, 3, 4):

    @case("OfferVirtualMemory", f"takes priority {_priority}", "MODEL section 1: OFFER_PRIORITY")
    def _(process: Any, priority: int = _priority) -> Steps:
        base = yield from offered(process, priority=priority)
        equal((yield from process.reclaim_virtual_memory(base, 4 * PAGE)), 0)


for _priority in (0, 5):

    @case("OfferVirtualMemory", f"refuses priority {_priority}", "MODEL section 1: OFFER_PRIORITY")
    def _(process: Any, priority: int = _priority) -> Steps:
        base = yield from region(process, 4)
        equal((yield from process.offer_virtual_memory(base, 4 * PAGE, priority)), PARAMETER)


@case("OfferVirtualMemory", "refuses pages that aren't committed", OFFER)
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    equal((yield from process.offer_virtual_memory(base, 4 * PAGE, 1)) != 0, True, "an error")


@case("OfferVirtualMemory", "offered pages are never written to the paging file", OFFER, **PRESSURE)
def _(process: Any) -> Steps:
    base = yield from offered(process, 16)
    rest = yield from region(process, 200)
    yield from process.write(rest, 200 * PAGE)
    equal((state(process, base, 16)["location"] >= 0).any(), False)


@case("ReclaimVirtualMemory", "gives 0 if all is intact", RECLAIM)
def _(process: Any) -> Steps:
    base = yield from offered(process)
    equal((yield from process.reclaim_virtual_memory(base, 4 * PAGE)), 0)
    equal(state(process, base, 4)["stored"].all(), True)


@case("ReclaimVirtualMemory", "makes the pages accessible again, with their protection", RECLAIM)
def _(process: Any) -> Steps:
    base = yield from offered(process)
    yield from process.reclaim_virtual_memory(base, 4 * PAGE)
    equal((yield from query(process, base)), (4, COMMIT, RW))
    yield from process.read(base, 4 * PAGE)
    yield from process.write(base, 4 * PAGE)


@case("ReclaimVirtualMemory", "gives 170 if the content was discarded", RECLAIM, **PRESSURE)
def _(process: Any) -> Steps:
    base = yield from offered(process, 8)
    rest = yield from region(process, 200)
    yield from process.write(rest, 200 * PAGE)
    equal((yield from process.reclaim_virtual_memory(base, 8 * PAGE)), w.ERROR_BUSY)


@case(
    "ReclaimVirtualMemory",
    "pages whose content was discarded are accessible, and must be written anew",
    RECLAIM,
    **PRESSURE,
)
def _(process: Any) -> Steps:
    base = yield from offered(process, 8)
    rest = yield from region(process, 200)
    yield from process.write(rest, 200 * PAGE)
    yield from process.reclaim_virtual_memory(base, 8 * PAGE)
    yield from process.write(base, 8 * PAGE)
    equal((yield from query(process, base)), (8, COMMIT, RW))


@case("ReclaimVirtualMemory", "a part of what was offered can be reclaimed", RECLAIM)
def _(process: Any) -> Steps:
    base = yield from offered(process, 8)
    equal((yield from process.reclaim_virtual_memory(base + 2 * PAGE, 2 * PAGE)), 0)
    yield from process.read(base + 2 * PAGE, 2 * PAGE)
    yield from raises(AV, process.read(base, 1), 0, base)


@case("OfferVirtualMemory", "offered pages can be released", OFFER)
def _(process: Any) -> Steps:
    base = yield from offered(process, 8)
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from process.virtual_query(base)).state, w.MEM_FREE)


@case("DiscardVirtualMemory", "the pages stay committed and leave the working set", DISCARD)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    before = yield from charge(process)
    equal((yield from process.discard_virtual_memory(base, 4 * PAGE)), 0)
    equal((yield from valid(process, base, 4)), [False] * 4)
    equal((yield from query(process, base)), (4, COMMIT, RW))
    equal((yield from charge(process)), before)


@case("DiscardVirtualMemory", "the pages can be used at once", DISCARD)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from process.discard_virtual_memory(base, 4 * PAGE)
    yield from process.read(base, 4 * PAGE)
    yield from process.write(base, 4 * PAGE)


@case("DiscardVirtualMemory", "frees the frames", DISCARD)
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from process.write(base, 8 * PAGE)
    before = (yield from process.get_performance_info()).physical_available
    yield from process.discard_virtual_memory(base, 8 * PAGE)
    equal((yield from process.get_performance_info()).physical_available, before + 8)


@case("DiscardVirtualMemory", "the pages must be readable and writable", DISCARD)
def _(process: Any) -> Steps:
    base = yield from region(process, 4, protect=RO)
    equal((yield from process.discard_virtual_memory(base, 4 * PAGE)) != 0, True, "an error")


@case("DiscardVirtualMemory", "the pages must be committed", DISCARD)
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    equal((yield from process.discard_virtual_memory(base, 4 * PAGE)) != 0, True, "an error")


@case("PrefetchVirtualMemory", "brings pages into memory, not into the working set", PREFETCH, files={"data": UNIT})
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from works(process.prefetch_virtual_memory([(base, UNIT)]))
    yield from process.sleep(100)
    equal((yield from valid(process, base, 16)), [False] * 16)
    equal((state(process, base, 16)["frame"] >= 0).all(), True, "all are in memory")


@case("PrefetchVirtualMemory", "a later touch is a soft fault", PREFETCH, files={"data": UNIT})
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from works(process.prefetch_virtual_memory([(base, UNIT)]))
    yield from process.sleep(100)
    begun = hard_faults(process)
    yield from process.read(base, UNIT)
    equal(hard_faults(process), begun, "pages read from the disk")


@case("PrefetchVirtualMemory", "takes several ranges at once", PREFETCH, files={"data": UNIT})
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from works(process.prefetch_virtual_memory([(base, PAGE), (base + 8 * PAGE, 2 * PAGE)]))
    yield from process.sleep(100)
    here = (state(process, base, 16)["frame"] >= 0).tolist()
    equal((here[0], here[8:10], here[4]), (True, [True, True], False))


@case("PrefetchVirtualMemory", "leaves demand-zero pages alone", PREFETCH)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.prefetch_virtual_memory([(base, 4 * PAGE)]))
    equal((yield from valid(process, base, 4)), [False] * 4)
