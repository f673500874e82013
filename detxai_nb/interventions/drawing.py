"""The figure of an intervention: the picture before and after, and the scores beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.detections import are_classes
from detxai_nb.interventions.intervention import BESIDE, REDRAWN, Intervention, says
from detxai_nb.interventions.region import CHANGED
from detxai_nb.plots.panels import PanelGrid, box_outlines, draw_box, draw_photograph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TICKS = 0.12  # inches below the bars, for the numbers of their axis
_ENTRY = 0.13  # inches of a line of the legend
_MOST = 12
"""At most so many objects have a bar."""
COLOURS = {"before": "#9e9e9e", "now": "#0072b2", "elsewhere in the object": "#e69f00", "on the background": "#009e73"}
"""Of the bars and marks."""

_BEHIND = {"boxstyle": "round,pad=0.15", "fc": (1, 1, 1, 0.75), "ec": "none"}


def plot_intervention(one: Intervention) -> Figure:
    """Draw the picture before and after the intervention and the scores of the objects.

    Grey bars are the scores before, blue ones those now; ticks show the mean score when an equal area elsewhere is
    filled, orange in the object and green on the background. A diamond is the score of an object that is reported now
    from a place beside the one that predicted it.

    Args:
        one: the intervention.

    Returns:
        A matplotlib figure.
    """
    sheet = PanelGrid(one.image, rows=1, columns=3, bars=False)
    for column, (pixels, found, title) in enumerate(
        (
            (one.image, one.found_before, f"before: {len(one.found_before)} found"),
            (one.picture, one.found, f"now: {len(one.found)} found"),
        )
    ):
        axes, _ = sheet.panel(0, column)
        draw_photograph(axes, pixels, one.image.shape[:2])
        for box in [] if are_classes(one.found) else box_outlines(found):
            draw_box(axes, box, 1.0)
        _outline(axes, one.region.mask)
        axes.set_title(title, fontsize=8, loc="left", pad=3, parse_math=False)
    bars, _ = sheet.panel(0, 2)
    place, room = bars.get_position(), _TICKS / sheet.size[1]
    bars.set_position((place.x0, place.y0 + room, place.width, place.height - room))
    _bars(bars, one, sheet.size[1])
    words = what_was_done(one)
    sheet.head(words if one.about is None else f"{words}: {says(one, one.about)}")
    return sheet.figure


def what_was_done(one: Intervention) -> str:
    """Return in words how the picture was changed.

    Args:
        one: the intervention.

    Returns:
        Such as "box filled with blur" or "drawn again without the parts of 0, 1".
    """
    if one.fill != REDRAWN:
        return f"changed: {one.fill}" if one.region.kind == CHANGED else f"{one.region.kind} filled with {one.fill}"
    done = []
    for name, words in (
        ("without_parts", "without the parts of annotations"),
        ("without_objects", "without annotations"),
    ):
        if rows := one.settings.get(name):
            done.append(f"{words} {', '.join(map(str, rows))}")
    if one.settings.get("floor") is not None:
        done.append("on another floor")
    return " ".join(["drawn again", " and ".join(done)]).strip()


def _outline(axes: Axes, mask: np.ndarray) -> None:
    """The rim of the region, dark under light, so that it is seen on any picture."""
    if mask.all():
        return
    height, width = mask.shape
    padded = np.pad(mask.astype(float), 1)
    x, y = np.arange(-1, width + 1) + 0.5, np.arange(-1, height + 1) + 0.5
    for line, colour in ((2.2, (0, 0, 0, 0.6)), (1.0, "#f0e442")):
        axes.contour(x, y, padded, levels=[0.5], colors=[colour], linewidths=line)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _bars(axes: Axes, one: Intervention, inches: float) -> None:
    count = min(len(one), _MOST)
    places = np.arange(count)
    before, now = one.before.scores[:count].numpy(), one.after.scores[:count].numpy()
    axes.barh(places - 0.2, before, 0.36, color=COLOURS["before"], label="before")
    axes.barh(places + 0.2, now, 0.36, color=COLOURS["now"], label="now")
    for place, label in (("object", "elsewhere in the object"), ("background", "on the background")):
        left = (one.before.scores - one.control_lost(place))[:count].numpy()
        if np.isfinite(left).any():
            axes.plot(left, places + 0.2, "|", ms=9, mew=2, color=COLOURS[label], label=label)
    beside = (one.found_scores > one.after.scores + BESIDE)[:count].numpy()
    if beside.any():
        found = one.found_scores[:count].numpy()
        look: dict[str, Any] = {"ms": 5, "mfc": "white", "mec": COLOURS["now"]}
        axes.plot(found[beside], places[beside] + 0.2, "D", **look, label="reported from beside")
    names = one.detections.label_names()
    for row in range(count):
        axes.text(0.01, row, f"{row} {names[row]}", fontsize=7, va="center", parse_math=False, bbox=_BEHIND)
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    entries = len(axes.get_legend_handles_labels()[0])
    height = axes.get_position().height * inches
    # The legend has room of its own below the bars.
    axes.set_ylim((count + 0.2) / max(0.4, 1 - (entries * _ENTRY + 0.15) / height) - 0.6, -0.6)
    axes.tick_params(axis="x", labelsize=7)
    more = f" (the first {count} of {len(one)})" if count < len(one) else ""
    axes.set_title(f"score{more}", fontsize=8, loc="left", pad=3)
    axes.legend(fontsize=6, loc="lower right", framealpha=0.8)
