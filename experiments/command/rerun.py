"""What `pagesim rerun` does: makes a result again, and says what differs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.storage.directory import canonical_json
from experiments.study.rerun import rerun

MOST_DIFFERENCES = 20
"""lines that `rerun` prints"""


def rerun_result(directory: Path, workers: int | None, as_json: bool) -> int:
    """Make a result again and compare; the exit status."""
    found = rerun(directory, workers)
    for note in found.notes:
        sys.stderr.write(f"pagesim: {note}\n")
    if as_json:
        sys.stdout.write(canonical_json({
            "same": not found.differences, "compared": found.compared, "differences": found.differences,
            "notes": found.notes,
        }))  # fmt: skip
    elif found.differences:
        sys.stdout.writelines(f"{line}\n" for line in found.differences[:MOST_DIFFERENCES])
        if len(found.differences) > MOST_DIFFERENCES:
            sys.stdout.write(f"and {len(found.differences) - MOST_DIFFERENCES} more differences; --json has all\n")
    else:
        sys.stdout.write(f"{directory}: the same, byte for byte: {_files_text(found.compared)}\n")
    return 1 if found.differences else 0


def _files_text(files: Sequence[str]) -> str:
    """Files by their names; those of points are counted."""
    own = [name for name in files if "/" not in name]
    points = len({name.rpartition("/")[0] for name in files if "/" in name})
    counted = [f"{len(files) - len(own):,} files of {points:,} points"] if points else []
    return ", ".join([*own, *counted])
