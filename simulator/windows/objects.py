"""Kernel objects: counted by handles and references, found by name; what a thread can wait for, such as events."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from simulator.windows import constants as c
from simulator.windows.failure import Failure

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

_LONGEST_NAME = 260
"""MAX_PATH characters [CreateEvent]"""

T = TypeVar("T", bound="KernelObject")

NAME_TAG = "ObNm"
"""The pool tag of objects' names [ros: ntoskrnl/include/internal/tag.h]."""


class KernelObject:
    """What a handle refers to: a body in pool, a count of handles and a count of references, perhaps a name.

    It is born with one reference, its maker's: `HandleTable.give` turns that into a handle. A kind says where its body
    lies (`paged`) and its size in bytes (`body`, object header included, as seen in PoolMon on 64-bit Windows 7;
    chosen). Raises Failure ERROR_NO_SYSTEM_RESOURCES, ERROR_NONPAGED_SYSTEM_RESOURCES, ERROR_PAGED_SYSTEM_RESOURCES or
    ERROR_NOT_ENOUGH_QUOTA if there's no pool for it: then nothing has changed.
    """

    kind: ClassVar[str] = ""
    """names of all kinds share one namespace: a name found with another kind is an error"""
    tag: ClassVar[str] = "Obje"
    body: ClassVar[int] = 112
    paged: ClassVar[bool] = False

    def __init__(self, system: System, name: str | None = None, owner: ProcessState | None = None) -> None:
        """`owner` is the process whose pool quota pays for the body; None: nobody's."""
        self.system = system
        self.name = name or ""
        self.handles = 0
        self.references = 1
        self.permanent = False
        """keeps its name and lives without handles or references, as the system's own objects do"""
        self._blocks: list[int] = []
        try:
            self._blocks.append(system.pool.allocate(self.body, self.tag, paged=self.paged, owner=owner))
            if self.name:
                self._blocks.append(system.pool.allocate(2 * len(self.name), NAME_TAG, paged=True, owner=owner))
                system.namespace.insert(self)
        except Failure:
            self._free()
            raise

    def reference(self) -> None:
        """Count one more user in the kernel, such as a view of a section."""
        self.references += 1

    def dereference(self) -> None:
        """Count one user less; the last one deletes the object."""
        self.references -= 1
        if self.references == 0 and not self.permanent:
            self._unname()
            self.deleted()
            self._free()

    def opened(self) -> None:
        """Count one handle more."""
        self.handles += 1
        self.reference()

    def closed(self) -> None:
        """Count one handle less; without handles an object loses its name, even if views still use it."""
        self.handles -= 1
        if self.handles == 0 and not self.permanent:
            self._unname()
        self.dereference()

    def deleted(self) -> None:
        """Called once, when the last handle and the last reference are gone."""

    def _unname(self) -> None:
        if self.name:
            self.system.namespace.remove(self)
            self.name = ""

    def _free(self) -> None:
        for block in self._blocks:
            self.system.pool.free(block)
        self._blocks.clear()


class Waitable(KernelObject):
    """An object that threads can wait for: they go on when it is signalled."""

    def __init__(self, system: System, name: str | None = None, owner: ProcessState | None = None) -> None:
        super().__init__(system, name, owner)
        self.waiters: deque[Any] = deque()
        """those who wait for it, in order of arrival; kept by whoever runs the threads"""

    @property
    def signalled(self) -> bool:
        """Whether a wait for it would end at once: never, unless its kind says when."""
        return False

    def consume(self) -> None:
        """A wait for it has ended: what that changes, such as resetting an auto-reset event."""


class Event(Waitable):
    """An event: set or not. A manual-reset event stays set, and lets all waiting threads go on; an auto-reset event is
    reset by the first thread whose wait it ends [Event Objects]. 128 bytes of nonpaged pool with the pool's header."""

    kind: ClassVar[str] = "Event"
    tag: ClassVar[str] = "Even"
    body: ClassVar[int] = 112

    def __init__(
        self,
        system: System,
        *,
        manual_reset: bool = False,
        initial_state: bool = False,
        name: str | None = None,
        owner: ProcessState | None = None,
    ) -> None:
        super().__init__(system, name, owner)
        self.manual_reset = manual_reset
        self._set = initial_state

    @property
    def signalled(self) -> bool:
        """Whether it is set."""
        return self._set

    def consume(self) -> None:
        """A wait for it has ended: an auto-reset event is no longer set."""
        if not self.manual_reset:
            self._set = False

    def set(self) -> None:
        """Set it, and let threads go on: all that wait, or one [SetEvent]. Setting it again changes nothing."""
        if not self._set:
            self._set = True
            self.system.wake(self)

    def reset(self) -> None:
        """It is no longer set [ResetEvent]."""
        self._set = False


