"""Operations at random, chosen so that calls often succeed and often just fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulator.windows import constants as w
from tests.windows.plain.records import PAGE, UNIT, Op
from tests.windows.plain.system import FILE_PAGES, FIRST, PAGES, Plain

Choose = Callable[[Sequence[Any]], Any]
"""Gives one item of a sequence."""

PROTECTIONS = (
    w.PAGE_READWRITE, w.PAGE_READWRITE, w.PAGE_READWRITE, w.PAGE_READONLY, w.PAGE_NOACCESS, w.PAGE_EXECUTE_READ,
    w.PAGE_READWRITE | w.PAGE_GUARD, w.PAGE_EXECUTE_READWRITE, w.PAGE_WRITECOPY, 0,
)  # fmt: skip
KINDS = (
    "virtual_alloc", "virtual_alloc", "virtual_alloc", "virtual_free", "virtual_protect", "touch", "touch", "touch",
    "touch", "touch", "touch", "virtual_lock", "virtual_unlock", "offer_virtual_memory", "reclaim_virtual_memory",
    "discard_virtual_memory", "empty_working_set", "create_section", "create_section", "map_view", "map_view",
    "map_view", "unmap_view_of_file", "close_handle",
    "create_event", "set_event", "wait", "pool_allocate", "pool_free",
    "hold", "hold", "split", "split", "join", "replace", "replace", "replace", "map_placeholder", "map_placeholder",
    "unmap_preserve",
)  # fmt: skip


BOTH = w.MEM_RESERVE | w.MEM_COMMIT
OFTEN = (True, True, True, True, False)


class Generator:
    """Chooses one operation of one process."""

    def __init__(self, choose: Choose, plain: Plain) -> None:
        """An operation that may follow on the plain model's present state."""
        self.choose = choose
        self.plain = plain
        self.who = choose(range(len(plain.spaces)))
        self.pages = plain.spaces[self.who].pages

    def make(self) -> Op:
        """The operation."""
        kind = self.choose(KINDS)
        if len(self.pages) < 8 and self.choose(OFTEN):
            kind = self.choose(("virtual_alloc", "virtual_alloc", "create_section", "map_view"))
        special = getattr(self, f"_{kind}", None)
        name, arguments = special() if special else (kind, self._span())
        return Op(self.who, name, arguments)

    def _page(self, plain_only: bool = False) -> int:
        """The number of a page: one that is allocated, or any of the window."""
        known = [n for n, p in sorted(self.pages.items()) if not plain_only or (p.private and p.committed)]
        locked = [number for number in known if self.pages[number].locked]
        if locked and self.choose((True, False, False)):
            return int(self.choose(locked))
        return int(self.choose(known if known and self.choose(OFTEN) else range(FIRST, FIRST + PAGES)))

    def _base(self) -> int:
        """The number of a unit's first page, a free one if there is one."""
        units = range(FIRST, FIRST + PAGES, UNIT)
        free = [unit for unit in units if unit not in self.pages]
        return int(self.choose(free if free and self.choose(OFTEN) else units))

    def _span(self, plain_only: bool = False) -> tuple[int, int]:
        """An address and a size: whole pages, or a range that only touches them."""
        first = self._page(plain_only)
        page = self.pages.get(first)
        size = self.choose((1, 2, 3, 4, 6))
        if page:
            end = page.allocation.base + page.allocation.pages
            if self.choose((True, False)):
                first = page.allocation.base
            size = min(size, end - first) if self.choose(OFTEN) else end - first
        shift = self.choose((0, 0, 0, 0, 1, PAGE - 1))
        return first * PAGE + shift, max(1, size * PAGE - shift - self.choose((0, 0, 0, 1)))

    def _touch(self) -> tuple[str, Any]:
        known = [number for number, page in sorted(self.pages.items()) if page.is_committed()]
        views = [number for number in known if not self.pages[number].private]
        known = views if views and self.choose((True, False)) else known
        number = self.choose(known) if known and self.choose(OFTEN) else self._page()
        return self.choose(("read", "write", "write", "execute")), (number * PAGE + 8,)

    def _empty_working_set(self) -> tuple[str, Any]:
        return "empty_working_set", ()

    def _create_section(self) -> tuple[str, Any]:
        backing = self.choose(("paging", "paging", "reserve", "file", "file"))
        name = None if backing == "file" else self.choose((None, "x", "y"))
        protect = self.choose((w.PAGE_READWRITE, w.PAGE_READWRITE, w.PAGE_READONLY, w.PAGE_WRITECOPY))
        pages = FILE_PAGES if backing == "file" else self.choose((1, 3, 8, 20))
        return "create_section", (pages, protect, name, backing)

    def _handle(self) -> int:
        known, rarely = sorted(self.plain.handles[self.who]), self.choose(range(12)) == 0
        return int(self.plain.made + 7 if rarely or not known else self.choose(known))

    def _close_handle(self) -> tuple[str, Any]:
        return "close_handle", (self._handle(),)

    def _create_event(self) -> tuple[str, Any]:
        return "create_event", (self.choose((None, "x", "y")),)

    def _set_event(self) -> tuple[str, Any]:
        return "set_event", (self._handle(), self.choose((True, True, False)))

    def _wait(self) -> tuple[str, Any]:
        return "wait", (self._handle(),)

    def _pool_allocate(self) -> tuple[str, Any]:
        return "pool_allocate", (
            self.choose((w.PAGED_POOL, w.NON_PAGED_POOL)),
            self.choose((8, 100, 3000, 5000, 20_000)),
        )

    def _pool_free(self) -> tuple[str, Any]:
        mine = self.plain.pool[self.who]
        return "pool_free", (self.choose(mine) if mine and self.choose(OFTEN) else self.plain.taken + 7,)

    def _map_view(self) -> tuple[str, Any]:
        if not self.plain.handles[self.who] and self.choose(OFTEN):
            return self._create_section()
        reads = (w.FILE_MAP_READ, w.FILE_MAP_READ | w.FILE_MAP_COPY)
        access = self.choose((w.FILE_MAP_WRITE, w.FILE_MAP_COPY, *reads))
        return "map_view", (self._handle(), access, self._base() * PAGE, self.choose((0, 0, 1, 3)))

    def _unmap_view_of_file(self) -> tuple[str, Any]:
        bases = sorted({page.allocation.base for page in self.pages.values() if not page.private})
        number = self.choose(bases) if bases and self.choose(OFTEN) else self._page()
        return "unmap_view_of_file", (number * PAGE,)

    def _placed(self, of: str) -> list[tuple[int, int]]:
        """(first page, pages) of allocations that are a placeholder, or have replaced one."""
        known = {id(page.allocation): page.allocation for _, page in sorted(self.pages.items())}
        return [(one.base, one.pages) for one in known.values() if getattr(one, of)]

    def _place(self, of: str = "placeholder") -> tuple[int, int]:
        """One of them, mostly, or a place at random."""
        found = self._placed(of)
        if not found or not self.choose(OFTEN):
            return self._page(), self.choose((1, 4, 16))
        first, pages = self.choose(found)
        return first, pages

    def _hold(self) -> tuple[str, Any]:
        return "hold", (self._base() * PAGE, self.choose((1, 8, 16, 20, 32)) * PAGE)

    def _replace(self) -> tuple[str, Any]:
        if not self._placed("placeholder") and self.choose(OFTEN):
            return self._hold()
        first, pages = self._place()
        protect = self.choose((*PROTECTIONS, w.PAGE_READWRITE, w.PAGE_READWRITE, w.PAGE_READWRITE))
        return "replace", (first * PAGE, pages * PAGE, self.choose((BOTH, BOTH, w.MEM_RESERVE)), protect)

    def _split(self) -> tuple[str, Any]:
        if not self._placed("placeholder") and self.choose(OFTEN):
            return self._hold()
        first, pages = self._place(self.choose(("placeholder", "placeholder", "replaced")))
        at = self.choose((0, 0, 1, 4, pages // 2))
        size = self.choose((pages, pages - at, pages // 2, 1, 4))
        return "split", ((first + at) * PAGE, max(size, 0) * PAGE)

    def _join(self) -> tuple[str, Any]:
        lengths = dict(self._placed("placeholder"))
        pairs = [
            (first, pages + lengths[first + pages]) for first, pages in lengths.items() if first + pages in lengths
        ]
        if not pairs and self.choose(OFTEN):
            return self._split()
        first, pages = self.choose(pairs) if pairs else self._place()
        return "join", (first * PAGE, (pages + self.choose((0, 0, 0, 1))) * PAGE)

    def _map_placeholder(self) -> tuple[str, Any]:
        if not self._placed("placeholder") and self.choose(OFTEN):
            return self._hold()
        if not self.plain.handles[self.who] and self.choose(OFTEN):
            return self._create_section()
        first, pages = self._place()
        protect = self.choose((w.PAGE_READWRITE, w.PAGE_READONLY, w.PAGE_WRITECOPY))
        return "map_placeholder", (self._handle(), protect, first * PAGE, pages)

    def _unmap_preserve(self) -> tuple[str, Any]:
        views = [number for number, page in sorted(self.pages.items()) if page.allocation.replaced and not page.private]
        if not views and self.choose(OFTEN):
            return self._map_placeholder()
        return "unmap_preserve", ((self.choose(views) if views else self._page()) * PAGE,)

    def _virtual_alloc(self) -> tuple[str, Any]:
        protect = self.choose(PROTECTIONS)
        if self.choose((True, False)):
            size = self.choose((1, 3, 8, 16, 20)) * PAGE
            kind = self.choose((BOTH, BOTH, w.MEM_RESERVE))
            return "virtual_alloc", (self._base() * PAGE, size, kind, protect)
        address, size = self._span()
        kind = self.choose((BOTH, w.MEM_COMMIT, w.MEM_COMMIT, w.MEM_COMMIT, w.MEM_RESET, w.MEM_RESET | w.MEM_COMMIT, 0))
        return "virtual_alloc", (address, self.choose((size, size, size, 0)), kind, protect)

    def _virtual_free(self) -> tuple[str, Any]:
        how = self.choose(
            (w.MEM_DECOMMIT, w.MEM_DECOMMIT, w.MEM_RELEASE, w.MEM_RELEASE, w.MEM_DECOMMIT | w.MEM_RELEASE)
        )
        address, size = self._span()
        page = self.pages.get(address // PAGE)
        if page and how & w.MEM_RELEASE and self.choose(OFTEN):
            address = page.allocation.base * PAGE
        size = self.choose((0, 0, size)) if how & w.MEM_RELEASE else self.choose((size, size, size, size + PAGE, 0))
        return "virtual_free", (address, size, how)

    def _virtual_protect(self) -> tuple[str, Any]:
        return "virtual_protect", (*self._span(), self.choose(PROTECTIONS))

    def _whole(self) -> tuple[int, int]:
        """An address and a size, mostly of whole pages of private memory; often a locked page."""
        locked = [number for number, page in sorted(self.pages.items()) if page.locked and page.private]
        if locked and self.choose((True, False)):
            return self.choose(locked) * PAGE, PAGE
        address, size = self._span(plain_only=True)
        return (address // PAGE * PAGE, -(-size // PAGE) * PAGE) if self.choose(OFTEN) else (address, size)

    def _offer_virtual_memory(self) -> tuple[str, Any]:
        return "offer_virtual_memory", (*self._whole(), 1)

    def _discard_virtual_memory(self) -> tuple[str, Any]:
        return "discard_virtual_memory", self._whole()

    def _reclaim_virtual_memory(self) -> tuple[str, Any]:
        known = [number for number, page in sorted(self.pages.items()) if page.offered]
        return "reclaim_virtual_memory", ((self.choose(known) * PAGE, PAGE) if known else self._whole())


def generate(choose: Choose, plain: Plain) -> Op:
    """An operation that may follow on the plain model's present state."""
    return Generator(choose, plain).make()
