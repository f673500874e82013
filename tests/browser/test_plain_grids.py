"""Comparison, SanityCheck and TinyObjects on a plain page: many objects, long methods, and files to take away."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree
from collections.abc import Iterator, Sequence
from typing import Any

import crowd
import numpy as np
import pytest
from PIL import Image
from plain_page import PlainPage

import detxai_nb as dx
from detxai_nb.types import Detections

pytestmark = pytest.mark.browser

COUNT = 12
FORMULA = "=HYPERLINK(1)"
TEXT = "{http://www.w3.org/2000/svg}text"


class Foreign(crowd.Crowd):
    """A crowd whose first class is called like a formula; slow to answer where it is asked about several pictures."""

    names = (FORMULA, *crowd.NAMES[1:])

    def detect(self, images: Sequence[Any], score_threshold: float = 0.05) -> list[Detections]:
        found = super().detect(images, score_threshold)
        for one in found:
            object.__setattr__(one, "names", self.names)
        return found


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser)
    yield page
    page.close()


def download(opened: PlainPage, shown: Any, name: str) -> tuple[str, bytes]:
    with opened.page.expect_download() as waiting:
        shown.get_by_role("button", name=name).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_a_comparison_of_many_objects_is_filtered_asks_before_a_long_method_and_gives_files(opened: PlainPage) -> None:
    widget = dx.widgets.Comparison(Foreign(COUNT), crowd.photograph(150, 200), methods=["odam"], masks=20, boxes="all")
    widget._slow._seconds = 10.0
    shown = opened.show(widget, "comparison")
    checks = shown.get_by_role("group", name="Objects shown").get_by_role("checkbox")
    assert checks.count() == COUNT
    shown.get_by_label("Class", exact=True).select_option("lid")
    opened.until(lambda: widget.only_class == "lid", "Python knows")
    assert checks.count() == len(widget.listed) == 3
    checks.nth(1).check()
    opened.until(lambda: widget.shown == [0, 1, 2, 3, 5], "those that are not listed stay")
    shown.get_by_label("Search objects").fill("nothing")
    shown.get_by_role("button", name="Show all objects again").click()
    opened.until(lambda: checks.count() == COUNT, "the remedy is in reach")
    shown.get_by_role("group", name="Methods compared").get_by_label("D-RISE").check()
    opened.until(lambda: widget.rows.get("d-rise", {}).get("state") == "asked", "it waits for a person")
    head = shown.locator(".dx-method[data-method=d-rise]")
    assert "asks the detector up to 20 times, which takes about 3 min" in head.inner_text()
    head.get_by_role("button", name="Compute D-RISE").click()
    opened.until(lambda: widget.rows["d-rise"]["state"] == "ok", "then it begins")
    ready = opened.page.locator("#comparison > .dx-root[data-ready=true]")
    opened.until(ready.count, "it is painted")

    name, png = download(opened, shown, "PNG")
    assert name == "comparison-class-odam-d-rise.png"
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    colors = {thing["name"]: thing["color"] for thing in widget.objects}
    for color in colors.values():
        wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(picture[-120:] - wanted).max(axis=2) <= 2).sum() >= 100, "the legend has every class"
    name, svg = download(opened, shown, "SVG")
    assert name.endswith(".svg")
    texts = [one.text or "" for one in xml.etree.ElementTree.fromstring(svg.decode()).iter(TEXT)]
    assert {"ODAM", "D-RISE", *colors} <= set(texts)
    assert next(text for text in texts if text.startswith("#0 ")).startswith("#0 =HYPER")
    assert sum(text.startswith("Energy") for text in texts) >= 10
    _, content = download(opened, shown, "CSV")
    lines = table(content)
    assert [(int(line["number"]), line["method"]) for line in lines[:6]] == [
        *((i, "odam") for i in widget.shown),
        (0, "d-rise"),
    ]
    assert lines[0]["name"] == f"'{FORMULA}"
    assert lines[1]["name"] == "lid"
    metric = widget.metrics[0]
    assert float(lines[1][metric]) == pytest.approx(widget.rows["odam"]["metrics"][metric][1])
    widget.close()
    assert opened.errors == []


def test_a_sanity_check_and_tiny_objects_give_files_too(opened: PlainPage) -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    scene = dx.data.scenes.make(2, 11)
    check = dx.widgets.SanityCheck(detector, scene.image, methods=["odam"], seeds=[0])
    check.run()
    check.wait(60)
    shown = opened.show(check, "check")
    assert shown.get_by_label("Search objects").count() == 1
    opened.until(opened.page.locator("#check > .dx-root[data-ready=true]").count, "it is painted")
    name, png = download(opened, shown, "PNG")
    assert name == "sanity-cascading-odam-control-edges.png"
    assert Image.open(io.BytesIO(png)).width > 900
    _, svg = download(opened, shown, "SVG")
    texts = [one.text or "" for one in xml.etree.ElementTree.fromstring(svg.decode()).iter(TEXT)]
    assert {"ODAM", "Edges (control)", "Trained"} <= set(texts)
    assert any(text.startswith("passes: ") for text in texts)
    _, content = download(opened, shown, "CSV")
    lines = table(content)
    assert [(line["method"], int(line["step"])) for line in lines[:5]] == [("odam", n) for n in range(1, 6)]
    wanted = check.result.table.query("method == 'odam' and measure == 'spearman' and step == 1")["value"]
    assert float(lines[0]["spearman"]) == pytest.approx(float(wanted.iloc[0]))

    tiny = dx.widgets.TinyObjects(detector, dx.data.scenes.Scenes(1, mode="tiny"))
    tiny.run()
    tiny.wait(60)
    tiny.selected = 0
    tiny.wait(60)
    shown = opened.show(tiny, "tiny")
    opened.until(opened.page.locator("#tiny > .dx-root[data-seen='0']").count, "its crops are painted")
    name, png = download(opened, shown, "PNG")
    assert name.startswith("tiny-objects-energy-")
    assert Image.open(io.BytesIO(png)).height > 700
    _, svg = download(opened, shown, "SVG")
    texts = [one.text or "" for one in xml.etree.ElementTree.fromstring(svg.decode()).iter(TEXT)]
    assert {"Photograph", "annotated box"} <= set(texts)
    _, content = download(opened, shown, "CSV")
    lines = table(content)
    assert len(lines) == len(tiny.objects)
    first = tiny.objects.iloc[0]
    assert float(lines[0]["energy"]) == pytest.approx(float(first["energy"]), rel=1e-5)
    for widget in (check, tiny):
        widget.close()
    assert opened.errors == []
