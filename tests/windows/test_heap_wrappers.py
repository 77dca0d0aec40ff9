"""Global and Local functions, malloc and new: wrappers of the process heap."""

from __future__ import annotations

import pytest

from simulator.windows import constants as c
from simulator.windows.failure import WindowsException
from tests.windows.small_system import PAGE, SmallProcess, heap_process

MOVEABLE, ZERO, MODIFY, DISCARDABLE = c.GMEM_MOVEABLE, c.GMEM_ZEROINIT, c.GMEM_MODIFY, c.GMEM_DISCARDABLE
SHOWN = {"global": c.GMEM_DISCARDABLE, "local": c.LMEM_DISCARDABLE}
PREFIXES = pytest.mark.parametrize("prefix", ["global", "local"])
BITS = pytest.mark.parametrize("bits", [32, 64])


class Short:
    """The Global or the Local functions of a process."""

    def __init__(self, prefix: str, process: SmallProcess) -> None:
        self.prefix, self.process = prefix, process

    def __call__(self, name: str, *arguments: int) -> int:
        result: int = self.process.run(getattr(self.process, f"{self.prefix}_{name}")(*arguments))
        return result

    def flags(self, memory: int) -> int:
        found: int = self("flags", memory)
        return found


@PREFIXES
@BITS
def test_fixed_memory_is_a_block_of_the_process_heap(prefix: str, bits: int) -> None:
    process = heap_process(bits=bits)
    call = Short(prefix, process)
    block = call("alloc", 0, 100)
    heap = process.run(process.get_process_heap())
    assert process.run(process.heap_size(heap, 0, block)) == call("size", block) == 100
    assert block % 8 == 0
    assert call("lock", block) == block
    assert call("unlock", block) is (prefix == "global")
    assert call.flags(block) == 0
    assert call("free", block) == 0
    assert call("free", block) == block
    assert process.get_last_error() == c.ERROR_INVALID_HANDLE


@PREFIXES
@BITS
def test_moveable_memory_is_a_handle_that_locking_turns_into_a_pointer(prefix: str, bits: int) -> None:
    process = heap_process(bits=bits)
    call = Short(prefix, process)
    handle = call("alloc", MOVEABLE, 100)
    pointer = call("lock", handle)
    assert pointer not in (0, handle)
    assert call("lock", handle) == pointer
    assert call.flags(handle) == 2
    assert call("handle", pointer) == handle
    assert call("unlock", handle) is True
    process.set_last_error(77)
    assert call("unlock", handle) is False
    assert process.get_last_error() == c.ERROR_SUCCESS
    assert call("unlock", handle) is False
    assert process.get_last_error() == c.ERROR_NOT_LOCKED
    assert call("free", handle) == 0
    assert call("lock", handle) == 0
    assert process.get_last_error() == c.ERROR_INVALID_HANDLE
    assert call.flags(handle) == c.GMEM_INVALID_HANDLE


@PREFIXES
def test_size_0_makes_a_discarded_object_that_reallocation_brings_back(prefix: str) -> None:
    process = heap_process()
    call = Short(prefix, process)
    handle = call("alloc", MOVEABLE | DISCARDABLE, 0)
    assert call.flags(handle) == c.GMEM_DISCARDED | SHOWN[prefix]
    assert call("lock", handle) == 0
    assert process.get_last_error() == c.ERROR_DISCARDED
    assert call("size", handle) == 0
    assert call("realloc", handle, 500, MOVEABLE) == handle
    assert call("size", handle) == 500
    call("lock", handle)
    assert call("realloc", handle, 0, MOVEABLE) == 0, "it is locked"
    call("unlock", handle)
    assert call("realloc", handle, 0, MOVEABLE) == handle
    assert call.flags(handle) & c.GMEM_DISCARDED


@PREFIXES
def test_a_handle_stays_when_its_block_moves_and_a_fixed_block_moves_only_if_allowed(prefix: str) -> None:
    process = heap_process()
    call = Short(prefix, process)
    handle, fixed, _ = call("alloc", MOVEABLE, 100), call("alloc", 0, 100), call("alloc", 0, 100)
    before = call("lock", handle)
    assert call("realloc", handle, 30_000, 0) == 0, "locked"
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    assert call("realloc", handle, 30_000, MOVEABLE) == handle
    call("unlock", handle)
    assert call("lock", handle) != before
    assert call("realloc", fixed, 50_000, 0) == 0
    moved = call("realloc", fixed, 50_000, MOVEABLE)
    assert moved not in (0, fixed)
    assert call("size", moved) == 50_000


@PREFIXES
def test_modify_changes_attributes(prefix: str) -> None:
    process = heap_process()
    call = Short(prefix, process)
    handle, fixed = call("alloc", MOVEABLE, 100), call("alloc", 0, 3 * PAGE)
    assert call("realloc", handle, 0, MODIFY | DISCARDABLE) == handle
    assert call.flags(handle) == SHOWN[prefix]
    assert call("realloc", handle, 0, MODIFY) == handle
    assert call.flags(handle) == 0
    assert call("realloc", fixed, 0, MODIFY) == fixed
    assert call("size", fixed) == 3 * PAGE


