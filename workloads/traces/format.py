"""What a trace format is, and how the format of a file is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, cast

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from simulator.registry import UnknownName, find, names
from simulator.units import Size
from workloads.base import InputError
from workloads.traces.compression import codec, expanded
from workloads.traces.regions import Regions
from workloads.traces.runs import Runs

HEAD = 1 << 16
"""Bytes from the start of a file, expanded, that a format is told by."""


def _power_of_two(size: int) -> int:
    if size & (size - 1):
        raise ValueError("allowed is a power of two")
    return size


PageSize = Annotated[Size, Field(ge=512, le=1 << 30), AfterValidator(_power_of_two)]
"""An option that holds the bytes of a page."""


class Format(Protocol):
    """A way of writing a trace to a file: a frozen pydantic dataclass, registered with `@register("format", name)`,
    whose fields are its options, each with a default.

    One that finds text about the trace in the file (the command that was recorded, the page size) has a method
    `metadata(path) -> dict[str, str]`, too; one that knows what pages were backed by, `regions(path) -> Regions`.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    """how such files are usually called, before a suffix for compression"""

    @property
    def page_size(self) -> int | None:
        """Bytes in a page; None: the format has page numbers and doesn't know what they count."""
        ...

    def recognises(self, head: bytes) -> bool:
        """Whether a file that starts with `head` (expanded) is in this format."""
        ...

    def runs(self, path: Path) -> Iterator[Runs]:
        """The runs of a file, in order, in pieces of bounded size that the receiver doesn't change.

        Raises InputError where the file is damaged or breaks a rule of the format.
        """
        ...


def formats() -> list[Format]:
    """Every format that is registered, by name, with its default options."""
    return [named(name) for name in names("format")]


def named(name: str, options: Mapping[str, Any] | None = None) -> Format:
    """The format with a name and options; raises InputError, which lists what there is."""
    try:
        cls = find("format", name)
    except UnknownName as error:
        raise InputError(f"format: {error}, or 'auto'") from error
    try:
        return cast("Format", TypeAdapter(cls).validate_json(json.dumps(dict(options or {})), strict=True))
    except ValidationError as error:
        raise InputError(f"format {name}: {_explained(error, cls)}") from error


def options_of(known: Format) -> dict[str, Any]:
    """The options that a format was made with, as plain data; `named` makes the same of them."""
    return cast("dict[str, Any]", json.loads(TypeAdapter(type(known)).dump_json(known)))


def _explained(error: ValidationError, cls: type) -> str:
    first = error.errors(include_url=False)[0]
    option = ".".join(map(str, first["loc"]))
    if first["type"] == "unexpected_keyword_argument":
        allowed = ", ".join(TypeAdapter(cls).json_schema().get("properties", {}))
        return f"found the unknown option {option!r}, allowed is {f'one of {allowed}' if allowed else 'none'}"
    text = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    return f"option {option}: found {first['input']!r:.60}: {text}"


def chosen(path: Path, name: str = "auto", options: Mapping[str, Any] | None = None) -> Format:
    """The format to read a file in: that with the name or, for `auto`, the one told by `guess`; with the options."""
    return named(guess(path).name if name == "auto" else name, options)


def about(known: Format, path: Path) -> dict[str, str]:
    """What is known of a trace beside its runs: what the file says, and `page_size` in bytes if that is known."""
    metadata = getattr(known, "metadata", None)
    found: dict[str, str] = {} if metadata is None else dict(metadata(path))
    if known.page_size is not None:
        found["page_size"] = str(known.page_size)
    size = found.get("page_size", "1")
    if not re.fullmatch(r"[1-9]\d{0,9}", size, re.ASCII):
        raise InputError(
            f"{path}: page_size: found {size[:60]!r} in what it tells of itself, allowed is bytes of a page"
        )
    return found


def regions_in(known: Format, path: Path) -> Regions:
    """What pages of a trace were backed by; none if the file doesn't tell. Raises InputError where it is damaged."""
    regions = getattr(known, "regions", None)
    return () if regions is None else cast("Regions", regions(path))


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
