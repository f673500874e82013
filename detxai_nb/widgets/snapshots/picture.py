"""The still picture of a widget: the same photograph, map and boxes, drawn in Python."""

from __future__ import annotations

import io
import weakref
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.plots import heatmaps
from detxai_nb.plots.limits import color_range
from detxai_nb.plots.panels import PNG_LEVEL
from detxai_nb.subjects import CLASSES, OBJECTS
from detxai_nb.widgets.shared.serialize import is_class, palette, value_range
from detxai_nb.widgets.shared.traits import SignedLookTraits
from detxai_nb.widgets.snapshots.boxes import paint_box, paint_crop, paint_side

STILL = "A still picture: run the cell to click."
"""What every still picture of a widget says."""

LONGER_SIDE, _NARROWEST = 640, 420
TEXT, _MUTED = (28, 31, 36), (91, 98, 112)
_CHIP = (17, 20, 24, 220)
_CANDIDATE = (255, 255, 255, 255)


@dataclass(frozen=True)
class Look:
    """How a map is drawn.

    Attributes:
        opacity, hide_below: 0..1.
        colormap: the name of a colour map.
        shared: one scale for all maps.
        percentile: where the last colour begins, above 0, up to 100.
        all_boxes: whether all boxes are drawn, or only the selected one.
        all_names: whether all drawn boxes are named, or only the selected one.
    """

    opacity: float
    hide_below: float
    colormap: str
    shared: bool
    all_boxes: bool = True
    all_names: bool = False
    percentile: float = 100.0

    def full_range(self, maps: HeatMaps, index: int) -> tuple[float, float]:
        """Return the least and greatest value of what ``range_of`` covers.

        Args:
            maps: N maps.
            index: which of them.

        Returns:
            (least, greatest).
        """
        ranges = [value_range(maps, i) for i in (range(len(maps)) if self.shared else [index])]
        return min(low for low, _ in ranges), max(high for _, high in ranges)

    def range_of(self, maps: HeatMaps, index: int) -> tuple[float, float]:
        """Return the values at the ends of the colour bar.

        Args:
            maps: N maps.
            index: which of them.

        Returns:
            (low, high).
        """
        return color_range(maps, index, scale="shared" if self.shared else "object", percentile=self.percentile)


@dataclass(frozen=True)
class Snapshot:
    """What is drawn.

    Attributes:
        image: the photograph, uint8 ``[H,W,3]``.
        objects: name, score and box of each object, as from ``pack_objects``; those with "missed" are drawn in broken
            lines.
        selected: index of the selected object, or None.
        maps: heat maps, or None.
        look: how the map is drawn.
        row: which of the maps is the selected object's; by default there is one for each object.
        tints: colours of boxes that are not in the colour of their class, by object.
        hidden: objects whose boxes are not drawn, unless one is selected.
    """

    image: np.ndarray
    objects: Sequence[dict[str, Any]]
    selected: int | None
    maps: HeatMaps | None
    look: Look
    row: int | None = None
    tints: Mapping[int, str] = field(default_factory=dict)
    hidden: Collection[int] = frozenset()

    @property
    def drawn(self) -> int:
        """The number of the selected object's map."""
        return self.row if self.row is not None else self.selected or 0

    def tint(self, index: int) -> tuple[int, int, int, int]:
        """Return the colour of an object's box.

        Args:
            index: the object.

        Returns:
            RGBA, 0..255.
        """
        return (*parse_rgb(self.tints.get(index, self.objects[index].get("color", "#ffffff"))), 255)


def look_of(widget: SignedLookTraits, maps: HeatMaps | None, shared: bool = False) -> Look:
    """Return how a widget's traits say that maps are drawn.

    Args:
        widget: any with these traits.
        maps: the maps, or None.
        shared: one scale for all of them.

    Returns:
        The look, with the colour map for maps of that kind.
    """
    signed = maps is not None and maps.signed
    colormap = widget.signed_colormap if signed else widget.colormap
    return Look(
        widget.opacity, widget.hide_below, colormap, shared, widget.boxes == "all", percentile=widget.percentile
    )


def parse_rgb(color: str) -> tuple[int, int, int]:
    """Return the parts of a colour.

    Args:
        color: such as "#0072b2".

    Returns:
        RGB, 0..255.
    """
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def label_of(thing: Mapping[str, Any]) -> str:
    """Return what is written on an object's box, as in the browser.

    Args:
        thing: an object, as from ``pack_objects``, or a missed one.

    Returns:
        Such as "#3 cup 0.91", of a class "cup 0.91", of a missed object "cup, missed (regressor)".
    """
    if "missed" in thing:
        return f"{thing['name']}, missed ({thing['missed']})"
    number = f"#{thing['number']} " if "number" in thing else ""
    subject = CLASSES if is_class(thing) else OBJECTS
    return f"{number}{thing['name']} {subject.score_in_words(thing['score'])}"


def overlay_pixels(image: np.ndarray, maps: HeatMaps, index: int, look: Look) -> np.ndarray:
    """Return the photograph with one map blended over it.

    Args:
        image: the photograph, uint8 ``[H,W,3]``.
        maps: N maps.
        index: which of them.
        look: how it is drawn.

    Returns:
        uint8 ``[H,W,3]``.
    """
    low, high = look.range_of(maps, index)
    return heatmaps.overlay(
        image,
        maps[index].values[0].detach().cpu().numpy(),
        colormap=look.colormap,
        opacity=look.opacity,
        hide_below=look.hide_below,
        low=low,
        high=high,
        signed=maps.signed,
    )


_LAST: list[tuple[weakref.ref[np.ndarray], tuple[int, int], np.ndarray]] = []
"""The photograph that was reduced last: every cell of a grid shows the same one."""


