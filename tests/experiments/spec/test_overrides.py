from __future__ import annotations

import pytest

from experiments.errors import BadInput
from experiments.spec.document import parse_document
from experiments.spec.overrides import override

TEXT = """
machine: {memory: 1 MiB}
processes:
  - {name: b, copies: 2}
  - {name: a.b, copies: 3}
"""


def _changed(*assignments: str) -> object:
    return override(parse_document(TEXT, "f.yaml"), assignments).data


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("machine.memory=100*4 KiB", ("machine", "memory"), "100*4 KiB"),
        ("processes.0.copies=7", ("processes", 0, "copies"), 7),
        ("processes.b.copies=7", ("processes", 0, "copies"), 7),
        ("processes.a.b.copies=7", ("processes", 1, "copies"), 7),
        ("memory_manager.trimming.policy=fifo", ("memory_manager", "trimming", "policy"), "fifo"),
        ("machine.paging_files.0.size=1 MiB", ("machine", "paging_files", 0, "size"), "1 MiB"),
        ("observe={fault_log: false}", ("observe", "fault_log"), False),
        ("name=a=b", ("name",), "a=b"),
        ("duration=", ("duration",), None),
    ],
)
def test_a_dotted_key_sets_one_value(assignment: str, path: tuple[str | int, ...], value: object) -> None:
    found = _changed(assignment)
    for step in path:
        found = found[step]  # type: ignore[index]
    assert found == value


def test_the_document_itself_is_not_changed() -> None:
    document = parse_document(TEXT, "f.yaml")
    override(document, ["machine.memory=2 MiB"])
    assert document.data["machine"]["memory"] == "1 MiB"


def test_errors_in_what_was_set_name_the_option() -> None:
    document = override(parse_document(TEXT, "f.yaml"), ["machine.memory=2"])
    assert document.place(("machine", "memory")) == "--set machine.memory=2"
    assert document.place(("machine",)) == "f.yaml:2"
    assert document.place(("processes", 1, "copies")) == "f.yaml:5"


@pytest.mark.parametrize(
    "assignment",
    ["machine.memory", "=3", ".=3", "a..b=3", "processes.c.copies=1", "processes.9.copies=1", "machine.memory.x=1",
     "a=[", "a={b: 1, b: 2}"],
)  # fmt: skip
def test_an_impossible_override_is_one_line(assignment: str) -> None:
    with pytest.raises(BadInput) as caught:
        _changed(assignment)
    assert str(caught.value).startswith(f"--set {assignment}")
    assert "\n" not in str(caught.value)
