"""Images: where they are loaded, what is shared, and what becomes a process's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator import config
from simulator.windows import constants as w
from simulator.windows.image import Image
from tests.windows.harness import BOTH, PAGE, RW, UNIT, Steps, equal, fails, other, raises, run, several, works

LAYOUT = [
    config.ImageSection(size=PAGE, protection="read-only"),
    config.ImageSection(size=20 * PAGE, protection="code"),
    config.ImageSection(size=8 * PAGE, protection="data"),
]
BASE = 0x10000000
SIZE = 32 * PAGE
CODE, DATA = PAGE, 21 * PAGE


def dll(**others: Any) -> config.Image:
    """An image of 1 page of headers, 20 of code, 8 of data, and 3 that are read-only."""
    return config.Image(**{"size": SIZE, "dynamic_base": False, "fixups": 0.5, "sections": LAYOUT, **others})


def copied(process: Any, base: int) -> list[bool]:
    """For each of the image's pages, whether it is the process's own."""
    found: list[bool] = process.system.pages.state_of(process.own.space.entries(base, SIZE))["copied"].tolist()
    return found


def visitor(process: Any, expected: int | None, own: int) -> Steps:
    """Load the image, read all of it, and see where it is, how much of it is shared and how much is not."""
    base = yield from works(process.load_library("a.dll"))
    if expected is not None:
        equal(base, expected)
    yield process.read(base, SIZE)
    yield process.execute(base + CODE, 20 * PAGE)
    equal(sum(copied(process, base)), own)
    states = process.system.pages.state_of(process.own.space.entries(base, SIZE))
    equal(states["share"].tolist(), [1 if own_page else 2 for own_page in copied(process, base)])


def test_an_image_at_its_preferred_base_is_shared_whole() -> None:
    def program(process: Any) -> Steps:
        base = yield from works(process.load_library("a.dll"))
        equal(base, BASE)
        yield process.read(base, SIZE)
        equal((yield from other(process, visitor, expected=BASE, own=0)), 0)

    run(program, images={"a.dll": dll()})


def test_an_image_elsewhere_has_the_pages_with_fixups_to_itself() -> None:
    def relocated(process: Any) -> Steps:
        yield from works(process.virtual_alloc(BASE + UNIT, UNIT, BOTH, RW))
        yield from visitor(process, None, 16)
        base = yield process.get_module_handle("A.DLL")
        assert base not in (0, BASE)
        fixups = set(process.system.images["a.dll"].fixups().tolist())
        equal(copied(process, base), [page in fixups for page in range(32)])
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(base + CODE, 1), 1, base + CODE)

    def program(process: Any) -> Steps:
        base = yield from works(process.load_library("a.dll"))
        yield process.read(base, SIZE)
        equal((yield from other(process, relocated)), 0)
        before = process.system.pages.commit_total()
        equal((yield from other(process, relocated, name="c")), 0)
        equal(sum(copied(process, base)), 0)
        equal(process.system.pages.commit_total(), before)

    run(program, images={"a.dll": dll()})


def test_threads_that_load_an_image_at_once_load_it_once_and_get_it_relocated() -> None:
    bases: list[int] = []

    def program(process: Any) -> Steps:
        def loads(thread: Any) -> Steps:
            bases.append((yield from thread.load_library("a.dll")))
            assert sum(copied(thread, bases[-1])) == 16

        yield from works(process.virtual_alloc(BASE + UNIT, UNIT, BOTH, RW))
        before = len(process.own.space.vads.regions)
        threads = yield from several(works(process.create_thread(loads)) for _ in range(2))
        equal((yield process.wait_for_multiple_objects(threads, True)), 0)
        equal((len(bases), len(set(bases)), len(process.own.space.vads.regions)), (2, 1, before + 1))
        for _ in range(2):
            yield from works(process.free_library(bases[0]))
        yield from fails(process, w.ERROR_MOD_NOT_FOUND, process.free_library(bases[0]))

    run(program, images={"a.dll": dll()}, processors=2)


@pytest.mark.parametrize("aslr", [True, False])
def test_a_random_base_is_one_for_all_processes_and_sharing_survives(aslr: bool) -> None:
    bases: list[int] = []

    def program(process: Any) -> Steps:
        base = yield from works(process.load_library("a.dll"))
        yield process.read(base, SIZE)
        equal((yield from other(process, visitor, expected=base, own=0)), 0)
        second = yield from works(process.load_library("b.dll"))
        assert second >= base + SIZE or base >= second + SIZE
        bases.append(base)

    images = {"a.dll": dll(dynamic_base=True), "b.dll": dll(dynamic_base=True, preferred_base=0x20000000)}
    for _ in range(2):
        run(program, images=images, settings={"aslr": aslr})
    assert bases[0] == bases[1]
    assert (bases[0] == BASE) == (not aslr)
    assert bases[0] % UNIT == 0


def test_data_is_shared_until_stored_to_and_commit_is_charged_for_it_when_loaded() -> None:
    def program(process: Any) -> Steps:
        commit = process.system.pages.commit
        number = process.own.number
        base = yield from works(process.virtual_alloc(BASE, SIZE, w.MEM_RESERVE, RW))
        yield from works(process.virtual_free(base, 0, w.MEM_RELEASE))
        before = commit(number)
        base = yield from works(process.load_library("a.dll"))
        assert 8 <= commit(number) - before <= 9  # perhaps a page table
        yield process.read(base, SIZE)
        yield process.write(base + DATA + PAGE, 8)
        equal([page for page, own in enumerate(copied(process, base)) if own], [22])
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(base, 1), 1, base)
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.execute(base + DATA, 1), 8, base + DATA)
        yield from works(process.free_library(base))
        assert commit(number) - before <= 1

    run(program, images={"a.dll": dll()}, settings={"dep_policy": "always-on"})


def test_an_image_stays_as_long_as_it_was_loaded_more_often_than_freed() -> None:
    def program(process: Any) -> Steps:
        yield from fails(process, w.ERROR_MOD_NOT_FOUND, process.load_library("no.dll"))
        yield from fails(process, w.ERROR_MOD_NOT_FOUND, process.get_module_handle("a.dll"))
        base = yield from works(process.load_library("a.dll"))
        equal((yield process.load_library("A.dll")), base)
        equal((yield process.get_module_handle("a.dll")), base)
        yield from works(process.free_library(base))
        yield process.read(base, 1)
        yield from works(process.free_library(base))
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.read(base, 1), 0, base)
        yield from fails(process, w.ERROR_MOD_NOT_FOUND, process.free_library(base))
        yield from works(process.load_library("a.dll"))
        yield from works(process.unmap_view_of_file(base))
        yield from fails(process, w.ERROR_MOD_NOT_FOUND, process.free_library(base))

    run(program, images={"a.dll": dll()})


def test_a_section_of_an_image_is_mapped_with_the_images_own_protections() -> None:
    def program(process: Any) -> Steps:
        equal((yield process.create_file("a.dll")), w.INVALID_HANDLE_VALUE)
        equal(process.get_last_error(), w.ERROR_ACCESS_DENIED)
        file = yield from works(process.create_file("a.dll", access=w.GENERIC_READ))
        handle = yield from works(process.create_file_mapping(file, w.PAGE_READONLY | w.SEC_IMAGE))
        base = yield from works(process.map_view_of_file(handle, w.FILE_MAP_READ))
        equal(base, BASE)
        found = []
        address = base
        while address < base + SIZE:
            part = yield from works(process.virtual_query(address))
            found.append((part.region_size // PAGE, part.protect, part.type))
            address += part.region_size
        equal(
            found,
            [(1, w.PAGE_READONLY, w.MEM_IMAGE), (20, w.PAGE_EXECUTE_READ, w.MEM_IMAGE),
             (8, w.PAGE_WRITECOPY, w.MEM_IMAGE), (3, w.PAGE_READONLY, w.MEM_IMAGE)],
        )  # fmt: skip
        again = yield from works(process.map_view_of_file(handle, w.FILE_MAP_READ))
        assert again != base

    run(program, images={"a.dll": dll()})


@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["code", "data", "read-only"])), max_size=4),
)
def test_an_images_protections_are_its_sections(pages: int, parts: list[tuple[int, str]]) -> None:
    plain: list[str] = [kind for count, kind in parts for _ in range(count)][:pages]
    parts = [(count, kind) for i, (count, kind) in enumerate(parts) if sum(c for c, _ in parts[: i + 1]) <= pages]
    plain = [kind for count, kind in parts for _ in range(count)]
    sections = [config.ImageSection(size=count * PAGE, protection=kind) for count, kind in parts]  # type: ignore[arg-type]
    system: Any = SimpleNamespace(page_size=PAGE)
    image = Image(system, "x", config.Image(size=pages * PAGE, sections=sections))
    if not plain:
        code = 3 * (pages - 1) // 4
        plain = ["read-only"] + ["code"] * code + ["data"] * (pages - 1 - code)
    plain += ["read-only"] * (pages - len(plain))
    numbers = {"code": w.PAGE_EXECUTE_READ, "data": w.PAGE_WRITECOPY, "read-only": w.PAGE_READONLY}
    for page in range(pages):
        protection, length = image.protection_run(page)
        assert {numbers[kind] for kind in plain[page : page + length]} == {protection}
        for end in range(page, pages + 1):
            assert image.copied_pages(page, end - page) == plain[page:end].count("data")


def test_the_share_of_fixups_is_kept() -> None:
    system: Any = SimpleNamespace(page_size=PAGE, rng=lambda _: np.random.default_rng(1))
    fixups = Image(system, "x", dll()).fixups()
    assert len(set(fixups.tolist())) == 16
    assert (np.diff(fixups) > 0).all()
    assert 0 <= fixups[0] <= fixups[-1] < 32


@pytest.mark.parametrize("wrong", [{"preferred_base": 4096}, {"size": 2 * PAGE}, {"fixups": 1.5}])
def test_an_impossible_image_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        dll(**wrong)


def test_a_disk_must_hold_its_files() -> None:
    disks = {"d": config.Disk(capacity=8 * PAGE), "e": config.Disk()}
    paging = [config.PagingFile(disk="e")]
    config.Machine(disks=disks, paging_files=paging, images={"a": dll(size=8 * PAGE, sections=[])})
    with pytest.raises(ValidationError, match=r"disks\.d\.capacity: found 32768, allowed is at least 36864"):
        config.Machine(disks=disks, paging_files=paging, images={"a": dll(size=8 * PAGE + 1, sections=[])})
