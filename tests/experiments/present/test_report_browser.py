"""A report in headless Chromium: nothing goes wrong, nothing is fetched, it fits every width, slider and sorting work.

Skipped where no Chromium is found (Debian: apt install chromium).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from tests.experiments.present import chromium, reports
from tests.experiments.present.chromium import Browser, Page

PROGRAM = chromium.program()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason=f"found no browser, looked for {', '.join(chromium.NAMES)}")

CONTRASTS = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !element.checkVisibility() || element.closest("svg, script")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color).slice(0, 3)), light(behind(element))];
    found.push((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return [found.length, Math.min(...found)];
})()"""
"""How many texts can be seen, and the least contrast among them [WCAG 2.2, contrast ratio]."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with chromium.running(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


def column(page: Page, table: str, number: int) -> list[str]:
    return list(
        page.value(f"[...document.querySelectorAll('#{table} tbody tr')].map((r) => r.cells[{number}].innerText)")
    )


def told(page: Page) -> dict[str, Any]:
    """What the slider's table says of the first run: pages, or a rate, by row."""
    cells = '[...document.querySelectorAll(\'#slider-table [data-run="0"][data-show="number"]\')]'
    return dict(page.value(f"Object.fromEntries({cells}.map((c) => [c.closest('tr').cells[0].innerText.trim(), "
                           "Number(c.innerText.replaceAll(',', ''))]))"))  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("kind", reports.KINDS)
def test_nothing_goes_wrong_or_is_fetched_and_all_fits_and_can_be_read(
    browser: Browser, kind: str, width: int, dark: bool
) -> None:
    page = Page(browser, reports.page(kind), width, dark)
    assert page.value("document.documentElement.scrollWidth") <= width
    count, least = page.value(CONTRASTS)
    assert count > 100
    assert least >= 4.5
    assert page.value("document.querySelectorAll('main img').length") == 0
    assert page.value("document.querySelectorAll('script').length") == 2
    assert page.complaints() == []
    assert [url for url in page.requests() if not url.startswith("data:")] == []
    page.close()


def test_the_slider_goes_through_the_samples_of_the_run_by_keyboard(browser: Browser) -> None:
    samples = pd.read_parquet(reports.made("run") / "samples.parquet")
    page = Page(browser, reports.page("run"))
    last = page.value("Number(document.querySelector('#slider-time').max)")
    assert last == len(samples) - 1
    page.value("document.querySelector('#slider-time').focus()")
    seen = []
    for keys in (["Home"], ["ArrowRight"] * 3, ["ArrowRight"] * 7, ["End"], ["ArrowLeft"] * 4):
        for key in keys:
            page.press(key)
        at = page.value("Number(document.querySelector('#slider-time').value)")
        row, shown = samples.iloc[at], told(page)
        for name in ("Active", "Modified", "Standby 5", "Free", "Zeroed"):
            assert shown[name] == round(row[f"pagesim\\{name}"] / 4096), (at, name)
        assert shown["reader-1"] == round(row["Process(reader-1)\\Working Set"] / 4096)
        assert shown["page faults per second"] == round(row["Memory\\Page Faults/sec"])
        widths = page.value("[...document.querySelectorAll('.part')].map((p) => parseFloat(p.style.width))")
        assert sum(widths) == pytest.approx(100, abs=0.1)
        spoken = page.value("document.querySelector('#slider-time').ariaValueText")
        assert spoken.startswith(page.value("document.querySelector('.now strong').innerText"))
        assert ("Active" in spoken) == (shown["Active"] > 0)
        seen.append((at, tuple(shown.values()), page.value("document.querySelector('.cursor').getAttribute('x1')")))
    assert [at for at, *_ in seen] == [0, 3, 10, last, last - 4]
    assert len({values for _, values, _ in seen}) == len({x for *_, x in seen}) == 5
    page.close()


