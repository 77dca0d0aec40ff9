"""Objects, handles and names: lifetimes, limits, events, waits, and what they take of pool."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from simulator.windows.failure import Failure
from simulator.windows.handles import HandleTable
from simulator.windows.objects import Event, KernelObject
from simulator.windows.requests import Wait
from tests.windows.small_system import PAGE, SmallSystem, done


class Plain(KernelObject):
    """An object of a kind of its own, in paged pool, that notes its end."""

    kind: ClassVar[str] = "Plain"
    tag: ClassVar[str] = "Plai"
    paged: ClassVar[bool] = True
    system: Any

    def __init__(self, system: Any, name: str | None = None) -> None:
        super().__init__(system, name)

    def deleted(self) -> None:
        """Note it."""
        self.system.woken.append(self)


def error(process: Any, call: Any) -> int:
    """The last error of a call that must fail."""
    process.set_last_error(0)
    assert not done(call)
    return int(process.get_last_error())


def code(function: Any, *arguments: Any) -> int:
    """The error that a function fails with."""
    with pytest.raises(Failure) as caught:
        function(*arguments)
    return caught.value.code


def test_handles_are_multiples_of_four_from_four_and_the_last_closed_is_given_next() -> None:
    process = SmallSystem().process()
    handles = [done(process.create_event()) for _ in range(4)]
    assert handles == [4, 8, 12, 16]
    for handle in (8, 16):
        assert done(process.close_handle(handle))
    assert [done(process.create_event()) for _ in range(3)] == [16, 8, 20]


def test_a_page_of_the_table_holds_255_handles_and_its_first_entry_none() -> None:
    """4,096 / 16 = 256 entries; the 256th handle is the first of the second page, index 257; with two pages there's a
    page of pointers above them."""
    system = SmallSystem()
    process = system.process()
    event = done(process.create_event())
    handles = [done(process.duplicate_handle(event)) for _ in range(254)]
    assert system.pool.table().set_index("tag").loc["Obtb", "bytes"] == PAGE
    assert handles[-1] == 4 * 255
    assert done(process.duplicate_handle(event)) == 4 * 257
    assert system.pool.table().set_index("tag").loc["Obtb", "bytes"] == 3 * PAGE
    assert done(process.get_process_handle_count()) == 256


def test_a_table_that_cannot_have_all_the_pages_it_needs_takes_none() -> None:
    """A second page of entries needs a page of pointers too: three pages in all, of two that paged pool may have."""
    system = SmallSystem(pools={"paged_limit": 2 * PAGE})
    process = system.process()
    event = done(process.create_event())
    while done(process.duplicate_handle(event)):
        pass
    assert (process.get_last_error(), len(process.own.handles), system.pool.paged.used) == (1452, 255, 1)


def test_the_two_lowest_bits_of_a_handle_do_not_count() -> None:
    process = SmallSystem().process()
    handle = done(process.create_event())
    assert done(process.set_event(handle | 3))


@pytest.mark.parametrize("handle", [0, 8, -4, 1 << 30])
def test_what_is_no_open_handle_fails_with_6(handle: int) -> None:
    process = SmallSystem().process()
    done(process.create_event())
    assert error(process, process.close_handle(handle)) == 6
    assert error(process, process.set_event(handle)) == 6
    assert done(process.wait_for_single_object(handle, 0)) == 0xFFFFFFFF


def test_a_handle_to_another_kind_of_object_fails_with_6() -> None:
    system = SmallSystem()
    process = system.process()
    handle = process.own.handles.give(Plain(system))
    assert error(process, process.set_event(handle)) == 6
    assert done(process.wait_for_single_object(handle, 0)) == 0xFFFFFFFF
    assert process.get_last_error() == 6


def test_closing_the_handles_that_stand_for_process_and_thread_does_nothing() -> None:
    process = SmallSystem().process()
    assert done(process.close_handle(-1))
    assert done(process.close_handle(-2))


def test_rights_that_a_handle_was_not_opened_for_fail_with_5() -> None:
    system = SmallSystem()
    handles = system.process().own.handles
    handle = handles.give(Plain(system), 0b011)
    handles.get(handle, Plain, 0b010)
    assert code(handles.get, handle, Plain, 0b100) == 5
    assert handles.access(handles.duplicate(handle)) == 0b011
    assert handles.get(handles.give(Plain(system)), Plain, 0b100)


def test_an_object_lives_until_its_last_handle_and_last_reference_are_gone() -> None:
    system = SmallSystem()
    one, two = system.process().own.handles, system.process().own.handles
    item = Plain(system, "shared")
    handle = one.give(item)
    other = one.duplicate(handle, two)
    item.reference()
    one.close(handle)
    assert system.namespace.find("shared", Plain) is item
    two.close(other)
    assert system.namespace.find("shared", Plain) is None, "without handles it has no name"
    assert system.woken == []
    item.dereference()
    assert system.woken == [item]


def test_an_object_takes_pool_under_its_tag_and_gives_it_back() -> None:
    """An event: 112 bytes and a header of 16; its name of 4 characters: 8 bytes in 32."""
    system = SmallSystem()
    process = system.process()
    handle = done(process.create_event(name="name"))
    table = system.pool.table().set_index("tag")
    assert table.loc["Even", ["type", "bytes"]].tolist() == ["Nonp", 128]
    assert table.loc["ObNm", ["type", "bytes"]].tolist() == ["Paged", 32]
    quota = system.pool.quota(process.own)
    assert (quota.nonpaged, quota.paged) == (128, PAGE + 32)
    done(process.close_handle(handle))
    assert (quota.nonpaged, quota.paged) == (0, PAGE)
    process.own.handles.close_all()
    assert (quota.nonpaged, quota.paged) == (0, 0)


def test_a_process_that_ends_leaves_pool_as_it_found_it() -> None:
    system = SmallSystem()
    before = system.held()
    process = system.process()
    for i in range(600):
        assert done(process.create_event(name=f"event {i}"))
    assert system.held() != before
    process.own.handles.close_all()
    assert system.held() == before
    assert system.pool.table()["bytes"].sum() == 0
    assert len(process.own.handles) == 0


@pytest.mark.parametrize("limits", [{"paged_limit": 20 * PAGE}, {"nonpaged_limit": 4 * PAGE}, {"handles": 40}])
def test_a_handle_leak_ends_in_an_error_and_changes_nothing_more(limits: dict[str, int]) -> None:
    system = SmallSystem(pools=limits)
    process = system.process()
    count = 0
    while done(process.create_event(name=f"a name that is long enough to fill pool soon: {count:100}")):
        count += 1
    expected = {"paged_limit": 1452, "nonpaged_limit": 1451, "handles": 1450}[next(iter(limits))]
    assert process.get_last_error() == expected
    assert len(process.own.handles) == count
    before, table = system.held(), system.pool.table()
    for _ in range(3):
        name = f"a name that is long enough to fill pool soon: {count:100}"
        assert error(process, process.create_event(name=name)) == expected
    assert system.held() == before
    assert system.pool.table()["diff"].tolist() == table["diff"].tolist()
    assert done(process.close_handle(8))
    assert done(process.create_event())


def test_beyond_its_quota_a_process_makes_no_objects_but_others_do() -> None:
    system = SmallSystem(pools={"nonpaged_quota": 300})
    one, two = system.process(), system.process()
    assert done(one.create_event())
    assert done(one.create_event())
    assert error(one, one.create_event()) == 1816
    assert done(two.create_event())


def test_an_existing_name_gives_a_handle_to_the_same_event_and_183() -> None:
    system = SmallSystem()
    one, two = system.process(), system.process()
    first = done(one.create_event(manual_reset=True, name="go"))
    assert one.get_last_error() == 0
    second = done(two.create_event(manual_reset=False, initial_state=True, name="go"))
    assert (second != 0, two.get_last_error()) == (True, 183)
    assert done(two.wait_for_single_object(second, 0)) == 258, "its state stays as it was"
    done(one.set_event(first))
    assert done(two.wait_for_single_object(second, 0)) == 0
    assert done(two.wait_for_single_object(second, 0)) == 0, "it is still reset by hand"


def test_a_name_of_another_kind_of_object_fails_with_6() -> None:
    system = SmallSystem()
    process = system.process()
    process.own.handles.give(Plain(system, "taken"))
    assert error(process, process.create_event(name="taken")) == 6
    assert error(process, process.open_event("taken")) == 6


def test_names_are_the_same_with_global_and_local_before_them_and_differ_by_case() -> None:
    process = SmallSystem().process()
    done(process.create_event(name="Global\\Go"))
    assert done(process.open_event("Go"))
    assert done(process.open_event("Local\\Go"))
    assert error(process, process.open_event("go")) == 2


def test_names_that_are_too_long_or_have_a_backslash_are_refused() -> None:
    system = SmallSystem()
    process = system.process()
    before = system.held()
    assert error(process, process.create_event(name="x" * 261)) == 206
    assert error(process, process.create_event(name="a\\b")) == 3
    assert system.held() == before


def test_an_auto_reset_event_ends_one_wait_and_a_manual_reset_event_all() -> None:
    process = SmallSystem().process()
    automatic = done(process.create_event(False, True))
    manual = done(process.create_event(True, True))
    assert [done(process.wait_for_single_object(automatic, 0)) for _ in range(2)] == [0, 258]
    assert [done(process.wait_for_single_object(manual, 0)) for _ in range(2)] == [0, 0]
    assert done(process.reset_event(manual))
    assert done(process.wait_for_single_object(manual, 0)) == 258


def test_setting_an_event_wakes_who_waits_once() -> None:
    system = SmallSystem()
    process = system.process()
    handle = done(process.create_event())
    for _ in range(2):
        done(process.set_event(handle))
    assert [type(item) for item in system.woken] == [Event]


def test_waits_for_one_give_its_index_and_waits_for_all_want_all() -> None:
    process = SmallSystem().process()
    handles = [done(process.create_event(True, initial)) for initial in (False, True, True)]
    assert done(process.wait_for_multiple_objects(handles, False, 0)) == 1
    assert done(process.wait_for_multiple_objects(handles, True, 0)) == 258
    assert done(process.wait_for_multiple_objects(handles[1:], True, 0)) == 0


@pytest.mark.parametrize("count", [0, 65, -2])
def test_a_wait_takes_1_to_64_handles_each_once(count: int) -> None:
    process = SmallSystem().process()
    event = done(process.create_event())
    handles = [event] * 2 if count < 0 else [event] + [done(process.create_event()) for _ in range(count - 1)]
    assert done(process.wait_for_multiple_objects(handles[: abs(count)], False, 0)) == 0xFFFFFFFF
    assert process.get_last_error() == 87


def test_an_object_that_is_waited_for_outlives_its_handle() -> None:
    system = SmallSystem()
    process = system.process()
    handle = done(process.create_event())
    event = process.own.handles.get(handle, Event)
    wait = process.wait_for_single_object(handle)
    while not isinstance(next(wait), Wait):
        pass
    done(process.close_handle(handle))
    assert event.references == 1
    wait.close()
    assert event.references == 0
    assert system.pool.table().set_index("tag").loc["Even", "diff"] == 0


class Lifetimes(RuleBasedStateMachine):
    """Handles in two processes and references, against counts kept by hand."""

    items = Bundle("items")
    opened = Bundle("opened")

    def __init__(self) -> None:
        super().__init__()
        self.system = SmallSystem(frames=64, paging_pages=64)
        self.tables: list[HandleTable] = [self.system.process().own.handles for _ in range(2)]
        self.counts: dict[Any, int] = {}
        self.open: dict[tuple[int, int], Any] = {}

    @rule(target=opened, table=st.integers(0, 1))
    def make(self, table: int) -> Any:
        item = Plain(self.system)
        handle = self.tables[table].give(item)
        self.open[table, handle] = item
        self.counts[item] = 1
        return (table, handle)

    @rule(target=opened, entry=opened, table=st.integers(0, 1))
    def duplicate(self, entry: tuple[int, int], table: int) -> Any:
        if entry not in self.open:
            return entry
        item = self.open[entry]
        handle = self.tables[entry[0]].duplicate(entry[1], self.tables[table])
        assert (table, handle) not in self.open
        self.open[table, handle] = item
        self.counts[item] += 1
        return (table, handle)

    @rule(entry=opened)
    def close(self, entry: tuple[int, int]) -> None:
        if entry not in self.open:
            assert code(self.tables[entry[0]].close, entry[1]) == 6
            return
        self.tables[entry[0]].close(entry[1])
        self.counts[self.open.pop(entry)] -= 1

    @rule(target=items, entry=opened)
    def refer(self, entry: tuple[int, int]) -> Any:
        item = self.open.get(entry)
        if item is not None:
            item.reference()
            self.counts[item] += 1
        return item

    @rule(item=consumes(items))
    def release(self, item: Any) -> None:
        if item is not None:
            item.dereference()
            self.counts[item] -= 1

    @rule(table=st.integers(0, 1))
    def end(self, table: int) -> None:
        self.tables[table].close_all()
        for entry in [entry for entry in self.open if entry[0] == table]:
            self.counts[self.open.pop(entry)] -= 1

    @invariant()
    def objects_live_while_they_are_counted(self) -> None:
        gone = [item for item, count in self.counts.items() if count == 0]
        assert len(self.system.woken) == len(gone)
        assert set(self.system.woken) == set(gone)
        assert [len(table) for table in self.tables] == [sum(key[0] == i for key in self.open) for i in range(2)]
        table = self.system.pool.table().set_index("tag")
        if "Plai" in table.index:
            assert table.loc["Plai", "diff"] == len(self.counts) - len(gone)


TestLifetimes = Lifetimes.TestCase
TestLifetimes.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
