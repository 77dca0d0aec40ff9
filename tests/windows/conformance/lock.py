"""VirtualLock and VirtualUnlock."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    COMMIT,
    NOACCESS,
    PAGE,
    PRESSURE,
    RELEASE,
    RESERVE,
    RO,
    RW,
    Steps,
    Table,
    equal,
    fails,
    locked,
    other,
    region,
    valid,
    view,
    works,
)

case = Table()


@case("VirtualLock", "brings the pages into the working set, locked", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_lock(base, 3 * PAGE))
    equal((yield from valid(process, base, 4)), [True, True, True, False])
    equal((yield from locked(process, base, 4)), [True, True, True, False])


@case("VirtualLock", "takes every page that the range touches", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_lock(base + PAGE - 1, 2))
    equal((yield from locked(process, base, 4)), [True, True, False, False])


@case("VirtualLock", "fails if a page isn't committed, and locks none", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    yield from works(process.virtual_alloc(base, 3 * PAGE, COMMIT, RW))
    yield from fails(process, 0, process.virtual_lock(base, 4 * PAGE))
    equal((yield from locked(process, base, 4)), [False] * 4)


@case("VirtualLock", "fails for free pages", "[VirtualLock]")
def _(process: Any) -> Steps:
    yield from fails(process, 0, process.virtual_lock(0x2000_0000, PAGE))


@case("VirtualLock", "fails for pages that nobody may access", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, protect=NOACCESS)
    yield from fails(process, 0, process.virtual_lock(base, PAGE))


@case("VirtualLock", "read-only pages can be locked", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, protect=RO)
    yield from works(process.virtual_lock(base, PAGE))
    equal((yield from locked(process, base)), [True])


@case("VirtualLock", "has no count: one unlock undoes two locks", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    yield from works(process.virtual_lock(base, PAGE))
    yield from works(process.virtual_lock(base, PAGE))
    yield from works(process.virtual_unlock(base, PAGE))
    equal((yield from locked(process, base)), [False])
    yield from fails(process, w.ERROR_NOT_LOCKED, process.virtual_unlock(base, PAGE))


@case("VirtualLock", "locks no more than the minimum working set less a small overhead", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 64)
    yield from fails(process, w.ERROR_WORKING_SET_QUOTA, process.virtual_lock(base, 50 * PAGE))
    equal((yield from locked(process, base, 64)), [False] * 64)
    yield from works(process.virtual_lock(base, 30 * PAGE))


@case("VirtualLock", "the limit counts what is locked already", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 64)
    yield from works(process.virtual_lock(base, 30 * PAGE))
    yield from fails(process, w.ERROR_WORKING_SET_QUOTA, process.virtual_lock(base + 30 * PAGE, 30 * PAGE))
    equal(sum((yield from locked(process, base, 64))), 30)


@case("VirtualLock", "a larger minimum working set lets more be locked", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 128)
    yield from works(process.set_process_working_set_size(160 * PAGE, 345 * PAGE))
    yield from works(process.virtual_lock(base, 128 * PAGE))
    equal((yield from locked(process, base, 128)), [True] * 128)


@case("VirtualLock", "locked pages stay when the working set is emptied", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from works(process.virtual_lock(base + PAGE, PAGE))
    yield from works(process.empty_working_set())
    equal((yield from valid(process, base, 4)), [False, True, False, False])


@case("VirtualLock", "locked pages stay when the limits are set to -1", "[SetProcessWorkingSetSize]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_lock(base + PAGE, PAGE))
    yield from works(process.set_process_working_set_size(-1, -1))
    equal((yield from valid(process, base, 4)), [False, True, False, False])


@case("VirtualLock", "locked pages stay under memory pressure", "[VirtualLock]", **PRESSURE)
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from works(process.virtual_lock(base, 8 * PAGE))
    rest = yield from region(process, 200)
    yield from process.write(rest, 200 * PAGE)
    equal((yield from valid(process, base, 8)), [True] * 8)


@case("VirtualLock", "the locked pages of a process that ends are free", "[VirtualLock]")
def _(process: Any) -> Steps:
    def locker(child: Any) -> Steps:
        base = yield from region(child, 30)
        yield from works(child.virtual_lock(base, 30 * PAGE))

    before = (yield from process.get_performance_info()).physical_available
    equal((yield from other(process, locker)), 0)
    after = (yield from process.get_performance_info()).physical_available
    equal(after >= before - 4, True, f"{before} pages were available before, {after} after")


@case("VirtualLock", "pages of a view can be locked", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from view(process)
    yield from works(process.virtual_lock(base, 2 * PAGE))
    equal((yield from locked(process, base, 3)), [True, True, False])


@case("VirtualLock", "a lock doesn't outlive the region", "[VirtualLock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 30)
    yield from works(process.virtual_lock(base, 30 * PAGE))
    yield from works(process.virtual_free(base, 0, RELEASE))
    base = yield from region(process, 30)
    equal((yield from locked(process, base, 1)), [False])
    yield from works(process.virtual_lock(base, 30 * PAGE))


@case("VirtualUnlock", "unlocked pages stay in the working set", "[VirtualUnlock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_lock(base, 4 * PAGE))
    yield from works(process.virtual_unlock(base, 4 * PAGE))
    equal((yield from valid(process, base, 4)), [True] * 4)
    equal((yield from locked(process, base, 4)), [False] * 4)


@case("VirtualUnlock", "a page that isn't locked leaves the working set, and the call fails", "[VirtualUnlock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from fails(process, w.ERROR_NOT_LOCKED, process.virtual_unlock(base + PAGE, 2 * PAGE))
    equal((yield from valid(process, base, 4)), [True, False, False, True])


@case("VirtualUnlock", "the pages of a range need not have been locked by one call", "[VirtualUnlock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    for page in range(4):
        yield from works(process.virtual_lock(base + page * PAGE, PAGE))
    yield from works(process.virtual_unlock(base, 4 * PAGE))
    equal((yield from locked(process, base, 4)), [False] * 4)


@case("VirtualUnlock", "makes room for other locks", "[VirtualUnlock]")
def _(process: Any) -> Steps:
    base = yield from region(process, 64)
    yield from works(process.virtual_lock(base, 30 * PAGE))
    yield from works(process.virtual_unlock(base, 30 * PAGE))
    yield from works(process.virtual_lock(base + 32 * PAGE, 30 * PAGE))
