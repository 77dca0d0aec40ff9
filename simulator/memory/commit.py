"""Commit charge: the promise that every committed page has a place in memory or in a paging file."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.processor import account, make_ready
from simulator.records import (
    ENDED,
    STATUS_COMMITMENT_LIMIT,
    machine,
    processes,
    stores,
    threads,
)


@compiled
def commit_limit(a: int) -> int:
    """Pages that can be committed: memory and the paging files at their present size [PERFORMANCE_INFORMATION]."""
    m = machine(a)
    limit = m.frame_count
    for store in range(m.paging_files):
        limit += stores(a)[store].size
    return limit


@compiled
def _grow(a: int, wanted: int) -> None:
    """Grow paging files in order until the limit is `wanted` or all are at their maximum."""
    m = machine(a)
    missing = wanted - commit_limit(a)
    for store in range(m.paging_files):
        s = stores(a)[store]
        more = min(missing, s.maximum - s.size)
        if more > 0:
            s.size += more
            missing -= more


@compiled
def charge(a: int, pages: int) -> bool:
    """Charge committed pages; False if the limit can't be raised that far. Paging files grow at 90 % of the limit
    [Introduction to page files]."""
    m = machine(a)
    needed = m.commit + pages
    _grow(a, max(needed, (10 * needed + 8) // 9))
    if needed > commit_limit(a):
        return False
    m.commit = needed
    m.commit_peak = max(m.commit_peak, needed)
    return True


@compiled
def start_process(a: int, process: int, pages: int, t: int) -> None:
    """A process starts at time t: its pages are committed and its threads become ready; or it ends at once with
    STATUS_COMMITMENT_LIMIT."""
    m = machine(a)
    p = processes(a)[process]
    m.now = t
    p.start = t
    p.space_time_at = t
    own = range(p.first_thread, p.first_thread + p.threads)
    for thread in own:
        threads(a)[thread].since = t
    if charge(a, pages):
        p.commit += pages
        p.alive = 1
        for thread in own:
            make_ready(a, thread, t)
        return
    p.status = STATUS_COMMITMENT_LIMIT
    p.finished = t
    m.alive -= 1
    m.living_threads -= p.threads
    for thread in own:
        account(a, thread, ENDED, t)
