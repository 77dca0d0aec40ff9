"""Converted traces are kept, bounded, and never needed."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.workloads.trace_files import ROWS, rows_of, write_arrow, write_parquet, write_text
from workloads.base import InputError
from workloads.traces import cache as cache_module
from workloads.traces.cache import open_trace
from workloads.traces.formats.text import Text
from workloads.traces.runs import Runs

needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


def kept(cache: Path) -> list[Path]:
    """The files in the cache."""
    return sorted((cache / "traces").iterdir())


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Text files converted during the test."""
    made: list[Path] = []
    convert = Text.runs

    def runs(self: Text, path: Path) -> Iterator[Runs]:
        made.append(path)
        return convert(self, path)

    monkeypatch.setattr(Text, "runs", runs)
    return made


def test_a_trace_is_converted_once(tmp_path: Path, cache: Path, conversions: list[Path]) -> None:
    path = write_text(tmp_path / "a.txt", "1\n2\n")
    first, second = open_trace(path), open_trace(path)
    assert rows_of(first) == rows_of(second)
    assert conversions == [path]
    assert len(kept(cache)) == 1


def test_the_key_is_the_content_and_what_is_made_of_it(tmp_path: Path, cache: Path, conversions: list[Path]) -> None:
    path = write_text(tmp_path / "a.txt", "1\n1\n")
    open_trace(path)
    copy = write_text(tmp_path / "copy.txt", "1\n1\n")
    assert rows_of(open_trace(copy)) == [(1, 0, 1, 0), (1, 0, 1, 0)]
    assert conversions == [path]
    assert rows_of(open_trace(copy, merge=True)) == [(1, 0, 2, 0)]
    write_text(path, "3\n")
    assert rows_of(open_trace(path)) == [(3, 0, 1, 0)]
    assert conversions == [path, copy, path]
    assert len(kept(cache)) == 3


def test_a_native_store_is_read_where_it_is(tmp_path: Path, cache: Path) -> None:
    assert rows_of(open_trace(write_arrow(tmp_path / "a.arrow", ROWS))) == ROWS
    assert not (cache / "traces").exists()
    assert rows_of(open_trace(write_arrow(tmp_path / "a.arrow", ROWS), merge=True)) == ROWS


def test_a_damaged_copy_is_made_again(
    tmp_path: Path, cache: Path, conversions: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = write_text(tmp_path / "a.txt", "1\n2\n")
    open_trace(path)
    (copy,) = kept(cache)
    copy.write_bytes(copy.read_bytes()[:-100])
    assert [row[0] for row in rows_of(open_trace(path))] == [1, 2]
    assert conversions == [path, path]
    assert "converting again" in caplog.text


def test_a_refused_trace_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InputError):
        open_trace(write_text(tmp_path / "a.txt", "1\nwrong\n"))
    assert kept(cache) == []


def test_those_unused_for_longest_go_first(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write_text(tmp_path / f"{number}.txt", f"{number}\n") for number in range(4)]
    for age, path in enumerate(paths[:3]):
        open_trace(path)
        newest = max(kept(cache), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, (1000 + age, 1000 + age))
    oldest = min(kept(cache), key=lambda file: file.stat().st_mtime_ns)
    open_trace(paths[0])  # used again: now the newest
    monkeypatch.setenv("PAGESIM_CACHE_SIZE", f"{2 * oldest.stat().st_size + 100} B")
    open_trace(paths[3])
    assert len(kept(cache)) == 2
    assert oldest in kept(cache)


def test_a_trace_larger_than_the_cache_is_replayed_but_not_kept(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGESIM_CACHE_SIZE", "100 B")
    trace = open_trace(write_text(tmp_path / "a.txt", "1\n2\n"))
    assert kept(cache) == []
    assert [row[0] for row in rows_of(trace)] == [1, 2]


def test_what_killed_runs_left_is_removed(tmp_path: Path, cache: Path) -> None:
    (cache / "traces").mkdir(parents=True)
    for name, age in (("old.tmp", cache_module.ABANDONED + 100), ("young.tmp", 100)):
        path = cache / "traces" / name
        path.touch()
        time = path.stat().st_mtime - age
        os.utime(path, (time, time))
    open_trace(write_text(tmp_path / "a.txt", "1\n"))
    assert [path.name for path in kept(cache) if path.suffix == ".tmp"] == ["young.tmp"]


def test_without_a_cache_a_temporary_file_serves(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (cache / "traces").write_text("a file where the directory should be")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = sorted(tmp_path.iterdir())
    path = write_text(tmp_path / "a.txt", "1\n2\n")
    with caplog.at_level(logging.WARNING):
        trace = open_trace(path)
    assert [row[0] for row in rows_of(trace)] == [1, 2]
    assert "traces can't be kept" in caplog.text
    assert sorted(tmp_path.iterdir()) == sorted([*before, path])


def test_nowhere_to_write_is_one_line(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "traces").write_text("a file where the directory should be")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(InputError, match=r"a\.txt: can't be converted: "):
        open_trace(write_text(tmp_path / "a.txt", "1\n"))


def test_a_wrong_cache_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGESIM_CACHE_SIZE", "large")
    with pytest.raises(InputError, match="PAGESIM_CACHE_SIZE: found 'large', allowed is a size"):
        open_trace(write_text(tmp_path / "a.txt", "1\n"))


def _open(path: Path) -> list[int]:
    return [row[0] for row in rows_of(open_trace(path))]


@pytest.mark.slow
def test_runs_that_convert_at_once_do_not_disturb_each_other(tmp_path: Path, cache: Path) -> None:
    path = write_text(tmp_path / "a.txt", "".join(f"{page % 977}\n" for page in range(50_000)))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        results = list(pool.map(_open, [path] * 6))
    assert all(result == [page % 977 for page in range(50_000)] for result in results)
    assert [file.suffix for file in kept(cache)] == [".arrow"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (str, "found no such file"),
        (Path.mkdir, "found a directory, allowed is a file"),
        (Path.touch, "found an empty file"),
        pytest.param(getattr(os, "mkfifo", None), "found no regular file", marks=needs_posix),
    ],
)
def test_what_is_no_trace_file_is_refused(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "a.parquet"
    make(path)
    with pytest.raises(InputError) as raised:
        open_trace(path)
    assert str(raised.value).startswith(f"{path}: {message}")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", ROWS)
    path.chmod(0)
    with pytest.raises(InputError, match="found a file that can't be read"):
        open_trace(path)
