"""Recording what a program references, with valgrind's tool lackey."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workloads.base import InputError
from workloads.traces.beside import check_place
from workloads.traces.convert import target, write
from workloads.traces.formats.lackey import live
from workloads.traces.runs import Runs, count
from workloads.traces.window import window

INSTALL = (
    "valgrind: found no such program, allowed is valgrind 3 on the PATH (Debian, Ubuntu: apt install valgrind; "
    "Fedora: dnf install valgrind; Arch: pacman -S valgrind; macOS and Windows: in a Linux container or WSL)"
)

PAGE_SIZE = 4096

_PIECE = 1 << 20


@dataclass
class Recording:
    """What was recorded so far."""

    runs: int = 0
    references: int = 0
    seconds: float = 0.0
    """since the program was started"""
    exit_status: int | None = None
    """of the program; None if it was stopped at a limit"""
    replaced: bool = False
    """the program replaced itself by another (exec), which was not recorded"""
    stopped: bool = False
    """it was stopped, by a limit of time or an interrupt"""
    interrupted: bool = False


def record(
    command: Sequence[str],
    out: Path,
    skip: int = 0,
    limit: int | None = None,
    seconds: float | None = None,
    note: str | None = None,
    progress: Callable[[Recording], None] | None = None,
) -> Recording:
    """Run a program under valgrind's lackey and write its references as a trace of 4 KiB pages: a native store, or what
    else the suffix of `out` says.

    `skip` references are left out at the start; after `limit` more, or after `seconds`, the program is stopped. The
    command, valgrind's version and `note` go into the file's metadata. The program keeps its standard input, output and
    error. Its threads are recorded as one, in the order that they ran in; its child processes are not recorded, whether
    they are forked or run another program, nor is a program that it replaces itself by. Memory use doesn't depend on
    the length. Raises InputError where valgrind or the program isn't there, or nothing was recorded, and
    KeyboardInterrupt at SIGINT or SIGTERM; no file is left then.
    """
    to = target(out)
    check_place(out)
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise InputError(INSTALL)
    if shutil.which(command[0]) is None:
        raise InputError(f"command: found {command[0]!r}, allowed is a program on the PATH")
    about = {"command": shlex.join(command), "page_size": str(PAGE_SIZE), "valgrind": _version(valgrind)}
    given = {"note": note, "skipped": skip, "limit": limit, "seconds": seconds}
    about.update({key: str(text) for key, text in given.items() if text})
    recording = Recording()
    with _lackey(valgrind, command, recording, seconds) as output:
        chunks = window(live(_pieces(output, recording), "lackey", PAGE_SIZE), skip, limit)
        write(out, to, _counted(chunks, limit, recording, progress), "", about)
    if recording.stopped:
        recording.exit_status = None
    return recording


def _pieces(output: BinaryIO, recording: Recording) -> Iterator[bytes]:
    rest = last_line = b""
    while piece := output.read(_PIECE):
        whole, line_end, last = (rest + piece).rpartition(b"\n")
        rest = last
        if line_end:
            last_line = whole.rpartition(b"\n")[2]
            yield whole + line_end
    if recording.interrupted:
        raise KeyboardInterrupt
    # Valgrind says good-bye when the program ends, but not when another takes its place.
    recording.replaced = not recording.stopped and not last_line.startswith(b"==")
    if rest and not recording.stopped:  # a program that was killed leaves a part of a line
        yield rest


def _counted(
    chunks: Iterator[Runs], limit: int | None, recording: Recording, progress: Callable[[Recording], None] | None
) -> Iterator[Runs]:
    began = time.monotonic()
    for chunk in chunks:
        recording.runs += len(chunk.page)
        recording.references += count(chunk)
        recording.seconds = time.monotonic() - began
        if progress is not None:
            progress(recording)
        yield chunk
    recording.stopped |= recording.references == limit
    if not recording.runs:
        raise InputError("lackey: found no references in what was recorded, allowed is at least one")


@contextmanager
def _lackey(valgrind: str, command: Sequence[str], recording: Recording, seconds: float | None) -> Iterator[BinaryIO]:
    # Lackey's lines go through a pipe of their own, so they can't mix with what the program prints; nor with those of
    # the processes that it forks, which would go through the same pipe.
    read_end, write_end = os.pipe()
    options = ["--tool=lackey", "--trace-mem=yes", "--basic-counts=no", "--child-silent-after-fork=yes"]
    with os.fdopen(read_end, "rb") as output:
        try:
            process = subprocess.Popen([valgrind, *options, f"--log-fd={write_end}", *command], pass_fds=[write_end])
        finally:
            os.close(write_end)
        try:
            with _ended_by_signals(process, recording), _ended_in_time(process, recording, seconds):
                yield output
                if not recording.stopped:
                    recording.exit_status = process.wait()
        finally:
            process.kill()
            process.wait()


@contextmanager
def _ended_in_time(process: subprocess.Popen[bytes], recording: Recording, seconds: float | None) -> Iterator[None]:
    def stop() -> None:
        recording.stopped = True
        process.kill()

    with ExitStack() as stack:
        if seconds is not None:
            timer = threading.Timer(seconds, stop)
            timer.daemon = True
            timer.start()
            stack.callback(timer.cancel)
        yield


@contextmanager
def _ended_by_signals(process: subprocess.Popen[bytes], recording: Recording) -> Iterator[None]:
    # Valgrind doesn't notice that nobody reads: left alone it would go on to the program's end.
    def stop(*_: object) -> None:
        recording.interrupted = recording.stopped = True
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
