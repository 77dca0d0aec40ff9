"""Processes and threads: how they end, and that nothing is left of them."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

EXIT, CODE, TERMINATE = "[ExitProcess]", "[GetExitCodeProcess]", "[TerminateProcess]"
ENDING = "[Terminating a Process]"


def unchanged(p: Any, program: Any, cached: int = 0) -> None:
    """See that a process that runs `program` leaves everything as it was, but for pages cached for files."""
    p.other(program, "warm")
    before = p.get_performance_info()
    slots = p.system.state.arrays["stores"]["used"].sum()
    p.other(program, "b")
    after = p.get_performance_info()
    for name in ("commit_total", "kernel_paged", "kernel_nonpaged", "handle_count", "process_count", "thread_count"):
        assert getattr(after, name) == getattr(before, name)
    lost = before.physical_available - after.physical_available
    assert 0 <= lost <= cached + 1, f"{lost} frames are not available any more"
    assert p.system.state.arrays["stores"]["used"].sum() <= slots


def locked_pages(child: Any) -> None:
    base = child.region(30)
    works(child.virtual_lock(base, 30 * PAGE))


def dirty_pages(child: Any) -> None:
    base = child.region(200)
    child.write(base, 200 * PAGE)


def views(child: Any) -> None:
    handle = child.section(64)
    base = works(child.map_view_of_file(handle, w.FILE_MAP_WRITE))
    child.write(base, 64 * PAGE)


def copies(child: Any) -> None:
    base = child.mapped(protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
    child.write(base, UNIT)


def awe_frames(child: Any) -> None:
    base = child.region(16, RESERVE | w.MEM_PHYSICAL)
    frames = works(child.allocate_user_physical_pages(16))
    works(child.map_user_physical_pages(base, 8, frames[:8]))


def large_pages(child: Any) -> None:
    works(child.virtual_alloc(0, 2 * UNIT, BOTH | w.MEM_LARGE_PAGES, RW))


def heaps(child: Any) -> None:
    heap = works(child.heap_create(0, 0, 0))
    for size in (100, 5000, 600_000, 20, 20):
        works(child.heap_alloc(heap, 0, size))
        works(child.malloc(size))


def handles(child: Any) -> None:
    for number in range(500):
        works(child.create_event(False, False, f"event {number}"))
    child.section(4)


def threads(child: Any) -> None:
    def endless(thread: Any) -> None:
        thread.wait_for_single_object(works(thread.create_event()))

    for _ in range(3):
        works(child.create_thread(endless))
    child.sleep(1)
    child.exit_process(0)


def offered_pages(child: Any) -> None:
    base = child.region(16)
    child.write(base, 16 * PAGE)
    assert child.offer_virtual_memory(base, 8 * PAGE, 1) == 0
    works(child.virtual_alloc(base + 8 * PAGE, 8 * PAGE, w.MEM_RESET, RW))


def an_exception(child: Any) -> None:
    base = child.region(16)
    child.write(base, 16 * PAGE)
    child.read(8, 1)


def images(child: Any) -> None:
    base = works(child.load_library("dll"))
    child.read(base, UNIT)


def busy_writer(child: Any) -> None:
    base = child.mapped()
    child.write(base, UNIT)
    works(child.flush_view_of_file(base, 0))


def test_exit_process(rule: Rule) -> None:
    for program, options in (
        (locked_pages, {}),
        (dirty_pages, {}),
        (dirty_pages, PRESSURE),
        (views, {}),
        (copies, {"files": {"data": UNIT}}),
        (awe_frames, {}),
        (large_pages, {"settings": {"large_page_minimum": UNIT}}),
        (heaps, {}),
        (handles, {}),
        (threads, {}),
        (offered_pages, {}),
        (an_exception, {}),
        (images, {"images": {"dll": {"size": UNIT}}}),
        (busy_writer, {"files": {"data": UNIT}}),
    ):
        short = " in little memory" if options.get("frames") else ""
        with rule(f"a process with {program.__name__.replace('_', ' ')}{short} leaves nothing", ENDING, **options) as p:
            cached = 16 if {"files", "images"} & set(options) else 0
            unchanged(p, program, cached)
    with rule("gives the exit code", EXIT) as p:

        def seven(child: Any) -> None:
            child.exit_process(7)

        assert p.other(seven) == 7
    with rule("a program that returns ends with code 0", EXIT) as p:

        def quiet(child: Any) -> None:
            child.sleep(1)

        assert p.other(quiet) == 0


def test_get_exit_code_process(rule: Rule) -> None:
    with rule("says 259 while the process runs", CODE) as p:

        def sleeper(child: Any) -> None:
            child.sleep(10)

        handle = works(p.create_process("b", sleeper))
        assert p.get_exit_code_process(handle) == w.STILL_ACTIVE
        p.wait_for_single_object(handle)
        assert p.get_exit_code_process(handle) == 0
    with rule("an unhandled exception's status is the exit code", CODE) as p:
        assert p.other(an_exception) == AV


def test_terminate_process(rule: Rule) -> None:
    with rule("ends another process with a code", TERMINATE) as p:

        def sleeper(child: Any) -> None:
            dirty_pages(child)
            child.sleep(100_000)

        handle = works(p.create_process("b", sleeper))
        p.sleep(10)
        works(p.terminate_process(handle, 9))
        assert p.wait_for_single_object(handle) == 0
        assert p.get_exit_code_process(handle) == 9
        assert p.query_performance_counter() < 1_000_000_000


def test_exit_thread(rule: Rule) -> None:
    with rule("with the last thread the process ends", "[ExitThread]") as p:
        done: list[int] = []

        def starter(child: Any) -> None:
            def late(thread: Any) -> None:
                thread.sleep(10)
                done.append(1)

            works(child.create_thread(late))
            child.exit_thread(0)

        p.other(starter)
        assert done == [1]


def test_exit_process_and_threads(rule: Rule) -> None:
    with rule("ends all threads", EXIT) as p:
        done: list[int] = []

        def starter(child: Any) -> None:
            def late(thread: Any) -> None:
                thread.sleep(10)
                done.append(1)

            works(child.create_thread(late))
            child.exit_process(3)

        assert p.other(starter) == 3
        p.sleep(50)
        assert done == []


def test_create_thread(rule: Rule) -> None:
    with rule("threads share the address space", "[About Processes and Threads]") as p:
        bases: list[int] = []

        def second(thread: Any) -> None:
            bases.append(thread.region(4))
            thread.write(bases[0], PAGE)

        handle = works(p.create_thread(second))
        p.wait_for_single_object(handle)
        p.write(bases[0], 4 * PAGE)


def test_get_last_error(rule: Rule) -> None:
    with rule("each thread has its own", "[GetLastError]") as p:

        def failing(thread: Any) -> None:
            thread.close_handle(0x7777770)

        p.set_last_error(77)
        handle = works(p.create_thread(failing))
        p.wait_for_single_object(handle)
        assert p.get_last_error() == 77


def test_open_process(rule: Rule) -> None:
    with rule("a handle keeps the exit code after the end", "[Process Handles and Identifiers]") as p:

        def sleeper(child: Any) -> None:
            child.sleep(10)
            child.exit_process(5)

        first = works(p.create_process("b", sleeper))
        second = works(p.open_process("b"))
        works(p.close_handle(first))
        p.wait_for_single_object(second)
        assert p.get_exit_code_process(second) == 5


def test_create_process(rule: Rule) -> None:
    with rule("fails beyond the commit limit", "MODEL section 5", paging_pages=64) as p:
        now = p.get_performance_info()
        p.region(now.commit_limit - now.commit_total - 4)

        def quiet(child: Any) -> None:
            child.sleep(1)

        assert p.create_process("b", quiet) == 0
        assert p.get_last_error() == w.ERROR_COMMITMENT_LIMIT
