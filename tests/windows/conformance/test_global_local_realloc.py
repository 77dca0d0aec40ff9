"""GlobalReAlloc and LocalReAlloc with each combination of flags, of each kind of block, as tests that pass on Windows
see them."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.windows.conformance.rules import *

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


def call(p: Any, flavour: str, name: str, *arguments: int) -> Any:
    """GlobalName or LocalName."""
    return getattr(p, f"{flavour}_{name}")(*arguments)


def is_handle(p: Any, memory: int) -> bool:
    """Whether something is aligned like a handle."""
    pointer = p.own.bits // 8
    return bool(memory % (2 * pointer) == pointer)


def busy(p: Any, flavour: str) -> None:
    """Have the front end serve small blocks, and free memory lie elsewhere than behind the next block."""
    blocks = [works(call(p, flavour, "alloc", 0, SMALL)) for _ in range(0x12)]
    for block in blocks:
        call(p, flavour, "free", block)


def fixed(p: Any, flavour: str, change: Change, flags: int) -> None:
    """Change a fixed block: it stays as it is, moves, becomes an object, or is left alone."""
    memory = works(call(p, flavour, "alloc", 0, change.size))
    assert is_handle(p, memory) is False
    result = call(p, flavour, "realloc", memory, change.wanted, flags)
    size = change.size
    if flags & MODIFY and flags & MOVEABLE and flavour == "global":
        assert is_handle(p, result) is True
        pointer = works(call(p, flavour, "lock", result))
        assert pointer != memory
        call(p, flavour, "unlock", result)
        kept = call(p, flavour, "flags", result)
        assert kept & ~w.GMEM_DDESHARE == flags & w.GMEM_DISCARDABLE
    elif flags & MODIFY:
        assert result == memory
    elif flags & DISCARDABLE[flavour]:
        assert result == 0
    elif change.size == LARGE:
        assert result == memory
        size = change.wanted
    elif flags == MOVEABLE:
        assert result not in {0, memory}
        size = change.wanted
    else:
        assert result == 0
    memory = result or memory
    assert call(p, flavour, "size", memory) == size
    assert call(p, flavour, "free", memory) == 0


def moveable(p: Any, flavour: str, change: Change, flags: int) -> None:
    """Change an object: its handle stays, and so does its block, unless it is in the way."""
    memory = works(call(p, flavour, "alloc", MOVEABLE, change.size))
    # on Windows other blocks of the process lie behind this one, if it is small
    neighbour = works(call(p, flavour, "alloc", 0, 100))
    before = works(call(p, flavour, "lock", memory))
    if not change.locked:
        call(p, flavour, "unlock", memory)
    result = call(p, flavour, "realloc", memory, change.wanted, flags)
    refused = (
        flags & DISCARDABLE[flavour] or (not change.wanted and (change.locked or not flags))
    ) and not flags & MODIFY
    grows = change.wanted > change.size
    if grows and change.size == SMALL and change.locked and not flags & (MOVEABLE | MODIFY):
        refused = True
    assert result == (0 if refused else memory)
    changed = not refused and not flags & MODIFY
    discarded = changed and not change.wanted
    flag = call(p, flavour, "flags", memory)
    shown = DISCARDABLE[flavour] if flags & MODIFY and flags & DISCARDABLE[flavour] else 0
    assert flag == (w.GMEM_DISCARDED if discarded else 0) | shown | (1 if change.locked else 0)
    assert call(p, flavour, "size", memory) == (change.wanted if changed else change.size)
    if not discarded:
        pointer = works(call(p, flavour, "lock", memory))
        assert (pointer != before) == (changed and grows and change.size == SMALL)
        call(p, flavour, "unlock", memory)
    if change.locked:
        assert call(p, flavour, "unlock", memory) is False
    assert call(p, flavour, "free", memory) == 0
    call(p, flavour, "free", neighbour)


def test_re_alloc(rule: Rule) -> None:
    for flavour in FLAGS:  # noqa: PLC0206 - the flags are looked up by others, too
        for bits in (32, 64):
            for change in CHANGES:
                if flavour not in change.lines:
                    continue
                kind = ("locked " if change.locked else "") + ("moveable" if change.moveable else "fixed")
                with rule(
                    f"{kind} memory of {change.size} bytes to {change.wanted}, in a {bits}-bit process",
                    f"[k32/heap.c:{change.lines[flavour]}, test_{flavour.title()}Alloc]",
                    bits=bits,
                ) as p:
                    busy(p, flavour)
                    for flags in FLAGS[flavour]:
                        (moveable if change.moveable else fixed)(p, flavour, change, flags)
