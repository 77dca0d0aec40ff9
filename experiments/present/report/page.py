"""The page of a report: sections of parts, in one HTML file that asks for no other.

A part is text (a paragraph), a table, or one of the classes here; `templates/parts.html` has a macro for each.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from experiments.present.html import packaged, templates


@dataclass(frozen=True)
class Note:
    """A paragraph that explains."""

    macro: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    macro: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    macro: ClassVar[str] = "bullets"
    items: Sequence[str]


@dataclass(frozen=True)
class Quote:
    """Paragraphs of somebody else's, in which what stands between backticks is code."""

    macro: ClassVar[str] = "quote"
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Figures:
    """Key figures side by side, a term and a number each; what follows a plus-minus sign stands smaller."""

    macro: ClassVar[str] = "figures"
    values: Mapping[str, str]


@dataclass(frozen=True)
class Meanings:
    """Terms and what they mean."""

    macro: ClassVar[str] = "meanings"
    values: Mapping[str, str]


@dataclass(frozen=True)
class Verdict:
    """A sentence, what it rests on, and what else there is to say."""

    macro: ClassVar[str] = "verdict"
    opening: str
    items: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file, in a box that scrolls."""

    macro: ClassVar[str] = "code"
    text: str
    label: str


@dataclass(frozen=True)
class Details:
    """Parts that the reader unfolds."""

    macro: ClassVar[str] = "details"
    summary: str
    parts: Sequence[Any]
    unfolded: bool = False


Part = Any
"""A paragraph, a table, markup, or one of the classes above."""


@dataclass(frozen=True)
class Section:
    """A part of the page, which its table of contents names."""

    identity: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Report:
    """What a page shows."""

    kind: str
    """what it is a report of, such as "Report of a run" """
    name: str
    lead: str
    """the result in a sentence"""
    sections: Sequence[Section]
    data: Mapping[str, Any] = field(default_factory=dict)
    """numbers for the page's script, by the id of their element"""


def report_of(kind: str, name: str, lead: str, sections: Mapping[str, tuple[str, Sequence[Part]]],
              data: Mapping[str, Any]) -> Report:  # fmt: skip
    """A report of those sections, titles and parts by identity, that hold anything."""
    kept = [Section(identity, title, parts) for identity, (title, parts) in sections.items() if any(parts)]
    return Report(kind, name, lead, kept, data)


def page(report: Report) -> str:
    """The whole page; the same report gives the same text.

    Its policy lets the browser fetch nothing and run nothing but the page's own script, whatever names a config holds.
    """
    script = packaged("page.js")
    trusted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return templates().get_template("page.html").render(report=report, script=script, trusted=trusted)
