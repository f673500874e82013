"""Explorer: click an object of a photograph and see which pixels made the detector say so."""

from __future__ import annotations

from typing import Any

import traitlets

from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import Request, WidgetOptions, split_options
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.snapshots import picture

_OPTIONS = ("selected", "direction", "opacity", "threshold", "colormap", "signed_colormap", "scale", "boxes")


class Explorer(OneResultWidget):
    """The photograph with its detected objects; the heat map of the selected one, by a method of your choice.

    Traits that go both ways: ``selected`` (index or None), ``method``, ``target``, ``layer``, ``direction`` (used by
    the methods that have it), ``opacity`` and ``threshold`` (0..1), ``colormap``, ``signed_colormap``, ``scale``
    ("object" or "shared"), ``boxes`` ("all" or "selected"). A value that is not allowed raises ``TraitError`` naming
    the allowed ones.

    The maps of all objects are computed together: the first ones when the widget is made, later ones in a thread beside
    the kernel, so that the browser can show progress and cancel; a newer choice supersedes an older one, and computed
    maps are kept, so that choosing them again costs nothing. Do not use the detector in a cell while the widget
    computes with it.
    """

    _esm = STATIC / "explorer.js"
    _css = STATIC / "explorer.css"

    method = traitlets.Unicode().tag(sync=True)
    target = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    direction = traitlets.Unicode("positive").tag(sync=True)
    opacity = traitlets.Float(0.75).tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)
    colormap = traitlets.Unicode("viridis").tag(sync=True)
    signed_colormap = traitlets.Unicode("RdBu_r").tag(sync=True)
    scale = traitlets.Unicode("object").tag(sync=True)
    boxes = traitlets.Unicode("all").tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image: Any,
        detections: Detections | None = None,
        *,
        method: str = "odam",
        target: str = "class",
        layer: str | None = None,
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        """``detector``: an object or the name of one; ``image``: what ``load_image`` takes; ``detections``: by default
        what the detector finds with at least ``score_threshold``. ``options``: further traits (``opacity=0.5``) and
        settings of methods (``smooth="box"``), which go to the methods that have them.
        """
        traits, settings = split_options(options, _OPTIONS)
        subject = WidgetInputs.of(detector, image, detections, score_threshold)
        self._offer = WidgetOptions.of(subject.detector, settings)
        super().__init__(
            subject,
            choices=self._offer.packed(),
            method=method,
            target=target,
            layer=self._offer.layers[0] if layer is None else layer,
            **traits,
        )
        if len(self.detections):
            self._first(self._request)

    @property
    def maps(self) -> HeatMaps:
        """The raw maps of all objects for what is chosen now; waits for a computation under way.

        Raises ``RuntimeError`` where there are none: no object, a failed or a cancelled computation.
        """
        found: HeatMaps = self._result()
        return found

    def to_code(self) -> str:
        """The Python that makes the maps for what is chosen now, and takes out the selected one."""
        return self._subject.recipe.code(self._offer.call(self._request), self.selected)

    def _problem(self, trait: str, value: Any) -> str | None:
        return self._offer.problem(trait, value, len(self.detections))

    @traitlets.validate("method", "target", "layer", *_OPTIONS)
    def _allowed(self, proposal: Any) -> Any:
        return self._validated(proposal)

    @property
    def _wanted(self) -> Request | None:
        return self._request if len(self.detections) else None

    def _go_back(self, request: Request) -> None:
        self.method, self.target, self.layer = request.method, request.target, request.layer
        self.direction = request.direction or self.direction

    @property
    def _request(self) -> Request:
        return self._offer.request(self.method, self.target, self.layer, self.direction)

    @traitlets.observe("method", "target", "layer", "direction", "selected")
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        if change["name"] != "selected" and len(self.detections):
            self._maker.ask(self._request)
        self.code = self.to_code()

    def _compute(self, request: Request, progress: Progress | None) -> HeatMaps:
        call = self._offer.arguments(request)
        return explain(self._subject.detector, self._subject.image, self.detections, progress=progress, **call)

    def _pack(self, request: Request, result: HeatMaps) -> dict[str, Any]:
        return serialize.pack_maps(request.key, request.title, result)

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here."""
        with self._lock:
            maps = None if self.selected is None else self._maker.kept.get(self.map_key)
        signed = maps is not None and maps.signed
        look = picture.Look(
            self.opacity,
            self.threshold,
            self.signed_colormap if signed else self.colormap,
            self.scale == "shared",
            self.boxes == "all",
        )
        return picture.Snapshot(self._subject.image, self.objects, self.selected, maps, look)

    def _picture(self) -> bytes:
        return picture.draw_snapshot(self._scene(), self._caption())

    def _photo_picture(self) -> Any:
        """The photograph with boxes and the selected map, at the photograph's resolution."""
        return picture.draw_view(self._scene())

    def _caption(self) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.selected is None:
            return self.notice or f"{len(self.objects)} objects"
        thing = self.objects[self.selected]
        title = "" if self._shown is None else f": {self._shown.title}"
        return f"{thing['name']}, score {thing['score']:.2f}{title}"
