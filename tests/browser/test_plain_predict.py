"""The Predict on a plain page: every kind of answer, locked and revealed, light and dark and narrow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from plain_page import PlainPage, stub

import detxai_nb as dx

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into; none by default."""
OPTIONS = {"a": "the leaf, which alone tells an apple from a bauble", "b": "<b>the ball</b>", "c": "the table below it"}
QUESTIONS: dict[str, dict[str, Any]] = {
    "point": {"image": stub.photograph(), "truth": {"circle": [150, 60, 12]}, "others": [(140, 66), (40, 90)]},
    "box": {"image": stub.photograph(), "truth": stub.BOXES[0], "others": [stub.BOXES[1]]},
    "order": {"options": OPTIONS, "truth": ["c", "a", "b"], "others": [["a", "b", "c"], ["c", "a", "b"]]},
    "choice": {"options": OPTIONS, "truth": "a", "others": ["a", "b", "b"]},
    "number": {"truth": 0.31, "others": [0.2, 0.5, 0.45], "tolerance": 0.05},
}


def answer(page: PlainPage, root: Any, kind: str) -> Any:
    """Answer by mouse or keys; what that should be."""
    if kind == "number":
        root.get_by_label("Your number").fill("0,4")
        return 0.4
    if kind == "choice":
        root.get_by_label("the ball").check()
        return ["b"]
    if kind == "order":
        root.locator(".dx-order-card").nth(2).press("1")
        return ["c", "a", "b"]
    place = root.locator(".dx-field").bounding_box()
    page.page.mouse.move(place["x"] + place["width"] / 4, place["y"] + place["height"] / 4)
    page.page.mouse.down()
    page.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.page.mouse.up()
    return pytest.approx([50, 30, 100, 60] if kind == "box" else [100, 60], abs=0.6)


@pytest.mark.parametrize(("scheme", "width"), [("light", 900), ("dark", 276)])
def test_every_kind_is_locked_and_revealed(browser: Any, scheme: str, width: int) -> None:
    page = PlainPage(browser, width=width, height=700, color_scheme=scheme)
    if SHOTS and scheme == "dark":
        page.page.add_style_tag(content="body { background: #16191d; }")
    wide = (
        f"root => [...root.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > {width} - 11.5).length"
    )
    for kind, about in QUESTIONS.items():
        widget = dx.widgets.Predict(f"What do you expect of the {kind}?", kind=kind, **about)
        root = page.show(widget, kind)
        wanted = answer(page, root, kind)
        root.get_by_role("button", name="Lock my answer").click()
        page.until(lambda widget=widget: widget.stage == "locked", "it is locked")
        assert widget.prediction == wanted
        root.get_by_role("button", name="Reveal").click()
        page.until(lambda root=root: root.get_attribute("data-stage") == "revealed", "the reveal")
        assert root.locator(".dx-outcome").inner_text().startswith(widget.outcome["words"])
        assert root.evaluate(wide) == 0
        assert root.locator("b").count() == 0
        if SHOTS:
            root.screenshot(path=Path(SHOTS) / f"predict-{scheme}-{kind}.png")
    assert page.errors == []
    page.close()
