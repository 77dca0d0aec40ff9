"""Where results are kept: written beside their place and renamed into it, so that no half-written one is ever seen."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from experiments.errors import BadInput, RunFailed
from experiments.placing import new_directory

MANIFEST = "manifest.json"
KIND = "pagesim result"
REFERENCE = "pagesim reference result"
PROFILE_KIND = "pagesim trace profile"
COMPARISON = "pagesim comparison"
SWEEP = "pagesim sweep"
SWEEP_FILE = "sweep.json"
"""What tells a sweep's directory, begun or finished."""
KINDS = (KIND, REFERENCE, PROFILE_KIND, COMPARISON)
"""What a directory that gives way to a new result can be, by its manifest; a sweep, hours of work perhaps, doesn't."""


def canonical_json(data: Any) -> str:
    """JSON that is the same for the same data: keys sorted, two spaces of indent, a newline at the end."""
    return json.dumps(data, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def read_manifest(directory: Path, kinds: tuple[str, ...] = (KIND,)) -> dict[str, Any]:
    """The manifest of a result of one of these kinds; raises BadInput if the directory is none."""
    path = directory / MANIFEST
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}, allowed is a result directory of pagesim") from None
    except ValueError as error:
        raise BadInput(f"{path}: {error}, allowed is the manifest of a pagesim result") from None
    if not isinstance(data, dict) or data.get("kind") not in kinds:
        allowed = " or a ".join(kinds)
        raise BadInput(f"{path}: found no {' and no '.join(map(repr, kinds))}, allowed is the manifest of a {allowed}")
    return data


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new directory beside `target` to write a result into; it takes `target`'s place, to stay through a power loss,
    when all went well (see `experiments.placing`).

    Whatever goes wrong inside, an interrupt too, the new directory is removed and `target` stays as it was. An older
    result gives way; anything else does not. Raises BadInput, before anything is computed, if `target` can't be
    written or isn't a result; RunFailed if it can't be written in the end, because the disk is full.
    """
    target = Path(os.path.abspath(target))
    with telling_disk_errors(target), ExitStack() as stack:
        try:
            _check_replaceable(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = stack.enter_context(new_directory(target))
        except OSError as error:
            raise BadInput(
                f"--out {target}: {error.strerror or error}, allowed is a directory that can be written"
            ) from None
        yield partial


@contextmanager
def telling_damage(place: Path) -> Iterator[None]:
    """Turns whatever reading a missing or broken part of a result raises into BadInput; a full disk is another
    matter."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = f"{error.filename or place}: {error.strerror or error}"
        raise BadInput(f"{text}, allowed is a whole result") from None
    except (BadInput, RunFailed):
        raise
    except Exception as error:
        raise BadInput(f"{place}: {type(error).__name__}: {error}, allowed is a whole result") from error


@contextmanager
def telling_disk_errors(target: Path) -> Iterator[None]:
    """Turns what the operating system refuses while a result is written into RunFailed."""
    try:
        yield
    except OSError as error:
        raise RunFailed(f"{target}: can't be written: {error.strerror or error}") from error


def _check_replaceable(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise BadInput(f"--out {target}: found something that is no directory, allowed is a new directory or a result")
    if (target / SWEEP_FILE).exists():
        raise BadInput(f"--out {target}: found a sweep, which doesn't give way, allowed is another directory")
    if any(target.iterdir()):
        try:
            read_manifest(target, KINDS)
        except BadInput:
            raise BadInput(
                f"--out {target}: found a directory that holds no result, allowed is a new or empty one, or a result"
            ) from None
