"""One process at a time works on a study: a lock of the operating system, which ends with its owner in any case."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from experiments.errors import BadInput

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(1 << 20)  # far behind the text, which others may read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a result directory, a hidden file beside it that names the owner.

    Raises BadInput if another process holds it, or if no file can be written there. The lock is the kernel's (flock):
    one that was killed leaves the file and no lock.
    """
    path = target.with_name(f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = _held(path)
    except OSError as error:
        raise BadInput(f"--out {target}: {error.strerror or error}, allowed is a place that can be written") from None
    if file is None:
        raise BadInput(f"--out {target}: found {_owner(path)} at work on it, allowed is one at a time")
    try:
        file.truncate(0)
        file.seek(0)
        json.dump({"process": os.getpid(), "host": socket.gethostname()}, file)
        file.flush()
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        file.close()


def _held(path: Path) -> IO[str] | None:
    """The lock's file, locked; None if another process has it locked."""
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            _lock(file)
        except OSError:
            file.close()
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # its owner ended, and removed it, between our two steps


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text("utf-8"))
        return f"process {owner['process']} of {owner['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
