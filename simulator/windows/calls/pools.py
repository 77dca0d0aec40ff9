"""Pool, as drivers use it: a program may act as one."""

from __future__ import annotations

from typing import Final

from simulator.windows import constants as c
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.failure import Failure, WindowsException

POOL_QUOTA_FAIL_INSTEAD_OF_RAISE: Final = 8
POOL_RAISE_IF_ALLOCATION_FAILURE: Final = 16
_CACHE_ALIGNED = 4
_COLD = 256
_PAGED = {c.NON_PAGED_POOL: False, c.PAGED_POOL: True, c.NON_PAGED_POOL_NX: False}
"""whether a pool type, its hints aside, is paged [POOL_TYPE]; both nonpaged ones are the same pool here"""
_STATUSES = {
    c.ERROR_NO_SYSTEM_RESOURCES: c.STATUS_INSUFFICIENT_RESOURCES,
    c.ERROR_NONPAGED_SYSTEM_RESOURCES: c.STATUS_INSUFFICIENT_RESOURCES,
    c.ERROR_PAGED_SYSTEM_RESOURCES: c.STATUS_INSUFFICIENT_RESOURCES,
    c.ERROR_NOT_ENOUGH_QUOTA: c.STATUS_QUOTA_EXCEEDED,
}
"""what is raised where a caller wants an exception"""


class PoolCalls(Calls):
    """ExAllocatePoolWithTag, ExAllocatePoolWithQuotaTag and ExFreePoolWithTag. What a program allocates outlives it, as
    a driver's pool does: only `ex_free_pool_with_tag` frees it."""

    def ex_allocate_pool_with_tag(self, pool_type: int, size: int, tag: str) -> Steps[int]:
        """The address of a block of nonpaged (0, 512) or paged (1) pool [ExAllocatePoolWithTag]; 0 with last error
        ERROR_NONPAGED_SYSTEM_RESOURCES or ERROR_PAGED_SYSTEM_RESOURCES at the pool's limit, ERROR_NO_SYSTEM_RESOURCES
        if commit charge or frames are lacking. With 16 in `pool_type` that raises STATUS_INSUFFICIENT_RESOURCES. Last
        error ERROR_INVALID_PARAMETER for another type, or a tag that isn't 1 to 4 printing ASCII characters."""
        return (
            yield from self._allocate(pool_type, size, tag, False, bool(pool_type & POOL_RAISE_IF_ALLOCATION_FAILURE))
        )

    def ex_allocate_pool_with_quota_tag(self, pool_type: int, size: int, tag: str) -> Steps[int]:
        """As `ex_allocate_pool_with_tag`, charged to the process's quota if it is less than a page
        [ExAllocatePoolWithQuotaTag]. What can't be allocated raises STATUS_INSUFFICIENT_RESOURCES or
        STATUS_QUOTA_EXCEEDED; with 8 in `pool_type` it gives 0, with last error ERROR_NOT_ENOUGH_QUOTA beyond the
        quota."""
        return (yield from self._allocate(pool_type, size, tag, True, not pool_type & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE))

    def _allocate(self, pool_type: int, size: int, tag: str, quota: bool, raises: bool) -> Steps[int]:
        before = self.last_error
        address: int = yield from self._call(self._take, pool_type, size, tag, quota)
        if not address and raises and self.last_error in _STATUSES:
            status, self.last_error = _STATUSES[self.last_error], before
            raise WindowsException(status)
        return address

    def _take(self, pool_type: int, size: int, tag: str, quota: bool) -> int:
        hints = _CACHE_ALIGNED | _COLD | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE | POOL_RAISE_IF_ALLOCATION_FAILURE
        paged = _PAGED.get(pool_type & ~hints)
        if paged is None or size < 0 or not 1 <= len(tag) <= 4 or not all(" " <= letter <= "~" for letter in tag):
            raise Failure(c.ERROR_INVALID_PARAMETER)
        owner = self.own if quota and size < self.system.page_size else None
        return self.system.pool.allocate(size, tag, paged=paged, owner=owner)
