"""Plots as SVG inside the page: small, with ids of their own, and with text for those who don't see them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.spines import Spine
from matplotlib.text import Text

from experiments.present.plots import style
from experiments.present.plots.draw import Plot, kinds_that_read
from experiments.present.report.grids import scrolling
from experiments.present.report.markup import Markup, element, join
from simulator import registry

MOST_BYTES = 600_000
"""of one figure; one that would be larger has its data drawn as pixels"""
MOST_BYTES_OF_ALL = 3_500_000
"""of all figures, which leaves room in a page of 5 MB"""
SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True)
class Picture:
    """A plot, drawn."""

    name: str
    title: str
    about: tuple[str, ...]
    """paragraphs: what is shown and how to read it"""
    words: str
    """what is seen, in numbers; may be empty"""
    width: float
    height: float
    drawing: str
    """what stands inside the svg element"""
    panel: tuple[float, float, float, float]
    """left, top, right and bottom of the first panel"""


Words = Callable[[str], str]
"""What a plot of a result shows, in numbers, by the plot's name."""


def pictures(result: Any, reads: str, words: Words, without: Sequence[str] = ()) -> tuple[list[Picture], list[str]]:
    """The plots that apply to a result, and the titles of those for which there is no room, in alphabetical order.

    `reads` says what kind of result it is, as in `experiments.present.plots.draw`.
    """
    drawn = [
        _picture(name, plot, result, words(name), pixels=False)
        for name in kinds_that_read(reads)
        if name not in without and (plot := cast("Plot", registry.find("plot", name)())).applies(result)
    ]
    left_out = []
    for picture in sorted(drawn, key=lambda one: -len(one.drawing)):
        if sum(len(one.drawing) for one in drawn) <= MOST_BYTES_OF_ALL:
            break
        place = drawn.index(picture)
        plot = cast("Plot", registry.find("plot", picture.name)())
        drawn[place] = _picture(picture.name, plot, result, picture.words, pixels=True)
    while sum(len(one.drawing) for one in drawn) > MOST_BYTES_OF_ALL:
        largest = max(drawn, key=lambda one: len(one.drawing))
        drawn.remove(largest)
        left_out.append(largest.title)
    return drawn, sorted(left_out)


def _picture(name: str, plot: Plot, result: Any, words: str, *, pixels: bool) -> Picture:
    """Draw a plot; where that takes too much room, or with `pixels`, its data are pixels."""
    with style.applied(), tempfile.TemporaryDirectory(prefix="pagesim-report-") as scratch:
        plot.draw(result, figure := Figure())
        if pixels:
            _rasterise(figure)
        path = Path(scratch, "figure.svg")
        style.save(figure, path, "svg")
        root = ET.fromstring(path.read_text("utf-8"))  # noqa: S314 (written one line above)
        width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
        box = figure.axes[0].get_position()
    about = tuple(" ".join(part.replace("`", "").split()) for part in cleandoc(plot.__doc__ or "").split("\n\n"))
    panel = (box.x0 * width, (1 - box.y1) * height, box.x1 * width, (1 - box.y0) * height)
    found = Picture(name, plot.title, about, words, width, height, _inner(root, name), panel)
    if len(found.drawing) > MOST_BYTES and not pixels:
        return _picture(name, plot, result, words, pixels=True)
    return found


def _rasterise(figure: Figure) -> None:
    """Draw what stands for data as pixels; words, axes and legends stay shapes."""
    for axes in figure.axes:
        for artist in axes.get_children():
            if artist is not axes.patch and not isinstance(artist, (Axis, Spine, Text, Legend)):
                artist.set_rasterized(True)


def _inner(root: ET.Element, name: str) -> str:
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
    return "".join(parts)


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


def figure(picture: Picture, cursor: bool = False) -> Markup:
    """A picture with its title, its description and its caption; with a `cursor`, a line that a script moves."""
    identity = f"plot-{picture.name}"
    described = " ".join(part for part in (picture.words, picture.about[0] if picture.about else "") if part)
    left, top, right, bottom = (round(value, 2) for value in picture.panel)
    line = element("line", class_="cursor", x1=str(left), x2=str(left), y1=str(top), y2=str(bottom),
                   data_left=str(left), data_right=str(right), visibility="hidden") if cursor else None  # fmt: skip
    drawing = element(
        "svg",
        element("title", picture.title, id=f"{identity}-title"),
        element("desc", described, id=f"{identity}-desc"),
        Markup(picture.drawing),
        line,
        viewBox=f"0 0 {picture.width:g} {picture.height:g}", role="img",
        aria_labelledby=f"{identity}-title {identity}-desc", focusable="false",
    )  # fmt: skip
    caption = join([
        element("strong", f"{picture.title}. "), f"{picture.words} " if picture.words else None,
        element("span", " ".join(picture.about), class_="reading"),
    ])  # fmt: skip
    return element(
        "figure",
        scrolling(drawing, f"{identity}-title", class_="scroll paper"),
        element("figcaption", caption),
        id=identity,
    )


def named(found: Sequence[Picture], name: str) -> Picture | None:
    """The picture of a plot, if there is one."""
    return next((one for one in found if one.name == name), None)
