"""What Wine's tests of psapi assert, step by step: QueryWorkingSetEx, GetPerformanceInfo, GetProcessMemoryInfo."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WORKING_SET = "[psapi/psapi_main.c: test_QueryWorkingSetEx]"
PERFORMANCE = "[psapi/psapi_main.c: test_GetPerformanceInfo]"
MEMORY = "[psapi/psapi_main.c: test_GetProcessMemoryInfo]"
CHANGES = "[psapi/psapi_main.c: test_ws_functions]"
COUNTERS = "[ntdll/info.c: test_query_process_vm]"
DLL: dict[str, Any] = {"images": {"dll": {"size": 2 * UNIT, "dynamic_base": False}}}
NO_HANDLE = 0


def shown(p: Any, address: int) -> Any:
    """(valid, protection, shared) of a page, what must hold of the rest being looked at."""
    (found,) = p.query_working_set_ex([address])
    assert (found.node, found.large_page) == (0, False)
    assert (found.share_count > 0) == (found.valid and found.shared)
    return found.valid, found.win32_protection, found.shared


def test_query_working_set_ex(rule: Rule) -> None:
    with rule("a page of an image: valid once touched, shared all the time", WORKING_SET, **DLL) as p:
        base = works(p.load_library("dll"))
        p.read(base)
        assert shown(p, base) == (True, RO, True)
        assert p.virtual_protect(base, PAGE, NOACCESS) == RO
        assert shown(p, base) == (False, 0, True)
        assert p.virtual_protect(base, PAGE, RO) == NOACCESS
        assert shown(p, base) == (False, 0, True)
        p.read(base)
        assert shown(p, base) == (True, RO, True)
    with rule("a private page: valid once touched, never shared", WORKING_SET) as p:
        base = p.region(1)
        assert shown(p, base) == (False, 0, False)
        p.read(base)
        assert shown(p, base) == (True, RW, False)
        p.write(base)
        assert shown(p, base) == (True, RW, False)
    with rule("protecting a private page from access makes it invalid until it is touched", WORKING_SET) as p:
        base = p.region(1)
        p.write(base)
        assert p.virtual_protect(base, PAGE, NOACCESS) == RW
        assert shown(p, base) == (False, 0, False)
        assert p.virtual_protect(base, PAGE, RW) == NOACCESS
        assert shown(p, base) == (False, 0, False)
        p.read(base)
        assert shown(p, base) == (True, RW, False)
    with rule("a page that was freed is invalid", WORKING_SET) as p:
        base = p.region(1)
        p.write(base)
        works(p.virtual_free(base, 0, RELEASE))
        assert shown(p, base) == (False, 0, False)


def test_get_performance_info(rule: Rule) -> None:
    with rule("KernelTotal is both pools, and memory and pages are GetSystemInfo's", PERFORMANCE) as p:
        found = works(p.get_performance_info())
        assert found.kernel_total == found.kernel_paged + found.kernel_nonpaged
        status = p.global_memory_status_ex()
        assert found.physical_total * found.page_size == status.total_phys
        assert found.page_size == p.get_system_info().page_size
        assert found.commit_peak >= found.commit_total > 0
        assert found.commit_limit >= found.commit_total
    with rule("counts handles, processes and threads of all processes", PERFORMANCE) as p:

        def child(p: Any) -> None:
            works(p.create_event())
            p.sleep(10)

        before = works(p.get_performance_info())
        works(p.create_process("b", child))
        p.sleep(1)
        after = works(p.get_performance_info())
        assert after.process_count - before.process_count == 1
        assert after.thread_count - before.thread_count == 1
        assert after.handle_count - before.handle_count == 2  # the child's event, and this one's handle to the child


def test_get_process_memory_info(rule: Rule) -> None:
    with rule("refuses a handle of no process, and takes one to oneself", MEMORY) as p:
        p.fails(w.ERROR_INVALID_HANDLE).get_process_memory_info(NO_HANDLE)
        handle = works(p.open_process("a"))
        p.write(p.region(1))
        mine, through = p.get_process_memory_info(), p.get_process_memory_info(handle)
        assert mine.private_usage == through.private_usage
        assert mine.working_set_size > 0


def test_empty_working_set(rule: Rule) -> None:
    with rule("refuses a handle of no process, and takes one to oneself", CHANGES) as p:
        p.fails(w.ERROR_INVALID_HANDLE).empty_working_set(NO_HANDLE)
        handle = works(p.open_process("a"))
        base = p.region(1)
        p.write(base)
        works(p.empty_working_set(handle))
        assert shown(p, base) == (False, 0, False)
        assert p.get_process_memory_info().working_set_size == 0


def virtual_size(p: Any) -> Any:
    """Bytes of address space that the process has reserved or committed."""
    found = works(p.global_memory_status_ex())
    return found.total_virtual - found.avail_virtual


def test_process_vm_counters(rule: Rule) -> None:
    with rule("PrivateUsage is PagefileUsage, whatever is allocated", COUNTERS) as p:
        for kind in (BOTH, RESERVE):
            base = works(p.virtual_alloc(0, MiB, kind, RW))
            found = p.get_process_memory_info()
            assert found.private_usage == found.pagefile_usage
            assert found.pagefile_usage > 0
            works(p.virtual_free(base, 0, RELEASE))
            found = p.get_process_memory_info()
            assert found.private_usage == found.pagefile_usage
    with rule("VirtualSize grows with reserving, and not with committing", COUNTERS) as p:
        before = virtual_size(p)
        base = works(p.virtual_alloc(0, MiB, BOTH, RW))
        assert virtual_size(p) == before + MiB
        works(p.virtual_free(base, 0, RELEASE))
        assert virtual_size(p) == before
        base = works(p.virtual_alloc(0, MiB, RESERVE, RW))
        assert virtual_size(p) == before + MiB
        works(p.virtual_alloc(base, MiB, w.MEM_COMMIT, RW))
        assert virtual_size(p) == before + MiB
