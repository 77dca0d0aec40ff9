"""OfferVirtualMemory, ReclaimVirtualMemory, DiscardVirtualMemory, PrefetchVirtualMemory."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

OFFER, RECLAIM, DISCARD = "[OfferVirtualMemory]", "[ReclaimVirtualMemory]", "[DiscardVirtualMemory]"
PREFETCH = "[PrefetchVirtualMemory]"


def offered(p: Any, pages: int = 4, priority: int = w.VM_OFFER_PRIORITY_LOW) -> Any:
    """The address of some pages that were written and then offered."""
    base = p.region(pages)
    p.write(base, pages * PAGE)
    assert p.offer_virtual_memory(base, pages * PAGE, priority) == 0
    return base


def test_offer_virtual_memory(rule: Rule) -> None:
    with rule("takes the pages out of the working set", OFFER) as p:
        base = offered(p)
        assert p.valid(base, 4) == [False] * 4
    with rule("offered pages must not be touched", OFFER) as p:
        base = offered(p)
        p.raises(AV, 0, base).read(base, 1)
    with rule("offered pages stay committed and charged", OFFER) as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        before = p.charge()
        assert p.offer_virtual_memory(base, 4 * PAGE, 1) == 0
        assert p.charge() == before
        assert p.virtual_query(base).state == COMMIT
    with rule("unlocks locked pages", OFFER) as p:
        base = p.region(4)
        works(p.virtual_lock(base, 4 * PAGE))
        assert p.offer_virtual_memory(base, 4 * PAGE, 1) == 0
        assert p.valid(base, 4) == [False] * 4
        p.reclaim_virtual_memory(base, 4 * PAGE)
        assert p.locked(base, 4) == [False] * 4
    for name, offset, size in (("address", 1, PAGE), ("size", 0, PAGE + 1)):
        with rule(f"the {name} must be aligned to pages", OFFER) as p:
            base = p.region(4)
            assert p.offer_virtual_memory(base + offset, size, 1) == PARAMETER
        with rule(f"the {name} must be aligned to pages", DISCARD) as p:
            base = p.region(4)
            assert p.discard_virtual_memory(base + offset, size) == PARAMETER
        with rule(f"the {name} must be aligned to pages", RECLAIM) as p:
            base = offered(p, 8)
            assert p.reclaim_virtual_memory(base + offset, size) == PARAMETER
    for priority in (1, 2, 3, 4):
        with rule(f"takes priority {priority}", "MODEL section 1: OFFER_PRIORITY") as p:
            base = offered(p, priority=priority)
            assert p.reclaim_virtual_memory(base, 4 * PAGE) == 0
    for priority in (0, 5):
        with rule(f"refuses priority {priority}", "MODEL section 1: OFFER_PRIORITY") as p:
            base = p.region(4)
            assert p.offer_virtual_memory(base, 4 * PAGE, priority) == PARAMETER
    with rule("refuses pages that aren't committed", OFFER) as p:
        base = p.region(4, RESERVE)
        assert p.offer_virtual_memory(base, 4 * PAGE, 1) != 0


def test_offered_pages_under_pressure(rule: Rule) -> None:
    with rule("offered pages are never written to the paging file", OFFER, **PRESSURE) as p:
        base = offered(p, 16)
        rest = p.region(200)
        p.write(rest, 200 * PAGE)
        assert not ((p.state(base, 16)["location"] >= 0).any())


def test_reclaim_virtual_memory(rule: Rule) -> None:
    with rule("gives 0 if all is intact", RECLAIM) as p:
        base = offered(p)
        assert p.reclaim_virtual_memory(base, 4 * PAGE) == 0
        assert p.state(base, 4)["stored"].all()
    with rule("makes the pages accessible again, with their protection", RECLAIM) as p:
        base = offered(p)
        p.reclaim_virtual_memory(base, 4 * PAGE)
        assert p.query(base) == (4, COMMIT, RW)
        p.read(base, 4 * PAGE)
        p.write(base, 4 * PAGE)
    with rule("gives 170 if the content was discarded", RECLAIM, **PRESSURE) as p:
        base = offered(p, 8)
        rest = p.region(200)
        p.write(rest, 200 * PAGE)
        assert p.reclaim_virtual_memory(base, 8 * PAGE) == w.ERROR_BUSY
    with rule("pages whose content was discarded are accessible, and must be written anew", RECLAIM, **PRESSURE) as p:
        base = offered(p, 8)
        rest = p.region(200)
        p.write(rest, 200 * PAGE)
        p.reclaim_virtual_memory(base, 8 * PAGE)
        p.write(base, 8 * PAGE)
        assert p.query(base) == (8, COMMIT, RW)
    with rule("a part of what was offered can be reclaimed", RECLAIM) as p:
        base = offered(p, 8)
        assert p.reclaim_virtual_memory(base + 2 * PAGE, 2 * PAGE) == 0
        p.read(base + 2 * PAGE, 2 * PAGE)
        p.raises(AV, 0, base).read(base, 1)


def test_ends_of_offered_pages(rule: Rule) -> None:
    with rule("offered pages can be released", OFFER) as p:
        base = offered(p, 8)
        works(p.virtual_free(base, 0, RELEASE))
        assert p.virtual_query(base).state == w.MEM_FREE


def test_discard_virtual_memory(rule: Rule) -> None:
    with rule("the pages stay committed and leave the working set", DISCARD) as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        before = p.charge()
        assert p.discard_virtual_memory(base, 4 * PAGE) == 0
        assert p.valid(base, 4) == [False] * 4
        assert p.query(base) == (4, COMMIT, RW)
        assert p.charge() == before
    with rule("the pages can be used at once", DISCARD) as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        p.discard_virtual_memory(base, 4 * PAGE)
        p.read(base, 4 * PAGE)
        p.write(base, 4 * PAGE)
    with rule("frees the frames", DISCARD) as p:
        base = p.region(8)
        p.write(base, 8 * PAGE)
        before = p.get_performance_info().physical_available
        p.discard_virtual_memory(base, 8 * PAGE)
        assert p.get_performance_info().physical_available == before + 8
    with rule("the pages must be readable and writable", DISCARD) as p:
        base = p.region(4, protect=RO)
        assert p.discard_virtual_memory(base, 4 * PAGE) != 0
    with rule("the pages must be committed", DISCARD) as p:
        base = p.region(4, RESERVE)
        assert p.discard_virtual_memory(base, 4 * PAGE) != 0


def test_prefetch_virtual_memory(rule: Rule) -> None:
    with rule("brings pages into memory, not into the working set", PREFETCH, files={"data": UNIT}) as p:
        base = p.mapped()
        works(p.prefetch_virtual_memory([(base, UNIT)]))
        p.sleep(100)
        assert p.valid(base, 16) == [False] * 16
        assert (p.state(base, 16)["frame"] >= 0).all()
    with rule("a later touch is a soft fault", PREFETCH, files={"data": UNIT}) as p:
        base = p.mapped()
        works(p.prefetch_virtual_memory([(base, UNIT)]))
        p.sleep(100)
        begun = p.hard_faults()
        p.read(base, UNIT)
        assert p.hard_faults() == begun
    with rule("takes several ranges at once", PREFETCH, files={"data": UNIT}) as p:
        base = p.mapped()
        works(p.prefetch_virtual_memory([(base, PAGE), (base + 8 * PAGE, 2 * PAGE)]))
        p.sleep(100)
        here = (p.state(base, 16)["frame"] >= 0).tolist()
        assert (here[0], here[8:10], here[4]) == (True, [True, True], False)
    with rule("leaves demand-zero pages alone", PREFETCH) as p:
        base = p.region(4)
        works(p.prefetch_virtual_memory([(base, 4 * PAGE)]))
        assert p.valid(base, 4) == [False] * 4
