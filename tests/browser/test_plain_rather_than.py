"""The Explorer's "rather than", units and deciding parts on a plain page.

``DETXAI_NB_SCREENSHOTS``: a folder for pictures of what was tested, light and dark, wide and 252 pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from plain_page import PlainPage

import detxai_nb as dx

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
SCENE = dx.data.scenes.make(3, seed=1).image


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser)
    yield page
    page.close()


@pytest.fixture(scope="module")
def root(opened: PlainPage) -> Any:
    return opened.show(dx.widgets.Explorer("tiny-faster-rcnn", SCENE))


def shoot(opened: PlainPage, root: Any, name: str) -> None:
    if not SHOTS:
        return
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)
        root.screenshot(path=f"{SHOTS}/{name}_{scheme}.png")
    opened.page.emulate_media(color_scheme="light")
    opened.page.set_viewport_size({"width": 276, "height": 900})
    root.screenshot(path=f"{SHOTS}/{name}_252.png")
    opened.page.set_viewport_size({"width": 1000, "height": 900})


def test_another_class_is_chosen_from_the_most_probable_ones(opened: PlainPage, root: Any) -> None:
    widget = opened.widgets["widget"]
    assert root.locator(".dx-bar-unit").inner_text() == "probability"
    choice = root.get_by_label("Rather than", exact=True)
    offered = choice.locator("option").all_inner_texts()
    assert offered == ["any other", *(one["title"] for one in widget.others[0]["offered"])]
    other = widget.others[0]["offered"][0]["name"]
    choice.select_option(other)
    opened.until(lambda: root.locator(".dx-bar-unit").inner_text() == "difference of logits", "the contrast is shown")
    assert widget.against == other
    assert f"class rather than {other}" in root.locator(".dx-words").inner_text()
    shoot(opened, root, "rather_than")


def test_an_object_of_the_class_itself_says_so(opened: PlainPage, root: Any) -> None:
    widget = opened.widgets["widget"]
    root.get_by_label("Rather than", exact=True).select_option(widget.objects[1]["name"])
    opened.until(lambda: widget.against == widget.objects[1]["name"], "the choice has arrived")
    opened.set(selected=1)
    words = root.locator(".dx-words")
    opened.until(lambda: "of the very class" in words.inner_text(), "it is said that there is no map")
    opened.until(lambda: root.get_attribute("data-ready") == "true", "nothing is waited for")
    shoot(opened, root, "itself")
    root.get_by_label("Rather than", exact=True).select_option("")
    opened.set(selected=0)


def test_joined_maps_show_which_part_decides(opened: PlainPage, root: Any) -> None:
    root.get_by_label("Explain", exact=True).select_option("combined")
    parts = root.locator(".dx-deciding-parts li")
    opened.until(lambda: root.locator(".dx-deciding").is_visible(), "the parts are shown")
    assert root.locator(".dx-bar-unit").inner_text() == "probability or input pixels"
    before = parts.all_inner_texts()
    assert before[0].startswith("Class")
    assert int(before[0].rsplit(" ", 1)[1].rstrip("%")) <= 2
    shoot(opened, root, "combined")
    root.get_by_role("radio", name="Normalized").check(force=True)
    opened.until(lambda: parts.all_inner_texts() != before, "the parts of the normalized map are shown")
    assert root.locator(".dx-bar-unit").inner_text() == "share of each part's range"
    shoot(opened, root, "normalized")
    assert not opened.errors
