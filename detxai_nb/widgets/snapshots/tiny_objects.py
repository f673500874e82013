"""The still picture of tiny objects: their scatter, and the crops of the one that is selected, drawn in Python."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw

from detxai_nb.tiny.figures import crops_of, plot
from detxai_nb.tiny.samples import ExplainedImage
from detxai_nb.widgets.snapshots.picture import font, still_png, wrapped
from detxai_nb.widgets.tiny_objects_run import TinyObjectsRun

_WIDTH, _LINE = 640, 20


def words(text: str) -> Image.Image:
    """Draw nothing but a few words on white.

    Args:
        text: the words.

    Returns:
        An RGB image.
    """
    lines = wrapped(text, _WIDTH - 16)
    page = Image.new("RGB", (_WIDTH, 16 + _LINE * len(lines)), "white")
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((8, 8 + _LINE * number), line, fill=(28, 31, 36), font=font(14))
    return page


def picture(
    found: TinyObjectsRun, measure: str, explained: ExplainedImage | None, annotations: Sequence[int], opacity: float
) -> Image.Image:
    """Draw the scatter of ``tiny.plot``, and below it the crops of the selected objects.

    Args:
        found: the run.
        measure: a name of ``MEASURES``.
        explained: the image of the selected objects with its maps, or None.
        annotations: the selected objects; their crops are left out if ``explained`` lacks them.
        opacity: of the maps, 0..1.

    Returns:
        An RGB image.
    """
    parts = [_drawn(plot(found.objects(), measure, at_most=found.at_most))]
    known = [] if explained is None else explained.selected.annotations.tolist()
    if explained is not None and annotations and set(annotations) <= set(known):
        parts.append(_drawn(crops_of(explained, [known.index(one) for one in annotations], opacity=opacity)))
    page = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def tiny_objects_png(page: Image.Image) -> bytes:
    """Encode a picture as PNG.

    Args:
        page: the picture.

    Returns:
        A PNG file.
    """
    return still_png(page)


def _drawn(figure: Any) -> Image.Image:
    return Image.open(io.BytesIO(figure._repr_png_())).convert("RGB")
