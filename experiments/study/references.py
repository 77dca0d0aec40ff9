"""What the processes of a run really referenced, written down as a trace."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from experiments.errors import BadInput
from simulator.config import Region
from simulator.machine import ProcessSpec
from simulator.observe import Observer
from simulator.stream import Block, ReferenceStream
from workloads.base import InputError
from workloads.traces.beside import check_place
from workloads.traces.convert import target, write
from workloads.traces.regions import TraceRegion
from workloads.traces.runs import Runs
from workloads.traces.window import window

_KINDS = {"page": np.uint32, "fetches": np.uint16, "loads": np.uint8, "stores": np.uint8}


class _Written:
    """A ReferenceStream that writes down each block as the machine takes it."""

    def __init__(self, stream: ReferenceStream) -> None:
        self._stream = stream
        self.pages = stream.pages
        self.references = stream.references
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

    def blocks(self) -> Iterator[Block]:
        self._file.seek(0)
        self._file.truncate()
        for block in self._stream.blocks():
            self._file.write(len(block.page).to_bytes(8, "little"))
            for column in block[:4]:
                self._file.write(column.tobytes())
            yield block

    def taken(self) -> Iterator[Runs]:
        """All that the machine took, which is more than it made of it if the run ended before the stream."""
        self._file.seek(0)
        while head := self._file.read(8):
            rows = int.from_bytes(head, "little")
            page, *counts = (self._column(kind, rows) for kind in _KINDS.values())
            yield Runs(self.pages[page], *counts)

    def close(self) -> None:
        self._file.close()

    def _column(self, kind: Any, rows: int) -> NDArray[Any]:
        return np.frombuffer(self._file.read(rows * np.dtype(kind).itemsize), kind)


class Emitted(Observer):
    """Writes the references that the processes of a run made to a file, each thread's in its order.

    One thread follows the other: how they interleaved is not recorded, and neither are times. Processes are numbered in
    the order of their names, from 0, threads within their process. Memory use doesn't depend on the length: what is
    taken from the workloads waits in temporary files.
    """

    def __init__(self, out: Path) -> None:
        """Raises BadInput if `out` can't be written."""
        try:
            self._to = target(out)
            check_place(out)
        except InputError as error:
            raise BadInput(f"--record-trace {error}") from None
        self._out = out
        self._streams: list[_Written] = []
        self._made: list[tuple[int, int, _Written, int]] = []
        self._names: list[str] = []
        self._regions: list[list[Region]] = []

    def watching(self, specs: Sequence[ProcessSpec]) -> list[ProcessSpec]:
        """The same processes, whose references are written down."""
        watched = []
        for spec in specs:
            streams = tuple(_Written(stream) for stream in spec.streams)
            self._streams += streams
            watched.append(dataclasses.replace(spec, streams=streams))
        return watched

    def finished(self, state: Any, now: int) -> None:
        """The run has ended: threads know how many references they made."""
        references = state.arrays["threads"]["references"].tolist()
        self._names = [spec.config.name for spec in state.specs]
        self._regions = [spec.config.regions for spec in state.specs]
        threads = [
            (process, thread, stream)
            for process, spec in enumerate(state.specs)
            for thread, stream in enumerate(spec.streams)
        ]
        self._made = [(*thread, references[index]) for index, thread in enumerate(threads)]

    def write(self, page_size: int) -> None:
        """Write the file, which appears when it is complete; raises BadInput."""
        about = {"page_size": str(page_size), "source_name": "pagesim run", "process_names": json.dumps(self._names)}
        try:
            write(self._out, self._to, self._runs(), "", about, self._mapped)
        except InputError as error:
            raise BadInput(f"--record-trace {error}") from None
        except OSError as error:
            raise BadInput(f"--record-trace {self._out}: {error.strerror or error}, allowed is a file") from None

    def close(self) -> None:
        """Give the temporary files back."""
        for stream in self._streams:
            stream.close()

    def _mapped(self) -> list[TraceRegion]:
        """The regions of processes that made references, but for what programs mapped while they ran."""
        made = {process for process, _, _, references in self._made if references}
        return [
            TraceRegion(
                process, region.first, region.pages, region.file.rpartition("/")[2], region.offset,
                shared=region.protection == "read-write", writable=region.protection != "read-only",
            )
            for process in made
            for region in self._regions[process]
            if region.file and region.state == "committed"
        ]  # fmt: skip

    def _runs(self) -> Iterator[Runs]:
        for process, thread, stream, references in self._made:
            if not references:
                continue
            for runs in window(stream.taken(), 0, references):
                rows = len(runs.page)
                yield runs._replace(process=np.full(rows, process, np.uint32), thread=np.full(rows, thread, np.uint32))
