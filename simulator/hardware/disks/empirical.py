"""A disk whose latencies were measured: samples from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from simulator.hardware.quantiles import from_samples
from simulator.hardware.service import ServiceTable
from simulator.registry import register
from simulator.units import Cost


@register("disk", "empirical")
@dataclass(config=STRICT)
class Empirical:
    """Latencies drawn from the quantiles of measured ones.

    A file holds one latency a line, in nanoseconds, `#` begins a comment; order doesn't matter.
    """

    read: Path = Field(default=..., description="file of read latencies")
    write: Path | None = Field(default=None, description="file of write latencies; not given: those of reads")
    per_page: Cost = Field(default=0, description="transfer of each page, beyond what the samples contain")
    channels: int = Field(default=1, ge=1, le=1024, description="requests served at one time")

    @field_validator("read", "write")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None:
            load_samples(path)
        return path

    def tables(self) -> ServiceTable:
        """The samples' quantiles."""
        read = load_samples(self.read)
        return ServiceTable(
            latency_read=from_samples(read),
            latency_write=from_samples(read if self.write is None else load_samples(self.write)),
            per_page_read=self.per_page,
            per_page_write=self.per_page,
            channels=self.channels,
        )


def load_samples(path: Path) -> NDArray[np.float64]:
    """Latencies from a file; raises ValueError that names the file, the line, what was found and what is allowed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: can't be read as text: {error}") from None
    samples = []
    for number, line in enumerate(lines, start=1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e15:
            raise ValueError(f"{path}:{number}: found {text[:40]!r}, allowed is a latency in nanoseconds")
        samples.append(value)
    if not samples:
        raise ValueError(f"{path}: found no latency, allowed is one a line, in nanoseconds")
    return np.array(samples)
