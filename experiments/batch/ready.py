"""What a worker process does before its first run: all that takes long and is the same for every run."""

from __future__ import annotations

from typing import Any


def get_ready() -> None:
    """Import what runs need, and load their compiled code, by making one as small as can be."""
    from pathlib import Path

    from experiments import runner
    from experiments.config import from_document
    from experiments.document import Document

    smallest: dict[str, Any] = {
        "name": "smallest",
        "processes": [{"workload": {"kind": "sequential", "pages": 1}}],
        "observe": {"baseline": False},
    }
    runner.run(from_document(Document("smallest", smallest, {}, Path())), Path())
