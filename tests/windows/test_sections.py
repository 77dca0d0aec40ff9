"""Sections and views: what is shared, what is copied, what it costs, and when it ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.windows import constants as w
from simulator.windows.failure import Failure
from simulator.windows.segment import PagingSegment
from tests.windows.harness import (
    PAGE,
    RW,
    UNIT,
    Steps,
    charge,
    equal,
    fails,
    mapped,
    other,
    raises,
    run,
    section,
    works,
)

NOWHERE = w.INVALID_HANDLE_VALUE
WRITE, READ, COPY = w.FILE_MAP_WRITE, w.FILE_MAP_READ, w.FILE_MAP_COPY


def shown(process: Any, address: int, pages: int = 1) -> list[int]:
    """The contents that pages show."""
    entries = process.own.space.entries(address, pages * PAGE)
    found: list[int] = process.system.pages.state_of(entries)["content"].tolist()
    return found


def held(process: Any) -> tuple[int, int, int]:
    """Commit charge, available pages (when nothing is in a working set any more), and bytes of prototype PTEs."""
    system = process.system
    table = system.pool.table()
    prototypes = int(table["bytes"][table["tag"] == "MmSt"].sum())
    return system.pages.commit_total(), system.pages.commit(process.own.number), prototypes


def test_views_of_one_file_show_the_same_whatever_mapping_object_and_process_they_are_of() -> None:
    def reader(process: Any, contents: list[int]) -> Steps:
        address = yield from mapped(process)
        yield process.read(address, 2 * PAGE)
        equal(shown(process, address, 2), contents)
        share = process.system.pages.state_of(process.own.space.entries(address, PAGE))["share"]
        equal(share.tolist(), [3])

    def program(process: Any) -> Steps:
        first = yield from mapped(process)
        second = yield from mapped(process)
        assert first != second
        yield process.write(first, 2 * PAGE)
        yield process.read(second, 2 * PAGE)
        contents = shown(process, first, 2)
        equal(shown(process, second, 2), contents)
        assert len(set(contents)) == 2
        equal((yield from other(process, reader, contents=contents)), 0)

    run(program, files={"data": 4 * PAGE})


def test_a_view_with_an_offset_shows_that_part() -> None:
    def program(process: Any) -> Steps:
        handle = yield from section(process, 40)
        whole = yield from works(process.map_view_of_file(handle, WRITE))
        part = yield from works(process.map_view_of_file(handle, READ, UNIT, 3 * PAGE))
        yield process.read(part, 3 * PAGE)
        equal(shown(process, part, 3), shown(process, whole + UNIT, 3))

    run(program)


def test_a_store_to_a_copy_on_write_view_changes_this_view_only() -> None:
    def program(process: Any) -> Steps:
        shared = yield from mapped(process)
        before = yield from charge(process)
        copied = yield from mapped(process, protect=w.PAGE_READONLY, access=COPY)
        table = 1  # a page table that the view's addresses may need
        after = yield from charge(process)
        assert 4 <= after - before <= 4 + table
        yield process.read(copied, 4 * PAGE)
        equal(shown(process, copied, 4), shown(process, shared, 4))
        yield process.write(copied + PAGE, 8)
        different = [a != b for a, b in zip(shown(process, copied, 4), shown(process, shared, 4), strict=True)]
        equal(different, [False, True, False, False])
        yield from works(process.unmap_view_of_file(copied))
        equal(process.own.space.system.pages.commit_total() <= before + table, True)

    done = run(program, files={"data": 4 * PAGE})
    assert "copy on write" in done.kinds() or "copy-on-write" in done.kinds()


def test_a_page_of_a_reserving_section_is_committed_for_all_its_views_at_once_and_for_good() -> None:
    def peer(process: Any) -> Steps:
        handle = yield from works(process.open_file_mapping(WRITE, "shared"))
        address = yield from works(process.map_view_of_file(handle, WRITE))
        yield process.write(address + PAGE, PAGE)
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.read(address + 2 * PAGE, 1), 0, address + 2 * PAGE)
        before = process.system.pages.commit_total()
        yield from works(process.virtual_alloc(address + 2 * PAGE, PAGE, w.MEM_COMMIT, RW))
        equal(process.system.pages.commit_total() - before, 1)
        yield from works(process.virtual_alloc(address + PAGE, 2 * PAGE, w.MEM_COMMIT, RW))
        equal(process.system.pages.commit_total() - before, 1, "committed again")

    def program(process: Any) -> Steps:
        before = process.system.pages.commit_total()
        handle = yield from section(process, 16, RW | w.SEC_RESERVE, "shared")
        equal(process.system.pages.commit_total() - before <= 1, True)
        first = yield from works(process.map_view_of_file(handle, WRITE))
        second = yield from works(process.map_view_of_file(handle, WRITE))
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(first + PAGE, 1), 1, first + PAGE)
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(second + PAGE, 1), 1, second + PAGE)
        yield from works(process.virtual_alloc(first + PAGE, PAGE, w.MEM_COMMIT, RW))
        yield process.write(first + PAGE, PAGE)
        yield process.read(second + PAGE, PAGE)
        equal(shown(process, first + PAGE), shown(process, second + PAGE))
        equal((yield from other(process, peer)), 0)
        yield process.read(first + 2 * PAGE, 1)
        yield from fails(process, w.ERROR_INVALID_PARAMETER, process.virtual_free(first + PAGE, PAGE, w.MEM_DECOMMIT))
        found = yield process.virtual_query(second)
        equal((found.state, found.region_size), (w.MEM_RESERVE, PAGE))
        found = yield process.virtual_query(second + PAGE)
        equal((found.state, found.region_size), (w.MEM_COMMIT, 2 * PAGE))

    run(program)


@pytest.mark.parametrize("handle_first", [True, False])
@pytest.mark.parametrize("file", [True, False])
def test_a_section_lives_until_handles_and_views_are_gone_in_any_order(handle_first: bool, file: bool) -> None:
    def program(process: Any) -> Steps:
        view = yield from works(process.virtual_alloc(0, UNIT, w.MEM_RESERVE, RW))
        yield process.virtual_free(view, 0, w.MEM_RELEASE)
        before = held(process)
        opened = (yield from works(process.create_file("data"))) if file else NOWHERE
        handle = yield from works(process.create_file_mapping(opened, RW, 4 * PAGE))
        address = yield from works(process.map_view_of_file(handle, WRITE))
        second = yield from works(process.map_view_of_file(handle, WRITE))
        if file:
            yield from works(process.close_handle(opened))
        yield process.write(address, 4 * PAGE)
        ends = [process.close_handle(handle), process.unmap_view_of_file(address)]
        for end in ends if handle_first else reversed(ends):
            assert held(process)[2] > 0
            yield from works(end)
        yield process.read(second, 4 * PAGE)
        assert held(process)[2] == before[2] + 4 * 8 + 16
        yield from works(process.unmap_view_of_file(second))
        equal(held(process)[2], before[2], "prototype PTEs")
        equal(process.system.files["data"].segment, None)
        equal(held(process)[1], before[1], "commit charge")

    run(program, files={"data": 4 * PAGE})


def test_a_named_section_is_found_with_its_own_size_and_loses_its_name_with_its_last_handle() -> None:
    def program(process: Any) -> Steps:
        handle = yield from section(process, 4, RW, "name")
        equal(process.get_last_error(), 0)
        again = yield from works(process.create_file_mapping(NOWHERE, RW, 64 * PAGE, "name"))
        equal(process.get_last_error(), w.ERROR_ALREADY_EXISTS)
        yield from fails(process, 5, process.map_view_of_file(again, WRITE, 0, 5 * PAGE))
        opened = yield from works(process.open_file_mapping(READ, "Local\\name"))
        yield from fails(process, 5, process.map_view_of_file(opened, WRITE))
        address = yield from works(process.map_view_of_file(opened, READ))
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(address, 1), 1, address)
        yield from works(process.create_event(name="event"))
        yield from fails(process, 6, process.create_file_mapping(NOWHERE, RW, PAGE, "event"))
        yield from fails(process, 6, process.open_file_mapping(READ, "event"))
        for number in (handle, again, opened):
            yield from works(process.close_handle(number))
        yield from fails(process, 2, process.open_file_mapping(READ, "name"))
        yield process.read(address, PAGE)

    run(program)


def test_a_section_beyond_the_commit_limit_fails_and_leaves_nothing() -> None:
    def program(process: Any) -> Steps:
        handle = yield from section(process, 1)
        yield from works(process.close_handle(handle))
        before = held(process)
        yield from fails(process, 1455, process.create_file_mapping(NOWHERE, RW, 4096 * PAGE, "big"))
        equal(held(process), before)
        yield from fails(process, 2, process.open_file_mapping(READ, "big"))
        file = yield from works(process.create_file("data"))
        handle = yield from works(process.create_file_mapping(file, w.PAGE_WRITECOPY))
        yield from works(process.map_view_of_file(handle, READ))
        before = held(process)
        yield from fails(process, 1455, process.map_view_of_file(handle, COPY))
        equal(held(process), before)

    run(program, files={"data": 4096 * PAGE})


@pytest.mark.parametrize(
    ("protect", "allowed"),
    [
        (w.PAGE_READONLY, {READ, COPY}),
        (w.PAGE_READWRITE, {READ, COPY, WRITE}),
        (w.PAGE_WRITECOPY, {READ, COPY}),
        (w.PAGE_EXECUTE_READ, {READ, COPY, READ | w.FILE_MAP_EXECUTE}),
        (w.PAGE_EXECUTE_READWRITE, {READ, COPY, WRITE, READ | w.FILE_MAP_EXECUTE, WRITE | w.FILE_MAP_EXECUTE}),
    ],
)
def test_a_view_can_have_what_its_section_has(protect: int, allowed: set[int]) -> None:
    def program(process: Any) -> Steps:
        handle = yield from section(process, 1, protect)
        for access in (READ, COPY, WRITE, READ | w.FILE_MAP_EXECUTE, WRITE | w.FILE_MAP_EXECUTE):
            if access in allowed:
                yield from works(process.map_view_of_file(handle, access))
            else:
                yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, access))

    run(program)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (6, (1 << 20, READ, 0, 0, 0)),
        (1132, (0, READ, PAGE, 0, 0)),
        (5, (0, READ, 2 * UNIT, 0, 0)),
        (5, (0, READ, UNIT, UNIT + 1, 0)),
        (1132, (0, READ, 0, 0, 0x10001000)),
        (87, (0, READ | w.FILE_MAP_LARGE_PAGES, 0, 0, 0)),
        (87, (0, READ, 0, -1, 0)),
    ],
)
def test_a_view_that_cannot_be_says_why(code: int, arguments: tuple[int, ...]) -> None:
    def program(process: Any) -> Steps:
        handle = yield from section(process, 32)
        yield from fails(process, code, process.map_view_of_file_ex(arguments[0] or handle, *arguments[1:]))

    run(program)


@pytest.mark.parametrize(
    ("code", "protect", "size"),
    [
        (87, RW, 0),
        (193, RW | w.SEC_IMAGE, PAGE),
        (87, RW | w.SEC_COMMIT | w.SEC_RESERVE, PAGE),
        (87, w.PAGE_NOACCESS, PAGE),
        (87, RW | w.PAGE_GUARD, PAGE),
        (87, w.PAGE_EXECUTE, PAGE),
        (87, RW | w.SEC_NOCACHE, PAGE),
        (87, RW | w.SEC_LARGE_PAGES, 1 << 21),
        (87, RW | w.SEC_LARGE_PAGES | w.SEC_COMMIT, PAGE),
    ],
)
def test_a_section_that_cannot_be_says_why(code: int, protect: int, size: int) -> None:
    def program(process: Any) -> Steps:
        yield from fails(process, code, process.create_file_mapping(NOWHERE, protect, size))

    run(program)


def test_large_pages_need_the_privilege() -> None:
    def program(process: Any) -> Steps:
        protect = RW | w.SEC_LARGE_PAGES | w.SEC_COMMIT
        yield from fails(process, 1314, process.create_file_mapping(NOWHERE, protect, 1 << 21))

    run(program, privileges=())


def test_mapping_costs_nothing_in_proportion_to_the_view() -> None:
    def program(process: Any) -> Steps:
        state = process.system.state
        before = state.pte_count, state.content_count
        handle = yield from section(process, 1 << 18, RW | w.SEC_RESERVE)
        for _ in range(4):
            address = yield from works(process.map_view_of_file(handle, WRITE))
            yield from works(process.virtual_alloc(address, 1 << 20, w.MEM_COMMIT, RW))
            yield from works(process.unmap_view_of_file(address))
        yield from works(process.close_handle(handle))
        image = yield from works(process.load_library("big.dll"))
        yield process.read(image + (1 << 26), 1)
        yield from works(process.free_library(image))
        assert state.pte_count - before[0] <= 16 + 1024, "paged pool takes some: 8 bytes a page"
        assert state.content_count - before[1] <= 32 + 1024

    run(program, images={"big.dll": {"size": 1 << 28, "fixups": 0}}, paging_pages=40960)


def test_unmapping_takes_any_address_inside_and_one_sharer_away() -> None:
    def program(process: Any) -> Steps:
        handle = yield from section(process, 32)
        first = yield from works(process.map_view_of_file(handle, WRITE))
        second = yield from works(process.map_view_of_file_ex(handle, WRITE, 0, 0, 0x20000000))
        equal(second, 0x20000000)
        yield from fails(process, 487, process.map_view_of_file_ex(handle, WRITE, 0, 0, second + UNIT))
        yield process.write(first, PAGE)
        yield process.read(second, PAGE)
        entries = process.own.space.entries(first, PAGE)
        equal(process.system.pages.state_of(entries)["share"].tolist(), [2])
        yield from works(process.unmap_view_of_file(second + UNIT + 100))
        equal(process.system.pages.state_of(entries)["share"].tolist(), [1])
        yield from fails(process, 487, process.unmap_view_of_file(second))
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.read(second, 1), 0, second)

    run(program)


def test_a_process_that_ends_leaves_no_section_behind() -> None:
    def child(process: Any) -> Steps:
        yield from mapped(process, protect=w.PAGE_READONLY, access=COPY)
        address = yield from works(process.map_view_of_file((yield from section(process, 8, RW, "n")), WRITE))
        yield process.write(address, 8 * PAGE)
        return 7

    def program(process: Any) -> Steps:
        equal((yield from other(process, child)), 7)
        before = (*held(process), process.system.pages.available())
        equal((yield from other(process, child, name="c")), 7)
        equal((*held(process), process.system.pages.available()), before)
        yield from fails(process, 2, process.open_file_mapping(READ, "n"))

    run(program, files={"data": 4 * PAGE})


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40)), max_size=12))
def test_commit_of_a_reserving_section_is_a_set_of_pages(commits: list[tuple[int, int]]) -> None:
    charged = [0]

    def promise(count: int) -> bool:
        charged[0] += count
        return True

    pages = SimpleNamespace(charge=promise)
    system: Any = SimpleNamespace(pages=pages, pool=SimpleNamespace(allocate=lambda *_, **__: 1))
    segment, plain = PagingSegment(system, 40, reserve=True), np.zeros(40, bool)
    for first, count in commits:
        count = min(count, 40 - first)
        segment.commit(first, count)
        plain[first : first + count] = True
        assert charged[0] == plain.sum() == segment.charged
        assert segment.committed(first, 40 - first).tolist() == plain[first:].tolist()
    for page in range(40):
        state, length = segment.committed_run(page)
        assert (plain[page : page + length] == state).all()
        assert page + length == 40 or plain[page + length] != state


def test_a_commit_that_is_refused_changes_nothing() -> None:
    pages = SimpleNamespace(charge=lambda count: count <= 3)
    system: Any = SimpleNamespace(pages=pages, pool=SimpleNamespace(allocate=lambda *_, **__: 1))
    segment = PagingSegment(system, 40, reserve=True)
    segment.commit(5, 3)
    with pytest.raises(Failure):
        segment.commit(0, 9)
    assert segment.charged == 3
    assert segment.committed(0, 9).tolist() == [False] * 5 + [True] * 3 + [False]
