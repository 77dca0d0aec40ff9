"""GetWriteWatch and ResetWriteWatch, as Wine's test_write_watch has Windows answer them, step by step."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    BOTH,
    COMMIT,
    NOACCESS,
    PAGE,
    PARAMETER,
    RESERVE,
    RO,
    RW,
    Steps,
    Table,
    equal,
    fails,
    query,
    region,
    works,
)

case = Table()
WINE = "[k32/virtual.c: test_write_watch]"
SIZE = 16 * PAGE
WATCHED = BOTH | w.MEM_WRITE_WATCH
RESET = w.WRITE_WATCH_FLAG_RESET


def written(process: Any, base: int, flags: int = 0, count: int | None = 64, size: int = SIZE) -> Steps:
    """The numbers of the pages that GetWriteWatch lists."""
    found = yield from process.get_write_watch(base, size, flags, count)
    return [(address - base) // PAGE for address in found]


@case("MEM_WRITE_WATCH", "is queried like any private memory", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    found = yield from works(process.virtual_query(base))
    equal((found.base_address, found.allocation_protect, found.region_size), (base, RW, SIZE))
    equal((found.state, found.protect, found.type), (COMMIT, RW, w.MEM_PRIVATE))


@case("GetWriteWatch", "lists a page until it is reset", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    equal((yield from written(process, base)), [])
    yield from process.write(base + PAGE + 1)
    equal((yield from written(process, base)), [1])
    equal((yield from written(process, base, RESET)), [1])
    equal((yield from written(process, base)), [])


@case("GetWriteWatch", "lists the pages of the range asked for, ascending", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    yield from process.write(base + 4 * PAGE + 8)
    yield from process.write(base + 2 * PAGE + 3)
    equal((yield from written(process, base)), [2, 4])
    equal((yield from process.get_write_watch(base + 3 * PAGE, 2 * PAGE)), [base + 4 * PAGE])
    yield from works(process.reset_write_watch(base, 3 * PAGE))
    equal((yield from written(process, base)), [4])


@case("GetWriteWatch", "a store across pages writes both", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    yield from process.write(base + 2 * PAGE - 2, 4)
    equal((yield from written(process, base)), [1, 2])


@case("GetWriteWatch", "with room for fewer pages returns the lowest, and resets those only", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    for page in (1, 2, 4):
        yield from process.write(base + page * PAGE)
    equal((yield from written(process, base, RESET, count=1)), [1])
    equal((yield from written(process, base)), [2, 4])
    equal((yield from written(process, base, 0, count=1)), [2])
    equal((yield from written(process, base, RESET, count=2)), [2, 4])
    equal((yield from written(process, base)), [])


@case("GetWriteWatch", "a page reset is watched again, one that was not returned is still written", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    yield from process.write(base, 3 * PAGE)
    equal((yield from written(process, base, RESET, count=2)), [0, 1])
    yield from process.write(base, PAGE)
    equal((yield from written(process, base)), [0, 2])


@case("GetWriteWatch", "changing protections doesn't affect watches", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    yield from process.write(base + 2 * PAGE)
    yield from process.write(base + 4 * PAGE)
    equal((yield from process.virtual_protect(base, 3 * PAGE, RO)), RW)
    equal((yield from query(process, base)), (3, COMMIT, RO))
    equal((yield from process.virtual_protect(base, 3 * PAGE, RW)), RO)
    equal((yield from written(process, base)), [2, 4])
    equal((yield from query(process, base)), (16, COMMIT, RW))


@case("GetWriteWatch", "the initial protection doesn't matter", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, RESERVE | w.MEM_WRITE_WATCH, NOACCESS)
    yield from works(process.virtual_alloc(base, SIZE, COMMIT, NOACCESS))
    equal((yield from written(process, base)), [])
    equal((yield from process.virtual_protect(base, 6 * PAGE, RW)), NOACCESS)
    yield from process.write(base + 5 * PAGE + 200)
    equal((yield from process.virtual_protect(base, 6 * PAGE, NOACCESS)), RW)
    equal((yield from written(process, base)), [5])


@case("GetWriteWatch", "refuses memory that isn't watched, and what isn't one region", WINE)
def _(process: Any) -> Steps:
    base, plain = (yield from region(process, 16, WATCHED)), (yield from region(process, 16))
    for address, size in (
        (0, SIZE), (plain, SIZE), (base, 0), (base, 2 * SIZE), (base + SIZE - PAGE, PAGE + 1)
    ):  # fmt: skip
        process.set_last_error(0)
        equal((yield from process.get_write_watch(address, size, 0, 64)), None)
        equal(process.get_last_error(), PARAMETER)


@case("GetWriteWatch", "refuses room for no page, and flags that are none", WINE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    yield from process.write(base)
    for flags, count in ((0, 0), (0xDEADBEEF, 64)):
        process.set_last_error(0)
        equal((yield from process.get_write_watch(base, SIZE, flags, count)), None)
        equal(process.get_last_error(), PARAMETER)
    equal((yield from written(process, base)), [0])


@case("ResetWriteWatch", "refuses a size of 0 and memory that isn't watched", WINE)
def _(process: Any) -> Steps:
    base, plain = (yield from region(process, 16, WATCHED)), (yield from region(process, 16))
    yield from fails(process, PARAMETER, process.reset_write_watch(base, 0))
    yield from fails(process, PARAMETER, process.reset_write_watch(plain, SIZE))


@case("MEM_WRITE_WATCH", "goes with MEM_RESERVE only", WINE)
def _(process: Any) -> Steps:
    yield from works(process.virtual_alloc(0, SIZE, RESERVE | w.MEM_WRITE_WATCH, RW))
    yield from fails(process, PARAMETER, process.virtual_alloc(0, SIZE, w.MEM_WRITE_WATCH, RW))


@case("GetWriteWatch", "a page that is only read isn't written, trimmed or not", "[GetWriteWatch]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, WATCHED)
    yield from process.read(base, SIZE)
    yield from works(process.empty_working_set())
    yield from process.read(base, SIZE)
    equal((yield from written(process, base)), [])
