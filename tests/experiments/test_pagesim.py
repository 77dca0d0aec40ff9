"""`import pagesim` is the public face: all of it is there, nothing heavy is imported, and no folder is in its way."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("pagesim") is None, reason="pagesim is not installed")

USED = """
import sys, pagesim
heavy = {"numba", "numpy", "pandas", "matplotlib", "pydantic", "rich", "yaml"} & set(sys.modules)
assert not heavy, heavy
small = pagesim.experiment(processes=[{"workload": {"kind": "uniform", "pages": 9, "references": 30}}])
assert small.run().summary["page_faults"] <= 9
points = small.sweep({"seed": [1, 2]}, workers=2, out="out")
assert points["error"].isna().all(), list(points["error"])
"""


def python(directory: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=directory, env=environment, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_everything_that_is_offered_is_there() -> None:
    import pagesim

    for name in pagesim._LAZY:
        assert getattr(pagesim, name) is not None
        assert name in dir(pagesim)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        pagesim.nonsense  # noqa: B018


@pytest.mark.parametrize("package", [False, True])
def test_a_folder_of_the_users_with_the_name_of_ours_is_not_in_the_way(tmp_path: Path, package: bool) -> None:
    for name in ("experiments", "simulator"):
        (tmp_path / name).mkdir()
        if package:
            (tmp_path / name / "__init__.py").touch()
    python(tmp_path, "-c", USED)
    assert python(tmp_path, "-m", "pagesim", "--version").startswith("pagesim ")


def test_compare_and_size_take_a_file_or_a_mapping(tmp_path: Path) -> None:
    import pagesim

    config = {"processes": [{"workload": {"kind": "sequential", "pages": 40}}], "machine": {"memory": "4 MiB"}}
    result = pagesim.compare(config, ["fifo", "clock"], replications=1, bounds=[])
    assert list(result.points["label"]) == ["fifo", "clock"]
    answer = pagesim.size(config, "fifo", "hard_faults <= 0", replications=1, out=tmp_path / "size", tolerance="50%")
    assert answer["policies"][0]["memory_bytes"] > 0
    assert len(pagesim.load(tmp_path / "size")) == len(answer["policies"][0]["tried"])
