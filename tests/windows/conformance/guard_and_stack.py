"""Guard pages, and stacks that grow by them."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    AV,
    BOTH,
    COMMIT,
    GUARD,
    GUARDED,
    NOACCESS,
    PAGE,
    RESERVE,
    RO,
    RW,
    MiB,
    Steps,
    Table,
    charge,
    equal,
    fails,
    query,
    raises,
    region,
    several,
    stack,
    valid,
    works,
)

case = Table()
GUARDS = "[Creating Guard Pages]"
STACK = "[Thread Stack Size]"


@case("PAGE_GUARD", "the first touch raises a guard page violation", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 2, protect=RW | GUARD)
    yield from raises(GUARDED, process.read(base, 1))


@case("PAGE_GUARD", "the second touch succeeds", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 2, protect=RW | GUARD)
    yield from raises(GUARDED, process.read(base, 1))
    yield from process.read(base, 1)
    yield from process.write(base, 1)


@case("PAGE_GUARD", "a write raises the same violation", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 2, protect=RW | GUARD)
    yield from raises(GUARDED, process.write(base + 5, 1))
    yield from process.write(base + 5, 1)


@case("PAGE_GUARD", "the violation tells the kind of access and the address", "[EXCEPTION_RECORD]")
def _(process: Any) -> Steps:
    base = yield from region(process, 2, protect=RW | GUARD)
    yield from raises(GUARDED, process.write(base + 5, 1), 1, base + 5)
    yield from raises(GUARDED, process.read(base + PAGE + 9, 1), 0, base + PAGE + 9)


@case("PAGE_GUARD", "the modifier clears itself from the page that was touched only", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 3, protect=RW | GUARD)
    yield from raises(GUARDED, process.read(base + PAGE, 1))
    runs = yield from several(query(process, base + i * PAGE) for i in range(3))
    equal(runs, [(1, COMMIT, RW | GUARD), (1, COMMIT, RW), (1, COMMIT, RW | GUARD)])


@case("PAGE_GUARD", "the base protection applies afterwards", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 1, protect=RO | GUARD)
    yield from raises(GUARDED, process.write(base, 1))
    yield from raises(AV, process.write(base, 1), 1, base)
    yield from process.read(base, 1)


@case("PAGE_GUARD", "can be set again", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 1, protect=RW | GUARD)
    yield from raises(GUARDED, process.read(base, 1))
    equal((yield from process.virtual_protect(base, PAGE, RW | GUARD)), RW)
    yield from raises(GUARDED, process.read(base, 1))


@case("PAGE_GUARD", "can be cleared by VirtualProtect without a violation", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 1, protect=RW | GUARD)
    equal((yield from process.virtual_protect(base, PAGE, RW)), RW | GUARD)
    yield from process.write(base, 1)


@case("PAGE_GUARD", "can be set by committing again", "ros: ntoskrnl/mm/ARM3/virtual.c")
def _(process: Any) -> Steps:
    base = yield from region(process, 2)
    yield from works(process.virtual_alloc(base, PAGE, COMMIT, RW | GUARD))
    yield from raises(GUARDED, process.read(base, 1))
    yield from process.read(base + PAGE, 1)


@case("PAGE_GUARD", "guard pages are charged like others", "[Page State]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    before = yield from charge(process)
    yield from works(process.virtual_alloc(base, 4 * PAGE, COMMIT, RW | GUARD))
    equal((yield from charge(process)), before + 4)


@case("PAGE_GUARD", "a page in the working set leaves it when it becomes a guard page", "MODEL section 3 (13)")
def _(process: Any) -> Steps:
    base = yield from region(process, 2)
    yield from process.write(base, 2 * PAGE)
    yield from works(process.virtual_protect(base, PAGE, RW | GUARD))
    equal((yield from valid(process, base, 2)), [False, True])


@case("PAGE_GUARD", "the page keeps what it held", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 2)
    yield from process.write(base, 1)
    yield from works(process.virtual_protect(base, PAGE, RW | GUARD))
    yield from raises(GUARDED, process.read(base, 1))
    faults = (yield from process.get_process_memory_info()).page_fault_count
    yield from process.read(base, 1)
    equal((yield from process.get_process_memory_info()).page_fault_count - faults in {0, 1}, True)


@case("PAGE_GUARD", "VirtualLock of a guard page fails once, with the guard status", GUARDS)
def _(process: Any) -> Steps:
    base = yield from region(process, 1, protect=RW | GUARD)
    yield from fails(process, GUARDED, process.virtual_lock(base, PAGE))
    equal((yield from query(process, base)), (1, COMMIT, RW))
    yield from works(process.virtual_lock(base, PAGE))


@case("PAGE_GUARD", "an unhandled violation ends the process with its status", "[GetExitCodeProcess]")
def _(process: Any) -> Steps:
    def careless(child: Any) -> Steps:
        base = yield from region(child, 1, protect=RW | GUARD)
        yield from child.read(base, 1)

    handle = yield from works(process.create_process("b", careless))
    yield from process.wait_for_single_object(handle)
    equal((yield from process.get_exit_code_process(handle)), GUARDED)


@case("PAGE_GUARD", "a view's page can be guarded, for the one process only", GUARDS)
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, 16 * PAGE))
    first = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    second = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    yield from works(process.virtual_protect(first, PAGE, RW | GUARD))
    yield from process.read(second, 1)
    yield from raises(GUARDED, process.read(first, 1))
    yield from process.read(first, 1)


@case("Stack", "one mebibyte is reserved, and little of it committed", STACK)
def _(process: Any) -> Steps:
    top = stack(process)
    found = yield from process.virtual_query(top - 1)
    equal(found.allocation_base, top - MiB)
    equal((found.state, found.protect), (COMMIT, RW))
    equal((yield from process.virtual_query(found.allocation_base)).state, RESERVE)


@case("Stack", "a guard page lies below what is committed", STACK)
def _(process: Any) -> Steps:
    committed = yield from process.virtual_query(stack(process) - 1)
    guard = yield from process.virtual_query(committed.base_address - 1)
    while committed.protect == RW and guard.protect == RW:
        committed, guard = guard, (yield from process.virtual_query(guard.base_address - 1))
    equal((guard.state, guard.protect, guard.region_size), (COMMIT, RW | GUARD, PAGE))


@case("Stack", "a touch of the guard page raises nothing: the next page becomes the guard", STACK)
def _(process: Any) -> Steps:
    top = stack(process)
    for page in range(1, 40):
        yield from process.write(top - page * PAGE, 8)
    equal((yield from query(process, top - 39 * PAGE)), (39, COMMIT, RW))
    equal((yield from query(process, top - 40 * PAGE)), (1, COMMIT, RW | GUARD))


@case("Stack", "each page of growth is charged when it comes", STACK)
def _(process: Any) -> Steps:
    top = stack(process)
    for page in range(1, 10):
        yield from process.write(top - page * PAGE, 8)
    before = yield from charge(process)
    for page in range(10, 20):
        yield from process.write(top - page * PAGE, 8)
    equal((yield from charge(process)), before + 10)


@case("Stack", "below the guard page a touch is an access violation", STACK)
def _(process: Any) -> Steps:
    far = stack(process) - MiB // 2
    yield from raises(AV, process.write(far, 8), 1, far)


@case("Stack", "the last pages raise a stack overflow", STACK)
def _(process: Any) -> Steps:
    def descend() -> Steps:
        for page in range(1, 256):
            yield from process.write(stack(process) - page * PAGE, 8)

    yield from raises(w.STATUS_STACK_OVERFLOW, descend())


@case("Stack", "an unhandled overflow ends the process with its status", "[GetExitCodeProcess]")
def _(process: Any) -> Steps:
    def endless(child: Any) -> Steps:
        for page in range(1, 300):
            yield from child.write(stack(child) - page * PAGE, 8)

    handle = yield from works(process.create_process("b", endless))
    yield from process.wait_for_single_object(handle)
    equal((yield from process.get_exit_code_process(handle)), w.STATUS_STACK_OVERFLOW)


@case("Stack", "each thread has its own", STACK)
def _(process: Any) -> Steps:
    tops = [stack(process)]

    def second(thread: Any) -> Steps:
        tops.append(stack(thread))
        yield from thread.write(stack(thread) - 8, 8)

    handle = yield from works(process.create_thread(second))
    yield from process.wait_for_single_object(handle)
    equal(len(set(tops)), 2)


@case("Stack", "the stack of a thread that ended is free", "[ExitThread]")
def _(process: Any) -> Steps:
    tops: list[int] = []

    def second(thread: Any) -> Steps:
        tops.append(stack(thread))
        yield from thread.write(stack(thread) - 8, 8)

    handle = yield from works(process.create_thread(second))
    yield from process.wait_for_single_object(handle)
    equal((yield from process.virtual_query(tops[0] - 8)).state, w.MEM_FREE)


@case("Stack", "isn't executable", "[Data Execution Prevention]", settings={"dep_policy": "always-on"})
def _(process: Any) -> Steps:
    address = stack(process) - 16
    yield from raises(AV, process.execute(address, 1), 8, address)


@case("Stack", "growth beyond the commit limit is a stack overflow", "MODEL section 2", paging_pages=16, frames=256)
def _(process: Any) -> Steps:
    now = yield from process.get_performance_info()
    room = now.commit_limit - now.commit_total
    yield from works(process.virtual_alloc(0, (room - 8) * PAGE, BOTH, NOACCESS))

    def descend() -> Steps:
        for page in range(1, 200):
            yield from process.write(stack(process) - page * PAGE, 8)

    yield from raises(w.STATUS_STACK_OVERFLOW, descend())
