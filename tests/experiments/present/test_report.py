"""A report's page: whole, well-formed, accessible and safe, whatever names a result holds; the same each time."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.comparison import ComparisonResult
from experiments.analysis.reduction import MOST_SAMPLES
from experiments.present.html import render
from experiments.present.report import pictures
from experiments.present.report.comparison import _memory
from experiments.present.report.comparison import report as comparison_report
from experiments.present.report.page import page
from experiments.present.report.run import report as run_report
from experiments.present.report.slider import Run, Slider, timeline
from experiments.present.report.sweep import _failures
from experiments.storage.manifest import source
from simulator.result import RunResult
from tests.experiments.conftest import Command, change_study
from tests.experiments.present import reports
from tests.experiments.present.made_runs import made as made_run

MOST = 5_000_000


def whole(kind: str) -> ET.Element:
    """The page as a tree; fails unless it is well-formed. What a script or style holds is no markup."""
    text = reports.text_of(kind)
    assert text.startswith("<!DOCTYPE html>\n<html")
    bare = re.sub(r"(<(script|style)[^>]*>).*?(</\2>)", r"\1\3", text, flags=re.DOTALL)
    return ET.fromstring(bare.removeprefix("<!DOCTYPE html>\n"))


def words(element: ET.Element | None) -> str:
    assert element is not None
    return " ".join("".join(element.itertext()).split())


@pytest.mark.parametrize("kind", reports.KINDS)
def test_ids_are_unique_and_every_reference_leads_somewhere(kind: str) -> None:
    tree = whole(kind)
    ids = Counter(element.attrib["id"] for element in tree.iter() if "id" in element.attrib)
    assert not [name for name, count in ids.items() if count > 1]
    assert len(ids) > 20
    for element in tree.iter():
        for key, value in element.attrib.items():
            found = re.findall(r"url\(#([^)]+)\)", value)
            if key in ("aria-labelledby", "aria-describedby", "for"):
                found += value.split()
            if key == "href" and value.startswith("#"):
                found.append(value[1:])
            assert all(name in ids for name in found), (element.tag, key, value)


@pytest.mark.parametrize("kind", reports.KINDS)
def test_a_page_asks_for_nothing_else_and_is_small(kind: str) -> None:
    text = reports.text_of(kind)
    assert len(text.encode()) < MOST
    for element in whole(kind).iter():
        for key, value in element.attrib.items():
            if key in ("href", "src", "srcset", "action", "poster", "data"):
                assert value.startswith(("#", "data:")), (element.tag, key, value[:60])
    css = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert "@import" not in css
    assert "url(" not in css
    assert not re.search(r"https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", text))


@pytest.mark.parametrize("kind", reports.KINDS)
def test_landmarks_headings_and_tables_can_be_found_by_a_screen_reader(kind: str) -> None:
    tree = whole(kind)
    assert tree.attrib["lang"] == "en"
    for landmark in ("header", "nav", "main", "footer", "h1", "title"):
        assert len(tree.findall(f".//{landmark}")) == 1 + (len(tree.findall(".//svg")) if landmark == "title" else 0)
    body = tree.find("body")
    assert body is not None
    assert (body[0].tag, body[0].attrib["href"]) == ("a", "#report")
    levels = [int(element.tag[1]) for element in tree.iter() if re.fullmatch("h[1-6]", element.tag)]
    assert levels[0] == 1
    assert all(following <= level + 1 for level, following in pairwise(levels))
    assert len(tree.findall(".//table")) >= 4
    for table in tree.iter("table"):
        assert words(table.find("caption"))
        assert all(heading.attrib["scope"] in ("col", "row", "rowgroup") for heading in table.iter("th"))
        width = len(table.findall("thead/tr/th"))
        for row in table.iter("tr"):
            assert sum(int(cell.attrib.get("colspan", 1)) for cell in row) == width
            assert row[0].tag == "th"
    sections = [element for element in tree.iter() if element.attrib.get("role") == "region"]
    assert all(element.attrib["tabindex"] == "0" for element in sections)
    assert all(words(section.find("h2")) for section in tree.iter("section"))


@pytest.mark.parametrize("kind", reports.KINDS)
def test_every_picture_says_in_words_what_it_shows(kind: str) -> None:
    tree = whole(kind)
    parents = {child: parent for parent in tree.iter() for child in parent}
    drawings = tree.findall(".//svg")
    assert len(drawings) >= (1 if kind == "sweep" else 5)
    for drawing in drawings:
        assert drawing.attrib["role"] == "img"
        assert len(words(drawing.find("title"))) > 5
        assert len(words(drawing.find("desc"))) > 40
        figure = parents[parents[drawing]]
        assert figure.tag == "figure"
        assert len(words(figure.find("figcaption"))) > 40
    assert not tree.findall(".//img")
    assert all(bar.attrib.get("aria-hidden") == "true" for bar in tree.iter() if bar.attrib.get("class") == "stack")


def test_names_stay_names() -> None:
    for kind in reports.KINDS:
        text = reports.text_of(kind)
        assert "<img" not in text
        assert text.count("</script>") == text.count("<script")
        assert "onerror" in text  # it is shown
        script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        assert len(script) == 1
        trusted = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
        assert f"default-src 'none'; script-src 'sha256-{trusted}';" in html.unescape(text)
    rows = [words(row[0]) for row in whole("run").findall(".//table[@id='process-table']/tbody/tr")]
    assert reports.HOSTILE in rows
    for kind in reports.KINDS:
        question = [words(part) for part in whole(kind).findall(".//blockquote/p")]
        assert question == ["Who wins?", f"Two readers & a writer; see <b>this</b> {reports.HOSTILE}."]


def test_the_table_has_the_results_numbers() -> None:
    processes = pd.read_parquet(reports.made("run") / "processes.parquet").set_index("process").astype("object")
    table = whole("run").find(".//table[@id='process-table']")
    assert table is not None
    headings = [words(heading) for heading in table.findall("thead/tr/th")]
    for row in table.findall("tbody/tr"):
        cells = dict(zip(headings, row, strict=True))
        process = processes.loc[words(cells["process"])]
        assert words(cells["references"]) == f"{process['references']:,}"
        assert (
            int(cells["hard"].attrib.get("data-value", words(cells["hard"])))
            == process["hard_faults"] + process["collided_faults"]
        )
        assert float(cells["slowdown"].attrib["data-value"]) == process["slowdown"]
        assert float(cells["time"].attrib["data-value"]) == process["finished_ns"] - process["start_ns"]


@pytest.mark.parametrize("kind", reports.KINDS)
def test_the_same_result_gives_the_same_bytes(kind: str, pagesim: Command, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(reports.made(kind), copy)
    done = pagesim("report", copy)
    assert done.status == 0
    assert done.out == f"{copy / 'report.html'}\n"
    assert (copy / "report.html").read_bytes() == reports.page(kind).read_bytes()
    assert not list(copy.glob(".*partial*"))


def test_what_cannot_be_reported_is_told_in_one_line(pagesim: Command, tmp_path: Path) -> None:
    whole_one = reports.made("run")
    broken = tmp_path / "broken"
    shutil.copytree(whole_one, broken)
    (broken / "samples.parquet").write_bytes(b"no frame")
    lacking = tmp_path / "lacking"
    shutil.copytree(reports.made("run"), lacking)
    (lacking / "faults.parquet").unlink()
    nameless = tmp_path / "nameless"
    shutil.copytree(reports.made("run"), nameless)
    manifest = json.loads((nameless / "manifest.json").read_text("utf-8"))
    del manifest["config"]
    (nameless / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    begun = tmp_path / "begun"
    shutil.copytree(reports.made("sweep"), begun)
    change_study(begun, begun, complete=False)
    for arguments in (
        (tmp_path / "nowhere",), (tmp_path,), (broken,), (lacking,), (nameless,), (begun,),
        (whole_one, "--out", tmp_path / "no" / "such" / "place.html"), (whole_one, "--out", tmp_path),
    ):  # fmt: skip
        done = pagesim("report", *arguments)
        assert (done.status, done.out) == (2, ""), arguments
        assert done.err.count("\n") == 1
        assert done.err.startswith("pagesim: ")
        assert "allowed is" in done.err
    assert not list(tmp_path.rglob("report.html"))
    assert not list(tmp_path.glob(".*partial*"))


@pytest.mark.slow
def test_what_is_too_large_becomes_pixels_or_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "kinds_that_read", lambda _: ["fault-rates", "page-lists", "working-sets"])
    result = made_run(processes=4, samples=150, faults=500, requests=10, mapped=10)
    drawn, left_out = pictures.pictures(result, "run")
    assert (len(drawn), left_out) == (3, [])
    assert not any("<image" in one.drawing for one in drawn)
    sizes = sorted(len(one.drawing) for one in drawn)
    monkeypatch.setattr(pictures, "MOST_BYTES", sizes[-1] - 1)
    pixels = pictures.pictures(result, "run")[0]
    assert ["<image" in one.drawing for one in pixels] == [len(one.drawing) == sizes[-1] for one in drawn]
    monkeypatch.setattr(pictures, "MOST_BYTES_OF_ALL", sizes[0])
    fewer, left_out = pictures.pictures(result, "run")
    assert sum(len(one.drawing) for one in fewer) <= sizes[0]
    assert all((one.title in "".join(left_out)) != (one in fewer) for one in drawn)


def test_what_finds_no_room_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES_OF_ALL", 1)
    monkeypatch.setattr(pictures, "kinds_that_read", lambda _: ["page-lists", "working-sets"])
    manifest = json.loads((reports.made("run") / "manifest.json").read_text("utf-8"))
    made = run_report(RunResult.read(reports.made("run")), manifest)
    text = page(made)
    assert "<svg" not in text
    assert "No room here: Page lists over time and Working set of each process over time" in text


def test_a_configs_comment_is_its_leading_one(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# One.\n#\n#   Two,\n# three.\nname: x # four\n# five\n", "utf-8")
    assert source(path) == {"file": "x.yaml", "comment": "One.\n\n  Two,\nthree."}
    path.write_text("name: x\n# five\n", "utf-8")
    assert source(path) == {"file": "x.yaml", "comment": ""}
    assert source(tmp_path / "gone.yaml") == {"file": "gone.yaml", "comment": ""}


def test_a_comparison_without_page_lists_says_why_there_is_no_slider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "kinds_that_read", lambda _: [])
    manifest = json.loads((reports.made("comparison") / "manifest.json").read_text("utf-8"))
    result = ComparisonResult.read(reports.made("comparison"))
    for empty in (False, True):
        made = page(comparison_report(replace(result, lists=pd.DataFrame()) if empty else result, manifest))
        assert ("there is nothing to go through" in made) is empty
        assert ('type="range"' in made) is not empty


def test_each_error_of_a_sweep_is_told_once() -> None:
    errors = {f"p{number}": "no room" for number in range(5)} | {"q": "no file"}
    assert _failures(errors) == ["5 runs failed (p0, p1, p2 and 2 more): no room", "1 run failed (q): no file"]
    several = _failures({str(number): f"error {number}" for number in range(20)})
    assert several[-1] == "8 further errors; all are in points.parquet"


def test_a_run_that_has_ended_has_no_rates_any_more_and_a_bar_is_as_long_as_its_memory() -> None:
    """One run of 100 ns in 2 MiB, one of 200 ns in 1 MiB, which is shortest of memory at 200 ns."""
    column, free = "pagesim\\Active", "pagesim\\Free"
    runs = []
    for label, end, size in (("slow", 200, 1 << 20), ("quick", 100, 2 << 20)):
        half = [size // 2, size]
        samples = pd.DataFrame({"time_ns": [0, end], column: half, free: [size // 2, 0], "Memory\\Page Faults/sec": 7})
        summary = {"page_size": 4096, "processes": {}}
        runs.append(Run(label, RunResult(summary, samples, pd.DataFrame())))
    found = timeline(runs)
    assert found is not None
    assert (found.totals, found.texts[found.least()]) == ([256, 512], "200 ns")
    tree = ET.fromstring(render(Slider(found)))
    rates = [cell.text for cell in tree.iter("td") if cell.get("data-show") == "number"]
    assert rates == ["7", "-"]
    bars = [part.get("style") for part in tree.iter("div") if part.get("class") == "stack"]
    assert bars == ["width:50.000%", "width:100.000%"]
    parts = [part.get("style") for part in tree.iter("span") if part.get("title") == "Active"]
    assert all(str(style).endswith("width:100.000%") for style in parts)


def test_a_slider_for_each_size_of_memory_and_a_page_that_stays_small() -> None:
    """Thirty policies in five sizes of memory, each as many samples as are kept."""
    result = ComparisonResult.read(reports.made("comparison"))
    labels, sizes = [f"policy {number}" for number in range(30)], [n << 19 for n in range(1, 6)]
    one = result.lists[result.lists["label"] == "windows"].iloc[[0]]
    random = np.random.default_rng(1)
    parts = []
    for label in labels:
        for size in sizes:
            part = pd.concat([one] * MOST_SAMPLES, ignore_index=True)
            part[list(part.columns[3:])] = random.integers(1 << 12, size, (MOST_SAMPLES, len(part.columns) - 3))
            parts.append(part.assign(label=label, time_ns=np.arange(MOST_SAMPLES), **{"machine.memory": size}))
    cells = [{**cell, "machine.memory": size} for cell in result.summary["cells"] for size in sizes]
    summary = {**result.summary, "labels": labels, "memories": sizes, "cells": cells}
    made, numbers = _memory(replace(result, summary=summary, lists=pd.concat(parts)))
    text = "".join(map(render, made))
    assert text.count('type="range"') == len(numbers) == text.count("<details") == len(sizes)
    assert text.count("<details open") == 1
    identities = [*re.findall(r' id="([^"]+)"', text), *numbers]
    assert len(identities) == len(set(identities))
    assert len(json.dumps(numbers)) + len(text) < 1_500_000  # figures have 3.5 MB, and a page is smaller than 5
