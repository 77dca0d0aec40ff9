"""CAR: ARC with clocks in place of the least-recently-used lists, so that accessed bits are all it needs."""

from simulator.policies.base import NONE, Compiled, Policy, Pte, Record, compiled, policy
from simulator.policies.structures.entries import accessed, clear_accessed, may_go
from simulator.policies.structures.ghosts import Lists, adapt, become_ghost, forget_ghosts
from simulator.policies.structures.newest import Newest, forget_fault, note_fault
from simulator.policies.structures.queues import Queued, append, first_of


class Process(Record):
    newest: Newest


class Hooks(Compiled[Lists, Queued, Process]):
    def entered(m, entry: Pte) -> None:
        note_fault(m, m.process_state.newest, entry)
        if adapt(m.own, m.page.link, entry):
            append(m.own.t2, m.page.link, entry)
        else:
            append(m.own.t1, m.page.link, entry)
            forget_ghosts(m.own, m.page.link)

    def left(m, entry: Pte) -> None:
        become_ghost(m.own, m.page.link, entry)

    def replace(m, process: int) -> int:
        forget_fault(m, m.process_state.newest)
        return sweep(m, process)

    def trim(m, wanted: int) -> int:
        return sweep(m, -1) if wanted > 0 else NONE


@compiled
def sweep(m: Hooks, process: int) -> int:
    """Move the hands, which stand at the heads of T1 and T2, until one is at a page that may go and that wasn't used;
    -1: there is none."""
    own, links = m.own, m.page.link
    for _ in range(2 * (own.t1.count + own.t2.count)):
        clock = own.t1 if own.t2.count == 0 or own.t1.count >= max(1.0, own.p) else own.t2
        entry = clock.head
        m.examined += 1
        if not may_go(m, entry, process):
            append(clock, links, entry)
        elif accessed(m, entry):
            clear_accessed(m, entry)
            append(own.t2, links, entry)
        else:
            return entry
    return first_of(m, own.t1, own.t2, links, process)


@policy("car", Hooks)
class Car(Policy):
    """CAR (Bansal and Modha, "CAR: clock with adaptive replacement", FAST 2004). Sees accessed bits; the fault's own
    reference counts for nothing. Trims as it replaces, among all processes, and knows no minima."""
