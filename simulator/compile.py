"""How this package compiles: numba, cached on disk under a digest of the sources.

Numba's own cache looks at the file of the function alone, so a caller would keep an inlined older version of a
callee in another file. A cache directory named after the digest of all files with compiled functions can't go stale.

With `PAGESIM_CHECKED=1` in the environment the checked build runs instead: each index into each array is compared with
the array's real length, and one that is negative or too large raises IndexError with the name of the function, where
the ordinary build reads or writes foreign memory. (-1, which stands for "none" all over, is no index of a last item.)
It gives the same results, takes several times as long, and has a cache of its own, so that both builds stay compiled.
Use it when a run ends in a segmentation fault, and for whatever is new: `PAGESIM_CHECKED=1 pytest`. It is apart from
`pagesim run --check`, which looks whether the machine's records agree with each other.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numba
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

CHECKED = os.environ.get("PAGESIM_CHECKED", "0") not in ("", "0")
"""Whether compiled code checks its indices."""


def cache_directory() -> Path:
    """Where pagesim keeps what it can make again: `$PAGESIM_CACHE`, else the user's cache directory."""
    given = os.environ.get("PAGESIM_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~"))
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return base.expanduser() / "pagesim"


@cache
def _directory(package: str) -> str:
    """Where the compiled functions of a top-level package or module are kept: under the digest of its files that have
    any, or that lay out the records which these work on; of a user's also under that of the simulator's."""
    digest = hashlib.blake2b(Path(__file__).read_bytes() + bytes([CHECKED]), digest_size=8)
    module = sys.modules[package]
    paths = [path for folder in getattr(module, "__path__", ()) for path in sorted(Path(folder).rglob("*.py"))]
    for path in paths or [Path(str(module.__file__))]:
        source = path.read_bytes()
        if any(mark in source for mark in (b"@compiled", b"(Record):", b"(Compiled[")) or path.name == "view.py":
            digest.update(source)
    if package not in ("simulator", "workloads", "experiments"):
        digest.update(_directory("simulator").encode())
    base = os.environ.get("NUMBA_CACHE_DIR") or cache_directory() / "compiled"
    return str(Path(base) / digest.hexdigest())


def _cached(decorate: Callable[..., Any], function: Callable[..., Any]) -> Any:
    package = function.__module__.partition(".")[0]
    if not getattr(sys.modules[package], "__file__", None):  # typed in: there is no file whose digest could be taken
        return decorate(function)
    before = config.CACHE_DIR
    config.CACHE_DIR = _directory(package)
    try:
        return decorate(function, cache=True)
    except RuntimeError:  # no directory can be written: compile anew in each process
        return decorate(function)
    finally:
        config.CACHE_DIR = before


def _word(kind: Any, knows_policy: bool) -> Any:
    kind = types.unliteral(kind)
    if not knows_policy:
        kind = getattr(kind, "machine", kind)
    narrow = isinstance(kind, types.Integer) and kind != types.uint64
    return types.int64 if narrow or isinstance(kind, types.Boolean) else kind


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function with numba in nopython mode, cached on disk where a cache directory can be written.

    Integers and booleans are passed as int64. Numba would compile a variant for each width and for each literal, which
    takes four times as long and makes nothing faster. For the same reason a function of `m: MachineRecord` is compiled
    once for all policies: it sees the machine without the policy's state.
    """
    import simulator.state.view  # noqa: F401 (gives compiled code the machine's attributes)

    dispatcher = _cached(partial(numba.njit, error_model="numpy", boundscheck=CHECKED), function)
    resolve = dispatcher.get_call_template
    knows_policy = getattr(annotation := function.__annotations__.get("m"), "__name__", annotation) != "MachineRecord"
    dispatcher.get_call_template = lambda args, kws: resolve(tuple(_word(kind, knows_policy) for kind in args), kws)
    return dispatcher


class callback:  # noqa: N801 (a decorator)
    """Compiles `int64 function(int64 machine, int64 argument)` so that compiled code can `call` it by address; when it
    is first wanted, because a run needs few of them. One that returns nothing gives 0: to numba None is a null pointer.
    """

    def __init__(self, function: Callable[[Any, Any], int | None], machine: Any = types.int64) -> None:
        """Compile nothing yet; `machine` is the type of its first argument."""
        self._function = function
        self._machine = machine

    @cached_property
    def _compiled(self) -> Any:
        dispatcher = compiled(self._function)
        dispatcher.compile((self._machine, types.int64))
        return dispatcher

    @cached_property
    def address(self) -> int:
        """What `call` takes."""
        (result,) = self._compiled.overloads.values()
        return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))

    def __call__(self, machine: Any, argument: int) -> int:
        """Call it from Python."""
        return int(_caller()(self.address, machine, argument))


@intrinsic  # type: ignore[untyped-decorator]
def pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001
    """An address held in an int64, as the pointer that `numba.carray` takes."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def call(typing_context: Any, function: Any, machine: Any, argument: Any) -> Any:  # noqa: ARG001
    """Call a `callback` by its address; compiled code needn't know, at compile time, which one it is. What it raises is
    raised here."""
    words = (types.int64, types.int64)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = context.call_conv.get_function_type(types.int64, words)
        address = builder.inttoptr(arguments[0], kind.as_pointer())
        status, value = context.call_conv.call_function(builder, address, types.int64, words, arguments[1:])
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return value

    return types.int64(types.int64, *words), generate


@cache
def _caller() -> Any:
    return compiled(_call)


def _call(function: int, machine: int, argument: int) -> int:
    return call(function, machine, argument)


def _refuse_negative(context: Any, builder: Any, kind: Any, index: Any, _length: Any) -> Any:
    """What takes the place of numba's wrapping of negative indices: they stay, and are found to be out of bounds."""
    return context.cast(builder, index, kind, types.intp)


def _qualified(mangled: str) -> str:
    """The name of a function that numba has mangled: `_ZN` and the parts, each behind its length."""
    parts, at = [], 3
    while length := re.match(r"\d+", mangled[at:]):
        at += length.end()
        parts.append(mangled[at : at + int(length[0])])
        at += int(length[0])
    return ".".join(parts)


def refuse_outside(context: Any, builder: Any, index: Any, length: Any, axis: Any = None) -> None:  # noqa: ARG001
    """Raise unless an index is in an array."""
    with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", index, length)):
        message = f"an index is out of bounds in {_qualified(builder.function.name)}"
        context.call_conv.return_user_exc(builder, IndexError, (message,))


if CHECKED:
    arrayobj.fix_integer_index = _refuse_negative
    cgutils.do_boundscheck = refuse_outside
