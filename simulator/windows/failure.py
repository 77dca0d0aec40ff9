"""How a call fails, and how a reference does."""

from __future__ import annotations


class Failure(Exception):
    """A call that can't be done: nothing has changed, the caller gets what Windows gives for failure, and the code
    becomes the thread's last error."""

    def __init__(self, code: int) -> None:
        """`code` is a Win32 error, or an NTSTATUS where Windows passes one on."""
        super().__init__(f"error {code:#x}" if code > 0xFFFF else f"error {code}")
        self.code = code


class WindowsException(Exception):
    """A structured exception, raised in the program at the reference or call that caused it.

    A program may catch it; if none does, its process ends with the status as exit code.
    """

    def __init__(self, status: int, information: tuple[int, ...] = ()) -> None:
        """`information` as in EXCEPTION_RECORD: for an access violation 0, 1 or 8 (read, write, execute) and the
        address; for an in-page error the NTSTATUS of the read besides."""
        super().__init__(f"status {status:#010x} {information}")
        self.status = status
        self.information = information
