"""SanityCheck and Perturbation of an image classifier on a plain page: classes in place of objects, and no boxes."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_page import PlainPage

import detxai_nb as dx

pytestmark = pytest.mark.browser

IMAGE = np.ascontiguousarray(dx.data.scenes.make(1, mode="single").image[::2, ::2])
UNFIT = re.compile(r"object|\bbox|detect", re.IGNORECASE)
SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into, light and dark; none by default."""


@pytest.fixture(scope="module")
def detector() -> Any:
    return dx.load_detector("tiny-resnet", device="cpu", input_size=64)


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser, reduced_motion="reduce")
    yield page
    page.close()


def keep(opened: PlainPage, shown: Any, name: str) -> None:
    """Screenshots to be looked at, where they are asked for."""
    if not SHOTS:
        return
    for theme, color in (("light", "#fff"), ("dark", "#111")):
        script = """([light, color]) => {
            Object.assign(document.body.dataset, { jpThemeLight: light });
            document.body.style.background = color; }"""
        opened.page.evaluate(script, [str(theme == "light").lower(), color])
        opened.page.wait_for_timeout(100)
        shown.screenshot(path=str(Path(SHOTS) / f"{name}-{theme}.png"))


def told(shown: Any) -> list[str]:
    """What the page says of objects or boxes, also where the pointer rests and to screen readers."""
    words = shown.inner_text().splitlines()
    names = ("aria-label", "title", "aria-description", "placeholder", "aria-valuetext")
    script = """(root, names) => [...root.querySelectorAll('*')].filter(e => e.checkVisibility())
        .flatMap(e => names.map(n => e.getAttribute(n) ?? ''))"""
    return [one for one in (*words, *shown.evaluate(script, list(names))) if UNFIT.search(one)]


def choose(opened: PlainPage, shown: Any, widget: Any, name: str) -> None:
    """Type a class's name and wait until it is listed."""
    field = shown.get_by_label("Another class")
    field.fill(name)
    field.press("Enter")
    opened.until(lambda: name in widget.detections.label_names(), f"{name} is listed")


def test_the_pictures_of_a_class_are_scrubbed_and_another_is_typed(opened: PlainPage, detector: Any) -> None:
    widget = dx.widgets.Perturbation(detector, IMAGE, method="grad-cam", step=2)
    shown = opened.show(widget, "perturbation")
    words = shown.locator(".dx-words")
    assert re.search(r"pixels deleted: probability [\d.e-]+ of [\d.]+; most probable: ", words.inner_text())
    assert told(shown) == []
    canvas = shown.locator("canvas.dx-canvas").first
    # No line of a box along the picture's edge: the colour there is the picture's own.
    for u, v in ((0.5, 0.004), (0.004, 0.5)):
        pixel = widget.walk.picture(2, IMAGE)[int(v * IMAGE.shape[0]), int(u * IMAGE.shape[1])]
        assert np.abs(opened.pixel(canvas, u, v)[:3].astype(int) - pixel).max() <= 40
    keep(opened, shown, "perturbation")
    other = next(name for name in detector.names if name not in widget.detections.label_names())
    choose(opened, shown, widget, other)
    ready = opened.page.locator("#perturbation > .dx-root[data-ready=true]")
    opened.until(
        lambda: words.inner_text().startswith(f"{other}, Deletion") and ready.count(), "its pictures are there"
    )
    with opened.page.expect_download() as waiting:
        shown.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_bytes().decode("utf-8-sig"))))
    assert [float(row["probability"]) for row in rows] == pytest.approx(widget.walk.scores[:, 5].tolist(), abs=1e-6)
    assert {row["class"] for row in rows} == {other}
    choose_nothing = shown.get_by_label("Another class")
    choose_nothing.fill("mugg")
    choose_nothing.press("Enter")
    opened.until(lambda: "did you mean 'mug'" in shown.locator(".dx-answer").inner_text(), "the nearest is named")
    assert opened.errors == []


def test_a_class_is_checked(opened: PlainPage, detector: Any) -> None:
    widget = dx.widgets.SanityCheck(detector, IMAGE[::2, ::2], methods=["grad-cam"], seeds=[0], opacity=0.6)
    shown = opened.show(widget, "sanity")
    assert "Choose a class and methods below, then run the check." in shown.inner_text()
    assert told(shown) == []
    shown.get_by_role("button", name="Run the check that is chosen").click()
    opened.until(
        lambda: widget.map_data.get("note") == "" and widget.status["state"] == "idle", "the check has run", 30
    )
    ready = opened.page.locator("#sanity > .dx-root[data-ready=true]")
    opened.until(lambda: ready.count() and shown.locator("canvas").count() > 6, "its maps are painted")
    assert told(shown) == []
    assert shown.get_by_role("button", name=re.compile("Show the object")).count() == 0
    keep(opened, shown, "sanity")
    with opened.page.expect_download() as waiting:
        shown.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_bytes().decode("utf-8-sig"))))
    assert list(rows[0])[:4] == ["class_number", "class", "probability", "method"]
    assert rows[0]["class"] == widget.detections.label_names()[0]
    assert opened.errors == []
