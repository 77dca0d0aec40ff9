"""What `pagesim validate`, `schema` and `list` do: say whether a config is valid, and what one can hold."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments import listing
from experiments.errors import BadInput
from experiments.present import terminal
from experiments.spec.experiment import load
from experiments.spec.inputs import input_paths
from experiments.spec.plugin_files import load_file
from experiments.spec.schema import config_schema
from experiments.storage.directory import canonical_json


def validate(config: Path, overrides: Sequence[str], as_json: bool, plugins: Sequence[Path] = ()) -> None:
    """Check a config and that its input files are there."""
    experiment = load(config, overrides, plugins=plugins)
    for path in input_paths(experiment):
        if not (config.parent / path).is_file():
            raise BadInput(f"{config}: found the path {path!r}, allowed is a file, and {config.parent / path} is none")
    if as_json:
        sys.stdout.write(canonical_json({"valid": True, "config": experiment.resolved()}))
    else:
        sys.stdout.write(f"{config}: valid\n")


def schema() -> None:
    """Print the config's JSON Schema."""
    sys.stdout.write(canonical_json(config_schema()))


def list_plugins(what: str, as_json: bool, plugins: Sequence[Path] = ()) -> None:
    """Print the plug-ins of a point."""
    for file in plugins:
        load_file(file)
    entries = listing.entries(what)
    if as_json:
        sys.stdout.write(canonical_json({what: entries}))
        return
    terminal.show([listing.table(what, entries)])
