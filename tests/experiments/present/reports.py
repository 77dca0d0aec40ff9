"""Results to report on: a run, a comparison, and a sweep, all small."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml

from experiments.command.cli import main

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"
"""A name of a process that must stay a name."""
COMMENT = f"# Who wins?\n#\n# Two readers & a `writer`; see <b>this</b>\n# {HOSTILE}.\n"
CONFIG: dict[str, Any] = {
    "name": "reported",
    "machine": {"memory": "120*4 KiB", "processors": 2},
    "memory_manager": {"trimming": {"period": "1 ms"}},
    "processes": [
        {"name": HOSTILE, "workload": {"kind": "zipf", "pages": 100, "references": 3_000, "writes": 0.3}},
        {"name": "reader", "copies": 2, "start": "20 us",
         "workload": {"kind": "zipf", "pages": 40, "references": 2_000}},
    ],
    "observe": {"sample_every": "20 us"},
}  # fmt: skip
SWEEP = {"machine.memory": ["120*4 KiB", "640 KiB", "1 MiB"], "memory_manager.trimming.policy": ["windows", "fifo"]}
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "--no-plots"),
    "comparison": ("compare", "--policies", "windows,fifo,lru", "--replications", "3", "--workers", "1", "--no-plots"),
    "sweep": ("sweep", "--workers", "1", "--replications", "2"),
}  # fmt: skip
KINDS = tuple(COMMANDS)


@cache
def made(kind: str) -> Path:
    """The directory of a result of a kind, made once; tests leave it as it is."""
    scratch = Path(mkdtemp(prefix="pagesim-reports-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    config = scratch / "reported.yaml"
    data = CONFIG | ({"sweep": SWEEP} if kind == "sweep" else {})
    config.write_text(COMMENT + yaml.safe_dump(data), "utf-8")
    command, *options = COMMANDS[kind]
    assert main([command, str(config), *options, "--out", str(scratch / kind), "--json"]) == 0
    return scratch / kind


@cache
def page(kind: str) -> Path:
    """The report of such a result."""
    out = made(kind).parent / f"{kind}.html"
    assert main(["report", str(made(kind)), "--out", str(out)]) == 0
    return out


def text_of(kind: str) -> str:
    """The page's text."""
    return page(kind).read_text("utf-8")
