"""The four lists of ARC and CAR, and how ghosts that are wanted again move the border between them."""

from typing import Any

from simulator.policies.base import F8, I8, Pte, Record, compiled
from simulator.policies.structures.queues import Queue, append, on, remove


class Lists(Record):
    """Pages used once (T1) and used again (T2), and the ghosts of both (B1, B2): each from the oldest on."""

    t1: Queue
    t2: Queue
    b1: Queue
    b2: Queue
    frames: I8[int]  # the papers' c
    p: F8[float]  # the target for T1


@compiled
def adapt(own: Lists, links: Any, entry: Pte) -> bool:
    """A fault: if it is on a ghost, move p towards the list that should have kept it; whether it is. p is a real
    number: with integers other pages go."""
    if on(own.b1, links, entry):
        own.p = min(float(own.frames), own.p + max(1.0, own.b2.count / own.b1.count))
    elif on(own.b2, links, entry):
        own.p = max(0.0, own.p - max(1.0, own.b1.count / own.b2.count))
    else:
        return False
    return True


@compiled
def forget_ghosts(own: Lists, links: Any) -> None:
    """Drop the oldest ghosts while there are more than the papers allow."""
    while own.t1.count + own.b1.count > own.frames and own.b1.count > 0:
        remove(links, own.b1.head)
    while own.b2.count > 0 and own.t1.count + own.t2.count + own.b1.count + own.b2.count > 2 * own.frames:
        remove(links, own.b2.head)


@compiled
def become_ghost(own: Lists, links: Any, entry: Pte) -> None:
    """A page left memory."""
    append(own.b1 if on(own.t1, links, entry) else own.b2, links, entry)
