"""Where a result comes from: versions, seed, inputs, platform, and how to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.present.report.grids import grid
from experiments.present.report.markup import Markup, element, join
from experiments.present.report.page import Section, code

Manifest = Mapping[str, Any]


def section(manifest: Manifest) -> Section:
    """The section on a result's provenance, with the command that proves that it can be made again."""
    parts = [grid("made", "What the result was made with", ["what", "value"], _rows(manifest), words=2, sortable=False)]
    if manifest.get("inputs"):
        rows = [(str(one["path"]), element("code", str(one["sha256"]), class_="digest")) for one in manifest["inputs"]]
        parts.append(grid("inputs", "Input files", ["file", "SHA-256"], rows, words=2))
    parts += [
        element("p", "This command, given in the result's directory, makes the result again from its manifest and "
                "compares every byte:"),
        code("pagesim rerun .", "Command that makes the result again"),
    ]  # fmt: skip
    return Section("provenance", "Provenance", [join(parts)])


def _rows(manifest: Manifest) -> list[tuple[str, str | Markup]]:
    versions = dict(manifest.get("versions", {}))
    git, platform, wall = manifest.get("git"), manifest.get("platform", {}), manifest.get("wall_seconds")
    rows: list[tuple[str, str | Markup]] = [("pagesim", str(versions.pop("pagesim", "unknown")))]
    if git:
        changed = ", changed since" if git["changed"] else ""
        rows.append(("commit", join([element("code", str(git["commit"]), class_="digest"), changed])))
    if (source := manifest.get("source") or {}).get("file"):
        rows.append(("config", str(source["file"])))
    rows.append(("seed", str(manifest["seed"])))
    if versions:
        rows.append(("libraries", ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))))
    if platform:
        rows.append(("platform", f"{platform['system']}, {platform['machine']}, {platform['processors']} processors"))
    if isinstance(wall, int | float):
        rows.append(("took", f"{wall:,.1f} s of real time"))
    return rows
