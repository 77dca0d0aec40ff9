"""A call that can't have all it needs has taken nothing, whatever is lacking and wherever in the middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from simulator import config
from simulator.windows import constants as w
from tests.windows.harness import BOTH, COMMIT, PAGE, RESERVE, RW, UNIT, MiB, Steps, equal, other, run, works
from tests.windows.shortage import SCARCE, Shortage, held

NOWHERE = w.INVALID_HANDLE_VALUE
ANY = w.GENERIC_READ | w.GENERIC_WRITE | w.GENERIC_EXECUTE
HOLD, REPLACE = RESERVE | w.MEM_RESERVE_PLACEHOLDER, w.MEM_REPLACE_PLACEHOLDER
WRITE, COPY, MOVEABLE = w.FILE_MAP_WRITE, w.FILE_MAP_COPY, w.GMEM_MOVEABLE
FAILURES = (0, None, NOWHERE)
BASE = 0x1000_0000
IMAGES = {"a.dll": config.Image(size=32 * PAGE, preferred_base=BASE, dynamic_base=False, fixups=0.5)}
LARGE_PAGES = RW | w.SEC_COMMIT | w.SEC_LARGE_PAGES


def _nothing(_: Any) -> Steps:
    yield from ()


@dataclass(frozen=True)
class Case:
    """A call that takes things, made by a process with what `prepare` gave."""

    call: Callable[[Any, Any], Steps]
    prepare: Callable[[Any], Steps] = _nothing
    settings: dict[str, Any] = field(default_factory=dict)


def _idle(process: Any) -> Steps:
    yield process.sleep(1)


def _event(name: str | None = None) -> Callable[[Any], Steps]:
    return lambda p: works(p.create_event(name=name))


def _file(p: Any) -> Steps:
    return (yield from works(p.create_file("data", access=ANY)))


def _new_name(p: Any) -> Steps:
    yield from p.compute(1)
    return f"made at {p.system.now}"


def _image_file(p: Any) -> Steps:
    return (yield from works(p.create_file("a.dll", access=w.GENERIC_READ)))


def _mapped_file(p: Any) -> Steps:
    """A file that is mapped, and can be mapped with more pages."""
    file = yield from _file(p)
    yield from works(p.create_file_mapping(file, RW))
    return file


def _section(protect: int) -> Callable[[Any], Steps]:
    return lambda p: works(p.create_file_mapping(NOWHERE, protect, 16 * PAGE))


def _file_section(p: Any) -> Steps:
    return (yield from works(p.create_file_mapping((yield from _file(p)), RW)))


def _image_section(p: Any) -> Steps:
    file = yield from _image_file(p)
    return (yield from works(p.create_file_mapping(file, w.PAGE_READONLY | w.SEC_IMAGE)))


def _view(protect: int, access: int) -> Callable[[Any], Steps]:
    def prepare(p: Any) -> Steps:
        return (yield from works(p.map_view_of_file((yield from _section(protect)(p)), access)))

    return prepare


def _image_view(p: Any) -> Steps:
    return (yield from works(p.map_view_of_file((yield from _image_section(p)), COPY)))


def _in_the_way(p: Any) -> Steps:
    return (yield from works(p.virtual_alloc(BASE, UNIT, RESERVE, RW)))


def _reserved(p: Any) -> Steps:
    return (yield from works(p.virtual_alloc(0, 700 * PAGE, RESERVE, RW)))


def _placeholder(p: Any) -> Steps:
    base = yield from works(p.virtual_alloc2(0, 0, 700 * PAGE, HOLD, w.PAGE_NOACCESS))
    yield from works(p.virtual_free(base, 16 * PAGE, w.MEM_RELEASE | w.MEM_PRESERVE_PLACEHOLDER))
    return base


def _place_for_view(p: Any) -> Steps:
    return (yield from _placeholder(p)), (yield from _section(RW)(p))


def _place_for_file(p: Any) -> Steps:
    return (yield from _placeholder(p)), (yield from _file_section(p))


def _heap(p: Any) -> Steps:
    return (yield from works(p.heap_create(0, 0, 0)))


def _filled(p: Any) -> Steps:
    """A heap whose first segment has no room for another block of this size."""
    heap = yield from _heap(p)
    for _ in range(2):
        yield from works(p.heap_alloc(heap, 0, 500_000))
    return heap, 0


def _process_heap(p: Any) -> Steps:
    return (yield from works(p.get_process_heap()))


def _object(p: Any) -> Steps:
    return (yield from works(p.global_alloc(MOVEABLE, 100)))


def _block(size: int) -> Callable[[Any], Steps]:
    def prepare(p: Any) -> Steps:
        heap = yield from _heap(p)
        return heap, (yield from works(p.heap_alloc(heap, 0, size)))

    return prepare


CASES = {
    "create_event": Case(lambda p, _: p.create_event()),
    "create_event, named": Case(lambda p, _: p.create_event(name="an event")),
    "create_event, of a name that is there": Case(lambda p, _: p.create_event(name="here"), _event("here")),
    "open_event": Case(lambda p, _: p.open_event("here"), _event("here")),
    "open_process": Case(lambda p, _: p.open_process("a")),
    "duplicate_handle": Case(lambda p, handle: p.duplicate_handle(handle), _event()),
    "create_memory_resource_notification": Case(lambda p, _: p.create_memory_resource_notification(0)),
    "create_thread": Case(lambda p, _: p.create_thread(_idle)),
    "create_thread, with a larger stack": Case(lambda p, _: p.create_thread(_idle, 700 * PAGE)),
    "create_process": Case(lambda p, _: p.create_process("child", _idle)),
    "create_file": Case(lambda p, _: p.create_file("data")),
    "create_file, longer": Case(lambda p, _: p.create_file("data", 40 * PAGE, disposition=w.CREATE_ALWAYS)),
    "create_file, shorter": Case(lambda p, _: p.create_file("data", PAGE, disposition=w.TRUNCATE_EXISTING)),
    "create_file, new": Case(lambda p, name: p.create_file(name, PAGE, disposition=w.CREATE_NEW), _new_name),
    "create_file_mapping": Case(lambda p, _: p.create_file_mapping(NOWHERE, RW, 16 * PAGE)),
    "create_file_mapping, named": Case(lambda p, _: p.create_file_mapping(NOWHERE, RW, 16 * PAGE, "a section")),
    "create_file_mapping, reserved": Case(lambda p, _: p.create_file_mapping(NOWHERE, RW | w.SEC_RESERVE, 16 * PAGE)),
    "create_file_mapping, large pages": Case(
        lambda p, _: p.create_file_mapping(NOWHERE, LARGE_PAGES, 3 * UNIT), _nothing, {"large_page_minimum": UNIT}
    ),
    "create_file_mapping, of a file": Case(lambda p, file: p.create_file_mapping(file, RW), _file),
    "create_file_mapping, of a file, named": Case(
        lambda p, file: p.create_file_mapping(file, RW, 0, "a section"), _file
    ),
    "create_file_mapping, of more than a file": Case(
        lambda p, file: p.create_file_mapping(file, RW, 999 * PAGE), _file
    ),
    "create_file_mapping, of more than a mapped file": Case(
        lambda p, file: p.create_file_mapping(file, RW, 999 * PAGE), _mapped_file
    ),
    "create_file_mapping, of an image": Case(
        lambda p, file: p.create_file_mapping(file, w.PAGE_READONLY | w.SEC_IMAGE), _image_file
    ),
    "map_view_of_file": Case(lambda p, section: p.map_view_of_file(section, WRITE), _section(RW)),
    "map_view_of_file, to be copied": Case(lambda p, section: p.map_view_of_file(section, COPY), _section(RW)),
    "map_view_of_file, of a file": Case(lambda p, section: p.map_view_of_file(section, COPY), _file_section),
    "map_view_of_file, of an image": Case(lambda p, section: p.map_view_of_file(section, COPY), _image_section),
    "map_view_of_file, large pages": Case(
        lambda p, section: p.map_view_of_file(section, WRITE), _section(LARGE_PAGES), {"large_page_minimum": UNIT}
    ),
    "load_library": Case(lambda p, _: p.load_library("a.dll")),
    "load_library, elsewhere": Case(lambda p, _: p.load_library("a.dll"), _in_the_way),
    "virtual_alloc": Case(lambda p, _: p.virtual_alloc(0, 700 * PAGE, BOTH, RW)),
    "virtual_alloc, of reserved pages": Case(lambda p, base: p.virtual_alloc(base, 700 * PAGE, COMMIT, RW), _reserved),
    "virtual_alloc, large pages": Case(
        lambda p, _: p.virtual_alloc(0, 3 * UNIT, BOTH | w.MEM_LARGE_PAGES, RW), _nothing, {"large_page_minimum": UNIT}
    ),
    "virtual_alloc2, of a placeholder": Case(lambda p, _: p.virtual_alloc2(0, 0, UNIT, HOLD, w.PAGE_NOACCESS)),
    "virtual_alloc2, in a placeholder's place": Case(
        lambda p, base: p.virtual_alloc2(0, base + UNIT, 684 * PAGE, BOTH | REPLACE, RW), _placeholder
    ),
    "map_view_of_file3, in a placeholder's place": Case(
        lambda p, at: p.map_view_of_file3(at[1], 0, at[0], 0, UNIT, REPLACE, w.PAGE_WRITECOPY), _place_for_view
    ),
    "map_view_of_file3, of a file": Case(
        lambda p, at: p.map_view_of_file3(at[1], 0, at[0], 0, UNIT, REPLACE, RW), _place_for_file
    ),
    "virtual_alloc, of a view's pages": Case(
        lambda p, base: p.virtual_alloc(base, 5 * PAGE, COMMIT, RW), _view(RW | w.SEC_RESERVE, WRITE)
    ),
    "virtual_protect, of an image's pages": Case(
        lambda p, base: p.virtual_protect(base, 5 * PAGE, w.PAGE_EXECUTE_READWRITE), _image_view
    ),
    "virtual_protect, of a view's pages to be copied": Case(
        lambda p, base: p.virtual_protect(base, 5 * PAGE, w.PAGE_WRITECOPY), _view(RW, WRITE)
    ),
    "allocate_user_physical_pages": Case(lambda p, _: p.allocate_user_physical_pages(5)),
    "heap_create": Case(lambda p, _: p.heap_create(0, 9 * PAGE, 0)),
    "heap_create, fixed": Case(lambda p, _: p.heap_create(0, 9 * PAGE, 20 * PAGE)),
    "heap_alloc": Case(lambda p, heap: p.heap_alloc(heap, 0, 100_000), _heap),
    "heap_alloc, in a further segment": Case(lambda p, given: p.heap_alloc(given[0], 0, 500_000), _filled),
    "heap_alloc, large": Case(lambda p, heap: p.heap_alloc(heap, 0, MiB), _heap),
    "heap_realloc": Case(lambda p, given: p.heap_realloc(given[0], 0, given[1], 100_000), _block(5000)),
    "heap_realloc, large": Case(lambda p, given: p.heap_realloc(given[0], 0, given[1], 2 * MiB), _block(MiB)),
    "global_alloc": Case(lambda p, _: p.global_alloc(MOVEABLE, MiB), _process_heap),
    "global_realloc": Case(lambda p, memory: p.global_realloc(memory, MiB, MOVEABLE), _object),
    "ex_allocate_pool_with_tag": Case(lambda p, _: p.ex_allocate_pool_with_tag(w.PAGED_POOL, 3 * PAGE, "Test")),
    "ex_allocate_pool_with_tag, nonpaged": Case(
        lambda p, _: p.ex_allocate_pool_with_tag(w.NON_PAGED_POOL, 3 * PAGE, "Test")
    ),
}


def _attempt(process: Any, case: Case, given: Any, what: str) -> Steps:
    """Make a call; whether it could be done. If not, everything must be as it was."""
    before = held(process)
    result = yield from case.call(process, given)
    if result not in FAILURES:
        if isinstance(result, int):
            yield process.close_handle(result)  # if it is one, so that its name is free
        return True
    after = held(process)
    for thing, was in before.items():
        equal(after[thing], was, f"{thing} after the call without {what}")
    return False


@pytest.mark.parametrize("name", CASES)
def test_a_call_that_lacks_the_kth_thing_it_takes_leaves_everything_as_it_was(name: str) -> None:
    """Until it takes fewer than k. If it does without the k-th thing, it is made anew for the next one."""
    case, shortage = CASES[name], Shortage()

    def program(process: Any) -> Steps:
        given = yield from case.prepare(process)
        for number in count(1):
            shortage.refuse(number)
            done = yield from _attempt(process, case, given, f"thing {number}")
            taken = shortage.taken
            shortage.refuse(0)
            if taken < number:
                assert done
                assert number > 1
                break
            if done:
                given = yield from case.prepare(process)

    with shortage.watching():
        run(program, **_machine(case))


@pytest.mark.parametrize("name", CASES)
def test_a_call_for_which_too_little_is_left_leaves_everything_as_it_was(name: str) -> None:
    """However little that is: from nothing on, until it is enough."""
    case = CASES[name]

    def child(process: Any, what: str) -> Steps:
        given = yield from case.prepare(process)
        left, done = 0, False
        while not done:
            refill = SCARCE[what](process, left)
            done = yield from _attempt(process, case, given, f"more than {left} of {what}")
            refill()
            left += 1 + left // 4
            assert left < 2000

    def program(process: Any) -> Steps:
        for what in SCARCE:
            equal((yield from other(process, child, what=what)), 0)

    run(program, **_machine(case))


def _machine(case: Case) -> dict[str, Any]:
    pools = {"handles": 64, "paged_limit": 64 * PAGE, "nonpaged_limit": 64 * PAGE}
    files = {"data": 16 * PAGE}
    return {"frames": 1024, "files": files, "images": IMAGES, "settings": {"pools": pools, **case.settings}}
