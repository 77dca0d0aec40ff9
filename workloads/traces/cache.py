"""Converted traces, kept so that the next run needn't convert again.

A file is named after the digest of its source's bytes, so it can't go stale; it is written beside and renamed into
place, so runs that convert the same trace at once don't disturb each other. When the files are larger than
`$PAGESIM_CACHE_SIZE` (default 4 GiB) together, those unused for longest are removed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from simulator.compile import cache_directory
from simulator.units import GiB, parse_size
from workloads.base import InputError
from workloads.traces.format import Format, about, chosen, options_of, regions_in
from workloads.traces.formats.native import Native
from workloads.traces.runs import Runs, merged
from workloads.traces.store import VERSION, NativeTrace, write_native

SIZE_VARIABLE = "PAGESIM_CACHE_SIZE"
DEFAULT_SIZE = 4 * GiB
ABANDONED = 24 * 3600
"""Seconds after which an unfinished file is taken to be left from a run that was killed."""

_LOG = logging.getLogger(__name__)


def open_trace(
    path: Path,
    format: str = "auto",  # noqa: A002
    merge: bool = False,
    options: Mapping[str, Any] | None = None,
) -> NativeTrace:
    """A trace file, in any format, as a stream; converted if it wasn't before.

    `options` are those of the format; `merge` makes one run of adjacent runs on one page. Where no cache can be written
    the converted trace lives in a temporary file without a name, and a log line says so. Raises InputError where the
    file can't be used.
    """
    check_readable(path)
    try:
        source = chosen(path, format, options)
        if isinstance(source, Native) and not merge:
            with path.open("rb") as file:
                return NativeTrace(file, str(path))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
        return _cached(path, source, digest, merge)
    except OSError as error:
        raise InputError(f"{path}: can't be converted: {error.strerror or error}") from error


def check_readable(path: Path) -> None:
    """Raise InputError unless there is a regular file that can be read."""
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
        target = directory / f"{digest}-{source.name}{_key(source)}{'-merged' if merge else ''}-{VERSION}.arrow"
        if (kept := _kept(target)) is not None:
            kept.name = str(path)
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


def _key(source: Format) -> str:
    # Of the options of a format.
    options = json.dumps(options_of(source), sort_keys=True).encode()
    return "-" + hashlib.blake2b(options, digest_size=8).hexdigest()


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
    regions = regions_in(source, path)
    write_native(file, merged(runs) if merge else runs, digest, str(path), described(path, source), lambda: regions)
    return NativeTrace(file, str(path))


def described(path: Path, source: Format) -> dict[str, str]:
    """What a converted trace tells of where it comes from: what the file tells, its name and its format."""
    return {"source_name": path.name, "format": source.name, **about(source, path)}


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
