"""Data execution prevention: the system's four policies, and a process's own setting."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

GET, SET = "[GetSystemDEPPolicy]", "[SetProcessDEPPolicy]"
POLICIES = {"always-off": 0, "always-on": 1, "opt-in": 2, "opt-out": 3}
OPT_IN: dict[str, Any] = {"bits": 32, "settings": {"dep_policy": "opt-in"}}
OPT_OUT: dict[str, Any] = {"bits": 32, "settings": {"dep_policy": "opt-out"}}


def stopped(p: Any) -> None:
    """See that code on a data page is stopped."""
    base = p.region(1)
    p.write(base, 16)
    p.raises(AV, 8, base).execute(base, 1)


def runs(p: Any) -> None:
    """See that code on a data page runs."""
    base = p.region(1)
    p.write(base, 16)
    p.execute(base, 1)


def test_get_system_deppolicy(rule: Rule) -> None:
    for name, number in POLICIES.items():
        with rule(f"{name} is {number}", GET, settings={"dep_policy": name}) as p:
            assert p.get_system_dep_policy() == number
    with rule("a client's default is opt-in", GET) as p:
        assert p.get_system_dep_policy() == w.DEP_OPT_IN


def test_dep(rule: Rule) -> None:
    for name, bits, stop in (
        ("always-off", 32, False),
        ("opt-in", 32, False),
        ("opt-out", 32, True),
        ("always-on", 32, True),
        ("opt-in", 64, True),
        ("opt-out", 64, True),
        ("always-on", 64, True),
    ):
        with rule(
            f"under {name} code on a data page of a {bits}-bit process {'is stopped' if stop else 'runs'}",
            "[Data Execution Prevention]",
            bits=bits,
            settings={"dep_policy": name},
        ) as p:
            stopped(p) if stop else runs(p)


def test_set_process_deppolicy(rule: Rule) -> None:
    with rule("a 64-bit process can't", SET) as p:
        p.fails(w.ERROR_NOT_SUPPORTED).set_process_dep_policy(1)
    for name in ("always-off", "always-on"):
        with rule(f"is refused under {name}", SET, bits=32, settings={"dep_policy": name}) as p:
            p.fails(w.ERROR_ACCESS_DENIED).set_process_dep_policy(1)
    with rule("turns DEP on", SET, **OPT_IN) as p:
        runs(p)
        works(p.set_process_dep_policy(w.PROCESS_DEP_ENABLE))
        stopped(p)
    with rule("applies to pages that are there already", SET, **OPT_IN) as p:
        base = p.region(1)
        p.write(base, 16)
        p.execute(base, 1)
        works(p.set_process_dep_policy(w.PROCESS_DEP_ENABLE))
        p.raises(AV, 8, base).execute(base, 1)
    with rule("turns DEP off under opt-out", SET, **OPT_OUT) as p:
        works(p.set_process_dep_policy(0))
        runs(p)
    with rule("DEP that a process turned on is permanent", SET, **OPT_IN) as p:
        works(p.set_process_dep_policy(w.PROCESS_DEP_ENABLE))
        p.fails(w.ERROR_ACCESS_DENIED).set_process_dep_policy(0)
        assert p.get_process_dep_policy() == (w.PROCESS_DEP_ENABLE, True)
    with rule("other flags are refused", SET, **OPT_IN) as p:
        p.fails(w.ERROR_INVALID_PARAMETER).set_process_dep_policy(4)


def test_get_process_deppolicy(rule: Rule) -> None:
    with rule("is for 32-bit processes only", "[GetProcessDEPPolicy]") as p:
        p.fails(w.ERROR_NOT_SUPPORTED).get_process_dep_policy()
    with rule("says 0 and not permanent before a process chose, under opt-in", "[GetProcessDEPPolicy]", **OPT_IN) as p:
        assert p.get_process_dep_policy() == (0, False)


def test_dep_and_executable_pages(rule: Rule) -> None:
    with rule("a page with an executable protection runs whatever the policy", "[Data Execution Prevention]") as p:
        base = p.region(1, BOTH, w.PAGE_EXECUTE_READWRITE)
        p.write(base, 16)
        p.execute(base, 1)
    with rule("blocks of the default heap can't be executed", "[Data Execution Prevention]") as p:
        heap = p.get_process_heap()
        block = works(p.heap_alloc(heap, 0, 64))
        p.raises(AV, 8, block).execute(block, 1)
    with rule("blocks of an executable heap can be executed", "[HeapCreate]") as p:
        heap = works(p.heap_create(w.HEAP_CREATE_ENABLE_EXECUTE, 0, 0))
        block = works(p.heap_alloc(heap, 0, 64))
        p.write(block, 16)
        p.execute(block, 1)
    with rule("code on a heap page that nobody handles ends the process", "[Data Execution Prevention]") as p:

        def shellcode(child: Any) -> None:
            heap = child.get_process_heap()
            block = works(child.heap_alloc(heap, 0, 64))
            child.write(block, 64)
            child.execute(block, 1)

        assert p.other(shellcode) == AV
