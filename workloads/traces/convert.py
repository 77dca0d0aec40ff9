"""Converting trace files: from any format to Parquet, to keep and pass on, or to the native store."""

from __future__ import annotations

import os
from pathlib import Path

from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.formats.parquet import write
from workloads.traces.native import NativeTrace, write_native

_WIDE = 1 << 32


def convert(source: Path, out: Path, format: str = "auto", merge: bool = False) -> NativeTrace:  # noqa: A002
    """Write a trace to `out`, a .parquet or .arrow file, which appears when it is complete; gives the trace.

    Raises InputError where the source can't be used, or `out` has another suffix or no directory.
    """
    if out.suffix not in (".parquet", ".arrow"):
        raise InputError(f"{out}: found suffix {out.suffix!r}, allowed is .parquet or .arrow")
    if not out.parent.is_dir():
        raise InputError(f"{out}: found no directory {out.parent}, allowed is a file in a directory that exists")
    trace = open_trace(source, format, merge)
    try:
        if out.suffix == ".parquet":
            write(out, trace.numbered(), {"source": source.name}, wide=int(trace.pages[-1]) >= _WIDE)
        else:
            _write_native(out, trace)
    except OSError as error:
        raise InputError(f"{out}: can't be written: {error.strerror or error}") from error
    return trace


def _write_native(out: Path, trace: NativeTrace) -> None:
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w+b") as file:
            write_native(file, trace.numbered(), trace.source, str(out))
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
