"""A disk whose every request takes the same time, plus the transfer of its pages."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from simulator.hardware.service import ServiceTable, constant_latency
from simulator.registry import register
from simulator.units import MICROSECOND, Cost


@register("disk", "constant")
@dataclass(config=STRICT)
class Constant:
    """The same latency for every request: for theory, and for results that can be worked out by hand."""

    read: Cost = Field(default=100 * MICROSECOND, description="latency of a read")
    write: Cost = Field(default=100 * MICROSECOND, description="latency of a write")
    per_page: Cost = Field(default=0, description="transfer of one page")
    channels: int = Field(default=1, ge=1, le=1024, description="requests served at one time")

    def tables(self) -> ServiceTable:
        """The two latencies as flat quantiles."""
        return ServiceTable(
            latency_read=constant_latency(self.read),
            latency_write=constant_latency(self.write),
            per_page_read=self.per_page,
            per_page_write=self.per_page,
            channels=self.channels,
        )
