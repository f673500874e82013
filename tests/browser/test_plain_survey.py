"""The Survey on a plain page: answered by mouse and by keys, at any width, and nothing tells a method's name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plain_page import PlainPage
from survey_page import fill_in

import detxai_nb as dx
from detxai_nb.methods import all_methods
from detxai_nb.survey import ClassAnswers, merge, simulate

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into; none by default."""


@pytest.fixture(scope="module")
def whole() -> ClassAnswers:
    return simulate(2, dx.survey.rehearsal_study(seats=2, objects=1), seed=4)


@pytest.fixture
def opened(browser: Any) -> Iterator[PlainPage]:
    page = PlainPage(browser, width=900)
    yield page
    assert page.errors == []
    page.close()


def shot(page: PlainPage, name: str) -> None:
    if SHOTS:
        page.page.screenshot(path=Path(SHOTS) / f"survey-{name}.png", full_page=True)


def names_told(page: PlainPage, whole: ClassAnswers) -> list[str]:
    """Names of methods in the page's source, and of this study's options in what it shows."""
    source = page.page.content().casefold()
    methods = {name.casefold() for name, one in all_methods().items() for name in (name, one.title)}
    options = {one for key in (whole.study.key or {}).values() for one in key.options}
    shown = page.page.inner_text("body").casefold()
    return [name for name in methods if name in source] + [name for name in options if name in shown]


def test_a_seat_answers_in_the_browser_what_it_would_by_its_api(
    opened: PlainPage, whole: ClassAnswers, tmp_path: Path
) -> None:
    widget = dx.widgets.Survey(whole.study, tmp_path)
    root, answers = opened.show(widget), whole.seats[0].answers
    root.get_by_label("Code of your seat").fill(whole.study.codes[0].lower())
    root.get_by_label("Code of your seat").press("Enter")
    root.get_by_role("button", name="I agree and take part").click()
    for one in answers:
        opened.until(lambda one=one: widget.question.get("item") == one.item, "the next question")
        kind = widget.question["kind"]
        root.locator(f".dx-kind-{kind}").wait_for()
        assert names_told(opened, whole) == []
        fill_in(opened, root, one, kind, whole.study.item(one.item).size)
        shot(opened, kind)
        root.get_by_role("button", name="Save answer").click()
        opened.until(lambda one=one: one.item in {a.item for a in widget.answers.answers}, "the answer is kept")
    opened.until(lambda: root.get_attribute("data-page") == "done", "the end")
    assert names_told(opened, whole) == []
    opened.until(lambda: root.locator(".dx-qr").evaluate("one => one.naturalWidth > 100"), "the QR code is drawn")
    kept = merge(tmp_path, whole.study).seats[0].answers
    for one, by_hand in zip(answers, kept, strict=True):
        assert (one.item, one.choice, one.confidence) == (by_hand.item, by_hand.choice, by_hand.confidence)
        assert one.box is None or by_hand.box == pytest.approx(one.box, abs=0.3)
        assert 0 <= by_hand.seconds < 600
    root.get_by_role("button", name="Show what the letters were").click()
    root.locator("figcaption").first.wait_for()
    assert "odam" in opened.page.inner_text("body")
    shot(opened, "reveal")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_narrow_cell(browser: Any, whole: ClassAnswers, tmp_path: Path, scheme: str) -> None:
    page = PlainPage(browser, width=276, height=600, color_scheme=scheme)
    widget = dx.widgets.Survey(whole.study, tmp_path, seat=whole.study.codes[1])
    root = page.show(widget)
    assert root.get_attribute("data-theme") == scheme
    wide = "root => [...root.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > 264.5).length"
    widget.agree()
    for one in [*whole.seats[1].answers, None]:
        page.set()
        page.until(lambda: root.get_attribute("data-page") == widget.page, "the page")
        assert root.evaluate(wide) == 0
        shot(page, f"{scheme}-{widget.question.get('kind', 'end')}")
        if one:
            widget.answer(choice=one.choice, box=one.box, confidence=one.confidence, seconds=one.seconds)
    widget.reveal()
    page.set()
    root.locator("figcaption").first.wait_for()
    assert root.evaluate(wide) == 0
    assert page.errors == []
    page.close()
