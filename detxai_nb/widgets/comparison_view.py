"""The still picture of a Comparison."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from detxai_nb.widgets.comparison_scores import ScoredMaps
from detxai_nb.widgets.shared.filters import FilterTraits
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import method_title
from detxai_nb.widgets.shared.traits import ScaleTraits, SignedLookTraits
from detxai_nb.widgets.snapshots import grid, picture


class ComparisonPicture(FilterTraits, SignedLookTraits, ScaleTraits):
    """What draws a Comparison without a browser."""

    _lock: threading.RLock
    _held: dict[str, ScoredMaps]
    _inputs: WidgetInputs
    _scorer: Any

    def _picture(self) -> bytes:
        return grid.grid_png(self._grid())

    def _photo_picture(self) -> Image.Image:
        """The grid, each cell as wide as in a saved notebook."""
        return grid.draw_grid(self._grid())

    def _grid(self) -> grid.Grid:
        """What the browser shows, to be drawn here."""
        widget: Any = self
        with self._lock:
            held, order = dict(self._held), list(widget.order)
            shown, rows = list(widget.shown), dict(widget.rows)
        named = {m.name: m.title for m in self._scorer.metrics if m.name in widget.metrics}
        lines = []
        for method in order:
            scored = held.get(rows[method]["key"])
            look = picture.look_of(self, None if scored is None else scored.maps, self.scale == "shared")
            scene = picture.Snapshot(self._inputs.image, widget.objects, None, None, look, hidden=self._hidden)
            lines.append(grid_line(method, rows[method], scored, shown, (scene, named)))
        heads = [picture.label_of(widget.objects[i]) for i in shown]
        return grid.Grid(heads, lines, self._inputs.image, widget.notice)


def grid_line(
    method: str,
    row: Mapping[str, Any],
    scored: ScoredMaps | None,
    shown: Sequence[int],
    drawn: tuple[picture.Snapshot, Mapping[str, str]],
) -> grid.Line:
    """Return one row of the still picture.

    Args:
        method: its name.
        row: from ``comparison_row``.
        scored: its maps, or None.
        shown: the objects, a cell each.
        drawn: photograph, objects and look of every cell, and the titles of the metrics by name.

    Returns:
        The row.
    """
    scene, titles = drawn
    maps, there = (None, ()) if scored is None else scored.of(shown)
    cells = []
    for index in shown:
        place = there.index(index) if index in there else None
        one = replace(scene, selected=index, maps=None if place is None else maps, row=place)
        cells.append(grid.Cell(one, grid.said(row, index, titles)))
    about = [text for text in (row["remark"], row["text"], "" if row["state"] == "ok" else row["state"]) if text]
    return grid.Line(method_title(method), about, cells)
