"""Two results side by side: which files aren't the same, byte for byte, and where they begin to differ."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from experiments.storage.directory import MANIFEST
from simulator.result import FRAMES, OPTIONAL

VARYING = frozenset({
    "wall_seconds", "seconds", "base", "absolute", "relative", "versions", "platform", "git", "key", "source", "files",
    "digest",
})  # fmt: skip
"""Keys of a manifest that say when, where and with what a result was made. `key` depends on the versions, `files` has
digests of what is compared anyway, `digest` is one of all that."""
_OWN = frozenset(f"{name}.parquet" for name in (*FRAMES, *OPTIONAL))
_POINTS = ("point=*",)
"""Where results hold further ones."""


@dataclass
class Compared:
    """What a comparison of two results has found."""

    files: list[str] = field(default_factory=list)
    """which files were held against each other"""
    differences: list[str] = field(default_factory=list)
    """one line for each thing that isn't as it was; empty: all is the same"""

    def add(self, old: Path, new: Path, name: str = "") -> None:
        """Hold every file below `new` against the one below `old`; lines begin with `name` and the file's path.

        Of a point of which only some files were kept, as its manifest says, only those are. Pictures, exports and what
        else may lie in `old` is left out.
        """
        if not old.is_dir():
            self.differences.append(f"{name.rstrip('/') or old}: missing in the result")
            return
        kept = _kept(old)
        for path in sorted(new.iterdir()):
            if path.is_dir():
                self.add(old / path.name, path, f"{name}{path.name}/")
            elif kept is None or path.name in (*kept, MANIFEST):
                self.files.append(f"{name}{path.name}")
                if line := _difference(old / path.name, path):
                    self.differences.append(f"{name}{line}")
        more = {path.name for path in old.iterdir()} & _OWN - {path.name for path in new.iterdir()}
        self.differences += [f"{name}{file}: found in the result, and not made again" for file in sorted(more)]

    def add_unknown_points(self, old: Path, made: set[str]) -> None:
        """Note points that a result has and that weren't made again; `made` are paths in the result."""
        found = (path.relative_to(old).as_posix() for path in chain(*(old.glob(pattern) for pattern in _POINTS)))
        self.differences += [f"{name}: found in the result, and not made again" for name in sorted(set(found) - made)]


def _kept(directory: Path) -> list[str] | None:
    """The files of a sweep's point, of which not all may be kept; None: all are."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
        return list(manifest["files"]) if manifest["point"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _difference(old: Path, new: Path) -> str | None:
    if not old.is_file():
        return f"{old.name}: missing in the result"
    before, after = old.read_bytes(), new.read_bytes()
    if old.name == MANIFEST:
        before, after = (_lasting(content) for content in (before, after))
    if before == after:
        return None
    at = next((i for i, (x, y) in enumerate(zip(before, after, strict=False)) if x != y), min(len(before), len(after)))
    detail = f"{old.name}: differs from byte {at} on ({len(before)} bytes, now {len(after)})"
    if old.suffix == ".json":
        line = before[:at].count(b"\n")
        was, now = (text.decode("utf-8", "replace").splitlines()[line : line + 1] for text in (before, after))
        detail += f": was {' '.join(was).strip()!r}, is {' '.join(now).strip()!r}"
    return detail


def _lasting(manifest: bytes) -> bytes:
    """A manifest without what may be otherwise each time; as it is if it is none."""
    try:
        return json.dumps(_without(json.loads(manifest)), indent=2, sort_keys=True).encode()
    except ValueError:
        return manifest


def _without(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without(value) for key, value in node.items() if key not in VARYING}
    return [_without(value) for value in node] if isinstance(node, list) else node
