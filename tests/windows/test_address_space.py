"""What regions cost: commit charge and page tables, page-table entries, and runs of pages that are alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator.units import GiB, MiB
from simulator.windows import constants as w
from simulator.windows.failure import Failure
from tests.windows.small_system import PAGE, UNIT, SmallSystem

RW, RO, RESERVE, BOTH = w.PAGE_READWRITE, w.PAGE_READONLY, w.MEM_RESERVE, w.MEM_RESERVE | w.MEM_COMMIT


def space(bits: int = 64, **system: Any) -> Any:
    return SmallSystem(**system).process(bits).own.space


def charge(s: Any) -> int:
    return int(s.pages.commit(s.process))


@pytest.mark.parametrize(("bits", "size"), [(64, 8192 * GiB), (32, 2 * GiB)])
def test_all_of_a_process_but_both_ends_can_be_reserved_at_once(bits: int, size: int) -> None:
    s = space(bits)
    assert s.virtual_alloc(0, size - 2 * UNIT, RESERVE, RW) == UNIT
    assert s.virtual_bytes == size - 2 * UNIT
    with pytest.raises(Failure) as refused:
        s.virtual_alloc(0, 1, RESERVE, RW)
    assert refused.value.code == w.ERROR_NOT_ENOUGH_MEMORY


def test_committing_a_gibibyte_charges_its_pages_and_page_tables_and_makes_no_entries() -> None:
    s = space(paging_pages=GiB // PAGE + 1024)
    base = s.virtual_alloc(0, GiB, BOTH, RW)
    tables = GiB // (2 * MiB) + 1  # the region begins at 64 KiB, so that it has a part in one table more
    assert charge(s) == GiB // PAGE + tables
    assert len(s.tables.existing(base // PAGE, (base + GiB) // PAGE)[0]) == 0
    s.virtual_free(base + PAGE, GiB - PAGE, w.MEM_DECOMMIT)
    assert charge(s) == 2
    s.virtual_free(base, 0, w.MEM_RELEASE)
    assert charge(s) == 0


def test_a_page_table_that_two_regions_share_is_charged_once_and_given_back_with_the_last() -> None:
    s = space()
    one, two = (s.virtual_alloc(0, PAGE, BOTH, RW) for _ in range(2))
    assert charge(s) == 3
    s.virtual_free(one, 0, w.MEM_RELEASE)
    assert charge(s) == 2
    s.virtual_free(two, PAGE, w.MEM_DECOMMIT)
    assert charge(s) == 0


def test_entries_made_for_many_pages_at_once_are_those_made_one_by_one() -> None:
    s = space()
    base = s.virtual_alloc(0, 64 * UNIT, BOTH, RW)
    one = int(s.entries(base + 5 * UNIT + PAGE, 1)[0])
    together = s.entries(base, 64 * UNIT)
    assert together[81] == one
    shown = s.system.state.arrays["ptes"]["vpn"][together]
    assert shown.tolist() == list(range(base // PAGE, base // PAGE + 1024))
    pages = base // PAGE + np.array([700, 3, 81, 3])
    assert s.entries_of(pages).tolist() == together[[700, 3, 81, 3]].tolist()


def test_addresses_keep_their_entries_whatever_lies_there() -> None:
    s = space()
    before = s.entries(16 * UNIT, 3 * UNIT).tolist()
    for _ in range(2):
        s.virtual_alloc(16 * UNIT, 3 * UNIT, BOTH, RW)
        assert s.entries(16 * UNIT, 3 * UNIT).tolist() == before
        s.virtual_free(16 * UNIT, 0, w.MEM_RELEASE)
        assert not s.pages.state_of(before)["accessible"].any()


def test_large_pages_that_find_no_frames_leave_nothing_behind() -> None:
    s = space(frames=1000)
    with pytest.raises(Failure) as refused:
        s.virtual_alloc(0, 4 * MiB, BOTH | w.MEM_LARGE_PAGES, RW)
    assert refused.value.code == w.ERROR_NO_SYSTEM_RESOURCES
    assert (charge(s), s.pages.available(), s.virtual_bytes) == (0, 1000, 0)


def test_alternating_protections_cost_runs_and_equal_ones_merge_again() -> None:
    s = space()
    base = s.virtual_alloc(0, 100 * PAGE, BOTH, RW)
    for page in range(0, 100, 2):
        s.protect(base + page * PAGE, PAGE, RO)
    assert len(s.region_at(base).runs) == 100
    s.protect(base, 100 * PAGE, RO)
    assert len(s.region_at(base).runs) == 1
