from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput
from experiments.spec.document import parse_document, read_document


def test_values_know_their_lines() -> None:
    document = parse_document("a: 1\nb:\n  c: [x,\n    y]\n", "f.yaml")
    assert document.data == {"a": 1, "b": {"c": ["x", "y"]}}
    assert document.place(("b", "c", 1)) == "f.yaml:4"
    assert document.place(("b", "missing")) == "f.yaml:2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x10", 16),
        ("010", 10),
        ("-3", -3),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("true", True),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("64 MiB", "64 MiB"),
        ("100*4 KiB", "100*4 KiB"),
        ("'1'", "1"),
        ("~", None),
        ("", None),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = parse_document(f"a: {text}", "f").data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "second time"),
        ("a: [1\n", 2, "allowed is YAML"),
        ("a: 1\n  b: 2\n", 2, "allowed is YAML"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "as a key"),
        ("a: 1\n2: 3\n", 2, "as a key"),
        ("? [a]\n: 1\n", 1, "as a key"),
        ("a: !!python/object:os.system x\n", 1, "tag"),
        ("a: !!set {b}\n", 1, "tag"),
        ("a: 1\n---\nb: 2\n", 2, "allowed is YAML"),
        ("a: *nowhere\n", 1, "allowed is YAML"),
        (f"a: {'9' * 5000}\n", 1, "a number"),
        (f"a: {'[' * 45}{']' * 45}\n", 1, "nested too deeply"),
        ("a: &a [*a]\n", 1, "allowed"),
        ('a: "\\ud800"\n', 1, "Unicode"),
        ('a: 1\n"\\ud800": 1\n', 2, "Unicode"),
    ],
)
def test_errors_are_one_line_and_name_it(text: str, line: int, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_document(text, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml:{line}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_cannot_blow_a_document_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(BadInput, match="aliases"):
        parse_document("\n".join(lines), "bomb.yaml")


def test_depth_that_exhausts_the_parser_is_bad_input() -> None:
    with pytest.raises(BadInput, match="nested too deeply"):
        parse_document("[" * 100_000, "deep.yaml")


def test_text_that_is_no_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(BadInput, match=r"latin\.yaml:2: found the byte 0xe9"):
        read_document(path)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda _: None])
def test_what_is_no_file_is_bad_input(tmp_path: Path, make: object) -> None:
    make(tmp_path / "x.yaml")  # type: ignore[operator]
    with pytest.raises(BadInput, match="allowed is a readable YAML file"):
        read_document(tmp_path / "x.yaml")


def test_a_huge_file_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(BadInput, match="at most 1 MiB"):
        read_document(path)


@given(st.text(alphabet=st.sampled_from(list("ab1:-[]{}&*!|>'\"#%@`,? \n\t\x00é<.~")), max_size=60))
def test_any_text_gives_data_or_bad_input(text: str) -> None:
    with contextlib.suppress(BadInput):
        parse_document(text, "f")


@given(st.binary(max_size=60))
def test_any_bytes_give_data_or_bad_input(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(raw)
    with contextlib.suppress(BadInput):
        read_document(path)
