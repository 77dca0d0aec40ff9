"""Experiments: configs in YAML, the runs they describe, the results that are kept, and the `pagesim` command."""

__version__ = "0.2.0"
