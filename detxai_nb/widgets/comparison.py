"""Comparison: the same objects explained by several methods, side by side, with what the metrics say of each map."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from detxai_nb.data.sample import Sample
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets.comparison_queue import (
    MethodBatch,
    ScoredMaps,
    best_first,
    comparison_row,
    explain_turn,
    stopped_early,
    to_code,
)
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.metric_choices import metric_choices
from detxai_nb.widgets.shared.options import Request, WidgetOptions, method_title, split_options
from detxai_nb.widgets.shared.widget import IDLE, STATIC, PhotoWidget
from detxai_nb.widgets.shared.worker import bytes_of_maps
from detxai_nb.widgets.snapshots import grid, picture

if TYPE_CHECKING:
    import pandas

KINDS = ("gradient", "trace", "perturbation")
_LIST_TRAITS = ("methods", "shown", "metrics")
_LOOK = ("opacity", "threshold", "colormap", "signed_colormap", "scale", "boxes")
_CHOICES = (*_LIST_TRAITS, "selected", "selected_method", "sort", "sort_object", "target", "layer", *_LOOK)
_OPTIONS = ("selected", "sort", "sort_object", *_LOOK)
_FIRST_OBJECTS = 4


class Comparison(PhotoWidget):
    """A grid of methods and objects; hover, zoom and selection go through all cells together.

    Traits that go both ways: ``methods`` (names, a row each), ``shown`` (indices of objects, a column each),
    ``selected`` and ``selected_method`` (the cell in focus), ``target``, ``layer``, ``metrics`` (those under each
    cell), ``sort`` (a metric, the best method first, or "" for the order of ``methods``), ``sort_object`` (by that
    object, or None: by the mean of those shown), and how it looks: ``opacity``, ``threshold``, ``colormap``,
    ``signed_colormap``, ``scale`` ("object": each map over its own range; "shared": all of one method over one),
    ``boxes`` ("all" or "selected": only each cell's own). ``order`` and ``rows`` say what is in the grid.

    Methods that look inside share one forward pass and are computed when the widget is made; those that only ask the
    detector (d-rise) come after them in a thread beside the kernel, can be cancelled, and then keep what they had.
    Call ``wait()`` first where a saved notebook is to hold their picture too. Do not use the detector in a cell while
    the widget computes with it.
    """

    _size: Callable[[Any], int] = staticmethod(lambda judged: bytes_of_maps(judged.maps))
    _esm = STATIC / "comparison.js"
    _css = STATIC / "comparison.css"

    methods: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    shown: Any = traitlets.List(traitlets.Int()).tag(sync=True)
    metrics: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selected_method = traitlets.Unicode().tag(sync=True)
    target = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    sort = traitlets.Unicode().tag(sync=True)
    sort_object = traitlets.Int(None, allow_none=True).tag(sync=True)
    opacity = traitlets.Float(0.75).tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)
    colormap = traitlets.Unicode("viridis").tag(sync=True)
    signed_colormap = traitlets.Unicode("RdBu_r").tag(sync=True)
    scale = traitlets.Unicode("object").tag(sync=True)
    boxes = traitlets.Unicode("selected").tag(sync=True)
    order: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rows = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image: Any,
        detections: Detections | None = None,
        *,
        methods: Sequence[str] | None = None,
        objects: Sequence[int] | None = None,
        metrics: Sequence[str] | None = None,
        sample: Sample | None = None,
        target: str = "class",
        layer: str | None = None,
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        """``detector``, ``image``, ``detections``, ``score_threshold``: as for Explorer. ``methods``: by default the
        first three that look inside, of a detector that cannot be looked into d-rise alone. ``objects``: those shown
        first, by default the first 4. ``sample``: the photograph with its annotations, for the metrics that need them;
        without it the detected boxes take their place. ``metrics``: names of registered ones; by default all are
        measured that ask the detector nothing, and a few shown. ``options``: further traits and settings of methods
        (``masks=800``), which go to the methods that have them.
        """
        traits, settings = split_options(options, _OPTIONS)
        subject = WidgetInputs.of(detector, image, detections, score_threshold)
        if sample is not None:
            subject.check_sample(sample)
        self._offer = WidgetOptions.of(subject.detector, settings, KINDS)
        self._judge = MapScorer.of(subject.image, subject.detections, sample, metrics)
        self._held: dict[str, ScoredMaps] = {}
        self._beforehand: dict[str, HeatMaps] = {}
        self._ended: dict[str, tuple[str, str]] = {}
        self._enough = threading.Event()
        self._begun = False
        count = len(subject.detections)
        chosen = _to_begin_with(self._offer) if methods is None else list(methods)
        super().__init__(
            subject,
            choices={
                **self._offer.packed(),
                "metrics": metric_choices(self._judge.metrics),
                "annotated": self._judge.annotated,
            },
            methods=chosen,
            shown=list(range(min(count, _FIRST_OBJECTS))) if objects is None else list(objects),
            metrics=[m.name for m in self._judge.metrics if metrics is not None or m.in_comparison == "shown"],
            selected_method=chosen[0] if chosen else "",
            target=target,
            layer=self._offer.layers[0] if layer is None else layer,
            **traits,
        )
        self._publish()
        while (turn := self._next_turn()) is not None and turn.looks_inside:
            self._first(turn)
        self._begun = True
        self._go_on()

    @property
    def maps(self) -> dict[str, HeatMaps]:
        """The raw maps of all objects by method, for the methods in the grid that have some; waits for the others."""
        self.wait()
        with self._lock:
            return {m: self._held[key].maps for m in self.methods if (key := self._request(m).key) in self._held}

    def table(self) -> pandas.DataFrame:
        """What the metrics say: one row for each method and shown object; waits for computations under way.

        Columns: "method", "object" (its index), "name", "score", and each metric; NaN where it is undefined.
        """
        import pandas as pd

        self.wait()
        rows = []
        for method in self.order:
            found = self.rows[method]["metrics"]
            for index in self.shown if found else ():
                thing = self.objects[index]
                said = {name: values[index] for name, values in found.items()}
                rows.append({"method": method, "object": index, "name": thing["name"], "score": thing["score"], **said})
        names = [m.name for m in self._judge.metrics]
        frame = pd.DataFrame(rows, columns=["method", "object", "name", "score", *names])
        return frame.astype(dict.fromkeys(names, "float64"))

    def cancel(self) -> None:
        """Stop what is being computed, and do not begin with what is still to come.

        A method that gets better with time gives what it had; ``compute`` begins with the others again.
        """
        with self._lock:
            self._hold_back()
            if self._maker.busy is None:
                return
            turn = self._maker.busy
            self._enough.set()
            if turn.looks_inside:
                self._maker.drop()
                self._ended[turn.key] = ("stopped", "")
            self.status = dict(IDLE) if turn.looks_inside else {**self.status, "text": "Stopping"}
            self._publish()

    def compute(self, method: str | None = None) -> None:
        """Compute what failed or was stopped: of one method in the grid, by default of all."""
        with self._lock:
            for name in self.methods if method is None else [method]:
                self._ended.pop(self._request(name).key, None)
            self._go_on()

    def close(self) -> None:
        """End the widget: its computation is cancelled and its maps are given up."""
        if hasattr(self, "_maker"):
            self._held.clear()
            self._beforehand.clear()
        super().close()

    def to_code(self) -> str:
        """The Python that makes the maps in the grid, and takes out those of the selected method."""
        lines = to_code([self._request(m) for m in self.methods], self._offer)
        if self.selected is not None and self.selected_method in self.methods:
            lines.append(f"heat_map = maps[{self.selected_method!r}].values[{self.selected}]  # float32 [H, W], raw")
        return self._subject.recipe.script(lines)

    def _problem(self, trait: str, value: Any) -> str | None:
        known: dict[str, Sequence[Any]] = {
            "methods": list(self._offer.methods),
            "shown": range(len(self._subject.detections)),
            "metrics": [m.name for m in self._judge.metrics],
        }
        if trait in known:
            wrong = [v for v in value if v not in known[trait]] or [v for v in value if value.count(v) > 1]
            there = ", ".join(map(repr, known[trait])) or "nothing, as there is none"
            return f"{trait} holds each at most once of {there}; got {value!r}" if wrong else None
        if trait in ("sort", "selected_method"):
            allowed = ["", *known["metrics" if trait == "sort" else "methods"]]
            return None if value in allowed else f"{trait} is one of {', '.join(map(repr, allowed))}; got {value!r}"
        if trait == "sort_object":
            problem = self._offer.problem("selected", value, len(self._subject.detections))
            return problem and problem.replace("selected", trait, 1)
        return self._offer.problem(trait, value, len(self._subject.detections))

    @traitlets.validate(*_CHOICES)
    def _allowed(self, proposal: Any) -> Any:
        return self._validated(proposal)

    @traitlets.observe("methods", "target", "layer", "shown", "sort", "sort_object", "selected", "selected_method")
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        self.code = self.to_code()
        if change["name"] in ("selected", "selected_method"):
            return
        if change["name"] in ("methods", "target", "layer"):
            wanted = {self._request(m).key for m in self.methods}
            self._held = {key: maps for key, maps in self._held.items() if key in wanted}
            if self._maker.busy is not None and self._maker.busy.key not in wanted:
                self._maker.drop()
                self.status = dict(IDLE)
            self._go_on()
        self._publish()

    def _request(self, method: str) -> Request:
        return self._offer.request(method, self.target, self.layer, "")

    def _next_turn(self) -> MethodBatch | None:
        """What to compute next: all missing methods that look inside together, then the others one by one."""
        if not len(self.detections):
            return None
        requests = [self._request(m) for m in self.methods]
        missing = [r for r in requests if r.key not in self._held and r.key not in self._ended]
        inside = [r for r in missing if self._offer.methods[r.method].kind != "perturbation"]
        if inside:
            return MethodBatch(inside[0], tuple(inside[1:]), looks_inside=True)
        return MethodBatch(missing[0]) if missing else None

    def _go_on(self) -> None:
        """Begin with the next turn where nothing is being computed."""
        with self._lock:
            if self._begun and self._maker.busy is None and (turn := self._next_turn()) is not None:
                self._enough.clear()
                self._maker.ask(turn)

    def _hold_back(self) -> None:
        """Mark everything that has not begun as stopped."""
        busy = self._maker.busy
        for method in self.methods:
            key = self._request(method).key
            if key not in self._held and key not in self._ended and (busy is None or key != busy.key):
                self._ended[key] = ("stopped", "")

    def _compute(self, turn: MethodBatch, progress: Progress | None) -> ScoredMaps:
        """The maps of the turn's first method; what else the turn made is kept for the turns to come."""
        maps = self._beforehand.pop(turn.key, None)
        if maps is None:
            made = explain_turn(turn, self._subject, self._offer, progress, self._enough)
            maps = made.pop(turn.key)
            self._beforehand.update(made)
        return ScoredMaps(maps, self._judge.measure(maps, progress))

    def show_busy(self, request: MethodBatch) -> None:
        """For the calculator: this computation has begun."""
        super().show_busy(request)
        self._publish()

    def show_maps(self, request: MethodBatch, maps: ScoredMaps, new: bool) -> None:
        """For the calculator: publish maps and their figures, and go on with the next method."""
        packed = serialize.pack_maps(request.key, request.request.title, maps.maps)
        self._held[request.key] = maps
        self.map_data = packed
        self.status = {**IDLE, "key": request.key}
        if stopped_early(maps.maps):
            self._maker.kept.remove(request.key)
        self._publish()
        self._go_on()

    def show_error(self, request: MethodBatch, error: Exception) -> None:
        """For the calculator: publish what went wrong, in words, and go on with the next method."""
        super().show_error(request, error)
        self._beforehand.pop(request.key, None)
        self._ended[request.key] = ("stopped", "") if self._enough.is_set() else ("error", str(self.status["text"]))
        if self._enough.is_set():
            self.status = dict(IDLE)
        self._publish()
        self._go_on()

    def _publish(self) -> None:
        """Bring ``rows`` and ``order`` up to date."""
        rows = {m: self._row(self._request(m).key) for m in self.methods}
        with self.hold_sync():
            self.rows = rows
            self.order = best_first(rows, self.sort, self.sort_object, self._better)

    @property
    def _better(self) -> Mapping[str, bool]:
        return {m.name: m.higher_is_better for m in self._judge.metrics}

    def _row(self, key: str) -> dict[str, Any]:
        """What the browser is told of one method."""
        busy = self.status["state"] == "busy" and self.status["key"] == key
        ended = self._ended.get(key, ("busy" if busy else "waiting", ""))
        return comparison_row(key, self._held.get(key), ended, self.shown)

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """What the browser asks for besides traits: to cancel, to compute again, or for maps that it does not hold."""
        super()._message(_, content, buffers)
        if content.get("type") == "compute" and content.get("method") in self.methods:
            self.compute(str(content["method"]))
        if content.get("type") == "maps":
            with self._lock:
                titles = {r.key: r.title for r in map(self._request, self.methods)}
                for key in content.get("keys", ()):
                    if key in titles and key in self._held:
                        self._send_maps(serialize.pack_maps(key, titles[key], self._held[key].maps))

    def _picture(self) -> bytes:
        return grid.grid_png(self._grid())

    def _photo_picture(self) -> Any:
        """The grid, each cell as wide as in a saved notebook."""
        return grid.draw_grid(self._grid())

    def _grid(self) -> grid.Grid:
        """What the browser shows, to be drawn here."""
        with self._lock:
            held = {key: judged.maps for key, judged in self._held.items()}
            order, shown, rows = list(self.order), list(self.shown), dict(self.rows)
        named = {m.name: m.title for m in self._judge.metrics if m.name in self.metrics}
        lines = []
        for method in order:
            row, maps = rows[method], held.get(rows[method]["key"])
            scenes = [picture.Snapshot(self._subject.image, self.objects, i, maps, self._look(maps)) for i in shown]
            cells = [grid.Cell(scene, grid.said(row, i, named)) for scene, i in zip(scenes, shown)]
            about = [text for text in (row["remark"], row["text"], "" if maps is not None else row["state"]) if text]
            lines.append(grid.Line(method_title(method), about, cells))
        heads = [f"{self.objects[i]['name']} {self.objects[i]['score']:.2f}" for i in shown]
        return grid.Grid(heads, lines, self._subject.image, self.notice)

    def _look(self, maps: HeatMaps | None) -> picture.Look:
        signed = maps is not None and maps.signed
        return picture.Look(
            self.opacity,
            self.threshold,
            self.signed_colormap if signed else self.colormap,
            self.scale == "shared",
            self.boxes == "all",
        )


def _to_begin_with(offer: WidgetOptions) -> list[str]:
    """Three methods that look inside; where there is none, one that asks, since each asks hundreds of times."""
    looking = [name for name, method in offer.methods.items() if method.kind != "perturbation"]
    return looking[:3] or list(offer.methods)[:1]
