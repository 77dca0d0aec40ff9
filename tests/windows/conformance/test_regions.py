"""What Wine's tests assert that VirtualQuery shows of each kind of memory, and of calls with a bad process handle."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

QUERY = "[ntdll/info.c: test_queryvirtualmemory]"
READ = "[ntdll/info.c: test_readvirtualmemory]"
EX = "[k32/virtual.c: test_VirtualAllocEx]"
AFFINITY = "[ntdll/info.c: test_affinity]"
DLL: dict[str, Any] = {"images": {"dll": {"size": 2 * UNIT, "dynamic_base": False}}}


def test_virtual_query(rule: Rule) -> None:
    with rule("of an image: one EXECUTE_WRITECOPY allocation, each page with its own protection", QUERY, **DLL) as p:
        base = works(p.load_library("dll"))
        for page, protect in ((0, RO), (1, w.PAGE_EXECUTE_READ), (31, w.PAGE_WRITECOPY)):
            found = works(p.virtual_query(base + page * PAGE))
            assert (found.allocation_base, found.allocation_protect) == (base, w.PAGE_EXECUTE_WRITECOPY)
            assert (found.state, found.type, found.protect) == (COMMIT, w.MEM_IMAGE, protect)
    with rule("of a heap and of a stack: committed and writable", QUERY) as p:
        for address in (works(p.malloc(42)), p.stack() - 42):
            found = works(p.virtual_query(address))
            assert (found.allocation_protect, found.state, found.protect) == (RW, COMMIT, RW)
            assert found.type == w.MEM_PRIVATE


def test_read_process_memory(rule: Rule) -> None:
    with rule("through one's own handle, or the pseudo-handle, all is read", READ) as p:
        handle = works(p.open_process("a"))
        text, buffer = works(p.malloc(12)), works(p.malloc(12))
        for mine in (handle, -1):
            assert p.read_process_memory(mine, text, buffer, 12) == 12
    with rule("of an address that nobody has: 299; of handle 0: 6", READ) as p:
        buffer = works(p.malloc(12))
        p.fails(w.ERROR_PARTIAL_COPY).read_process_memory(-1, 0x1234, buffer, 12)
        p.fails(w.ERROR_INVALID_HANDLE).read_process_memory(0, buffer, buffer, 12)


def test_virtual_alloc_ex(rule: Rule) -> None:
    with rule("a NULL handle is no process's; -1 is one's own", EX) as p:
        base = works(p.virtual_alloc_ex(-1, 0, UNIT, COMMIT, w.PAGE_EXECUTE_READWRITE))
        p.fails(w.ERROR_INVALID_HANDLE).virtual_free_ex(0, base, 0, RELEASE)
        p.fails(w.ERROR_INVALID_HANDLE).virtual_alloc_ex(0, 0, UNIT, COMMIT, w.PAGE_EXECUTE_READWRITE)
        works(p.virtual_free_ex(-1, base, 0, RELEASE))
    with rule("what another process reserves, commits, protects and frees", EX) as p:

        def child(p: Any) -> None:
            p.sleep(10)

        handle = works(p.create_process("b", child))
        p.fails(87).virtual_alloc_ex(handle, 0, 0, w.MEM_RESERVE, w.PAGE_NOACCESS)
        base = works(p.virtual_alloc_ex(handle, 0, 0xFFFC, w.MEM_RESERVE, w.PAGE_NOACCESS))
        found = works(p.virtual_query_ex(handle, base))
        assert (found.base_address, found.allocation_base, found.region_size) == (base, base, UNIT)
        assert (found.state, found.protect, found.allocation_protect) == (w.MEM_RESERVE, 0, w.PAGE_NOACCESS)
        p.fails(487).virtual_protect_ex(handle, base, 0xFFFC, RO)
        assert p.virtual_alloc_ex(handle, base, PAGE, COMMIT, w.PAGE_NOACCESS) == base
        found = works(p.virtual_query_ex(handle, base))
        assert (found.region_size, found.state, found.protect) == (PAGE, COMMIT, w.PAGE_NOACCESS)
        p.fails(487).virtual_protect_ex(handle, base, 0xFFFC, RO)
        assert p.virtual_protect_ex(handle, base, PAGE, RO) == w.PAGE_NOACCESS
        assert p.virtual_protect_ex(handle, base, PAGE, RW) == RO
        p.fails(87).virtual_free_ex(handle, base, UNIT, 0)
        works(p.virtual_free_ex(handle, base, UNIT, w.MEM_DECOMMIT))
        p.fails(87).virtual_free_ex(handle, base, 1, RELEASE)
        works(p.virtual_free_ex(handle, base, 0, RELEASE))
    with rule("what it commits in another process is that process's commit charge", EX) as p:

        def child(p: Any) -> None:
            p.sleep(10)

        handle = works(p.create_process("b", child))
        mine = p.get_process_memory_info().private_usage
        before = p.get_process_memory_info(handle).private_usage
        works(p.virtual_alloc_ex(handle, 0, UNIT, BOTH, RW))
        assert p.get_process_memory_info(handle).private_usage - before == UNIT
        assert p.get_process_memory_info().private_usage == mine


def test_get_system_info(rule: Rule) -> None:
    with rule("the mask of active processors has a bit for each", AFFINITY, processors=5) as p:
        found = works(p.get_system_info())
        assert found.active_processor_mask == (1 << found.number_of_processors) - 1
