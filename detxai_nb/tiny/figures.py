"""plot and crops: every object's figure over its size, and the maps of small objects seen from near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from detxai_nb.evaluation.selection import Protocol, find_protocol
from detxai_nb.metrics.tiny_objects import TINY
from detxai_nb.tiny.samples import METHODS, ExplainedImage, MethodLike, explain_image, samples_of
from detxai_nb.types import Detector, Target

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
"""What ``plot`` can show, and how its axis is called."""

# Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow that a white ground swallows.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_SMALLEST = 24  # pixels of a crop's side
AROUND = 3.0
"""By default the side of a crop over the longer side of its box."""


def plot(frame: pandas.DataFrame, value: str = "energy", *, at_most: float = TINY) -> Figure:
    """A scatter of what ``objects`` found: each object's ``value`` over its share of the network's input.

    ``value``: a column of ``VALUES``. One colour and mark for each method, with a line through the medians of up to
    eight groups of equally many objects; to the left of the dotted line objects are tiny. The heading says how many
    points have no value and are not shown. Raises ``ValueError`` for an unknown value and a table without rows.
    """
    from detxai_nb.plots.panels import new_figure

    if value not in VALUES:
        raise ValueError(f"value is one of {', '.join(VALUES)}; got {value!r}")
    if not len(frame):
        raise ValueError("there is no object in this table; take more images or a protocol with a lower score")
    figure = new_figure(6.4, 4.0)
    axes = figure.add_axes((0.11, 0.13, 0.86, 0.76))
    methods = list(dict.fromkeys(frame["method"]))
    for number, method in enumerate(methods):
        rows = frame[(frame["method"] == method) & frame[value].notna()]
        x, y = rows["canvas_share"].to_numpy(float), rows[value].to_numpy(float)
        colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
        axes.scatter(x, y, s=16, color=colour, marker=mark, alpha=0.45, linewidths=0)
        axes.plot(*medians(x, y), color=colour, marker=mark, markersize=5, lw=1.6, label=method)
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
    """The medians of groups of equally many points, from left to right."""
    if not len(x):
        return [], []
    groups = np.array_split(np.argsort(x, kind="stable"), min(8, max(1, len(x) // 5)))
    return [float(np.median(x[group])) for group in groups], [float(np.median(y[group])) for group in groups]


def crops(
    detector: Detector,
    image_or_dataset: Any,
    row: Mapping[str, Any],
    methods: Sequence[MethodLike] = METHODS,
    *,
    around: float = AROUND,
    opacity: float = 0.6,
    target: Target | str = "class",
    layer: str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str | Protocol = "default",
) -> Figure:
    """The objects of one row seen from near: a line of panels each, the photograph and then each method's map.

    ``row``: of ``objects`` (one object) or of ``pairs`` (two), such as ``frame.iloc[0]``; the arguments they share are
    to be the same as there, as the maps are made again. ``around``: the side of the crop over the longer side of the
    box, or of the two boxes together. Every panel is coloured over the range of its map in the whole image, so what
    looks dark here is weak against the map's maximum wherever that lies; the title has the share of the map's energy
    that lies in the crop.

    Raises ``ValueError`` for a row of another dataset or protocol, whose object is not selected here.
    """
    if not around >= 1:
        raise ValueError(f"around is 1 or more, got {around}")
    number = int(row["image"])
    wanted = [int(row[name]) for name in ("annotation", "first", "second") if name in row]
    samples = samples_of(detector, image_or_dataset, find_protocol(protocol))
    if not 0 <= number < len(samples):
        raise ValueError(f"the row is of image {number}, and there are {len(samples)}; hand in the same dataset")
    looked = explain_image(
        detector, samples, number, methods, target=target, layer=layer, settings=settings, protocol=protocol
    )
    known = [] if looked is None else looked.selected.annotations.tolist()
    if looked is None or not set(wanted) <= set(known):
        raise ValueError(
            f"the row is of annotations {wanted}, selected here are {known}; hand in the row's dataset and protocol"
        )
    return crops_of(looked, [known.index(one) for one in wanted], around=around, opacity=opacity)


def crops_of(looked: ExplainedImage, rows: Sequence[int], *, around: float = AROUND, opacity: float = 0.6) -> Figure:
    """The crops of these objects of one image; the other arguments are those of ``crops``."""
    from detxai_nb.plots.heatmaps import overlay
    from detxai_nb.plots.panels import PanelGrid, draw_box, draw_photograph

    image, found = looked.sample.image, looked.selected.detections
    x1, y1, x2, y2 = window(found.boxes[list(rows)].cpu(), image.shape[:2], around)
    part = image[y1:y2, x1:x2]
    sheet = PanelGrid(part, len(rows), 1 + len(looked.maps), side=2.2, bars=False)
    for line, row in enumerate(rows):
        panels = {f"{found.names[int(found.labels[row])]} {float(found.scores[row]):.2f}": part}
        for method, maps in looked.maps.items():
            heat = maps.values[row].detach().cpu()
            whole, here = float(heat.double().sum()), float(heat[y1:y2, x1:x2].double().sum())
            painted = overlay(image, heat.numpy(), opacity=opacity)
            panels[f"{method}: {here / whole:.0%} here" if whole > 0 else f"{method}: a map of zeros"] = painted[
                y1:y2, x1:x2
            ]
        left, top, right, bottom = found.boxes[row].tolist()
        for column, (title, pixels) in enumerate(panels.items()):
            axes, _ = sheet.panel(line, column)
            draw_photograph(axes, pixels, part.shape[:2])
            draw_box(axes, (left - x1, top - y1, right - x1, bottom - y1), 1.4)
            axes.set_title(title, fontsize=8, loc="left", pad=3, parse_math=False)
    sheet.head(f"{looked.sample.file_name}, x {x1} to {x2}, y {y1} to {y2}")
    return sheet.figure


def window(boxes: torch.Tensor, size: Sequence[int], around: float) -> tuple[int, int, int, int]:
    """A square (xyxy, whole pixels) about all boxes, moved into the image where it reaches out and cut to it."""
    height, width = size
    low, high = boxes[:, :2].amin(dim=0).tolist(), boxes[:, 2:].amax(dim=0).tolist()
    side = max(_SMALLEST, around * max(high[0] - low[0], high[1] - low[1]))
    ends = []
    for axis, pixels in enumerate((width, height)):
        start = round((low[axis] + high[axis] - side) / 2)
        start = max(0, min(start, pixels - round(side)))
        ends.append((start, min(pixels, start + round(side))))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]
