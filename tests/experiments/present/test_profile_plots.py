"""The plots of a trace's profile draw every profile: usual, tiny, sampled only, of several processes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from numpy.typing import NDArray

from experiments.present.plots.draw import draw, kinds_that_read
from experiments.profile.result import TraceProfile
from simulator.registry import UnknownName, find
from tests.experiments.present.layout import check, drawn
from tests.theory.recorded import Requests
from workloads.profile.frames import frames
from workloads.profile.profile import profile
from workloads.profile.summary import summary

ALL = ["footprint", "heat-map", "miss-ratio-curves", "popularity", "reuse-times", "working-set-curve"]
READS = "trace-profile"


def made(page: NDArray[Any], page_size: int | None = 4096, **options: Any) -> TraceProfile:
    """The profile of requests to these pages, every third a store."""
    found = profile(Requests(page.astype(np.uint64), np.arange(len(page)) % 3 == 0), **options)
    kept = frames(found)
    processes = int(page.max()) // (1 << 52) + 1
    about = {"name": "made", "page_size": page_size, "processes": processes}
    return TraceProfile({**about, **summary(found, kept)}, kept)


def usual() -> NDArray[Any]:
    """Code, a heap that is swept and a stack far away, in three phases."""
    random = np.random.default_rng(1)
    code, stack = 0x400 + random.integers(0, 40, 12_000), 0x1FFEFF0 + random.integers(0, 8, 12_000)
    sweep = 0x4A00 + np.arange(12_000) // 4 % np.repeat([300, 1500, 700], 4_000)
    choice = random.integers(0, 3, 12_000)
    page: NDArray[Any] = np.choose(choice, [code, sweep, stack])
    return page


def several() -> NDArray[Any]:
    """The same pages of four processes."""
    page: NDArray[Any] = usual() + (np.arange(12_000) // 9 % 4 << 52)
    return page


CASES: dict[str, dict[str, Any]] = {
    "usual": {"page": usual(), "shards": 0.02},
    "one reference": {"page": np.array([7])},
    "one page": {"page": np.full(300, 7), "shards": 0.1},
    "no page twice": {"page": np.arange(5000)},
    "sampled only": {"page": usual(), "shards": 0.02, "exact": False, "page_size": None},
    "several processes": {"page": several()},
}


@cache
def made_once(case: str) -> TraceProfile:
    return made(**CASES[case])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ALL)
def test_nothing_is_cut_off_and_no_legend_covers_data(kind: str, case: str) -> None:
    result = made_once(case)
    if not find("plot", kind)().applies(result):
        assert (kind, case) in [("reuse-times", "one reference"), ("reuse-times", "no page twice")]
        return
    check(drawn(kind, result))


def test_every_plot_is_found_has_its_title_and_names_units() -> None:
    assert kinds_that_read(READS) == ALL
    for kind, unit in zip(ALL, ("thousands of references", "thousands of references", "memory (pages)",
                                "rank of the page", "time until", "window T"), strict=True):  # fmt: skip
        words = " ".join(text.get_text() for text in drawn(kind, made_once("usual")).findobj(Text))
        assert unit in words
        assert find("plot", kind).title in words  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_profile_gives_the_same_bytes(form: str, tmp_path: Path) -> None:
    kinds = ["heat-map", "miss-ratio-curves"]  # an image, lines and a band
    first, second = (draw(made_once("usual"), tmp_path / name, kinds, form, READS) for name in "ab")
    assert [path.name for path in first] == [f"{kind}.{form}" for kind in kinds]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_plot_of_a_run_isnt_drawn_of_a_profile_and_the_other_way_round(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="allowed is one of footprint, heat-map"):
        draw(made_once("usual"), tmp_path, ["page-map"], reads=READS)
    with pytest.raises(UnknownName, match="allowed is one of disks"):
        draw(made_once("usual"), tmp_path, ["heat-map"])
    assert list(tmp_path.iterdir()) == []


def test_a_profile_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    for case in ("usual", "sampled only", "one reference"):
        directory = tmp_path / case
        directory.mkdir()
        made_once(case).write(directory)
        again = TraceProfile.read(directory)
        assert again.summary == made_once(case).summary
        assert again.frames.keys() == made_once(case).frames.keys()
        for name, frame in again.frames.items():
            assert frame.astype(object).equals(made_once(case).frames[name].astype(object).reset_index(drop=True))
