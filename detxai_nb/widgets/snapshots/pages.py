"""Pages of still pictures: words alone, figures, and parts below each other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw

from detxai_nb.widgets.snapshots.picture import LONGER_SIDE, TEXT, font, wrapped


def words(text: str, width: int = LONGER_SIDE) -> Image.Image:
    """Draw nothing but a few words on white.

    Args:
        text: the words.
        width: of the picture, in pixels.

    Returns:
        An RGB image.
    """
    lines = wrapped(text, width - 16)
    page = Image.new("RGB", (width, 16 + 20 * len(lines)), "white")
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((8, 8 + 20 * number), line, fill=TEXT, font=font(14))
    return page


def stacked(parts: Sequence[Image.Image]) -> Image.Image:
    """Put pictures below each other.

    Args:
        parts: the pictures.

    Returns:
        An RGB image as wide as the widest.
    """
    page = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def drawn_figure(figure: Any) -> Image.Image:
    """Return a figure of this package as a picture.

    Args:
        figure: one that a notebook shows as PNG.

    Returns:
        An RGB image.
    """
    return Image.open(io.BytesIO(figure._repr_png_())).convert("RGB")
