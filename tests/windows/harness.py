"""One program in a machine of its own, and what is said of a process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from simulator import config
from simulator.invariants import Invariants
from simulator.machine import Machine, ProcessSpec
from simulator.result import RunResult
from simulator.state.constants import KIND_NAMES
from simulator.windows import constants as w
from simulator.windows.failure import WindowsException
from tests.simulator.small import FREE, constant, limits, windows

PAGE, UNIT, MiB = 4096, 65536, 1 << 20
RW, RO, NOACCESS, GUARD = w.PAGE_READWRITE, w.PAGE_READONLY, w.PAGE_NOACCESS, w.PAGE_GUARD
RESERVE, COMMIT = w.MEM_RESERVE, w.MEM_COMMIT
BOTH = RESERVE | COMMIT
DECOMMIT, RELEASE = w.MEM_DECOMMIT, w.MEM_RELEASE
ADDRESS, PARAMETER = w.ERROR_INVALID_ADDRESS, w.ERROR_INVALID_PARAMETER
AV, GUARDED = w.STATUS_ACCESS_VIOLATION, w.STATUS_GUARD_PAGE_VIOLATION
ALL_PRIVILEGES = (w.SE_LOCK_MEMORY_NAME, w.SE_INC_WORKING_SET_NAME)
PRESSURE: dict[str, Any] = {"frames": 128, "manager": {"model": "windows"}}
"""Options of a machine whose memory is short, with all its daemons."""
Steps = Generator[Any, Any, Any]
Program = Callable[..., Steps]


@dataclass
class Done:
    """A machine that has run a program to its end."""

    machine: Machine
    result: RunResult

    def kinds(self, name: str = "a") -> list[str]:
        """The kinds of a process's faults, in order."""
        faults = self.result.faults
        return [str(kind) for kind in faults["kind"][faults["process"] == name]]


def build(
    program: Program,
    *,
    bits: Literal[32, 64] = 64,
    frames: int = 512,
    paging_pages: int = 1024,
    files: dict[str, int] | None = None,
    images: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    manager: dict[str, Any] | None = None,
    working_set: tuple[int, int, bool] = (50, 345, False),
    privileges: tuple[str, ...] = ALL_PRIVILEGES,
    costs: config.Costs = FREE,
    processors: int = 1,
    name: str = "a",
    machine: dict[str, Any] | None = None,
    duration: int | None = None,
) -> Machine:
    """A machine with one disk, a paging file of `paging_pages` and one process, `name`, that runs `program`.

    `frames`: of memory; `files`: name -> bytes; `working_set`: minimum and maximum in pages, and whether it is hard.
    The memory manager's daemons stay out of it unless `manager` wants them. Invariants are looked at after every step.
    """
    hardware: dict[str, Any] = {
        "memory": frames * PAGE,
        "disks": {"d": constant()},
        "paging_files": [config.PagingFile(size=paging_pages * PAGE, maximum=paging_pages * PAGE)],
        "files": {name: config.File(size=size) for name, size in (files or {}).items()},
        "images": images or {},
        "costs": costs,
        "processors": processors,
        "windows": config.Windows(**(settings or {})),
        **(machine or {}),
    }
    process = config.Process(name=name, bits=bits, privileges=list(privileges), working_set=limits(*working_set))
    return Machine(
        config.Machine(**hardware),
        config.MemoryManager(**(manager or windows())),
        [ProcessSpec(config=process, program=program)],
        observers=[Invariants(every=1)],
        duration=duration,
    )


def run(program: Program, **options: Any) -> Done:
    """`build`, and run to the end; what the program itself finds wrong is raised here."""
    wrong: list[BaseException] = []

    def guarded(process: Any) -> Steps:
        yield from _settle(process)
        try:
            return (yield from program(process))
        except (AssertionError, TypeError, AttributeError, ValueError, LookupError) as error:
            wrong.append(error)

    machine = build(guarded, **options)
    result = machine.run()
    if wrong:
        raise wrong[0]
    status = result.summary["processes"][options.get("name", "a")]["exit_status"]
    assert status == 0, f"the program ended with status {status:#x}"
    return Done(machine, result)


def _settle(process: Any) -> Steps:
    """Have the pages of pool touched that any call may touch first, so that they don't count for what comes."""
    for _ in range(2):
        base = yield process.virtual_alloc(0, PAGE, BOTH, RW)
        yield process.virtual_free(base, 0, RELEASE)
        yield process.close_handle((yield process.create_event()))
        yield process.get_process_memory_info()


