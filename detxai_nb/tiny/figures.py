"""plot and crops: a measure of every object over its size, and close-ups of the maps of small objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch

from detxai_nb.evaluation.selection import find_protocol
from detxai_nb.metrics.tiny_objects import TINY
from detxai_nb.options import complete_options, show_options
from detxai_nb.tiny.samples import (
    EXPLANATION_DEFAULTS,
    METHODS,
    ExplainedImage,
    ExplanationOptions,
    MethodLike,
    explain_image,
    samples_of,
)
from detxai_nb.types import Detector

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

VALUES: Mapping[str, str] = {
    "energy": "energy in the object's box",
    "pointing": "pointing game in the object's box",
    "half": "share of the image with half of the energy",
    "reach": "pixels with half of the energy / pixels of the box",
    "beside": "energy in the nearest neighbour's box",
}
"""The columns that ``plot`` can show, with the labels of the axis."""

_SMALLEST = 24  # pixels of a crop's side
AROUND = 3.0
"""The default side of a crop, over the longer side of its box."""


def plot(frame: pandas.DataFrame, value: str = "energy", *, at_most: float = TINY) -> Figure:
    """Draw a scatter plot of a measure of each object over its share of the network's input.

    Each method has one colour and mark, the same in every figure, with a line through the medians of up to eight groups
    of equally many objects. Objects to the left of the dotted line are tiny. The title says how many points have no
    value and are not shown.

    Args:
        frame: what ``objects`` returned.
        value: a column of ``VALUES``.
        at_most: the largest share of the network's input that counts as tiny.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: for an unknown value and for a table without rows.
    """
    from detxai_nb.plots.panels import new_figure
    from detxai_nb.plots.styles import method_styles

    if value not in VALUES:
        raise ValueError(f"value is one of {', '.join(VALUES)}; got {value!r}")
    if not len(frame):
        raise ValueError("there is no object in this table; take more images or a protocol with a lower score")
    figure = new_figure(6.4, 4.0)
    axes = figure.add_axes((0.11, 0.13, 0.86, 0.76))
    methods = list(dict.fromkeys(frame["method"]))
    for method, style in method_styles(methods).items():
        rows = frame[(frame["method"] == method) & frame[value].notna()]
        x, y = rows["canvas_share"].to_numpy(float), rows[value].to_numpy(float)
        filled = style.color if style.filled else "none"
        axes.scatter(x, y, s=16, facecolor=filled, edgecolor=style.color, marker=style.mark, alpha=0.45, linewidths=0.6)
        line: dict[str, Any] = {
            "color": style.color,
            "marker": style.mark,
            "linestyle": style.dash,
            "markerfacecolor": filled,
        }
        axes.plot(*medians(x, y), markersize=5, lw=1.6, label=method, **line)
    axes.axvline(at_most, color="0.35", lw=1, ls=":")
    axes.annotate("tiny", (at_most, 1), (-4, -4), xycoords=("data", "axes fraction"), textcoords="offset points",
                  ha="right", va="top", fontsize=8, color="0.35")  # fmt: skip
    axes.set_xscale("log")
    if value == "reach":
        axes.set_yscale("log")
        axes.axhline(1, color="0.75", lw=1)
    elif value != "half":
        axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("detected box / network's input", fontsize=9)
    axes.set_ylabel(VALUES[value], fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False)
    objects = len(frame) // len(methods)
    hidden = int(frame[value].isna().sum())
    axes.set_title(
        f"{objects} objects" + (f"; {hidden} points without a value are not shown" if hidden else ""),
        fontsize=10,
        loc="left",
    )
    return figure


def medians(x: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float]]:
    """Return the medians of up to eight groups of equally many points, from left to right.

    Args:
        x, y: coordinates ``[N]``.

    Returns:
        The medians of ``x`` and of ``y``, one for each group.
    """
    if not len(x):
        return [], []
    groups = np.array_split(np.argsort(x, kind="stable"), min(8, max(1, len(x) // 5)))
    return [float(np.median(x[group])) for group in groups], [float(np.median(y[group])) for group in groups]


@show_options(ExplanationOptions, EXPLANATION_DEFAULTS)
def crops(
    detector: Detector,
    image_or_dataset: Any,
    row: Mapping[str, Any],
    methods: Sequence[MethodLike] = METHODS,
    *,
    around: float = AROUND,
    opacity: float = 0.6,
    **options: Unpack[ExplanationOptions],
) -> Figure:
    """Draw close-ups of the objects of one row: for each a line of panels, the photograph and then each method's map.

    The maps are computed again, so the arguments must be those that made the table. Every panel is coloured over the
    range of its map in the whole image, so a dark area is weak compared with the map's maximum wherever that lies; the
    title gives the share of the map's energy that lies in the crop. Where a map's colours would not stand off the
    photograph's, it lies over greys.

    Args:
        detector, image_or_dataset, methods: as in ``objects``.
        row: of ``objects`` (one object) or of ``pairs`` (two), such as ``frame.iloc[0]``.
        around: side of the crop over the longer side of the box, or of the two boxes together; 1 or more.
        opacity: of the maps over the photograph, 0..1.
        **options: the keyword arguments below.
        target: the explained scalar, as in ``explain``; "class" by default.
        layer: the explained layer, one of ``detector.layers``; by default the one that each method prefers.
        settings: by method name, what ``explain`` takes as keyword arguments; none by default.
        protocol: which objects are selected, as in ``evaluate``; "default" by default.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: for a row of another dataset or protocol, whose object is not selected here.
        TypeError: for unknown arguments.
    """
    given = complete_options(crops, options, EXPLANATION_DEFAULTS)
    if not around >= 1:
        raise ValueError(f"around is 1 or more, got {around}")
    number = int(row["image"])
    wanted = [int(row[name]) for name in ("annotation", "first", "second") if name in row]
    samples = samples_of(detector, image_or_dataset, find_protocol(given["protocol"]))
    if not 0 <= number < len(samples):
        raise ValueError(f"the row is of image {number}, and there are {len(samples)}; pass the same dataset")
    explained = explain_image(detector, samples, number, methods, **given)
    known = [] if explained is None else explained.selected.annotations.tolist()
    if explained is None or not set(wanted) <= set(known):
        raise ValueError(
            f"the row is of annotations {wanted}, selected here are {known}; pass the row's dataset and protocol"
        )
    return crops_of(explained, [known.index(one) for one in wanted], around=around, opacity=opacity)


def crops_of(explained: ExplainedImage, rows: Sequence[int], *, around: float = AROUND, opacity: float = 0.6) -> Figure:
    """Draw close-ups of some objects of one image.

    Args:
        explained: the image with its objects and maps.
        rows: indices of the objects.
        around, opacity: as in ``crops``.

    Returns:
        A matplotlib figure.
    """
    from detxai_nb.plots.overlays import natural_range
    from detxai_nb.plots.panels import PanelGrid, draw_box, draw_photograph
    from detxai_nb.plots.standing_off import paint_map

    image, found = explained.sample.image, explained.selected.detections
    x1, y1, x2, y2 = window(found.boxes[list(rows)].cpu(), image.shape[:2], around)
    part = image[y1:y2, x1:x2]
    sheet = PanelGrid(part, len(rows), 1 + len(explained.maps), side=2.2, bars=False)
    for line, row in enumerate(rows):
        panels = {f"{found.names[int(found.labels[row])]} {float(found.scores[row]):.2f}": part}
        for method, maps in explained.maps.items():
            heat = maps.values[row].detach().cpu()
            whole, here = float(heat.double().sum()), float(heat[y1:y2, x1:x2].double().sum())
            ends = natural_range(heat.numpy(), maps.signed)
            painted = paint_map(part, heat.numpy()[y1:y2, x1:x2], ends, signed=maps.signed, opacity=opacity)
            panels[f"{method}: {here / whole:.0%} here" if whole > 0 else f"{method}: a map of zeros"] = painted
        left, top, right, bottom = found.boxes[row].tolist()
        for column, (title, pixels) in enumerate(panels.items()):
            axes, _ = sheet.panel(line, column)
            draw_photograph(axes, pixels, part.shape[:2])
            draw_box(axes, (left - x1, top - y1, right - x1, bottom - y1), 1.4)
            axes.set_title(title, fontsize=8, loc="left", pad=3, parse_math=False)
    sheet.head(f"{explained.sample.file_name}, x {x1} to {x2}, y {y1} to {y2}")
    return sheet.figure


def window(boxes: torch.Tensor, size: Sequence[int], around: float) -> tuple[int, int, int, int]:
    """Return a square around all boxes, moved into the image and cut to it.

    Args:
        boxes: ``[K,4]`` xyxy in pixels.
        size: (height, width) of the image.
        around: side of the square over the longer side of the boxes together.

    Returns:
        x1, y1, x2, y2 in whole pixels.
    """
    height, width = size
    low, high = boxes[:, :2].amin(dim=0).tolist(), boxes[:, 2:].amax(dim=0).tolist()
    side = max(_SMALLEST, around * max(high[0] - low[0], high[1] - low[1]))
    ends = []
    for axis, pixels in enumerate((width, height)):
        start = round((low[axis] + high[axis] - side) / 2)
        start = max(0, min(start, pixels - round(side)))
        ends.append((start, min(pixels, start + round(side))))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]
