"""A hard disk: the arm seeks, the platter turns, the data pass under the head."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from simulator.hardware.service import SEEKS, ServiceTable, constant_latency
from simulator.registry import register
from simulator.units import MICROSECOND, MILLISECOND, SECOND, Cost


@register("disk", "hdd")
@dataclass(config=STRICT)
class Hdd:
    """Seek by distance, rotation, transfer (Ruemmler and Wilkes, "An introduction to disk drive modeling", IEEE
    Computer 27(3), 1994): the seek grows with the square root of the distance; the rotational wait is uniform; a
    request where the last one ended pays neither. Defaults: a 7,200 rpm desktop drive."""

    track_seek: Cost = Field(default=1 * MILLISECOND, description="shortest seek")
    full_seek: Cost = Field(default=16 * MILLISECOND, description="seek over the whole span of the stores on the disk")
    rotations_per_minute: int = Field(default=7_200, ge=1)
    per_page: Cost = Field(default=25 * MICROSECOND, description="transfer of one page: 4 KiB at 160 MB/s")
    overhead: Cost = Field(default=100 * MICROSECOND, description="controller and command overhead")

    @model_validator(mode="after")
    def _ordered(self) -> Hdd:
        if self.full_seek < self.track_seek:
            raise ValueError("full_seek: allowed is at least track_seek")
        return self

    def tables(self) -> ServiceTable:
        """A constant overhead, a seek curve, one revolution, one request at a time."""
        share = np.sqrt(np.arange(SEEKS) / (SEEKS - 1))
        seek = self.track_seek + (self.full_seek - self.track_seek) * share
        return ServiceTable(
            latency_read=constant_latency(self.overhead),
            latency_write=constant_latency(self.overhead),
            per_page_read=self.per_page,
            per_page_write=self.per_page,
            seek=np.rint(seek).astype(np.int64),
            rotation=60 * SECOND // self.rotations_per_minute,
            channels=1,
        )
