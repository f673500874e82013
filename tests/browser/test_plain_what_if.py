"""The WhatIf on a plain page: drawing by hand and by keys, fills, the way back, two steps, a cancelled question."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plain_page import PlainPage, stub

import detxai_nb as dx
from detxai_nb.interventions import Region

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into; none by default."""
THEME = "([light, c]) => { document.body.dataset.jpThemeLight = light; document.body.style.background = c; }"
FOCUSED = """() => { const e = document.activeElement, style = getComputedStyle(e);
    const beside = e.nextElementSibling && getComputedStyle(e.nextElementSibling);
    const seen = e.dataset.reached;
    e.dataset.reached = "yes";
    return [e.tagName + " " + (e.getAttribute("aria-label") ?? e.id), seen ? "again" : "new",
      style.outlineStyle !== "none" || (beside && beside.outlineStyle !== "none")]; }"""


class Slow(stub.Dimming):
    """Takes its time once it is told to."""

    seconds = 0.0

    def detect(self, images: Any, score_threshold: float = 0.3) -> Any:
        time.sleep(self.seconds)
        return super().detect(images, score_threshold)


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser, 1100, 1000, reduced_motion="reduce")
    yield page
    page.close()


@pytest.fixture(scope="module")
def root(opened: PlainPage) -> Any:
    """A WhatIf of three objects."""
    return opened.show(dx.widgets.WhatIf(Slow(), stub.photograph(), controls=1, fill="mean", radius=8.0))


@pytest.fixture
def widget(opened: PlainPage, root: Any) -> Iterator[Any]:
    """The same, with the unchanged picture shown, a brush in hand and the page at its top."""
    made = opened.widgets["widget"]
    opened.set(step=None, other=None, tool="brush", selected=0)
    opened.page.evaluate("window.scrollTo(0, 0)")
    yield made
    assert opened.errors == []


