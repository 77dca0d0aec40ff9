"""Commit charge: the promise that every committed page has a place in memory or in a paging file."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.scheduler import account, make_ready
from simulator.state.constants import ENDED, STATUS_COMMITMENT_LIMIT
from simulator.state.record import Nanoseconds
from simulator.state.schema import MachineRecord


@compiled
def commit_limit(m: MachineRecord) -> int:
    """Pages that can be committed: memory and the paging files at their present size [PERFORMANCE_INFORMATION]."""
    limit = m.frame_count
    for store in range(m.paging_files):
        limit += m.stores[store].size
    return limit


@compiled
def _grow(m: MachineRecord, wanted: int) -> None:
    """Grow paging files in order until the limit is `wanted` or all are at their maximum."""
    missing = wanted - commit_limit(m)
    for store in range(m.paging_files):
        s = m.stores[store]
        more = min(missing, s.maximum - s.size)
        if more > 0:
            s.size += more
            missing -= more


@compiled
def charge(m: MachineRecord, pages: int) -> bool:
    """Charge committed pages; False if the limit can't be raised that far. Paging files grow at 90 % of the limit
    [Introduction to page files]."""
    needed = m.commit + pages
    _grow(m, max(needed, (10 * needed + 8) // 9))
    if needed > commit_limit(m):
        m.commit_refused += 1
        return False
    m.commit = needed
    m.commit_peak = max(m.commit_peak, needed)
    return True


@compiled
def start_process(m: MachineRecord, process: int, pages: int, t: Nanoseconds) -> None:
    """A process starts at time t: its pages are committed and its threads become ready; or it ends at once with
    STATUS_COMMITMENT_LIMIT."""
    p = m.processes[process]
    m.now = t
    p.start = t
    p.space_time_at = t
    own = range(p.first_thread, p.first_thread + p.threads)
    for thread in own:
        m.threads[thread].since = t
    if charge(m, pages):
        p.commit += pages
        p.alive = 1
        for thread in own:
            make_ready(m, thread, t)
        return
    p.status = STATUS_COMMITMENT_LIMIT
    p.finished = t
    m.alive -= 1
    m.living_threads -= p.threads
    for thread in own:
        account(m, thread, ENDED, t)
