"""What a heap's own data takes, in a 32-bit and in a 64-bit process."""

from __future__ import annotations

from dataclasses import dataclass

HEADER = 8
"""Bytes before a block's data that are its own. In a 64-bit process a header takes 16, but the first 8 of them belong
to the data of the block before it: data run into the next header [k32/heap.c:3020, test_block_layout]. So blocks begin
8 bytes behind a multiple of 16 there."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a heap's structures."""

    granule: int
    """two pointers: what data are aligned to, and block sizes multiples of [Windows Internals 6: heap manager]"""
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
    def skew(self) -> int:
        """How far behind a multiple of the granule blocks begin."""
        return self.granule - HEADER

    @property
    def range(self) -> int:
        """What lies at the end of committed memory before an uncommitted range: a header and the range's descriptor, 8
        pointers in all, less what belongs to the last block [k32/heap.c:597, test_HeapCreate]."""
        return 4 * self.granule - self.skew

    @property
    def smallest(self) -> int:
        """The smallest block: a free one holds the links of its list [ros: HEAP_FREE_ENTRY]."""
        return self.block(0)

    @property
    def largest(self) -> int:
        """The largest block that the 16-bit size in a header is used for: 0xFE00 granules [ros: HEAP_MAX_BLOCK_SIZE],
        which is what makes the largest block of a fixed heap slightly less than 512 KB or 1 MB [HeapCreate]."""
        return 0xFE00 * self.granule

    @property
    def piece(self) -> int:
        """What a heap's first and maximum sizes are rounded up to: 0x400 pointers [k32/heap.c:3689,
        test_heap_sizes]."""
        return 0x200 * self.granule

    def block(self, size: int) -> int:
        """A block for `size` bytes of data: at least two pointers, and its header, rounded up to the granule
        [k32/heap.c:3020, test_block_layout]."""
        return -(-(max(size, self.granule) + HEADER) // self.granule) * self.granule


def sizes(bits: int) -> Sizes:
    """The sizes for a process of 32 or 64 bits."""
    if bits == 32:
        return Sizes(granule=8, heap=0x600, segment=0x40, large=0x20, bucket=0x20, unit=0x40)
    return Sizes(granule=16, heap=0xA00, segment=0x80, large=0x40, bucket=0x40, unit=0x80)