def at(root: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the picture is on the page."""
    box = root.locator("canvas.dx-canvas").bounding_box()
    height, width = stub.SIZE
    return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height


def drag(opened: PlainPage, root: Any, way: list[tuple[float, float]]) -> None:
    opened.page.mouse.move(*at(root, *way[0]))
    opened.page.mouse.down()
    for point in way[1:]:
        opened.page.mouse.move(*at(root, *point), steps=4)
    opened.page.mouse.up()


def answered(opened: PlainPage, root: Any, count: int) -> None:
    """Wait until so many steps are there, and the last is shown with what equal areas do."""
    steps = opened.widgets["widget"]

    def done() -> bool:
        opened._pass_on("widget")
        shown = root.get_attribute("data-step") == str(count - 1) and root.get_attribute("data-elsewhere") == "known"
        return len(steps.steps) == count and shown and root.get_attribute("data-ready") == "true"

    opened.until(done, f"{count} steps are there")


def pixel(opened: PlainPage, root: Any, x: float, y: float) -> np.ndarray:
    height, width = stub.SIZE
    return opened.pixel(root.locator("canvas.dx-canvas"), x / width, y / height)[:3]


def test_a_stroke_is_filled_and_answered_and_taken_back(opened: PlainPage, root: Any, widget: Any) -> None:
    drag(opened, root, [(40, 50), (60, 50), (60, 70)])
    answered(opened, root, 1)
    right = Region.stroke(stub.photograph(), widget.answer["shapes"][0]["points"], 8)
    assert np.array_equal(widget.region.mask, right.mask)
    assert widget.region.mask[50, 50]
    opened.page.mouse.move(1, 1)
    mean = stub.photograph().reshape(-1, 3).mean(axis=0)
    opened.until(lambda: np.abs(pixel(opened, root, 50, 50) - mean).max() < 3, "the fill is seen")
    line = root.locator(".dx-answers [role=option]").first.get_attribute("aria-label")
    now = float(widget.intervention.after.scores[0])
    assert line.startswith(f"#0 cup, score 0.91, now {now:.2f}")
    figures = root.locator(".dx-figures").inner_text()
    assert "Elsewhere in the object" in figures
    assert "(mean\u00a0of\u00a01)" in figures
    root.locator("canvas.dx-canvas").focus()
    opened.page.keyboard.press("Control+z")
    opened.until(lambda: widget.step is None and root.get_attribute("data-answer") == "", "it is taken back")
    opened.page.keyboard.press("Control+Shift+Z")
    opened.until(lambda: widget.step == 0 and root.get_attribute("data-answer") != "", "and done again")
    root.get_by_role("button", name="Go back one step").click()
    opened.until(lambda: widget.step is None, "also by a button")
    opened.set(tool="select")
    opened.page.mouse.click(*at(root, 150, 80))
    opened.until(lambda: widget.selected == 2 and len(widget.steps) == 1, "a click selects with the tool for that")


def test_three_fills_a_box_and_a_lasso_then_two_steps_side_by_side(opened: PlainPage, root: Any, widget: Any) -> None:
    begun = len(widget.steps)
    opened.set(tool="box")
    drag(opened, root, [(115, 45), (150, 95)])
    answered(opened, root, begun + 1)
    assert widget.answer["shapes"][0]["kind"] == "box"
    scores = [widget.intervention.after.scores[2].item()]
    for number, fill in enumerate(("noise", "blur", "moved"), begun + 2):
        root.get_by_label("Fill with", exact=True).select_option(fill)
        answered(opened, root, number)
        scores.append(widget.intervention.after.scores[2].item())
    assert len({round(score, 6) for score in scores}) == 4
    opened.set(tool="lasso")
    opened.page.keyboard.down("Shift")
    drag(opened, root, [(20, 20), (60, 20), (60, 60), (22, 40)])
    opened.page.keyboard.up("Shift")
    answered(opened, root, begun + 5)
    assert [shape["kind"] for shape in widget.answer["shapes"]] == ["box", "lasso"]
    root.get_by_label("Compare", exact=True).select_option(str(begun))
    sides = root.locator(".dx-side-title")
    opened.until(lambda: sides.count() == 2 and sides.first.is_visible(), "two steps are there")
    assert sides.first.inner_text().startswith(f"{begun + 1}. Box, mean")
    painted = "c => c.width > 50 && [...c.getContext('2d').getImageData(9, 9, 1, 1).data][3]"
    opened.until(lambda: all(one.evaluate(painted) for one in root.locator(".dx-side").all()), "both are painted")
    note = root.get_by_label("Note", exact=True)
    note.fill("<i>both</i>")
    note.press("Enter")
    opened.until(lambda: widget.steps[-1]["note"] == "<i>both</i>", "Python knows the note")
    assert root.locator("i").count() == 0
    with opened.page.expect_download() as waiting:
        root.get_by_role("button", name="PNG").click()
    picture = Image.open(io.BytesIO(waiting.value.path().read_bytes()))
    assert picture.height > 120 + 100, "the two steps stand below"
    with opened.page.expect_download() as waiting:
        root.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_bytes().decode("utf-8-sig"))))
    assert [float(row["score_now"]) for row in rows] == pytest.approx(widget.intervention.after.scores.tolist())
    assert rows[0]["note"] == "<i>both</i>"
    if SHOTS:
        root.screenshot(path=str(Path(SHOTS) / "stub-1100-light.png"))


def test_all_of_it_goes_by_keys(opened: PlainPage, root: Any, widget: Any) -> None:
    begun, keys = len(widget.steps), opened.page.keyboard
    root.locator("canvas.dx-canvas").focus()
    keys.press("h")
    answered(opened, root, begun + 1)
    assert widget.answer["shapes"] == [{"kind": "hottest", "row": 0, "share": 0.1}]
    keys.press("b")
    answered(opened, root, begun + 2)
    before = widget.region.bounds
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        keys.press(key)
    answered(opened, root, begun + 3)
    assert widget.region.bounds == tuple(np.add(before, (4, 2, 4, 2)))
    keys.press("]")
    answered(opened, root, begun + 4)
    assert widget.region.bounds == tuple(np.add(before, (2, 0, 6, 4)))
    keys.press(".")
    opened.until(lambda: widget.selected == 1, "a key chooses the object")
    keys.press("Enter")
    answered(opened, root, begun + 5)
    assert widget.intervention.about == 1
    keys.press("v")
    opened.until(lambda: widget.view == "before", "a key shows the picture before")
    # Tab reaches every control, each once, and it is seen where the focus is.
    opened.page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")
    reached = []
    while len(reached) < 60:
        keys.press("Tab")
        name, state, outlined = opened.page.evaluate(FOCUSED)
        if name.startswith("BODY") or state == "again":
            break
        reached.append(name)
        assert outlined, name
    wanted = root.evaluate(
        """root => [...root.querySelectorAll("button, select, input, [tabindex]")].filter(e => !e.disabled
             && e.offsetParent && !(e.type === "radio" && !e.checked) && !e.dataset.reached).map(e => e.outerHTML)"""
    )
    assert wanted == []
    takers = root.locator("button, select, input, [tabindex]")
    assert takers.evaluate_all("all => all.filter(e => !e.dataset.lmSuppressShortcuts).length") == 0


def test_a_cancelled_question_leaves_the_last_answer(opened: PlainPage, root: Any, widget: Any) -> None:
    begun = len(widget.steps)
    drag(opened, root, [(40, 50), (50, 60)])
    answered(opened, root, begun + 1)
    shown = root.get_attribute("data-answer")
    widget._inputs.detector.seconds, widget.wait = 1.2, lambda seconds=None: True
    try:
        opened.set(tool="box")
        drag(opened, root, [(120, 50), (170, 90)])
        cancel = root.locator(".dx-cancel")
        opened.until(lambda: opened._pass_on("widget") or cancel.is_visible(), "it can be cancelled")
        assert root.get_attribute("data-ready") == "false"
        cancel.click()
        opened.until(lambda: root.get_attribute("data-ready") == "true", "it is given up")
    finally:
        widget._inputs.detector.seconds = 0.0
        del widget.wait
    assert (root.get_attribute("data-answer"), len(widget.steps)) == (shown, begun + 1)
    assert not root.locator(".dx-progress").is_visible()
    opened.set(tool="brush")
    drag(opened, root, [(2, 60), (20, 60)])
    answered(opened, root, begun + 2)


@pytest.mark.parametrize("width", [252, 700])
def test_it_fits_a_narrow_page_light_and_dark(opened: PlainPage, root: Any, widget: Any, width: int) -> None:
    if not widget.steps:
        widget.ask(Region.box(stub.photograph(), (30, 30, 60, 60)))
    opened.set(step=len(widget.steps) - 1, other=0 if len(widget.steps) > 1 else None)
    opened.page.set_viewport_size({"width": width + 24, "height": 1000})
    opened.page.wait_for_timeout(100)
    assert root.evaluate("root => root.scrollWidth <= root.clientWidth + 1")
    cut = root.evaluate(
        """root => [...root.querySelectorAll(".dx-button, .dx-fact dd, .dx-segment span")].filter(e => e.offsetParent
             && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"""
    )
    assert cut == []
    for theme, color in (("light", "#fff"), ("dark", "#111")):
        opened.page.evaluate(THEME, [str(theme == "light").lower(), color])
        opened.until(lambda theme=theme: root.get_attribute("data-theme") == theme, "the theme is followed")
        if SHOTS:
            root.screenshot(path=str(Path(SHOTS) / f"stub-{width}-{theme}.png"))
    opened.page.evaluate(THEME, ["true", "#fff"])
    opened.page.set_viewport_size({"width": 1100, "height": 1000})
