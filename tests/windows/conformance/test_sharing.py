"""Share modes of CreateFile: who may have a file open with whom."""

from __future__ import annotations

from itertools import product
from typing import Any

from tests.windows.conformance.rules import *

CREATE, WINE = "[CreateFile]", "[k32/file.c: test_file_sharing]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
READ, WRITE, DELETE = w.GENERIC_READ, w.GENERIC_WRITE, w.DELETE
ACCESSES = (0, READ, WRITE, READ | WRITE, DELETE, READ | DELETE, WRITE | DELETE, READ | WRITE | DELETE)
SHARE = {READ: w.FILE_SHARE_READ, WRITE: w.FILE_SHARE_WRITE, DELETE: w.FILE_SHARE_DELETE}


def opened(p: Any, access: int, share: int, disposition: int = w.OPEN_EXISTING) -> Any:
    """(the handle of "data" or None, last error)."""
    p.set_last_error(0)
    handle = p.create_file("data", None, None, access, disposition, share)
    return (None if handle == w.INVALID_HANDLE_VALUE else handle), p.get_last_error()


def compatible(access: int, share: int, access2: int, share2: int) -> bool:
    """The rule, written as the tests state it: each has what the other one shares; no access minds nobody."""
    if not access or not access2:
        return True
    return all(
        (not access & right or bool(share2 & flag)) and (not access2 & right or bool(share & flag))
        for right, flag in SHARE.items()
    )


def test_create_file(rule: Rule) -> None:
    with rule("each of 8 x 8 accesses and share modes goes with each, or fails with 32", WINE, **FILE) as p:
        for access, share in product(ACCESSES, range(8)):
            first, _ = opened(p, access, share)
            assert first is not None
            for access2, share2 in product(ACCESSES, range(8)):
                handle, error = opened(p, access2, share2)
                fits = compatible(access, share, access2, share2)
                expected = 0 if fits else w.ERROR_SHARING_VIOLATION
                assert (handle is not None, error) == (fits, expected), f"{access:#x}/{share} {access2:#x}/{share2}"
                if handle is not None:
                    works(p.close_handle(handle))
            works(p.close_handle(first))
    with rule("who reads must share writing with who has it open for that", WINE, **FILE) as p:
        opened(p, READ | WRITE, w.FILE_SHARE_READ, w.OPEN_ALWAYS)
        assert opened(p, READ, w.FILE_SHARE_READ) == (None, w.ERROR_SHARING_VIOLATION)
        handle, _ = opened(p, READ, w.FILE_SHARE_READ | w.FILE_SHARE_WRITE)
        assert handle is not None
    with rule("a share mode of 0 keeps everybody out until the handle is closed", CREATE, **FILE) as p:
        handle, _ = opened(p, READ, 0)
        assert opened(p, READ, 7) == (None, w.ERROR_SHARING_VIOLATION)
        works(p.close_handle(handle))
        assert opened(p, READ, 7)[1] == 0
    with rule("a share mode holds until the last duplicate of the handle is closed", CREATE, **FILE) as p:
        handle, _ = opened(p, READ, 0)
        again = works(p.duplicate_handle(handle))
        works(p.close_handle(handle))
        assert opened(p, READ, 7)[1] == w.ERROR_SHARING_VIOLATION
        works(p.close_handle(again))
        assert opened(p, READ, 7)[1] == 0
    with rule("a share mode holds for other processes, and ends with its own", CREATE, **FILE) as p:

        def child(p: Any) -> Any:
            handle, error = opened(p, WRITE, 0)
            return error if handle is None else 0

        handle, _ = opened(p, READ, w.FILE_SHARE_READ)
        assert p.other(child) == w.ERROR_SHARING_VIOLATION
        works(p.close_handle(handle))
        assert p.other(child) == 0
        assert opened(p, WRITE, 0)[1] == 0


def test_sections_and_share_modes(rule: Rule) -> None:
    with rule("a section keeps the file from being cut off, but shares it with all", CREATE, **FILE) as p:
        handle, _ = opened(p, READ | WRITE, 0)
        section = works(p.create_file_mapping(handle, RW))
        works(p.map_view_of_file(section, w.FILE_MAP_WRITE))
        works(p.close_handle(handle))
        assert opened(p, READ | WRITE, 0, w.CREATE_ALWAYS) == (None, w.ERROR_USER_MAPPED_FILE)
        assert opened(p, READ | WRITE, 0, w.TRUNCATE_EXISTING) == (None, w.ERROR_USER_MAPPED_FILE)
        assert opened(p, READ | WRITE, 0)[1] == 0
    with rule("to empty a file is to write to it", "ros: drivers/filesystems/fastfat/create.c", **FILE) as p:
        opened(p, READ, w.FILE_SHARE_READ)
        assert opened(p, READ, 7, w.CREATE_ALWAYS) == (None, w.ERROR_SHARING_VIOLATION)
        handle, _ = opened(p, READ, 7)
        assert p.get_file_size(handle) == UNIT
    with rule(
        "an image that is mapped can't be opened for writing: 32",
        "ros: drivers/filesystems/vfatfs/create.c",
        images={"data": {"size": UNIT, "dynamic_base": False}},
    ) as p:
        base = works(p.load_library("data"))
        for disposition in (w.OPEN_EXISTING, w.CREATE_ALWAYS):
            assert opened(p, READ | WRITE, 7, disposition) == (None, w.ERROR_SHARING_VIOLATION)
        assert opened(p, READ, 7)[1] == 0
        works(p.free_library(base))
        assert opened(p, READ | WRITE, 7) == (None, w.ERROR_ACCESS_DENIED)  # not modelled
    with rule("CREATE_NEW of a file that is there fails with 80, whoever has it open", CREATE, **FILE) as p:
        opened(p, READ, 0)
        assert opened(p, READ, 0, w.CREATE_NEW) == (None, w.ERROR_FILE_EXISTS)
    with rule("a file that it makes is shared as it says", CREATE) as p:
        handle, _ = opened(p, WRITE, w.FILE_SHARE_READ, w.CREATE_NEW)
        assert opened(p, WRITE, 7)[1] == w.ERROR_SHARING_VIOLATION
        assert opened(p, READ, 7)[1] == 0
        works(p.set_end_of_file(handle, UNIT))
    with rule("a share mode that isn't one is refused", CREATE, **FILE) as p:
        assert opened(p, READ, 8) == (None, w.ERROR_INVALID_PARAMETER)


def test_set_end_of_file(rule: Rule) -> None:
    with rule("refuses a handle that was opened for reading, whatever it shares", "[SetEndOfFile]", **FILE) as p:
        handle, _ = opened(p, READ, 7)
        p.fails(w.ERROR_ACCESS_DENIED).set_end_of_file(handle, 0)
