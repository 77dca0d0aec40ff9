"""The manifest: all that is needed to make a result again, and to tell what it was made with."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments import __version__
from experiments.storage.directory import KIND

PACKAGES = ("numpy", "numba", "llvmlite", "simpy", "scipy", "pandas", "pyarrow", "pydantic")
"""Distributions whose versions a result may depend on."""


def manifest(
    config: Mapping[str, Any],
    base: Path,
    directory: Path,
    digests: Mapping[str, str],
    wall_seconds: float,
    made_with: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `rerun` needs, and what a person wants to know of a result that stands in `directory`.

    `config` is the resolved config, `base` the directory that its relative paths start from, `made_with`
    the `provenance` where it is known already.
    """
    return {
        "kind": KIND,
        "config": config,
        "seed": config["seed"],
        "base": _both_ways(base, directory),
        "inputs": [
            {"path": path, "sha256": found, **_both_ways(base / path, directory)} for path, found in digests.items()
        ],
        **(provenance() if made_with is None else made_with),
        "wall_seconds": round(wall_seconds, 3),
    }


def outcome(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of a run that failed: `status` and `reason`; nothing of others."""
    return {key: summary[key] for key in ("status", "reason") if key in summary}


def provenance() -> dict[str, Any]:
    """With what, and on what, a result is made."""
    return {
        "versions": versions(),
        "platform": {"system": platform.platform(), "machine": platform.machine(), "processors": os.cpu_count()},
        "git": git_state(Path(__file__).parent),
    }


def versions() -> dict[str, str]:
    """The versions of pagesim, Python and the libraries that results may depend on."""
    found = {"pagesim": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def git_state(package: Path) -> dict[str, Any] | None:
    """The commit that the program's files belong to and whether they were changed since; None outside a checkout."""
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    changed = _git(package, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None else {"commit": commit, "changed": bool(changed)}


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=directory, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _both_ways(path: Path, directory: Path) -> dict[str, str]:
    """A path from the root, and as seen from the result, which still holds when both have been moved together."""
    absolute = os.path.abspath(path)
    try:
        return {"absolute": absolute, "relative": os.path.relpath(absolute, os.path.abspath(directory))}
    except ValueError:  # on Windows: another drive
        return {"absolute": absolute, "relative": absolute}


def source(config: Path) -> dict[str, str]:
    """A config file's name and its leading comment, for a manifest: plain text, with an empty line between paragraphs;
    empty if it has none, or the file is gone."""
    lines: list[str] = []
    try:
        text = config.read_text("utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").removeprefix(" ").rstrip())
    return {"file": config.name, "comment": "\n".join(lines).strip("\n")}
