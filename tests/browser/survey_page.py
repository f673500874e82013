"""Answering the questions of a Survey in a browser: maps dragged or moved by keys, boxes drawn."""

from __future__ import annotations

from typing import Any

from plain_page import PlainPage

from detxai_nb.survey import ItemAnswer

__all__ = ["fill_in"]


def fill_in(page: PlainPage, root: Any, one: ItemAnswer, kind: str, size: tuple[int, int]) -> None:
    """Do on the page what gives an answer to the question that is shown, up to the button that saves it."""
    if kind == "rank":
        order_by_mouse(page, root, one.choice)
    elif kind == "directions":
        order_by_keys(root, one.choice)
    elif kind == "better":
        root.get_by_role("radio", name="No difference" if one.choice == "=" else f"Map {one.choice}").check()
    else:
        draw_by_mouse(page, root, one, size)
        root.locator(".dx-segment").nth((one.confidence or 1) - 1).click()


def order_by_mouse(page: PlainPage, root: Any, wanted: str) -> None:
    """Drag the maps one after the other to their places."""
    for place, letter in enumerate(wanted):
        letters = root.locator(".dx-letter").all_inner_texts()
        cards = root.locator(".dx-order-card")
        start, end = (cards.nth(n).bounding_box() for n in (letters.index(letter), place))
        mouse = page.page.mouse
        mouse.move(start["x"] + start["width"] / 2, start["y"] + 60)
        mouse.down()
        mouse.move(end["x"] + end["width"] / 2 + 3, end["y"] + 62, steps=4)
        mouse.up()
        assert root.locator(".dx-letter").all_inner_texts()[place] == letter


def order_by_keys(root: Any, wanted: str) -> None:
    for place, letter in enumerate(wanted):
        letters = root.locator(".dx-letter").all_inner_texts()
        root.locator(".dx-order-card").nth(letters.index(letter)).press(str(place + 1))
    assert "".join(root.locator(".dx-letter").all_inner_texts()) == wanted


def draw_by_mouse(page: PlainPage, root: Any, one: Any, size: tuple[int, int]) -> None:
    field = root.locator(".dx-field")
    place = field.bounding_box()
    x1, y1, x2, y2 = (
        place[axis] + place[side] * value / whole
        for axis, side, value, whole in zip("xyxy", ("width", "height") * 2, one.box, size * 2)
    )
    page.page.mouse.move(x1, y1)
    page.page.mouse.down()
    page.page.mouse.move((x1 + x2) / 2, (y1 + y2) / 2)
    page.page.mouse.move(x2, y2)
    page.page.mouse.up()
