"""The time slider: memory's page lists and the working sets at a moment, as bars and numbers, for one run or several.

Without a script the page shows one moment, that with the least memory available; with one, any.
"""

from __future__ import annotations

from experiments.batch.lists import RATES
from experiments.present.plots import style
from experiments.present.report.grids import scrolling
from experiments.present.report.markup import Markup, data, element, join, share
from experiments.present.report.moments import Moments
from simulator.units import format_size

HATCHES = {"////": "rising", "\\\\\\\\": "falling", "....": "dotted", "xxxx": "crossed", "": ""}
"""Hatches of the plots, to the classes that draw them on the page."""


def walk(found: Moments, picture: Markup | None = None, identity: str = "walk") -> tuple[Markup, Markup]:
    """The slider with what it moves, and the data that it moves through; `picture` may have a cursor that it moves.

    The ids of its parts begin with its own, since there may be several on a page.
    """
    position = found.least()
    values = found.at(position)
    several = len(found.runs) > 1
    parts = [
        _controls(found, position, identity),
        element("div", *(_stack(found, run, shown.tolist(), several) for run, shown in enumerate(values)),
                class_="stacks"),
        picture,
        _table(found, [shown.tolist() for shown in values], identity),
    ]  # fmt: skip
    return element("div", *parts, id=identity, class_="walk"), data(f"{identity}-data", _data(found))


def _controls(found: Moments, position: int, identity: str) -> Markup:
    """The slider and the buttons that put it where something happens; a script shows them."""
    jumps = {"Start": 0, "Least memory available": position}
    if (hard := found.most_hard()) is not None:
        jumps["Most hard faults"] = hard
    jumps["End"] = len(found.times) - 1
    buttons = [element("button", text, type="button", data_position=at) for text, at in jumps.items()]
    return element(
        "div",
        element("label", "Moment", for_=f"{identity}-time"),
        element("span", element("strong", found.texts[position], data_show="time"), f" of {found.texts[-1]}",
                class_="now"),
        element("input", type="range", id=f"{identity}-time", min=0, max=len(found.times) - 1, step=1, value=position,
                aria_valuetext=found.texts[position], aria_describedby=f"{identity}-help"),
        element("p", "Arrow keys go from sample to sample, Page Up and Page Down further.", id=f"{identity}-help",
                class_="note"),
        element("div", *buttons, role="group", aria_label="Go to a moment", class_="jumps"),
        class_="controls", hidden=True,
    )  # fmt: skip


def _stack(found: Moments, run: int, values: list[int], several: bool) -> Markup:
    """All of memory as a bar, list beside list, the largest memory as wide as the page; only for the eye, because the
    table has the same."""
    parts = [
        element("span", class_=f"part {_hatch(name)}".rstrip(), data_run=run, data_row=row, data_show="part",
                title=name, style=f"--colour:{style.LISTS[name].colour};width:{_share(values[row], found.totals[run])}")
        for row, name in enumerate(found.rows.lists)
    ]  # fmt: skip
    now = element("span", found.texts[found.least()], data_show="time")
    label = found.runs[run].label if several else join(["Memory at ", now])
    ended = element("span", _ended(found, run), class_="note", data_run=run, data_show="ended") if several else None
    return element(
        "div",
        element("p", label, " ", ended, class_="stack-label"),
        element(
            "div", *parts, class_="stack", style=f"width:{_share(found.totals[run], found.total)}", aria_hidden="true"
        ),
    )


def _ended(found: Moments, run: int) -> str:
    times = found.samples[run]
    return f"(ends at {found.texts[found.position(int(times[-1]))]})"


def _hatch(name: str) -> str:
    return HATCHES.get(style.LISTS[name].hatch, "")


def _share(pages: int, total: int) -> str:
    return f"{100 * pages / total:.3f}%"


def _table(found: Moments, values: list[list[int]], identity: str) -> Markup:
    """The numbers: lists, working sets and rates; for one run pages, size and share, for several each one's size."""
    several = len(found.runs) > 1
    headings = [run.label for run in found.runs] if several else ["pages", "size", "share"]
    head = element("tr", element("th", "what", scope="col", class_="words"),
                   *(element("th", text, scope="col", class_="numbers") for text in headings))  # fmt: skip
    rows = found.rows
    names = [*rows.lists, *rows.processes, *(RATES[name] for name in rows.rates)]
    bodies, first = [], 0
    groups = (("Page lists", len(rows.lists)), ("Working sets", len(rows.processes)), ("Meanwhile", len(rows.rates)))
    for title, count in groups:
        group = [element("tr", element("th", title, scope="rowgroup", colspan=len(headings) + 1, class_="group"))]
        for row in range(first, first + count):
            cells = _cells(found, [shown[row] for shown in values], row, several)
            swatch = _swatch(names[row]) if first == 0 else None
            side = "words list" if first == 0 else "words"
            group.append(element("tr", element("th", swatch, names[row], scope="row", class_=side), cells))
        if count:
            bodies.append(element("tbody", *group))
        first += count
    caption = element("caption", "Memory at ", element("span", found.texts[found.least()], data_show="time"),
                      id=f"{identity}-caption")  # fmt: skip
    table = element("table", caption, element("thead", head), *bodies, id=f"{identity}-table", class_="told")
    return scrolling(table, f"{identity}-caption")


def _cells(found: Moments, values: list[int], row: int, several: bool) -> Markup:
    rates = row >= len(found.rows.lists) + len(found.rows.processes)
    if rates and not several:
        return element("td", f"{values[0]:,}", colspan=3, class_="numbers", data_run=0, data_row=row,
                       data_show="number")  # fmt: skip
    shows = ["number" if rates else "size"] if several else ["number", "size", "share"]
    cells = []
    for run, value in enumerate(values):
        over = rates and found.ended(run, found.least())
        texts = {"number": "-" if over else f"{value:,}", "size": format_size(value * found.page_size),
                 "share": share(value / found.total)}  # fmt: skip
        cells += [
            element("td", texts[show], class_="numbers", data_run=run, data_row=row, data_show=show) for show in shows
        ]
    return join(cells)


def _swatch(name: str) -> Markup:
    look = style.LISTS[name]
    return element("span", class_=f"swatch {_hatch(name)}".rstrip(), style=f"--colour:{look.colour}",
                   aria_hidden="true")  # fmt: skip


def _data(found: Moments) -> object:
    return {
        "times": found.times.tolist(),
        "texts": found.texts,
        "total": found.total,
        "page": found.page_size,
        "names": found.rows.lists,
        "rates": len(found.rows.rates),
        "runs": [
            {"label": run.label, "times": samples.tolist(), "values": values.tolist(), "total": total}
            for run, samples, values, total in zip(found.runs, found.samples, found.values, found.totals, strict=True)
        ],
    }
