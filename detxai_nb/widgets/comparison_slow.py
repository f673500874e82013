"""Methods that ask the detector many times, in a Comparison: what is said before they begin and while they improve."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from detxai_nb.methods.d_rise import Estimate
from detxai_nb.widgets.comparison_queue import MethodBatch
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.forecast import ASK_FROM, method_forecast
from detxai_nb.widgets.shared.improving import Pace, maps_so_far, masks_in_words
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import Request, WidgetOptions
from detxai_nb.widgets.shared.worker import COMPUTING, ResultStore


class SlowMethods:
    """What is known of how long they take, and how far one is.

    Args:
        inputs: detector, photograph and objects.
        options: of the widget.

    Attributes:
        said: how far the running method is, in words.
    """

    def __init__(self, inputs: WidgetInputs, options: WidgetOptions) -> None:
        self._inputs, self._options = inputs, options
        self._seconds: float | None = None
        self.start_over()

    def start_over(self) -> None:
        """Forget the method that was running."""
        self.said, self._pace = "", Pace()

    def question(self, request: Request, kept: ResultStore) -> str:
        """Return what to say of a method before it begins.

        Args:
            request: its computation.
            kept: results that need no computation.

        Returns:
            How long it takes and what makes it shorter; empty where it is quick.
        """
        method = self._options.methods[request.method]
        batch = MethodBatch(request, tuple(range(len(self._inputs.detections))))
        if method.kind != "perturbation" or not batch.rows or kept.get(batch.key) is not None:
            return ""
        seconds, said = method_forecast(method, self._options.settings, self._one_pass(), self._options.subject.by)
        return said if seconds > ASK_FROM else ""

    def unfinished(self, batch: MethodBatch, estimate: Estimate, shown: Sequence[int]) -> dict[str, Any] | None:
        """Return the maps of a method that still improves for the browser, as often as that costs little.

        Args:
            batch: what is being computed.
            estimate: what there is so far.
            shown: the objects in the grid.

        Returns:
            A set of maps, or None if it is too early.
        """
        if not shown or not self._pace.due:
            return None
        began, request = time.monotonic(), batch.request
        maps = maps_so_far(estimate, self._inputs.image, self._inputs.detections, shown)
        sent = {**serialize.pack_maps(request.key, request.title, maps), "rows": list(shown), "unfinished": True}
        for one in sent["grids"]:
            one["status"] = f"after {estimate.masks} masks"
        self.said = masks_in_words(maps)
        self._pace.spent(began)
        return sent

    def _one_pass(self) -> float | None:
        """Seconds of one run of the detector; None where that cannot be measured while another computes."""
        if self._seconds is None and COMPUTING.acquire(blocking=False):
            try:
                began = time.perf_counter()
                self._inputs.detector.detect([self._inputs.image])
                self._seconds = time.perf_counter() - began
            finally:
                COMPUTING.release()
        return self._seconds
