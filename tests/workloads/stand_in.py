"""A stand-in for valgrind, that prints what valgrind would."""

from __future__ import annotations

import sys
from pathlib import Path

_PROGRAM = """#!{python}
import os, sys
if sys.argv[1:] == ["--version"]:
    print("valgrind-3.0.0")
    sys.exit()
assert "--child-silent-after-fork=yes" in sys.argv
log = os.fdopen(int(next(a for a in sys.argv if a.startswith("--log-fd=")).split("=")[1]), "w")
{body}
"""


def install(directory: Path, body: str) -> None:
    """Make a program called valgrind, which writes to `log` as `body` says."""
    path = directory / "valgrind"
    path.write_text(_PROGRAM.format(python=sys.executable, body=body))
    path.chmod(0o755)
