"""A disk's queue: channels, order of service, reads before writes, and failures; requests are given to it by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from simulator.config import Disk
from simulator.hardware.disk import finish_service, submit
from simulator.memory.backing import drop_request, new_request
from simulator.memory.state import State
from simulator.state.constants import PAGE_IN
from tests.simulator.small import build, constant, hard, immediate, loads, run, stores


def disk(**parameters: object) -> State:
    """A machine with room for a hundred requests and one disk: 100 ns a read, 30 ns a write unless given."""
    return build([loads([1])], 100, machine={"disks": {"d": constant(100, 30, **parameters)}}).state


def serve(state: State, submitted: Sequence[tuple[int, bool]], pages: int = 1) -> list[tuple[int, int, int]]:
    """Submit (time, write?) in order of time; returns (number, start, end) in order of completion."""
    a, requests = state.address, state.arrays["requests"]
    numbers: dict[int, int] = {}
    done: list[tuple[int, int, int]] = []

    def complete(until: float) -> None:
        while state.record[0]["in_flight"] and requests["end"][state.arrays["flights"][0]] <= until:
            request = finish_service(a)
            done.append((numbers[request], int(requests["start"][request]), int(requests["end"][request])))

    for number, (time, write) in enumerate(submitted):
        complete(time)
        request = new_request(a, 0, pages, write, PAGE_IN, 0)
        numbers[request] = number
        submit(a, request, time)
    complete(np.inf)
    return done


def test_requests_are_served_one_after_another_in_order_of_arrival() -> None:
    """0-100, then 100-200, then (idle until 500) 500-600."""
    assert serve(disk(), [(0, False), (10, False), (500, False)]) == [(0, 0, 100), (1, 100, 200), (2, 500, 600)]


def test_each_channel_serves_a_request_of_its_own() -> None:
    """Two channels: 0 and 1 at once; 2 starts when 0 is done, 3 when 1 is."""
    done = serve(disk(channels=2), [(0, False), (20, False), (30, False), (40, False)])
    assert done == [(0, 0, 100), (1, 20, 120), (2, 100, 200), (3, 120, 220)]


@pytest.mark.parametrize(
    ("page_in_first", "order"),
    [(True, [(0, 0, 30), (2, 30, 130), (1, 130, 160)]), (False, [(0, 0, 30), (1, 30, 60), (2, 60, 160)])],
)
def test_reads_go_before_writes_if_the_disk_is_so_configured(
    page_in_first: bool, order: list[tuple[int, int, int]]
) -> None:
    """A write is in service until 30; another write (1) and then a read (2) queue up meanwhile."""
    assert serve(disk(page_in_first=page_in_first), [(0, True), (1, True), (2, False)]) == order


def test_a_write_that_waits_lets_every_read_that_waits_pass_but_is_not_interrupted() -> None:
    """Write 0 until 30; write 1 waits; reads 2 and 3 pass it: 30-130 and 130-230; then the write."""
    done = serve(disk(), [(0, True), (1, True), (2, False), (100, False)])
    assert done == [(0, 0, 30), (2, 30, 130), (3, 130, 230), (1, 230, 260)]


def test_transfer_is_charged_by_the_page() -> None:
    """100 + 8 x 5."""
    assert serve(disk(per_page=5), [(0, False)], pages=8) == [(0, 0, 140)]


def test_a_short_request_overtakes_a_long_one_on_another_channel() -> None:
    """Completions come in order of time, not of service start."""
    done = serve(disk(channels=2, page_in_first=False), [(0, False), (5, True)])
    assert done == [(1, 5, 35), (0, 0, 100)]


def test_integrals_of_busy_channels_and_queue_length() -> None:
    """Busy 0-200 without pause: 200. In the system: one over 0-100 and 100-200, the second also 10-100: 100 + 90 +
    100."""
    state = disk()
    serve(state, [(0, False), (10, False)])
    record = state.arrays["disks"][0]
    assert (record["busy_ns"], record["queue_ns"]) == (200, 290)
    assert list(record["operations"]) == [2, 0]


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("write", [False, True])
def test_failures_come_at_the_rate_of_their_direction(rate: float, write: bool) -> None:
    """Of 4,000 requests rate x 4,000 fail, give or take four standard deviations; none in the other direction."""
    config = Disk(
        model="constant",
        parameters={"read": 1, "write": 1},
        read_error_rate=0.0 if write else rate,
        write_error_rate=rate if write else 0.0,
    )
    state = build([loads([1])], 100, machine={"disks": {"d": config}}).state
    failed = {False: 0, True: 0}
    for number in range(8_000):
        direction = number % 2 == 1
        request = new_request(state.address, 0, 1, direction, PAGE_IN, 0)
        submit(state.address, request, number)
        assert finish_service(state.address) == request
        failed[direction] += not state.arrays["requests"]["ok"][request]
        drop_request(state.address, request)
    assert abs(failed[write] - 4_000 * rate) <= 4 * np.sqrt(4_000 * rate * (1 - rate))
    assert failed[not write] == 0


def test_the_errors_of_a_disk_leave_its_service_times_alone() -> None:
    """Writes that fail take the same times as those that succeed: separate streams of draws."""

    def disk(rate: float) -> Disk:
        return Disk(model="ssd", parameters={"channels": 1}, write_error_rate=rate)

    rows = stores(range(6))
    good, bad = (
        run([rows], 3, machine={"disks": {"d": disk(rate)}}, manager=immediate(), process=hard(3))
        for rate in (0.0, 0.9)
    )
    times = [done.result.io["service_ns"].tolist() for done in (good, bad)]
    assert not bad.result.io["ok"].all()
    assert times[0] == times[1][: len(times[0])]
