"""What Wine's tests of CreateFile assert of dispositions and last errors."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WINE = "[k32/file.c: test_CreateFileA, test_CreateFileW]"
SHARING = "[k32/file.c: test_file_sharing]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
MARK = 0xDEADBEEF


def opened(p: Any, name: str, share: int, disposition: int) -> Any:
    """(handle or None, last error) of CreateFile for reading."""
    p.set_last_error(MARK)
    handle = p.create_file(name, None, None, w.GENERIC_READ, disposition, share)
    return (None if handle == w.INVALID_HANDLE_VALUE else handle), p.get_last_error()


def test_create_file(rule: Rule) -> None:
    with rule("CREATE_NEW of a file that is there: 80", WINE, **FILE) as p:
        assert opened(p, "data", 0, w.CREATE_NEW) == (None, w.ERROR_FILE_EXISTS)
    with rule("CREATE_ALWAYS and OPEN_ALWAYS for reading of a file that is there: 183", WINE, **FILE) as p:
        for disposition in (w.CREATE_ALWAYS, w.OPEN_ALWAYS):
            handle, error = opened(p, "data", w.FILE_SHARE_READ, disposition)
            assert (handle is not None, error) == (True, w.ERROR_ALREADY_EXISTS)
            assert p.get_file_size(handle) == 0
            works(p.close_handle(handle))
    with rule("of a file that isn't there yet: a last error of 0", WINE) as p:
        for disposition in (w.OPEN_ALWAYS, w.CREATE_ALWAYS, w.CREATE_NEW):
            handle, error = opened(p, f"new {disposition}", w.FILE_SHARE_READ, disposition)
            assert (handle is not None, error) == (True, 0)
    with rule("of a file that is opened as it is: a last error of 0", SHARING, **FILE) as p:
        handle, error = opened(p, "data", w.FILE_SHARE_READ, w.OPEN_EXISTING)
        assert (handle is not None, error) == (True, 0)
    with rule("an empty name is no path: 3", WINE) as p:
        assert opened(p, "", 0, w.CREATE_NEW) == (None, w.ERROR_PATH_NOT_FOUND)
    with rule("OPEN_EXISTING of what isn't there: 2", WINE) as p:
        share = w.FILE_SHARE_READ | w.FILE_SHARE_WRITE
        assert opened(p, "BOGUS", share, w.OPEN_EXISTING) == (None, w.ERROR_FILE_NOT_FOUND)
