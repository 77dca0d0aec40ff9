"""GlobalReAlloc and LocalReAlloc with each combination of flags, of each kind of block, as tests that pass on Windows
see them."""

from __future__ import annotations

from typing import Any, NamedTuple

from simulator.windows import constants as w
from tests.windows.harness import Steps, Table, equal, several, works

case = Table()
SMALL, LARGE = 12, 0x20000
"""bytes of a block that the front end serves, once it is asked for often, and of one that it never serves"""
MODIFY, MOVEABLE = w.GMEM_MODIFY, w.GMEM_MOVEABLE
_GLOBAL_REST = w.GMEM_DDESHARE | w.GMEM_NOCOMPACT | w.GMEM_NODISCARD | w.GMEM_NOT_BANKED | w.GMEM_NOTIFY
_LOCAL_REST = w.LMEM_NOCOMPACT | w.LMEM_NODISCARD
DISCARDABLE = {"global": w.GMEM_DISCARDABLE, "local": w.LMEM_DISCARDABLE}
FLAGS = {
    flavour: [
        0,
        MODIFY,
        MOVEABLE,
        MOVEABLE | MODIFY,
        MOVEABLE | discardable,
        MOVEABLE | MODIFY | discardable,
        MOVEABLE | discardable | rest,
        MOVEABLE | MODIFY | discardable | rest,
    ]
    for (flavour, discardable), rest in zip(DISCARDABLE.items(), (_GLOBAL_REST, _LOCAL_REST), strict=True)
}


class Change(NamedTuple):
    """A block, what size it is to have, and where the tests try that."""

    moveable: bool
    locked: bool
    size: int
    wanted: int
    lines: dict[str, str]


CHANGES = [
    Change(False, False, SMALL, 512, {"global": "1724-1751", "local": "2457-2473"}),
    Change(False, False, LARGE, LARGE + 512, {"global": "1754-1780", "local": "2476-2488"}),
    Change(False, False, SMALL, 10, {"global": "1783-1810", "local": "2491-2507"}),
    Change(False, False, LARGE, 10, {"global": "1813-1839", "local": "2510-2522"}),
    Change(False, False, SMALL, 0, {"global": "1842-1869", "local": "2525-2541"}),
    Change(False, False, LARGE, 0, {"global": "1872-1898", "local": "2544-2556"}),
    Change(True, True, SMALL, 512, {"global": "1901-1926", "local": "2559-2584"}),
    Change(True, True, LARGE, LARGE + 512, {"local": "2587-2610"}),
    Change(True, True, SMALL, 10, {"global": "1929-1952", "local": "2613-2636"}),
    Change(True, True, LARGE, 10, {"local": "2639-2662"}),
    Change(True, True, SMALL, 0, {"global": "1955-1976", "local": "2665-2686"}),
    Change(True, True, LARGE, 0, {"local": "2689-2710"}),
    Change(True, False, SMALL, 512, {"global": "1979-1999", "local": "2713-2733"}),
    Change(True, False, LARGE, LARGE + 512, {"local": "2736-2755"}),
    Change(True, False, SMALL, 10, {"global": "2002-2021", "local": "2758-2777"}),
    Change(True, False, LARGE, 10, {"local": "2780-2799"}),
    Change(True, False, SMALL, 0, {"global": "2024-2049", "local": "2802-2827"}),
    Change(True, False, LARGE, 0, {"local": "2830-2855"}),
]


def call(process: Any, flavour: str, name: str, *arguments: int) -> Steps:
    """GlobalName or LocalName."""
    return (yield from getattr(process, f"{flavour}_{name}")(*arguments))


def is_handle(process: Any, memory: int) -> bool:
    """Whether something is aligned like a handle."""
    pointer = process.own.bits // 8
    return bool(memory % (2 * pointer) == pointer)


def busy(process: Any, flavour: str) -> Steps:
    """Have the front end serve small blocks, and free memory lie elsewhere than behind the next block."""
    blocks = yield from several(works(call(process, flavour, "alloc", 0, SMALL)) for _ in range(0x12))
    for block in blocks:
        yield from call(process, flavour, "free", block)


