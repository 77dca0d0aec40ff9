"""An NVMe solid-state disk: many requests at one time, short latencies."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from simulator.hardware.disks.ssd import Ssd
from simulator.registry import register
from simulator.units import MICROSECOND, Cost


@register("disk", "nvme")
@dataclass(config=STRICT)
class Nvme(Ssd):
    """Parallel channels with separate log-normal latencies for reads and writes, and the transfer over PCIe.

    The defaults are chosen in the range of data sheets for client drives on PCIe 3.0 x4: reads of 4 KiB in 80 us or
    less, writes into the drive's cache in 20 us, 3.5 GB/s.
    """

    read_median: Cost = Field(default=75 * MICROSECOND, ge=1, description="median latency of a read")
    read_p99: Cost = Field(default=150 * MICROSECOND, ge=1, description="99th percentile of a read's latency")
    write_median: Cost = Field(
        default=18 * MICROSECOND, ge=1, description="median latency of a write (to the drive's cache)"
    )
    write_p99: Cost = Field(default=120 * MICROSECOND, ge=1, description="99th percentile of a write's latency")
    per_page: Cost = Field(default=1_170, description="transfer of one page: 4 KiB at 3.5 GB/s")
    channels: int = Field(default=32, ge=1, le=1024, description="requests served at one time")
