"""Data execution prevention, asked for and set."""

from __future__ import annotations

from simulator.windows import dep
from simulator.windows.calls.base import Calls, Steps


class DepCalls(Calls):
    """GetSystemDEPPolicy, SetProcessDEPPolicy and GetProcessDEPPolicy."""

    def get_system_dep_policy(self) -> Steps[int]:
        """The system's policy [GetSystemDEPPolicy]: 0 always off, 1 always on, 2 opt-in, 3 opt-out."""
        return (yield from self._call(lambda: dep.POLICIES[self.system.settings.dep_policy]))

    def set_process_dep_policy(self, flags: int) -> Steps[bool]:
        """Turn the process's DEP off (0), or on for good (1; with 2, without thunk emulation) [SetProcessDEPPolicy].
        False with last error 50 in a 64-bit process, 87 for other flags, 5 if it can't be changed."""
        return (yield from self._call(dep.set_policy, self.own, flags, failed=False))

    def get_process_dep_policy(self) -> Steps[tuple[int, bool] | None]:
        """The process's flags, and whether they are permanent [GetProcessDEPPolicy]; None with last error 50 in a
        64-bit process."""
        return (yield from self._call(self.own.dep.get, failed=None))
