"""How a call fails, how a reference does, and how a thread is ended."""

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


class ThreadEnded(BaseException):
    """Raised in a program at what it waits for when its thread has ended, and again at each call that it makes then.

    Not GeneratorExit: what is delegated to by `yield from` may not yield any more after that one.
    """
