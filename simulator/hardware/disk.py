"""A disk: a queue of requests by class, first come first served within it, in front of its channels."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.service import draw, service_time
from simulator.records import disks, flights, machine, requests


@compiled
def integrate(a: int, disk: int, t: int) -> None:
    """Carry a disk's busy and queue integrals on to time t."""
    d = disks(a)[disk]
    passed = t - d.since
    d.busy_ns += passed * d.busy
    d.queue_ns += passed * (d.busy + d.waiting)
    d.since = t


@compiled
def _fly(a: int, request: int) -> None:
    """Enter a request among those in service, which stay sorted by completion."""
    m = machine(a)
    flying = flights(a)
    r = requests(a)
    at = m.in_flight
    while at > 0 and r[flying[at - 1]].end > r[request].end:
        flying[at] = flying[at - 1]
        at -= 1
    flying[at] = request
    m.in_flight += 1


@compiled
def _start(a: int, request: int, t: int) -> None:
    r = requests(a)[request]
    d = disks(a)[r.disk]
    write = r.write
    d.busy += 1
    time = service_time(a, r.disk, write, r.offset, r.pages, draw(d.key, d.draws))
    r.ok = draw(d.error_key, d.draws) >= d.error_below[write]
    d.draws += 1
    r.start = t
    r.end = t + time
    _fly(a, request)


@compiled
def submit(a: int, request: int, t: int) -> None:
    """Give a request to its disk: served at once if a channel is free, else queued by class (reads first if the disk
    is configured so), first come first served."""
    r = requests(a)[request]
    d = disks(a)[r.disk]
    integrate(a, r.disk, t)
    r.submit = t
    if d.busy < d.channels:
        _start(a, request, t)
        return
    queue = r.write if d.page_in_first else 0
    r.next = -1
    if d.queues[queue, 0] < 0:
        d.queues[queue, 0] = request
    else:
        requests(a)[d.queues[queue, 1]].next = request
    d.queues[queue, 1] = request
    d.waiting += 1


@compiled
def land(a: int) -> int:
    """Take the request that completes next out of service, start the next one queued, and return it."""
    m = machine(a)
    flying = flights(a)
    request = flying[0]
    m.in_flight -= 1
    for i in range(m.in_flight):
        flying[i] = flying[i + 1]
    r = requests(a)[request]
    d = disks(a)[r.disk]
    integrate(a, r.disk, r.end)
    d.busy -= 1
    d.operations[r.write] += 1
    for queue in range(2):
        waiting = d.queues[queue, 0]
        if waiting >= 0:
            d.queues[queue, 0] = requests(a)[waiting].next
            d.waiting -= 1
            _start(a, waiting, r.end)
            break
    return request
