"""What is placed is there whole or not at all, and on disk before it is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import RunFailed
from experiments.storage.directory import replacing
from experiments.storage.writing import new_directory, new_file, write_file


def test_a_file_takes_its_place_or_leaves_the_older_one(tmp_path: Path) -> None:
    target = tmp_path / "x.json.gz"
    write_file(target, "é")
    assert target.read_bytes() == "é".encode()
    with pytest.raises(KeyboardInterrupt), new_file(target) as partial:  # noqa: PT012
        assert partial.suffix == ".gz"
        partial.write_text("half")
        raise KeyboardInterrupt
    assert target.read_bytes() == "é".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["x.json.gz"]
    with pytest.raises(FileNotFoundError), new_file(tmp_path / "none" / "x"):
        raise AssertionError("told only when it is too late")


def test_a_directory_takes_its_place_or_leaves_the_older_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    for text in ("first", "second"):
        with new_directory(target) as partial:
            (partial / "deep").mkdir()
            (partial / "deep" / "file").write_text(text)
    with pytest.raises(KeyboardInterrupt), new_directory(target) as partial:  # noqa: PT012
        (partial / "file").write_text("half")
        raise KeyboardInterrupt
    assert (target / "deep" / "file").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name what is synced")
def test_contents_are_synced_before_the_rename_and_the_rename_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(file: int) -> None:
        done.append(Path(f"/proc/self/fd/{file}").readlink().name)
        sync(file)

    def renamed(path: Path, to: Any) -> Path:
        done.append("rename")
        return rename(path, to)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    with new_directory(tmp_path / "out") as partial:
        for name in ("a", "b", "c"):
            (partial / name).write_text(name)
    assert sorted(done[:3]) == ["a", "b", "c"]
    assert done[3:] == [partial.name, "rename", tmp_path.name]


def test_a_full_disk_is_told_and_the_older_result_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with replacing(tmp_path / "out") as partial:
        (partial / "manifest.json").write_text('{"kind": "pagesim result"}')

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(RunFailed, match="out: can't be written: No space left on device"),
        replacing(tmp_path / "out") as partial,
    ):
        (partial / "manifest.json").write_text("{}")
    assert "kind" in (tmp_path / "out" / "manifest.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
