from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.errors import BadInput
from experiments.storage.directory import KIND, MANIFEST, canonical_json, read_manifest, replacing


def _result(directory: Path, mark: str) -> None:
    (directory / MANIFEST).write_text(canonical_json({"kind": KIND, "mark": mark}), "utf-8")


def test_a_result_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "down"
    with replacing(target) as partial:
        _result(partial, "new")
        assert not target.exists()
        assert partial.parent == target.parent
    assert read_manifest(target)["mark"] == "new"
    assert [path.name for path in target.parent.iterdir()] == ["down"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupt_leaves_the_older_result_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "r"
    with replacing(target) as partial:
        _result(partial, "old")

    def interrupted() -> None:
        with replacing(target) as partial:
            _result(partial, "new")
            raise error

    with pytest.raises(error):
        interrupted()
    assert read_manifest(target)["mark"] == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_newer_result_takes_the_place_of_an_older(tmp_path: Path) -> None:
    target = tmp_path / "r"
    for mark in ("old", "new"):
        with replacing(target) as partial:
            _result(partial, mark)
            (partial / mark).touch()
    assert read_manifest(target)["mark"] == "new"
    assert not (target / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with replacing(tmp_path / "r") as partial:
        _result(partial, "new")
    assert read_manifest(tmp_path / "r")["mark"] == "new"


@pytest.mark.parametrize("content", ["file", "directory", "link", "alien manifest", "no json"])
def test_what_is_no_result_is_never_replaced(tmp_path: Path, content: str) -> None:
    target = tmp_path / "r"
    if content == "file":
        target.write_text("precious")
    elif content == "link":
        target.symlink_to(tmp_path)
    else:
        target.mkdir()
        texts = {"directory": "", "alien manifest": json.dumps({"kind": "other"}), "no json": "{"}
        (target / ("precious" if content == "directory" else MANIFEST)).write_text(texts[content])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=f"--out {target}: "), replacing(target):
        pytest.fail("must not get here")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BadInput, match="allowed is a directory that can be written"),
        replacing(tmp_path / "file" / "r"),
    ):
        pytest.fail("must not get here")


def test_canonical_json_has_no_order_of_its_own() -> None:
    assert canonical_json({"b": 1, "a": {"d": None, "c": "é"}}) == canonical_json({"a": {"c": "é", "d": None}, "b": 1})
    assert canonical_json({}).endswith("\n")
