"""What the browser is told of a Comparison: the rows of the grid, their order, and the maps of what is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import traitlets

from detxai_nb.widgets.comparison_again import DetectingAndComparing
from detxai_nb.widgets.comparison_scores import best_first, comparison_row
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.options import Request


class ComparisonRows(DetectingAndComparing):
    """A widget whose rows are methods.

    Attributes:
        order: the methods, from top to bottom.
        rows: by method what is known of it.
        requests: "target", "layer" and "keys", the key of every method's maps for these.
    """

    order: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rows: Any = traitlets.Dict().tag(sync=True)
    requests = traitlets.Dict().tag(sync=True)

    @classmethod
    def _page_traits(cls) -> tuple[str, ...]:
        return "target", "layer", "sort", "sort_object"

    @classmethod
    def _page_state(cls, state: dict[str, Any]) -> dict[str, Any]:
        """Methods that are not in the grid have no maps."""
        there = [one for one in state["choices"]["methods"] if one["name"] in state["methods"]]
        return {**state, "choices": {**state["choices"], "methods": there}}

    def _page_fetch(self) -> None:
        self._message(self, {"type": "maps"}, [])

    def _page_choices(self) -> list[Mapping[str, Any]]:
        """Every order of the rows that can be asked for."""
        widget: Any = self
        return [{"sort": ["", *(m.name for m in widget._scorer.metrics)], "sort_object": [None, *widget.shown]}]

    def _publish(self) -> None:
        """Bring ``rows``, ``order`` and ``requests`` up to date."""
        widget: Any = self
        rows = {m: self._row(widget._request(m).key) for m in widget.methods}
        better = {m.name: m.higher_is_better for m in widget._scorer.metrics}
        with self.hold_sync():
            self.requests = self._present_requests()
            self.rows = rows
            self.order = best_first(rows, widget.sort, widget.sort_object, better)

    @traitlets.default("requests")
    def _present_requests(self) -> dict[str, Any]:
        widget: Any = self
        keys = {m: widget._request(m).key for m in widget._options.methods}
        return {"target": widget.target, "layer": widget.layer, "keys": keys}

    def _row(self, key: str) -> dict[str, Any]:
        """What the browser shows of one method."""
        widget: Any = self
        busy = self.status["state"] == "busy" and self.status["key"] == key
        ended = widget._ended.get(key, ("busy", widget._slow.said) if busy else ("waiting", ""))
        return comparison_row(key, widget._held.get(key), ended, widget.shown, len(self.detections))

    def _send_sets(self, requests: Iterable[Request]) -> None:
        """Send the maps of the shown objects, as far as they are there."""
        widget: Any = self
        sets = []
        for request in requests:
            if request.key in widget._held:
                maps, rows = widget._held[request.key].of(widget.shown)
                sets.append({**serialize.pack_maps(request.key, request.title, maps), "rows": list(rows)})
        self._send_maps({"sets": sets})
