"""Working-set calls and the counters of a process's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simulator.windows import working_set, working_set_watch
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.calls.virtual import owner_of
from simulator.windows.constants import CURRENT_PROCESS
from simulator.windows.working_set import PageInformation, ProcessMemoryCounters, WorkingSetPage
from simulator.windows.working_set_watch import WorkingSetChange

if TYPE_CHECKING:
    from simulator.windows.owner import Owner


class WorkingSetCalls(Calls):
    """The working set of the process itself (handle -1) or another one; codes as the functions of
    `windows.working_set` raise them, and 6 for a handle that is no process's."""

    def get_process_working_set_size(self, handle: int = CURRENT_PROCESS) -> Steps[tuple[int, int] | None]:
        """(minimum, maximum) in bytes, or None [GetProcessWorkingSetSize]."""
        found = yield from self.get_process_working_set_size_ex(handle)
        return None if found is None else found[:2]

    def get_process_working_set_size_ex(self, handle: int = CURRENT_PROCESS) -> Steps[tuple[int, int, int] | None]:
        """(minimum, maximum, flags), or None [GetProcessWorkingSetSizeEx]."""
        return (yield from self._of(handle, working_set.limits, failed=None))

    def set_process_working_set_size(self, minimum: int, maximum: int, handle: int = CURRENT_PROCESS) -> Steps[bool]:
        """Set the limits, in bytes, soft or hard as they were; (-1, -1) empties the working set
        [SetProcessWorkingSetSize]."""
        return (yield from self.set_process_working_set_size_ex(minimum, maximum, 0, handle))

    def set_process_working_set_size_ex(
        self, minimum: int, maximum: int, flags: int, handle: int = CURRENT_PROCESS
    ) -> Steps[bool]:
        """`set_process_working_set_size`, with QUOTA_LIMITS_ flags [SetProcessWorkingSetSizeEx]."""
        return (yield from self._of(handle, working_set.set_limits, minimum, maximum, flags, self.own, failed=False))

    def empty_working_set(self, handle: int = CURRENT_PROCESS) -> Steps[bool]:
        """Take out all that can be [EmptyWorkingSet]."""
        return (yield from self._of(handle, working_set.empty, failed=False))

    def query_working_set(self) -> Steps[list[WorkingSetPage]]:
        """The pages in the working set, by address [QueryWorkingSet]."""
        return (yield from self._call(working_set.contents, self.own.space))

    def query_working_set_ex(self, addresses: Sequence[int]) -> Steps[list[PageInformation]]:
        """What is known of the pages at some addresses [QueryWorkingSetEx]."""
        return (yield from self._call(working_set.information, self.own.space, addresses))

    def initialize_process_for_ws_watch(self, handle: int = CURRENT_PROCESS) -> Steps[bool]:
        """Begin to note down the faults of a process, or forget those noted down [InitializeProcessForWsWatch]."""
        return (yield from self._of(handle, working_set_watch.begin, failed=False))

    def get_ws_changes(
        self, handle: int = CURRENT_PROCESS, size: int = 1 << 16
    ) -> Steps[list[WorkingSetChange] | None]:
        """The faults that brought pages into the working set since the last call, or None [GetWsChanges]. `size`: bytes
        of the buffer for them; 122 if it is too small."""
        return (yield from self._of(handle, working_set_watch.changes, size, False, failed=None))

    def get_ws_changes_ex(
        self, handle: int = CURRENT_PROCESS, size: int = 1 << 16
    ) -> Steps[list[WorkingSetChange] | None]:
        """The same; its records take twice the room [GetWsChangesEx]."""
        return (yield from self._of(handle, working_set_watch.changes, size, True, failed=None))

    def get_process_memory_info(self, handle: int = CURRENT_PROCESS) -> Steps[ProcessMemoryCounters | None]:
        """Counters of memory use, or None [GetProcessMemoryInfo]."""
        return (yield from self._of(handle, working_set.memory_counters, failed=None))

    def set_memory_priority(self, priority: int) -> Steps[bool]:
        """Set the process's memory priority, 1 to 5 [SetProcessInformation, ProcessMemoryPriority]."""
        return (yield from self._of(CURRENT_PROCESS, working_set.set_memory_priority, priority, failed=False))

    def get_memory_priority(self) -> Steps[int]:
        """The process's memory priority [GetProcessInformation]."""
        return (yield from self._of(CURRENT_PROCESS, working_set.memory_priority))

    def _of(self, handle: int, function: Callable[..., Any], *arguments: Any, failed: Any = 0) -> Steps[Any]:
        return (yield from self._call(self._apply, handle, function, *arguments, failed=failed))

    def _apply(self, handle: int, function: Callable[..., Any], *arguments: Any) -> Any:
        owner: Owner = owner_of(self.own, handle)
        return function(owner, *arguments)
