"""How this package compiles: numba, cached on disk under a digest of the sources.

Numba's own cache looks at the file of the function alone, so a caller would keep an inlined older version of a
callee in another file. A cache directory named after the digest of all files with compiled functions can't go stale.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic


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
    """Where the compiled functions of a top-level package are kept: under the digest of its files that have any, or
    that lay out the records which these work on."""
    digest = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=8)
    for folder in getattr(sys.modules[package], "__path__", ()):
        for path in sorted(Path(folder).rglob("*.py")):
            source = path.read_bytes()
            if b"@compiled" in source or b"np.dtype(" in source:
                digest.update(source)
    return str(cache_directory() / "compiled" / digest.hexdigest())


def _cached(decorate: Callable[..., Any], function: Callable[..., Any]) -> Any:
    package = function.__module__.partition(".")[0]
    before = config.CACHE_DIR
    config.CACHE_DIR = os.environ.get("NUMBA_CACHE_DIR") or _directory(package)
    try:
        return decorate(function, cache=True)
    except RuntimeError:  # no directory can be written: compile anew in each process
        return decorate(function)
    finally:
        config.CACHE_DIR = before


def _word(kind: Any) -> Any:
    kind = types.unliteral(kind)
    narrow = isinstance(kind, types.Integer) and kind != types.uint64
    return types.int64 if narrow or isinstance(kind, types.Boolean) else kind


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function with numba in nopython mode, cached on disk where a cache directory can be written.

    Integers and booleans are passed as int64. Numba would compile a variant for each width and for each literal, which
    takes four times as long and makes nothing faster.
    """
    dispatcher = _cached(partial(numba.njit, error_model="numpy"), function)
    resolve = dispatcher.get_call_template
    dispatcher.get_call_template = lambda args, kws: resolve(tuple(map(_word, args)), kws)
    return dispatcher


class callback:  # noqa: N801 (a decorator)
    """Compiles `int64 function(int64 machine, int64 argument)` so that compiled code can call it by address; when it is
    first wanted, because a run needs few of them."""

    def __init__(self, function: Callable[[int, int], int]) -> None:
        """Compile nothing yet."""
        self._function = function

    @cached_property
    def _compiled(self) -> Any:
        signature = types.int64(types.int64, types.int64)
        return _cached(lambda f, **options: numba.cfunc(signature, **options)(f), self._function)

    @property
    def address(self) -> int:
        """What `call` takes."""
        return int(self._compiled.address)

    def __call__(self, machine: int, argument: int) -> int:
        """Call it from Python."""
        return int(self._compiled.ctypes(machine, argument))


@intrinsic  # type: ignore[untyped-decorator]
def pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001
    """An address held in an int64, as the pointer that `numba.carray` takes."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def call(typing_context: Any, function: Any, machine: Any, argument: Any) -> Any:  # noqa: ARG001
    """Call a `callback` by its address; compiled code needn't know, at compile time, which one it is."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word, word])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])

    return types.int64(types.int64, types.int64, types.int64), generate
