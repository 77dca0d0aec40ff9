"""The system's performance information."""

from __future__ import annotations

from simulator.windows.calls.base import Calls, Steps
from simulator.windows.performance import PerformanceInformation, performance_information


class PerformanceCalls(Calls):
    """GetPerformanceInfo."""

    def get_performance_info(self) -> Steps[PerformanceInformation]:
        """Commit charge, memory, pools, and how many handles, processes and threads there are [GetPerformanceInfo]."""
        return (yield from self._call(performance_information, self.system))
