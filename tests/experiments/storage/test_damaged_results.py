"""Whatever happens to a file of a result, every reader tells it in one line, or reads it: never a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest

import experiments
from experiments.errors import BadInput
from experiments.storage.directory import COMPARISON, DIGEST, FILES, KIND, SWEEP, opened, sealed, write_manifest
from tests.experiments.conftest import Command
from tests.experiments.present import reports

Damage = Callable[[Path], None]


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(7, len(content), max(1, len(content) // 5)):
        content[place] ^= 1 << place % 8
    path.write_bytes(bytes(content))


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _missing(path: Path) -> None:
    path.unlink()


def _another(path: Path) -> None:
    """Another frame, or another JSON file, in its place."""
    if path.suffix == ".parquet":
        other = next(one for one in sorted(path.parent.glob("*.parquet")) if one != path)
        path.write_bytes(other.read_bytes())
    else:
        path.write_text('{"kind": "pagesim result", "complete": true}', "utf-8")


def _no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" + path.read_bytes())


def _list(path: Path) -> None:
    path.write_text("[1, null]", "utf-8")


def _numbers_to_text(path: Path) -> None:
    """Every whole number of a JSON file is text."""

    def turned(node: object) -> object:
        if isinstance(node, dict):
            return {key: turned(value) for key, value in node.items()}
        if isinstance(node, list):
            return [turned(value) for value in node]
        return f"{node}" if type(node) is int else node

    path.write_text(json.dumps(turned(json.loads(path.read_text("utf-8")))), "utf-8")


ANYTHING: tuple[Damage, ...] = (_emptied, _cut, _flipped, _directory, _missing, _another)
TEXT: tuple[Damage, ...] = (_no_text, _list, _numbers_to_text)
UNSEEN = {("manifest.json", _another)}
"""What may pass for whole: a manifest without digests is an older version's."""
READERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "run": (("plot",), ("report",), ("why",), ("why", "--process", "reader-1", "--page", "16"),
            ("export", "--perfetto", "--perfmon")),
    "comparison": (("plot",), ("report",)),
    "sweep": (("report",), ("plot",)),
}  # fmt: skip


def copied(kind: str, place: Path) -> Path:
    """A copy of a result, to be damaged."""
    return Path(shutil.copytree(reports.made(kind), place / kind))


def files(kind: str) -> list[str]:
    """The frames and JSON files of a result; of a sweep's points, those of one."""
    made = reports.made(kind)
    paths = [path for path in sorted(made.iterdir()) if path.suffix in (".json", ".parquet")]
    point = min(made.glob("point=*"), default=None)
    paths += (
        []
        if point is None or not (point / "samples.parquet").exists()
        else [point / "samples.parquet", point / "summary.json"]
    )
    return [path.relative_to(made).as_posix() for path in paths]


def damages(name: str) -> tuple[Damage, ...]:
    """What may happen to a file; a sweep's point without samples is one of which they weren't kept."""
    if name.startswith("point=") and name.endswith("samples.parquet"):
        return tuple(damage for damage in ANYTHING if damage is not _missing and damage is not _directory)
    return (*ANYTHING, *TEXT) if name.endswith(".json") else ANYTHING


def damaged(kind: str, place: Path) -> Iterator[tuple[Path, str, Damage]]:
    """Copies of a result, each with a file that something happened to, its name, and what happened."""
    for name in files(kind):
        for damage in damages(name):
            result = copied(kind, place)
            damage(result / name)
            yield result, name, damage
            shutil.rmtree(result)


@pytest.mark.parametrize("kind", list(READERS))
def test_damage_is_told_in_one_line_by_every_reader(kind: str, pagesim: Command, tmp_path: Path) -> None:
    """Each damage by one reader of the kind after another, and by `load`."""
    readers = cycle(READERS[kind])
    for result, name, damage in damaged(kind, tmp_path):
        unseen = (name, damage) in UNSEEN
        of_point = name.startswith("point=")  # of points, only reports read more than their names
        command, *options = ("report",) if of_point else next(readers)
        status, out, err = pagesim(command, result, *options)
        seen = (status, out, err.count("\n")) == (2, "", 1)
        assert seen or (unseen and status == 0), (damage.__name__, name, command, err)
        if not unseen and (kind != "sweep" or name in ("points.parquet", "study.json")):
            with pytest.raises(BadInput, match="allowed is"):
                experiments.load(result)


def test_the_line_names_the_file(pagesim: Command, tmp_path: Path) -> None:
    result = copied("run", tmp_path)
    _flipped(result / "samples.parquet")
    err = pagesim("why", result).err
    assert (
        err == f"pagesim: {result / 'samples.parquet'}: has changed since it was written, allowed is a whole result\n"
    )


def test_a_run_without_digests_is_read_and_its_damage_told_in_one_line(pagesim: Command, tmp_path: Path) -> None:
    """As older versions left them: damage that leaves a file readable may stay unseen, but nothing is a traceback."""
    readers = cycle(READERS["run"][2:])
    for result, name, damage in damaged("run", tmp_path):
        if name != "manifest.json":
            _without_digests(result / "manifest.json")
        command, *options = next(readers)
        status, _, err = pagesim(command, result, *options)
        assert status == 0 or (status, err.count("\n")) == (2, 1), (damage.__name__, name, command, err)
        with suppress(BadInput):
            experiments.load(result)


def _without_digests(path: Path) -> None:
    """A manifest as older versions wrote them."""
    manifest = json.loads(path.read_text("utf-8"))
    plain = {key: value for key, value in manifest.items() if key not in (DIGEST, FILES)}
    path.write_text(json.dumps(plain), "utf-8")


def test_rerun_reads_what_is_damaged_and_says_what_differs(pagesim: Command, tmp_path: Path) -> None:
    for damage in (_cut, _directory, _missing):
        result = copied("run", tmp_path)
        damage(result / "faults.parquet")
        status, out, err = pagesim("rerun", result)
        assert (status, err) == (1, ""), damage.__name__
        assert out.startswith("faults.parquet: ")
        shutil.rmtree(result)


def test_a_frame_that_is_none_of_the_results_is_told(pagesim: Command, tmp_path: Path) -> None:
    result = copied("run", tmp_path)
    (result / "notes.parquet").write_bytes((result / "samples.parquet").read_bytes())
    status, _, err = pagesim("report", result)
    assert status == 2
    assert "notes.parquet: found a frame that is none of this result's" in err


def test_a_point_of_which_only_the_summary_was_kept_says_what_it_lacks(pagesim: Command, tmp_path: Path) -> None:
    result = copied("run", tmp_path)
    manifest = json.loads((result / "manifest.json").read_text("utf-8"))
    for path in result.glob("*.parquet"):
        path.unlink()
    write_manifest(result, manifest)
    for command in ("plot", "report", "why"):
        status, _, err = pagesim(command, result)
        assert (status, err.count("\n")) == (2, 1)
        assert "parquet" in err
        assert "allowed is a whole result" in err


def test_every_result_has_digests_of_itself_and_of_all_that_is_read(tmp_path: Path) -> None:
    for kind, name in (("run", KIND), ("comparison", COMPARISON), ("sweep", SWEEP)):
        made = reports.made(kind)
        with opened(made, (name,)) as manifest:
            frames = {path.name for path in made.glob("*.parquet")}
            assert frames <= set(manifest[FILES])
            assert sealed(manifest) == (made / "manifest.json").read_text("utf-8")
