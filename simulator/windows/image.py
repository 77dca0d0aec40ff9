"""Images: executables and DLLs, loaded at one base by all processes if that can be, and shared."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator import config
from simulator.windows import constants as c
from simulator.windows import mapping
from simulator.windows.failure import Failure
from simulator.windows.file import FileObject
from simulator.windows.section import Section

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.segment import FileSegment
    from simulator.windows.system import System

PROTECTIONS = {"code": c.PAGE_EXECUTE_READ, "read-only": c.PAGE_READONLY, "data": c.PAGE_WRITECOPY}
ASLR_FIRST, ASLR_END = 0x5000_0000, 0x7800_0000
"""Where random bases lie: the part below 2 GiB that Vista keeps for DLLs, so that 32- and 64-bit processes share one
base; chosen."""
ASLR_TRIES = 64
"""Draws until one clashes with no other image's base; chosen."""


class Run(NamedTuple):
    """Pages of an image that have one protection."""

    first: int
    pages: int
    protection: int


class Image:
    """An image on disk, and the segment that all who load it share. Its data pages are copied when written to."""

    def __init__(self, system: System, name: str, parameters: config.Image) -> None:
        """As configured; its base is found when it is first loaded."""
        self.system = system
        self.name = name
        self.parameters = parameters
        self.pages = -(-parameters.size // system.page_size)
        self.runs = self._lay_out()
        self._ends = list(accumulate(run.pages for run in self.runs))
        self._copied = list(accumulate(run.pages * (run.protection == c.PAGE_WRITECOPY) for run in self.runs))

    def _lay_out(self) -> list[Run]:
        """Its sections from the first page on; what they leave is read-only."""
        page = self.system.page_size
        parts = [(-(-s.size // page), PROTECTIONS[s.protection]) for s in self.parameters.sections]
        if not parts:
            code = 3 * (self.pages - 1) // 4
            parts = [(1, c.PAGE_READONLY), (code, c.PAGE_EXECUTE_READ), (self.pages - 1 - code, c.PAGE_WRITECOPY)]
        parts.append((self.pages, c.PAGE_READONLY))
        runs, first = [], 0
        for pages, protection in parts:
            pages = min(pages, self.pages - first)
            if pages:
                runs.append(Run(first, pages, protection))
            first += pages
        return runs

    @property
    def base(self) -> int:
        """Where processes load it if nothing is in the way: its preferred base, or, with ASLR, the one that was drawn
        for it when it was first loaded since the machine started (MODEL.md 6)."""
        return self.system.images.base(self)

    def protection_run(self, page: int) -> tuple[int, int]:
        """A page's protection, and how many pages from it on have the same."""
        run = self.runs[bisect_right(self._ends, page)]
        return run.protection, run.first + run.pages - page

    def copied_pages(self, first: int, count: int) -> int:
        """How many of `count` pages are copied when written to: those that commit is charged for."""
        return self._copied_before(first + count) - self._copied_before(first)

    def _copied_before(self, page: int) -> int:
        at = bisect_right(self._ends, page - 1)
        run = self.runs[min(at, len(self.runs) - 1)]
        inside = page - run.first if run.protection == c.PAGE_WRITECOPY else 0
        return (self._copied[at - 1] if at else 0) + inside

    def fixups(self) -> NDArray[np.int64]:
        """The pages that hold addresses to be changed at another base, ascending: a random choice, the same in every
        process."""
        count = round(self.parameters.fixups * self.pages)
        chosen = self.system.rng(f"fixups/{self.name}").choice(self.pages, count, replace=False)
        return np.sort(chosen).astype(np.int64)

    def section(
        self,
        owner: ProcessState,
        opened: FileObject,
        name: str | None = None,
        protection: int = c.PAGE_EXECUTE_WRITECOPY,
    ) -> Section:
        """A section of the image [CreateFileMapping, SEC_IMAGE]; `protection` says which access views may ask for,
        their pages have the image's own. Raises Failure if there is no pool for it. Data mappings of the file show the
        same pages."""
        segment: FileSegment = opened.file.share()
        size = self.pages * self.system.page_size
        return Section(
            self.system, name, owner, segment=segment, size=size, protection=protection, file=opened, image=self
        )


@dataclass
class Module:
    """An image that a process has loaded."""

    image: Image
    base: int
    relocated: bool
    """it isn't where the image's addresses say: pages that hold some must be changed"""
    uses: int = 1
    """how often it was loaded more than freed"""


class Images:
    """All images of a machine, and where they are loaded."""

    def __init__(self, system: System, machine: config.Machine) -> None:
        """`machine.images`; their files are in `system.files`."""
        self._system = system
        self._images = {name: Image(system, name, parameters) for name, parameters in sorted(machine.images.items())}
        self._by_name = {name.lower(): image for name, image in self._images.items()}
        self._bases: dict[str, int] = {}

    def __getitem__(self, name: str) -> Image:
        """The image of that name, in any case; raises Failure ERROR_MOD_NOT_FOUND if there is none."""
        if name.lower() not in self._by_name:
            raise Failure(c.ERROR_MOD_NOT_FOUND)
        return self._by_name[name.lower()]

    def base(self, image: Image) -> int:
        """Its base, drawn now if it has none yet."""
        if image.name not in self._bases:
            self._bases[image.name] = self._draw(image)
        return self._bases[image.name]

    def _draw(self, image: Image) -> int:
        """A random multiple of 64 KiB at which it clashes with no image that has a base; the preferred base if there's
        no ASLR for it, or no room."""
        unit = self._system.granularity
        places = (ASLR_END - ASLR_FIRST - image.pages * self._system.page_size) // unit
        if not self._system.settings.aslr or not image.parameters.dynamic_base or places < 1:
            return image.parameters.preferred_base
        draws = self._system.rng(f"aslr/{image.name}").integers(0, places, ASLR_TRIES)
        for draw in draws.tolist():
            base: int = ASLR_FIRST + draw * unit
            if not any(self._clash(image, base, other) for other in self._bases):
                return base
        return image.parameters.preferred_base

    def _clash(self, image: Image, base: int, other: str) -> bool:
        page, first = self._system.page_size, self._bases[other]
        return base < first + self._images[other].pages * page and first < base + image.pages * page


def load(owner: ProcessState, image: Image) -> Module:
    """Map an image into a process, at its base if that is free; raises Failure ERROR_NOT_ENOUGH_MEMORY,
    ERROR_NO_SYSTEM_RESOURCES, ERROR_PAGED_SYSTEM_RESOURCES or ERROR_COMMITMENT_LIMIT."""
    system = owner.system
    opened = FileObject(system, system.files[image.name], owner)
    try:
        section = image.section(owner, opened)
    finally:
        opened.dereference()
    try:
        size = image.pages * system.page_size
        base = mapping.map_part(owner, section, c.PAGE_EXECUTE_WRITECOPY, 0, size, 0)
    finally:
        section.dereference()
    return Module(image, base, base != image.base)


def unload(owner: ProcessState, module: Module) -> None:
    """Unmap a module and forget it."""
    owner.modules = {name: other for name, other in owner.modules.items() if other is not module}
    mapping.unmap_view_of_file(owner, module.base)


def free(owner: ProcessState, base: int) -> bool:
    """One use less of a module, unmapped with the last [FreeLibrary]; raises Failure ERROR_MOD_NOT_FOUND if none is at
    that base."""
    module = next((module for module in owner.modules.values() if module.base == base), None)
    if module is None:
        raise Failure(c.ERROR_MOD_NOT_FOUND)
    module.uses -= 1
    if module.uses == 0:
        unload(owner, module)
    return True
