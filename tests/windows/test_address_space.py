"""What VirtualAlloc and its relatives do to an address space, its entries, its commit charge and its faults."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from simulator.state.constants import DECOMMITTED, PROCESS_ENDED, UNMAPPED
from simulator.windows import awe, locking, losable, write_watch
from simulator.windows import constants as w
from simulator.windows.vad import Vad
from tests.windows.fake_pages import FakePages
from tests.windows.small_space import (
    BOTH,
    COMMIT,
    FETCH,
    LOAD,
    PAGE,
    RESERVE,
    RO,
    RW,
    STORE,
    UNIT,
    MiB,
    PlainView,
    TiB,
    code,
    run,
    space,
    touch,
)

AV, GUARDED = w.STATUS_ACCESS_VIOLATION, w.STATUS_GUARD_PAGE_VIOLATION


def test_a_64_bit_process_reserves_all_of_8_tib_at_once_and_32_bits_have_2_gib_but_for_both_ends() -> None:
    s = space()
    assert s.virtual_alloc(0, 8 * TiB - 2 * UNIT, RESERVE, RW) == UNIT
    assert code(s.virtual_alloc, 0, 1, RESERVE, RW) == w.ERROR_NOT_ENOUGH_MEMORY
    s = space(bits=32)
    assert s.virtual_alloc(0, (1 << 31) - 2 * UNIT, RESERVE, RW) == UNIT
    assert s.virtual_bytes == (1 << 31) - 2 * UNIT
    assert code(s.virtual_query, 0x7FFF0000) == w.ERROR_INVALID_PARAMETER


def test_committing_a_tebibyte_charges_its_pages_and_page_tables_and_makes_no_entries() -> None:
    s = space(pages=FakePages(limit=1 << 40))
    base = s.virtual_alloc(0, TiB, BOTH, RW)
    tables = TiB // (2 * MiB) + 1  # the region begins at 64 KiB, so that it has a part in one table more
    assert s.pages.commit(0) == TiB // PAGE + tables
    assert s.pages.entry == []
    s.virtual_free(base + PAGE, TiB - PAGE, w.MEM_DECOMMIT)
    assert s.pages.commit(0) == 2
    s.virtual_free(base, 0, w.MEM_RELEASE)
    assert s.pages.commit(0) == 0


def test_a_page_table_that_two_regions_share_is_charged_once_and_given_back_with_the_last() -> None:
    s = space()
    one, two = (s.virtual_alloc(0, PAGE, BOTH, RW) for _ in range(2))
    assert s.pages.commit(0) == 3
    s.virtual_free(one, 0, w.MEM_RELEASE)
    assert s.pages.commit(0) == 2
    s.virtual_free(two, PAGE, w.MEM_DECOMMIT)
    assert s.pages.commit(0) == 0


def test_a_failed_commit_changes_nothing() -> None:
    s = space(pages=FakePages(limit=10))
    base = s.virtual_alloc(0, UNIT, RESERVE, RW)
    assert code(s.virtual_alloc, base, 10 * PAGE, COMMIT, RW) == w.ERROR_COMMITMENT_LIMIT
    assert run(s, base) == (16, RESERVE, 0)
    assert s.pages.commit(0) == 0
    assert s.virtual_alloc(base, 9 * PAGE, COMMIT, RW) == base
    assert code(s.virtual_alloc, 0, PAGE, BOTH, RW) == w.ERROR_COMMITMENT_LIMIT
    assert s.virtual_bytes == UNIT


def test_entries_of_free_addresses_trap_and_work_once_something_is_committed_there() -> None:
    s = space()
    entries = s.entries(16 * UNIT, 3 * UNIT)
    assert len(set(entries.tolist())) == 48
    assert touch(s, 16 * UNIT, access=STORE) == (AV, (1, 16 * UNIT))
    s.virtual_alloc(16 * UNIT, 3 * UNIT, BOTH, RW)
    assert touch(s, 16 * UNIT, 3 * UNIT, STORE) is None
    assert s.entries(16 * UNIT, 3 * UNIT).tolist() == entries.tolist()


def test_entries_made_for_many_pages_at_once_are_those_made_one_by_one() -> None:
    s = space()
    base = s.virtual_alloc(0, 64 * UNIT, BOTH, RW)
    one = int(s.entries(base + 5 * UNIT + PAGE, 1)[0])
    together = s.entries(base, 64 * UNIT)
    assert together[81] == one
    assert [s.pages.entry[e].vpn for e in together.tolist()] == list(range(base // PAGE, base // PAGE + 1024))
    pages = base // PAGE + np.array([700, 3, 81, 3])
    assert s.entries_of(pages).tolist() == together[[700, 3, 81, 3]].tolist()


def test_a_region_that_comes_after_another_finds_zeroed_pages_and_old_entries() -> None:
    s = space()
    base = s.virtual_alloc(0, UNIT, BOTH, RW)
    touch(s, base, UNIT, STORE)
    count = len(s.pages.entry)
    s.virtual_free(base, 0, w.MEM_RELEASE)
    assert s.pages.left == {(0, DECOMMITTED): 16}
    assert touch(s, base) == (AV, (0, base))
    assert s.virtual_alloc(0, 3 * PAGE, BOTH, RO) == base
    assert s.pages.state_of(s.entries(base, UNIT))["version"].tolist() == [0] * 16
    assert touch(s, base, 3 * PAGE) is None
    assert touch(s, base, 1, STORE) == (AV, (1, base))
    assert touch(s, base + 3 * PAGE) == (AV, (0, base + 3 * PAGE))
    assert len(s.pages.entry) == count


def test_references_of_a_thread_that_another_frees_under_it_trap_and_those_after_a_new_commit_go_on() -> None:
    s = space()
    base = s.virtual_alloc(0, UNIT, BOTH, RW)
    entries = s.entries(base, UNIT)
    s.virtual_free(base, 0, w.MEM_DECOMMIT)
    thread = SimpleNamespace(stack=None)
    assert s.pages.reference(s, thread, entries) == (AV, (0, base))
    s.virtual_alloc(base + PAGE, PAGE, COMMIT, RW)
    assert s.pages.reference(s, thread, entries[1:2], STORE) is None


@pytest.mark.parametrize("kind", [w.PAGE_EXECUTE, w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_READWRITE, RW, RO])
def test_dep_forbids_fetches_from_data_and_a_change_of_dep_shows_in_entries_there_are(kind: int) -> None:
    s = space(dep=True)
    base = s.virtual_alloc(0, PAGE, BOTH, kind)
    fails = kind in (RW, RO)
    assert touch(s, base, 1, FETCH) == ((AV, (8, base)) if fails else None)
    assert touch(s, base, 1, LOAD) is None  # PAGE_EXECUTE too: x86 has no pages that are executable only
    s.own.dep.enabled = False
    s.dep_changed()
    assert touch(s, base, 1, FETCH) is None
    assert touch(s, base + UNIT, 1, FETCH) == (AV, (0, base + UNIT))


def test_a_guard_page_raises_once_whoever_touches_it_and_however_it_may_be_used() -> None:
    s = space()
    base = s.virtual_alloc(0, 2 * PAGE, BOTH, RO | w.PAGE_GUARD)
    assert touch(s, base, 1, STORE)[0] == GUARDED
    assert touch(s, base, 1, STORE) == (AV, (1, base))
    assert run(s, base) == (1, COMMIT, RO)
    assert run(s, base + PAGE) == (1, COMMIT, RO | w.PAGE_GUARD)


def test_a_stack_grows_by_its_guard_page_down_to_the_overflow_and_gives_all_back() -> None:
    s = space()
    stack = s.create_stack(UNIT, PAGE)
    thread = SimpleNamespace(stack=stack)
    assert s.pages.commit(0) == 3
    touched = [touch(s, stack.top - i * PAGE, 8, STORE, thread) for i in range(1, 15)]
    assert touched[:13] == [None] * 13
    assert touched[13] == (w.STATUS_STACK_OVERFLOW, (1, stack.base + 2 * PAGE))
    # All but the lowest page are there to handle the exception in.
    assert run(s, stack.base) == (1, RESERVE, 0)
    assert run(s, stack.base + PAGE) == (15, COMMIT, RW)
    assert (stack.limit, stack.guard) == (stack.base + PAGE, -1)
    assert touch(s, stack.base, 1, STORE, thread) == (AV, (1, stack.base))
    s.free_stack(stack)
    assert (s.pages.commit(0), s.virtual_bytes) == (0, 0)


def test_another_threads_stack_has_a_guard_page_like_any_other() -> None:
    s = space()
    stack = s.create_stack(UNIT, PAGE)
    assert touch(s, stack.guard, 1, STORE, SimpleNamespace(stack=s.create_stack(UNIT, PAGE)))[0] == GUARDED
    assert run(s, stack.base)[0] == 14


def test_stack_growth_beyond_the_commit_limit_is_an_overflow() -> None:
    s = space(pages=FakePages(limit=4))
    stack = s.create_stack(UNIT, PAGE)
    thread = SimpleNamespace(stack=stack)
    assert touch(s, stack.guard, 1, STORE, thread) is None
    assert touch(s, stack.guard, 1, STORE, thread)[0] == w.STATUS_STACK_OVERFLOW


def test_flags_of_pages_survive_a_change_of_protection_and_queries_dont_see_them() -> None:
    s = space()
    base = s.virtual_alloc(0, 4 * PAGE, BOTH, RW)
    touch(s, base, 4 * PAGE, STORE)
    losable.offer(s, base + PAGE, PAGE, 1)
    assert run(s, base) == (4, COMMIT, RW)
    assert touch(s, base + PAGE) == (AV, (0, base + PAGE))
    s.protect(base, 4 * PAGE, RO)
    assert touch(s, base + PAGE) == (AV, (0, base + PAGE))
    assert losable.reclaim(s, base, 4 * PAGE) == 0
    assert touch(s, base, 4 * PAGE) is None
    assert run(s, base) == (4, COMMIT, RO)


def test_reclaim_tells_of_one_lost_page_among_others() -> None:
    s = space()
    base = s.virtual_alloc(0, 4 * PAGE, BOTH, RW)
    touch(s, base, 4 * PAGE, STORE)
    losable.offer(s, base, 4 * PAGE, 1)
    s.pages.repurpose(s.pages.state_of(s.entries(base + 2 * PAGE, PAGE))["content"])
    assert losable.reclaim(s, base, 2 * PAGE) == 0
    assert losable.reclaim(s, base, 4 * PAGE) == w.ERROR_BUSY
    assert losable.reclaim(s, base, 4 * PAGE) == 0


def test_reset_takes_whole_pages_only_and_its_undoing_fails_once_one_is_lost() -> None:
    s = space()
    base = s.virtual_alloc(0, 4 * PAGE, BOTH, RW)
    touch(s, base, 4 * PAGE, STORE)
    assert s.virtual_alloc(base + 1, 3 * PAGE - 1, w.MEM_RESET, RO) == base + PAGE
    assert [s.pages.content[e].losable for e in s.pages.state_of(s.entries(base, 4 * PAGE))["content"].tolist()] == [
        False, True, True, False,
    ]  # fmt: skip
    assert s.virtual_alloc(base, 4 * PAGE, w.MEM_RESET_UNDO, RO) == base
    s.virtual_alloc(base, PAGE, w.MEM_RESET, RO)
    s.pages.evict(s.entries(base, PAGE), PROCESS_ENDED)
    s.pages.repurpose(s.pages.state_of(s.entries(base, PAGE))["content"])
    assert code(s.virtual_alloc, base, 2 * PAGE, w.MEM_RESET_UNDO, RO) == w.ERROR_BUSY


def test_write_watch_is_exact_through_paging_protection_and_reset() -> None:
    s = space()
    base = s.virtual_alloc(0, 8 * PAGE, BOTH | w.MEM_WRITE_WATCH, RW)
    touch(s, base, 8 * PAGE)
    touch(s, base + PAGE, PAGE, STORE)
    touch(s, base + 5 * PAGE, 2 * PAGE, STORE)
    s.pages.evict(s.entries(base, 8 * PAGE), PROCESS_ENDED)
    assert write_watch.get(s, base, 6 * PAGE, True) == [base + PAGE, base + 5 * PAGE]
    s.protect(base, 8 * PAGE, RO)
    assert touch(s, base, 1, STORE) == (AV, (1, base))
    s.protect(base, 8 * PAGE, RW)
    touch(s, base + PAGE, 1, STORE)
    assert write_watch.get(s, base, 8 * PAGE, False) == [base + PAGE, base + 6 * PAGE]
    s.virtual_free(base + PAGE, PAGE, w.MEM_DECOMMIT)
    assert write_watch.get(s, base, 8 * PAGE, False) == [base + 6 * PAGE]


def test_views_of_one_section_show_one_content_and_unmapping_one_leaves_the_other() -> None:
    s = space()
    mine = PlainView(s.pages, 40, RW)
    other = PlainView(s.pages, 40, RW, first=mine.first)
    first, second = (s.reserve_view(0, 40 * PAGE, v.kind, RW, v) for v in (mine, other))
    assert touch(s, first, 40 * PAGE, STORE) is None
    assert touch(s, second, 40 * PAGE) is None
    states = [s.pages.state_of(s.entries(base, 40 * PAGE)) for base in (first, second)]
    assert states[0]["content"].tolist() == states[1]["content"].tolist() == list(range(mine.first, mine.first + 40))
    assert states[0]["share"].tolist() == [2] * 40
    s.unmap_view(first)
    assert (mine.unmappings, other.unmappings) == (1, 0)
    assert s.pages.left == {(0, UNMAPPED): 40}
    assert code(s.unmap_view, first) == code(s.unmap_view, first + PAGE) == w.ERROR_INVALID_ADDRESS
    assert touch(s, first) == (AV, (0, first))
    assert s.virtual_alloc(0, 40 * PAGE, BOTH, RW) == first
    assert touch(s, first, 40 * PAGE, STORE) is None


def test_a_page_of_a_reserved_section_works_in_all_views_once_one_has_committed_it() -> None:
    s = space()
    view = PlainView(s.pages, 16, RW, committed=False)
    base = s.reserve_view(0, UNIT, view.kind, RW, view)
    assert touch(s, base + PAGE) == (AV, (0, base + PAGE))
    assert run(s, base) == (16, RESERVE, 0)
    view.present[1:3] = True  # by another view
    assert touch(s, base + PAGE, 2 * PAGE, STORE) is None
    assert run(s, base + PAGE) == (2, COMMIT, RW)
    assert code(s.protect, base, UNIT, RO) == w.ERROR_INVALID_ADDRESS
    s.virtual_alloc(base + 3 * PAGE, PAGE, COMMIT, RO)
    assert run(s, base + 3 * PAGE) == (1, COMMIT, RO)
    assert touch(s, base + 3 * PAGE, 1, STORE) == (AV, (1, base + 3 * PAGE))


def test_stores_to_a_copy_on_write_view_copy_and_its_protection_can_begin_and_end_that() -> None:
    s = space()
    view = PlainView(s.pages, 16, w.PAGE_WRITECOPY)
    base = s.reserve_view(0, UNIT, view.kind, w.PAGE_WRITECOPY, view)
    touch(s, base, 2 * PAGE)
    touch(s, base, PAGE, STORE)
    assert s.pages.state_of(s.entries(base, 2 * PAGE))["copied"].tolist() == [True, False]
    assert run(s, base) == (1, COMMIT, RW)
    assert run(s, base + PAGE) == (15, COMMIT, w.PAGE_WRITECOPY)
    plain = PlainView(s.pages, 16, RW)
    base = s.reserve_view(0, UNIT, plain.kind, RW, plain)
    touch(s, base, UNIT)
    s.protect(base, 3 * PAGE, w.PAGE_WRITECOPY)
    assert plain.charged == 3
    touch(s, base, PAGE, STORE)
    s.protect(base, 4 * PAGE, w.PAGE_WRITECOPY)
    assert plain.charged == 4
    s.protect(base, UNIT, RW)
    touch(s, base, 2 * PAGE, STORE)
    state = s.pages.state_of(s.entries(base, 4 * PAGE))
    assert state["copied"].tolist() == [True, False, False, False]
    assert state["content"][1] == plain.first + 1
    assert plain.charged == 4


def test_awe_frames_show_at_one_place_and_outlive_their_window() -> None:
    s = space()
    first, second = (s.virtual_alloc(0, UNIT, RESERVE | w.MEM_PHYSICAL, RW) for _ in range(2))
    frames = awe.allocate(s, 6)
    awe.map_frames(s, first, 4, frames[:4])
    assert touch(s, first, 4 * PAGE, STORE) is None
    assert touch(s, first + 4 * PAGE) == (AV, (0, first + 4 * PAGE))
    assert code(awe.map_frames, s, second, 2, [frames[4], frames[0]]) == w.ERROR_INVALID_PARAMETER
    assert awe.map_frames(s, first, 4, frames[2:])  # frames that move within what is mapped anew
    assert s.pages.state_of(s.entries(first, 4 * PAGE))["content"].tolist() == frames[2:]
    s.virtual_free(first, 0, w.MEM_RELEASE)
    assert s.pages.commit(0) == 6
    assert awe.map_frames(s, second, 6, frames)
    assert awe.free(s, frames[:1])
    assert touch(s, second) == (AV, (0, second))
    assert code(awe.free, s, frames) == w.ERROR_INVALID_PARAMETER
    assert s.pages.commit(0) == 5


def test_large_pages_are_valid_at_once_aligned_and_charged_without_page_tables() -> None:
    s = space()
    small = s.virtual_alloc(0, PAGE, RESERVE, RW)
    base = s.virtual_alloc(0, 4 * MiB, BOTH | w.MEM_LARGE_PAGES, RW)
    assert (small, base) == (UNIT, 2 * MiB)
    assert s.pages.state_of(s.entries(base, 4 * MiB))["valid"].all()
    assert s.pages.commit(0) == 1024
    assert code(s.protect, base, PAGE, RO) == w.ERROR_INVALID_ADDRESS
    s.virtual_free(base, 0, w.MEM_RELEASE)
    assert (s.pages.commit(0), s.pages.available()) == (0, s.pages.frames)
    assert touch(s, base) == (AV, (0, base))


def test_large_pages_that_find_no_frames_leave_nothing_behind() -> None:
    s = space(pages=FakePages(frames=1000))
    assert code(s.virtual_alloc, 0, 4 * MiB, BOTH | w.MEM_LARGE_PAGES, RW) == w.ERROR_NO_SYSTEM_RESOURCES
    assert (s.pages.commit(0), s.pages.available(), s.virtual_bytes) == (0, 1000, 0)


def test_the_lock_quota_counts_each_page_once() -> None:
    s = space()
    base = s.virtual_alloc(0, 64 * PAGE, BOTH, RW)
    touch(s, base, 42 * PAGE)
    s.pages.lock(locking.begin(s, base, 42 * PAGE)[0])  # the minimum, 50 pages, less 8
    assert len(locking.begin(s, base, 42 * PAGE)[0]) == 42
    assert code(locking.begin, s, base, 43 * PAGE) == w.ERROR_WORKING_SET_QUOTA
    assert code(locking.begin, s, base + 42 * PAGE, PAGE) == w.ERROR_WORKING_SET_QUOTA
    assert code(locking.unlock, s, base, 43 * PAGE) == w.ERROR_NOT_LOCKED
    assert s.pages.locked(0) == 42
    assert locking.unlock(s, base, 42 * PAGE)
    assert s.pages.locked(0) == 0


def test_a_process_that_ends_gives_everything_back() -> None:
    s = space()
    stack = s.create_stack(MiB, PAGE)
    touch(s, stack.top - PAGE, 1, STORE, SimpleNamespace(stack=stack))
    base = s.virtual_alloc(0, 3 * UNIT, BOTH, RW)
    touch(s, base, 2 * UNIT, STORE)
    s.pages.lock(s.entries(base, PAGE))
    view = PlainView(s.pages, 16, RW)
    touch(s, s.reserve_view(0, UNIT, view.kind, RW, view), UNIT, STORE)
    window = s.virtual_alloc(0, UNIT, RESERVE | w.MEM_PHYSICAL, RW)
    awe.map_frames(s, window, 2, awe.allocate(s, 4)[:2])
    s.virtual_alloc(0, 2 * MiB, BOTH | w.MEM_LARGE_PAGES, RW)
    s.destroy()
    assert (s.pages.commit(0), s.virtual_bytes, view.unmappings) == (0, 0, 1)
    assert len(s.pages.working_set(0)) == 0
    assert s.pages.available() == s.pages.frames
    assert not any(e.accessible or e.valid for e in s.pages.entry)
    assert all(c.process < 0 or not (c.resident or c.stored) for c in s.pages.content)


def _count(vad: Vad | None) -> Any:
    return None if vad is None else len(vad.runs)


def test_alternating_protections_cost_runs_and_equal_ones_merge_again() -> None:
    s = space()
    base = s.virtual_alloc(0, 100 * PAGE, BOTH, RW)
    for page in range(0, 100, 2):
        s.protect(base + page * PAGE, PAGE, RO)
    assert _count(s.region_at(base)) == 100
    s.protect(base, 100 * PAGE, RO)
    assert _count(s.region_at(base)) == 1
