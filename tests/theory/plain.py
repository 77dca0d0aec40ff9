"""Replacement as the textbooks describe it, in plain Python, written without a look at the simulator.

Each takes (page, stored) requests and gives (misses, dirty evictions): an eviction is dirty if the page was stored to
since it last came in.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

Request = tuple[int, bool]


def fifo(requests: Iterable[Request], frames: int) -> tuple[int, int]:
    """First in, first out."""
    dirty: OrderedDict[int, bool] = OrderedDict()
    misses = evictions = 0
    for page, stored in requests:
        if page not in dirty:
            misses += 1
            if len(dirty) == frames:
                evictions += dirty.popitem(last=False)[1]
            dirty[page] = False
        dirty[page] |= stored
    return misses, evictions


def clock(requests: Iterable[Request], frames: int) -> tuple[int, int]:
    """Second chance: a circle of frames and a hand; the fault's own reference sets the used bit (Corbato 1968)."""
    circle: list[list[int]] = []  # page, used, dirty
    place: dict[int, int] = {}
    hand = misses = evictions = 0
    for page, stored in requests:
        if page not in place:
            misses += 1
            if len(circle) < frames:
                place[page] = len(circle)
                circle.append([page, 0, 0])
            else:
                while circle[hand][1]:
                    circle[hand][1] = 0
                    hand = (hand + 1) % frames
                evictions += circle[hand][2]
                del place[circle[hand][0]]
                circle[hand], place[page] = [page, 0, 0], hand
                hand = (hand + 1) % frames
        frame = circle[place[page]]
        frame[1] = 1
        frame[2] |= stored
    return misses, evictions


def lru(requests: Iterable[Request], frames: int) -> tuple[int, int]:
    """Least recently used."""
    dirty: OrderedDict[int, bool] = OrderedDict()
    misses = evictions = 0
    for page, stored in requests:
        if page not in dirty:
            misses += 1
            if len(dirty) == frames:
                evictions += dirty.popitem(last=False)[1]
            dirty[page] = False
        dirty[page] |= stored
        dirty.move_to_end(page)
    return misses, evictions


def segmented_fifo(requests: Iterable[Request], primary: int, secondary: int) -> tuple[int, int]:
    """Turner and Levy (1981): a fifo of `primary` pages; what leaves it goes to the end of a second list of
    `secondary` pages, in order of leaving, from where a reference fetches it back without a miss; a miss drops that
    list's oldest when both are full."""
    first: deque[int] = deque()
    resident: set[int] = set()
    second: OrderedDict[int, bool] = OrderedDict()
    dirty: dict[int, bool] = {}
    misses = evictions = 0
    for page, stored in requests:
        if page not in resident:
            if len(first) == primary:
                old = first.popleft()
                resident.remove(old)
                second[old] = True
            if page in second:
                del second[page]
            else:
                misses += 1
                if len(first) + len(second) == primary + secondary:
                    evictions += dirty.pop(second.popitem(last=False)[0])
                dirty[page] = False
            first.append(page)
            resident.add(page)
        dirty[page] |= stored
    return misses, evictions


def opt(requests: Iterable[Request], frames: int) -> tuple[int, int]:
    """Belady's MIN (1966): what is used again last goes; the page that faults must come in."""
    stream = list(requests)
    never = len(stream)
    following, ahead = [never] * never, dict[int, int]()
    for k in range(never - 1, -1, -1):
        following[k] = ahead.get(stream[k][0], never)
        ahead[stream[k][0]] = k
    due: dict[int, int] = {}
    misses = 0
    for k, (page, _) in enumerate(stream):
        if page not in due:
            misses += 1
            if len(due) == frames:
                del due[max(due, key=due.__getitem__)]
        due[page] = following[k]
    return misses, -1