def fixed(process: Any, flavour: str, change: Change, flags: int) -> Steps:
    """Change a fixed block: it stays as it is, moves, becomes an object, or is left alone."""
    memory = yield from works(call(process, flavour, "alloc", 0, change.size))
    equal(is_handle(process, memory), False, "a handle")
    result = yield from call(process, flavour, "realloc", memory, change.wanted, flags)
    size = change.size
    if flags & MODIFY and flags & MOVEABLE and flavour == "global":
        equal(is_handle(process, result), True, "a handle")
        pointer = yield from works(call(process, flavour, "lock", result))
        equal(pointer != memory, True, "its data are elsewhere")
        yield from call(process, flavour, "unlock", result)
        kept = yield from call(process, flavour, "flags", result)
        equal(kept & ~w.GMEM_DDESHARE, flags & w.GMEM_DISCARDABLE, "flags")
    elif flags & MODIFY:
        equal(result, memory, "result")
    elif flags & DISCARDABLE[flavour]:
        equal(result, 0, "result")
    elif change.size == LARGE:
        equal(result, memory, "result")
        size = change.wanted
    elif flags == MOVEABLE:
        equal(result not in {0, memory}, True, "it moves")
        size = change.wanted
    else:
        equal(result, 0, "result")
    memory = result or memory
    equal((yield from call(process, flavour, "size", memory)), size, "size")
    equal((yield from call(process, flavour, "free", memory)), 0)


def moveable(process: Any, flavour: str, change: Change, flags: int) -> Steps:
    """Change an object: its handle stays, and so does its block, unless it is in the way."""
    memory = yield from works(call(process, flavour, "alloc", MOVEABLE, change.size))
    # on Windows other blocks of the process lie behind this one, if it is small
    neighbour = yield from works(call(process, flavour, "alloc", 0, 100))
    before = yield from works(call(process, flavour, "lock", memory))
    if not change.locked:
        yield from call(process, flavour, "unlock", memory)
    result = yield from call(process, flavour, "realloc", memory, change.wanted, flags)
    refused = (
        flags & DISCARDABLE[flavour] or (not change.wanted and (change.locked or not flags))
    ) and not flags & MODIFY
    grows = change.wanted > change.size
    if grows and change.size == SMALL and change.locked and not flags & (MOVEABLE | MODIFY):
        refused = True
    equal(result, 0 if refused else memory, "result")
    changed = not refused and not flags & MODIFY
    discarded = changed and not change.wanted
    flag = yield from call(process, flavour, "flags", memory)
    shown = DISCARDABLE[flavour] if flags & MODIFY and flags & DISCARDABLE[flavour] else 0
    equal(flag, (w.GMEM_DISCARDED if discarded else 0) | shown | (1 if change.locked else 0), "flags")
    equal((yield from call(process, flavour, "size", memory)), change.wanted if changed else change.size, "size")
    if not discarded:
        pointer = yield from works(call(process, flavour, "lock", memory))
        equal(pointer != before, changed and grows and change.size == SMALL, "its block moves")
        yield from call(process, flavour, "unlock", memory)
    if change.locked:
        equal((yield from call(process, flavour, "unlock", memory)), False)
    equal((yield from call(process, flavour, "free", memory)), 0)
    yield from call(process, flavour, "free", neighbour)


for _flavour in FLAGS:
    for _bits in (32, 64):
        for _change in CHANGES:
            if _flavour not in _change.lines:
                continue
            _kind = ("locked " if _change.locked else "") + ("moveable" if _change.moveable else "fixed")

            @case(
                f"{_flavour.title()}ReAlloc",
                f"{_kind} memory of {_change.size} bytes to {_change.wanted}, in a {_bits}-bit process",
                f"[k32/heap.c:{_change.lines[_flavour]}, test_{_flavour.title()}Alloc]",
                bits=_bits,
            )
            def _(process: Any, flavour: str = _flavour, change: Change = _change) -> Steps:
                yield from busy(process, flavour)
                for flags in FLAGS[flavour]:
                    yield from (moveable if change.moveable else fixed)(process, flavour, change, flags)
