"""Replacement policies that see accessed bits, in plain Python, each from its paper or system, without a look at the
simulator. The fault's own reference, and what follows it up to the next fault, are not counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tests.theory.plain_cache import Cache, Queue


class WithBits(Cache):
    """Sees accessed bits, but not that of the page that came in last."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.used: set[int] = set()
        self.newest = -1

    def hit(self, page: int) -> None:
        if page != self.newest:
            self.used.add(page)

    def _test_and_clear(self, page: int) -> bool:
        used = page in self.used
        self.used.discard(page)
        return used


class Car(WithBits):
    """Bansal and Modha (2004), figure 2."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.t1, self.t2, self.b1, self.b2 = deque[int](), deque[int](), Queue(), Queue()
        self.p = 0.0

    def victim(self, page: int) -> int:
        while True:
            clock, ghosts = (self.t1, self.b1) if len(self.t1) >= max(1, self.p) else (self.t2, self.b2)
            head = clock.popleft()
            if not self._test_and_clear(head):
                break
            self.t2.append(head)
        ghosts[head] = None
        if page not in self.b1 and page not in self.b2:
            if len(self.t1) + len(self.b1) == self.frames:
                self.b1.popitem(last=False)
            elif sum(map(len, (self.t1, self.t2, self.b1, self.b2))) == 2 * self.frames:
                self.b2.popitem(last=False)
        return head

    def insert(self, page: int) -> None:
        self.newest = page
        if page in self.b1:
            self.p = min(self.p + max(1.0, len(self.b2) / len(self.b1)), self.frames)
            del self.b1[page]
            self.t2.append(page)
        elif page in self.b2:
            self.p = max(self.p - max(1.0, len(self.b1) / len(self.b2)), 0.0)
            del self.b2[page]
            self.t2.append(page)
        else:
            self.t1.append(page)


class ClockPro(WithBits):
    """Jiang, Chen, Zhang (2005), section 4.3: one circle, clockwise in the order of the list; three hands."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.circle: list[int] = []
        self.hands: dict[str, int] = {}
        self.hot, self.cold, self.ghosts, self.testing = set[int](), set[int](), set[int](), set[int]()
        self.target = max(1, min(frames - 1, frames // 2))
        self.full = False

    def _next(self, page: int) -> int:
        return self.circle[(self.circle.index(page) + 1) % len(self.circle)]

    def _remove(self, page: int) -> None:
        following = self._next(page)
        for name in [name for name, at in self.hands.items() if at == page]:
            if following == page:
                del self.hands[name]
            else:
                self.hands[name] = following
        self.circle.remove(page)

    def _add_at_list_head(self, page: int) -> None:
        if page in self.circle:
            self._remove(page)
        if not self.circle:
            self.hands["hot"] = page
        self.circle.insert(self.circle.index(self.hands["hot"]) if self.circle else 0, page)

    def _end_test(self, page: int) -> None:
        self.testing.remove(page)
        self.target = max(1, self.target - 1)
        if page in self.ghosts:
            self.ghosts.remove(page)
            self._remove(page)

    def _run_hot(self) -> None:
        demoted = False
        while self.hot:
            page = self.hands["hot"]
            if page in self.hot and demoted:
                return
            self.hands["hot"] = self._next(page)
            if page in self.hot:
                if not self._test_and_clear(page):
                    self.hot.remove(page)
                    self.cold.add(page)
                    demoted = True
            elif page in self.testing:
                self._end_test(page)

    def _run_test(self) -> None:
        while True:
            page = self.hands.get("test", self.hands["hot"])
            self.hands["test"] = self._next(page)
            if page in self.testing:
                self._end_test(page)
                return

    def _promote(self, page: int) -> None:
        self.target = min(max(1, self.frames - 1), self.target + 1)
        self.hot.add(page)
        self.testing.discard(page)
        self._add_at_list_head(page)
        if len(self.hot) > self.frames - self.target:
            self._run_hot()

    def victim(self, page: int) -> int:
        self.full = True
        while True:
            if not self.cold:
                self._run_hot()
            at = self.hands.get("cold", self.hands["hot"])
            self.hands["cold"] = self._next(at)
            if at not in self.cold:
                continue
            if not self._test_and_clear(at):
                break
            if at in self.testing:
                self.cold.remove(at)
                self._promote(at)
            else:
                self.testing.add(at)
                self._add_at_list_head(at)
        self.cold.remove(at)
        if at in self.testing:
            self.ghosts.add(at)
            while len(self.ghosts) > self.frames:
                self._run_test()
        else:
            self._remove(at)
        return at

    def insert(self, page: int) -> None:
        self.newest = page
        if page in self.ghosts:
            self.ghosts.remove(page)
            self._promote(page)
            return
        if not self.full and len(self.hot) < self.frames - self.target:
            self.hot.add(page)
        else:
            self.cold.add(page)
            self.testing.add(page)
        self._add_at_list_head(page)


class LinuxActiveInactive(Cache):
    """mm/vmscan.c and mm/workingset.c, below 1 GiB; here the fault's own reference does set the bit."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.inactive, self.active = deque[int](), deque[int]()
        self.used, self.referenced = set[int](), set[int]()
        self.shadows: dict[int, int] = {}
        self.age = 0

    def hit(self, page: int) -> None:
        self.used.add(page)

    def victim(self, page: int) -> int:
        while True:
            if len(self.inactive) < len(self.active):
                for _ in range(min(32, len(self.active))):
                    self.used.discard(self.active[0])
                    self.inactive.append(self.active.popleft())
            oldest = self.inactive.popleft()
            if oldest not in self.used:
                self.shadows[oldest] = self.age
                self.age += 1
                self.referenced.discard(oldest)
                return oldest
            self.used.remove(oldest)
            if oldest in self.referenced:
                self.referenced.remove(oldest)
                self.active.append(oldest)
                self.age += 1
            else:
                self.referenced.add(oldest)
                self.inactive.append(oldest)

    def insert(self, page: int) -> None:
        self.used.add(page)
        if page in self.shadows and self.age - self.shadows.pop(page) <= len(self.active):
            self.active.append(page)
            self.age += 1
        else:
            self.inactive.append(page)


class Mglru(Cache):
    """Documentation/mm/multigen_lru.rst: generations by number, the oldest reclaimed, look-around of 64 pages."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.generations: dict[int, list[int]] = {0: [], 1: [], 2: []}
        self.order: list[int] = []
        self.used = set[int]()

    def hit(self, page: int) -> None:
        self.used.add(page)

    def _rejuvenate(self, pages: Iterable[int]) -> None:
        for page in [page for page in pages if page in self.used]:
            self.used.remove(page)
            next(pages for pages in self.generations.values() if page in pages).remove(page)
            self.generations[max(self.generations)].append(page)

    def victim(self, page: int) -> int:
        while True:
            oldest, youngest = min(self.generations), max(self.generations)
            if youngest - oldest < 2:
                self._rejuvenate(self.order)
                self.generations[youngest + 1] = []
            elif not self.generations[oldest]:
                del self.generations[oldest]
            elif (first := self.generations[oldest][0]) in self.used:
                around = [other for other in self.order if other // 64 == first // 64]
                below = sorted((other for other in around if other < first), reverse=True)
                self._rejuvenate([first, *below, *sorted(other for other in around if other > first)])
            else:
                self.order.remove(first)
                return self.generations[oldest].pop(0)

    def insert(self, page: int) -> None:
        self.used.add(page)
        self.order.append(page)
        self.generations[max(self.generations)].append(page)
