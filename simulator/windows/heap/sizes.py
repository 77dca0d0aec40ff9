"""What a heap's own data takes, in a 32-bit and in a 64-bit process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Bytes of a heap's structures; all are multiples of the granularity.

    Every block has a header of one granule before its data: 8 bytes, or 16 [ros: sdk/lib/rtl/heap.h; WI6 for the
    granularity]. 64-bit Windows lets a block's data run into the next header's first 8 bytes, which isn't modelled.
    """

    granule: int
    heap: int
    """what a heap starts with: its flags, parameters, lock and list heads; chosen, less than a page [ros: heap.c]"""
    segment: int
    """what every further segment starts with; chosen"""
    large: int
    """before the data of a block that VirtualAlloc gave [ros: HEAP_VIRTUAL_ALLOC_ENTRY]"""
    bucket: int
    """the front end's record of a bucket; chosen"""
    unit: int
    """what the front end puts before a bucket's blocks: counts and a bitmap; chosen"""

    @property
    def smallest(self) -> int:
        """The smallest block: a free one holds the links of its list [ros: HEAP_FREE_ENTRY]."""
        return 2 * self.granule

    @property
    def largest(self) -> int:
        """The largest block that the 16-bit size in a header is used for: 0xFE00 granules [ros: HEAP_MAX_BLOCK_SIZE],
        which is what makes the largest block of a fixed heap slightly less than 512 KB or 1 MB [HeapCreate]."""
        return 0xFE00 * self.granule


def sizes(bits: int) -> Sizes:
    """The sizes for a process of 32 or 64 bits."""
    if bits == 32:
        return Sizes(granule=8, heap=0x600, segment=0x40, large=0x20, bucket=0x20, unit=0x40)
    return Sizes(granule=16, heap=0xA00, segment=0x80, large=0x40, bucket=0x40, unit=0x80)
