"""What a trace format is, and how the format of a file is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol, cast

from simulator.registry import UnknownName, find, names
from workloads.base import InputError
from workloads.traces.compression import codec, expanded
from workloads.traces.runs import Runs

HEAD = 1 << 16
"""Bytes from the start of a file, expanded, that a format is told by."""


class Format(Protocol):
    """A way of writing a trace to a file, registered with `@register("format", name)`; made without arguments."""

    name: str
    suffixes: tuple[str, ...]
    """how such files are usually called, before a suffix for compression"""

    def recognises(self, head: bytes) -> bool:
        """Whether a file that starts with `head` (expanded) is in this format."""
        ...

    def runs(self, path: Path) -> Iterator[Runs]:
        """The runs of a file, in order, in pieces of bounded size that the receiver doesn't change.

        Raises InputError where the file is damaged or breaks a rule of the format.
        """
        ...


def formats() -> list[Format]:
    """Every format that is registered, by name."""
    return [named(name) for name in names("format")]


def named(name: str) -> Format:
    """The format with a name; raises InputError, which lists what there is."""
    try:
        return cast("Format", find("format", name)())
    except UnknownName as error:
        raise InputError(f"format: {error}, or 'auto'") from error


def guess(path: Path) -> Format:
    """The format of a file: by what is in it, and where that leaves a choice, by its name.

    Raises InputError if no format, or more than one, fits.
    """
    head = start(path)
    known = codec(path)
    name = path.name.lower().removesuffix(known.suffix if known else "")
    by_content = [candidate for candidate in formats() if candidate.recognises(head)]
    by_name = [candidate for candidate in by_content or formats() if name.endswith(candidate.suffixes)]
    for candidates in (by_name, by_content):
        if len(candidates) == 1:
            return candidates[0]
    allowed = ", ".join(names("format"))
    raise InputError(f"{path}: found no known trace format, starting with {head[:16]!r}, allowed is one of {allowed}")


def start(path: Path) -> bytes:
    """The first `HEAD` bytes of a file, expanded; raises InputError if there are none."""
    head = b""
    with closing(expanded(path)) as pieces:
        for piece in pieces:
            head += piece[: HEAD - len(head)]
            if len(head) == HEAD:
                break
    if not head:
        raise InputError(f"{path}: found an empty file, allowed is a trace with at least one reference")
    return head
