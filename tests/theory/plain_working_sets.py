"""Working-set policies as their papers describe them, in plain Python, written without a look at the simulator.

One process makes one reference per unit of time, of its own and of the clock's. A policy sees a `Memory` at each fault
before room is made (`fault`), and says which page goes when there is no room (`replace`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Request = tuple[int, bool]


@dataclass
class Page:
    """What hardware and policy know about a resident page."""

    number: int
    entered: int
    used: bool = False
    dirty: bool = False
    seen: int | None = None
    """when it was last found used"""
    register: int = 0
    mark: int = -1
    queue: int = 0


@dataclass
class Memory:
    """The resident pages, in the order in which the policy has them."""

    pages: list[Page] = field(default_factory=list)

    def find(self, number: int) -> Page | None:
        """A resident page."""
        return next((page for page in self.pages if page.number == number), None)

    def back(self, page: Page) -> None:
        """Put a page behind all others."""
        self.pages.remove(page)
        self.pages.append(page)


class Plain:
    """A policy that never takes anything by itself, and the oldest page when it must."""

    def entered(self, page: Page, now: int) -> None:
        """A page has come in."""

    def fault(self, memory: Memory, now: int) -> list[Page]:
        """Pages that leave at a fault."""
        return []

    def replace(self, memory: Memory, now: int) -> Page:
        """The page that makes room."""
        return memory.pages[0]


def simulate(policy: Plain, requests: Iterable[Request], room: int) -> tuple[int, int, list[set[int]]]:
    """Faults, dirty pages replaced, and the resident pages before each reference and after the last."""
    memory, held = Memory(), []
    faults = evictions = entries = 0
    for now, (number, stored) in enumerate(requests):
        held.append({page.number for page in memory.pages})
        page = memory.find(number)
        if page is None:
            faults += 1
            for gone in policy.fault(memory, now):
                memory.pages.remove(gone)
            if len(memory.pages) == room:
                victim = policy.replace(memory, now)
                evictions += victim.dirty
                memory.pages.remove(victim)
            page = Page(number, entries)
            entries += 1
            memory.pages.append(page)
            policy.entered(page, now)
        page.used = True
        page.dirty |= stored
    held.append({page.number for page in memory.pages})
    return faults, evictions, held


class Clock(Plain):
    """Corbato (1968): used pages get a second chance."""

    def replace(self, memory: Memory, now: int) -> Page:
        """The first that wasn't used since the hand's last visit."""
        while memory.pages[0].used:
            memory.pages[0].used = False
            memory.back(memory.pages[0])
        return memory.pages[0]


class Mach(Plain):
    """Draves (1991): two queues; inactive pages have their bits cleared, and go unless they are used again."""

    def __init__(self, share: float) -> None:
        self.share = share

    def replace(self, memory: Memory, now: int) -> Page:
        """The oldest inactive page not used while inactive. Queue 0 is active, 1 inactive."""
        while True:
            inactive = [page for page in memory.pages if page.queue == 1]
            active = [page for page in memory.pages if page.queue == 0]
            wanted = max(1, int(self.share * len(memory.pages))) - len(inactive)
            for page in active[: max(0, wanted)]:
                page.queue, page.used = 1, False
                memory.back(page)
                inactive.append(page)
            if not inactive[0].used:
                return inactive[0]
            inactive[0].queue = 0
            memory.back(inactive[0])


class Random(Plain):
    """A page at random: splitmix64 of a seed and a counter picks a place; the last page fills a gap."""

    def __init__(self, seed: int) -> None:
        self.seed, self.draws, self.places = seed, 0, list[int]()

    def replace(self, memory: Memory, now: int) -> Page:
        """Pages that came in since the last time are behind the others, in order."""
        self.places += [page.number for page in memory.pages if page.number not in self.places]
        self.draws += 1
        z = (self.seed + self.draws * 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        place = ((z ^ (z >> 31)) >> 1) % len(self.places)
        number = self.places[place]
        self.places[place] = self.places[-1]
        self.places.pop()
        found = memory.find(number)
        assert found is not None
        return found


class Nru(Plain):
    """Tanenbaum: the lowest class by (used, dirty); a tick clears the used bits. A page stands in the queue of the
    class in which it was last found."""

    def __init__(self, period: int) -> None:
        self.period, self.tick = period, 0

    def replace(self, memory: Memory, now: int) -> Page:
        """The head of the lowest queue, once what has risen is moved."""
        if now // self.period != self.tick:
            self.tick = now // self.period
            for queue in range(4):
                for page in [p for p in memory.pages if p.queue == queue]:
                    page.used = False
                    self._file(memory, page)
        for queue in range(4):
            for page in [p for p in memory.pages if p.queue == queue]:
                if 2 * page.used + page.dirty == queue:
                    return page
                self._file(memory, page)
        raise AssertionError("a page is in one of four classes")

    def _file(self, memory: Memory, page: Page) -> None:
        if page.queue != 2 * page.used + page.dirty:
            page.queue = 2 * page.used + page.dirty
            memory.back(page)


class Aging(Plain):
    """Tanenbaum: registers of used bits. A page used since the last tick comes after all that weren't; of several, the
    first that was found so is the first."""

    def __init__(self, bits: int, period: int) -> None:
        self.bits, self.period, self.tick = bits, period, 0

    def entered(self, page: Page, now: int) -> None:
        """A page that comes in is behind those found used so far."""
        page.mark = self.tick

    def replace(self, memory: Memory, now: int) -> Page:
        """The lowest register."""
        if now // self.period != self.tick:
            self.tick = now // self.period
            for page in memory.pages:
                page.register = (page.used * 2**self.bits + page.register) // 2
                page.used = False
            memory.pages.sort(key=lambda page: (page.register, page.entered))
        while memory.pages[0].used and memory.pages[0].mark != self.tick:
            memory.pages[0].mark = self.tick
            memory.back(memory.pages[0])
        return memory.pages[0]


class WsClock(Plain):
    """Carr and Hennessy (1981). Queue 0 is the circle, queue 1 the pages that wait to be cleaned."""

    def __init__(self, tau: int) -> None:
        self.tau = tau

    def replace(self, memory: Memory, now: int) -> Page:
        """A clean page outside of its window; else one to be cleaned; else the clock's."""
        if any(self._outside(page, now) for page in memory.pages if page.queue == 0):
            for page in [page for page in memory.pages if page.queue == 0]:
                if not page.used and self._outside(page, now):
                    if not page.dirty:
                        return page
                    page.queue = 1
                self._visit(memory, page, now)
        for page in [page for page in memory.pages if page.queue == 1]:
            if not page.used:
                return page
            page.queue = 0
            self._visit(memory, page, now)
        while memory.pages[0].used:
            self._visit(memory, memory.pages[0], now)
        return memory.pages[0]

    def _outside(self, page: Page, now: int) -> bool:
        return page.seen is not None and now - page.seen > self.tau

    def _visit(self, memory: Memory, page: Page, now: int) -> None:
        if page.used:
            page.used, page.seen = False, now
        memory.back(page)


