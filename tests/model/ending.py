"""The end of a process: what becomes of its threads, wherever they are, and of its pages."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from tests.model.entities import Process, Thread

if TYPE_CHECKING:
    from tests.model.machine import ModelMachine


def end_process(m: ModelMachine, process: Process, status: int, t: int) -> None:
    """A process ends: its threads that wait leave what they wait for, its pages go, its commit is given back, and its
    threads that run leave their processors."""
    threads = process.unfinished
    process.finished, process.status = t, status
    for thread in threads:
        if thread.state != "running":
            _withdraw(m, thread)
            thread.change("ended", t)
    _give_up_pages(m, process, t)
    for thread in threads:
        if thread.state == "running":
            m.processors.leave(thread, t)
            thread.change("ended", t)


def _withdraw(m: ModelMachine, thread: Thread) -> None:
    if thread.state == "ready":
        m.processors.withdraw(thread)
    elif thread.state == "sleep":
        m.sleepers = [sleeper for sleeper in m.sleepers if sleeper[2] is not thread]
        heapq.heapify(m.sleepers)
    elif thread.state == "stall_frame":
        m.frame_waiters.remove(thread)
    else:
        assert thread.fault is not None
        assert thread.fault.request is not None
        thread.fault.request.waiters.remove(thread)


def _give_up_pages(m: ModelMachine, process: Process, t: int) -> None:
    for pte in process.table.values():
        content, frame = pte.content, pte.content.frame
        if pte.valid and not content.private:
            m.memory.remove(pte, t)
        elif content.private:
            if pte.valid:
                m.memory.leave(pte)
            if frame is not None:
                m.memory.delete(frame)
            content.release_slot()
    m.backing.commit -= process.charged
