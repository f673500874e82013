"""Figure 4 of the ODAM paper as two histograms, and its figure 9, the plane of thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.evaluation.suppression.correlations import BINS, KINDS
from detxai_nb.evaluation.suppression.gains import OVERLAP, threshold_plane
from detxai_nb.evaluation.suppression.paper import FAMILIES
from detxai_nb.evaluation.suppression.results import SuppressionResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers tell apart.
_COLOURS = dict(zip(KINDS, ("#0072B2", "#D55E00")))
_PLANES = {"AP50": "AP50, higher is better", "JI": "JI, higher is better", "MR": "MR, lower is better"}


def plot_correlations(results: SuppressionResults, family: str, least_iou: float = OVERLAP) -> Figure:
    """Draw how alike the maps of predictions are: of one object, and of different objects that overlap.

    Two panels, without and with ODAM-Train, with all seeds together. The dotted lines are ODAM-NMS's thresholds, 0.2
    and 0.8; the dashed ones the means.

    Args:
        results: what was measured.
        family: "fcos" or "faster_rcnn".
        least_iou: the least IoU of two predicted boxes, a multiple of 0.1; 0 for all that overlap.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: for a family that was not measured.
    """
    from detxai_nb.plots.panels import new_figure

    rows = results.correlations
    known = list(dict.fromkeys(rows["family"])) if len(rows) else []
    if family not in known:
        raise ValueError(f"measured were {', '.join(known) or 'no detectors'}; got {family!r}")
    rows = rows[(rows["family"] == family) & (rows["iou"] >= least_iou - 1e-9)]
    figure = new_figure(8.0, 3.4)
    highest, panels = 0.0, []
    for place, odam in enumerate((False, True)):
        axes = figure.add_axes((0.08 + 0.48 * place, 0.15, 0.42, 0.66))
        here = rows[rows["odam_train"] == odam]
        highest = max(highest, _histograms(axes, here))
        axes.set_title(f"{'with' if odam else 'without'} ODAM-Train", fontsize=9)
        panels.append(axes)
    for axes in panels:
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.05 * highest or 1)
        axes.set_xlabel("correlation of two heat maps", fontsize=9)
    panels[0].set_ylabel("share of the pairs", fontsize=9)
    told = f"boxes with an IoU of at least {least_iou:g}" if least_iou else "boxes that overlap"
    figure.text(0.5, 0.93, f"{FAMILIES[family]}: pairs of predictions, {told}", ha="center", fontsize=10)
    return figure


def _histograms(axes: Axes, rows: Any) -> float:
    """Draw both kinds of pairs; return the highest share."""
    highest = 0.0
    edges = np.linspace(0, 1, BINS + 1)
    for kind in KINDS:
        here = rows[(rows["kind"] == kind) & (rows["pairs"] > 0)]
        if not len(here):
            continue
        counts = np.sum(here["histogram"].tolist(), axis=0)
        shares = counts / counts.sum()
        mean = float((here["mean"] * here["pairs"]).sum() / here["pairs"].sum())
        axes.stairs(shares, edges, fill=True, alpha=0.45, color=_COLOURS[kind], label=f"{kind}: mean {mean:.2f}")
        axes.axvline(mean, color=_COLOURS[kind], ls="--", lw=1.2)
        highest = max(highest, float(shares.max()))
    for threshold in (0.2, 0.8):
        axes.axvline(threshold, color="0.4", ls=":", lw=1)
    axes.tick_params(labelsize=8)
    if highest:
        axes.legend(fontsize=8, frameon=False, loc="upper center")
    return highest


def plot_planes(results: SuppressionResults, name: str) -> Figure:
    """Draw AP50, JI and MR over the plane of ODAM-NMS's two thresholds, the mean over seeds, in percent.

    The star is NMS, (0, 1); the frame the best cell.

    Args:
        results: what was measured.
        name: of the model, such as "tiny-fcos-crowd-odam".

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: for a model that was not measured.
    """
    from detxai_nb.plots.panels import new_figure

    planes = {figure: 100 * threshold_plane(results, name, figure) for figure in _PLANES}
    picture = new_figure(10.5, 3.6)
    for place, (figure, plane) in enumerate(planes.items()):
        axes = picture.add_axes((0.055 + 0.32 * place, 0.14, 0.28, 0.68))
        _plane(axes, plane, lower=figure == "MR")
        axes.set_title(_PLANES[figure], fontsize=9)
        if not place:
            axes.set_ylabel("T_low", fontsize=9)
    picture.text(0.5, 0.93, f"{name}, percent; the star is NMS", ha="center", fontsize=10)
    return picture


def _plane(axes: Axes, plane: Any, lower: bool) -> None:
    values = plane.to_numpy(float)
    # Better is lighter in every panel.
    axes.imshow(values, origin="lower", aspect="auto", cmap="viridis_r" if lower else "viridis")
    best = np.unravel_index(np.argmin(values) if lower else np.argmax(values), values.shape)
    middle = (values.min() + values.max()) / 2
    lows, highs = list(plane.index), list(plane.columns)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            light = (values[row, column] > middle) != lower
            nms = (lows[row], highs[column]) == (0.0, 1.0)
            axes.text(column, row, f"{values[row, column]:.1f}{'★' if nms else ''}", ha="center", va="center",
                      fontsize=6.5, color="black" if light else "white")  # fmt: skip
    axes.add_patch(_frame(int(best[1]), int(best[0])))
    axes.set_xticks(range(len(highs)), [f"{value:g}" for value in highs])
    axes.set_yticks(range(len(lows)), [f"{value:g}" for value in lows])
    axes.tick_params(labelsize=8)
    axes.set_xlabel("T_high", fontsize=9)


def _frame(column: int, row: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.8)