class Pff(Clock):
    """Chu and Opderbeck (1972)."""

    def __init__(self, interval: int) -> None:
        self.interval, self.last = interval, 0

    def fault(self, memory: Memory, now: int) -> list[Page]:
        """After a long interval, what wasn't used in it."""
        gone = [page for page in memory.pages if not page.used] if now - self.last >= self.interval else []
        self.last = now
        for page in memory.pages:
            page.used = False
        return gone


class Vsws(Clock):
    """Ferrari and Yih (1983), with samples at faults only."""

    def __init__(self, least: int, most: int, faults: int) -> None:
        self.least, self.most, self.faults = least, most, faults
        self.last = self.count = 0

    def fault(self, memory: Memory, now: int) -> list[Page]:
        """What wasn't used since the last sample, if one is due."""
        self.count += 1
        passed = now - self.last
        if passed < self.least or (passed < self.most and self.count < self.faults):
            return []
        self.last, self.count = now, 0
        gone = [page for page in memory.pages if not page.used]
        for page in memory.pages:
            page.used = False
        return gone


class Damped(Plain):
    """Smith (1976), with uses found at faults."""

    def __init__(self, window: int, damping: float, resolution: int) -> None:
        self.window, self.damped, self.resolution, self.turn = window, int(damping * window), resolution, 0

    def fault(self, memory: Memory, now: int) -> list[Page]:
        """What is older than the window, and then the oldest page if it is old enough."""
        if now // self.resolution != self.turn:
            self.turn = now // self.resolution
            for page in sorted((page for page in memory.pages if page.used), key=lambda page: page.number):
                self._note(memory, page, now)
        gone: list[Page] = []
        while len(gone) < len(memory.pages):
            page = self._oldest(memory, now, len(gone))
            age = 0 if page.seen is None else now - page.seen
            if age <= self.damped:
                break
            gone.append(page)
            if age <= self.window:
                break
        return gone

    def replace(self, memory: Memory, now: int) -> Page:
        """The oldest."""
        return self._oldest(memory, now, 0)

    def _oldest(self, memory: Memory, now: int, skipped: int) -> Page:
        while memory.pages[skipped].used:
            self._note(memory, memory.pages[skipped], now)
        return memory.pages[skipped]

    def _note(self, memory: Memory, page: Page, now: int) -> None:
        page.used, page.seen = False, now
        memory.back(page)
