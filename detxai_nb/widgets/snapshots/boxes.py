"""The boxes of a still picture, upright or turned, with their broken lines and the side that is explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import ImageDraw

_HALO, _SIDE = (0, 0, 0, 140), (255, 176, 0, 255)
_DASH, _GAP = 6, 4


def paint_box(
    draw: ImageDraw.ImageDraw,
    thing: Mapping[str, Any],
    factor: float,
    *,
    line: int,
    light: tuple[int, ...],
    broken: bool = False,
) -> None:
    """Draw an object's box as a line with a dark rim.

    Args:
        draw: what is drawn on.
        thing: the object; with "polygon" its oriented box is drawn, else its "box".
        factor: pixels of the picture to one of the photograph.
        line: width of the line in pixels.
        light: its colour, RGBA.
        broken: whether it has gaps; only of upright boxes.
    """
    if "polygon" in thing:
        _outline(draw, thing, factor, line, light)
        return
    x1, y1, x2, y2 = (round(v * factor) for v in thing["box"])
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    out = line // 2
    if broken:
        for ends in _dashes(x1, y1, x2, y2):
            draw.line(ends, fill=_HALO, width=line + 2)
            draw.line(ends, fill=light, width=line)
        return
    draw.rectangle((x1 - out - 1, y1 - out - 1, x2 + out + 1, y2 + out + 1), outline=_HALO, width=line + 2)
    draw.rectangle((x1 - out, y1 - out, x2 + out, y2 + out), outline=light, width=line)


def paint_crop(draw: ImageDraw.ImageDraw, thing: Mapping[str, Any], factor: float, shape: tuple[int, ...]) -> None:
    """Draw the edge of what a classifier sees; nothing where that is the whole photograph.

    Args:
        draw: what is drawn on.
        thing: any of its classes, whose box is that edge.
        factor: pixels of the picture to one of the photograph.
        shape: that of the photograph, (height, width, 3).
    """
    x1, y1, x2, y2 = thing["box"]
    if x1 > 0.5 or y1 > 0.5 or x2 < shape[1] - 0.5 or y2 < shape[0] - 0.5:
        paint_box(draw, thing, factor, line=1, light=(255, 255, 255, 255))


def paint_side(draw: ImageDraw.ImageDraw, thing: Mapping[str, Any], factor: float, part: str) -> None:
    """Mark the side of the box that is explained, if it is a side.

    Args:
        draw: what is drawn on.
        thing: the object; the sides of an oriented box are named as they lie before it is turned.
        factor: pixels of the picture to one of the photograph.
        part: the part of the target.
    """
    corners = _corners(thing, factor)
    firsts = {"y1": 0, "x2": 1, "y2": 2, "x1": 3}
    if part in firsts:
        ends = [corners[firsts[part]], corners[(firsts[part] + 1) % 4]]
        draw.line(ends, fill=_HALO, width=7)
        draw.line(ends, fill=_SIDE, width=5)


def _corners(thing: Mapping[str, Any], factor: float) -> list[tuple[float, float]]:
    """The corners of an object's box in the picture, clockwise from the top left one before it is turned."""
    x1, y1, x2, y2 = thing["box"]
    points = thing.get("polygon", ((x1, y1), (x2, y1), (x2, y2), (x1, y2)))
    return [(x * factor, y * factor) for x, y in points]


def _outline(
    draw: ImageDraw.ImageDraw, thing: Mapping[str, Any], factor: float, line: int, light: tuple[int, ...]
) -> None:
    """An oriented box."""
    corners = _corners(thing, factor)
    around = [*corners, corners[0], corners[1]]
    draw.line(around, fill=_HALO, width=line + 2, joint="curve")
    draw.line(around, fill=light, width=line, joint="curve")


def _dashes(x1: int, y1: int, x2: int, y2: int) -> list[tuple[int, int, int, int]]:
    """A box in broken lines."""
    across = [(x, min(x + _DASH, x2)) for x in range(x1, x2, _DASH + _GAP)]
    down = [(y, min(y + _DASH, y2)) for y in range(y1, y2, _DASH + _GAP)]
    return [(a, y, b, y) for y in (y1, y2) for a, b in across] + [(x, a, x, b) for x in (x1, x2) for a, b in down]
