"""A YAML document as plain data in which every key still knows the line that it stands on.

Stricter than YAML 1.1, because a config that means something else than it says is worse than an error: duplicate keys,
merge keys, tags, dates, `yes`/`no` and base-60 numbers (1:30) are no part of the language here.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import BadInput

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings and indices of lists, from the outside in."""

MAXIMUM_BYTES = 1 << 20
MAXIMUM_VALUES = 100_000
MAXIMUM_DEPTH = 40


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2: null, true and false, decimal and 0x integers, floats; all else is text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own name and type)


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


@dataclass(frozen=True)
class Document:
    """Plain data with the place of every value in it."""

    source: str
    """What the data were read from, as people know it: usually the file's path."""
    data: Any
    """Dictionaries with string keys, lists, strings, integers, floats, booleans and None."""
    places: dict[KeyPath, str]
    """Where each value comes from: "FILE:LINE", or the option that set it."""
    base: Path = Path()
    """The directory that relative paths in it start from."""

    def place(self, key: KeyPath) -> str:
        """Where the value at `key` comes from, or else the nearest value around it."""
        for end in range(len(key), -1, -1):
            if key[:end] in self.places:
                return self.places[key[:end]]
        return self.source

    def error(self, key: KeyPath, text: str) -> BadInput:
        """The one-line error for the value at `key`."""
        dotted = ".".join(map(str, key))
        return BadInput(f"{self.place(key)}: {dotted}: {text}" if dotted else f"{self.place(key)}: {text}")


def read_document(path: Path) -> Document:
    """The document in a file; raises BadInput for a file that can't be read, is no UTF-8 or no YAML."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}, allowed is a readable YAML file") from None
    if len(raw) > MAXIMUM_BYTES:
        raise BadInput(f"{path}: found more than {MAXIMUM_BYTES} bytes, allowed is a config of at most 1 MiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}:{line}: found the byte {raw[error.start]:#04x}, allowed is text in UTF-8") from None
    return replace(parse_document(text, str(path)), base=path.parent)


def parse_document(text: str, source: str) -> Document:
    """The document in a text; raises BadInput, naming `source` and the line."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise BadInput(f"{source}{line}: {error.problem or error.context}, allowed is YAML") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{source}: {error}, allowed is YAML") from None
    except RecursionError:
        raise BadInput(f"{source}: nested too deeply, allowed are {MAXIMUM_DEPTH} levels") from None
    builder = _Builder(source)
    data = None if node is None else builder.build(node, ())
    return Document(source, data, builder.places)


class _Builder:
    """Turns YAML nodes into plain data and notes their lines; limits what aliases may blow a text up to."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.places: dict[KeyPath, str] = {}
        self._values = 0

    def build(self, node: yaml.Node, key: KeyPath) -> Any:
        """The data below a node, whose key is `key`; raises BadInput for what a config can't hold."""
        self.places.setdefault(key, f"{self.source}:{node.start_mark.line + 1}")
        self._values += 1
        if self._values > MAXIMUM_VALUES:
            raise self._error(node, f"found more than {MAXIMUM_VALUES} values once aliases are followed")
        if len(key) > MAXIMUM_DEPTH:
            raise self._error(node, f"nested too deeply, allowed are {MAXIMUM_DEPTH} levels")
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(child, (*key, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._error(node, f"found the tag {node.tag!r}, allowed are no tags")

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name: Hashable = self._scalar(name_node) if isinstance(name_node, yaml.ScalarNode) else None
            if not isinstance(name, str) or name == "<<":
                raise self._error(name_node, f"found {name_node.value!r:.60} as a key, allowed is text")
            if name in found:
                raise self._error(name_node, f"found the key {name!r} a second time, allowed is once")
            self.places[(*key, name)] = f"{self.source}:{name_node.start_mark.line + 1}"
            found[name] = self.build(value_node, (*key, name))
        return found

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        try:
            match kind:
                case "str":
                    text.encode()
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text, 16) if text.startswith("0x") else int(text)
                case "float":
                    return float(text)
        except UnicodeEncodeError:
            raise self._error(node, f"found {text!a:.60}, allowed is Unicode text") from None
        except ValueError:
            raise self._error(node, f"found {text!r:.60}, allowed is a number") from None
        raise self._error(node, f"found the tag {node.tag!r}, allowed are no tags")

    def _error(self, node: yaml.Node, text: str) -> BadInput:
        return BadInput(f"{self.source}:{node.start_mark.line + 1}: {text}")
