"""What the system says of itself and of its memory."""

from __future__ import annotations

from simulator.windows import information
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.information import MemoryStatus, SystemInformation


class InformationCalls(Calls):
    """GlobalMemoryStatusEx, GetSystemInfo and their relatives."""

    def global_memory_status_ex(self) -> Steps[MemoryStatus]:
        """Memory, commit charge and the process's address space, in bytes [GlobalMemoryStatusEx]."""
        return (yield from self._call(information.memory_status, self.own))

    def global_memory_status(self) -> Steps[MemoryStatus]:
        """The same, in fields of 32 bits in a 32-bit process [GlobalMemoryStatus]."""
        return (yield from self._call(information.short_memory_status, self.own))

    def get_system_info(self) -> Steps[SystemInformation]:
        """Page size, allocation granularity, limits of the address space, processors [GetSystemInfo]."""
        return (yield from self._call(information.system_information, self.own))

    def get_native_system_info(self) -> Steps[SystemInformation]:
        """The same, also in a 32-bit process with the processor that there is [GetNativeSystemInfo]."""
        return (yield from self._call(information.system_information, self.own, True))

    def get_physically_installed_system_memory(self) -> Steps[int]:
        """KiB of memory [GetPhysicallyInstalledSystemMemory]."""
        return (yield from self._call(lambda: self.system.pages.frames * self.system.page_size // 1024))
