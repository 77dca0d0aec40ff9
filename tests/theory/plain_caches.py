"""Replacement policies published for caches, in plain Python, each from its paper, without a look at the simulator.

A cache is told of hits, asked for a victim when it is full, and told what came in. `count` drives one. Those that see
accessed bits only have the fault's own reference, and what follows it up to the next fault, not counted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from typing import Any

Request = tuple[int, bool]
Queue = OrderedDict[int, None]


class Cache(ABC):
    """A cache of so many pages."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    @abstractmethod
    def hit(self, page: int) -> None:
        """A page is used that is there."""

    @abstractmethod
    def victim(self, page: int) -> int:
        """The page that goes, so that `page` may come in; it is forgotten, or remembered as a ghost."""

    @abstractmethod
    def insert(self, page: int) -> None:
        """A page comes in, and is used."""


def count(cache: Cache, requests: Iterable[Request]) -> tuple[int, int]:
    """Misses, and evictions of pages that were stored to since they came in."""
    dirty: dict[int, bool] = {}
    misses = evictions = 0
    for page, stored in requests:
        if page in dirty:
            cache.hit(page)
        else:
            misses += 1
            if len(dirty) == cache.frames:
                evictions += dirty.pop(cache.victim(page))
            cache.insert(page)
            dirty[page] = False
        dirty[page] |= stored
    return misses, evictions


class Sieve(Cache):
    """Zhang et al. (2024), algorithm 1; the newest is at the end."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.pages: list[int] = []
        self.visited: dict[int, bool] = {}
        self.hand = 0

    def hit(self, page: int) -> None:
        self.visited[page] = True

    def victim(self, page: int) -> int:
        while self.visited[self.pages[self.hand]]:
            self.visited[self.pages[self.hand]] = False
            self.hand = (self.hand + 1) % len(self.pages)
        victim = self.pages.pop(self.hand)
        if self.hand == len(self.pages):
            self.hand = 0
        return victim

    def insert(self, page: int) -> None:
        self.pages.append(page)
        self.visited[page] = False


class S3Fifo(Cache):
    """Yang et al. (2023), algorithm 1, and pages into the main queue while the small one is full at the start."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.small, self.main, self.ghosts = deque[int](), deque[int](), deque[int]()
        self.uses = Counter[int]()
        self.was_ghost = self.full = False

    def hit(self, page: int) -> None:
        self.uses[page] = min(3, self.uses[page] + 1)

    def victim(self, page: int) -> int:
        self.full = True
        self.was_ghost = page in self.ghosts
        if self.was_ghost:
            self.ghosts.remove(page)
        limit = int(0.1 * self.frames)
        small_first = len(self.main) <= self.frames - limit
        while small_first and self.small:
            oldest = self.small.popleft()
            if self.uses[oldest] < 2:
                self.ghosts.append(oldest)
                if len(self.ghosts) > int(0.9 * self.frames):
                    self.ghosts.popleft()
                return oldest
            self.uses[oldest] = 0
            self.main.append(oldest)
        while self.uses[self.main[0]]:
            self.uses[self.main[0]] -= 1
            self.main.rotate(-1)
        return self.main.popleft()

    def insert(self, page: int) -> None:
        overflows = not self.full and len(self.small) >= int(0.1 * self.frames)
        (self.main if self.was_ghost or overflows else self.small).append(page)
        self.uses[page] = 0
        self.was_ghost = False


