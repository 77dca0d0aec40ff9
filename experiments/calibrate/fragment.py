"""The part of a config that a fitted model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from experiments.calibrate.models import Fit, parameters_of
from experiments.config import from_document
from experiments.document import Document

_FLOW = 1_000_000
"""width at which YAML is never broken into lines"""


def disk_of(fit: Fit, channels: int | None, out: Path | None) -> dict[str, Any]:
    """The disk as a config has it; the paths of sample files are relative to `out`."""
    files = {kind: samples_file(out, kind).name for kind in fit.samples} if out is not None else {}
    return parameters_of(fit, channels, files)


def samples_file(out: Path, kind: str) -> Path:
    """Where the samples of a kind of request go, beside a fragment."""
    return out.with_name(f"{out.stem}.{kind}.txt")


def checked(name: str, disk: dict[str, Any], base: Path) -> None:
    """Raise BadInput unless a config with this disk is valid; `base` is where its paths start from."""
    data = {
        "name": "calibration",
        "machine": {"disks": {name: disk}},
        "processes": [{"workload": {"kind": "sequential", "pages": 1}}],
    }
    from_document(Document("calibration", data, {}, base))


def fragment_text(name: str, disk: dict[str, Any], comment: list[str]) -> str:
    """The fragment in YAML, with a comment."""
    lines = [f"# {line}".rstrip() for line in comment]
    body = yaml.safe_dump({"machine": {"disks": {name: disk}}}, sort_keys=False, width=100, allow_unicode=True)
    return "\n".join([*lines, body])


def assignment(name: str, disk: dict[str, Any], base: Path | None) -> str:
    """The same as an option of `pagesim run`, with absolute paths: `machine.disks={...}`."""
    told = dict(disk)
    if base is not None:
        told |= {kind: str((base / disk[kind]).absolute()) for kind in ("read", "write") if _is_path(disk.get(kind))}
    text = yaml.safe_dump({name: told}, sort_keys=False, width=_FLOW, default_flow_style=True, allow_unicode=True)
    return f"machine.disks={text.strip()}"


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.endswith(".txt")
