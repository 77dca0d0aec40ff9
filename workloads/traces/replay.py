"""The workload `trace`: what a program was recorded to do, done again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from simulator.registry import register
from simulator.stream import Block, ReferenceStream
from workloads.base import StreamContext, check_footprint
from workloads.traces.cache import open_trace
from workloads.traces.window import part


@register("workload", "trace")
@dataclass(config=STRICT, kw_only=True)
class Trace:
    """A recorded trace, or a part of it, once or several times."""

    path: Path = Field(..., description="the trace file, relative to the config's directory")
    format: str = Field(default="auto", description="a registered format; auto: told by content and name")
    merge: bool = Field(default=False, description="make one run, and so one request, of adjacent runs on one page")
    skip: int = Field(default=0, ge=0, description="references left out at the start")
    limit: int | None = Field(default=None, ge=1, description="most references after that; none: all")
    repeat: int = Field(default=1, ge=1, description="how many times over")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError where the file can't be used or has too many distinct pages."""
        path = context.base / self.path
        stream: ReferenceStream = open_trace(path, self.format, self.merge)
        if self.skip or self.limit is not None:
            stream = part(stream, self.skip, self.limit, str(path))
        check_footprint(len(stream.pages), context, str(path))
        return stream if self.repeat == 1 else Repeated(stream, self.repeat)


class Repeated:
    """A stream several times over; a ReferenceStream."""

    def __init__(self, stream: ReferenceStream, times: int) -> None:
        """`times` is at least 1."""
        self._stream = stream
        self._times = times
        self.pages = stream.pages
        self.references = None if stream.references is None else stream.references * times

    def blocks(self) -> Iterator[Block]:
        """The runs of every repetition."""
        for _ in range(self._times):
            yield from self._stream.blocks()
