"""The still picture of a Perturbation: the changed photograph, and below it the curves of the scores."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from detxai_nb.widgets.snapshots.picture import STILL, Snapshot, draw_view, font, wrapped

_LONGER_SIDE, _NARROWEST, _HIGH, _EDGE = 640, 420, 150, 34
_INK, _MUTED, _TARGET, _LINE = (28, 31, 36), (91, 98, 112), (23, 105, 194), (185, 190, 199)


def draw_curve_snapshot(scene: Snapshot, caption: str, curves: Sequence[Sequence[float]], step: int) -> bytes:
    """Draw one picture of the path, its caption and the curves.

    Args:
        scene: the changed photograph.
        caption: one text.
        curves: score over original score at each step, of the object and the mean of the others; NaN is left out. The
            highest line is 1, or what the curves reach beyond.
        step: the picture's number, which is marked.

    Returns:
        A PNG file.
    """
    view = draw_view(scene, _LONGER_SIDE / max(scene.image.shape[:2]))
    width = max(view.width, _NARROWEST)
    lines = [*wrapped(caption, width - 8), STILL]
    top = view.height + 12 + 20 * len(lines)
    page = Image.new("RGB", (width, top + _HIGH + 2 * _EDGE), "white")
    page.paste(view)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((4, view.height + 6 + 20 * number), line, fill=_MUTED if line == STILL else _INK, font=font(14))
    _draw_curves(draw, curves, step, (_EDGE + 16, top + 8, width - 12, top + 8 + _HIGH))
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _draw_curves(
    draw: ImageDraw.ImageDraw, curves: Sequence[Sequence[float]], step: int, frame: tuple[int, int, int, int]
) -> None:
    left, top, right, bottom = frame
    known = [value for curve in curves for value in curve if math.isfinite(value)]
    high = max([1.0, *known])
    last = max(len(curves[0]) - 1, 1)

    def place(number: int, value: float) -> tuple[float, float]:
        return left + (right - left) * number / last, bottom - (bottom - top) * value / high

    for value in (0.0, 1.0):
        draw.line((*place(0, value), *place(last, value)), fill=_LINE)
        draw.text((4, place(0, value)[1] - 8), f"{value:.0%}", fill=_MUTED, font=font(11))
    for curve, color, line in reversed(list(zip(curves, (_TARGET, _MUTED), (3, 1)))):
        points = [place(i, value) for i, value in enumerate(curve) if math.isfinite(value)]
        if len(points) > 1:
            draw.line(points, fill=color, width=line)
    x = place(min(step, last), 0)[0]
    draw.line((x, top, x, bottom), fill=_INK)
    words = "score over original score: the object (thick), mean of the others (thin)"
    draw.text((left, bottom + 8), words, fill=_MUTED, font=font(11))
