"""The page of a report: its head, its landmarks and what they hold, in one file that asks for no other."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from experiments.present.report.markup import Markup, Part, element, escape, join


@dataclass(frozen=True)
class Section:
    """A part of the page, which its table of contents names."""

    identity: str
    title: str
    content: Sequence[Part]


@dataclass(frozen=True)
class Report:
    """What a page shows."""

    kind: str
    """what it is a report of, such as "Report of a run" """
    name: str
    lead: str
    """the result in a sentence"""
    sections: Sequence[Section]
    data: Sequence[Markup] = field(default=())
    """data for the page's script"""


def page(report: Report) -> str:
    """The whole page; the same report gives the same text."""
    script = _packaged("page.js")
    body = element(
        "body",
        element("a", "Skip to the report", href="#report", class_="skip"),
        element(
            "header",
            element("p", report.kind, class_="kind"),
            element("h1", report.name),
            element("p", report.lead, class_="lead"),
        ),
        _contents(report.sections),
        element("main", *(_section(one) for one in report.sections), id="report", tabindex=-1),
        element("footer", element("p", "Made by ", element("code", "pagesim report"), ", from the result alone.")),
        *report.data,
        Markup(f"<script>{script}</script>"),
    )
    return f'<!DOCTYPE html>\n<html lang="en">{_head(report, script)}\n{body}</html>\n'


def _head(report: Report, script: str) -> Markup:
    """The page's head. Its policy lets the browser fetch nothing and run nothing but the page's own script, whatever
    names a config holds."""
    trusted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{trusted}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="description", content=report.lead),
        element("link", rel="icon", href="data:,"),
        element("title", f"{report.name}: {report.kind[0].lower()}{report.kind[1:]}"),
        Markup(f"<style>{_packaged('page.css')}</style>"),
    )


def _contents(sections: Sequence[Section]) -> Markup:
    links = element("ol", *(element("li", element("a", one.title, href=f"#{one.identity}")) for one in sections))
    return element("nav", element("h2", "Contents", id="contents"), links, aria_labelledby="contents")


def _section(one: Section) -> Markup:
    heading = element("h2", one.title, id=f"{one.identity}-heading")
    return element("section", heading, join(one.content), id=one.identity, aria_labelledby=f"{one.identity}-heading")


def _packaged(name: str) -> str:
    """A file of this package; the page's own files hold nothing that ends a style or script element."""
    return files("experiments.present.report").joinpath(name).read_text("utf-8")


def details(summary: str, *parts: Part, open_: bool = False) -> Markup:
    """Content that the reader unfolds."""
    return element("details", element("summary", summary), *parts, open=open_)


def code(text: str, label: str) -> Markup:
    """Text as it would stand in a file, in a box that scrolls."""
    return element("pre", element("code", escape(text)), tabindex=0, role="region", aria_label=label)
