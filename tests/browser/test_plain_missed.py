"""Missed objects in Explorer and WhatIf on a plain page: listed greyed, chosen by hand and by keys, explained."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plain_page import PlainPage

import detxai_nb as dx

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into; none by default."""
THEME = "([light, c]) => { document.body.dataset.jpThemeLight = light; document.body.style.background = c; }"
STRANGE = "<i>fish</i>"


@pytest.fixture(scope="module")
def sample() -> Any:
    """A crowd of which tiny-fcos misses some; the name of its fish has letters that a page could take for its own."""
    found = dx.data.scenes.Scenes(6, seed=3, mode="crowd")[0]
    return replace(found, names=tuple(STRANGE if name == "fish" else name for name in found.names))


@pytest.fixture(scope="module")
def detector() -> Any:
    return dx.load_detector("tiny-fcos", device="cpu")


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser, 1100, 1000, reduced_motion="reduce")
    yield page
    page.close()


@pytest.fixture(scope="module")
def explorer(opened: PlainPage, detector: Any, sample: Any) -> Any:
    """An Explorer of a crowd with its annotations."""
    return opened.show(dx.widgets.Explorer(detector, sample.image, sample=sample), "explorer")


@pytest.fixture(scope="module")
def what_if(opened: PlainPage, detector: Any, sample: Any) -> Any:
    """The same in a WhatIf."""
    return opened.show(dx.widgets.WhatIf(detector, sample.image, sample=sample, controls=1, fill="mean"), "what-if")


def shown(opened: PlainPage, root: Any, name: str, thing: int) -> None:
    """Wait until the map of a thing is painted."""

    def painted() -> bool:
        opened._pass_on(name)
        there = (root.get_attribute("data-shown") or "").endswith(f"#{thing}")
        return there and root.get_attribute("data-ready") == "true"

    opened.until(painted, f"the map of {thing} is there")


def first(widget: Any, explained: bool = True) -> int:
    """The number of the first miss that can, or cannot, be explained."""
    return [one["explained"] for one in widget.misses].index(explained)


def at(root: Any, widget: Any, box: list[float]) -> tuple[float, float]:
    """The middle of the left side of a box on the page."""
    height, width = widget._inputs.image.shape[:2]
    canvas = root.locator("canvas.dx-canvas").bounding_box()
    x, y = box[0] + 1, (box[1] + box[3]) / 2
    return canvas["x"] + x * canvas["width"] / width, canvas["y"] + y * canvas["height"] / height


def test_missed_objects_stand_greyed_under_the_found_ones(opened: PlainPage, explorer: Any) -> None:
    widget = opened.widgets["explorer"]
    lines = explorer.locator("[role=option]")
    assert lines.count() == len(widget.objects) + len(widget.misses)
    missed = explorer.locator("[role=option].dx-missed")
    assert missed.count() == len(widget.misses) > 1
    for line, one in zip(missed.all(), widget.misses):
        said = line.get_attribute("aria-label")
        assert said.startswith(f"{one['name']}, missed, {one['missed']}: ")
        assert line.locator(".dx-cause").inner_text() == one["missed"]
    assert f"{len(widget.misses)} missed" in explorer.locator(".dx-count").inner_text()
    grey = missed.first.evaluate("e => getComputedStyle(e).color")
    assert grey != lines.first.evaluate("e => getComputedStyle(e).color")


def test_a_miss_is_chosen_by_hand_and_shows_what_speaks_for_it_and_against(opened: PlainPage, explorer: Any) -> None:
    widget = opened.widgets["explorer"]
    row, found = first(widget), len(widget.objects)
    explorer.locator("[role=option].dx-missed").nth(row).click()
    shown(opened, explorer, "explorer", found + row)
    assert (widget.miss, widget.selected) == (row, None)
    words = explorer.get_by_role("status").first.inner_text()
    assert words.startswith(f"{widget.misses[row]['name']}, missed, ")
    assert "Best candidate (white box): IoU " in words
    assert "ODAM for and against" in words
    assert explorer.get_by_label("Colours", exact=True).input_value() == "RdBu_r", "it is a signed map"
    assert not explorer.get_by_label("Evidence", exact=True).is_visible()
    with opened.page.expect_download() as waiting:
        explorer.get_by_role("button", name="PNG").click()
    picture = np.asarray(Image.open(io.BytesIO(waiting.value.path().read_bytes())).convert("RGB"))
    assert picture.shape[0] > widget._inputs.image.shape[0]
    with opened.page.expect_download() as waiting:
        explorer.get_by_role("button", name="CSV").click()
    table = list(csv.DictReader(io.StringIO(waiting.value.path().read_bytes().decode("utf-8-sig"))))
    assert [line["missed"] for line in table[found:]] == [one["missed"] for one in widget.misses]
    assert [line["selected"] for line in table].index("true") == found + row
    if SHOTS:
        explorer.screenshot(path=str(Path(SHOTS) / "missed-explorer-1076-light.png"))
    explorer.locator("[role=option]").first.click()
    shown(opened, explorer, "explorer", 0)
    assert (widget.miss, widget.selected) == (None, 0)


