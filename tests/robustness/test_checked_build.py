"""The checked build raises where the ordinary one would leave an array."""

from __future__ import annotations

import os
import subprocess
import sys

MODULE = """
import numpy as np
from numba import carray
from simulator.compile import call, callback, compiled, pointer

ITEMS = np.arange(3)

@compiled
def item(at, length, index):
    return carray(pointer(at), (length,), np.int64)[index]

@callback
def item_of_three(at, index):
    return item(at, 3, index)

@compiled
def by_address(function, at, index):
    return call(function, at, index)

AT = ITEMS.ctypes.data
for read in (lambda i: item(AT, 3, i), lambda i: by_address(item_of_three.address, AT, i)):
    print([read(i) for i in range(3)])
    for index in (3, -1, 1 << 62):
        try:
            read(index)
        except IndexError as error:
            print(error)
"""


def _run(text: str, **environment: str) -> str:
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout


def test_an_index_beyond_an_array_or_below_it_raises_and_names_the_function() -> None:
    refused = ["an index is out of bounds in __main__.item"] * 3
    assert _run(MODULE, PAGESIM_CHECKED="1").splitlines() == ["[0, 1, 2]", *refused] * 2


def test_both_builds_have_caches_of_their_own() -> None:
    where = "import simulator.state.constants; from simulator.compile import _directory; print(_directory('simulator'))"
    assert _run(where, PAGESIM_CHECKED="1") != _run(where, PAGESIM_CHECKED="0")