def test_only_the_global_functions_make_fixed_memory_moveable() -> None:
    process = heap_process()
    local, call = Short("local", process), Short("global", process)
    fixed = local("alloc", 0, 3 * PAGE)
    assert local("realloc", fixed, 0, MODIFY | MOVEABLE) == fixed
    made = call("realloc", fixed, 0, MODIFY | MOVEABLE)
    assert made not in (0, fixed)
    assert call("lock", made) not in (0, fixed)
    assert call("size", made) == 3 * PAGE
    assert call("free", fixed) == fixed, "it is gone"


@PREFIXES
def test_undefined_flags_and_too_much_memory_are_refused(prefix: str) -> None:
    process = heap_process(limit=100 * PAGE)
    call = Short(prefix, process)
    assert call("alloc", 0x8000, 100) == 0
    assert process.get_last_error() == c.ERROR_INVALID_PARAMETER
    for flags in (0, MOVEABLE):
        assert call("alloc", flags, 1 << 20) == 0
        assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    assert call("free", 0) == 0


def test_moveable_memory_has_its_handle_behind_its_data() -> None:
    process = heap_process(low_fragmentation="off")
    call = Short("global", process)
    first, second = (call("lock", call("alloc", MOVEABLE, 100)) for _ in range(2))
    assert second - first == 128, "100 bytes, a header of 8, two pointers"
    assert call("size", call("handle", first)) == 100
    large = call("lock", call("alloc", MOVEABLE, 0x100000 - 0x40))
    assert process.regions[large - 0x40] == 0x100000, "a large block has room for it in its header"
    handle = call("handle", first)
    assert call("realloc", handle, 112, MOVEABLE) == handle
    assert call("lock", handle) != first, "112 bytes don't fit with it"


@PREFIXES
@pytest.mark.parametrize("name", ["alloc", "lock", "size", "flags", "handle", "unlock", "free"])
def test_wrappers_do_work_of_their_own(prefix: str, name: str) -> None:
    process = heap_process(low_fragmentation="off")
    heap = process.run(process.get_process_heap())
    plain, block = process.run(process.heap_alloc(heap, 0, 100)), process.run(process.heap_alloc(heap, 0, 100))
    process.settle()
    process.time = 0
    inner = {"alloc": process.heap_alloc(heap, 0, 100), "size": process.heap_size(heap, 0, plain)}
    inner["free"] = process.heap_free(heap, 0, plain)
    if name in inner:
        process.run(inner[name])
        process.settle()
    before, process.time = process.time, 0
    Short(prefix, process)(name, *((0, 100) if name == "alloc" else (block,)))
    process.settle()
    assert process.time == before + 40


def test_a_process_has_at_most_65536_moveable_objects_in_a_table_committed_page_by_page() -> None:
    process = heap_process()
    process.run(process.global_alloc(MOVEABLE, 0))
    before = process.committed
    for _ in range(256):
        process.run(process.global_alloc(MOVEABLE, 0))
    assert process.committed == before + 1
    for _ in range(0x10000 - 257):
        assert process.run(process.global_alloc(MOVEABLE, 0))
    assert process.run(process.global_alloc(MOVEABLE, 0)) == 0
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY


def test_zeroinit_and_calloc_zero_the_memory() -> None:
    process = heap_process()
    for steps in (process.global_alloc(ZERO, 2 * PAGE), process.calloc(2, PAGE)):
        process.settle()
        process.stores.clear()
        block = process.run(steps)
        process.settle()
        assert process.stores[block // PAGE + 1] == 64


def test_malloc_calloc_and_realloc_are_the_process_heaps() -> None:
    process = heap_process()
    block = process.run(process.malloc(0))
    heap = process.run(process.get_process_heap())
    assert process.run(process.heap_size(heap, 0, block)) == 1
    block = process.run(process.realloc(block, 100))
    assert process.run(process.heap_size(heap, 0, block)) == 100
    other = process.run(process.realloc(0, 50))
    assert process.run(process.heap_size(heap, 0, other)) == 50
    assert process.run(process.realloc(block, 0)) == 0
    assert process.run(process.heap_size(heap, 0, block)) == -1
    process.run(process.free(other))
    process.run(process.free(0))
    assert process.run(process.heap_size(heap, 0, other)) == -1


def test_new_raises_bad_alloc_where_malloc_gives_null() -> None:
    process = heap_process(limit=100 * PAGE)
    assert process.run(process.malloc(1 << 20)) == 0
    with pytest.raises(WindowsException) as raised:
        process.run(process.new(1 << 20))
    assert raised.value.status == 0xE06D7363
    block = process.run(process.new(100))
    process.run(process.delete(block))
    process.run(process.delete(0))
    assert not process.own.heaps[process.own.heaps.process].busy
