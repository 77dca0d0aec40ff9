"""Recording a program's references with valgrind: python -m workloads.traces.record OUT.parquet -- COMMAND ..."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workloads.base import InputError
from workloads.traces.formats.lackey import live
from workloads.traces.formats.parquet import write
from workloads.traces.runs import Runs, count
from workloads.traces.window import window

INSTALL = (
    "valgrind: found no such program, allowed is valgrind 3 on the PATH (Debian, Ubuntu: apt install valgrind; "
    "Fedora: dnf install valgrind; Arch: pacman -S valgrind; macOS and Windows: in a Linux container or WSL)"
)

_PIECE = 1 << 20


@dataclass
class Recording:
    """What was recorded."""

    runs: int = 0
    references: int = 0
    exit_status: int | None = None
    """of the program; None if it was stopped at the limit"""
    interrupted: bool = False


def record(
    command: Sequence[str], out: Path, skip: int = 0, limit: int | None = None, note: str | None = None
) -> Recording:
    """Run a program under valgrind's lackey and write its references as a Parquet trace of 4 KiB pages.

    `skip` references are left out at the start; after `limit` more the program is stopped. The command, valgrind's
    version and `note` go into the file's metadata. The program keeps its standard input, output and error; its child
    processes are not recorded. Memory use doesn't depend on the length. Raises InputError where valgrind or the program
    isn't there, or nothing was recorded, and KeyboardInterrupt at SIGINT or SIGTERM; no file is left then.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise InputError(INSTALL)
    if shutil.which(command[0]) is None:
        raise InputError(f"command: found {command[0]!r}, allowed is a program on the PATH")
    if not out.parent.is_dir():
        raise InputError(f"{out}: found no directory {out.parent}, allowed is a file in a directory that exists")
    metadata = {"command": shlex.join(command), "page_size": "4096", "valgrind": _version(valgrind)}
    given = {"note": note, "skipped": str(skip) if skip else None, "limit": str(limit) if limit else None}
    metadata.update({key: text for key, text in given.items() if text})
    recording = Recording()
    with _lackey(valgrind, command, recording) as output:
        pieces = live(_pieces(output, recording), "lackey")
        write(out, _counted(window(pieces, skip, limit), recording), metadata)
    return recording


def _pieces(output: BinaryIO, recording: Recording) -> Iterator[bytes]:
    while piece := output.read(_PIECE):
        yield piece
    if recording.interrupted:
        raise KeyboardInterrupt


def _counted(chunks: Iterator[Runs], recording: Recording) -> Iterator[Runs]:
    for chunk in chunks:
        recording.runs += len(chunk.page)
        recording.references += count(chunk)
        yield chunk
    if not recording.runs:
        raise InputError("lackey: found no references in what was recorded, allowed is at least one")


@contextmanager
def _lackey(valgrind: str, command: Sequence[str], recording: Recording) -> Iterator[BinaryIO]:
    # Lackey's lines go through a pipe of their own, so they can't mix with what the program prints.
    read_end, write_end = os.pipe()
    options = ["--tool=lackey", "--trace-mem=yes", "--basic-counts=no", f"--log-fd={write_end}"]
    with os.fdopen(read_end, "rb") as output:
        try:
            process = subprocess.Popen([valgrind, *options, *command], pass_fds=[write_end])
        finally:
            os.close(write_end)
        try:
            with _ended_by_signals(process, recording):
                yield output
            if not output.read(1):
                recording.exit_status = process.wait()
        finally:
            process.kill()
            process.wait()


@contextmanager
def _ended_by_signals(process: subprocess.Popen[bytes], recording: Recording) -> Iterator[None]:
    # Valgrind doesn't notice that nobody reads: left alone it would go on to the program's end.
    def stop(*_: object) -> None:
        recording.interrupted = True
        process.kill()

    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM) if here}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _version(valgrind: str) -> str:
    printed = subprocess.run([valgrind, "--version"], capture_output=True, text=True, check=False).stdout
    return printed.strip().removeprefix("valgrind-")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0 recorded, 1 the program failed, 2 bad usage or input,
    130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.traces.record", description="Record a program's memory references by page."
    )
    parser.add_argument("out", type=Path, metavar="OUT.parquet", help="the trace to write")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the program and its arguments, after --")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N references")
    parser.add_argument("--limit", type=int, metavar="N", help="stop the program after N references")
    parser.add_argument("--note", help="kept in the file: where the input came from, for instance")
    given = parser.parse_args(arguments)
    if given.skip < 0 or (given.limit is not None and given.limit < 1):
        parser.error("--skip can't be negative, and --limit must be at least 1")
    try:
        recording = record(given.command, given.out, given.skip, given.limit, given.note)
    except (InputError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    sys.stderr.write(f"{given.out}: {recording.runs:,} runs, {recording.references:,} references\n")
    if recording.exit_status:
        sys.stderr.write(f"{given.command[0]}: ended with status {recording.exit_status}\n")
    return 1 if recording.exit_status else 0


if __name__ == "__main__":
    sys.exit(main())
