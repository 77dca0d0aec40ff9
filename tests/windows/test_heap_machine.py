"""Heaps in a whole machine: their touches are references that fault, and their memory is the process's."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import config
from simulator.state.constants import DEMAND_ZERO
from simulator.windows import constants as c
from simulator.windows.failure import WindowsException
from tests.windows.harness import PAGE, Steps, run
from tests.windows.heap_check import check

MB = 1 << 20


def demand_zero(process: Any) -> int:
    return int(process.system.pages.process(process.own.number)["kinds"][DEMAND_ZERO])


def test_heap_pages_fault_when_they_are_first_touched_and_not_when_they_are_committed() -> None:
    def program(process: Any) -> Steps:
        heap = yield process.heap_create(0, 50 * PAGE, 0)
        yield process._flush()
        before = demand_zero(process)
        block = yield process.heap_alloc(heap, 0, 40 * PAGE)
        yield process._flush()
        assert demand_zero(process) - before == 1, "the page with the header of what remains"
        yield process.heap_free(heap, 0, block)
        block = yield process.heap_alloc(heap, c.HEAP_ZERO_MEMORY, 20 * PAGE)
        yield process._flush()
        assert demand_zero(process) - before == 1 + 20, "each page that is zeroed"

    run(program, settings={"heap": config.Heap(decommit_total=1 << 30)})


def test_a_heaps_memory_is_charged_and_refunded() -> None:
    def program(process: Any) -> Steps:
        pages = process.system.pages
        heap = yield process.get_process_heap()
        before = pages.commit_total()
        private = yield process.heap_create(0, 0, 0)
        empty = pages.commit_total()
        yield process.heap_alloc(private, 0, MB)
        assert pages.commit_total() - empty >= MB // PAGE + 1
        yield process.heap_destroy(private)
        assert pages.commit_total() == before < empty
        for _ in range(100):
            yield process.heap_alloc(heap, 0, 1000)
        grown = process.own.heaps[heap].memory.committed // PAGE - 2
        assert pages.commit_total() == before + grown
        check(process.own.heaps[heap])

    run(program)


def test_a_heap_that_finds_no_commit_charge_fails_and_goes_on() -> None:
    def program(process: Any) -> Steps:
        heap = yield process.get_process_heap()
        blocks = []
        while True:
            block = yield process.heap_alloc(heap, 0, 100_000)
            if not block:
                break
            blocks.append(block)
        assert len(blocks) > 10
        assert (yield process.heap_alloc(heap, 0, 10 * MB)) == 0
        for block in blocks:
            assert (yield process.heap_free(heap, 0, block))
        assert (yield process.heap_alloc(heap, 0, 100_000)) != 0
        check(process.own.heaps[heap])

    run(program)


def test_a_header_on_a_page_that_the_program_made_inaccessible_is_an_access_violation() -> None:
    def program(process: Any) -> Steps:
        heap = yield process.heap_create(0, 10 * PAGE, 0)
        block = yield process.heap_alloc(heap, 0, 6 * PAGE)
        yield process.virtual_protect(block + PAGE, PAGE, c.PAGE_NOACCESS)
        yield process.heap_free(heap, 0, block)
        with pytest.raises(WindowsException) as raised:
            yield process.heap_alloc(heap, c.HEAP_ZERO_MEMORY, 6 * PAGE)
        assert raised.value.status == c.STATUS_ACCESS_VIOLATION
        assert raised.value.information[0] == 1

    run(program)


@pytest.mark.parametrize("place", ["private", "large", "process heap", "handles"])
def test_what_a_protected_page_raises_is_raised_by_the_heap_call_that_touches_it(place: str) -> None:
    def program(process: Any) -> Steps:
        heap = yield process.get_process_heap()
        size = 2 * MB if place == "large" else 100
        if place == "private":
            heap = yield process.heap_create()
        if place == "handles":
            handle = yield process.global_alloc(c.GMEM_MOVEABLE, size)
            protected, call = handle, process.global_free(handle)
        else:
            protected = yield process.heap_alloc(heap, 0, size)
            call = process.heap_free(heap, 0, protected)
        yield process.virtual_protect(protected, 1, c.PAGE_READONLY)
        with pytest.raises(WindowsException) as raised:
            yield from call
        assert raised.value.status == c.STATUS_ACCESS_VIOLATION
        yield process.virtual_protect(protected, 1, c.PAGE_READWRITE)
        yield process.sleep(1)

    run(program)


def test_a_guard_page_in_a_heap_raises_once() -> None:
    def program(process: Any) -> Steps:
        heap = yield process.heap_create()
        block = yield process.heap_alloc(heap, 0, 100)
        yield process.virtual_protect(block, 1, c.PAGE_READWRITE | c.PAGE_GUARD)
        with pytest.raises(WindowsException) as raised:
            yield process.heap_alloc(heap, 0, 100)
        assert raised.value.status == c.STATUS_GUARD_PAGE_VIOLATION
        assert (yield process.heap_alloc(heap, 0, 100))

    run(program)


def test_pages_of_other_memory_that_are_protected_let_heap_calls_touches_wait() -> None:
    def program(process: Any) -> Steps:
        heap = yield process.get_process_heap()
        other = yield process.virtual_alloc(0, PAGE, c.MEM_RESERVE | c.MEM_COMMIT, c.PAGE_READWRITE)
        yield process.virtual_protect(other, PAGE, c.PAGE_READONLY)
        assert process.own.defers_touches
        yield process.heap_alloc(heap, 0, 100)
        assert process._rows

    run(program)


def test_threads_use_a_heap_one_after_the_other() -> None:
    def worker(process: Any, heap: int, number: int, kept: dict[int, int]) -> Steps:
        mine: list[int] = []
        for i in range(40):
            size = (i * 37 + number * 11) % 3000
            block = yield process.heap_alloc(heap, c.HEAP_ZERO_MEMORY, size)
            assert block not in kept
            kept[block] = size
            mine.append(block)
            if i % 3 == 2:
                gone = mine.pop(0)
                del kept[gone]
                assert (yield process.heap_free(heap, 0, gone))
            if i % 10 == 9:
                yield process.empty_working_set()

    def program(process: Any) -> Steps:
        heap = yield process.get_process_heap()
        kept: dict[int, int] = {}
        shared = {"heap": heap, "kept": kept}
        first = yield process.create_thread(worker, number=0, **shared)
        second = yield process.create_thread(worker, number=1, **shared)
        third = yield process.create_thread(worker, number=2, **shared)
        threads = [first, second, third]
        yield process.wait_for_multiple_objects(threads, True)
        assert len(kept) == 3 * 27
        for block, size in kept.items():
            assert (yield process.heap_size(heap, 0, block)) == size
        check(process.own.heaps[heap])
        assert process.own.heaps[heap].lock.signalled

    run(program, processors=2, settings={"heap": config.Heap(decommit_total=0)})
