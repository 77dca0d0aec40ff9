"""Guard pages, and stacks that grow by them."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

GUARDS = "[Creating Guard Pages]"
STACK = "[Thread Stack Size]"


def test_page_guard(rule: Rule) -> None:
    with rule("the first touch raises a guard page violation", GUARDS) as p:
        base = p.region(2, protect=RW | GUARD)
        p.raises(GUARDED).read(base, 1)
    with rule("the second touch succeeds", GUARDS) as p:
        base = p.region(2, protect=RW | GUARD)
        p.raises(GUARDED).read(base, 1)
        p.read(base, 1)
        p.write(base, 1)
    with rule("a write raises the same violation", GUARDS) as p:
        base = p.region(2, protect=RW | GUARD)
        p.raises(GUARDED).write(base + 5, 1)
        p.write(base + 5, 1)
    with rule("the violation tells the kind of access and the address", "[EXCEPTION_RECORD]") as p:
        base = p.region(2, protect=RW | GUARD)
        p.raises(GUARDED, 1, base + 5).write(base + 5, 1)
        p.raises(GUARDED, 0, base + PAGE + 9).read(base + PAGE + 9, 1)
    with rule("the modifier clears itself from the page that was touched only", GUARDS) as p:
        base = p.region(3, protect=RW | GUARD)
        p.raises(GUARDED).read(base + PAGE, 1)
        runs = [p.query(base + i * PAGE) for i in range(3)]
        assert runs == [(1, COMMIT, RW | GUARD), (1, COMMIT, RW), (1, COMMIT, RW | GUARD)]
    with rule("the base protection applies afterwards", GUARDS) as p:
        base = p.region(1, protect=RO | GUARD)
        p.raises(GUARDED).write(base, 1)
        p.raises(AV, 1, base).write(base, 1)
        p.read(base, 1)
    with rule("can be set again", GUARDS) as p:
        base = p.region(1, protect=RW | GUARD)
        p.raises(GUARDED).read(base, 1)
        assert p.virtual_protect(base, PAGE, RW | GUARD) == RW
        p.raises(GUARDED).read(base, 1)
    with rule("can be cleared by VirtualProtect without a violation", GUARDS) as p:
        base = p.region(1, protect=RW | GUARD)
        assert p.virtual_protect(base, PAGE, RW) == RW | GUARD
        p.write(base, 1)
    with rule("can be set by committing again", "ros: ntoskrnl/mm/ARM3/virtual.c") as p:
        base = p.region(2)
        works(p.virtual_alloc(base, PAGE, COMMIT, RW | GUARD))
        p.raises(GUARDED).read(base, 1)
        p.read(base + PAGE, 1)


def test_guard_pages_and_their_charge(rule: Rule) -> None:
    with rule("guard pages are charged like others", "[Page State]") as p:
        base = p.region(4, RESERVE)
        before = p.charge()
        works(p.virtual_alloc(base, 4 * PAGE, COMMIT, RW | GUARD))
        assert p.charge() == before + 4
    with rule("a page in the working set leaves it when it becomes a guard page", "MODEL section 3 (13)") as p:
        base = p.region(2)
        p.write(base, 2 * PAGE)
        works(p.virtual_protect(base, PAGE, RW | GUARD))
        assert p.valid(base, 2) == [False, True]
    with rule("the page keeps what it held", GUARDS) as p:
        base = p.region(2)
        p.write(base, 1)
        works(p.virtual_protect(base, PAGE, RW | GUARD))
        p.raises(GUARDED).read(base, 1)
        faults = p.get_process_memory_info().page_fault_count
        p.read(base, 1)
        assert p.get_process_memory_info().page_fault_count - faults in {0, 1}
    with rule("VirtualLock of a guard page fails once, with the guard status", GUARDS) as p:
        base = p.region(1, protect=RW | GUARD)
        p.fails(GUARDED).virtual_lock(base, PAGE)
        assert p.query(base) == (1, COMMIT, RW)
        works(p.virtual_lock(base, PAGE))
    with rule("an unhandled violation ends the process with its status", "[GetExitCodeProcess]") as p:

        def careless(child: Any) -> None:
            base = child.region(1, protect=RW | GUARD)
            child.read(base, 1)

        handle = works(p.create_process("b", careless))
        p.wait_for_single_object(handle)
        assert p.get_exit_code_process(handle) == GUARDED
    with rule("a view's page can be guarded, for the one process only", GUARDS) as p:
        handle = works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, 16 * PAGE))
        first = works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        second = works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        works(p.virtual_protect(first, PAGE, RW | GUARD))
        p.read(second, 1)
        p.raises(GUARDED).read(first, 1)
        p.read(first, 1)


def test_stack(rule: Rule) -> None:
    with rule("one mebibyte is reserved, and little of it committed", STACK) as p:
        top = p.stack()
        found = p.virtual_query(top - 1)
        assert found.allocation_base == top - MiB
        assert (found.state, found.protect) == (COMMIT, RW)
        assert p.virtual_query(found.allocation_base).state == RESERVE
    with rule("a guard page lies below what is committed", STACK) as p:
        committed = p.virtual_query(p.stack() - 1)
        guard = p.virtual_query(committed.base_address - 1)
        while committed.protect == RW and guard.protect == RW:
            committed, guard = guard, p.virtual_query(guard.base_address - 1)
        assert (guard.state, guard.protect, guard.region_size) == (COMMIT, RW | GUARD, PAGE)
    with rule("a touch of the guard page raises nothing: the next page becomes the guard", STACK) as p:
        top = p.stack()
        for page in range(1, 40):
            p.write(top - page * PAGE, 8)
        assert p.query(top - 39 * PAGE) == (39, COMMIT, RW)
        assert p.query(top - 40 * PAGE) == (1, COMMIT, RW | GUARD)
    with rule("each page of growth is charged when it comes", STACK) as p:
        top = p.stack()
        for page in range(1, 10):
            p.write(top - page * PAGE, 8)
        before = p.charge()
        for page in range(10, 20):
            p.write(top - page * PAGE, 8)
        assert p.charge() == before + 10
    with rule("below the guard page a touch is an access violation", STACK) as p:
        far = p.stack() - MiB // 2
        p.raises(AV, 1, far).write(far, 8)
    with rule("the last pages raise a stack overflow", STACK) as p:

        def descend() -> None:
            for page in range(1, 256):
                p.write(p.stack() - page * PAGE, 8)

        p.raises(w.STATUS_STACK_OVERFLOW).do(
            descend,
        )
    with rule("an unhandled overflow ends the process with its status", "[GetExitCodeProcess]") as p:

        def endless(child: Any) -> None:
            for page in range(1, 300):
                child.write(child.stack() - page * PAGE, 8)

        handle = works(p.create_process("b", endless))
        p.wait_for_single_object(handle)
        assert p.get_exit_code_process(handle) == w.STATUS_STACK_OVERFLOW


def test_stacks_of_threads(rule: Rule) -> None:
    with rule("each thread has its own", STACK) as p:
        tops = [p.stack()]

        def second(thread: Any) -> None:
            tops.append(thread.stack())
            thread.write(thread.stack() - 8, 8)

        handle = works(p.create_thread(second))
        p.wait_for_single_object(handle)
        assert len(set(tops)) == 2
    with rule("the stack of a thread that ended is free", "[ExitThread]") as p:
        tops = []

        def second(thread: Any) -> None:
            tops.append(thread.stack())
            thread.write(thread.stack() - 8, 8)

        handle = works(p.create_thread(second))
        p.wait_for_single_object(handle)
        assert p.virtual_query(tops[0] - 8).state == w.MEM_FREE
    with rule("isn't executable", "[Data Execution Prevention]", settings={"dep_policy": "always-on"}) as p:
        address = p.stack() - 16
        p.raises(AV, 8, address).execute(address, 1)
    with rule(
        "growth beyond the commit limit is a stack overflow", "MODEL section 2", paging_pages=16, frames=256
    ) as p:
        now = p.get_performance_info()
        room = now.commit_limit - now.commit_total
        works(p.virtual_alloc(0, (room - 8) * PAGE, BOTH, NOACCESS))

        def descend() -> None:
            for page in range(1, 200):
                p.write(p.stack() - page * PAGE, 8)

        p.raises(w.STATUS_STACK_OVERFLOW).do(
            descend,
        )
