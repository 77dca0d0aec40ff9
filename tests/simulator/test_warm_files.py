"""Pages of files that are on standby at the start (`Region.warm`)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from simulator.config import File, Region
from tests.reference.cases import PAGE
from tests.simulator.small import TEXTBOOK, Done, build, loads, run, windows


def mapped(file: str = "f", pages: int = 4, first: int = 0, **others: Any) -> Region:
    """A region that shows a file from the file's first page on."""
    return Region(first=first, pages=pages, file=file, **others)


def files(*names: str, pages: int = 4) -> dict[str, Any]:
    """A machine with files of so many pages each."""
    return {"files": {name: File(size=pages * PAGE) for name in names}}


def causes(done: Done) -> list[tuple[Any, ...]]:
    """Each fault's process, page, kind and cause."""
    return done.faults("process", "page", "kind", "cause")


@pytest.mark.parametrize("manager", [windows(), TEXTBOOK], ids=["windows", "demand-paging"])
def test_a_warm_page_is_soft_faulted_in_without_a_read(manager: dict[str, Any]) -> None:
    """Eight frames, no reserve: all four pages of the file are there."""
    process = {"regions": [mapped(warm=True)]}
    done = run([loads(range(4))], 8, machine=files("f"), manager=manager, process=process)
    assert causes(done) == [("a", page, "transition", "standby") for page in range(4)]
    assert done.summary["page_reads"] == done.summary["pages_input"] == 0


def test_a_cold_page_is_read() -> None:
    done = run([loads(range(4))], 8, machine=files("f"), manager=windows(), process={"regions": [mapped()]})
    assert causes(done) == [("a", page, "hard", "file") for page in range(4)]


def test_warm_pages_leave_the_zeroed_frames_of_the_high_memory_threshold() -> None:
    """Eight frames, of which five stay zeroed: three of the file's four pages are warm."""
    process = {"regions": [mapped(warm=True)]}
    manager = windows(low_memory=1, high_memory=5)
    lists = build([loads([0])], 8, machine=files("f"), manager=manager, process=process).snapshot()["lists"]
    assert (lists["zeroed"], lists["standby"][5]) == (5, [("file:f", page) for page in range(3)])
    done = run([loads(range(4))], 8, machine=files("f"), manager=manager, process=process)
    assert [kind for _, _, kind, _ in causes(done)] == ["transition"] * 3 + ["hard"]


def test_bad_frames_are_not_zeroed_frames() -> None:
    """Eight frames, two of them bad, five of the others stay zeroed: one page is warm."""
    process = {"regions": [mapped(warm=True)]}
    machine = {**files("f"), "bad_frames": 2}
    done = run([loads(range(4))], 8, machine=machine, manager=windows(high_memory=5), process=process)
    assert [kind for _, _, kind, _ in causes(done)] == ["transition"] + ["hard"] * 3


def test_a_file_is_warm_for_all_that_map_it() -> None:
    """b maps it without the option: its pages are there all the same."""
    each = [{"regions": [mapped(warm=True)]}, {"regions": [mapped()], "start": 1000}]
    done = run([loads([0]), loads([1])], 8, machine=files("f"), manager=windows(), process=each)
    assert causes(done) == [("a", 0, "transition", "standby"), ("b", 1, "transition", "standby")]


def test_only_what_a_warm_region_shows_is_warm() -> None:
    """The region shows pages 2 and 3 of the file, another, cold one pages 0 and 1."""
    regions = [mapped(pages=2, first=10), mapped(pages=2, first=20, offset=2, warm=True)]
    done = run([loads([10, 11, 20, 21])], 8, machine=files("f"), manager=windows(), process={"regions": regions})
    assert [kind for _, _, kind, _ in causes(done)] == ["hard", "hard", "transition", "transition"]


def test_warm_pages_are_the_oldest_on_standby_in_the_order_of_files_and_pages() -> None:
    """Four frames, all with warm pages: f2 before f10, two pages each. Three private pages take the frames of f2's
    pages and of f10's first; its second one is left, the first is read into the frame of a private page."""
    regions = [mapped("f10", 2, 0, warm=True), mapped("f2", 2, 10, warm=True)]
    done = run(
        [loads([50, 51, 52, 1, 0])],
        4,
        machine=files("f2", "f10", pages=2),
        manager=TEXTBOOK,
        process={"regions": regions},
    )
    assert causes(done)[3:] == [("a", 1, "transition", "standby"), ("a", 0, "hard", "file")]


def test_a_page_is_warm_once_however_many_regions_show_it() -> None:
    regions = [mapped(warm=True), mapped(first=10, warm=True)]
    done = run([loads([0, 10])], 8, machine=files("f"), manager=windows(), process={"regions": regions})
    assert [cause for *_, cause in causes(done)] == ["standby", "another process"]


def test_a_region_longer_than_its_file_warms_the_file() -> None:
    process = {"regions": [mapped(pages=9, warm=True)]}
    done = run([loads(range(4))], 8, machine=files("f"), manager=windows(), process=process)
    assert done.summary["page_reads"] == 0


def test_private_memory_is_not_warm() -> None:
    with pytest.raises(ValidationError, match="warm: found true without a file, allowed is a mapped file"):
        Region(first=0, pages=1, warm=True)