def test_keys_step_from_what_was_found_to_what_was_missed(opened: PlainPage, explorer: Any) -> None:
    widget, keys = opened.widgets["explorer"], opened.page.keyboard
    opened.set("explorer", selected=len(widget.objects) - 1)
    shown(opened, explorer, "explorer", len(widget.objects) - 1)
    explorer.get_by_role("listbox").focus()
    keys.press("ArrowDown")
    opened.until(lambda: (widget.miss, widget.selected) == (0, None), "the first miss follows the last object")
    explorer.locator("canvas.dx-canvas").focus()
    keys.press("ArrowRight")
    opened.until(lambda: widget.miss == 1, "also in the picture")
    keys.press("Escape")
    opened.until(lambda: widget.miss is None and widget.selected is None, "Escape leaves it")
    keys.press("ArrowLeft")
    opened.until(lambda: widget.miss == len(widget.misses) - 1, "round in a ring")
    keys.press("ArrowRight")
    shown(opened, explorer, "explorer", 0)


def test_the_miss_under_the_pointer_is_marked_and_chosen(opened: PlainPage, explorer: Any) -> None:
    widget = opened.widgets["explorer"]
    explorer.locator("canvas.dx-canvas").scroll_into_view_if_needed()
    for row, one in enumerate(widget.misses):
        opened.page.mouse.move(*at(explorer, widget, one["box"]))
        marked = explorer.locator(".dx-missed.dx-pointed")
        if marked.count() and marked.get_attribute("aria-label").startswith(one["name"]):
            opened.page.mouse.click(*at(explorer, widget, one["box"]))
            opened.until(lambda row=row: widget.miss == row, "a click in the picture chooses it")
            break
    else:
        raise AssertionError("no missed object can be pointed at")
    opened.page.mouse.move(1, 1)
    opened.set("explorer", selected=0)


def test_names_and_filters(opened: PlainPage, explorer: Any) -> None:
    widget = opened.widgets["explorer"]
    assert explorer.locator("i").count() == 0, "names are no markup"
    names = [one["name"] for one in widget.misses]
    opened.set("explorer", search=names[0])
    missed = explorer.locator("[role=option].dx-missed")
    opened.until(lambda: missed.count() == names.count(names[0]), "a search by name also finds what was missed")
    opened.set("explorer", search="", min_score=0.99)
    opened.until(lambda: missed.count() == len(names), "scores do not count for what was missed")
    opened.set("explorer", min_score=0.0)
    assert opened.errors == []


def test_a_what_if_lists_explains_and_asks_about_them(opened: PlainPage, what_if: Any) -> None:
    widget, keys = opened.widgets["what-if"], opened.page.keyboard
    row, found = first(widget), len(widget.objects)
    what_if.locator("[role=option].dx-missed").nth(row).click()
    shown(opened, what_if, "what-if", found + row)
    assert what_if.get_by_role("status").first.inner_text().startswith(f"{widget.misses[row]['name']}, missed, ")
    what_if.locator("canvas.dx-canvas").focus()
    for key, kind in (("h", "hottest"), ("b", "box")):
        keys.press(key)
        opened.until(
            lambda kind=kind: (
                (opened._pass_on("what-if") or (widget.answer.get("shapes") or [{}])[0].get("kind")) == kind
            ),
            "it is answered",
        )
    x1, y1, x2, y2 = widget.region.bounds
    left, top, right, bottom = widget.misses[row]["box"]
    assert left <= x1 < x2 <= right
    assert top <= y1 < y2 <= bottom
    opened.until(
        lambda: opened._pass_on("what-if") or what_if.get_attribute("data-elsewhere") == "known", "equal areas too"
    )
    figures = what_if.locator(".dx-figures").inner_text()
    assert f"Heat of {widget.misses[row]['name']} there" in figures
    keys.press(",")
    opened.until(lambda: widget.miss != row, "a key chooses another")
    assert opened.errors == []


@pytest.mark.parametrize("width", [252, 700])
def test_they_fit_a_narrow_page_light_and_dark(opened: PlainPage, explorer: Any, what_if: Any, width: int) -> None:
    opened.page.set_viewport_size({"width": width + 24, "height": 1000})
    for name, root in (("explorer", explorer), ("what-if", what_if)):
        widget = opened.widgets[name]
        row = first(widget)
        opened.set(name, miss=row)
        shown(opened, root, name, len(widget.objects) + row)
        assert root.evaluate("root => root.scrollWidth <= root.clientWidth + 1")
        for theme, color in (("light", "#fff"), ("dark", "#111")):
            opened.page.evaluate(THEME, [str(theme == "light").lower(), color])
            opened.until(lambda theme=theme, root=root: root.get_attribute("data-theme") == theme, "the theme")
            if SHOTS:
                root.screenshot(path=str(Path(SHOTS) / f"missed-{name}-{width}-{theme}.png"))
    opened.page.evaluate(THEME, ["true", "#fff"])
    opened.page.set_viewport_size({"width": 1100, "height": 1000})