def _reduced(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The photograph at a smaller (width, height)."""
    for known, its_size, small in list(_LAST):
        if known() is image and its_size == size:
            return small
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))
    _LAST[:] = [(weakref.ref(image), size, small)]
    return small


def draw_view(scene: Snapshot, factor: float = 1.0, name: bool = True) -> Image.Image:
    """Draw photograph, map and boxes; of classes no boxes, but for the edge of the crop that a classifier sees.

    Args:
        scene: what is drawn.
        factor: scale.
        name: whether the selected object is named.

    Returns:
        An RGB image.
    """
    pixels = scene.image
    size = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
    if factor < 1:  # the map is placed on no more pixels than are drawn
        pixels = _reduced(pixels, size)
    if scene.maps is not None and scene.selected is not None:
        one = scene.maps
        if factor < 1:
            one = replace(one, placement=replace(one.placement, image_size=(size[1], size[0])))
        pixels = overlay_pixels(pixels, one, scene.drawn, scene.look)
    base = Image.fromarray(pixels)
    base = (base if base.size == size else base.resize(size, Image.Resampling.BICUBIC)).convert("RGBA")
    layer = Image.new("RGBA", base.size)
    draw = ImageDraw.Draw(layer)
    if scene.objects and is_class(scene.objects[0]):
        paint_crop(draw, scene.objects[0], factor, scene.image.shape)
        return Image.alpha_composite(base, layer).convert("RGB")
    for index, thing in enumerate(scene.objects):
        if index != scene.selected and index not in scene.hidden and scene.look.all_boxes:
            line = 2 if index in scene.tints else 1
            paint_box(draw, thing, factor, line=line, light=scene.tint(index), broken="missed" in thing)
            if scene.look.all_names:
                _chip(draw, thing, factor, base.size)
    if scene.selected is not None:
        thing = scene.objects[scene.selected]
        if scene.maps is not None and thing.get("candidate"):
            paint_box(draw, thing["candidate"], factor, line=2, light=_CANDIDATE)
        paint_box(draw, thing, factor, line=3, light=scene.tint(scene.selected), broken="missed" in thing)
        if scene.maps is not None:
            paint_side(draw, thing, factor, scene.maps.target.part)
        if name:
            _chip(draw, thing, factor, base.size)
    return Image.alpha_composite(base, layer).convert("RGB")


def draw_snapshot(scene: Snapshot, caption: str) -> bytes:
    """Draw the view with its longer side at 640 pixels, the caption, and a colour bar if there is a map.

    Args:
        scene: what is drawn.
        caption: one text.

    Returns:
        A PNG file.
    """
    view = draw_view(scene, LONGER_SIDE / max(scene.image.shape[:2]))
    width = max(view.width, _NARROWEST)
    lines = [*wrapped(caption, width - 8), STILL]
    bar = scene.maps is not None and scene.selected is not None
    page = Image.new("RGB", (width, view.height + 12 + 20 * len(lines) + 24 * bar), "white")
    page.paste(view)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((4, view.height + 6 + 20 * number), line, fill=_MUTED if line == STILL else TEXT, font=font(14))
    if scene.maps is not None and scene.selected is not None:
        low, high = scene.look.range_of(scene.maps, scene.drawn)
        colors = np.repeat(palette(scene.look.colormap)[None], 10, axis=0)
        page.paste(Image.fromarray(colors), (4, page.height - 22))
        least, most = scene.look.full_range(scene.maps, scene.drawn)
        words = f"{'≤ ' if least < low else ''}{low:.3g} to {'≥ ' if most > high else ''}{high:.3g}"
        words += f" ({scene.maps.unit})" if scene.maps.unit else ""
        draw.text((268, page.height - 26), words, fill=_MUTED, font=font(13))
    file = io.BytesIO()
    page.save(file, "PNG", compress_level=PNG_LEVEL)
    return file.getvalue()


def still_png(page: Image.Image) -> bytes:
    """Return a picture as the still of a widget: with a line below it that says how to get the widget itself.

    Args:
        page: the picture.

    Returns:
        A PNG file.
    """
    still = Image.new("RGB", (page.width, page.height + 24), "white")
    still.paste(page)
    ImageDraw.Draw(still).text((4, page.height + 2), STILL, fill=_MUTED, font=font(14))
    file = io.BytesIO()
    still.save(file, "PNG", compress_level=PNG_LEVEL)
    return file.getvalue()


def wrapped(text: str, width: float, size: int = 14) -> list[str]:
    """Return a text in lines, broken at spaces; at most four.

    Args:
        text: words.
        width: of a line, in pixels.
        size: of the font.

    Returns:
        The lines.
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font(size).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines[:4]


def _chip(draw: ImageDraw.ImageDraw, thing: dict[str, Any], factor: float, size: tuple[int, int]) -> None:
    letters = font(12)
    text = label_of(thing)
    width, height = letters.getlength(text) + 12, 20
    left, top = thing["box"][0] * factor, thing["box"][1] * factor
    x = min(max(left, 2), max(2, size[0] - width - 2))
    y = max(2, top - height - 5 if top - height - 5 >= 0 else top + 5)
    draw.rounded_rectangle((x, y, x + width, y + height), radius=4, fill=_CHIP)
    draw.rectangle((x, y + 3, x + 2, y + height - 3), fill=parse_rgb(thing.get("color", "#ffffff")))
    draw.text((x + 6, y + 2), text, fill="white", font=letters)


@cache
def font(size: int) -> Any:
    """Return matplotlib's DejaVu Sans, which has far more of the world's letters than Pillow's own font.

    Args:
        size: in pixels.

    Returns:
        A font of Pillow.
    """
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
