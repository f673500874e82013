"""Explorer and Comparison of an image classifier on a plain page: a class is typed, its map seen, methods compared.

``DETXAI_NB_SCREENSHOTS``: a folder for pictures of what was tested, light and dark.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab import STUB
from PIL import Image
from plain_page import PlainPage

import detxai_nb as dx
from detxai_nb.widgets.snapshots.picture import Look, overlay_pixels

sys.path.insert(0, str(STUB))
from grid_page import CONTRAST

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS")
UNFIT = ("object", "box", "detect")
MEAN = """(canvas, [u, v, part]) => {
  const side = Math.round(part * canvas.width), left = u * canvas.width - side / 2, top = v * canvas.height - side / 2;
  const { data } = canvas.getContext("2d").getImageData(Math.round(left), Math.round(top), side, side);
  return [0, 1, 2].map(c => data.filter((_, i) => i % 4 === c).reduce((a, b) => a + b, 0) / side ** 2); }"""
"""The mean RGB of a square of the canvas around a point."""


@pytest.fixture(scope="module")
def classifier() -> Any:
    return dx.load_detector("tiny-resnet", device="cpu")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.asarray(dx.data.scenes.Scenes(1, mode="dual")[0].image)


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser)
    yield page
    page.close()


def picture(opened: PlainPage, shown: Any, name: str) -> None:
    """In both themes every word can be read; a picture of each, if one is wanted."""
    for theme in ("dark", "light"):
        opened.page.evaluate("t => document.documentElement.setAttribute('theme', t)", theme)
        opened.page.evaluate("c => document.body.style.background = c", {"dark": "#111"}.get(theme, "#fff"))
        opened.until(lambda theme=theme: shown.get_attribute("data-theme") == theme, theme)
        assert shown.evaluate(CONTRAST) == []
        if SHOTS:
            shown.screenshot(path=str(Path(SHOTS) / f"{name}_{theme}.png"))


def unfit(text: str) -> list[str]:
    return [line for line in text.splitlines() if any(word in line.lower() for word in UNFIT)]


def test_a_class_is_typed_and_its_map_is_seen(opened: PlainPage, classifier: Any, image: np.ndarray) -> None:
    widget = dx.widgets.Explorer(classifier, image, method="grad-cam")
    shown = opened.show(widget, "explorer")
    rows = shown.get_by_role("listbox", name="Classes and their probabilities").get_by_role("option")
    assert rows.count() == 5
    assert "probability" in rows.first.get_attribute("aria-label")
    field = shown.get_by_role("combobox", name="Another class")
    field.fill("juug")
    field.press("Enter")
    answer = shown.get_by_text("This classifier has no class 'juug'; did you mean 'jug'?")
    answer.wait_for()
    if SHOTS:
        shown.screenshot(path=str(Path(SHOTS) / "explorer_unknown_class.png"))
    last = classifier.detect([image], 0.0)[0].label_names()[-1]
    field.fill(last[:-1].upper())
    names = shown.get_by_role("listbox", name="Classes with such a name")
    assert names.get_by_role("option").all_inner_texts() == [last]
    field.press("ArrowDown")
    field.press("Enter")
    opened.until(lambda: opened._pass_on("explorer") or shown.get_attribute("data-shown").endswith(",5#5"), "explained")
    opened.until(lambda: shown.get_attribute("data-ready") == "true", "painted")
    assert rows.last.get_attribute("aria-selected") == "true"
    assert field.input_value() == ""
    assert answer.count() == 0
    own = dx.explain(classifier, image, dx.detections.of_classes(classifier, image, last), method="grad-cam")
    expected = overlay_pixels(image, own, 0, Look(0.75, 0.0, "viridis", shared=False)).astype(int)
    canvas = shown.locator(".dx-stage canvas.dx-canvas")
    for u, v in ((0.05, 0.5), (0.3, 0.4), (0.5, 0.94), (0.8, 0.3), (0.6, 0.55)):
        x, y = int(u * image.shape[1]), int(v * image.shape[0])
        there = expected[y - 6 : y + 7, x - 6 : x + 7].mean(axis=(0, 1))
        assert np.abs(canvas.evaluate(MEAN, [u, v, 13 / image.shape[1]]) - there).max() <= 6, "the map, no outline"
    canvas.click(position={"x": 40, "y": 40})
    assert widget.selected == 5
    assert unfit(shown.inner_text().replace("dx.widgets.Comparison(detector, ", "")) == []
    picture(opened, shown, "explorer_class")
    with opened.page.expect_download() as waiting:
        shown.get_by_role("button", name="CSV").click()
    table = list(csv.DictReader(io.StringIO(waiting.value.path().read_text(encoding="utf-8-sig"))))
    assert list(table[0])[:5] == ["class_number", "class", "probability", "listed", "selected"]
    assert [line["class"] for line in table] == [one["name"] for one in widget.objects]
    with opened.page.expect_download() as waiting:
        shown.get_by_role("button", name="PNG").click()
    assert Image.open(io.BytesIO(waiting.value.path().read_bytes())).width >= image.shape[1]
    widget.close()
    assert opened.errors == []


def test_three_methods_are_compared_on_a_class_that_was_typed(
    opened: PlainPage, classifier: Any, image: np.ndarray
) -> None:
    widget = dx.widgets.Comparison(classifier, image, methods=["grad-cam", "layer-cam", "global-guidance"], objects=[0])
    shown = opened.show(widget, "comparison")
    last = classifier.detect([image], 0.0)[0].label_names()[-1]
    shown.get_by_role("combobox", name="Another class").fill(last)
    shown.get_by_role("combobox", name="Another class").press("Enter")
    heads = shown.locator(".dx-object")
    opened.until(lambda: opened._pass_on("comparison") or heads.count() == 2, "there is a column more")
    opened.until(lambda: opened._pass_on("comparison") or shown.get_attribute("data-ready") == "true", "painted")
    assert [head.split(" ")[0] for head in heads.all_inner_texts()] == [widget.objects[0]["name"], last]
    assert shown.get_attribute("data-selected") == "grad-cam#5"
    assert shown.locator(".dx-cell").count() == 6
    shown.get_by_role("group", name="Classes shown").get_by_role("checkbox").first.uncheck()
    opened.until(lambda: widget.shown == [5], "columns are chosen")
    shown.get_by_role("group", name="Classes shown").get_by_role("checkbox").first.check()
    opened.until(lambda: opened._pass_on("comparison") or heads.count() == 2, "and chosen again")
    assert unfit(shown.inner_text().replace("annotated boxes of each class", "")) == []
    picture(opened, shown, "comparison_classes")
    widget.close()
    assert opened.errors == []


def test_both_fit_into_a_narrow_page(browser: Any, classifier: Any, image: np.ndarray) -> None:
    page = PlainPage(browser, width=252)
    for name, kind in (("explorer", dx.widgets.Explorer), ("comparison", dx.widgets.Comparison)):
        widget = kind(classifier, image[::2, ::2])
        shown = page.show(widget, name)
        assert shown.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        if SHOTS:
            shown.screenshot(path=str(Path(SHOTS) / f"{name}_classes_narrow.png"))
        widget.close()
    assert page.errors == []
    page.close()
