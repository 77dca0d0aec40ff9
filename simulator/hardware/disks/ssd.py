"""A SATA solid-state disk: no moving parts, a shallow queue, skewed latencies."""

from __future__ import annotations

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from simulator.hardware.quantiles import lognormal
from simulator.hardware.service import ServiceTable
from simulator.registry import register
from simulator.units import MICROSECOND, Cost


@register("disk", "ssd")
@dataclass(config=STRICT)
class Ssd:
    """Log-normal latencies for reads and writes, and the transfer over a 6 Gbit/s link (550 MB/s net).

    The defaults are chosen in the range that makers' data sheets for SATA drives state: 75,000 to 100,000 random
    reads a second at queue depth 32, 4 KiB; about 10,000 at depth 1.
    """

    read_median: Cost = Field(default=90 * MICROSECOND, ge=1, description="median latency of a read")
    read_p99: Cost = Field(default=250 * MICROSECOND, ge=1, description="99th percentile of a read's latency")
    write_median: Cost = Field(
        default=40 * MICROSECOND, ge=1, description="median latency of a write (to the drive's cache)"
    )
    write_p99: Cost = Field(default=400 * MICROSECOND, ge=1, description="99th percentile of a write's latency")
    per_page: Cost = Field(default=7_450, description="transfer of one page: 4 KiB at 550 MB/s")
    channels: int = Field(default=8, ge=1, le=1024, description="requests served at one time")

    @model_validator(mode="after")
    def _skewed(self) -> Ssd:
        for kind in ("read", "write"):
            if getattr(self, f"{kind}_p99") < getattr(self, f"{kind}_median"):
                raise ValueError(f"{kind}_p99: allowed is at least {kind}_median")
        return self

    def tables(self) -> ServiceTable:
        """Log-normal quantiles and the transfer of each page."""
        return ServiceTable(
            latency_read=lognormal(self.read_median, self.read_p99),
            latency_write=lognormal(self.write_median, self.write_p99),
            per_page_read=self.per_page,
            per_page_write=self.per_page,
            channels=self.channels,
        )
