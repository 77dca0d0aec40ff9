"""Invariants that hold between any two steps of the reference machine, and at its end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulator.reference.entities import Frame, Thread

if TYPE_CHECKING:
    from simulator.reference.machine import ReferenceMachine


def check(machine: ReferenceMachine) -> None:
    """Raise AssertionError if the state contradicts itself."""
    _every_frame_in_one_place(machine)
    _tables_and_frames_agree(machine)
    _slots_are_owned(machine)
    _nothing_is_lost(machine)
    _commit_balances(machine)
    _every_thread_in_one_place(machine)
    if machine.memory.available:
        assert not machine.frame_waiters, "a thread waits although there is a frame"
    for cpu in machine.processors.cpus:
        if cpu.thread is None:
            assert not any(machine.processors.queues.values()), "a processor idles although a thread is ready"


def check_demand_zero_once(machine: ReferenceMachine) -> None:
    """Raise AssertionError if a page was demand-zero twice: streams give up no page's contents in between."""
    pages = [(row[1], row[3]) for row in machine.fault_handler.log if row[4] == "demand-zero"]
    assert len(pages) == len(set(pages)), "a page is demand-zero a second time"
    assert not (pages and machine.demand_paging), "the textbook machine has all pages on disk"


def _every_frame_in_one_place(machine: ReferenceMachine) -> None:
    memory = machine.memory
    lists = {
        "zeroed": [memory.zeroed],
        "free": [memory.free],
        "standby": memory.standby,
        "modified": [memory.modified, memory.modified_mapped],
        "modified no-write": [memory.no_write],
        "bad": [memory.bad],
    }
    seen: Counter[Frame] = Counter()
    for state, places in lists.items():
        for place in places:
            for frame in place:
                seen[frame] += 1
                assert frame.state == state
                assert frame.on_list is place
                assert not frame.share
                assert not frame.io
    for frame in memory.frames:
        assert seen[frame] == (frame.state not in {"active", "transition"})
        assert (frame.share > 0) == (frame.state == "active")
        if frame.state == "transition":
            assert frame.io
        assert (frame.content is None) == (frame.state in {"zeroed", "free", "bad"})
        if frame.content is not None and not frame.deleted:
            assert frame.content.frame is frame
        if frame.state == "standby":
            assert not frame.modified


def _tables_and_frames_agree(machine: ReferenceMachine) -> None:
    shares: Counter[Frame] = Counter()
    for process in machine.processes:
        valid = [pte for pte in process.table.values() if pte.valid]
        assert set(valid) == set(process.working_set)
        assert len(valid) == len(process.working_set)
        entered = [pte.entered for pte in process.working_set]
        assert entered == sorted(entered)
        if not process.lives:
            assert not valid
        for pte in valid:
            assert pte.content.frame is not None
            shares[pte.content.frame] += 1
    for frame in machine.memory.frames:
        assert frame.share == shares[frame], "the share count is not the number of entries that map the frame"


def _slots_are_owned(machine: ReferenceMachine) -> None:
    owned: Counter[tuple[int, int]] = Counter()
    files = machine.backing.paging_files
    for process in machine.processes:
        for pte in process.table.values():
            if pte.private is not None and pte.private.slot is not None:
                owned[files.index(pte.private.slot.file), pte.private.slot.number] += 1
    assert all(count == 1 for count in owned.values()), "two pages share a slot"
    used = {(index, number) for index, file in enumerate(files) for number in file.used}
    assert set(owned) <= used
    contents = [frame.content for frame in machine.memory.frames if frame.content and frame.io == "write"]
    in_flight = sum(content.place is None for content in contents)
    assert len(used) - len(owned) == in_flight, "a slot is used by no page"
    for file in files:
        assert len(file.used) <= file.size <= file.maximum


def _nothing_is_lost(machine: ReferenceMachine) -> None:
    for process in machine.living:
        for pte in process.table.values():
            for content in {pte.content, pte.private} - {None}:
                assert content is not None
                if content.frame is None or content.frame.state == "standby":
                    current = content.stored_version if content.stored else 0
                    assert content.version == current, "a page's last version is neither in memory nor on disk"


def _every_thread_in_one_place(machine: ReferenceMachine) -> None:
    reads = {frame.reading for frame in machine.memory.frames if frame.reading is not None}
    places: dict[str, list[Thread]] = {
        "running": [cpu.thread for cpu in machine.processors.cpus if cpu.thread is not None],
        "ready": [thread for queue in machine.processors.queues.values() for thread in queue],
        "sleep": [sleeper[2] for sleeper in machine.sleepers],
        "stall_frame": [*machine.frame_waiters],
        "stall_read": [thread for read in reads for thread in read.waiters if thread.state == "stall_read"],
        "stall_collided": [thread for read in reads for thread in read.waiters if thread.state != "stall_read"],
    }
    seen: Counter[Thread] = Counter()
    for state, threads in places.items():
        for thread in threads:
            seen[thread] += 1
            assert thread.state == state
    user = [thread for process in machine.living for thread in process.unfinished]
    daemons = [thread for thread in seen if thread.process is None]
    assert seen == Counter(user + daemons), "a thread is nowhere, in two places, or of a process that has ended"


def _commit_balances(machine: ReferenceMachine) -> None:
    assert machine.backing.commit == sum(process.charged for process in machine.living)
    assert machine.backing.commit <= machine.backing.limit
