"""CLOCK-Pro: LIRS with clocks; three hands go round one list of hot pages, cold pages and ghosts."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    STRICT,
    VALID,
    Compiled,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    callback,
    compiled,
    parameters,
    register,
)
from simulator.policies.choices import first, forget_own_fault, may_go, note_fault
from simulator.policies.queues import drop, move_to_tail

_COLD_HAND, _TEST_HAND, _FRAMES, _TARGET, _HOT, _COLD, _GHOSTS, _FULL = range(8)
"""Places of the policy's integers: the entries that two hands point at (-1: none), m, the target for cold pages, and
how many pages are hot, cold and in memory, and ghosts; full: a page was replaced.

The list is a circle that is cut at the third hand: its head is what HAND_hot points at, its tail the paper's list head,
the newest. A node's `mark` is IS_HOT, IN_TEST, or 0 for a cold page whose test is over."""
_IS_HOT, _IN_TEST = 1, 2


@compiled
def _after(m: MachineRecord, entry: Pte) -> int:
    """The entry that a hand at this one moves to."""
    following = m.nodes[entry].next[0]
    return following if following >= 0 else m.policy_queues[0].head


@compiled
def _lift(m: MachineRecord, entry: Pte) -> None:
    """Take an entry out of the list; hands that point at it move on."""
    own = m.policy_integers
    following = _after(m, entry)
    for hand in (_COLD_HAND, _TEST_HAND):
        if own[hand] == entry:
            own[hand] = following if following != entry else -1
    drop(m, entry, 0)


@compiled
def _renew(m: MachineRecord, entry: Pte, mark: int) -> None:
    """Put an entry, wherever it is, at the newest end of the list, with another mark."""
    if m.nodes[entry].queue[0] >= 0:
        _lift(m, entry)
    m.nodes[entry].mark = mark
    move_to_tail(m, 0, entry, 0)


@compiled
def _end_test(m: MachineRecord, entry: Pte) -> None:
    """A cold page wasn't wanted again within its test: fewer cold pages will do. A ghost leaves the list."""
    own = m.policy_integers
    if m.nodes[entry].mark != _IN_TEST:
        return
    m.nodes[entry].mark = 0
    own[_TARGET] = max(1, own[_TARGET] - 1)
    if not m.bits[entry] & VALID:
        own[_GHOSTS] -= 1
        _lift(m, entry)


@compiled
def _move_hot_hand(m: MachineRecord) -> None:
    """HAND_hot: make the hot page cold that wasn't used for longest; ends the tests of the cold ones on its way, and
    stops at a hot page."""
    own, demoted = m.policy_integers, False
    for _ in range(2 * m.policy_queues[0].count + 1):
        if own[_HOT] == 0:
            return
        entry = m.policy_queues[0].head
        m.examined += 1
        if m.nodes[entry].mark == _IS_HOT:
            if demoted:
                return
            if may_go(m, entry, -1) and not m.bits[entry] & ACCESSED:
                m.nodes[entry].mark = 0
                own[_HOT] -= 1
                own[_COLD] += 1
                demoted = True
            m.bits[entry] &= ~ACCESSED
        else:
            _end_test(m, entry)
        if m.nodes[entry].queue[0] >= 0:
            move_to_tail(m, 0, entry, 0)


@compiled
def _move_test_hand(m: MachineRecord) -> None:
    """HAND_test: end the test of the next cold page that is in one."""
    own = m.policy_integers
    for _ in range(m.policy_queues[0].count):
        entry = own[_TEST_HAND] if own[_TEST_HAND] >= 0 else m.policy_queues[0].head
        own[_TEST_HAND] = _after(m, entry)
        if m.nodes[entry].mark == _IN_TEST:
            _end_test(m, entry)
            return


@compiled
def _warm(m: MachineRecord, entry: Pte) -> None:
    """A page was used within its test: it is hot, and more cold pages would have done it good."""
    own = m.policy_integers
    own[_TARGET] = min(max(1, own[_FRAMES] - 1), own[_TARGET] + 1)
    own[_HOT] += 1
    _renew(m, entry, _IS_HOT)
    if own[_HOT] > own[_FRAMES] - own[_TARGET]:
        _move_hot_hand(m)


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    own = m.policy_integers
    note_fault(m, entry)
    if m.nodes[entry].queue[0] >= 0:
        own[_GHOSTS] -= 1
        _warm(m, entry)
    elif not own[_FULL] and own[_HOT] < own[_FRAMES] - own[_TARGET]:
        own[_HOT] += 1
        _renew(m, entry, _IS_HOT)
    else:
        own[_COLD] += 1
        _renew(m, entry, _IN_TEST)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    own = m.policy_integers
    own[_HOT if m.nodes[entry].mark == _IS_HOT else _COLD] -= 1
    if m.nodes[entry].mark == _IN_TEST:
        own[_GHOSTS] += 1
        while own[_GHOSTS] > own[_FRAMES]:
            _move_test_hand(m)
    else:
        _lift(m, entry)
    return 0


@compiled
def _sweep(m: MachineRecord, process: int) -> int:
    """HAND_cold: move on to a cold page that may go and wasn't used; -1: no page may go."""
    own = m.policy_integers
    own[_FULL] = 1
    for _ in range(3 * m.policy_queues[0].count):
        if own[_COLD] == 0:
            _move_hot_hand(m)
        entry = own[_COLD_HAND] if own[_COLD_HAND] >= 0 else m.policy_queues[0].head
        own[_COLD_HAND] = _after(m, entry)
        m.examined += 1
        if m.nodes[entry].mark == _IS_HOT or not may_go(m, entry, process):
            continue
        if not m.bits[entry] & ACCESSED:
            return entry
        m.bits[entry] &= ~ACCESSED
        if m.nodes[entry].mark == _IN_TEST:
            own[_COLD] -= 1
            _warm(m, entry)
        else:
            _renew(m, entry, _IN_TEST)
    return first(m, 0, process, 0)


@callback
def _replace(m: MachineRecord, process: int) -> int:
    forget_own_fault(m)
    return _sweep(m, process)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    return _sweep(m, -1) if wanted > 0 else -1


@register("policy", "clock-pro")
@parameters(config=STRICT)
class ClockPro(Policy):
    """CLOCK-Pro (Jiang, Chen, Zhang, "CLOCK-Pro: an effective improvement of the CLOCK replacement", USENIX 2005).
    Sees accessed bits; the fault's own reference counts for nothing: its bit is cleared at the process's next fault.
    A cold page that is used after its test gets another one. Trims as it replaces, among all processes, and knows no
    minima."""

    cold: float = Field(
        default=0.5, gt=0, le=1, description="target for cold pages at first, a share of the frames (libCacheSim)"
    )
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """m, and the target; the hands point at nothing."""
        own = memory.integers
        own[[_COLD_HAND, _TEST_HAND]] = -1
        own[_FRAMES], own[_TARGET] = memory.frames, max(1, min(memory.frames - 1, int(memory.frames * self.cold)))