class Arc(Cache):
    """Megiddo and Modha (2003), figure 4, with its cases."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.t1, self.t2, self.b1, self.b2 = Queue(), Queue(), Queue(), Queue()
        self.p = 0.0
        self.again = False

    def hit(self, page: int) -> None:  # case I
        self.t1.pop(page, None)
        self.t2[page] = None
        self.t2.move_to_end(page)

    def _replace(self, page: int) -> int:
        size = len(self.t1)
        if self.t1 and (not self.t2 or size > self.p or (page in self.b2 and size == self.p)):
            victim, ghosts = self.t1.popitem(last=False)[0], self.b1
        else:
            victim, ghosts = self.t2.popitem(last=False)[0], self.b2
        ghosts[victim] = None
        return victim

    def victim(self, page: int) -> int:
        if page in self.b1:  # case II
            self.p = min(self.frames, self.p + max(1.0, len(self.b2) / len(self.b1)))
            victim = self._replace(page)
            del self.b1[page]
            self.again = True
        elif page in self.b2:  # case III
            self.p = max(0.0, self.p - max(1.0, len(self.b1) / len(self.b2)))
            victim = self._replace(page)
            del self.b2[page]
            self.again = True
        elif len(self.t1) == self.frames:  # case IV A, no ghosts in B1
            victim = self.t1.popitem(last=False)[0]
        elif len(self.t1) + len(self.b1) == self.frames:  # case IV A
            self.b1.popitem(last=False)
            victim = self._replace(page)
        else:  # case IV B
            if sum(map(len, (self.t1, self.t2, self.b1, self.b2))) == 2 * self.frames:
                self.b2.popitem(last=False)
            victim = self._replace(page)
        return victim

    def insert(self, page: int) -> None:
        (self.t2 if self.again else self.t1)[page] = None
        self.again = False


class TwoQ(Cache):
    """Johnson and Shasha (1994), section 2.2: "reclaimfor" comes before the ghost is forgotten, or after."""

    def __init__(self, frames: int, forgets_first: bool = False) -> None:
        super().__init__(frames)
        self.a1in, self.a1out, self.am = deque[int](), deque[int](), Queue()
        self.forgets_first = forgets_first
        self.was_ghost = False

    def hit(self, page: int) -> None:
        if page in self.am:
            self.am.move_to_end(page)

    def victim(self, page: int) -> int:
        self.was_ghost = page in self.a1out
        if self.was_ghost and self.forgets_first:
            self.a1out.remove(page)
        if len(self.a1in) <= int(0.25 * self.frames):
            return self.am.popitem(last=False)[0]
        victim = self.a1in.popleft()
        self.a1out.append(victim)
        if len(self.a1out) > int(0.5 * self.frames):
            self.a1out.popleft()
        return victim

    def insert(self, page: int) -> None:
        if not self.was_ghost:
            self.a1in.append(page)
            return
        if page in self.a1out:
            self.a1out.remove(page)
        self.am[page] = None
        self.was_ghost = False


class Lirs(Cache):
    """Jiang and Zhang (2002), section 3.3; S from bottom to top, with ghosts and without limit."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        high = max(2, int(0.01 * frames))
        self.room = max(frames - high, frames // 2)
        self.stack, self.resident = Queue(), Queue()
        self.low: set[int] = set()
        self.before = -1

    def _use(self, page: int) -> None:
        known = page in self.stack
        self.resident.pop(page, None)
        self.stack[page] = None
        self.stack.move_to_end(page)
        self._prune()
        if page not in self.low:
            if known:
                self.low.add(page)
                if len(self.low) > self.room:
                    bottom = self.stack.popitem(last=False)[0]
                    self.low.remove(bottom)
                    self.resident[bottom] = None
            else:
                self.resident[page] = None
        self._prune()
        self.before = page

    def _prune(self) -> None:
        while self.stack and next(iter(self.stack)) not in self.low:
            if not self.low:
                self.stack.clear()
                return
            self.stack.popitem(last=False)

    def hit(self, page: int) -> None:
        if page != self.before:
            self._use(page)

    def victim(self, page: int) -> int:
        return self.resident.popitem(last=False)[0]

    def insert(self, page: int) -> None:
        if len(self.low) < self.room:
            self.low.add(page)
        self._use(page)


class Mru(Cache):
    """The page used last."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.pages: list[int] = []

    def hit(self, page: int) -> None:
        self.pages.remove(page)
        self.pages.append(page)

    def victim(self, page: int) -> int:
        return self.pages.pop()

    def insert(self, page: int) -> None:
        self.pages.append(page)


class Lfu(Cache):
    """The page with the fewest uses since it came in, or ever; of several, the one used longest ago."""

    def __init__(self, frames: int, remember: bool = False) -> None:
        super().__init__(frames)
        self.remember = remember
        self.pages: dict[int, int] = {}
        self.uses = Counter[int]()
        self.now = 0

    def hit(self, page: int) -> None:
        self.now += 1
        self.pages[page] = self.now
        self.uses[page] += 1

    def victim(self, page: int) -> int:
        victim = min(self.pages, key=lambda other: (self.uses[other], self.pages[other]))
        del self.pages[victim]
        if not self.remember:
            del self.uses[victim]
        return victim

    insert = hit


class LruK(Cache):
    """O'Neil, O'Neil, Weikum (1993), figure 2.1, with K = 2."""

    def __init__(self, frames: int, correlated: int = 0, retained: int = 0) -> None:
        super().__init__(frames)
        self.correlated, self.retained = correlated, retained
        self.hist: dict[int, list[int]] = {}
        self.last: dict[int, int] = {}
        self.pages: set[int] = set()
        self.now = 0

    def hit(self, page: int) -> None:
        self.now += 1
        hist = self.hist[page]
        if self.now - self.last[page] > self.correlated:
            period = self.last[page] - hist[0]
            hist[1] = hist[0] + period
            hist[0] = self.now
        self.last[page] = self.now

    def victim(self, page: int) -> int:
        free = [other for other in self.pages if self.now + 1 - self.last[other] > self.correlated]
        victim = min(free or self.pages, key=lambda other: (self.hist[other][1], self.last[other]))
        self.pages.remove(victim)
        return victim

    def insert(self, page: int) -> None:
        self.now += 1
        if self.retained and page in self.last and self.now - self.last[page] > self.retained:
            del self.hist[page]
        self.hist[page] = [self.now, self.hist.get(page, [0])[0]]
        self.last[page] = self.now
        self.pages.add(page)


class Mq(Cache):
    """Zhou, Philbin, Li (2001), figure 5, with eight queues."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames)
        self.queues = [Queue() for _ in range(8)]
        self.history: OrderedDict[int, int] = OrderedDict()
        self.uses: dict[int, int] = {}
        self.expires: dict[int, int] = {}
        self.now = 0

    def hit(self, page: int) -> None:
        for queue in self.queues:
            queue.pop(page, None)
        self._use(page)

    def _use(self, page: int) -> None:
        self.uses[page] += 1
        self.queues[min(self.uses[page].bit_length() - 1, 7)][page] = None
        self.expires[page] = self.now + 8 * self.frames
        self.now += 1
        for lower, queue in zip(self.queues, self.queues[1:], strict=False):
            oldest = next(iter(queue), None)
            if oldest is not None and self.expires[oldest] < self.now:
                del queue[oldest]
                lower[oldest] = None
                self.expires[oldest] = self.now + 8 * self.frames

    def victim(self, page: int) -> int:
        victim = next(queue for queue in self.queues if queue).popitem(last=False)[0]
        self.history[victim] = self.uses.pop(victim)
        if len(self.history) > 4 * self.frames:
            self.history.popitem(last=False)
        return victim

    def insert(self, page: int) -> None:
        self.uses[page] = self.history.pop(page, 0)
        self._use(page)


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


def cache(policy: str, frames: int, **parameters: Any) -> Cache:
    """The cache that a policy's name stands for."""
    classes: dict[str, type[Cache]] = {
        "sieve": Sieve,
        "s3-fifo": S3Fifo,
        "arc": Arc,
        "2q": TwoQ,
        "lirs": Lirs,
        "mru": Mru,
        "lfu": Lfu,
        "lru-k": LruK,
        "mq": Mq,
        "car": Car,
        "clock-pro": ClockPro,
        "linux-active-inactive": LinuxActiveInactive,
        "mglru": Mglru,
    }
    return classes[policy](frames, **parameters)
