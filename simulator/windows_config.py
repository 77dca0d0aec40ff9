"""What programs see of the operating system: parameters of `simulator.windows`, each default with its source.

Sources are cited as in `simulator.config`. Where they disagree, MODEL.md section 13 says which one holds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from simulator.units import Fraction, MiB, Size

STRICT = ConfigDict(extra="forbid", frozen=True)


@dataclass(config=STRICT)
class ImageSection:
    """A section of an image: pages that have one protection."""

    name: str = Field(default="", description="such as .text; for the reader only")
    size: Size = Field(default=..., ge=1, description="rounded up to whole pages")
    protection: Literal["code", "read-only", "data"] = Field(
        default="code",
        description="PAGE_EXECUTE_READ, PAGE_READONLY, or PAGE_WRITECOPY: shared until written [Memory Protection]",
    )


@dataclass(config=STRICT)
class Image:
    """An executable or DLL on a simulated disk, which programs load; its pages are shared by all who load it."""

    size: Size = Field(default=..., ge=1, description="of the image in memory and of its file")
    preferred_base: Size = Field(default=0x10000000, description="where it's linked to be; a DLL's default [/BASE]")
    dynamic_base: bool = Field(default=True, description="loaded at a random base [/DYNAMICBASE], if `aslr` is on")
    fixups: Fraction = Field(
        default=0.3, description="share of its pages that hold addresses, which another base changes; chosen"
    )
    sections: list[ImageSection] = Field(
        default_factory=list,
        description="from its first page on; what they leave is read-only. None: one page of headers, three quarters "
        "of the rest code, the others data (chosen)",
    )
    disk: str = Field(default="", description="name of the disk it lies on; empty: the first disk by name")

    @model_validator(mode="after")
    def _possible(self) -> Image:
        if self.preferred_base % 65536:
            raise ValueError(f"preferred_base: found {self.preferred_base:#x}, allowed is a multiple of 64 KiB")
        taken = sum(section.size for section in self.sections)
        if taken > self.size:
            raise ValueError(f"sections: found {taken} bytes together, allowed is at most the size, {self.size}")
        return self


@dataclass(config=STRICT)
class Pools:
    """The kernel's paged and nonpaged pools, and the handle tables in them."""

    bits: Literal[32, 64] = Field(
        default=64, description="the kernel's: block headers of 8 or 16 bytes, handle-table entries likewise"
    )
    paged_pools: int = Field(
        default=0, ge=0, le=16, description="0: 3 on one processor, 5 on several [Memory Pools]; taken in turn"
    )
    nonpaged_limit: Size = Field(
        default=0, description="0: 75 % of memory, at most 128 GiB; 256 MiB if 32-bit [Memory Limits]"
    )
    paged_limit: Size = Field(
        default=0, description="0: the commit limit, at most 128 GiB; 490 MiB if 32-bit [Memory Limits]"
    )
    nonpaged_quota: Size = Field(default=0, description="bytes that a process may be charged; 0: no quota; chosen")
    paged_quota: Size = Field(default=0, description="bytes that a process may be charged; 0: no quota; chosen")
    handles: int = Field(default=1 << 24, ge=2, le=1 << 24, description="most in one process [Kernel Objects]")


@dataclass(config=STRICT)
class Conditions:
    """When the system says that memory, pool or commit charge is short or plentiful [Standard Event Objects]."""

    low_memory: Size = Field(
        default=0, description="available memory that is low; 0: as ros: ARM3/mminit.c, at most 1/32 of memory (chosen)"
    )
    high_memory: Size = Field(default=0, description="available memory that is high; 0: 3 x low (ros: mminit.c)")
    low_commit: Fraction = Field(
        default=0.75, description="share of the commit limit up to which charge is low; chosen"
    )
    high_commit: Fraction = Field(
        default=0.9,
        description="share of the commit limit from which charge is high: where paging files grow"
        " [Introduction to page files]; of what they may grow to: MaximumCommitCondition",
    )


@dataclass(config=STRICT)
class Heap:
    """How heaps get memory from the system and give it back [RTL_HEAP_PARAMETERS, its defaults where it has some]."""

    segment_reserve: Size = Field(
        default=1 * MiB, ge=65536, description="address space of a growable heap's second segment"
    )
    segment_commit: Size = Field(default=2 * 4096, ge=1, description="what a further segment has committed at least")
    segment_maximum: Size = Field(
        default=16 * MiB - 192 * 1024,
        ge=65536,
        description="each further segment is twice the size of the one before (ros: sdk/lib/rtl/heap.c), up to this: "
        "0xFD0000 (k32/heap.c, test_heap_size)",
    )
    decommit_block: Size = Field(default=4096, ge=1, description="free block whose pages are decommitted, at least")
    decommit_total: Size = Field(default=64 * 1024, ge=0, description="... once free blocks come to this")
    direct: Size = Field(
        default=0,
        ge=0,
        le=1 << 31,
        description="larger blocks of a growable heap, header included, are VirtualAlloc's; 0: 0x7F000 in a 32-bit "
        "process [RTL_HEAP_PARAMETERS], 0xFE000 in a 64-bit one (k32/heap.c:3020, test_block_layout)",
    )
    low_fragmentation: Literal["automatic", "opt-in", "off"] = Field(
        default="automatic",
        description="as since Vista; by HeapSetInformation as in XP [Low-fragmentation Heap]; never",
    )
    activation: int = Field(
        default=17,
        ge=1,
        description="allocations by the back end that turn the front end on for a size (debugoff.com, The real LFH "
        "activation behavior)",
    )
    bucket_memory: Size = Field(
        default=64 * 1024, ge=16_384, description="most that the front end takes for a bucket at once; chosen"
    )


@dataclass(config=STRICT)
class Windows:
    """What programs see of the operating system (`simulator.windows`)."""

    dep_policy: Literal["always-off", "always-on", "opt-in", "opt-out"] = Field(
        default="opt-in", description="[GetSystemDEPPolicy]: opt-in is a client's default, opt-out a server's"
    )
    aslr: bool = Field(default=True, description="images with /DYNAMICBASE are loaded at a random base, one per image")
    large_page_minimum: Size = Field(default=2 * MiB, ge=1, description="[GetLargePageMinimum] on x86-64")
    kernel_stack: Size = Field(default=24 * 1024, ge=0, description="commit charge of a thread's kernel stack (WI6)")
    stack_reserve: Size = Field(default=MiB, ge=64 * 1024, description="of a thread's stack [Thread Stack Size]")
    stack_commit: Size = Field(default=4096, ge=1, description="... and how much of it is committed at first")
    reserved_frames: int = Field(
        default=512,
        ge=0,
        description="pages that working-set maximums leave [SetProcessWorkingSetSizeEx]; at most 1/8"
        " of memory, so that small machines have working sets (chosen)",
    )
    heap: Heap = Field(default_factory=Heap)
    pools: Pools = Field(default_factory=Pools)
    conditions: Conditions = Field(default_factory=Conditions)
