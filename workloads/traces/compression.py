"""Compressed files as streams of bytes: gzip, bzip2, xz and Zstandard, told by their first bytes.

Data is expanded a piece at a time, so a file that expands to a huge size costs time but no memory.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from workloads.base import InputError

PIECE = 1 << 20
"""Most bytes that are expanded at a time."""

XZ_MEMORY = 256 << 20
"""Most memory that an xz file may ask for: `xz -9` needs 65 MiB."""


_WATCHER: ContextVar[Callable[[int], None] | None] = ContextVar("watcher", default=None)


class Codec(NamedTuple):
    """A way of compressing files."""

    suffix: str
    magic: bytes
    expand: Callable[[BinaryIO], Iterator[bytes]]


def codec(path: Path) -> Codec | None:
    """How a file is compressed; None if it isn't."""
    with path.open("rb") as file:
        head = file.read(8)
    return next((known for known in CODECS if head.startswith(known.magic)), None)


def expanded(path: Path) -> Generator[bytes, None, None]:
    """The bytes of a file, expanded if it is compressed, in pieces of at most `PIECE` bytes.

    Raises InputError if compressed data is damaged or cut off.
    """
    known = codec(path)
    with opened(path) as file:
        if known is None:
            yield from _pieces(file)
            return
        try:
            yield from known.expand(file)
        except (EOFError, OSError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
            what = known.suffix.removeprefix(".")
            raise InputError(
                f"{path}: found damaged or cut off {what} data ({_line(error)}), allowed is a whole {what} file"
            ) from error


@contextmanager
def watched(told: Callable[[int], None]) -> Iterator[None]:
    """While it lasts, `told` is given the number of bytes at each reading of a trace file in this thread."""
    token = _WATCHER.set(told)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def tell(read: int) -> None:
    """Let whoever watches know that so many bytes of a file were read."""
    told = _WATCHER.get()
    if told is not None:
        told(read)


class _Told(io.FileIO):
    def readinto(self, buffer: Any) -> int | None:
        read = super().readinto(buffer)
        tell(read or 0)
        return read


def opened(path: Path) -> BinaryIO:
    """A trace file opened for reading, whose readings can be watched."""
    return io.BufferedReader(_Told(path), PIECE)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield bytes(piece)


def _gzip(file: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as stream:
        yield from _pieces(stream)


def _bzip2(file: BinaryIO) -> Iterator[bytes]:
    with bz2.BZ2File(file) as stream:
        yield from _pieces(stream)


def _zstandard(file: BinaryIO) -> Iterator[bytes]:
    with pa.CompressedInputStream(pa.PythonFile(file), "zstd") as stream:
        # pyarrow's `read` leaks its buffer where data is damaged, `read_buffer` doesn't.
        while len(piece := stream.read_buffer(PIECE)):
            yield piece.to_pybytes()


def _xz(file: BinaryIO) -> Iterator[bytes]:
    # lzma.LZMAFile can't be given a memory limit, and a header may ask for 4 GiB.
    held = b""
    while True:
        while not (held := held.lstrip(b"\0")):  # padding may stand between streams
            held = file.read(io.DEFAULT_BUFFER_SIZE)
            if not held:
                return
        decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        while not decoder.eof:
            if decoder.needs_input and not held:
                held = file.read(io.DEFAULT_BUFFER_SIZE)
                if not held:
                    raise EOFError("the end-of-stream marker is missing")
            if piece := decoder.decompress(held, PIECE):
                yield piece
            held = b""
        held = decoder.unused_data


CODECS = (
    Codec(".gz", b"\x1f\x8b", _gzip),
    Codec(".bz2", b"BZh", _bzip2),
    Codec(".xz", b"\xfd7zXZ\0", _xz),
    Codec(".zst", b"\x28\xb5\x2f\xfd", _zstandard),
)
