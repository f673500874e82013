"""Figures of a sanity check: the maps of one object step by step, and the curves of their similarity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.plots.overlays import natural_range
from detxai_nb.plots.panels import PanelGrid, box_outlines, draw_box, draw_photograph, to_png
from detxai_nb.plots.standing_off import paint_map
from detxai_nb.plots.styles import method_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from detxai_nb.heatmaps import HeatMaps
    from detxai_nb.sanity.result import SanityResult

__all__ = ["plot_sanity", "to_png"]

_SIDE = 1.9  # inches of a panel's longer side
_CURVES = 2.3  # inches: the curves' least height


def plot_sanity(
    result: SanityResult,
    number: int = 0,
    *,
    measure: str = "spearman",
    seed: int | None = None,
    opacity: float = 0.7,
) -> Figure:
    """Draw the maps of one object, a row for each method from the trained network to the last step, and curves below.

    Each map is drawn on its own range, over the photograph in grey where its colours would not stand off.

    Args:
        result: what ``sanity.check`` returned.
        number: index of the object among the result's detections.
        measure: one of the table's measures. The curves show its median over the seeds, with a band from the lowest to
            the highest value; "spearman" is drawn with the threshold of the verdict.
        seed: whose maps are shown; the first by default.
        opacity: of the maps over the photograph, 0..1.

    Returns:
        A matplotlib figure.

    Raises:
        IndexError: if there is no such object.
        ValueError: if there is no such seed or measure.
    """
    if not 0 <= number < len(result.detections):
        raise IndexError(f"there are objects 0 to {len(result.detections) - 1}, so no number {number}")
    seed = result.seeds[0] if seed is None else seed
    if seed not in result.seeds:
        raise ValueError(f"seed is one of {', '.join(map(str, result.seeds))}; got {seed}")
    curve = result.curve(measure, [number])
    below = math.ceil(_CURVES / (_SIDE * min(1, result.image.shape[0] / result.image.shape[1])))
    sheet = PanelGrid(result.image, len(result.methods) + below, len(result.steps) + 1, side=_SIDE, bars=False)
    for row, method in enumerate(result.methods):
        for column in range(len(result.steps) + 1):
            maps = result.maps[(method, column, seed)] if column else result.originals[method]
            axes, _ = sheet.panel(row, column)
            _draw(axes, maps[number], opacity)
            title = f"{method}: trained" if not column else result.steps[column - 1].stage
            axes.set_title(title, fontsize=8, loc="left", pad=3, parse_math=False)
    _draw_curves(_space(sheet, len(result.methods), below), result, curve, measure)
    name = result.detections.label_names()[number]
    where = "down to each stage" if result.mode == "cascading" else "in each stage alone"
    sheet.head(f"{number}: {name}, random {where}; maps of seed {seed}")
    return sheet.figure


def _draw(axes: Axes, maps: HeatMaps, opacity: float) -> None:
    """One map over the photograph, in grey where it would not be seen; a constant map leaves the photograph alone."""
    values = np.nan_to_num(maps.values[0].numpy(), nan=0.0, posinf=0.0, neginf=0.0)
    ends = natural_range(values, maps.signed)
    painted = paint_map(maps.image, values, ends, signed=maps.signed, opacity=opacity)
    draw_photograph(axes, painted, maps.image.shape[:2])
    draw_box(axes, box_outlines(maps.detections)[0], 1.2)


def _space(sheet: PanelGrid, row: int, rows: int) -> Axes:
    """Axes over all columns and some rows, with room for their labels."""
    top, _ = sheet.panel(row, 0)
    bottom, _ = sheet.panel(row + rows - 1, sheet.columns - 1)
    first, last = top.get_position(), bottom.get_position()
    top.remove()
    if bottom is not top:
        bottom.remove()
    left, right = first.x0 + 0.45 / sheet.size[0], 1 - 1.6 / sheet.size[0]
    low = last.y0 + 0.25 / sheet.size[1]
    return sheet.figure.add_axes((left, low, max(right - left, 0.2), first.y1 - low))


def _draw_curves(axes: Axes, result: SanityResult, curve: Any, measure: str) -> None:
    similarity = measure in result.measures
    for method, style in method_styles(result.methods).items():
        own = curve[curve["method"] == method]
        steps, median = own["step"].to_numpy(), own["median"].to_numpy()
        low, high = own["low"].to_numpy(), own["high"].to_numpy()
        if similarity:
            # The map of the trained network equals itself.
            steps = np.insert(steps, 0, 0)
            median, low, high = (np.insert(values, 0, 1.0) for values in (median, low, high))
        line: dict[str, Any] = {"color": style.color, "marker": style.mark, "linestyle": style.dash}
        axes.plot(steps, median, markersize=4, lw=1.5, label=method, **line)
        axes.fill_between(steps, low, high, color=style.color, alpha=0.15, lw=0)
    if measure.startswith("spearman"):
        for threshold in (-result.threshold, result.threshold):
            axes.axhline(threshold, color="0.4", lw=0.8, ls="--")
    axes.set_xticks(range(len(result.steps) + 1), ["trained", *(s.stage for s in result.steps)], fontsize=8)
    if len(result.steps) > 8:
        axes.set_xticks(range(len(result.steps) + 1), [str(n) for n in range(len(result.steps) + 1)], fontsize=7)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel(measure, fontsize=8, parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
