from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / ".ci" / "readme_commands.py"
_SPEC = importlib.util.spec_from_file_location("readme_commands", _SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
readme_commands = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(readme_commands)


def test_only_marked_blocks_run_and_in_order() -> None:
    text = "# T\n<!-- ci -->\n```sh\na\nb\n```\n```sh\nnever\n```\n<!-- ci -->\n\n```sh\nc\n```\n```python\nd\n```\n"
    assert readme_commands.commands(text) == "a\nb\nc\n"


def test_a_readme_without_commands_is_an_error() -> None:
    with pytest.raises(ValueError, match="no block"):
        readme_commands.commands("```sh\na\n```\n")
