"""Plots as SVG inside the page: small, with ids of their own, and with text for those who don't see them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from markupsafe import Markup
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.spines import Spine
from matplotlib.text import Text

from experiments.present.plots import style
from experiments.present.plots.base import about, sentence
from experiments.present.plots.draw import kinds_that_read, plot
from experiments.present.report.question import and_list

MOST_BYTES = 600_000
"""of one figure; one that would be larger has its data drawn as pixels"""
MOST_BYTES_OF_ALL = 3_500_000
"""of all figures, which leaves room in a page of 5 MB"""
SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True)
class Picture:
    """A plot, drawn, with its title, its description and its caption."""

    macro: ClassVar[str] = "picture"
    name: str
    title: str
    about: tuple[str, ...]
    """paragraphs: what is shown and how to read it"""
    sentence: str
    """what is seen, in numbers; may be empty"""
    width: float
    height: float
    drawing: Markup
    """what stands inside the svg element"""
    panel: tuple[float, float, float, float]
    """left, top, right and bottom of the first panel"""
    cursor: bool = False
    """whether a script moves a line over it"""


def pictures(result: Any, reads: str, without: Sequence[str] = ()) -> tuple[list[Picture], list[Any]]:
    """The plots that apply to a result, in alphabetical order, and a line on those for which there is no room.

    `reads` says what kind of result it is, as in `experiments.present.plots.draw`.
    """
    names = [name for name in kinds_that_read(reads) if name not in without]
    drawn = [picture(name, one, result) for name in names if (one := plot(name)).applies(result)]
    for large in sorted(drawn, key=lambda one: -len(one.drawing)):
        if sum(len(one.drawing) for one in drawn) > MOST_BYTES_OF_ALL:
            drawn[drawn.index(large)] = picture(large.name, plot(large.name), result, pixels=True)
    left_out = []
    while sum(len(one.drawing) for one in drawn) > MOST_BYTES_OF_ALL:
        largest = max(drawn, key=lambda one: len(one.drawing))
        drawn.remove(largest)
        left_out.append(largest.title)
    return drawn, [f"No room here: {and_list(sorted(left_out))}; pagesim plot draws them."] if left_out else []


def picture(name: str, drawing: Any, result: Any, *, pixels: bool = False) -> Picture:
    """Draw a plot; where that takes too much room, or with `pixels`, its data are pixels."""
    with style.applied(), tempfile.TemporaryDirectory(prefix="pagesim-report-") as scratch:
        drawing.draw(result, figure := Figure())
        if pixels:
            _rasterise(figure)
        path = Path(scratch, "figure.svg")
        style.save(figure, path, "svg")
        root = ET.fromstring(path.read_text("utf-8"))  # noqa: S314 (written one line above)
        width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
        box = figure.axes[0].get_position()
    panel = (box.x0 * width, (1 - box.y1) * height, box.x1 * width, (1 - box.y0) * height)
    left, top, right, bottom = (round(value, 2) for value in panel)
    found = Picture(name, drawing.title, about(drawing), sentence(drawing, result), width, height, _inner(root, name),
                    (left, top, right, bottom))  # fmt: skip
    if len(found.drawing) > MOST_BYTES and not pixels:
        return picture(name, drawing, result, pixels=True)
    return found


def _rasterise(figure: Figure) -> None:
    """Draw what stands for data as pixels; words, axes and legends stay shapes."""
    for axes in figure.axes:
        for artist in axes.get_children():
            if artist is not axes.patch and not isinstance(artist, (Axis, Spine, Text, Legend)):
                artist.set_rasterized(True)


def _inner(root: ET.Element, name: str) -> Markup:
    """A drawing's elements as text for HTML: ids begin with the plot's name, those that nobody refers to are left out,
    and coordinates have two decimals, which is a hundredth of a point."""
    used = set()
    for node in root.iter():
        used |= {match for value in node.attrib.values() for match in _REFERENCE.findall(value)}
        if LINK in node.attrib:
            used.add(node.attrib[LINK].removeprefix("#"))
    parts = []
    for child in root:
        if child.tag == f"{SVG}metadata" or child.find(f"{SVG}style") is not None:
            continue
        for node in child.iter():
            _adapt(node, f"{name}-", used)
        parts.append(ET.tostring(child, encoding="unicode").strip())
    return Markup("".join(parts))  # noqa: S704 (matplotlib escapes what it writes)


def _adapt(node: ET.Element, prefix: str, used: set[str]) -> None:
    node.tag = node.tag.removeprefix(SVG)
    node.text = node.tail = None
    attributes = node.attrib
    if (identity := attributes.pop("id", None)) in used:
        attributes["id"] = f"{prefix}{identity}"
    if (link := attributes.pop(LINK, None)) is not None:
        attributes["href"] = link.replace("#", f"#{prefix}") if link.startswith("#") else link
    for key, value in attributes.items():
        if key in ("d", "x", "y", "points"):
            attributes[key] = " ".join(_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value).split())
        else:
            attributes[key] = _REFERENCE.sub(rf"url(#{prefix}\1)", value)


def named(found: Sequence[Picture], name: str) -> Picture | None:
    """The picture of a plot, if there is one."""
    return next((one for one in found if one.name == name), None)
