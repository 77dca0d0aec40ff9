"""VirtualQuery: which pages make a run, and what is said of it."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

FREE_PLACE = 0x2000_0000


def test_virtual_query(rule: Rule) -> None:
    with rule("the address is rounded down to a page, and the run begins there", "[VirtualQuery]") as p:
        base = p.region(8)
        found = p.virtual_query(base + 2 * PAGE + 77)
        assert (found.base_address, found.region_size) == (base + 2 * PAGE, 6 * PAGE)
        assert found.allocation_base == base
    with rule("a run ends where the state changes", "[VirtualQuery]") as p:
        base = p.region(8, RESERVE)
        works(p.virtual_alloc(base + 3 * PAGE, 2 * PAGE, COMMIT, RW))
        runs = [p.query(base + i * PAGE) for i in (0, 3, 5)]
        assert runs == [(3, RESERVE, 0), (2, COMMIT, RW), (3, RESERVE, 0)]
    with rule("a run ends where the protection changes", "[VirtualQuery]") as p:
        base = p.region(8)
        works(p.virtual_protect(base + 3 * PAGE, 2 * PAGE, RO))
        runs = [p.query(base + i * PAGE) for i in (0, 3, 5)]
        assert runs == [(3, COMMIT, RW), (2, COMMIT, RO), (3, COMMIT, RW)]
    with rule("a run ends where the allocation ends, though the next is alike", "[VirtualQuery]") as p:
        p.region(16, at=FREE_PLACE)
        p.region(16, at=FREE_PLACE + UNIT)
        found = p.virtual_query(FREE_PLACE + UNIT)
        assert p.query(FREE_PLACE) == (16, COMMIT, RW)
        assert found.allocation_base == FREE_PLACE + UNIT
    with rule("protections that became alike again make one run", "[VirtualQuery]") as p:
        base = p.region(8)
        works(p.virtual_protect(base + 3 * PAGE, 2 * PAGE, RO))
        works(p.virtual_protect(base + 3 * PAGE, 2 * PAGE, RW))
        assert p.query(base) == (8, COMMIT, RW)
    with rule("pages committed one by one make one run", "[VirtualQuery]") as p:
        base = p.region(8, RESERVE)
        for page in (1, 0, 3, 2):
            works(p.virtual_alloc(base + page * PAGE, PAGE, COMMIT, RW))
        assert p.query(base) == (4, COMMIT, RW)
    with rule("touching pages doesn't divide a run", "[VirtualQuery]") as p:
        base = p.region(8)
        p.write(base + 3 * PAGE, PAGE)
        assert p.query(base) == (8, COMMIT, RW)
    with rule("free pages have no allocation, no type, no access", "[MEMORY_BASIC_INFORMATION]") as p:
        found = p.virtual_query(FREE_PLACE)
        assert (found.state, found.allocation_base, found.allocation_protect, found.type) == (w.MEM_FREE, 0, 0, 0)
        assert found.protect == w.PAGE_NOACCESS
    with rule("a free run goes up to the next allocation", "[VirtualQuery]") as p:
        p.region(16, at=FREE_PLACE + 4 * UNIT)
        found = p.virtual_query(FREE_PLACE + PAGE)
        assert (found.base_address, found.region_size) == (FREE_PLACE + PAGE, 4 * UNIT - PAGE)


def test_query_of_free_addresses(rule: Rule) -> None:
    with rule("the rest of a 64 KiB unit is free, though it can't be reserved", "[VirtualQuery]") as p:
        p.region(3, at=FREE_PLACE)
        found = p.virtual_query(FREE_PLACE + 3 * PAGE)
        assert (found.state, found.base_address) == (w.MEM_FREE, FREE_PLACE + 3 * PAGE)
    with rule("private memory has type MEM_PRIVATE", "[MEMORY_BASIC_INFORMATION]") as p:
        base = p.region()
        assert p.virtual_query(base).type == w.MEM_PRIVATE
    with rule("a view of a section has type MEM_MAPPED", "[MEMORY_BASIC_INFORMATION]") as p:
        base = p.view()
        assert p.virtual_query(base).type == w.MEM_MAPPED
    with rule(
        "a page that copy-on-write made private still says MEM_MAPPED", "MODEL section 1", files={"data": UNIT}
    ) as p:
        base = p.mapped(protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
        p.write(base + PAGE, 1)
        assert p.virtual_query(base + PAGE).type == w.MEM_MAPPED
        records = p.query_working_set_ex([base + PAGE])
        assert not records[0].shared
    with rule("the initial protection of the allocation is remembered", "[MEMORY_BASIC_INFORMATION]") as p:
        base = p.region()
        works(p.virtual_protect(base, 16 * PAGE, RO))
        found = p.virtual_query(base)
        assert (found.allocation_protect, found.protect) == (RW, RO)
    with rule("the protection of the reservation is the allocation's", "[MEMORY_BASIC_INFORMATION]") as p:
        base = p.region(4, RESERVE, RO)
        works(p.virtual_alloc(base, PAGE, COMMIT, RW))
        found = p.virtual_query(base)
        assert (found.allocation_protect, found.protect) == (RO, RW)
    with rule("guard pages are a run of their own, with the modifier", "[Memory Protection Constants]") as p:
        base = p.region(4)
        works(p.virtual_protect(base + PAGE, PAGE, RW | GUARD))
        assert p.query(base + PAGE) == (1, COMMIT, RW | GUARD)
    with rule("an address above user space is refused", "[VirtualQuery]", bits=32) as p:
        p.fails(PARAMETER).virtual_query(0x8000_0000)
    with rule("address 0 is free", "[VirtualQuery]") as p:
        found = p.virtual_query(0)
        assert (found.state, found.base_address) == (w.MEM_FREE, 0)


def test_query_run_by_run(rule: Rule) -> None:
    with rule("walking run by run covers the whole address space", "[VirtualQuery]", bits=32) as p:
        p.region(5)
        p.region(5, RESERVE)
        address = 0
        found = p.virtual_query(address)
        while found:
            assert found.base_address == address
            address += found.region_size
            p.set_last_error(0)
            found = p.virtual_query(address)
        assert p.get_last_error() == PARAMETER
        assert address > 0x7FF0_0000


def test_virtual_query_ex(rule: Rule) -> None:
    with rule("says the same of another process's memory", "[VirtualQueryEx]") as p:
        bases: list[int] = []

        def holder(target: Any) -> None:
            bases.append(target.region(7, BOTH, RO))
            target.sleep(1000)

        handle = works(p.create_process("b", holder))
        p.sleep(10)
        found = p.virtual_query_ex(handle, bases[0])
        assert (found.region_size, found.protect) == (7 * PAGE, RO)
    with rule("takes handles of processes only", "[VirtualQueryEx]") as p:
        event = works(p.create_event())
        p.fails(w.ERROR_INVALID_HANDLE).virtual_query_ex(event, 0)
        p.fails(w.ERROR_INVALID_HANDLE).virtual_query_ex(0x7777770, 0)


def test_query_of_decommitted_pages(rule: Rule) -> None:
    with rule("decommitted pages join the reserved run beside them", "[VirtualQuery]") as p:
        base = p.region(8, RESERVE)
        works(p.virtual_alloc(base, 4 * PAGE, COMMIT, RW))
        works(p.virtual_free(base + 2 * PAGE, 2 * PAGE, DECOMMIT))
        assert p.query(base + 2 * PAGE) == (6, RESERVE, 0)
