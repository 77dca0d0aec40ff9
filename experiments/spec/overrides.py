"""Overrides: `--set a.b.c=VALUE` changes a document before it is checked, so that it is checked like the file."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from experiments.errors import BadInput
from experiments.spec.document import Document, KeyPath, parse_document


def override(document: Document, assignments: Iterable[str]) -> Document:
    """The document with each "KEY=VALUE" applied in turn; VALUE is YAML.

    A key is dotted; a process in a list may be named by its index or by its name. Mappings on the way that aren't
    there yet are made. Raises BadInput, naming the option.
    """
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        option = f"--set {assignment}"
        if not separator or not all(key.strip().split(".")):
            raise BadInput(f"{option}: found no KEY=VALUE, allowed is such as machine.memory=32MiB")
        document = assign(document, key.strip(), parse_document(text, option).data, option)
    return document


def assign(document: Document, key: str, value: Any, option: str) -> Document:
    """The document with the value at a dotted key replaced; `option` is where errors say it comes from."""
    if not isinstance(document.data, dict):
        return document
    data = copy.deepcopy(document.data)
    path = _put(data, tuple(key.split(".")), value, option)
    places = {where: place for where, place in document.places.items() if where[: len(path)] != path}
    return replace(document, data=data, places={**places, path: option})


def value_at(data: dict[str, Any], key: str) -> Any:
    """What stands at a dotted key of a document's data; raises BadInput or KeyError if nothing does."""
    here: Any = data
    parts = tuple(key.split("."))
    while parts:
        step, parts = _step(here, parts, key, key)
        here = here[step]
    return here


def _put(container: dict[str, Any], parts: tuple[str, ...], value: Any, option: str) -> KeyPath:
    here: Any = container
    path: KeyPath = ()
    while parts:
        step, parts = _step(here, parts, ".".join(map(str, path)), option)
        path = (*path, step)
        if not parts:
            here[step] = value
        elif not isinstance(child := here.get(step) if isinstance(here, dict) else here[step], (dict, list)):
            if child is not None:
                raise BadInput(f"{option}: {'.'.join(map(str, path))} is {child!r}, which has no keys of its own")
            here[step] = [{}] if parts[0] == "0" else {}
            here = here[step]
        else:
            here = child
    return path


def _step(here: Any, parts: tuple[str, ...], where: str, option: str) -> tuple[str | int, tuple[str, ...]]:
    """The next key or index of a container and what remains of the key; names may have dots in them."""
    if isinstance(here, dict):
        for end in range(len(parts), 0, -1):
            if ".".join(parts[:end]) in here:
                return ".".join(parts[:end]), parts[end:]
        return parts[0], parts[1:]
    if parts[0].isdecimal() and int(parts[0]) < len(here):
        return int(parts[0]), parts[1:]
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in here]
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in names:
            return names.index(".".join(parts[:end])), parts[end:]
    allowed = [*(str(i) for i in range(len(here))), *(str(name) for name in names if name)]
    raise BadInput(f"{option}: found {parts[0]!r} in {where}, allowed is one of {', '.join(allowed)}")
