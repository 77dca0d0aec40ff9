"""What the heap functions are documented to do."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.windows import constants as c
from simulator.windows.failure import WindowsException
from simulator.windows.heap.walk import check
from simulator.windows.requests import Exit
from tests.windows.small_system import PAGE, UNIT, SmallProcess, heap_process

KB, MB = 1024, 1 << 20


def made(process: SmallProcess, options: int = 0, initial: int = 0, maximum: int = 0) -> int:
    handle: int = process.run(process.heap_create(options, initial, maximum))
    assert handle
    return handle


def alloc(process: SmallProcess, handle: int, size: int, flags: int = 0) -> int:
    address: int = process.run(process.heap_alloc(handle, flags, size))
    return address


def free(process: SmallProcess, handle: int, address: int) -> bool:
    return bool(process.run(process.heap_free(handle, 0, address)))


@pytest.mark.parametrize(
    ("bits", "initial", "pages"),
    [
        *((32, 0, 1), (32, 1, 1), (32, PAGE, 1), (32, PAGE + 1, 2), (32, 10 * PAGE, 10)),
        *((64, 0, 2), (64, 1, 2), (64, 2 * PAGE, 2), (64, 2 * PAGE + 1, 4), (64, 10 * PAGE, 10)),
    ],
)
def test_the_initial_size_is_committed_in_whole_pages_of_a_64_bit_process_in_pairs(
    bits: int, initial: int, pages: int
) -> None:
    process = heap_process(bits=bits)
    handle = made(process, 0, initial)
    assert process.committed == pages
    assert process.regions == {handle: (pages * PAGE if initial else 0) + UNIT}, "64 KiB more are reserved"


@pytest.mark.parametrize(
    ("bits", "maximum", "reserved"),
    [
        *((32, 1, PAGE), (32, 5 * PAGE - 1, 5 * PAGE), (32, MB, MB)),
        *((64, 1, 2 * PAGE), (64, 5 * PAGE - 1, 6 * PAGE), (64, MB, MB)),
    ],
)
def test_the_maximum_size_is_reserved_in_whole_pages_of_a_64_bit_process_in_pairs(
    bits: int, maximum: int, reserved: int
) -> None:
    process = heap_process(bits=bits)
    handle = made(process, 0, 0, maximum)
    assert process.regions == {handle: reserved}


def test_an_initial_size_above_the_maximum_is_refused() -> None:
    process = heap_process()
    assert process.run(process.heap_create(0, 2 * PAGE, PAGE)) == 0
    assert process.get_last_error() == c.ERROR_INVALID_PARAMETER
    assert not process.regions


@pytest.mark.parametrize("options", [{"limit": 2 * PAGE - 1}, {"room": 2 * UNIT - PAGE}])
def test_a_heap_that_memory_does_not_suffice_for_is_not_made(options: dict[str, int]) -> None:
    process = heap_process(**options)
    assert process.run(process.heap_create(0, 0, 0)) == 0
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    assert not process.regions
    assert not process.own.heaps


@pytest.mark.parametrize(("bits", "granule"), [(32, 8), (64, 16)])
@pytest.mark.parametrize("mode", ["automatic", "off"])
def test_blocks_are_aligned_to_8_or_16_bytes_and_have_the_size_that_was_asked_for(
    bits: int, granule: int, mode: str
) -> None:
    process = heap_process(bits=bits, low_fragmentation=mode)
    handle = made(process)
    for size in [*range(70), *(64,) * 30, 5000, 600_000]:
        address = alloc(process, handle, size)
        assert address % granule == 0
        assert process.run(process.heap_size(handle, 0, address)) == size


@pytest.mark.parametrize(("bits", "largest"), [(32, 0xFE00 * 8 - 8), (64, 0xFE00 * 16 - 8)])
def test_a_fixed_heaps_largest_block_is_slightly_less_than_512_kb_or_1_mb(bits: int, largest: int) -> None:
    process = heap_process(bits=bits)
    handle = made(process, 0, 0, 4 * MB)
    assert 512 * KB * (bits // 32) - 17 * KB < largest < 512 * KB * (bits // 32)
    assert alloc(process, handle, largest + 1) == 0
    assert alloc(process, handle, largest) != 0
    assert len(process.regions) == 1


def test_a_fixed_heap_never_grows_beyond_its_maximum() -> None:
    process = heap_process()
    handle = made(process, 0, 0, UNIT)
    blocks = 0
    while alloc(process, handle, 1000):
        blocks += 1
    # 1000 bytes and a header of 8; 8 bytes before the first header and 8 at the end aren't used
    assert blocks == (UNIT - 0xA00 - 16) // 1008
    assert len(process.regions) == 1
    assert process.committed == UNIT // PAGE


@pytest.mark.parametrize("size", [UNIT, -1, (1 << 64) - 1])
def test_a_failed_allocation_sets_the_last_error_though_it_is_not_documented(size: int) -> None:
    process = heap_process()
    handle = made(process, 0, 0, UNIT)
    assert alloc(process, handle, size) == 0
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY


@pytest.mark.parametrize(("created", "called"), [(c.HEAP_GENERATE_EXCEPTIONS, 0), (0, c.HEAP_GENERATE_EXCEPTIONS)])
def test_a_failed_allocation_raises_no_memory_if_asked_to(created: int, called: int) -> None:
    process = heap_process()
    handle = made(process, created, 0, UNIT)
    with pytest.raises(WindowsException) as raised:
        alloc(process, handle, UNIT, called)
    assert raised.value.status == c.STATUS_NO_MEMORY
    block = alloc(process, handle, 100, called)
    with pytest.raises(WindowsException):
        process.run(process.heap_realloc(handle, called, block, UNIT))
    assert process.run(process.heap_size(handle, 0, block)) == 100


@pytest.mark.parametrize(
    ("bits", "most", "header", "settings"),
    [
        (32, 0x7F000 - 8, 0x20, {}),
        (64, 0xFE000 - 8, 0x40, {}),
        (32, 0x10000 - 8, 0x20, {"direct": 0x10000}),
        (64, 0x10000 - 8, 0x40, {"direct": 0x10000}),
    ],
)
def test_blocks_above_the_threshold_of_a_growable_heap_are_regions_of_their_own(
    bits: int, most: int, header: int, settings: dict[str, int]
) -> None:
    process = heap_process(bits=bits, **settings)
    handle = made(process)
    inside = alloc(process, handle, most)
    assert inside - header not in process.regions
    large = alloc(process, handle, most + 1)
    assert process.regions[large - header] == (most + 8) // PAGE * PAGE + PAGE
    assert free(process, handle, large)
    assert large - header not in process.regions
    assert not free(process, handle, large)


def test_a_heaps_memory_is_executable_only_if_created_so() -> None:
    process = heap_process()
    plain, code = made(process), made(process, c.HEAP_CREATE_ENABLE_EXECUTE)
    block = alloc(process, code, MB)
    queried = [process.own.space.virtual_query(address).allocation_protect for address in (plain, code, block)]
    assert queried == [c.PAGE_READWRITE, c.PAGE_EXECUTE_READWRITE, c.PAGE_EXECUTE_READWRITE]


def test_freeing_null_succeeds_and_freeing_what_is_no_block_fails() -> None:
    process = heap_process()
    handle = made(process)
    block = alloc(process, handle, 100)
    assert free(process, handle, 0)
    assert not free(process, handle, block + 8)
    assert process.get_last_error() == c.ERROR_INVALID_PARAMETER
    assert free(process, handle, block)
    assert not free(process, handle, block)


@pytest.mark.parametrize("call", ["heap_alloc", "heap_free", "heap_size", "heap_compact", "heap_destroy", "heap_walk"])
def test_a_handle_that_is_none_is_refused(call: str) -> None:
    process = heap_process()
    arguments = {"heap_alloc": (0, 1), "heap_free": (0, 1), "heap_size": (0, 1)}.get(call, ())
    assert process.run(getattr(process, call)(12345, *arguments)) in (0, -1, [])
    assert process.get_last_error() == c.ERROR_INVALID_HANDLE


def test_the_size_of_what_is_no_block_is_minus_one_without_an_error() -> None:
    process = heap_process()
    handle = made(process)
    process.set_last_error(77)
    assert process.run(process.heap_size(handle, 0, 123)) == -1
    assert process.get_last_error() == 77


def test_validate_knows_allocated_blocks_and_sets_no_error() -> None:
    process = heap_process()
    handle = made(process)
    block = alloc(process, handle, 100)
    process.set_last_error(77)
    assert process.run(process.heap_validate(handle, 0, block)) is True
    assert process.run(process.heap_validate(handle)) is True
    free(process, handle, block)
    assert process.run(process.heap_validate(handle, 0, block)) is False
    assert process.get_last_error() == 77


@pytest.mark.parametrize("mode", ["automatic", "off"])
def test_reallocation_in_place_only_never_moves_and_failure_keeps_the_block(mode: str) -> None:
    process = heap_process(low_fragmentation=mode)
    handle = made(process)
    first, second = alloc(process, handle, 100), alloc(process, handle, 100)
    in_place = c.HEAP_REALLOC_IN_PLACE_ONLY
    assert process.run(process.heap_realloc(handle, in_place, first, 5000)) == 0
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    assert process.run(process.heap_size(handle, 0, first)) == 100
    assert process.run(process.heap_realloc(handle, in_place, first, 50)) == first
    assert process.run(process.heap_realloc(handle, in_place, second, 50_000)) == second, "into the gap behind it"
    check(process.own.heaps[handle])


def test_a_block_grows_into_a_free_neighbour_and_moves_if_that_is_too_small() -> None:
    process = heap_process(low_fragmentation="off")
    handle = made(process)
    first, second, third = (alloc(process, handle, 96) for _ in range(3))
    free(process, handle, second)
    assert process.run(process.heap_realloc(handle, 0, first, 200)) == first
    moved = process.run(process.heap_realloc(handle, 0, first, 1000))
    assert moved > third
    assert process.run(process.heap_size(handle, 0, first)) == -1
    check(process.own.heaps[handle])


def test_a_large_block_shrinks_in_place_and_gives_its_pages_back_for_good() -> None:
    process = heap_process()
    handle = made(process)
    in_place = c.HEAP_REALLOC_IN_PLACE_ONLY
    block = alloc(process, handle, MB)
    before = process.committed
    assert process.run(process.heap_realloc(handle, 0, block, 600_000)) == block
    pages = (600_000 + 64) // PAGE + 1
    assert before - process.committed == (MB + 64) // PAGE + 1 - pages
    assert process.run(process.heap_realloc(handle, in_place, block, pages * PAGE - 64)) == block, "its last page"
    assert process.run(process.heap_realloc(handle, in_place, block, pages * PAGE - 63)) == 0
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    moved = process.run(process.heap_realloc(handle, 0, block, 2 * MB))
    assert moved not in (0, block)
    assert block - 64 not in process.regions


def test_destroy_needs_no_frees_and_never_takes_the_process_heap() -> None:
    process = heap_process()
    handle, default = made(process), process.run(process.get_process_heap())
    for size in (10, 100, 5000, MB):
        alloc(process, handle, size)
    assert process.run(process.heap_destroy(handle)) is True
    assert set(process.regions) == {default}
    assert process.run(process.heap_destroy(default)) is False
    assert process.get_last_error() == c.ERROR_INVALID_HANDLE
    assert process.run(process.get_process_heap()) == default
    assert process.run(process.get_process_heaps()) == [default]


def test_walk_gives_regions_blocks_and_uncommitted_ranges_and_ends_with_no_more_items() -> None:
    process = heap_process()
    handle = made(process)
    first, second, third = alloc(process, handle, 100), alloc(process, handle, 200), alloc(process, handle, MB)
    free(process, handle, first)
    entries = process.run(process.heap_walk(handle))
    assert process.get_last_error() == c.ERROR_NO_MORE_ITEMS
    region, *rest = entries
    assert (region.data, region.size, region.flags) == (handle, 0xA00, c.PROCESS_HEAP_REGION)
    assert (region.committed, region.uncommitted) == (2 * PAGE, UNIT - 2 * PAGE)
    assert (region.first, region.last) == (first, handle + UNIT)
    # blocks of 112 and 208 bytes with headers of 8; a free one has its links before what is free, 16 bytes, and twice
    # as much is counted as overhead; the last one ends 56 bytes before the range that isn't committed
    end = handle + 2 * PAGE
    last = second + 208 + 16
    assert [(entry.data, entry.size, entry.overhead, entry.region, entry.flags) for entry in rest] == [
        (first + 16, 112 - 32, 32, 0, 0),
        (second, 200, 8, 0, c.PROCESS_HEAP_ENTRY_BUSY),
        (last, end - 64 - last, 32, 0, 0),
        (end, UNIT - 2 * PAGE, 0, 0, c.PROCESS_HEAP_UNCOMMITTED_RANGE),
        (third, MB, 0, 64, c.PROCESS_HEAP_ENTRY_BUSY),
    ]


def test_compact_gives_the_largest_committed_free_block() -> None:
    process = heap_process()
    handle = made(process)
    room = 2 * PAGE - 0xA00 - 16 - 56  # the header and 8 bytes before it; the range's descriptor
    assert process.run(process.heap_compact(handle)) == room
    alloc(process, handle, room)
    assert process.run(process.heap_compact(handle)) == 0
    assert process.get_last_error() == c.ERROR_SUCCESS


def test_an_error_in_a_heap_ends_the_process_once_that_is_enabled() -> None:
    process = heap_process()
    handle = made(process)
    assert process.run(process.heap_set_information(0, c.HEAP_ENABLE_TERMINATION_ON_CORRUPTION)) is True
    steps = process.heap_free(handle, 0, 123)
    asked: list[Any] = [request for request in steps if isinstance(request, Exit)]
    assert asked == [Exit(c.STATUS_HEAP_CORRUPTION)]


def test_optimize_decommits_all_that_is_free() -> None:
    process = heap_process()
    handle = made(process, 0, 20 * PAGE)
    before = process.committed
    assert process.run(process.heap_set_information(handle, c.HEAP_OPTIMIZE_RESOURCES)) is True
    assert (before, process.committed) == (20, 1), "the heap's own data, and the range's descriptor"
    check(process.own.heaps[handle])
    assert alloc(process, handle, 30_000)
