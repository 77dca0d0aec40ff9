"""A process as the executive sees it: its address space, its handles, its threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from simulator.config import Process
from simulator.result import SimulationError
from simulator.windows import constants as c
from simulator.windows.address_space import AddressSpace
from simulator.windows.dep import Dep
from simulator.windows.failure import Failure
from simulator.windows.handles import HandleTable
from simulator.windows.heap.heap import Heaps
from simulator.windows.heap.lock import Lock
from simulator.windows.objects import Waitable

if TYPE_CHECKING:
    from simulator.windows.system import System


class ProcessObject(Waitable):
    """What a handle to a process refers to: signalled once it has ended [Process Objects]."""

    kind: ClassVar[str] = "Process"
    tag: ClassVar[str] = "Proc"
    body: ClassVar[int] = 1_232

    def __init__(self, system: System, owner: ProcessState) -> None:
        super().__init__(system)
        self.owner = owner

    @property
    def signalled(self) -> bool:
        """Whether the process has ended."""
        return self.owner.ended


class ThreadObject(Waitable):
    """What a handle to a thread refers to: signalled once it has ended [Thread Objects]."""

    kind: ClassVar[str] = "Thread"
    tag: ClassVar[str] = "Thre"
    body: ClassVar[int] = 1_240

    def __init__(self, system: System, owner: ProcessState) -> None:
        super().__init__(system, owner=owner)
        self.owner = owner
        self.number = -1
        """of the engine's thread; -1: it hasn't started"""
        self.exit_code = c.STILL_ACTIVE
        self.ended = False
        self.stack: Any = None

    @property
    def signalled(self) -> bool:
        """Whether it has ended."""
        return self.ended


class ProcessState:
    """One process that runs a program."""

    def __init__(self, system: System, number: int, config: Process) -> None:
        """`number` is the engine's; nothing is allocated yet but what the executive needs for a process."""
        self.system = system
        self.number = number
        self.name = config.name
        self.bits = config.bits
        self.privileges = frozenset(config.privileges)
        self.priority = config.priority
        self.ended = False
        self.exit_code = c.STILL_ACTIVE
        self.threads: list[ThreadObject] = []
        """those that have not ended"""
        self.defers_touches = True
        """whether what heap calls touch may wait until the next call of another kind"""
        self.heaps = Heaps(system, self)
        self.modules: dict[str, Any] = {}
        self.loader = Lock(system.wake)
        """held while a thread loads or frees an image [Dynamic-Link Library Best Practices]"""
        self.object = ProcessObject(system, self)
        self.handles = HandleTable(system, self)
        self.dep = Dep(system.settings.dep_policy, self.bits)
        self.space = AddressSpace(system, self)

    def process(self, handle: int) -> ProcessState:
        """The process that a handle refers to; raises Failure ERROR_INVALID_HANDLE if it's no process's,
        ERROR_ACCESS_DENIED if the process has ended."""
        other = self.any_process(handle)
        if other.ended:
            raise Failure(c.ERROR_ACCESS_DENIED)
        return other

    def any_process(self, handle: int) -> ProcessState:
        """The same, also if the process has ended."""
        if handle == c.CURRENT_PROCESS:
            return self
        return self.handles.get(handle, ProcessObject).owner

    def protected(self, address: int, size: int) -> None:
        """The protection of pages has been changed by a program."""
        page = self.system.page_size
        self.heaps.protect(address // page * page, -(-(address + size) // page) * page)
        self.decide_touches()

    def decide_touches(self) -> None:
        """Threads have begun or ended, or heap pages are protected now: heap calls' touches wait only if nobody but the
        calling thread sees the memory, and none of them may raise an exception."""
        self.defers_touches = len(self.threads) == 1 and not self.heaps.exposed


def exit_code(owner: ProcessState, code: Any) -> int:
    """What Windows keeps of an exit code, an unsigned number of 32 bits [ExitProcess]: its low 32 bits. Raises
    SimulationError unless it is a whole number of at most 64 bits."""
    if not isinstance(code, int | np.integer) or not -(1 << 63) <= code < 1 << 64:
        raise SimulationError(
            f"process {owner.name}: found exit code {code!r}, allowed is a whole number of at most 64 bits"
        )
    return int(code) & 0xFFFFFFFF
