"""Processes and threads: how they end, and that nothing is left of them."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    AV,
    BOTH,
    PAGE,
    PRESSURE,
    RESERVE,
    RW,
    UNIT,
    Program,
    Steps,
    Table,
    equal,
    mapped,
    other,
    region,
    section,
    works,
)

case = Table()
EXIT, CODE, TERMINATE = "[ExitProcess]", "[GetExitCodeProcess]", "[TerminateProcess]"
ENDING = "[Terminating a Process]"


def unchanged(process: Any, program: Program, cached: int = 0) -> Steps:
    """See that a process that runs `program` leaves everything as it was, but for pages cached for files."""
    yield from other(process, program, "warm")
    before = yield from process.get_performance_info()
    slots = process.system.state.arrays["stores"]["used"].sum()
    yield from other(process, program, "b")
    after = yield from process.get_performance_info()
    for name in ("commit_total", "kernel_paged", "kernel_nonpaged", "handle_count", "process_count", "thread_count"):
        equal(getattr(after, name), getattr(before, name), name)
    lost = before.physical_available - after.physical_available
    equal(0 <= lost <= cached + 1, True, f"{lost} frames are not available any more")
    equal(process.system.state.arrays["stores"]["used"].sum() <= slots, True, "slots in use")


def locked_pages(child: Any) -> Steps:
    base = yield from region(child, 30)
    yield from works(child.virtual_lock(base, 30 * PAGE))


def dirty_pages(child: Any) -> Steps:
    base = yield from region(child, 200)
    yield from child.write(base, 200 * PAGE)


def views(child: Any) -> Steps:
    handle = yield from section(child, 64)
    base = yield from works(child.map_view_of_file(handle, w.FILE_MAP_WRITE))
    yield from child.write(base, 64 * PAGE)


def copies(child: Any) -> Steps:
    base = yield from mapped(child, protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
    yield from child.write(base, UNIT)


def awe_frames(child: Any) -> Steps:
    base = yield from region(child, 16, RESERVE | w.MEM_PHYSICAL)
    frames = yield from works(child.allocate_user_physical_pages(16))
    yield from works(child.map_user_physical_pages(base, 8, frames[:8]))


def large_pages(child: Any) -> Steps:
    yield from works(child.virtual_alloc(0, 2 * UNIT, BOTH | w.MEM_LARGE_PAGES, RW))


def heaps(child: Any) -> Steps:
    heap = yield from works(child.heap_create(0, 0, 0))
    for size in (100, 5000, 600_000, 20, 20):
        yield from works(child.heap_alloc(heap, 0, size))
        yield from works(child.malloc(size))


def handles(child: Any) -> Steps:
    for number in range(500):
        yield from works(child.create_event(False, False, f"event {number}"))
    yield from section(child, 4)


def threads(child: Any) -> Steps:
    def endless(thread: Any) -> Steps:
        yield from thread.wait_for_single_object((yield from works(thread.create_event())))

    for _ in range(3):
        yield from works(child.create_thread(endless))
    yield from child.sleep(1)
    yield from child.exit_process(0)


def offered_pages(child: Any) -> Steps:
    base = yield from region(child, 16)
    yield from child.write(base, 16 * PAGE)
    equal((yield from child.offer_virtual_memory(base, 8 * PAGE, 1)), 0)
    yield from works(child.virtual_alloc(base + 8 * PAGE, 8 * PAGE, w.MEM_RESET, RW))


def an_exception(child: Any) -> Steps:
    base = yield from region(child, 16)
    yield from child.write(base, 16 * PAGE)
    yield from child.read(8, 1)


def images(child: Any) -> Steps:
    base = yield from works(child.load_library("dll"))
    yield from child.read(base, UNIT)


def busy_writer(child: Any) -> Steps:
    base = yield from mapped(child)
    yield from child.write(base, UNIT)
    yield from works(child.flush_view_of_file(base, 0))


for _program, _options in (
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
    _short = " in little memory" if _options.get("frames") else ""

    @case(
        "ExitProcess",
        f"a process with {_program.__name__.replace('_', ' ')}{_short} leaves nothing",
        ENDING,
        **_options,
    )
    def _(process: Any, program: Program = _program, options: Any = _options) -> Steps:
        cached = 16 if {"files", "images"} & set(options) else 0
        yield from unchanged(process, program, cached)


@case("ExitProcess", "gives the exit code", EXIT)
def _(process: Any) -> Steps:
    def seven(child: Any) -> Steps:
        yield from child.exit_process(7)

    equal((yield from other(process, seven)), 7)


@case("ExitProcess", "a program that returns ends with code 0", EXIT)
def _(process: Any) -> Steps:
    def quiet(child: Any) -> Steps:
        yield from child.sleep(1)

    equal((yield from other(process, quiet)), 0)


@case("GetExitCodeProcess", "says 259 while the process runs", CODE)
def _(process: Any) -> Steps:
    def sleeper(child: Any) -> Steps:
        yield from child.sleep(10)

    handle = yield from works(process.create_process("b", sleeper))
    equal((yield from process.get_exit_code_process(handle)), w.STILL_ACTIVE)
    yield from process.wait_for_single_object(handle)
    equal((yield from process.get_exit_code_process(handle)), 0)


@case("GetExitCodeProcess", "an unhandled exception's status is the exit code", CODE)
def _(process: Any) -> Steps:
    equal((yield from other(process, an_exception)), AV)


@case("TerminateProcess", "ends another process with a code", TERMINATE)
def _(process: Any) -> Steps:
    def sleeper(child: Any) -> Steps:
        yield from dirty_pages(child)
        yield from child.sleep(100_000)

    handle = yield from works(process.create_process("b", sleeper))
    yield from process.sleep(10)
    yield from works(process.terminate_process(handle, 9))
    equal((yield from process.wait_for_single_object(handle)), 0)
    equal((yield from process.get_exit_code_process(handle)), 9)
    equal((yield from process.query_performance_counter()) < 1_000_000_000, True)


@case("ExitThread", "with the last thread the process ends", "[ExitThread]")
def _(process: Any) -> Steps:
    done: list[int] = []

    def starter(child: Any) -> Steps:
        def late(thread: Any) -> Steps:
            yield from thread.sleep(10)
            done.append(1)

        yield from works(child.create_thread(late))
        yield from child.exit_thread(0)

    yield from other(process, starter)
    equal(done, [1], "the other thread ended first")


@case("ExitProcess", "ends all threads", EXIT)
def _(process: Any) -> Steps:
    done: list[int] = []

    def starter(child: Any) -> Steps:
        def late(thread: Any) -> Steps:
            yield from thread.sleep(10)
            done.append(1)

        yield from works(child.create_thread(late))
        yield from child.exit_process(3)

    equal((yield from other(process, starter)), 3)
    yield from process.sleep(50)
    equal(done, [])


@case("CreateThread", "threads share the address space", "[About Processes and Threads]")
def _(process: Any) -> Steps:
    bases: list[int] = []

    def second(thread: Any) -> Steps:
        bases.append((yield from region(thread, 4)))
        yield from thread.write(bases[0], PAGE)

    handle = yield from works(process.create_thread(second))
    yield from process.wait_for_single_object(handle)
    yield from process.write(bases[0], 4 * PAGE)


@case("GetLastError", "each thread has its own", "[GetLastError]")
def _(process: Any) -> Steps:
    def failing(thread: Any) -> Steps:
        yield from thread.close_handle(0x7777770)

    process.set_last_error(77)
    handle = yield from works(process.create_thread(failing))
    yield from process.wait_for_single_object(handle)
    equal(process.get_last_error(), 77)


@case("OpenProcess", "a handle keeps the exit code after the end", "[Process Handles and Identifiers]")
def _(process: Any) -> Steps:
    def sleeper(child: Any) -> Steps:
        yield from child.sleep(10)
        yield from child.exit_process(5)

    first = yield from works(process.create_process("b", sleeper))
    second = yield from works(process.open_process("b"))
    yield from works(process.close_handle(first))
    yield from process.wait_for_single_object(second)
    equal((yield from process.get_exit_code_process(second)), 5)


@case("CreateProcess", "fails beyond the commit limit", "MODEL section 5", paging_pages=64)
def _(process: Any) -> Steps:
    now = yield from process.get_performance_info()
    yield from region(process, now.commit_limit - now.commit_total - 4)

    def quiet(child: Any) -> Steps:
        yield from child.sleep(1)

    equal((yield from process.create_process("b", quiet)), 0)
    equal(process.get_last_error(), w.ERROR_COMMITMENT_LIMIT)
