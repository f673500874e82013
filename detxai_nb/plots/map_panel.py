"""One panel of a figure: a photograph or a crop of it, the heat map of one object, its box and its colour bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from PIL import Image

from detxai_nb.detections import are_classes
from detxai_nb.heatmaps import OK, HeatMaps
from detxai_nb.plots.overlays import DIVERGING, SEQUENTIAL, find_colormap, natural_range
from detxai_nb.plots.panels import box_outlines, draw_box, draw_photograph
from detxai_nb.plots.standing_off import BACKDROPS, paint_map
from detxai_nb.types import Detections

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALES = ("object", "shared")
"""Whether each map has its own range of colours, or all share one."""
CROPS = (None, "box")

ON_PICTURE: Mapping[str, Any] = {
    "fontsize": 8,
    "color": "white",
    "parse_math": False,
    "bbox": {"boxstyle": "round,pad=0.2", "fc": (0.07, 0.08, 0.1, 0.85), "ec": "none"},
}
"""How text on a photograph looks."""

_LETTER = 0.58  # how wide a letter is in the mean, as a share of the font size
_LONGEST = 640  # pixels of a panel's longer side: more than any screen shows of it
_SMALLEST = 24  # pixels of a crop's side


class PanelOptions(TypedDict, total=False):
    """How the panels of a figure are drawn.

    Attributes:
        colormap: any name that matplotlib knows.
        opacity: of the strongest evidence, 0..1.
        boxes: whether each object's box is drawn.
        crop: what is shown of the photograph: None for all, "box" for a square around each object's box.
        margin: how much of the box's longer side is shown on each side of it.
        backdrop: what lies under the maps, one of ``BACKDROPS``.
    """

    colormap: str | None
    opacity: float
    boxes: bool
    crop: str | None
    margin: float
    backdrop: str


PANEL_DEFAULTS: PanelOptions = {
    "colormap": None,
    "opacity": 0.55,
    "boxes": True,
    "crop": None,
    "margin": 0.5,
    "backdrop": "auto",
}


@dataclass(frozen=True)
class PanelStyle:
    """How a panel is painted, checked.

    Attributes:
        colormap, opacity, boxes, crop, margin, backdrop: as in ``PanelOptions``.
    """

    colormap: str
    opacity: float
    boxes: bool
    crop: str | None
    margin: float
    backdrop: str

    @classmethod
    def of(cls, options: PanelOptions, signed: bool) -> PanelStyle:
        """Return the style for maps of one kind.

        Args:
            options: all of ``PanelOptions``.
            signed: whether the maps are.

        Returns:
            The style.

        Raises:
            ValueError: for options out of range.
        """
        opacity, crop = options["opacity"], options["crop"]
        margin, backdrop = options["margin"], options["backdrop"]
        if not 0 <= opacity <= 1:
            raise ValueError(f"opacity is from 0 to 1, got {opacity}")
        if crop not in CROPS:
            raise ValueError(f"crop is None for the whole photograph or 'box' for a part around each box; got {crop!r}")
        if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0 <= margin <= 100:
            raise ValueError(f"margin is a share of the box's longer side, from 0 to 100; got {margin!r}")
        if backdrop not in BACKDROPS:
            raise ValueError(f"backdrop is one of {', '.join(BACKDROPS)}; got {backdrop!r}")
        name = options["colormap"] or (DIVERGING if signed else SEQUENTIAL)[0]
        find_colormap(name)
        return cls(name, opacity, options["boxes"], crop, float(margin), backdrop)

    def panel_shape(self, image: np.ndarray) -> np.ndarray:
        """Return a picture of the shape of the panels.

        Args:
            image: the photograph ``[H,W,3]``.

        Returns:
            The photograph, or something square for crops.
        """
        return image if self.crop is None else np.zeros((1, 1, 3), np.uint8)


def draw_map(
    axes: Axes,
    bar: Axes | None,
    maps: HeatMaps,
    ends: tuple[float, float],
    title: str,
    style: PanelStyle,
    part: tuple[int, int, int, int] | None = None,
) -> None:
    """Draw one panel.

    Args:
        axes: where.
        bar: where its colour bar goes, or None.
        maps: the one map.
        ends: the values at the ends of the colours.
        title: what stands above.
        style: how it is painted.
        part: x1, y1, x2, y2 of what is shown, in pixels; None for what the style says.
    """
    low, high = ends
    size = maps.image.shape[:2]
    box = maps.detections.boxes[0].tolist()
    if part is None and style.crop == "box" and not _shows_all(maps.detections, size):
        part = crop_window(box, size, style.margin)
    maps = _small(maps) if part is None else maps
    image, values = maps.image, maps.values[0].cpu().numpy()
    if part is not None:
        x1, y1, x2, y2 = part
        image, values = image[y1:y2, x1:x2], values[y1:y2, x1:x2]
    look: dict[str, Any] = {"colormap": style.colormap, "opacity": style.opacity, "backdrop": style.backdrop}
    painted = paint_map(image, values, ends, signed=maps.signed, **look)
    draw_photograph(axes, shrink(painted), size, part)
    if style.boxes and not _shows_all(maps.detections, size):
        draw_box(axes, box_outlines(maps.detections)[0], 1.8)
    fit_title(axes, title)
    if maps.diagnostics:
        said = "\n".join(f"{name} {values[0]:.2f}" for name, values in maps.diagnostics.items())
        axes.text(0.02, 0.03, said, transform=axes.transAxes, va="bottom", **ON_PICTURE)
    if bar is None:
        return
    if high > low and maps.status[0] == OK:
        _color_bar(bar, low, high, style.colormap)
        bar.set_xlabel(maps.unit, fontsize=7, labelpad=1)
        return
    bar.set_axis_off()
    note = f"{low:.3g} everywhere" if maps.status[0] == OK else maps.status[0]
    bar.text(0, 0, note, fontsize=8, transform=bar.transAxes)


def fit_title(axes: Axes, title: str) -> None:
    """Write a title above a panel, as small as it has to be, never read as a formula.

    Args:
        axes: of the panel.
        title: the title.
    """
    wide = axes.bbox.width / axes.figure.dpi * 72  # points
    fitting = wide / (_LETTER * max(len(title), 1))
    axes.set_title(title, fontsize=max(5, min(9, fitting)), loc="left", pad=3, parse_math=False)


def crop_window(box: Sequence[float], size: Sequence[int], margin: float) -> tuple[int, int, int, int]:
    """Return a square around a box, moved into the image and cut to it.

    Args:
        box: xyxy in pixels of the image.
        size: (height, width) of the image.
        margin: how much of the box's longer side there is on each side of it.

    Returns:
        x1, y1, x2, y2 in whole pixels, at least one pixel each way.
    """
    low, high = box[:2], box[2:]
    side = max(_SMALLEST, (1 + 2 * margin) * max(high[0] - low[0], high[1] - low[1]))
    ends = []
    for axis, pixels in enumerate((size[1], size[0])):
        wanted = min(pixels, round(side))
        start = max(0, min(round((low[axis] + high[axis] - wanted) / 2), pixels - wanted))
        ends.append((start, start + wanted))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


def ranges(maps: HeatMaps, scale: str) -> list[tuple[float, float]]:
    """Return the values at the ends of each map's colours, read on the native grids.

    Args:
        maps: N maps.
        scale: "object" or "shared".

    Returns:
        N pairs (low, high).

    Raises:
        ValueError: for another scale.
    """
    if scale not in SCALES:
        raise ValueError(f"scale is one of {', '.join(SCALES)}; got {scale!r}")
    own = [natural_range(grid.cpu().numpy(), maps.signed) for grid in maps.grids]
    if scale == "object":
        return own
    return [(min(low for low, _ in own), max(high for _, high in own))] * len(own)


def shrink(pixels: np.ndarray) -> np.ndarray:
    """Return a picture as small as it is drawn.

    Args:
        pixels: uint8 ``[H,W,3]``.

    Returns:
        The same, or a smaller one.
    """
    height, width = pixels.shape[:2]
    factor = _LONGEST / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _shows_all(detections: Detections, size: Sequence[int]) -> bool:
    """Whether these are classes of the whole image (``size`` is its height and width): their box is its edge."""
    if not are_classes(detections):
        return False
    x1, y1, x2, y2 = detections.boxes[0].tolist()
    return bool(x1 <= 0.5 and y1 <= 0.5 and x2 >= size[1] - 0.5 and y2 >= size[0] - 0.5)


def _small(maps: HeatMaps) -> HeatMaps:
    """The same maps over a photograph as small as it is drawn; boxes stay those of the original."""
    pixels = shrink(maps.image)
    placement = replace(maps.placement, image_size=pixels.shape[:2])
    return replace(maps, image=pixels, placement=placement)


def _color_bar(axes: Axes, low: float, high: float, colormap: str) -> None:
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=find_colormap(colormap), extent=(low, high, 0, 1), aspect="auto")
    axes.set_yticks([])
    ticks = [low, (low + high) / 2, high]
    axes.set_xticks(ticks, [_number(tick, high - low) for tick in ticks], fontsize=8)
    axes.tick_params(length=2, pad=1)
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")


def _number(value: float, span: float) -> str:
    return f"{value:.3g}" if abs(value) > 1e-6 * span else "0"
