"""Comparison: the same objects explained by several methods, side by side, with the scores of each map."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from detxai_nb.data.sample import Sample
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource
from detxai_nb.methods.d_rise import Estimate, showing
from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets.comparison_again import FIRST_OBJECTS, comparison_choices, first_metrics
from detxai_nb.widgets.comparison_queue import ComparisonOptions, MethodBatch, explain_batch, next_batch, to_code
from detxai_nb.widgets.comparison_rows import ComparisonRows
from detxai_nb.widgets.comparison_scores import ScoredMaps, scores_table, stopped_early
from detxai_nb.widgets.comparison_slow import SlowMethods
from detxai_nb.widgets.comparison_view import ComparisonPicture
from detxai_nb.widgets.shared.filters import FILTERS, FilterTraits
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import (
    KINDS,
    Request,
    WidgetOptions,
    show_widget_options,
    split_options,
)
from detxai_nb.widgets.shared.traits import BOXES, Choice, Index, ScaleTraits, SignedLookTraits, SomeOf, TargetTraits
from detxai_nb.widgets.shared.widget import IDLE, STATIC
from detxai_nb.widgets.shared.worker import bytes_of_maps

if TYPE_CHECKING:
    import pandas

_CODE_ONLY = ("selected", "selected_method", *FILTERS)


@show_widget_options(ComparisonOptions, layer=None, score_threshold=0.3)
class Comparison(ComparisonPicture, ComparisonRows, FilterTraits, TargetTraits, SignedLookTraits, ScaleTraits):
    """A grid of methods and objects, or classes; hover, zoom and selection work in all cells together.

    White-box methods share one forward pass and are computed when the widget is made, for the objects that are shown;
    others follow when they are shown, or when ``maps`` is read. Black-box methods (d-rise) follow in a thread beside
    the kernel and show their maps as they improve; they can be cancelled, and then keep what they had. One that takes
    longer than a minute and is ticked in the browser says how long in its row and waits for its button. Call ``wait()``
    first if a saved notebook is to hold their picture too. Do not use the detector in a cell meanwhile. Of an image
    classifier the columns are classes, of which the five most probable are listed; ``add_class`` adds any other.

    Args:
        detector: a detector, or the name of one.
        image: the photograph, anything that ``load_image`` takes.
        detections: the objects (or classes), from ``detector.detect([image])``; by default what the detector finds with
            at least ``score_threshold``.
        methods: names of ``dx.methods``; by default ODAM, Grad-CAM and Grad-CAM++, for a black-box detector d-rise
            alone.
        objects: indices of the objects or classes that are shown first, by default the first 4.
        metrics: names of ``dx.metrics``; by default all that need no further queries of the detector are measured, and
            a few are shown.
        sample: the photograph with its annotations, for the metrics that need them; without it the detected boxes take
            their place. Classes have none: then nothing that needs a box is measured.
        target: what is explained: "class", "x1", "y1", "x2", "y2" or "combined".
        **options: ``layer`` (a name of ``detector.layers``; by default the one that each method prefers);
            ``score_threshold`` (0..1, as in the Explorer); first values of the traits below; and settings of methods
            (``masks=800``), which go to the methods that have them.

    Attributes:
        methods: names, a row each.
        shown: indices of objects or classes, a column each.
        min_score, only_class, search: filters of the objects to choose from and of their boxes, as in the Explorer.
        metrics: those below each cell.
        selected, selected_method: the cell in focus.
        target, layer: as above; setting one computes other maps.
        sort: a metric, whose best method comes first, or "" for the order of ``methods``.
        sort_object: the object that is sorted by, or None for the mean of those shown.
        opacity, hide_below, percentile, colormap, signed_colormap: how maps look, as in the Explorer.
        scale: "object" (each map over its own range) or "shared" (all shown maps of one method over one).
        boxes: "all" or "selected" (only each cell's own).
        order, rows: what is in the grid, for the browser.
        requests: "target", "layer" and "keys", the key of every method's maps for these; for the browser.

    Raises:
        TypeError: for an unknown option, or what is no detector or Detections.
        ValueError: for an unknown metric, a wrong setting of a method, or a sample of another size.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.
    """

    _size: Callable[[Any], int] = staticmethod(lambda scored: bytes_of_maps(scored.maps))
    _esm = STATIC / "comparison.js"
    _css = STATIC / "comparison.css"

    methods = SomeOf(lambda widget: tuple(widget._options.methods))
    shown = SomeOf(lambda widget: range(len(widget.detections)))
    metrics = SomeOf(lambda widget: [m.name for m in widget._scorer.metrics])
    selected_method = Choice(lambda widget: ("", *widget._options.methods))
    sort = Choice(lambda widget: ("", *(m.name for m in widget._scorer.metrics)))
    sort_object = Index(lambda widget: len(widget.detections))
    boxes = Choice(BOXES, "selected")

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        methods: Sequence[str] | None = None,
        objects: Sequence[int] | None = None,
        metrics: Sequence[str] | None = None,
        sample: Sample | None = None,
        target: str = "class",
        **options: Any,
    ) -> None:
        traits, settings = split_options(options, ComparisonOptions)
        layer = traits.pop("layer", None)
        inputs = WidgetInputs.of(detector, image, detections, traits.pop("score_threshold", 0.3))
        if sample is not None:
            inputs.check_sample(sample)
        self._options = WidgetOptions.of(inputs.detector, settings, KINDS)
        self._scored_by = (sample, metrics)
        self._scorer = MapScorer.of(inputs.image, inputs.detections, *self._scored_by)
        self._held: dict[str, ScoredMaps] = {}
        self._beforehand: dict[str, tuple[tuple[int, ...], HeatMaps]] = {}
        self._ended: dict[str, tuple[str, str]] = {}
        self._enough = threading.Event()
        self._slow = SlowMethods(inputs, self._options)
        self._begun = False
        self._partly_sent = False
        count = len(inputs.detections)
        chosen = self._options.first(3) if methods is None else list(methods)
        super().__init__(
            inputs,
            choices=comparison_choices(inputs, self._options.to_payload(), self._scorer),
            methods=chosen,
            shown=list(range(min(count, FIRST_OBJECTS))) if objects is None else list(objects),
            metrics=first_metrics(self._scorer, metrics is not None),
            selected_method=chosen[0] if chosen else "",
            target=target,
            layer=self._options.layers[0] if layer is None else layer,
            **traits,
        )
        with self.hold_sync():
            self._publish()
            while (batch := self._next_batch()) is not None and batch.white_box:
                self._compute_first(batch)
        self._begun = True
        self._go_on()

    @property
    def maps(self) -> dict[str, HeatMaps]:
        """The raw maps of all objects by method, for the methods in the grid that have them.

        Waits for running computations, and computes the maps of objects that were not shown yet.
        """
        self.wait()
        while (batch := self._next_batch(range(len(self.detections)))) is not None and batch.white_box:
            self._worker.ask_and_wait(batch)
        self.wait()
        count = len(self.detections)
        with self._lock:
            found = {m: self._held.get(self._request(m).key) for m in self.methods}
            return {m: scored.maps for m, scored in found.items() if scored is not None and len(scored.rows) == count}

    def table(self) -> pandas.DataFrame:
        """Return the scores of all maps in the grid; waits for running computations.

        Returns:
            One row for each method and shown object, with the columns "method", "object" (its index), "name", "score"
            (of classes "index", "class", "probability") and each metric, NaN if that is undefined.
        """
        self.wait()
        chosen = [(method, self.rows[method]["metrics"]) for method in self.order]
        return scores_table(chosen, self.shown, self.objects, [m.name for m in self._scorer.metrics])

    def cancel(self) -> None:
        """Stop what is being computed, and do not begin what is still to come.

        A method that improves with time keeps what it had; ``compute`` starts the others again.
        """
        with self._lock:
            self._hold_back()
            if self._worker.busy is None:
                return
            batch = self._worker.busy
            self._enough.set()
            if batch.white_box:
                self._worker.drop()
                self._ended[batch.request.key] = ("stopped", "")
            self.status = dict(IDLE) if batch.white_box else {**self.status, "text": "Stopping"}
            self._publish()

    def compute(self, method: str | None = None) -> None:
        """Compute what failed or was stopped.

        Args:
            method: one in the grid; by default all of them.
        """
        with self._lock:
            for name in self.methods if method is None else [method]:
                self._ended.pop(self._request(name).key, None)
            self._go_on()

    def close(self) -> None:
        """Close the widget: cancel its computation and drop its maps."""
        if hasattr(self, "_worker"):
            self._held.clear()
            self._beforehand.clear()
        super().close()

    def to_code(self) -> str:
        """Return the Python code that makes the maps in the grid, and picks out the selected one.

        Returns:
            Python source.
        """
        requests, focus = [self._request(m) for m in self.methods], (self.selected_method, self.selected)
        return self._inputs.recipe.script([*to_code(requests, self._options, focus), *self._filter_code()])

    @traitlets.observe("methods", "target", "layer", "shown", "sort", "sort_object", *_CODE_ONLY)
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        self.code = self.to_code()
        if change["name"] in _CODE_ONLY:
            return
        if self._by_hand:
            self._ask_first()
        if change["name"] in ("shown", "sort_object"):
            self._go_on()
        if change["name"] in ("methods", "target", "layer"):
            wanted = {self._request(m).key for m in self.methods}
            self._held = {key: maps for key, maps in self._held.items() if key in wanted}
            if self._worker.busy is not None and self._worker.busy.request.key not in wanted:
                self._worker.drop()
                self.status = dict(IDLE)
            self._go_on()
        self._publish()

    def _request(self, method: str) -> Request:
        return self._options.request(method, self.target, self.layer, "")

    def _ask_first(self) -> None:
        """Hold back what takes long and has not begun; its row says how long."""
        busy = self._worker.busy
        begun = {*self._held, *self._ended, *([] if busy is None else [busy.request.key])}
        for request in map(self._request, self.methods):
            if request.key not in begun and (said := self._slow.question(request, self._worker.kept)):
                self._ended[request.key] = ("asked", said)

    def _next_batch(self, wanted: Collection[int] | None = None) -> MethodBatch | None:
        """What to compute next for the wanted objects, by default those that are shown or sorted by."""
        if wanted is None:
            wanted = {*self.shown, *([] if self.sort_object is None else [self.sort_object])}
        requests = [r for r in map(self._request, self.methods) if r.key not in self._ended]
        return next_batch(requests, self._held, wanted, len(self.detections), self._options)

    def _go_on(self) -> None:
        """Begin the next batch if nothing is being computed."""
        with self._lock:
            if not self._begun or self._worker.busy is not None:
                return
            if (batch := self._next_batch()) is not None:
                self._enough.clear()
                self._worker.ask(batch)
            elif self._partly_sent:
                self._partly_sent = False
                self._send_sets(map(self._request, self.methods))

    def _hold_back(self) -> None:
        """Mark everything that has not begun as stopped."""
        busy = self._worker.busy
        for method in self.methods:
            key = self._request(method).key
            lacking = self._row(key)["state"] != "ok"
            if lacking and key not in self._ended and (busy is None or key != busy.request.key):
                self._ended[key] = ("stopped", "")

    def _compute(self, batch: MethodBatch, progress: Progress | None) -> ScoredMaps:
        """The maps of the batch's first method; those of the others are kept for the batches to come."""
        rows, maps = self._beforehand.pop(batch.request.key, ((), None))
        if maps is None or rows != batch.rows:
            with showing(lambda estimate: self._look_in(batch, estimate)):
                made = explain_batch(batch, self._inputs, self._options, progress, self._enough)
            maps = made.pop(batch.request.key)
            self._beforehand.update({key: (batch.rows, other) for key, other in made.items()})
        return ScoredMaps.measured(maps, batch.rows, self._scorer, progress)

    def _look_in(self, batch: MethodBatch, estimate: Estimate) -> None:
        """Show the maps of a method that still improves; called by the worker."""
        sent = self._slow.unfinished(batch, estimate, self.shown)
        if sent is None or not self._lock.acquire(blocking=False):
            return
        try:
            if self._worker.busy is batch:
                self._send_maps({"sets": [sent]})
                self._publish()
        finally:
            self._lock.release()

    def show_busy(self, request: MethodBatch) -> None:
        """Publish that a computation has begun; called by the worker.

        Args:
            request: the computation.
        """
        super().show_busy(request)
        self._slow.start_over()
        self.status = {**self.status, "key": request.request.key}
        self._publish()

    def show_maps(self, request: MethodBatch, maps: ScoredMaps, new: bool) -> None:
        """Publish maps and their scores, and go on with the next batch; called by the worker.

        Args:
            request: the computation.
            maps: its result.
            new: whether it was computed just now.
        """
        key, held = request.request.key, self._held.get(request.request.key)
        self._held[key] = maps if held is None else held.joined(maps, self.detections)
        if stopped_early(maps.maps):
            self._worker.kept.remove(request.key)
        self.status = {**IDLE, "key": key}
        if set(maps.rows) & set(self.shown):
            # While more is to come only what is new is sent; at the end everything, for a notebook that is saved.
            self._partly_sent = self._begun and self._next_batch() is not None
            self._send_sets([request.request] if self._partly_sent else map(self._request, self.methods))
        self._publish()
        self._go_on()

    def show_error(self, request: MethodBatch, error: Exception) -> None:
        """Publish that a computation failed, in words, and go on with the next batch; called by the worker.

        Args:
            request: the computation.
            error: what it raised.
        """
        super().show_error(request, error)
        key = request.request.key
        self.status = {**self.status, "key": key}
        self._beforehand.pop(key, None)
        self._ended[key] = ("stopped", "") if self._enough.is_set() else ("error", str(self.status["text"]))
        if self._enough.is_set():
            self.status = dict(IDLE)
        self._publish()
        self._go_on()

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """Handle what the browser sends besides traits: to cancel, to compute again, or to request maps."""
        super()._message(_, content, buffers)
        if content.get("type") == "compute" and content.get("method") in self.methods:
            self.compute(str(content["method"]))
        if content.get("type") == "maps":
            with self._lock:
                self._partly_sent = False
                self._send_sets(map(self._request, self.methods))
