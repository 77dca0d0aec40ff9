"""Recording what a program references, and what its pages are mapped from, with valgrind's tool lackey."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workloads.base import InputError
from workloads.traces.beside import check_place
from workloads.traces.convert import target, write
from workloads.traces.formats.lackey import live
from workloads.traces.memory_map import MemoryMap
from workloads.traces.regions import cut
from workloads.traces.runs import Runs, count, merged
from workloads.traces.window import window

INSTALL = (
    "valgrind: found no such program, allowed is valgrind 3 on the PATH (Debian, Ubuntu: apt install valgrind; "
    "Fedora: dnf install valgrind; Arch: pacman -S valgrind; macOS and Windows: in a Linux container or WSL)"
)

PAGE_SIZE = 4096

_PIECE = 1 << 20
_SMALLEST_PIPE = 4096
_SET_PIPE_SIZE = 1031
"""F_SETPIPE_SZ of Linux's fcntl."""

_SYSCALL = b"SYSCALL["
_REFERENCE = re.compile(rb"^(I  | [LSM] )[0-9a-f]", re.MULTILINE)
_LOG_LINE = re.compile(rb"(I  | [LSM] )[0-9a-f]{1,16},[0-9]{1,4}\r?\n|==|--|\*\*")
"""What a line begins with that doesn't go on with what valgrind prints of a system call."""


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
    they are forked or run another program, nor is a program that it replaces itself by. References to what valgrind
    puts into the program's memory are left out. Beside the references the file has the regions: what the pages were
    mapped from, over time. Memory use depends on the pages and mappings that there are, not on the length. Raises
    InputError where valgrind or the program isn't there, or nothing was recorded, and KeyboardInterrupt at SIGINT or
    SIGTERM; no file is left then.
    """
    to = target(out)
    check_place(out)
    valgrind = _valgrind_for(command)
    about = {"command": shlex.join(command), "page_size": str(PAGE_SIZE), "valgrind": _version(valgrind)}
    given = {"note": note, "skipped": skip, "limit": limit, "seconds": seconds}
    about.update({key: str(text) for key, text in given.items() if text})
    recording = Recording()
    with _lackey(valgrind, command, recording, seconds) as (output, process):
        log = _Log(process)
        chunks = window(merged(log.runs(_pieces(output, recording))), skip, limit)
        counted = _counted(chunks, limit, recording, progress)
        write(out, to, counted, "", about, lambda: cut(log.memory.regions(), skip, recording.references))
    if recording.stopped:
        recording.exit_status = None
    return recording


def _valgrind_for(command: Sequence[str]) -> str:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise InputError(INSTALL)
    if shutil.which(command[0]) is None:
        raise InputError(f"command: found {command[0]!r}, allowed is a program on the PATH")
    return valgrind


class _Log:
    """What a running lackey prints, taken apart: references, and system calls that change the memory map."""

    def __init__(self, process: int) -> None:
        self.memory = MemoryMap()
        self._process = process
        self._references = 0
        self._started = self._in_call = False

    def runs(self, pieces: Iterator[bytes]) -> Iterator[Runs]:
        """The references of the program itself; a system call is followed when all before it were taken."""
        for chunk in live(self._without_calls(pieces), "lackey", PAGE_SIZE):
            foreign = self.memory.foreign(chunk.page)
            if foreign is not None and foreign.any():
                chunk = Runs(*(None if column is None else column[~foreign] for column in chunk))  # type: ignore[arg-type]
            self.memory.touch(chunk.page)
            self._references += count(chunk)
            yield chunk

    def _without_calls(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if not self._started and _REFERENCE.search(piece):
                self.memory.start(self._process)
                self._started = True
            at = 0
            while at < len(piece):
                if self._in_call or piece.startswith(_SYSCALL, at):
                    at = yield from self._calls(piece, at)
                    continue
                end = piece.find(b"\n" + _SYSCALL, at) + 1 or len(piece)
                yield piece[at:end]
                at = end

    def _calls(self, piece: bytes, at: int) -> Generator[bytes, None, int]:
        # Text in a call, such as a file's name, may have line ends in it.
        self._in_call = True
        while at < len(piece):
            end = piece.find(b"\n", at) + 1 or len(piece)
            line = piece[at:end]
            if line.startswith(_SYSCALL):
                self.memory.call(line.rstrip(b"\r\n"), self._references)
            elif _LOG_LINE.match(line):
                self._in_call = False
                return at
            yield b"\n"  # keeps the number of lines
            at = end
        return at


def _pieces(output: BinaryIO, recording: Recording) -> Iterator[bytes]:
    rest = last_line = b""
    for piece in _read(output):
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


def _read(output: BinaryIO) -> Iterator[bytes]:
    # While the pipe is small the program can't run ahead, so its memory map is still that of its start when the first
    # references are here.
    head = b""
    while not _REFERENCE.search(head) and (piece := output.read1(_SMALLEST_PIPE)):  # type: ignore[attr-defined]
        head += piece
        if len(head) > _PIECE:
            break
    yield head
    _set_pipe(output.fileno(), _PIECE)
    while piece := output.read(_PIECE):
        yield piece


def _set_pipe(descriptor: int, size: int) -> None:
    with suppress(ImportError, OSError):  # a matter of speed
        import fcntl

        fcntl.fcntl(descriptor, _SET_PIPE_SIZE, size)


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
def _lackey(
    valgrind: str, command: Sequence[str], recording: Recording, seconds: float | None
) -> Iterator[tuple[BinaryIO, int]]:
    """What lackey prints, and the id of the program's process."""
    # Lackey's lines go through a pipe of their own, so they can't mix with what the program prints; nor with those of
    # the processes that it forks, which would go through the same pipe.
    read_end, write_end = os.pipe()
    _set_pipe(read_end, _SMALLEST_PIPE)
    options = ["--tool=lackey", "--trace-mem=yes", "--basic-counts=no", "--trace-syscalls=yes"]
    options.append("--child-silent-after-fork=yes")
    with os.fdopen(read_end, "rb") as output:
        try:
            process = subprocess.Popen([valgrind, *options, f"--log-fd={write_end}", *command], pass_fds=[write_end])
        finally:
            os.close(write_end)
        try:
            with _ended_by_signals(process, recording), _ended_in_time(process, recording, seconds):
                yield output, process.pid
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