def equal(found: Any, expected: Any, what: str = "found") -> None:
    """Raise AssertionError unless the two are equal."""
    assert found == expected, f"{what}: {found!r}, documented is {expected!r}"


def works(call: Steps) -> Steps:
    """The result of a call that must succeed."""
    found = yield from call
    assert found, f"the call gave {found!r}"
    return found


def fails(process: Any, code: int, call: Steps) -> Steps:
    """Make a call that must fail, with this last error; 0: any."""
    process.set_last_error(0)
    found = yield from call
    assert not found, f"the call gave {found!r}, documented is a failure"
    if code:
        equal(process.get_last_error(), code, "last error")


def raises(status: int, call: Steps, *information: int) -> Steps:
    """Make a call that must raise an exception with this status and, if given, this beginning of its information."""
    try:
        yield from call
    except WindowsException as exception:
        equal(hex(exception.status), hex(status), "status")
        equal(exception.information[: len(information)], information, "information")
        return
    raise AssertionError(f"nothing was raised, documented is {status:#x}")


def region(process: Any, pages: int = 16, kind: int = BOTH, protect: int = RW, at: int = 0) -> Steps:
    """The address of a new region of some pages, committed unless `kind` says otherwise."""
    return (yield from works(process.virtual_alloc(at, pages * PAGE, kind, protect)))


def query(process: Any, address: int) -> Steps:
    """(pages, state, protection) of the run of pages that begins at an address."""
    found = yield from works(process.virtual_query(address))
    return (found.region_size // PAGE, found.state, found.protect)


def valid(process: Any, address: int, pages: int = 1) -> Steps:
    """For each of some pages, whether it is in the working set."""
    records = yield process.query_working_set_ex([address + i * PAGE for i in range(pages)])
    return [bool(record.valid) for record in records]


def locked(process: Any, address: int, pages: int = 1) -> Steps:
    """For each of some pages, whether it is locked."""
    records = yield process.query_working_set_ex([address + i * PAGE for i in range(pages)])
    return [bool(record.locked) for record in records]


def charge(process: Any) -> Steps:
    """Pages of commit charge of the whole machine."""
    information = yield process.get_performance_info()
    return information.commit_total


def state(process: Any, address: int, pages: int = 1) -> Any:
    """What the memory manager knows of some pages (Pages.state_of)."""
    return process.system.pages.state_of(process.own.space.entries(address, pages * PAGE))


def hard_faults(process: Any) -> int:
    """Pages that the process's references had read from a disk so far."""
    return int(process.system.pages.process(process.own.number)["kinds"][KIND_NAMES.index("hard")])


def stack(process: Any) -> int:
    """The address at which the thread's stack begins, downwards."""
    return int(process.thread_object.stack.top)


def section(process: Any, pages: int = 16, protect: int = RW, name: str | None = None) -> Steps:
    """A handle of a new section that is backed by the paging files."""
    handle = process.create_file_mapping(w.INVALID_HANDLE_VALUE, protect, pages * PAGE, name)
    return (yield from works(handle))


def view(process: Any, pages: int = 16, access: int = w.FILE_MAP_WRITE, protect: int = RW) -> Steps:
    """The address of a view of a new section that is backed by the paging files."""
    handle = yield from section(process, pages, protect)
    return (yield from works(process.map_view_of_file(handle, access)))


def mapped(process: Any, name: str = "data", protect: int = RW, access: int = w.FILE_MAP_WRITE) -> Steps:
    """The address of a view of a whole file."""
    rights = w.GENERIC_READ | w.GENERIC_WRITE | w.GENERIC_EXECUTE
    file = yield from works(process.create_file(name, access=rights))
    handle = yield from works(process.create_file_mapping(file, protect))
    return (yield from works(process.map_view_of_file(handle, access)))


def other(process: Any, program: Program, name: str = "b", **parameters: Any) -> Steps:
    """Run another process to its end; its exit code."""
    handle = yield from works(process.create_process(name, program, **parameters))
    yield process.wait_for_single_object(handle)
    code = yield process.get_exit_code_process(handle)
    yield process.close_handle(handle)
    return code


def several(calls: Iterable[Steps]) -> Steps:
    """The results of calls made one after another."""
    found = []
    for call in calls:
        found.append((yield from call))  # noqa: PERF401 # a comprehension can't yield
    return found
