"""CLOCK-Pro: LIRS with clocks; three hands go round one list of hot pages, cold pages and ghosts."""

from simulator.policies.base import I4, I8, NONE, U1, Compiled, Field, Policy, Pte, Record, compiled, policy
from simulator.policies.structures.entries import accessed, clear_accessed, may_go, resident
from simulator.policies.structures.newest import Newest, forget_fault, note_fault
from simulator.policies.structures.queues import Link, Queue, append, first, on_none, remove

OVER, HOT, IN_TEST = range(3)
"""Of a page: cold, and its test is over; hot; cold and in its test, or a ghost."""


class Own(Record):
    clock: Queue  # a circle, cut at HAND_hot, which points at its head; its tail is the paper's list head, the newest
    hand_cold: I4[Pte] = NONE
    hand_test: I4[Pte] = NONE
    frames: I8[int]  # the paper's m
    target: I8[int]  # for cold pages
    hot_pages: I8[int]
    cold_pages: I8[int]  # in memory
    ghosts: I8[int]
    full: U1[int]  # a page was replaced


class Page(Record):
    link: Link
    state: U1[int]


class Process(Record):
    newest: Newest


class Hooks(Compiled[Own, Page, Process]):
    def entered(m, entry: Pte) -> None:
        own = m.own
        note_fault(m, m.process_state.newest, entry)
        if not on_none(m.page.link, entry):
            own.ghosts -= 1
            warm(m, entry)
        elif not own.full and own.hot_pages < own.frames - own.target:
            own.hot_pages += 1
            renew(m, entry, HOT)
        else:
            own.cold_pages += 1
            renew(m, entry, IN_TEST)

    def left(m, entry: Pte) -> None:
        own = m.own
        if m.page[entry].state == HOT:
            own.hot_pages -= 1
        else:
            own.cold_pages -= 1
        if m.page[entry].state == IN_TEST:
            own.ghosts += 1
            while own.ghosts > own.frames:
                move_test_hand(m)
        else:
            lift(m, entry)

    def replace(m, process: int) -> int:
        forget_fault(m, m.process_state.newest)
        return sweep(m, process)

    def trim(m, wanted: int) -> int:
        return sweep(m, -1) if wanted > 0 else NONE


@compiled
def after(m: Hooks, entry: Pte) -> int:
    """The entry that a hand at this one moves to."""
    following = m.page[entry].link.next
    return following if following >= 0 else m.own.clock.head


@compiled
def lift(m: Hooks, entry: Pte) -> None:
    """Take an entry out of the list; hands that point at it move on."""
    following = after(m, entry)
    following = following if following != entry else NONE
    if m.own.hand_cold == entry:
        m.own.hand_cold = following
    if m.own.hand_test == entry:
        m.own.hand_test = following
    remove(m.page.link, entry)


@compiled
def renew(m: Hooks, entry: Pte, state: int) -> None:
    """Put an entry, wherever it is, at the newest end of the list, in another state."""
    if not on_none(m.page.link, entry):
        lift(m, entry)
    m.page[entry].state = state
    append(m.own.clock, m.page.link, entry)


@compiled
def end_test(m: Hooks, entry: Pte) -> None:
    """A cold page wasn't wanted again within its test: fewer cold pages will do. A ghost leaves the list."""
    if m.page[entry].state != IN_TEST:
        return
    m.page[entry].state = OVER
    m.own.target = max(1, m.own.target - 1)
    if not resident(m, entry):
        m.own.ghosts -= 1
        lift(m, entry)


@compiled
def move_hot_hand(m: Hooks) -> None:
    """HAND_hot: make the hot page cold that wasn't used for longest; ends the tests of the cold ones on its way, and
    stops at a hot page."""
    own, demoted = m.own, False
    for _ in range(2 * own.clock.count + 1):
        if own.hot_pages == 0:
            return
        entry = own.clock.head
        m.examined += 1
        if m.page[entry].state == HOT:
            if demoted:
                return
            if may_go(m, entry, -1) and not accessed(m, entry):
                m.page[entry].state = OVER
                own.hot_pages -= 1
                own.cold_pages += 1
                demoted = True
            clear_accessed(m, entry)
        else:
            end_test(m, entry)
        if not on_none(m.page.link, entry):
            append(own.clock, m.page.link, entry)


@compiled
def move_test_hand(m: Hooks) -> None:
    """HAND_test: end the test of the next cold page that is in one."""
    own = m.own
    for _ in range(own.clock.count):
        entry = own.hand_test if own.hand_test >= 0 else own.clock.head
        own.hand_test = after(m, entry)
        if m.page[entry].state == IN_TEST:
            end_test(m, entry)
            return


@compiled
def warm(m: Hooks, entry: Pte) -> None:
    """A page was used within its test: it is hot, and more cold pages would have done it good."""
    own = m.own
    own.target = min(max(1, own.frames - 1), own.target + 1)
    own.hot_pages += 1
    renew(m, entry, HOT)
    if own.hot_pages > own.frames - own.target:
        move_hot_hand(m)


@compiled
def sweep(m: Hooks, process: int) -> int:
    """HAND_cold: move on to a cold page that may go and wasn't used; -1: no page may go."""
    own = m.own
    own.full = 1
    for _ in range(3 * own.clock.count):
        if own.cold_pages == 0:
            move_hot_hand(m)
        entry = own.hand_cold if own.hand_cold >= 0 else own.clock.head
        own.hand_cold = after(m, entry)
        m.examined += 1
        if m.page[entry].state == HOT or not may_go(m, entry, process):
            continue
        if not accessed(m, entry):
            return entry
        clear_accessed(m, entry)
        if m.page[entry].state == IN_TEST:
            own.cold_pages -= 1
            warm(m, entry)
        else:
            renew(m, entry, IN_TEST)
    return first(m, own.clock, m.page.link, process)


@policy("clock-pro", Hooks)
class ClockPro(Policy):
    """CLOCK-Pro (Jiang, Chen, Zhang, "CLOCK-Pro: an effective improvement of the CLOCK replacement", USENIX 2005).
    Sees accessed bits; the fault's own reference counts for nothing. A cold page that is used after its test gets
    another one. Trims as it replaces, among all processes, and knows no minima."""

    cold: float = Field(
        default=0.5, gt=0, le=1, description="target for cold pages at first, a share of the frames (libCacheSim)"
    )

    def begin(self, frames: int) -> dict[str, float]:
        """The target."""
        return {"target": max(1, min(frames - 1, int(frames * self.cold)))}
