"""Files and directories that appear whole or not at all: written beside their place, synced, renamed into it.

What has been placed stays through a power loss, as far as the disk keeps what it says that it has written: contents are
synced before the rename, and the rename itself before the call returns. A power loss or kill in between leaves the
older state and, at most, a hidden partial file or directory. (Windows syncs no directory, so there a power loss may
undo the rename, but still not tear what was renamed.)
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

AT_ONCE = 8
"""Files that are synced side by side: a file system commits them together, which takes a fraction of the time."""


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A path beside `target`, with its suffix, to write a file to, which takes its place when all went well."""
    partial = target.with_name(f".{target.stem}.partial-{os.getpid()}-{threading.get_ident()}{target.suffix}")
    try:
        partial.touch()
        yield partial
        _sync([partial])
        partial.replace(target)
        _sync_directory(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_file(target: Path, content: str | bytes) -> None:
    """Place a file with this content; text as UTF-8."""
    with new_file(target) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """A new directory beside `target` to write into, which takes its place when all went well; an older directory there
    gives way then, and stays as it is otherwise."""
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        _sync(path for path in partial.rglob("*") if path.is_file())
        for directory in (partial, *(path for path in partial.rglob("*") if path.is_dir())):
            _sync_directory(directory)
        _move(partial, target)
        _sync_directory(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, target: Path) -> None:
    if not target.exists():
        partial.rename(target)
        return
    older = target.with_name(f".{target.name}.older-{os.getpid()}")
    target.rename(older)
    try:
        partial.rename(target)
    except BaseException:
        older.rename(target)
        raise
    shutil.rmtree(older, ignore_errors=True)


def _sync(paths: Iterable[Path]) -> None:
    """Wait until the contents of files are on disk."""
    several = list(paths)
    if len(several) == 1:
        _sync_file(several[0])
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(_sync_file, several))


def _sync_file(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
