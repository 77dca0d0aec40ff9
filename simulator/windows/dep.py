"""Data execution prevention: whether a process may execute data, by the system's policy and its own setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows import constants as c
from simulator.windows.failure import Failure

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState

POLICIES = {
    "always-off": c.DEP_ALWAYS_OFF,
    "always-on": c.DEP_ALWAYS_ON,
    "opt-in": c.DEP_OPT_IN,
    "opt-out": c.DEP_OPT_OUT,
}
"""The system's policies as a machine's settings name them, and as [GetSystemDEPPolicy] numbers them."""
_FLAGS = c.PROCESS_DEP_ENABLE | c.PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION


class Dep:
    """One process's DEP: on or off, for good or not.

    A 64-bit process has it whatever the policy ("DEP is always enabled for 64-bit native programs"), for good; but not
    under always-off, which turns it off "for all parts of the system" [GetSystemDEPPolicy]. A 32-bit process has it
    under always-on and opt-out; under opt-in only the system's own parts have it, and programs that ask for it.
    """

    def __init__(self, policy: str, bits: int) -> None:
        """`policy` is a key of POLICIES, `bits` 32 or 64."""
        self.policy = POLICIES[policy]
        self.bits = bits
        self.enabled = self.policy in (c.DEP_ALWAYS_ON, c.DEP_OPT_OUT)
        """whether executing a page without execute access is an access violation"""
        self.permanent = self.policy in (c.DEP_ALWAYS_OFF, c.DEP_ALWAYS_ON)
        """whether the process's setting can't change any more"""
        self.atl_thunks = True
        """whether faults of the Active Template Library's thunks are emulated"""
        if bits == 64 and not self.permanent:
            self.enabled = self.permanent = True

    def set(self, flags: int) -> bool:
        """Change the setting [SetProcessDEPPolicy]; True if `enabled` is now another.

        Flags: 0 off, 1 on for good, 2 (with 1) without thunk emulation. Raises Failure: ERROR_NOT_SUPPORTED in a 64-bit
        process; ERROR_INVALID_PARAMETER for other flags; 5 under always-off and always-on, when it was fixed at the
        process's creation, or after it was turned on for good (the page says that such calls are ignored).
        """
        if self.bits == 64:
            raise Failure(c.ERROR_NOT_SUPPORTED)
        if flags & ~_FLAGS or flags == c.PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        if self.permanent:
            raise Failure(c.ERROR_ACCESS_DENIED)
        before = self.enabled
        self.enabled = self.permanent = bool(flags & c.PROCESS_DEP_ENABLE)
        self.atl_thunks = not flags & c.PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION
        return self.enabled != before

    def get(self) -> tuple[int, bool]:
        """Flags as in `set`, and whether they are permanent; raises Failure ERROR_NOT_SUPPORTED in a 64-bit process."""
        if self.bits == 64:
            raise Failure(c.ERROR_NOT_SUPPORTED)
        flags = c.PROCESS_DEP_ENABLE if self.enabled else 0
        if self.enabled and not self.atl_thunks:
            flags |= c.PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION
        return flags, self.permanent


def get_system_dep_policy(own: ProcessState) -> int:
    """The system's policy [GetSystemDEPPolicy]: 0 always off, 1 always on, 2 opt-in, 3 opt-out."""
    return POLICIES[own.system.settings.dep_policy]


def set_process_dep_policy(own: ProcessState, flags: int) -> bool:
    """Turn the process's DEP off (0), or on for good (1; with 2, without thunk emulation) [SetProcessDEPPolicy].
    ERROR_NOT_SUPPORTED in a 64-bit process, ERROR_INVALID_PARAMETER for other flags, ERROR_ACCESS_DENIED if it can't be
    changed."""
    if own.dep.set(flags):
        own.space.dep_changed()
    return True


def get_process_dep_policy(own: ProcessState) -> tuple[int, bool]:
    """The process's flags, and whether they are permanent [GetProcessDEPPolicy]. ERROR_NOT_SUPPORTED in a 64-bit
    process."""
    return own.dep.get()
