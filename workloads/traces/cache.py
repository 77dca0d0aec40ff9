"""Converted traces, kept so that the next run needn't convert again.

A file is named after the digest of its source's bytes, so it can't go stale; it is written beside and renamed into
place, so runs that convert the same trace at once don't disturb each other. When the files are larger than
`$PAGESIM_CACHE_SIZE` (default 4 GiB) together, those unused for longest are removed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from simulator.compile import cache_directory
from simulator.units import GiB, parse_size
from workloads.base import InputError
from workloads.traces.format import Format, guess, named
from workloads.traces.formats.native import Native
from workloads.traces.native import VERSION, NativeTrace, write_native
from workloads.traces.runs import Runs, merged

SIZE_VARIABLE = "PAGESIM_CACHE_SIZE"
DEFAULT_SIZE = 4 * GiB
ABANDONED = 24 * 3600
"""Seconds after which an unfinished file is taken to be left from a run that was killed."""

_LOG = logging.getLogger(__name__)


def open_trace(path: Path, format: str = "auto", merge: bool = False) -> NativeTrace:  # noqa: A002
    """A trace file, in any format, as a stream; converted if it wasn't before.

    `merge` makes one run of adjacent runs on one page. Where no cache can be written the converted trace lives in a
    temporary file without a name, and a log line says so. Raises InputError where the file can't be used.
    """
    _check_readable(path)
    try:
        source = named(format) if format != "auto" else guess(path)
        if isinstance(source, Native) and not merge:
            with path.open("rb") as file:
                return NativeTrace(file, str(path))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
        return _cached(path, source, digest, merge)
    except OSError as error:
        raise InputError(f"{path}: can't be converted: {error.strerror or error}") from error


def _check_readable(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: found no such file, allowed is a trace file")
    if not path.is_file():
        raise InputError(f"{path}: found {'a directory' if path.is_dir() else 'no regular file'}, allowed is a file")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(
            f"{path}: found a file that can't be read ({error.strerror}), allowed is one that can"
        ) from error


def _cached(path: Path, source: Format, digest: str, merge: bool) -> NativeTrace:
    limit = _limit()
    try:
        directory = cache_directory() / "traces"
        target = directory / f"{digest}-{source.name}{'-merged' if merge else ''}-{VERSION}.arrow"
        if (kept := _kept(target)) is not None:
            return kept
        directory.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(".tmp", dir=directory)
    except (OSError, RuntimeError) as error:
        _LOG.warning("traces can't be kept (%s): %s is converted into a temporary file", error, path)
        with tempfile.TemporaryFile() as file:
            return _converted(cast("BinaryIO", file), path, source, digest, merge)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            trace = _converted(file, path, source, digest, merge)
        with suppress(PermissionError):  # Windows: another run has the same file open
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _evict(directory, limit)
    return trace


def _kept(target: Path) -> NativeTrace | None:
    try:
        with target.open("rb") as file:
            trace = NativeTrace(file, str(target))
        with suppress(OSError):
            os.utime(target)
    except FileNotFoundError:
        return None
    except InputError as error:
        _LOG.warning("%s: converting again", error)
        return None
    return trace


def _converted(file: BinaryIO, path: Path, source: Format, digest: str, merge: bool) -> NativeTrace:
    runs: Iterable[Runs] = source.runs(path)
    write_native(file, merged(runs) if merge else runs, digest, str(path))
    return NativeTrace(file, str(path))


def _limit() -> int:
    given = os.environ.get(SIZE_VARIABLE)
    try:
        return parse_size(given) if given else DEFAULT_SIZE
    except ValueError as error:
        raise InputError(f"{SIZE_VARIABLE}: {error}") from error


def _evict(directory: Path, limit: int) -> None:
    # A trace larger than the limit goes at once: whoever converted it has it open.
    for unfinished in directory.glob("*.tmp"):
        with suppress(OSError):
            if time.time() - unfinished.stat().st_mtime > ABANDONED:
                unfinished.unlink()
    kept = []
    for path in directory.glob("*.arrow"):
        with suppress(OSError):
            status = path.stat()
            kept.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept):
        if total <= limit:
            return
        with suppress(OSError):
            path.unlink()
            total -= size
