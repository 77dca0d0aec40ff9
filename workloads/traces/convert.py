"""Converting trace files: from any format to the native store, to Parquet, to keep and pass on, or to text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from workloads.base import InputError
from workloads.traces.beside import beside, check_place
from workloads.traces.cache import check_readable, described
from workloads.traces.compression import watched
from workloads.traces.format import chosen, regions_in
from workloads.traces.formats import parquet, text
from workloads.traces.regions import LateRegions, cut, of_one_process
from workloads.traces.runs import Runs, count, merged
from workloads.traces.store import write_native
from workloads.traces.window import window

Target = Literal["native", "parquet", "text"]

SUFFIXES: dict[str, Target] = {".arrow": "native", ".parquet": "parquet", ".pq": "parquet", ".txt": "text"}
"""Suffix of a file to what it is written as."""

LEVEL = 9
"""Of Zstandard, for Parquet: files are some 8 % larger than at 19, and written ten times as fast."""

Progress = Callable[[int, int, int], None]
"""Told bytes read, bytes in all and references written, after each piece."""


class Written:
    """How much was read and written so far."""

    def __init__(self, size: int = 0, progress: Progress | None = None) -> None:
        """`size`: bytes in all."""
        self.runs = self.references = self.bytes = 0
        self._size, self._progress = size, progress

    def read(self, more: int) -> None:
        """So many bytes were read."""
        self.bytes += more

    def counted(self, chunks: Iterator[Runs]) -> Iterator[Runs]:
        """The same runs, counted as they go by."""
        for chunk in chunks:
            self.runs += len(chunk.page)
            self.references += count(chunk)
            yield chunk
            if self._progress is not None:
                self._progress(min(self.bytes, self._size), self._size, self.references)


def convert(
    source: Path,
    out: Path,
    format: str = "auto",  # noqa: A002
    merge: bool = False,
    *,
    options: Mapping[str, Any] | None = None,
    to: Target | None = None,
    skip: int = 0,
    limit: int | None = None,
    plain: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write a trace to `out`, which appears when it is complete.

    What it is written as is told by the suffix of `out` if `to` doesn't. `merge`, `skip` and `limit` are those of the
    workload `trace`; `plain` leaves out processes, threads and times, which text can't hold. One pass, in memory that
    doesn't depend on the trace's length. Raises InputError where the source can't be used, nothing is left of it, or
    `out` can't be written.
    """
    to = to or target(out)
    check_readable(source)
    check_place(out)
    try:
        known = chosen(source, format, options)
        about = described(source, known)
        regions = cut(regions_in(known, source), skip, limit)
        regions = of_one_process(regions) if plain else regions
        written = Written(source.stat().st_size, progress)
        digest = _digest(source) if to == "native" else ""
        with watched(written.read):
            chunks = window(known.runs(source), skip, limit)
            chunks = _plain(chunks) if plain else chunks
            chunks = merged(chunks) if merge else chunks
            write(out, to, _some(written.counted(chunks), source, skip), digest, about, lambda: regions)
    except OSError as error:
        raise InputError(f"{error.filename or out}: can't be converted: {error.strerror or error}") from error
    return written


def target(out: Path) -> Target:
    """What a file is written as, by its suffix; raises InputError for one that tells nothing."""
    if out.suffix not in SUFFIXES:
        allowed = ", ".join(SUFFIXES)
        raise InputError(f"{out}: found suffix {out.suffix!r}, allowed is one of {allowed}")
    return SUFFIXES[out.suffix]


def write(
    out: Path,
    to: Target,
    chunks: Iterator[Runs],
    digest: str,
    about: Mapping[str, str],
    regions: LateRegions = tuple,
) -> None:
    """Write runs to `out`, which appears when it is complete; `digest` is that of what they come from, `about` what is
    known of them, `regions` gives what pages were backed by when all runs were read; text can't hold that. Raises
    InputError where they can't be written so, and OSError."""
    if to == "parquet":
        parquet.write(out, chunks, about, wide=True, level=LEVEL, regions=regions)
        return
    with beside(out) as temporary:
        if to == "native":
            with temporary.open("w+b") as file:
                write_native(file, chunks, digest, str(out), about, regions)
        else:
            text.write(temporary, chunks, [f"{key}: {value}" for key, value in sorted(about.items())])


def _plain(chunks: Iterator[Runs]) -> Iterator[Runs]:
    for chunk in chunks:
        yield chunk._replace(process=None, thread=None, time=None)


def _some(chunks: Iterator[Runs], source: Path, skip: int) -> Iterator[Runs]:
    empty = True
    for chunk in chunks:
        empty = False
        yield chunk
    if empty:
        after = f" after the first {skip}" if skip else ""
        raise InputError(f"{source}: found no references{after}, allowed is a trace with at least one")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
