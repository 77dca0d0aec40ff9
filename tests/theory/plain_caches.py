"""Replacement policies published for caches that see every hit, in plain Python, each from its paper, without a look at
the simulator."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque

from tests.theory.plain_cache import Cache, Queue


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
