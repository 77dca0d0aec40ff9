"""Prints the commands of a README that CI runs: the fenced `sh` blocks right after a line `<!-- ci -->`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_BLOCK = re.compile(r"^<!-- ci -->\n+```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> str:
    """The blocks in order, one shell script; raises ValueError if there are none."""
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise ValueError("found no block marked <!-- ci -->, allowed is a README with at least one")
    return "".join(blocks)


if __name__ == "__main__":
    sys.stdout.write(commands(Path(sys.argv[1]).read_text("utf-8")))
