"""What the tests of the workloads share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator import compile  # noqa: A004
from workloads.base import StreamContext


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory of the test's own; traces lie in its folder `traces`."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("PAGESIM_CACHE", str(directory))
    monkeypatch.delenv("PAGESIM_CACHE_SIZE", raising=False)
    # Processes that a test starts would compile everything anew into the empty cache.
    monkeypatch.setenv("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR") or compile._CACHE)
    return directory


@pytest.fixture
def context(tmp_path: Path) -> StreamContext:
    """A process `a` on a machine with 4 KiB pages and 8 TiB of address space."""
    return StreamContext(base=tmp_path, seed=1, name="a", page_size=4096, address_space=8 << 40)
