"""Where a result comes from: versions, seed, inputs, platform, and how to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.present.report.page import Code, Part
from experiments.present.table import Table, text_column

Manifest = Mapping[str, Any]


def provenance(manifest: Manifest) -> list[Part]:
    """A result's provenance, with the command that proves that it can be made again."""
    columns = [text_column("what"), text_column("value", wrap=True)]
    parts: list[Part] = [Table("What the result was made with", columns, _rows(manifest), name="made")]
    if manifest.get("inputs"):
        rows = [(str(one["path"]), str(one["sha256"])) for one in manifest["inputs"]]
        columns = [text_column("file"), text_column("SHA-256", wrap=True)]
        parts.append(Table("Input files", columns, rows, name="inputs"))
    proof = "This command, given in the result's directory, makes it again from its manifest and compares every byte:"
    return [*parts, proof, Code("pagesim rerun .", "Command that makes the result again")]


def _rows(manifest: Manifest) -> list[tuple[str, str]]:
    versions = dict(manifest.get("versions", {}))
    git, platform, wall = manifest.get("git"), manifest.get("platform", {}), manifest.get("wall_seconds")
    rows = [("pagesim", str(versions.pop("pagesim", "unknown")))]
    if git:
        rows.append(("commit", f"{git['commit']}{', changed since' if git['changed'] else ''}"))
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