class Namespace:
    r"""Objects by name: one namespace for all kinds, and for all sessions.

    `Global\` and `Local\` may stand before a name and change nothing, as there's one session. Case counts. Any other
    backslash is refused unless the name starts with `KernelObjects\`, the system's own [CreateEvent; Kernel object
    namespaces; Standard Event Objects].
    """

    def __init__(self) -> None:
        self._objects: dict[str, KernelObject] = {}

    @staticmethod
    def key(name: str) -> str:
        """The name without its session prefix; raises Failure ERROR_FILENAME_EXCED_RANGE if it is too long,
        ERROR_PATH_NOT_FOUND if it has a further backslash."""
        if len(name) > _LONGEST_NAME:
            raise Failure(c.ERROR_FILENAME_EXCED_RANGE)
        for prefix in ("Global\\", "Local\\"):
            name = name.removeprefix(prefix)
        if "\\" in name.removeprefix("KernelObjects\\"):
            raise Failure(c.ERROR_PATH_NOT_FOUND)
        return name

    def find(self, name: str | None, kind: type[T]) -> T | None:
        """The object of that name, or None; raises Failure ERROR_INVALID_HANDLE if it is of another kind."""
        if not name:
            return None
        existing = self._objects.get(self.key(name))
        if existing is None or isinstance(existing, kind):
            return existing
        raise Failure(c.ERROR_INVALID_HANDLE)

    def insert(self, item: KernelObject) -> None:
        """Make a new object known by its name; raises Failure ERROR_INVALID_HANDLE if the name is in use (`find` comes
        first)."""
        key = self.key(item.name)
        if key in self._objects:
            raise Failure(c.ERROR_INVALID_HANDLE)
        self._objects[key] = item

    def remove(self, item: KernelObject) -> None:
        """Forget an object's name."""
        key = self.key(item.name)
        if self._objects.get(key) is item:
            del self._objects[key]


def create_event(
    own: ProcessState, manual_reset: bool = False, initial_state: bool = False, name: str | None = None
) -> tuple[int, int]:
    """A handle to a new event, or to the one of that name, whose state stays as it is, with last error
    ERROR_ALREADY_EXISTS [CreateEvent]. ERROR_INVALID_HANDLE if the name is of another kind of object,
    ERROR_FILENAME_EXCED_RANGE or ERROR_PATH_NOT_FOUND if it can't be a name, ERROR_NO_SYSTEM_RESOURCES,
    ERROR_NONPAGED_SYSTEM_RESOURCES, ERROR_PAGED_SYSTEM_RESOURCES or ERROR_NOT_ENOUGH_QUOTA if pool or quota are
    lacking."""
    existing = own.system.namespace.find(name, Event)
    if existing is not None:
        return own.handles.add(existing), c.ERROR_ALREADY_EXISTS
    event = Event(own.system, manual_reset=manual_reset, initial_state=initial_state, name=name, owner=own)
    return own.handles.give(event), c.ERROR_SUCCESS


def open_event(own: ProcessState, name: str) -> int:
    """A handle to the event of that name [OpenEvent]. ERROR_FILE_NOT_FOUND if there's none, ERROR_INVALID_HANDLE if the
    name is of another kind of object."""
    existing = own.system.namespace.find(name, Event)
    if existing is None:
        raise Failure(c.ERROR_FILE_NOT_FOUND)
    return own.handles.add(existing)


def set_event(own: ProcessState, handle: int) -> bool:
    """Set an event: threads that wait for it go on, all if it is reset by hand, else one [SetEvent]."""
    own.handles.get(handle, Event).set()
    return True


def reset_event(own: ProcessState, handle: int) -> bool:
    """Reset an event [ResetEvent]."""
    own.handles.get(handle, Event).reset()
    return True


def close_handle(own: ProcessState, handle: int) -> bool:
    """Close a handle [CloseHandle]. ERROR_INVALID_HANDLE if there's no such handle."""
    return own.handles.close(handle)


def duplicate_handle(own: ProcessState, handle: int) -> int:
    """Another handle to the same object, with the same rights [DuplicateHandle]. ERROR_INVALID_HANDLE if there's no
    such handle; ERROR_NO_SYSTEM_RESOURCES, ERROR_PAGED_SYSTEM_RESOURCES or ERROR_NOT_ENOUGH_QUOTA if no more can be
    had."""
    return own.handles.duplicate(handle)


def get_process_handle_count(own: ProcessState) -> int:
    """How many handles the process has open [GetProcessHandleCount]."""
    return len(own.handles)
