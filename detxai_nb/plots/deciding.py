"""Which part of a prediction decides a joined map at each pixel: its class, or one of the sides of its box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.plots.heatmaps import panel_labels
from detxai_nb.plots.panels import PanelGrid, box_outlines, draw_box, draw_photograph
from detxai_nb.types import COMBINED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PART_NAMES = {"class": "class", "x1": "left side", "y1": "top side", "x2": "right side", "y2": "bottom side"}
"""The parts of a prediction in words."""
PART_COLORS = {"class": "#0072b2", "x1": "#e69f00", "y1": "#009e73", "x2": "#cc79a7", "y2": "#f0e442"}
"""Their colours, which people with colour blindness can tell apart."""


def deciding_parts(maps: HeatMaps, index: int) -> Tensor:
    """Return which part of a prediction each pixel of a joined map is taken from.

    Args:
        maps: of the target "combined".
        index: of which map, 0 to N - 1.

    Returns:
        int64 ``[H,W]`` at the image's size: the number of the part in ``types.COMBINED``, that of the nearest cell; -1
        where the map is 0.

    Raises:
        ValueError: if the maps are not of the target "combined".
        IndexError: if there is no such map.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> maps = dx.explain(detector, image, detector.detect([image])[0][:1], target="combined")
        >>> dx.plots.deciding_parts(maps, 0).shape == image.shape[:2]
        True
    """
    one = maps[index]
    require_joined(one)
    which = one.deciding[0]
    # In order of the last axis -1, 0, 1, ...: what a cell is, as a map each, brought to the image as the map itself is.
    cells = torch.stack([which == number for number in range(-1, len(COMBINED))]).float()
    placed = one.placement.maps_to_image(cells, one.strides[0], one.corners[0], one.shifts[0])
    return torch.where(placed.amax(dim=0) > 0, placed.argmax(dim=0) - 1, -1)


def deciding_shares(maps: HeatMaps) -> dict[str, float]:
    """Return how much of joined maps is taken from each part: the share of the sum of all values' sizes.

    Args:
        maps: of the target "combined".

    Returns:
        By part a share in 0..1; all are 0 where the maps are.

    Raises:
        ValueError: if the maps are not of the target "combined".

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-faster-rcnn")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> found = detector.detect([image])[0]
        >>> shares = dx.plots.deciding_shares(dx.explain(detector, image, found, target="combined"))
        >>> shares["class"] < 0.02 < shares["y1"]  # sides are in pixels, the class is a probability
        True
    """
    require_joined(maps)
    sums = dict.fromkeys(COMBINED, 0.0)
    for grid, which in zip(maps.grids, maps.deciding):
        for number, part in enumerate(COMBINED):
            sums[part] += float(grid.abs().double()[which == number].sum())
    total = sum(sums.values())
    return {part: value / total if total else 0.0 for part, value in sums.items()}


def require_joined(maps: HeatMaps) -> None:
    """Raise an error unless maps say which part decides where.

    Args:
        maps: any.

    Raises:
        ValueError: if they are not of the target "combined", or were brought to another form since.
    """
    if not maps.deciding and len(maps):
        raise ValueError(
            f"the maps are of the target {maps.target.part!r} and do not say which part decides where; explain the "
            "target 'combined' with a gradient method, such as 'odam'"
        )


def plot_deciding(maps: HeatMaps, *, columns: int = 3, max_objects: int = 12) -> Figure:
    """Draw which part decides the map of the target "combined" at each pixel, a panel for each object.

    The parts' maps have different units, so that by the maximum that of the largest numbers wins nearly everywhere,
    whatever matters more; ``combine="normalized"`` gives each part the same range first.

    Args:
        maps: of the target "combined".
        columns: panels in a row, at least 1.
        max_objects: at most this many are drawn, the first ones, at least 1.

    Returns:
        A matplotlib figure; the legend says how much of the maps' sum each part decides in all panels together.

    Raises:
        ValueError: for options out of range, no maps, or maps of another target.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> maps = dx.explain(detector, image, detector.detect([image])[0][:2], target="combined")
        >>> [text.get_text().split(",")[0] for text in dx.plots.plot_deciding(maps).legends[0].get_texts()]
        ['class', 'left side', 'top side', 'right side', 'bottom side']
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    if columns < 1 or max_objects < 1 or not len(maps):
        raise ValueError(f"there is nothing to draw: {len(maps)} maps, columns {columns}, max_objects {max_objects}")
    count = min(len(maps), max_objects)
    found = [deciding_parts(maps, i).cpu() for i in range(count)]
    colors = np.array([to_rgb(PART_COLORS[part]) for part in COMBINED]) * 255
    sheet = PanelGrid(maps.image, rows=-(-count // columns), columns=min(columns, count), bars=False, foot=0.5)
    grey = np.repeat(maps.image.mean(axis=2, keepdims=True), 3, axis=2)
    labels = panel_labels(maps.detections)
    for i, which in enumerate(found):
        axes, _ = sheet.panel(*divmod(i, sheet.columns))
        there = (which >= 0).numpy()[..., None]
        painted = np.where(there, 0.3 * grey + 0.7 * colors[which.clamp(min=0).numpy()], grey)
        draw_photograph(axes, painted.round().astype(np.uint8), maps.image.shape[:2])
        draw_box(axes, box_outlines(maps.detections[i])[0], 1.8)
        axes.set_title(labels[i], fontsize=9, loc="left", pad=3, parse_math=False)
    shares = deciding_shares(maps[:count])
    handles = [Patch(color=PART_COLORS[p], label=f"{PART_NAMES[p]}, {100 * shares[p]:.0f} %") for p in COMBINED]
    sheet.figure.legend(handles=handles, loc="lower left", ncols=3, fontsize=7, frameon=False, handlelength=1)
    sheet.head(f"{maps.method}, which part decides (combine: {maps.settings.get('combine', 'maximum')})")
    return sheet.figure
