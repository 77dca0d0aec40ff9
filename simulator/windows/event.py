"""Events: what a thread sets to let others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from simulator.windows.objects import Waitable

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System


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
        owner: Owner | None = None,
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
