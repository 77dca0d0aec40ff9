"""HTML as it is built: elements whose text is escaped unless it is markup already.

What is built is also well-formed XML, so that one parser can check all of it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

EMPTY = frozenset({"br", "col", "hr", "img", "input", "link", "meta"})
"""Elements without an end tag."""
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What neither HTML nor XML can hold: control characters and halves of surrogate pairs."""

Part = str | None
"""Text, markup, or nothing at all."""


class Markup(str):
    """Text that is HTML; all other text is escaped when it becomes part of an element."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Text as HTML that shows it, inside an element or a quoted attribute."""
    return text if isinstance(text, Markup) else Markup(html.escape(_FORBIDDEN.sub("\ufffd", text)))


def join(parts: Iterable[Part], between: str = "") -> Markup:
    """Parts one after the other."""
    return Markup(escape(between).join(escape(part) for part in parts if part is not None))


def element(name: str, /, *parts: Part, **attributes: str | int | bool | None) -> Markup:
    """An element: its content, and its attributes, in which `_` stands for `-` and a last one is left out (`class_`).

    An attribute that is None or False isn't there; one that is True has no value.
    """
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}"
    if name in EMPTY:
        return Markup(f"{start}/>")
    return Markup(f"{start}>{join(parts)}</{name}>")


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    text = "" if value is True else escape(str(value))
    return f' {key.rstrip("_").replace("_", "-")}="{text}"'


def data(identity: str, content: Any) -> Markup:
    """Data for a script, as JSON that can't end its element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/json" id="{escape(identity)}">{text}</script>')


def share(part: float, decimals: int = 1, sign: str = "") -> str:
    """A share as a percentage that stays on one line."""
    return f"{part * 100:{sign},.{decimals}f}\N{NO-BREAK SPACE}%"


def with_code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    pieces = text.split("`")
    odd = len(pieces) % 2 == 0  # a backtick without a second one
    return join(
        element("code", piece) if place % 2 and not (odd and place == len(pieces) - 1) else piece
        for place, piece in enumerate(pieces)
    )


def paragraphs(texts: Iterable[str]) -> Markup:
    """Each text as a paragraph."""
    return join(element("p", text) for text in texts)


def listed(items: Iterable[str], **attributes: str | int | bool | None) -> Markup:
    """A list with bullets; nothing for no items."""
    made = [element("li", item) for item in items]
    return element("ul", *made, **attributes) if made else Markup("")
