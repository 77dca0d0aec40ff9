"""VirtualLock and VirtualUnlock."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *


def test_virtual_lock(rule: Rule) -> None:
    with rule("brings the pages into the working set, locked", "[VirtualLock]") as p:
        base = p.region(4)
        works(p.virtual_lock(base, 3 * PAGE))
        assert p.valid(base, 4) == [True, True, True, False]
        assert p.locked(base, 4) == [True, True, True, False]
    with rule("takes every page that the range touches", "[VirtualLock]") as p:
        base = p.region(4)
        works(p.virtual_lock(base + PAGE - 1, 2))
        assert p.locked(base, 4) == [True, True, False, False]
    with rule("fails if a page isn't committed, and locks none", "[VirtualLock]") as p:
        base = p.region(4, RESERVE)
        works(p.virtual_alloc(base, 3 * PAGE, COMMIT, RW))
        p.fails(0).virtual_lock(base, 4 * PAGE)
        assert p.locked(base, 4) == [False] * 4
    with rule("fails for free pages", "[VirtualLock]") as p:
        p.fails(0).virtual_lock(0x2000_0000, PAGE)
    with rule("fails for pages that nobody may access", "[VirtualLock]") as p:
        base = p.region(4, protect=NOACCESS)
        p.fails(0).virtual_lock(base, PAGE)
    with rule("read-only pages can be locked", "[VirtualLock]") as p:
        base = p.region(4, protect=RO)
        works(p.virtual_lock(base, PAGE))
        assert p.locked(base) == [True]
    with rule("has no count: one unlock undoes two locks", "[VirtualLock]") as p:
        base = p.region(1)
        works(p.virtual_lock(base, PAGE))
        works(p.virtual_lock(base, PAGE))
        works(p.virtual_unlock(base, PAGE))
        assert p.locked(base) == [False]
        p.fails(w.ERROR_NOT_LOCKED).virtual_unlock(base, PAGE)
    with rule("locks no more than the minimum working set less a small overhead", "[VirtualLock]") as p:
        base = p.region(64)
        p.fails(w.ERROR_WORKING_SET_QUOTA).virtual_lock(base, 50 * PAGE)
        assert p.locked(base, 64) == [False] * 64
        works(p.virtual_lock(base, 30 * PAGE))
    with rule("the limit counts what is locked already", "[VirtualLock]") as p:
        base = p.region(64)
        works(p.virtual_lock(base, 30 * PAGE))
        p.fails(w.ERROR_WORKING_SET_QUOTA).virtual_lock(base + 30 * PAGE, 30 * PAGE)
        assert sum(p.locked(base, 64)) == 30


def test_how_much_can_be_locked(rule: Rule) -> None:
    with rule("a larger minimum working set lets more be locked", "[VirtualLock]") as p:
        base = p.region(128)
        works(p.set_process_working_set_size(160 * PAGE, 345 * PAGE))
        works(p.virtual_lock(base, 128 * PAGE))
        assert p.locked(base, 128) == [True] * 128
    with rule("locked pages stay when the working set is emptied", "[VirtualLock]") as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        works(p.virtual_lock(base + PAGE, PAGE))
        works(p.empty_working_set())
        assert p.valid(base, 4) == [False, True, False, False]
    with rule("locked pages stay when the limits are set to -1", "[SetProcessWorkingSetSize]") as p:
        base = p.region(4)
        works(p.virtual_lock(base + PAGE, PAGE))
        works(p.set_process_working_set_size(-1, -1))
        assert p.valid(base, 4) == [False, True, False, False]
    with rule("locked pages stay under memory pressure", "[VirtualLock]", **PRESSURE) as p:
        base = p.region(8)
        works(p.virtual_lock(base, 8 * PAGE))
        rest = p.region(200)
        p.write(rest, 200 * PAGE)
        assert p.valid(base, 8) == [True] * 8
    with rule("the locked pages of a process that ends are free", "[VirtualLock]") as p:

        def locker(child: Any) -> None:
            base = child.region(30)
            works(child.virtual_lock(base, 30 * PAGE))

        before = p.get_performance_info().physical_available
        assert p.other(locker) == 0
        after = p.get_performance_info().physical_available
        assert after >= before - 4, f"{before} pages were available before, {after} after"
    with rule("pages of a view can be locked", "[VirtualLock]") as p:
        base = p.view()
        works(p.virtual_lock(base, 2 * PAGE))
        assert p.locked(base, 3) == [True, True, False]
    with rule("a lock doesn't outlive the region", "[VirtualLock]") as p:
        base = p.region(30)
        works(p.virtual_lock(base, 30 * PAGE))
        works(p.virtual_free(base, 0, RELEASE))
        base = p.region(30)
        assert p.locked(base, 1) == [False]
        works(p.virtual_lock(base, 30 * PAGE))


def test_virtual_unlock(rule: Rule) -> None:
    with rule("unlocked pages stay in the working set", "[VirtualUnlock]") as p:
        base = p.region(4)
        works(p.virtual_lock(base, 4 * PAGE))
        works(p.virtual_unlock(base, 4 * PAGE))
        assert p.valid(base, 4) == [True] * 4
        assert p.locked(base, 4) == [False] * 4
    with rule("a page that isn't locked leaves the working set, and the call fails", "[VirtualUnlock]") as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        p.fails(w.ERROR_NOT_LOCKED).virtual_unlock(base + PAGE, 2 * PAGE)
        assert p.valid(base, 4) == [True, False, False, True]
    with rule("the pages of a range need not have been locked by one call", "[VirtualUnlock]") as p:
        base = p.region(4)
        for page in range(4):
            works(p.virtual_lock(base + page * PAGE, PAGE))
        works(p.virtual_unlock(base, 4 * PAGE))
        assert p.locked(base, 4) == [False] * 4
    with rule("makes room for other locks", "[VirtualUnlock]") as p:
        base = p.region(64)
        works(p.virtual_lock(base, 30 * PAGE))
        works(p.virtual_unlock(base, 30 * PAGE))
        works(p.virtual_lock(base + 32 * PAGE, 30 * PAGE))
