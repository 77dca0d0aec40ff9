"""Tables, lines and the parts of a report in HTML, by the templates beside this module.

What is made is also well-formed XML, so that one parser can check all of it; text is escaped unless it is markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from experiments.present.table import Part, Table

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What neither HTML nor XML can hold: control characters and halves of surrogate pairs."""


def fragment(parts: Iterable[Part]) -> str:
    """Tables and paragraphs for a page that isn't ours, such as a notebook: without ids, with styles of their own."""
    macros: Any = templates().get_template("parts.html").module
    return Markup("").join(macros.bare(one) if isinstance(one, Table) else macros.paragraph(one) for one in parts)


def render(part: Any) -> Markup:
    """A part of a report: text is a paragraph, markup stays, and any other thing has the macro that it names."""
    if isinstance(part, Markup):
        return part
    name = "paragraph" if isinstance(part, str) else "table" if isinstance(part, Table) else part.macro
    macro: Callable[[Any], Markup] = getattr(templates().get_template("parts.html").module, name)
    return macro(part)


@cache
def templates() -> Environment:
    """The templates, with what they call."""
    environment = Environment(
        loader=PackageLoader("experiments.present"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_clean,
    )  # fmt: skip
    environment.globals |= {"render": render, "packaged": packaged, "data": _data, "zip": zip}
    environment.filters |= {"lines": _lines, "code": with_code}
    return environment


def _clean(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return _FORBIDDEN.sub("\ufffd", value)
    return value


def packaged(name: str) -> Markup:
    """A file beside the templates; it holds nothing that ends a style or script element."""
    return Markup(files("experiments.present").joinpath("templates", name).read_text("utf-8"))  # noqa: S704


def _data(content: Any) -> Markup:
    """Data for a script, as JSON that can't end its element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704


def _lines(text: str) -> Markup:
    """Text with its line ends as breaks."""
    return Markup("<br/>").join(map(_clean, text.split("\n")))


def with_code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    pieces = list(map(_clean, text.split("`")))
    odd = len(pieces) % 2 == 0  # a backtick without a second one
    code = Markup("<code>{}</code>")
    return Markup("").join(
        code.format(piece) if place % 2 and not (odd and place == len(pieces) - 1) else piece
        for place, piece in enumerate(pieces)
    )
