"""What Wine's tests assert that VirtualQuery shows of each kind of memory, and of calls with a bad process handle."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import BOTH, COMMIT, PAGE, RELEASE, RO, RW, UNIT, Steps, Table, equal, fails, stack, works

case = Table()
QUERY = "[ntdll/info.c: test_queryvirtualmemory]"
READ = "[ntdll/info.c: test_readvirtualmemory]"
EX = "[k32/virtual.c: test_VirtualAllocEx]"
AFFINITY = "[ntdll/info.c: test_affinity]"
DLL: dict[str, Any] = {"images": {"dll": {"size": 2 * UNIT, "dynamic_base": False}}}


@case("VirtualQuery", "of an image: one EXECUTE_WRITECOPY allocation, each page with its own protection", QUERY, **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    for page, protect in ((0, RO), (1, w.PAGE_EXECUTE_READ), (31, w.PAGE_WRITECOPY)):
        found = yield from works(process.virtual_query(base + page * PAGE))
        equal((found.allocation_base, found.allocation_protect), (base, w.PAGE_EXECUTE_WRITECOPY))
        equal((found.state, found.type, found.protect), (COMMIT, w.MEM_IMAGE, protect))


@case("VirtualQuery", "of a heap and of a stack: committed and writable", QUERY)
def _(process: Any) -> Steps:
    for address in ((yield from works(process.malloc(42))), stack(process) - 42):
        found = yield from works(process.virtual_query(address))
        equal((found.allocation_protect, found.state, found.protect), (RW, COMMIT, RW))
        equal(found.type, w.MEM_PRIVATE)


@case("ReadProcessMemory", "through one's own handle, or the pseudo-handle, all is read", READ)
def _(process: Any) -> Steps:
    handle = yield from works(process.open_process("a"))
    text, buffer = (yield from works(process.malloc(12))), (yield from works(process.malloc(12)))
    for mine in (handle, -1):
        equal((yield from process.read_process_memory(mine, text, buffer, 12)), 12)


@case("ReadProcessMemory", "of an address that nobody has: 299; of handle 0: 6", READ)
def _(process: Any) -> Steps:
    buffer = yield from works(process.malloc(12))
    yield from fails(process, w.ERROR_PARTIAL_COPY, process.read_process_memory(-1, 0x1234, buffer, 12))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.read_process_memory(0, buffer, buffer, 12))


@case("VirtualAllocEx", "a NULL handle is no process's; -1 is one's own", EX)
def _(process: Any) -> Steps:
    base = yield from works(process.virtual_alloc_ex(-1, 0, UNIT, COMMIT, w.PAGE_EXECUTE_READWRITE))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.virtual_free_ex(0, base, 0, RELEASE))
    call = process.virtual_alloc_ex(0, 0, UNIT, COMMIT, w.PAGE_EXECUTE_READWRITE)
    yield from fails(process, w.ERROR_INVALID_HANDLE, call)
    yield from works(process.virtual_free_ex(-1, base, 0, RELEASE))


@case("VirtualAllocEx", "what another process reserves, commits, protects and frees", EX)
def _(process: Any) -> Steps:
    def child(process: Any) -> Steps:
        yield from process.sleep(10)

    handle = yield from works(process.create_process("b", child))
    yield from fails(process, 87, process.virtual_alloc_ex(handle, 0, 0, w.MEM_RESERVE, w.PAGE_NOACCESS))
    base = yield from works(process.virtual_alloc_ex(handle, 0, 0xFFFC, w.MEM_RESERVE, w.PAGE_NOACCESS))
    found = yield from works(process.virtual_query_ex(handle, base))
    equal((found.base_address, found.allocation_base, found.region_size), (base, base, UNIT))
    equal((found.state, found.protect, found.allocation_protect), (w.MEM_RESERVE, 0, w.PAGE_NOACCESS))
    yield from fails(process, 487, process.virtual_protect_ex(handle, base, 0xFFFC, RO))
    equal((yield from process.virtual_alloc_ex(handle, base, PAGE, COMMIT, w.PAGE_NOACCESS)), base)
    found = yield from works(process.virtual_query_ex(handle, base))
    equal((found.region_size, found.state, found.protect), (PAGE, COMMIT, w.PAGE_NOACCESS))
    yield from fails(process, 487, process.virtual_protect_ex(handle, base, 0xFFFC, RO))
    equal((yield from process.virtual_protect_ex(handle, base, PAGE, RO)), w.PAGE_NOACCESS)
    equal((yield from process.virtual_protect_ex(handle, base, PAGE, RW)), RO)
    yield from fails(process, 87, process.virtual_free_ex(handle, base, UNIT, 0))
    yield from works(process.virtual_free_ex(handle, base, UNIT, w.MEM_DECOMMIT))
    yield from fails(process, 87, process.virtual_free_ex(handle, base, 1, RELEASE))
    yield from works(process.virtual_free_ex(handle, base, 0, RELEASE))


@case("VirtualAllocEx", "what it commits in another process is that process's commit charge", EX)
def _(process: Any) -> Steps:
    def child(process: Any) -> Steps:
        yield from process.sleep(10)

    handle = yield from works(process.create_process("b", child))
    mine = (yield from process.get_process_memory_info()).private_usage
    before = (yield from process.get_process_memory_info(handle)).private_usage
    yield from works(process.virtual_alloc_ex(handle, 0, UNIT, BOTH, RW))
    equal((yield from process.get_process_memory_info(handle)).private_usage - before, UNIT)
    equal((yield from process.get_process_memory_info()).private_usage, mine)


@case("GetSystemInfo", "the mask of active processors has a bit for each", AFFINITY, processors=5)
def _(process: Any) -> Steps:
    found = yield from works(process.get_system_info())
    equal(found.active_processor_mask, (1 << found.number_of_processors) - 1)
