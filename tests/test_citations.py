"""Every citation of the model's rules leads to a section that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simulator

ROOT = Path(simulator.__file__).parents[1]
MODEL = ROOT / "simulator" / "MODEL.md"
SECTIONS = {int(number) for number in re.findall(r"^## (\d+)\. ", MODEL.read_text(), re.MULTILINE)}
CITATION = re.compile(r"MODEL\.md(?: sections?)? (\d+(?:(?:, | to | and |, and )\d+)*)")


def citations() -> list[tuple[str, list[int]]]:
    folders = (ROOT / name for name in ("simulator", "workloads", "experiments", "tests"))
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".yaml")]
    cited = [(str(path.relative_to(ROOT)), match) for path in files for match in CITATION.findall(path.read_text())]
    return [(path, [int(number) for number in re.findall(r"\d+", numbers)]) for path, numbers in cited]


@pytest.mark.parametrize(("path", "numbers"), citations(), ids=str)
def test_a_citation_leads_to_a_section(path: str, numbers: list[int]) -> None:
    assert set(numbers) <= SECTIONS, path


def test_there_are_citations() -> None:
    assert len(citations()) > 20
    assert sorted(SECTIONS) == list(range(1, 16))
