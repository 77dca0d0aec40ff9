"""What Wine's tests of CreateFile assert of dispositions and last errors."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import UNIT, Steps, Table, equal, works

case = Table()
WINE = "[k32/file.c: test_CreateFileA, test_CreateFileW]"
SHARING = "[k32/file.c: test_file_sharing]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
MARK = 0xDEADBEEF


def opened(process: Any, name: str, share: int, disposition: int) -> Steps:
    """(handle or None, last error) of CreateFile for reading."""
    process.set_last_error(MARK)
    handle = yield from process.create_file(name, None, None, w.GENERIC_READ, disposition, share)
    return (None if handle == w.INVALID_HANDLE_VALUE else handle), process.get_last_error()


@case("CreateFile", "CREATE_NEW of a file that is there: 80", WINE, **FILE)
def _(process: Any) -> Steps:
    equal((yield from opened(process, "data", 0, w.CREATE_NEW)), (None, w.ERROR_FILE_EXISTS))


@case("CreateFile", "CREATE_ALWAYS and OPEN_ALWAYS for reading of a file that is there: 183", WINE, **FILE)
def _(process: Any) -> Steps:
    for disposition in (w.CREATE_ALWAYS, w.OPEN_ALWAYS):
        handle, error = yield from opened(process, "data", w.FILE_SHARE_READ, disposition)
        equal((handle is not None, error), (True, w.ERROR_ALREADY_EXISTS))
        equal((yield from process.get_file_size(handle)), 0)
        yield from works(process.close_handle(handle))


@case("CreateFile", "of a file that isn't there yet: a last error of 0", WINE)
def _(process: Any) -> Steps:
    for disposition in (w.OPEN_ALWAYS, w.CREATE_ALWAYS, w.CREATE_NEW):
        handle, error = yield from opened(process, f"new {disposition}", w.FILE_SHARE_READ, disposition)
        equal((handle is not None, error), (True, 0))


@case("CreateFile", "of a file that is opened as it is: a last error of 0", SHARING, **FILE)
def _(process: Any) -> Steps:
    handle, error = yield from opened(process, "data", w.FILE_SHARE_READ, w.OPEN_EXISTING)
    equal((handle is not None, error), (True, 0))


@case("CreateFile", "an empty name is no path: 3", WINE)
def _(process: Any) -> Steps:
    equal((yield from opened(process, "", 0, w.CREATE_NEW)), (None, w.ERROR_PATH_NOT_FOUND))


@case("CreateFile", "OPEN_EXISTING of what isn't there: 2", WINE)
def _(process: Any) -> Steps:
    share = w.FILE_SHARE_READ | w.FILE_SHARE_WRITE
    equal((yield from opened(process, "BOGUS", share, w.OPEN_EXISTING)), (None, w.ERROR_FILE_NOT_FOUND))
