"""Python's values as a config's plain data, and plain data as the YAML that is read back as the same."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any

import yaml

from experiments.spec.document import MAXIMUM_DEPTH, Document, KeyPath

MAXIMUM_BITS = 64
ALLOWED = "allowed are text, numbers, true, false, None, paths, lists and mappings"


def plain(value: Any, document: Document, where: KeyPath = ()) -> Any:
    """A value as a config holds it: a copy in which a tuple or an array is a list, a path its text and a number of
    NumPy's one of Python's.

    Raises BadInput for what a config can't hold; `document` and `where` are what the error names.
    """
    if len(where) > MAXIMUM_DEPTH:
        raise document.error(where[:3], f"nested too deeply, allowed are {MAXIMUM_DEPTH} levels")
    if isinstance(value, str):
        return _text(value, document, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _number(value, document, where)
    if isinstance(value, os.PathLike):
        return plain(os.fspath(value), document, where)
    if isinstance(value, Mapping):
        return _mapping(value, document, where)
    if isinstance(value, (list, tuple, range)):
        return [plain(child, document, (*where, index)) for index, child in enumerate(value)]
    if callable(as_list := getattr(value, "tolist", None)):  # NumPy's arrays and numbers, pandas' columns
        return plain(as_list(), document, where)
    raise document.error(where, f"found {value!r:.60}, {ALLOWED}")


def _text(value: str, document: Document, where: KeyPath) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise document.error(where, f"found {value!a:.60}, allowed is Unicode text") from None
    return str(value)


def _number(value: float, document: Document, where: KeyPath) -> float:
    if isinstance(value, int):
        if int(value).bit_length() > MAXIMUM_BITS:
            raise document.error(where, f"found an integer of {int(value).bit_length()} bits, allowed are 64")
        return int(value)
    if not math.isfinite(value):
        raise document.error(where, f"found {float(value)}, allowed is a finite number")
    return float(value)


def _mapping(value: Mapping[Any, Any], document: Document, where: KeyPath) -> dict[str, Any]:
    found = {}
    for key, child in value.items():
        if not isinstance(key, str):
            raise document.error(where, f"found {key!r:.60} as a key, allowed is text")
        found[_text(key, document, where)] = plain(child, document, (*where, key))
    return found


class _Dumper(yaml.SafeDumper):
    """Writes what stands in several places each time, and quotes what a config's reader would take for a number."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors."""
        return True


def _written(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if _NUMERIC.match(text) else None if text.isprintable() else '"'  # all else is escaped
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_NUMERIC = re.compile(r"^[-+]?(0x[0-9a-fA-F]+|[0-9.]+([eE][-+]?[0-9]*)?)$")
"""Numbers in YAML 1.2, some of which PyYAML, that knows YAML 1.1, takes for text."""
_Dumper.add_representer(str, _written)


def yaml_text(data: Any) -> str:
    """Plain data as YAML that `experiments.spec.document` reads back as the same, keys in their order."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=100, default_flow_style=None, allow_unicode=True)
