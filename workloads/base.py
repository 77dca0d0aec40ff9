"""What a workload is: a description, validated when it is made, that turns into streams of references or a program."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, dataclass_transform

from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from simulator.config import STRICT, File, Region
from simulator.registry import register
from simulator.stream import ReferenceStream

_Class = TypeVar("_Class")

MAX_PAGE = (1 << 52) - 1
"""Largest virtual page number: that of the last 4 KiB page of a 64-bit address space."""


class InputError(Exception):
    """Something that a user gave can't be used; the message is one line that says where, what was found and what is
    allowed."""


@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
def plugin(point: str, name: str) -> Callable[[type[_Class]], type[_Class]]:
    """Make a class a checked pydantic dataclass, whose fields are its YAML parameters, and register it."""

    def enter(cls: type[_Class]) -> type[_Class]:
        made: Any = checked(config=STRICT, kw_only=True)(cls)
        return cast("type[_Class]", register(point, name)(made))

    return enter


@dataclass(frozen=True)
class StreamContext:
    """What a workload may know of the process and machine that it is for."""

    base: Path
    """directory that relative paths start from"""
    seed: int
    """root seed of the run"""
    name: str
    """the process's name; with the seed it selects the process's random stream"""
    page_size: int
    """bytes in a page"""
    address_space: int
    """bytes that a process can address"""
    private: bool = False
    """whether a workload that leaves it open makes all pages private: on the textbook machine, which has each page in a
    place of its own on disk, and inside workloads that have no room for regions"""


@dataclass(frozen=True)
class Part:
    """One process that a workload makes."""

    streams: tuple[ReferenceStream, ...] = ()
    """the references of each thread; all streams have the same `pages`"""
    suffix: str = ""
    """tells the workload's processes apart: appended to the process's name with a hyphen; empty: the name alone"""
    regions: tuple[Region, ...] = ()
    """beside those that the config gives the process"""
    files: Mapping[str, File] = field(default_factory=dict)
    """beside those of the machine; what has the same name must be the same"""
    maps: Mapping[str, int] = field(default_factory=dict)
    """bytes that files which its regions map must have at least; the machine has a file that isn't in the config, as
    large as the largest that a workload wants"""
    program: Callable[[Any], Generator[Any, Any, Any]] | None = None
    """instead of streams: a generator function that is given a process and makes the calls of `simulator.windows`"""


class Workload(Protocol):
    """What a process does to memory.

    One of several threads, or one that makes several processes, has a method `processes(context) -> list[Part]`
    instead of `stream`. A program has a generator method `main(process)` instead, which makes the calls of
    `simulator.windows.process.Process`; if it needs the context, a method `program(context)` that returns such a
    function.

    An implementation is a frozen pydantic dataclass, registered with `@register("workload", kind)`, whose fields are
    its parameters in a config. It draws random numbers only from `simulator.rng.generator(context.seed,
    f"workload/{context.name}...")`.
    """

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError where a parameter can't be used."""
        ...


def parts(workload: Any, context: StreamContext) -> list[Part]:
    """The processes that a workload makes; raises InputError where a parameter can't be used."""
    if callable(getattr(workload, "processes", None)):
        made: list[Part] = workload.processes(context)
        return made
    if callable(getattr(workload, "program", None)):
        return [Part(program=workload.program(context))]
    if callable(getattr(workload, "main", None)):
        return [Part(program=workload.main)]
    return [Part(streams=(workload.stream(context),))]


def check_footprint(pages: int, context: StreamContext, what: str) -> None:
    """Raise InputError if `pages` distinct pages don't fit into the address space of the machine."""
    allowed = context.address_space // context.page_size
    if pages > allowed:
        raise InputError(
            f"{what}: found {pages} distinct pages, allowed is at most {allowed}: an address space of "
            f"{context.address_space} bytes in pages of {context.page_size} bytes"
        )
