"""An Explorer of a classifier explains the classes that are looked at; of a detector all objects together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.subjects import FIRST_CLASSES
from detxai_nb.types import Detections, Progress
from detxai_nb.widgets.explorer_contrasts import rows_of_others
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.joining import joined_maps
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import Request, WidgetOptions
from detxai_nb.widgets.shared.typed_classes import TypedClasses


class ExplainedOnDemand(OneResultWidget, TypedClasses):
    """A widget of maps that are made together for all objects, or, of classes, for the first ones and those selected.

    A subclass has ``_options`` and a property ``_request`` made by ``_with_rows``.
    """

    _options: WidgetOptions
    _rows: tuple[int, ...] = ()
    """The classes that are explained, in the order in which they were asked for; empty for a detector."""
    _looked_at: int | None = None
    """The class that was selected last of those with a map."""

    @property
    def _wanted(self) -> Request | None:
        request: Request = self._request
        return request if rows_of_others(self.detections, request.against) else None

    def cancel(self) -> None:
        """Stop the running computation, if there is one, and return to the choice whose result is shown."""
        with self._lock:
            going_back = self._shown is not None and self._worker.busy is not None and bool(self._rows)
            if going_back:
                self._rows = self._shown.rows
            super().cancel()
            if going_back and self.selected not in self._rows:
                self.selected = self._looked_at

    def _begin(self) -> None:
        """Compute what is looked at first."""
        if self._inputs.subject.whole:
            first = list(range(min(FIRST_CLASSES, len(self.detections))))
            chosen = [] if self.selected is None or self.selected in first else [self.selected]
            self._rows, self._looked_at = (*first, *chosen), self.selected
            self.request = self._present_request()
        if (wanted := self._wanted) is not None:
            self._compute_first(wanted)
        elif len(self.detections):
            self.code = self.to_code()

    def _page_prepare(self) -> None:
        """Every listed class is explained, so that all can be selected."""
        if self._inputs.subject.whole and self._wanted is not None:
            self._all_maps()

    def _with_rows(self, request: Request) -> Request:
        if not request.against:
            return replace(request, rows=self._rows)
        there, every = rows_of_others(self.detections, request.against), range(len(self.detections))
        rows = tuple(row for row in self._rows or every if row in there)
        return replace(request, rows=() if rows == tuple(every) and not self._rows else rows)

    def _all_maps(self) -> HeatMaps:
        """The maps of all predictions for what is chosen now, computed as far as they are missing.

        Of a contrast those of predictions of other classes than the one that they are explained against.
        """
        if not self._inputs.subject.whole:
            found: HeatMaps = self._result()
            return found
        self.wait()
        with self._lock:
            missing = [row for row in range(len(self.detections)) if row not in self._rows]
            if missing:
                self._ask_for(*missing)
        found, rows = self._result(), list(self._request.rows)
        return found[[rows.index(row) for row in sorted(rows)]]

    def _choice_changed(self, change: Any) -> None:
        if self._ready and change["name"] == "selected" and self._inputs.subject.whole and self.selected is not None:
            if self.selected not in self._rows:
                self._ask_for(self.selected)
            elif self._shown is not None and self.selected in self._shown.rows:
                self._looked_at = self.selected
        super()._choice_changed(change)

    def _ask_for(self, *rows: int) -> None:
        """Explain further classes too."""
        self._rows = (*self._rows, *rows)
        self.request = self._present_request()
        if (wanted := self._wanted) is not None:
            self._worker.ask(wanted)

    def _compute(self, request: Request, progress: Progress | None) -> HeatMaps:
        inputs: WidgetInputs = self._inputs
        call = self._options.arguments(request)
        known = self._explained_before(request)
        rows = request.rows if known is None else request.rows[len(known) :]
        wanted: Detections = inputs.detections[list(rows)] if request.rows else inputs.detections
        maps = explain(inputs.detector, inputs.image, wanted, progress=progress, **call)
        if known is None:
            return maps
        return joined_maps(known, maps, range(len(request.rows)), inputs.detections[list(request.rows)])

    def _explained_before(self, request: Request) -> HeatMaps | None:
        """The maps of the most of these classes that are kept already."""
        for count in range(len(request.rows) - 1, 0, -1):
            kept = self._worker.kept.get(replace(request, rows=request.rows[:count]).key)
            if kept is not None:
                found: HeatMaps = kept
                return found
        return None

    def _pack(self, request: Request, result: HeatMaps) -> dict[str, Any]:
        sent: dict[str, Any] = serialize.pack_maps(request.key, request.title, result)
        return {**sent, "rows": list(request.rows)} if request.rows else sent

    def show_maps(self, request: Request, maps: HeatMaps, new: bool) -> None:
        """Publish a result; arrays are sent only if they are new, the browser requests what it lacks.

        Args:
            request: the computation.
            maps: what ``_compute`` returned.
            new: whether it was computed just now.
        """
        super().show_maps(request, maps, new)
        if self.selected in request.rows:
            self._looked_at = self.selected

    def _place(self, index: int) -> int | None:
        """Which of the maps is that of a prediction; None while it has none."""
        request = self._request
        if index not in rows_of_others(self.detections, request.against):
            return None
        return index if not request.rows else request.rows.index(index) if index in request.rows else None


def picked(rows: tuple[int, ...], count: int) -> str:
    """Return what is appended to ``detections`` in code, for the ones that are explained.

    Args:
        rows: theirs, in order; none for all.
        count: how many detections there are.

    Returns:
        Such as "[[0, 1, 7]]"; empty for all of them in their order.
    """
    return "" if not rows or rows == tuple(range(count)) else f"[{list(rows)!r}]"
