"""Share modes of CreateFile: who may have a file open with whom."""

from __future__ import annotations

from itertools import product
from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import RW, UNIT, Steps, Table, equal, fails, other, works

case = Table()
CREATE, WINE = "[CreateFile]", "[k32/file.c: test_file_sharing]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
READ, WRITE, DELETE = w.GENERIC_READ, w.GENERIC_WRITE, w.DELETE
ACCESSES = (0, READ, WRITE, READ | WRITE, DELETE, READ | DELETE, WRITE | DELETE, READ | WRITE | DELETE)
SHARE = {READ: w.FILE_SHARE_READ, WRITE: w.FILE_SHARE_WRITE, DELETE: w.FILE_SHARE_DELETE}


def opened(process: Any, access: int, share: int, disposition: int = w.OPEN_EXISTING) -> Steps:
    """(the handle of "data" or None, last error)."""
    process.set_last_error(0)
    handle = yield from process.create_file("data", None, None, access, disposition, share)
    return (None if handle == w.INVALID_HANDLE_VALUE else handle), process.get_last_error()


def compatible(access: int, share: int, access2: int, share2: int) -> bool:
    """The rule, written as the tests state it: each has what the other one shares; no access minds nobody."""
    if not access or not access2:
        return True
    return all(
        (not access & right or bool(share2 & flag)) and (not access2 & right or bool(share & flag))
        for right, flag in SHARE.items()
    )


@case("CreateFile", "each of 8 x 8 accesses and share modes goes with each, or fails with 32", WINE, **FILE)
def _(process: Any) -> Steps:
    for access, share in product(ACCESSES, range(8)):
        first, _ = yield from opened(process, access, share)
        assert first is not None
        for access2, share2 in product(ACCESSES, range(8)):
            handle, error = yield from opened(process, access2, share2)
            fits = compatible(access, share, access2, share2)
            expected = 0 if fits else w.ERROR_SHARING_VIOLATION
            equal((handle is not None, error), (fits, expected), f"{access:#x}/{share} {access2:#x}/{share2}")
            if handle is not None:
                yield from works(process.close_handle(handle))
        yield from works(process.close_handle(first))


@case("CreateFile", "who reads must share writing with who has it open for that", WINE, **FILE)
def _(process: Any) -> Steps:
    yield from opened(process, READ | WRITE, w.FILE_SHARE_READ, w.OPEN_ALWAYS)
    equal((yield from opened(process, READ, w.FILE_SHARE_READ)), (None, w.ERROR_SHARING_VIOLATION))
    handle, _ = yield from opened(process, READ, w.FILE_SHARE_READ | w.FILE_SHARE_WRITE)
    equal(handle is not None, True)


@case("CreateFile", "a share mode of 0 keeps everybody out until the handle is closed", CREATE, **FILE)
def _(process: Any) -> Steps:
    handle, _ = yield from opened(process, READ, 0)
    equal((yield from opened(process, READ, 7)), (None, w.ERROR_SHARING_VIOLATION))
    yield from works(process.close_handle(handle))
    equal((yield from opened(process, READ, 7))[1], 0)


@case("CreateFile", "a share mode holds until the last duplicate of the handle is closed", CREATE, **FILE)
def _(process: Any) -> Steps:
    handle, _ = yield from opened(process, READ, 0)
    again = yield from works(process.duplicate_handle(handle))
    yield from works(process.close_handle(handle))
    equal((yield from opened(process, READ, 7))[1], w.ERROR_SHARING_VIOLATION)
    yield from works(process.close_handle(again))
    equal((yield from opened(process, READ, 7))[1], 0)


@case("CreateFile", "a share mode holds for other processes, and ends with its own", CREATE, **FILE)
def _(process: Any) -> Steps:
    def child(process: Any) -> Steps:
        handle, error = yield from opened(process, WRITE, 0)
        return error if handle is None else 0

    handle, _ = yield from opened(process, READ, w.FILE_SHARE_READ)
    equal((yield from other(process, child)), w.ERROR_SHARING_VIOLATION)
    yield from works(process.close_handle(handle))
    equal((yield from other(process, child)), 0)
    equal((yield from opened(process, WRITE, 0))[1], 0)


@case("CreateFile", "a section keeps the file from being cut off, but shares it with all", CREATE, **FILE)
def _(process: Any) -> Steps:
    handle, _ = yield from opened(process, READ | WRITE, 0)
    section = yield from works(process.create_file_mapping(handle, RW))
    yield from works(process.map_view_of_file(section, w.FILE_MAP_WRITE))
    yield from works(process.close_handle(handle))
    equal((yield from opened(process, READ | WRITE, 0, w.CREATE_ALWAYS)), (None, w.ERROR_USER_MAPPED_FILE))
    equal((yield from opened(process, READ | WRITE, 0, w.TRUNCATE_EXISTING)), (None, w.ERROR_USER_MAPPED_FILE))
    equal((yield from opened(process, READ | WRITE, 0))[1], 0)


@case("CreateFile", "to empty a file is to write to it", "ros: drivers/filesystems/fastfat/create.c", **FILE)
def _(process: Any) -> Steps:
    yield from opened(process, READ, w.FILE_SHARE_READ)
    equal((yield from opened(process, READ, 7, w.CREATE_ALWAYS)), (None, w.ERROR_SHARING_VIOLATION))
    handle, _ = yield from opened(process, READ, 7)
    equal((yield from process.get_file_size(handle)), UNIT)


@case(
    "CreateFile",
    "an image that is mapped can't be opened for writing: 32",
    "ros: drivers/filesystems/vfatfs/create.c",
    images={"data": {"size": UNIT, "dynamic_base": False}},
)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("data"))
    for disposition in (w.OPEN_EXISTING, w.CREATE_ALWAYS):
        equal((yield from opened(process, READ | WRITE, 7, disposition)), (None, w.ERROR_SHARING_VIOLATION))
    equal((yield from opened(process, READ, 7))[1], 0)
    yield from works(process.free_library(base))
    equal((yield from opened(process, READ | WRITE, 7)), (None, w.ERROR_ACCESS_DENIED))  # not modelled


@case("CreateFile", "CREATE_NEW of a file that is there fails with 80, whoever has it open", CREATE, **FILE)
def _(process: Any) -> Steps:
    yield from opened(process, READ, 0)
    equal((yield from opened(process, READ, 0, w.CREATE_NEW)), (None, w.ERROR_FILE_EXISTS))


@case("CreateFile", "a file that it makes is shared as it says", CREATE)
def _(process: Any) -> Steps:
    handle, _ = yield from opened(process, WRITE, w.FILE_SHARE_READ, w.CREATE_NEW)
    equal((yield from opened(process, WRITE, 7))[1], w.ERROR_SHARING_VIOLATION)
    equal((yield from opened(process, READ, 7))[1], 0)
    yield from works(process.set_end_of_file(handle, UNIT))


@case("CreateFile", "a share mode that isn't one is refused", CREATE, **FILE)
def _(process: Any) -> Steps:
    equal((yield from opened(process, READ, 8)), (None, w.ERROR_INVALID_PARAMETER))


@case("SetEndOfFile", "refuses a handle that was opened for reading, whatever it shares", "[SetEndOfFile]", **FILE)
def _(process: Any) -> Steps:
    handle, _ = yield from opened(process, READ, 7)
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.set_end_of_file(handle, 0))
