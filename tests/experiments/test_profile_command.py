"""`pagesim trace profile`: what it prints and keeps, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.profile.result import TraceProfile
from tests.experiments.conftest import Command

BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "belady.txt"
    path.write_text("".join(f"{page}\n" for page in BELADY), encoding="utf-8")
    return path


def test_the_json_object_and_the_directory_hold_the_curves(pagesim: Command, trace: Path, tmp_path: Path) -> None:
    """By hand: LRU has the distances - - - - 4 4 - 3 3 5 5 5, so 10 misses with 3 pages and 8 with 4; MIN has 7 with 3
    (Belady 1966) and 6 with 4."""
    out = tmp_path / "out"
    ran = pagesim("trace", "profile", trace, "--out", out, "--json", "--no-plots")
    assert ran.status == 0, ran.err
    printed = json.loads(ran.out)
    kept = json.loads((out / "profile.json").read_text("utf-8"))
    assert printed == {**kept, "directory": str(out)}
    assert (printed["name"], printed["runs"], printed["references"], printed["pages"]) == ("belady", 12, 12, 5)
    curves = TraceProfile.read(out).frame("curves")
    assert curves["lru_misses"].tolist() == [12, 12, 10, 8, 5]
    assert curves["optimal_misses"].tolist() == [12, 9, 7, 6, 5]
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["kind"] == "pagesim trace profile"
    assert (manifest["skip"], manifest["limit"], manifest["exact"], manifest["shards"]) == (0, None, True, None)
    assert len(manifest["trace"]["sha256"]) == 64
    assert not (out / "plots").exists()


def test_the_same_trace_gives_the_same_bytes(pagesim: Command, trace: Path, tmp_path: Path) -> None:
    for name in "ab":
        assert pagesim("trace", "profile", trace, "--out", tmp_path / name, "--shards", 0.1, "--no-plots").status == 0
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "ab")
    del first["manifest.json"], second["manifest.json"]
    assert first == second
    assert {"profile.json", "curves.parquet", "sampled.parquet", "working_set.parquet"} <= set(first)


def test_the_table_and_the_plots(
    pagesim: Command, trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = pagesim("trace", "profile", trace, "--shards", "0.125")
    assert ran.status == 0, ran.err
    assert "belady: 12 references in 12 runs; 0.0% fetches, 100.0% loads, 0.0% stores" in ran.out
    assert "misses by memory" in ran.out
    assert "result: results/belady-profile" in ran.out
    drawn = sorted(path.name for path in Path("results/belady-profile/plots").iterdir())
    assert "miss-ratio-curves.png" in drawn
    again = pagesim("plot", "results/belady-profile", "--kind", "heat-map", "--format", "svg")
    assert (again.status, again.out) == (0, "results/belady-profile/plots/heat-map.svg\n")
    listed = pagesim("list", "plots").out
    assert "(of a trace profile)" in listed


def test_a_part_of_a_trace_has_only_its_pages(pagesim: Command, trace: Path, tmp_path: Path) -> None:
    ran = pagesim("trace", "profile", trace, "--skip", 4, "--limit", 5, "--out", tmp_path / "o", "--json", "--no-plots")
    found = json.loads(ran.out)
    assert (found["references"], found["pages"]) == (5, 3)  # 1 2 5 1 2
    assert TraceProfile.read(tmp_path / "o").frame("popularity")["page"].tolist() == [1, 2, 5]


def test_without_the_exact_curves_the_sampled_one_is_left(pagesim: Command, trace: Path, tmp_path: Path) -> None:
    ran = pagesim("trace", "profile", trace, "--no-exact", "--shards", 0.1, "--out", tmp_path / "o", "--json")
    assert ran.status == 0, ran.err
    assert all(row.keys() == {"pages", "shards", "shards_low", "shards_high"} for row in json.loads(ran.out)["misses"])
    assert not (tmp_path / "o" / "curves.parquet").exists()


@pytest.mark.slow
def test_pages_of_several_processes_are_kept_apart(pagesim: Command, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("page,pid\n1,10\n1,11\n2,10\n1,11\n1,10\n", encoding="utf-8")
    ran = pagesim("trace", "profile", path, "--out", tmp_path / "o", "--json", "--no-plots")
    assert ran.status == 0, ran.err
    found = json.loads(ran.out)
    assert (found["processes"], found["pages"]) == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--shards", "0.5"], "found a rate of 0.5, allowed is more than 0 and at most 0.125"),
        (["--no-exact"], "--no-exact: found no --shards"),
        (["--skip", "12"], "skip: found 12, allowed is less than the trace's 12 references"),
        (["--format", "nonsense"], "nonsense"),
    ],
)
def test_bad_input_is_told_in_one_line_and_leaves_nothing(
    pagesim: Command, trace: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    ran = pagesim("trace", "profile", trace, "--out", tmp_path / "o", *arguments)
    assert ran.status == 2
    assert told in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["belady.txt"]


def test_a_profile_replaces_an_older_one_but_not_a_directory_of_another_kind(
    pagesim: Command, trace: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        assert pagesim("trace", "profile", trace, "--out", tmp_path / "o", "--no-plots").status == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("mine", encoding="utf-8")
    ran = pagesim("trace", "profile", trace, "--out", other, "--no-plots")
    assert ran.status == 2
    assert "holds no result" in ran.err
    rerun = pagesim("rerun", tmp_path / "o")
    assert rerun.status == 2
    assert rerun.err.count("\n") == 1
