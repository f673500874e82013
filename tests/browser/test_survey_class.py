"""A class of thirty seats: each hands in by a file, a QR code's text and the page that collects, with the same row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plain_page import PlainPage
from survey_page import fill_in

import detxai_nb as dx
from detxai_nb.survey import ClassAnswers, SeatAnswers, collect_answers, merge, simulate, to_text

pytestmark = pytest.mark.browser

IN_THE_BROWSER = 2
SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into; none by default."""


@pytest.fixture(scope="module")
def whole() -> ClassAnswers:
    return simulate(30, dx.survey.rehearsal_study(seats=30, objects=1), seed=6)


@pytest.fixture
def server(whole: ClassAnswers, tmp_path: Path) -> Iterator[Any]:
    with collect_answers(tmp_path / "collected", whole.study, port=0) as made:
        yield made


def by_browser(page: PlainPage, widget: Any, seat: SeatAnswers, number: int) -> None:
    """Answer everything on the page."""
    root = page.show(widget, f"seat{number}")
    root.get_by_role("button", name="I agree and take part").click()
    for count, one in enumerate(seat.answers, 1):
        page.until(lambda one=one: widget.question.get("item") == one.item, "the next question")
        kind = widget.question["kind"]
        root.locator(f".dx-kind-{kind}").wait_for()
        fill_in(page, root, one, kind, tuple(widget.question["size"]))
        root.get_by_role("button", name="Save answer").click()
        page.until(lambda count=count: len(widget.answers) == count, "the answer is kept")
    page.until(lambda: root.get_attribute("data-page") == "done", "the end")


def by_api(widget: Any, seat: SeatAnswers) -> None:
    widget.agree()
    for one in seat.answers:
        widget.answer(choice=one.choice, box=one.box, confidence=one.confidence, seconds=one.seconds)


def test_thirty_seats_hand_in_by_three_ways_and_each_gives_the_same_row(
    browser: Any, whole: ClassAnswers, server: Any, tmp_path: Path
) -> None:
    page, blind = PlainPage(browser, width=900), whole.study.without_key()
    for name in ("files", "texts"):
        (tmp_path / name).mkdir()
    made = []
    for number, seat in enumerate(whole.seats):
        widget = dx.widgets.Survey(blind, tmp_path / f"seat{number}", seat=seat.code, address=server.url)
        if number < IN_THE_BROWSER:
            by_browser(page, widget, seat, number)
            root = page.page.locator(f"#seat{number}")
            root.get_by_label("Code").fill(server.collected.code.lower())
            root.get_by_role("button", name="Hand in").click()
            page.until(lambda widget=widget: widget.handed.get("state") == "ok", "it is handed in")
        else:
            by_api(widget, seat)
            assert widget.hand_in(server.url, server.collected.code).kept == "new"
            assert widget.answers == seat
        widget.answers.save(tmp_path / "files")
        (tmp_path / "texts" / f"{seat.code}.txt").write_text(to_text(widget.answers))
        made.append(widget.answers)
        widget.close()
    ways = [merge(tmp_path / name, whole.study) for name in ("files", "texts", "collected")]
    for way in ways:
        assert way.seats == tuple(made)
        assert (way.missing, way.partial, way.doubles, way.refused) == ((), {}, {}, {})
    assert ways[0].rows() == ways[1].rows() == ways[2].rows()
    assert server.collected.counts() == {"seats": 30, "of": 30, "answers": 120}
    assert page.errors == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_that_collects_takes_files_and_texts_and_counts(
    browser: Any, whole: ClassAnswers, server: Any, tmp_path: Path, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 252 if scheme == "dark" else 700, "height": 640}, color_scheme=scheme
    )
    page, asked = context.new_page(), []
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    said, file, code = page.locator("#said"), page.locator("#file"), page.get_by_label("Code", exact=True)
    first, second = whole.seats[:2]

    def hand_in(words: str) -> None:
        page.get_by_role("button", name="Hand in").click()
        said.filter(has_text=words).wait_for()

    code.fill("wrong")
    hand_in("Choose the file")
    path = first.save(tmp_path)
    file.set_input_files(path)
    hand_in("not the code")
    code.fill(f"{server.collected.code[:3].lower()} {server.collected.code[3:]}")
    hand_in(f"Handed in: 4 of 4 answers of the seat {first.code}.")
    page.get_by_label("or the text of a QR code").fill(to_text(second))
    hand_in(second.code)
    assert page.locator("#seats").inner_text() == "2"
    for name, content, words in (
        ("bad.json", b'{"format": "<img src=x onerror=alert(1)>"}', "<img src=x onerror=alert(1)>"),
        ("large.json", b"{" + b" " * 300_000, "too large"),
    ):
        file.set_input_files({"name": name, "mimeType": "application/json", "buffer": content})
        hand_in(words)
    assert page.locator("img").count() == 0
    assert said.get_attribute("class") == "ill"
    server.collected.take(whole.seats[2].to_bytes())  # from another computer
    page.locator("#seats", has_text="3").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"collecting-{scheme}.png", full_page=True)
    assert errors == []
    assert all(url.startswith(server.url) for url in asked)
    assert merge(server.collected.folder, whole.study).seats == whole.seats[:3]
    context.close()
