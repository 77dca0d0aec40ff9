"""The trimming policies that the reference machine knows: none, fifo, clock, windows (MODEL.md section 3)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable

from simulator.config import MemoryManager
from simulator.reference.entities import PTE, NotModelled, Process

Decision = tuple[list[PTE], int]
"""the pages to trim, in order, and how many entries were examined"""


class NonePolicy:
    """Takes nothing."""

    def __init__(self, requeue: Callable[[PTE], None]) -> None:
        self.requeue = requeue

    def replace(self, processes: list[Process]) -> PTE | None:
        """The page to take from one process, or of all when no frame can be had."""
        del processes
        return None

    def trim(self, processes: list[Process], goal: int, available: int) -> Decision:
        """The pages to take to have `goal` more; ages, accessed bits and order of entry are changed right away."""
        del processes, goal, available
        return [], 0

    def leaving(self, pte: PTE) -> None:
        """An entry is about to leave its working set."""


def by_entry(processes: Iterable[Process]) -> list[PTE]:
    """All entries of some processes that may be taken, oldest first."""
    entries = (pte for process in processes for pte in process.working_set if not pte.held)
    return sorted(entries, key=lambda pte: pte.entered)


class Fifo(NonePolicy):
    """The page that has been in longest."""

    def replace(self, processes: list[Process]) -> PTE | None:
        """The oldest entry."""
        return next(iter(by_entry(processes)), None)

    def trim(self, processes: list[Process], goal: int, available: int) -> Decision:
        """Oldest first; a process's minimum holds in the first pass."""
        del available
        sizes = Counter({process: len(process.working_set) for process in processes})
        trimmed: list[PTE] = []
        examined = 0
        for respects_minimum in (True, False):
            queue = deque(pte for pte in by_entry(processes) if pte not in trimmed)
            while queue and len(trimmed) < goal:
                pte = queue.popleft()
                if respects_minimum and sizes[pte.process] <= pte.process.minimum:
                    continue
                examined += self.looks
                if self.spares(pte):
                    queue.append(pte)
                    continue
                trimmed.append(pte)
                sizes[pte.process] -= 1
        return trimmed, examined

    looks = 0
    """entries examined for each one considered: the order of entry alone decides"""

    def spares(self, pte: PTE) -> bool:
        """The entry gets a second chance, at the tail."""
        del pte
        return False


class Clock(Fifo):
    """Fifo with a second chance for accessed pages."""

    looks = 1

    def spares(self, pte: PTE) -> bool:
        """Accessed: cleared and moved to the tail."""
        if not pte.accessed:
            return False
        pte.accessed = False
        self.requeue(pte)
        return True

    def replace(self, processes: list[Process]) -> PTE | None:
        """The oldest entry that was not accessed since it was last passed."""
        while entries := by_entry(processes):
            if not self.spares(entries[0]):
                return entries[0]
        return None


WINDOW = 16
"""entries that the windows policy looks at for one replacement"""


class Windows(NonePolicy):
    """Ages, and two hands per working set: one for replacement (an entry), one for aging (a position)."""

    def __init__(self, requeue: Callable[[PTE], None], age_share: float = 0.125) -> None:
        super().__init__(requeue)
        self.age_share = age_share
        self.hands: dict[Process, PTE] = {}
        self.age_hands: Counter[Process] = Counter()

    def leaving(self, pte: PTE) -> None:
        """The replacement hand does not stay on an entry that leaves."""
        if self.hands.get(pte.process) is pte:
            self._point_behind(pte)

    def _point_behind(self, pte: PTE) -> None:
        entries = pte.process.working_set
        behind = entries.index(pte) + 1
        if behind < len(entries):
            self.hands[pte.process] = entries[behind]
        else:
            self.hands.pop(pte.process, None)

    def replace(self, processes: list[Process]) -> PTE | None:
        """The oldest unaccessed page among the next few from the hand on, of the largest process."""
        process = max(processes, key=lambda process: len(process.working_set), default=None)
        if process is None or not process.working_set:
            return None
        entries = process.working_set
        start = entries.index(self.hands[process]) if process in self.hands else 0
        examined = [pte for pte in (entries[start:] + entries[:start])[:WINDOW] if not pte.held]
        if not examined:
            return None
        idle = [pte for pte in examined if not pte.accessed]
        victim = max(idle, key=lambda pte: pte.age) if idle else examined[0]
        self._point_behind(victim)
        return victim

    def trim(self, processes: list[Process], goal: int, available: int) -> Decision:
        """Age, then take old pages of big idle processes first."""
        examined = sum(self._age(process, everything=goal > 0) for process in processes)
        trimmed: list[PTE] = []
        if goal > 0:
            order = sorted(
                processes,
                key=lambda process: (
                    process.config.foreground,
                    -sum(pte.age for pte in process.working_set),
                    process.config.memory_priority,
                    process.index,
                ),
            )
            for youngest, respects_minimum in [(1, True), (0, True), *([(0, False)] if available == 0 else [])]:
                for process in order:
                    self._take(process, youngest, respects_minimum, trimmed, goal)
        return trimmed, examined

    def _age(self, process: Process, everything: bool) -> int:
        entries = process.working_set
        size = len(entries)
        count = size if everything else ceiling(size * self.age_share)
        for k in range(count):
            pte = entries[(self.age_hands[process] + k) % size]
            pte.age = 0 if pte.accessed else min(7, pte.age + 1)
            pte.accessed = False
        if size:
            self.age_hands[process] = (self.age_hands[process] + count) % size
        return count

    @staticmethod
    def _take(process: Process, youngest: int, respects_minimum: bool, trimmed: list[PTE], goal: int) -> None:
        left = [pte for pte in process.working_set if pte not in trimmed]
        floor = process.minimum if respects_minimum else 0
        for pte in sorted(left, key=lambda pte: -pte.age):
            if len(trimmed) >= goal or len(left) <= floor or pte.age < youngest:
                return
            if not pte.held:
                left.remove(pte)
                trimmed.append(pte)


def ceiling(value: float) -> int:
    """The smallest integer that is not below."""
    return -int(-value // 1)


POLICIES: dict[str, Callable[..., NonePolicy]] = {"none": NonePolicy, "fifo": Fifo, "clock": Clock, "windows": Windows}
"""Those that the reference machine knows, by name."""


def policy_of(manager: MemoryManager, requeue: Callable[[PTE], None]) -> NonePolicy:
    """A memory manager's policy; raises NotModelled for one that the reference machine doesn't know."""
    name = manager.trimming.policy
    if name not in POLICIES:
        known = ", ".join(POLICIES)
        raise NotModelled(f"memory_manager.trimming.policy: found {name!r}, the reference machine knows {known}")
    return POLICIES[name](requeue, **manager.trimming.parameters)
