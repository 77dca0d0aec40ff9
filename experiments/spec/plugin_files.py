"""Plug-ins in Python files of the user's: loaded before the config that names them is checked."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.errors import BadInput
from experiments.spec.document import Document
from simulator import registry

MODULE_PREFIX = "pagesim_plugin_"
"""What the names of the modules that such files become start with."""


def module_name(path: Path) -> str:
    """The name of the module that a file becomes."""
    place = os.path.abspath(path)
    return f"{MODULE_PREFIX}{hashlib.blake2b(place.encode(), digest_size=8).hexdigest()}"


def load_file(path: Path) -> None:
    """Load a Python file, whose classes register themselves; once in a process.

    Raises BadInput if there is no such file, or it can't be loaded.
    """
    place = Path(os.path.abspath(path))
    name = module_name(place)
    if name in sys.modules:
        return
    if not place.is_file():
        raise BadInput(f"{path}: found no such file, allowed is a Python file with plug-ins")
    for point in registry.PACKAGES:
        registry.names(point)  # so that a name that is taken is found out here
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path}: found no Python file, allowed is one whose name ends in .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise BadInput(f"{path}: can't be loaded: {type(error).__name__}: {error}") from error


def with_plugins(document: Document, files: Sequence[Path]) -> Document:
    """The document with more plug-in files, given relative to the current directory, in its list of them."""
    if not files or not isinstance(document.data, dict):
        return document
    listed = document.data.get("plugins") or []
    added = [os.path.relpath(file, document.base) for file in files]
    return replace(document, data={**document.data, "plugins": [*listed, *added]})


def load_plugins(document: Document) -> None:
    """Load the files that a config lists under `plugins`, relative to its directory; raises BadInput."""
    listed: Any = document.data.get("plugins") if isinstance(document.data, dict) else None
    for index, file in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(file, str):
            try:
                load_file(document.base / file)
            except BadInput as error:
                raise document.error(("plugins", index), str(error)) from error
