"""Data execution prevention: the system's four policies, and a process's own setting."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import AV, BOTH, Steps, Table, equal, fails, other, raises, region, works

case = Table()
GET, SET = "[GetSystemDEPPolicy]", "[SetProcessDEPPolicy]"
POLICIES = {"always-off": 0, "always-on": 1, "opt-in": 2, "opt-out": 3}
OPT_IN: dict[str, Any] = {"bits": 32, "settings": {"dep_policy": "opt-in"}}
OPT_OUT: dict[str, Any] = {"bits": 32, "settings": {"dep_policy": "opt-out"}}


def stopped(process: Any) -> Steps:
    """See that code on a data page is stopped."""
    base = yield from region(process, 1)
    yield from process.write(base, 16)
    yield from raises(AV, process.execute(base, 1), 8, base)


def runs(process: Any) -> Steps:
    """See that code on a data page runs."""
    base = yield from region(process, 1)
    yield from process.write(base, 16)
    yield from process.execute(base, 1)


for _name, _number in POLICIES.items():

    @case("GetSystemDEPPolicy", f"{_name} is {_number}", GET, settings={"dep_policy": _name})
    def _(process: Any, number: int = _number) -> Steps:
        equal((yield from process.get_system_dep_policy()), number)


@case("GetSystemDEPPolicy", "a client's default is opt-in", GET)
def _(process: Any) -> Steps:
    equal((yield from process.get_system_dep_policy()), w.DEP_OPT_IN)


for _name, _bits, _stopped in (
    ("always-off", 32, False),
    ("opt-in", 32, False),
    ("opt-out", 32, True),
    ("always-on", 32, True),
    ("opt-in", 64, True),
    ("opt-out", 64, True),
    ("always-on", 64, True),
):

    @case(
        "DEP",
        f"under {_name} code on a data page of a {_bits}-bit process {'is stopped' if _stopped else 'runs'}",
        "[Data Execution Prevention]",
        bits=_bits,
        settings={"dep_policy": _name},
    )
    def _(process: Any, stop: bool = _stopped) -> Steps:
        yield from (stopped(process) if stop else runs(process))


@case("SetProcessDEPPolicy", "a 64-bit process can't", SET)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_NOT_SUPPORTED, process.set_process_dep_policy(1))


for _name in ("always-off", "always-on"):

    @case("SetProcessDEPPolicy", f"is refused under {_name}", SET, bits=32, settings={"dep_policy": _name})
    def _(process: Any) -> Steps:
        yield from fails(process, w.ERROR_ACCESS_DENIED, process.set_process_dep_policy(1))


@case("SetProcessDEPPolicy", "turns DEP on", SET, **OPT_IN)
def _(process: Any) -> Steps:
    yield from runs(process)
    yield from works(process.set_process_dep_policy(w.PROCESS_DEP_ENABLE))
    yield from stopped(process)


@case("SetProcessDEPPolicy", "applies to pages that are there already", SET, **OPT_IN)
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    yield from process.write(base, 16)
    yield from process.execute(base, 1)
    yield from works(process.set_process_dep_policy(w.PROCESS_DEP_ENABLE))
    yield from raises(AV, process.execute(base, 1), 8, base)


@case("SetProcessDEPPolicy", "turns DEP off under opt-out", SET, **OPT_OUT)
def _(process: Any) -> Steps:
    yield from works(process.set_process_dep_policy(0))
    yield from runs(process)


@case("SetProcessDEPPolicy", "DEP that a process turned on is permanent", SET, **OPT_IN)
def _(process: Any) -> Steps:
    yield from works(process.set_process_dep_policy(w.PROCESS_DEP_ENABLE))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.set_process_dep_policy(0))
    equal((yield from process.get_process_dep_policy()), (w.PROCESS_DEP_ENABLE, True))


@case("SetProcessDEPPolicy", "other flags are refused", SET, **OPT_IN)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_INVALID_PARAMETER, process.set_process_dep_policy(4))


@case("GetProcessDEPPolicy", "is for 32-bit processes only", "[GetProcessDEPPolicy]")
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_NOT_SUPPORTED, process.get_process_dep_policy())


@case(
    "GetProcessDEPPolicy",
    "says 0 and not permanent before a process chose, under opt-in",
    "[GetProcessDEPPolicy]",
    **OPT_IN,
)
def _(process: Any) -> Steps:
    equal((yield from process.get_process_dep_policy()), (0, False))


@case("DEP", "a page with an executable protection runs whatever the policy", "[Data Execution Prevention]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1, BOTH, w.PAGE_EXECUTE_READWRITE)
    yield from process.write(base, 16)
    yield from process.execute(base, 1)


@case("DEP", "blocks of the default heap can't be executed", "[Data Execution Prevention]")
def _(process: Any) -> Steps:
    heap = yield from process.get_process_heap()
    block = yield from works(process.heap_alloc(heap, 0, 64))
    yield from raises(AV, process.execute(block, 1), 8, block)


@case("DEP", "blocks of an executable heap can be executed", "[HeapCreate]")
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(w.HEAP_CREATE_ENABLE_EXECUTE, 0, 0))
    block = yield from works(process.heap_alloc(heap, 0, 64))
    yield from process.write(block, 16)
    yield from process.execute(block, 1)


@case("DEP", "code on a heap page that nobody handles ends the process", "[Data Execution Prevention]")
def _(process: Any) -> Steps:
    def shellcode(child: Any) -> Steps:
        heap = yield from child.get_process_heap()
        block = yield from works(child.heap_alloc(heap, 0, 64))
        yield from child.write(block, 64)
        yield from child.execute(block, 1)

    equal((yield from other(process, shellcode)), AV)
