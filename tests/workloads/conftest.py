"""What the tests of the workloads share."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.compile import cache_directory
from workloads.base import StreamContext


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory of the test's own; traces lie in its folder `traces`."""
    directory = tmp_path_factory.mktemp("cache")
    compiled = cache_directory() / "compiled"
    compiled.mkdir(parents=True, exist_ok=True)
    (directory / "compiled").symlink_to(compiled)  # processes that a test starts needn't compile everything anew
    monkeypatch.setenv("PAGESIM_CACHE", str(directory))
    monkeypatch.delenv("PAGESIM_CACHE_SIZE", raising=False)
    return directory


@pytest.fixture
def context(tmp_path: Path) -> StreamContext:
    """A process `a` on a machine with 4 KiB pages and 8 TiB of address space."""
    return StreamContext(base=tmp_path, seed=1, name="a", page_size=4096, address_space=8 << 40)
