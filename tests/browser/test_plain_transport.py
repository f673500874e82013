"""Hosts that lose bytes on the way: the widget is shown all the same, and where bytes arrive nothing else is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import wire_page
from plain_page import stub
from wire_page import Host, WirePage

import detxai_nb as dx

pytestmark = pytest.mark.browser

LOST = {"type": "bytes lost"}
LOSSES: dict[str, tuple[Host, Host]] = {
    "all bytes": (wire_page.drops, wire_page.drops),
    "those of the message that opens a widget": (wire_page.drops, wire_page.keeps),
    "those of later messages": (wire_page.keeps, wire_page.drops),
    "those that lie in dictionaries": (wire_page.flat, wire_page.flat),
    "an address in place of bytes": (wire_page.addresses, wire_page.addresses),
    "what is no text in UTF-8": (wire_page.in_utf8, wire_page.in_utf8),
}


@pytest.fixture
def wired(browser: Any) -> Iterator[Callable[..., WirePage]]:
    pages = []

    def open_(*hosts: Host) -> WirePage:
        pages.append(WirePage(browser, *hosts))
        return pages[-1]

    yield open_
    for page in pages:
        assert page.errors == []
        page.close()


def explorer() -> Any:
    return dx.widgets.Explorer(stub.StubDetector(), stub.photograph())


def pictures(page: WirePage) -> list[np.ndarray]:
    """What an Explorer paints: of the first object, of the third after a click, and of another target."""
    root = page.page.locator(".dx-explorer")
    canvas = root.locator("canvas.dx-canvas")
    made = []

    def keep(shown: str) -> None:
        page.until(lambda: root.get_attribute("data-shown") == shown, f"{shown} is painted")
        made.append(np.array([page.pixel(canvas, u, v) for u in (0.2, 0.5, 0.75) for v in (0.3, 0.5, 0.7)]))

    keep("odam|class||positive#0")
    box = canvas.bounding_box()
    page.page.mouse.click(
        box["x"] + 150.5 / stub.SIZE[1] * box["width"], box["y"] + 75.5 / stub.SIZE[0] * box["height"]
    )
    page.page.mouse.move(1, 1)
    keep("odam|class||positive#2")
    root.get_by_label("Explain", exact=True).select_option("x1")
    keep("odam|x1||positive#2")
    return made


def test_where_bytes_arrive_nothing_is_asked_and_nothing_is_text(wired: Callable[..., WirePage]) -> None:
    page, widget = wired(), explorer()
    page.show(widget)
    pictures(page)
    assert LOST not in page.told
    # The maps of the other target; twice where their key comes before them on this page, which takes traits one by one.
    assert page.with_bytes in (1, 2)
    assert not widget._bytes_as_text


@pytest.mark.parametrize("loss", LOSSES)
def test_a_host_that_loses_bytes_shows_the_same(wired: Callable[..., WirePage], loss: str) -> None:
    whole, page, widget = wired(), wired(*LOSSES[loss]), explorer()
    whole.show(explorer())
    page.show(widget)
    wanted, got = pictures(whole), pictures(page)
    assert all((a == b).all() for a, b in zip(wanted, got))
    assert page.told.count(LOST) == 1
    assert widget.selected == 2
    assert page.page.get_by_text("Waiting for the kernel to send").count() == 0


def test_a_host_that_writes_bytes_as_base64_needs_no_word(wired: Callable[..., WirePage]) -> None:
    page = wired(wire_page.as_text, wire_page.as_text)
    page.show(explorer())
    pictures(page)
    assert LOST not in page.told


@pytest.mark.parametrize(
    "kind", ["Comparison", "Discrimination", "NmsExplorer", "Perturbation", "ScoreThreshold", "WhatIf"]
)
def test_every_kind_of_result_arrives(wired: Callable[..., WirePage], kind: str) -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    image = dx.data.scenes.make(2, 3).image
    found = detector.detect([image], 0.3)[0]
    page = wired(wire_page.drops, wire_page.drops)
    widget = getattr(dx.widgets, kind)(detector, image, found)
    if hasattr(widget, "wait"):
        widget.wait(60)
    root = page.show(widget)
    painted = root.locator("canvas").first.evaluate(
        """canvas => new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size"""
    )
    assert painted > 20, "a photograph is on the canvas"
    assert page.told.count(LOST) == 1
    widget.close()


def test_views_that_are_opened_together_wait_for_one_answer(wired: Callable[..., WirePage]) -> None:
    page = wired(wire_page.drops, wire_page.drops)
    one, two = explorer(), explorer()
    page.show(one, "one")
    page.show(two, "two")
    assert page.told.count(LOST) == 2, "one for each model"
    assert page.page.locator('.dx-explorer[data-shown="odam|class||positive#0"]').count() == 2
