"""Images: loading DLLs, and letting them go."""

from __future__ import annotations

import numpy as np

from simulator.windows import constants as c
from simulator.windows import image
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.image import Module
from simulator.windows.requests import References


class ImageCalls(Calls):
    """LoadLibrary, FreeLibrary and GetModuleHandle, for the images of `machine.images`."""

    def load_library(self, name: str) -> Steps[int]:
        """The base at which an image is loaded, now or already: each call counts one use [LoadLibrary].

        It's loaded at its own base, and all processes share its pages. If something lies there it's loaded elsewhere
        and relocated at once, as the loader does (MODEL.md 6; ros: dll/ntdll/ldr/ldrpe.c): every page that holds
        fix-ups is stored to, and so becomes the process's own. Meanwhile the process's other threads wait if they want
        to load or free an image. 0 with last error ERROR_MOD_NOT_FOUND if there's no such image,
        ERROR_NOT_ENOUGH_MEMORY if there's no room, ERROR_SWAPERROR if a page can't be read, ERROR_NO_SYSTEM_RESOURCES
        to ERROR_PAGED_SYSTEM_RESOURCES, ERROR_COMMITMENT_LIMIT or ERROR_NOT_ENOUGH_QUOTA if pool or commit charge are
        lacking.
        """
        loader = self.own.loader
        yield from loader.acquire(self)
        try:
            module = self.own.modules.get(name.lower())
            if module is None:
                return (yield from self._load_first(name))
            module.uses += 1
            yield self.system.costs.system_call
            return int(module.base)
        finally:
            loader.release()

    def _load_first(self, name: str) -> Steps[int]:
        module = yield from self._call(self._load, name, failed=None)
        if module is None:
            return 0
        self.own.modules[name.lower()] = module
        if module.relocated and not (yield from self._relocate(module)):
            return 0
        return int(module.base)

    def _load(self, name: str) -> Module:
        return image.load(self.own, self.system.images[name])

    def free_library(self, base: int) -> Steps[bool]:
        """One use less of the image at a base; without uses it's unmapped [FreeLibrary]. False with last error
        ERROR_MOD_NOT_FOUND if no image was loaded there."""
        loader = self.own.loader
        yield from loader.acquire(self)
        try:
            return (yield from self._call(image.free, self.own, base, failed=False))
        finally:
            loader.release()

    def get_module_handle(self, name: str) -> Steps[int]:
        """The base of an image that the process has loaded [GetModuleHandle]; 0 with last error ERROR_MOD_NOT_FOUND if
        it hasn't. It counts no use, and asks nothing of the system."""
        module = self.own.modules.get(name.lower())
        if module is None:
            self.last_error = c.ERROR_MOD_NOT_FOUND
        yield 0
        return module.base if module else 0

    def _relocate(self, module: Module) -> Steps[bool]:
        """Change all addresses in a module: make its sections writable, store to each page that holds some, and
        protect them again. False if that can't be done: then it's no longer loaded."""
        space, page = self.own.space, self.system.page_size
        fixups = module.image.fixups()
        for run in module.image.runs:
            inside = fixups[np.searchsorted(fixups, run.first) : np.searchsorted(fixups, run.first + run.pages)]
            if not len(inside):
                continue
            start, size = module.base + run.first * page, run.pages * page
            executable = run.protection & (c.PAGE_EXECUTE_READ | c.PAGE_EXECUTE_WRITECOPY)
            writable = c.PAGE_EXECUTE_WRITECOPY if executable else c.PAGE_WRITECOPY
            try:
                space.protect(start, size, writable)
                self.system.pages.spent()
                entries = space.entries(start, size)[inside - run.first]
                once = np.ones(len(entries), np.uint8)
                yield References(entries, np.zeros(len(entries), np.uint16), once, once, start)
                space.protect(start, size, run.protection)
            except (Failure, WindowsException) as problem:
                self.last_error = problem.code if isinstance(problem, Failure) else c.ERROR_SWAPERROR
                image.unload(self.own, module)
                return False
        return True
