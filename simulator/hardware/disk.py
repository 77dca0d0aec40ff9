"""A disk: a queue of requests by class, first come first served within it, in front of its channels."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.service import draw, service_time
from simulator.state.record import Nanoseconds
from simulator.state.schema import MachineRecord


@compiled
def integrate(m: MachineRecord, disk: int, t: Nanoseconds) -> None:
    """Carry a disk's busy and queue integrals on to time t."""
    d = m.disks[disk]
    passed = t - d.since
    d.busy_ns += passed * d.busy
    d.queue_ns += passed * (d.busy + d.waiting)
    d.since = t


@compiled
def _start_service(m: MachineRecord, request: int) -> None:
    """Enter a request among those in service, which stay sorted by completion."""
    flying = m.flights
    r = m.requests
    at = m.in_flight
    while at > 0 and r[flying[at - 1]].end > r[request].end:
        flying[at] = flying[at - 1]
        at -= 1
    flying[at] = request
    m.in_flight += 1


@compiled
def _start(m: MachineRecord, request: int, t: Nanoseconds) -> None:
    r = m.requests[request]
    d = m.disks[r.disk]
    write = r.write
    d.busy += 1
    time = service_time(m, r.disk, write, r.offset, r.pages, draw(d.key, d.draws))
    r.ok = draw(d.error_key, d.draws) >= d.error_below[write]
    d.draws += 1
    r.start = t
    r.end = t + time
    _start_service(m, request)


@compiled
def submit(m: MachineRecord, request: int, t: Nanoseconds) -> None:
    """Give a request to its disk: served at once if a channel is free, else queued by class (reads first if the disk
    is configured so), first come first served."""
    r = m.requests[request]
    d = m.disks[r.disk]
    integrate(m, r.disk, t)
    r.submit = t
    if d.busy < d.channels:
        _start(m, request, t)
        return
    queue = r.write if d.page_in_first else 0
    r.next = -1
    if d.queues[queue, 0] < 0:
        d.queues[queue, 0] = request
    else:
        m.requests[d.queues[queue, 1]].next = request
    d.queues[queue, 1] = request
    d.waiting += 1


@compiled
def finish_service(m: MachineRecord) -> int:
    """Take the request that completes next out of service, start the next one queued, and return it."""
    flying = m.flights
    request = flying[0]
    m.in_flight -= 1
    for i in range(m.in_flight):
        flying[i] = flying[i + 1]
    r = m.requests[request]
    d = m.disks[r.disk]
    integrate(m, r.disk, r.end)
    d.busy -= 1
    d.operations[r.write] += 1
    for queue in range(2):
        waiting = d.queues[queue, 0]
        if waiting >= 0:
            d.queues[queue, 0] = m.requests[waiting].next
            d.waiting -= 1
            _start(m, waiting, r.end)
            break
    return request
