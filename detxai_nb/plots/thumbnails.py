"""Small pictures of heat maps, with their colour bars, as the HTML that a notebook shows."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import replace
from html import escape

import numpy as np
from PIL import Image, ImageDraw

from detxai_nb.detections import are_classes
from detxai_nb.heatmaps import OK, HeatMaps
from detxai_nb.html_tables import html_block
from detxai_nb.plots.heatmaps import heading_of, panel_labels
from detxai_nb.plots.map_panel import ranges
from detxai_nb.plots.overlays import DIVERGING, SEQUENTIAL, find_colormap
from detxai_nb.plots.standing_off import paint_map

MOST = 20
"""So many maps are shown; how many there are besides is said below them."""
BUDGET = 200_000
"""Characters of the HTML, at most: the pictures are as large as that allows."""
SIDES = (320, 240, 200, 160, 128, 96, 64, 32)
"""Pixels of the longer side of a picture, from which the largest is taken that the budget allows."""

_COMMON = 48
"""Colours of a picture by median cut, to which come those that it misses most, such as those of a small map's peak."""
_RARE = 48
_STOPS = 9
_STYLE = (
    ".detxai-nb-maps{display:flex;flex-wrap:wrap;gap:10px}"
    ".detxai-nb-maps figure{margin:0}.detxai-nb-maps img{display:block;max-width:100%;margin:0}"
    ".detxai-nb-maps figcaption{font-size:.85em;overflow-wrap:anywhere}"
    ".detxai-nb-maps i{display:block;height:7px}"
    ".detxai-nb-maps div{display:flex;justify-content:space-between;font-variant-numeric:tabular-nums}"
)


def maps_html(maps: HeatMaps) -> str:
    """Return the maps as small pictures: photograph, map and box, number, label and score, and the range of values.

    Args:
        maps: of any number of objects; the first ``MOST`` are drawn.

    Returns:
        HTML of at most ``BUDGET`` characters, pictures included, in which all names are texts.
    """
    shown = maps[:MOST]
    for side in SIDES:
        image = _shrunk(maps, side)
        if len(shown) and len(_picture(shown[0], image, side)) * len(shown) * 4 / 3 > BUDGET and side != SIDES[-1]:
            continue
        pictures = [_picture(shown[row], image, side) for row in range(len(shown))]
        cards = _cards(shown, pictures, min(side, max(maps.image.shape[:2])))
        found = html_block(heading_of(maps), cards, len(maps) - len(shown), _STYLE)
        if len(found) <= BUDGET:
            break
    return found


def _shrunk(maps: HeatMaps, side: int) -> Image.Image:
    """The photograph with a longer side of so many pixels at most."""
    height, width = maps.placement.limited(side).image_size
    return Image.fromarray(maps.image).resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)


def _picture(one: HeatMaps, image: Image.Image, side: int) -> bytes:
    """One map over its shrunk photograph as a PNG file, with its box."""
    values = replace(one, placement=one.placement.limited(side)).values[0].cpu().numpy()
    painted = image.copy()
    if one.status[0] == OK:
        ends = ranges(one, "object")[0]
        painted = Image.fromarray(paint_map(np.asarray(image), values, ends, signed=one.signed))
    if not are_classes(one.detections):
        y, x = image.height / one.image.shape[0], image.width / one.image.shape[1]
        if one.detections.polygons is None:
            x1, y1, x2, y2 = one.detections.boxes[0].tolist()
            _draw_box(painted, (x1 * x, y1 * y, x2 * x - 1, y2 * y - 1))
        else:
            _draw_polygon(painted, [(left * x, top * y) for left, top in one.detections.polygons[0].tolist()])
    file = io.BytesIO()
    painted.quantize(palette=_palette_of(painted), dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def _palette_of(picture: Image.Image) -> Image.Image:
    """A picture whose palette is made for another: the common colours, and the rare ones that these miss most."""
    common = picture.quantize(_COMMON, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    pixels = np.asarray(picture).reshape(-1, 3).astype(int)
    off = np.square(pixels - np.asarray(common.convert("RGB")).reshape(-1, 3)).sum(axis=1)
    # Colours that differ by less than a sixteenth of the range are one.
    kinds, first, kind = np.unique(pixels // 16 @ np.array([256, 16, 1]), return_index=True, return_inverse=True)
    missed = np.bincount(kind.reshape(-1), off, len(kinds))
    rare = pixels[first[np.argsort(-missed, kind="stable")[:_RARE]]]
    palette = np.asarray(common.getpalette(), np.uint8).reshape(-1, 3)[:_COMMON]
    made = Image.new("P", (1, 1))
    made.putpalette(np.concatenate([palette, rare.astype(np.uint8)]).tobytes())
    return made


def _draw_box(picture: Image.Image, box: Sequence[float]) -> None:
    """Draw a white line with a dark rim."""
    x1, y1 = box[:2]
    x2, y2 = max(box[2], x1), max(box[3], y1)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=(40, 40, 40), width=1)
    draw.rectangle((x1, y1, x2, y2), outline=(255, 255, 255), width=1)


def _draw_polygon(picture: Image.Image, corners: Sequence[tuple[float, float]]) -> None:
    """Draw an oriented box as a white line with a dark rim."""
    draw = ImageDraw.Draw(picture)
    around = [*corners, corners[0], corners[1]]
    draw.line(around, fill=(40, 40, 40), width=3, joint="curve")
    draw.line(around, fill=(255, 255, 255), width=1)


def _cards(maps: HeatMaps, pictures: Sequence[bytes], side: int) -> str:
    """The pictures with what stands below each."""
    colors = find_colormap((DIVERGING if maps.signed else SEQUENTIAL)[0])(np.linspace(0, 1, _STOPS), bytes=True)
    stops = ",".join(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue, _ in colors.tolist())
    height, width = maps.image.shape[:2]
    wide = max(96, round(side * width / max(height, width)))
    cards = []
    labels = panel_labels(maps.detections, maps.target)
    for label, (low, high), status, picture in zip(labels, ranges(maps, "object"), maps.status, pictures):
        said = f"<div><span>{low:.3g}</span><span>{escape(maps.unit)}</span><span>{high:.3g}</span></div>"
        bar = f'<i style="background:linear-gradient(90deg,{stops})"></i>{said}'
        below = bar if status == OK and high > low else escape(f"{low:.3g} everywhere" if status == OK else status)
        source = base64.b64encode(picture).decode()
        cards.append(
            f'<figure style="width:{wide}px"><figcaption>{escape(label)}</figcaption>'
            f'<img alt="heat map of {escape(label)}" src="data:image/png;base64,{source}">'
            f"<figcaption>{below}</figcaption></figure>"
        )
    return f'<div class="detxai-nb-maps">{"".join(cards)}</div>'
