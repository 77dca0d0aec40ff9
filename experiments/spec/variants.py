"""Variants: what `--policies` names, `clock`, `windows(age_share=0.25)` or `label=policy(...)`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.errors import BadInput
from experiments.spec.document import Document, parse_document
from experiments.spec.overrides import assign
from simulator import registry

TRIMMING = "memory_manager.trimming"
_FORM = re.compile(
    r"^\s*(?:(?P<label>[^=()]*?)\s*=\s*)?(?P<policy>[\w.-]+)\s*(?:\((?P<parameters>.*)\))?\s*$", re.DOTALL
)
_LABEL = re.compile(r"^[^\x00-\x1f\x7f/\\]{1,60}$")
_ALLOWED = "allowed is POLICY, POLICY(KEY=VALUE, ...) or LABEL=POLICY(...), separated by commas"


@dataclass(frozen=True)
class Variant:
    """One side of a comparison."""

    label: str
    """names it in tables and plots"""
    policy: str
    """the registered policy"""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """what it changes in the config: dotted key to value"""
    option: str = ""
    """where errors say that it comes from"""

    @property
    def requires(self) -> list[str]:
        """What the policy uses that no real system has; empty: it can be implemented."""
        return sorted(getattr(registry.find("policy", self.policy), "requires", ()))

    def applied(self, document: Document) -> Document:
        """The document with its changes."""
        for key, value in self.changes.items():
            document = assign(document, key, value, self.option or self.label)
        return document


def parse_variants(text: str, document: Document, option: str = "--policies") -> list[Variant]:
    """The variants that a text names, in its order; raises BadInput.

    Parameters stand as in a config, `period` of the balance set manager among them. What a variant doesn't say it
    takes from the config's `memory_manager.trimming`: the period always, parameters if the policy is the same.
    """
    found = [_parse(part, document, f"{option} {part.strip()}") for part in split(text) if part.strip()]
    if not found:
        raise BadInput(f"{option}: found no policy, {_ALLOWED}")
    twice = [label for label, count in Counter(one.label for one in found).items() if count > 1]
    if twice:
        raise BadInput(f"{option}: found {twice[0]!r} more than once, allowed are labels: A={twice[0]},B={twice[0]}")
    return found


def _parse(part: str, document: Document, option: str) -> Variant:
    match = _FORM.match(part)
    if match is None:
        raise BadInput(f"{option}: found no policy, {_ALLOWED}")
    policy, parameters = match["policy"], _parameters(match["parameters"] or "", option)
    try:
        registry.find("policy", policy)
    except registry.UnknownName as error:
        raise BadInput(f"{option}: {error}") from None
    label = " ".join((match["label"] or part).split())
    if not _LABEL.match(label):
        raise BadInput(f"{option}: found the label {label!r}, allowed are 1 to 60 characters, no slashes among them")
    trimming = {**_given(document, policy), **parameters, "policy": policy}
    return Variant(label, policy, {TRIMMING: trimming}, option)


def _given(document: Document, policy: str) -> dict[str, Any]:
    """What the config says of trimming that holds for a policy too."""
    data = document.data if isinstance(document.data, dict) else {}
    manager = data.get("memory_manager")
    trimming = manager.get("trimming") if isinstance(manager, dict) else None
    if not isinstance(trimming, dict):
        return {}
    same = trimming.get("policy", "windows") == policy
    return {key: value for key, value in trimming.items() if same or key == "period"}


def _parameters(text: str, option: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in split(text):
        key, separator, value = part.partition("=")
        if not part.strip():
            continue
        if not separator or not key.strip() or key.strip() in found or key.strip() == "policy":
            raise BadInput(f"{option}: found {part.strip()!r}, allowed is KEY=VALUE, each key once")
        found[key.strip()] = parse_document(value.strip(), option).data
    return found


def split(text: str) -> Iterator[str]:
    """The parts of a text between the commas that aren't inside of brackets or quotes."""
    depth, quote, start = 0, "", 0
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]
