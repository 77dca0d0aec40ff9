"""Operations as calls of a real process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.windows import constants as w
from simulator.windows.failure import WindowsException
from tests.windows.harness import PAGE, Steps, works
from tests.windows.plain.records import Op, Outcome

TAG = "Test"
NO_HANDLE = 0x7777770
ERRORS = {"offer_virtual_memory", "reclaim_virtual_memory", "discard_virtual_memory"}
"""Calls that give an error, 0 for none."""


@dataclass
class Caller:
    """Makes calls, and remembers the handles and addresses that they gave."""

    handles: dict[tuple[int, int], int] = field(default_factory=dict)
    """by process and number of the operation that made them"""
    blocks: dict[int, int] = field(default_factory=dict)
    """addresses of blocks of pool, by number"""

    def perform(self, process: Any, op: Op, made: int, taken: int) -> Steps:
        """Make a call; `made` and `taken`: the numbers of the handle and the block of pool that it may give."""
        process.set_last_error(0)
        special = getattr(self, f"_{op.name}", None)
        try:
            if special:
                result = yield from special(process, op, made if op.name.startswith("create") else taken)
            else:
                result = yield from getattr(process, op.name)(*op.arguments)
        except WindowsException as exception:
            return Outcome(False, exception.status, raised=True)
        if op.name in {"read", "write", "execute"}:
            return Outcome(True)
        if op.name in ERRORS:
            return Outcome(result == 0, result)
        if op.name == "virtual_protect" and result:
            return Outcome(True, result)
        if op.name == "wait" and result != w.WAIT_FAILED:
            return Outcome(True, result)
        return Outcome(bool(result) and op.name != "wait", process.get_last_error())

    def _handle(self, op: Op) -> int:
        return self.handles.get((op.who, op.arguments[0]), NO_HANDLE)

    def _create_section(self, process: Any, op: Op, number: int) -> Steps:
        pages, protect, name, kind = op.arguments
        file, size = w.INVALID_HANDLE_VALUE, pages * PAGE
        if kind == "file":
            file, size = (yield from works(process.create_file("data"))), 0
        flags = w.SEC_RESERVE if kind == "reserve" else 0
        handle = yield from process.create_file_mapping(file, protect | flags, size, name)
        self.handles[op.who, number] = handle
        if kind == "file":
            error = process.get_last_error()
            yield from works(process.close_handle(file))
            process.set_last_error(error)
        return handle

    def _create_event(self, process: Any, op: Op, number: int) -> Steps:
        handle = yield from process.create_event(False, False, op.arguments[0])
        self.handles[op.who, number] = handle
        return handle

    def _set_event(self, process: Any, op: Op, _: int) -> Steps:
        call = process.set_event if op.arguments[1] else process.reset_event
        return (yield from call(self._handle(op)))

    def _wait(self, process: Any, op: Op, _: int) -> Steps:
        return (yield from process.wait_for_single_object(self._handle(op), 0))

    def _close_handle(self, process: Any, op: Op, _: int) -> Steps:
        return (yield from process.close_handle(self.handles.pop((op.who, op.arguments[0]), NO_HANDLE)))

    def _map_view(self, process: Any, op: Op, _: int) -> Steps:
        _number, access, address, pages = op.arguments
        return (yield from process.map_view_of_file_ex(self._handle(op), access, 0, pages * PAGE, address))

    def _hold(self, process: Any, op: Op, _: int) -> Steps:
        kind = w.MEM_RESERVE | w.MEM_RESERVE_PLACEHOLDER
        return (yield from process.virtual_alloc2(-1, *op.arguments, kind, w.PAGE_NOACCESS))

    def _replace(self, process: Any, op: Op, _: int) -> Steps:
        address, size, kind, protect = op.arguments
        return (yield from process.virtual_alloc2(-1, address, size, kind | w.MEM_REPLACE_PLACEHOLDER, protect))

    def _split(self, process: Any, op: Op, _: int) -> Steps:
        return (yield from process.virtual_free(*op.arguments, w.MEM_RELEASE | w.MEM_PRESERVE_PLACEHOLDER))

    def _join(self, process: Any, op: Op, _: int) -> Steps:
        return (yield from process.virtual_free(*op.arguments, w.MEM_RELEASE | w.MEM_COALESCE_PLACEHOLDERS))

    def _map_placeholder(self, process: Any, op: Op, _: int) -> Steps:
        _number, protect, address, pages = op.arguments
        handle, kind = self._handle(op), w.MEM_REPLACE_PLACEHOLDER
        return (yield from process.map_view_of_file3(handle, -1, address, 0, pages * PAGE, kind, protect))

    def _unmap_preserve(self, process: Any, op: Op, _: int) -> Steps:
        return (yield from process.unmap_view_of_file_ex(op.arguments[0], w.MEM_PRESERVE_PLACEHOLDER))

    def _pool_allocate(self, process: Any, op: Op, number: int) -> Steps:
        self.blocks[number] = yield from process.ex_allocate_pool_with_tag(*op.arguments, TAG)
        return self.blocks[number]

    def _pool_free(self, process: Any, op: Op, _: int) -> Steps:
        return (yield from process.ex_free_pool_with_tag(self.blocks.get(op.arguments[0], PAGE), TAG))