def test_the_slider_of_a_comparison_shows_all_policies_at_one_time(browser: Browser) -> None:
    page = Page(browser, reports.page("comparison"))
    assert page.value("document.querySelectorAll('.stack').length") == 4  # windows, fifo, lru and the bound opt
    before = page.value("document.querySelector('#slider-table').innerText")
    page.value("[...document.querySelectorAll('[data-position]')].at(-1).click()")
    assert page.value("document.querySelector('#slider-table').innerText") != before
    ended = page.value("[...document.querySelectorAll('[data-show=ended]')].map((e) => !e.hidden)")
    assert not all(ended)  # one of them goes on to the last moment
    assert page.complaints() == []
    page.close()


def test_sorting_goes_by_value_and_says_so(browser: Browser) -> None:
    processes = pd.read_parquet(reports.made("run") / "processes.parquet")
    page = Page(browser, reports.page("run"))
    given = column(page, "process-table", 3)
    button = "document.querySelectorAll('#process-table th button')[3]"
    state = "[...document.querySelectorAll('#process-table thead th')].map((th) => th.ariaSort)"
    assert set(page.value(state)) == {"none"}
    expected = [f"{count:,}" for count in sorted(processes["references"])]
    assert given != expected
    page.value(f"{button}.focus()")
    page.send("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    assert column(page, "process-table", 3) == expected
    assert page.value(state)[3] == "ascending"
    page.value(f"{button}.click()")
    assert column(page, "process-table", 3) == expected[::-1]
    sorted_by = page.value(state)
    assert sorted_by.pop(3) == "descending"
    assert set(sorted_by) == {"none"}
    page.value("document.querySelectorAll('#process-table th button')[0].click()")
    assert column(page, "process-table", 0) == sorted(processes["process"], key=str.lower)
    page.value("document.querySelectorAll('#fault-table th button')[1].click()")
    total = page.value("document.querySelector('#fault-table tfoot').innerText")
    assert total.startswith("all")
    page.close()


def test_negative_numbers_and_fractions_are_numbers_and_unknown_ones_come_last_both_ways(browser: Browser) -> None:
    page = Page(browser, reports.page("comparison"))
    page.value("document.querySelector('details:has(#differences-table)').open = true")
    cells = "[...document.querySelectorAll('#differences-table tbody tr')].map((row) => row.cells[3])"
    values = f"{cells}.map((cell) => cell.dataset.value)"
    given = page.value(values)
    page.value(f"{cells}.slice(2, 4).forEach((cell) => {{ cell.dataset.value = ''; }})")
    known = sorted(float(value) for value in [*given[:2], *given[4:]])
    assert known[0] < 0 < known[-1]
    for expected in (known, known[::-1]):
        page.value("document.querySelectorAll('#differences-table th button')[3].click()")
        *first, unknown, last = page.value(values)
        assert [float(value) for value in first] == expected
        assert unknown == last == ""
    page.close()


def test_without_a_script_the_page_shows_one_moment_and_no_controls(browser: Browser) -> None:
    page = Page(browser, reports.page("run"), scripts=False)
    page.send("Emulation.setScriptExecutionDisabled", value=False)
    assert page.value("document.querySelector('.controls').checkVisibility()") is False
    assert page.value("document.querySelectorAll('th button').length") == 0
    assert sum(told(page)[name] for name in told(page) if name in ("Active", "Free", "Zeroed")) > 0
    assert page.value("document.querySelector('.stack').getBoundingClientRect().width") > 300
    page.close()


def test_print_shows_what_is_folded_and_leaves_out_what_needs_a_hand(browser: Browser) -> None:
    page = Page(browser, reports.page("comparison"), width=720)
    page.media("print", dark=True)
    for gone in ("nav", ".controls", ".skip"):
        assert page.value(f"getComputedStyle(document.querySelector('{gone}')).display") == "none", gone
    assert page.value("document.querySelector('details pre').getBoundingClientRect().height") > 100
    assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_the_first_tab_leads_past_the_contents(browser: Browser) -> None:
    page = Page(browser, reports.page("run"))
    page.press("Tab")
    assert page.value("document.activeElement.getAttribute('href')") == "#report"
    assert page.value("document.activeElement.getBoundingClientRect().left") >= 0
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.close()
