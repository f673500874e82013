"""Explorer: click an object of a photograph and see which pixels made the detector say so."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from traitlets import TraitError

from detxai_nb.detectors import load_detector
from detxai_nb.explaining import explain
from detxai_nb.heatmaps import HeatMaps, write_atomically
from detxai_nb.image import load_image
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets import packing, still
from detxai_nb.widgets.choices import Offer, Request, check_detections, empty_notice, split_options
from detxai_nb.widgets.recipe import Recipe
from detxai_nb.widgets.work import Calculator

STATIC = Path(__file__).parent / "static"
_IDLE = {"state": "idle", "key": "", "text": "", "done": 0, "total": 0}
_OPTIONS = ("selected", "direction", "opacity", "threshold", "colormap", "signed_colormap", "scale", "boxes")


class Explorer(anywidget.AnyWidget):
    """The photograph with its detected objects; the heat map of the selected one, by a method of your choice.

    Traits that go both ways: ``selected`` (index or None), ``method``, ``target``, ``layer``, ``direction`` (used by
    the methods that have it), ``opacity`` and ``threshold`` (0..1), ``colormap``, ``signed_colormap``, ``scale``
    ("object" or "shared"), ``boxes`` ("all" or "selected"). A value that is not allowed raises ``TraitError`` naming
    the allowed ones.

    The maps of all objects are computed together: the first ones when the widget is made, later ones in a thread beside
    the kernel, so that the browser can show progress and cancel; a newer choice supersedes an older one, and computed
    maps are kept, so that choosing them again costs nothing. What the browser sends is handled by the kernel's main
    thread once the running cell has ended, or by a subshell's thread beside it (ipykernel 7 in JupyterLab 4.4 and later
    does both); therefore one lock guards what comes in and what computations publish. Do not use the detector in a
    cell while the widget computes with it.
    """

    _esm = STATIC / "explorer.js"
    _css = STATIC / "explorer.css"

    photo = traitlets.Dict().tag(sync=True)
    objects: Any = traitlets.List().tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)
    palettes = traitlets.Dict().tag(sync=True)
    notice = traitlets.Unicode().tag(sync=True)

    selected = traitlets.Int(None, allow_none=True).tag(sync=True)
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

    map_key = traitlets.Unicode().tag(sync=True)
    map_data = traitlets.Dict().tag(sync=True)
    status = traitlets.Dict(_IDLE).tag(sync=True)
    code = traitlets.Unicode().tag(sync=True)

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
        made_here = detections is None
        self._recipe = Recipe(
            detector if isinstance(detector, str) else None,
            os.fspath(image) if isinstance(image, (str, os.PathLike)) else None,
            score_threshold if made_here else None,
        )
        self._detector = load_detector(detector) if isinstance(detector, str) else detector
        self._offer = Offer.of(self._detector, settings)
        self._image = load_image(image)
        if detections is None:
            detections = self._detector.detect([self._image], score_threshold=score_threshold)[0]
        check_detections(detections, self._image)
        self._detections = detections
        self._lock = threading.RLock()
        self._maker = Calculator(self._compute, self, self._lock)
        self._shown: Request | None = None
        self._ready = False
        self.error: Exception | None = None
        """What the last computation raised, None where it went well."""
        super().__init__(
            photo=packing.pack_photo(self._image),
            objects=packing.pack_objects(detections),
            choices=self._offer.packed(),
            palettes=packing.pack_palettes(),
            notice=empty_notice(detections),
            method=method,
            target=target,
            layer=self._offer.layers[0] if layer is None else layer,
            **{"selected": 0 if len(detections) else None, **traits},
        )
        self._ready = True
        self.on_msg(self._message)
        self.code = self.to_code()
        if len(detections):
            try:
                self._maker.ask_and_wait(self._request)
            except BaseException:
                self.close()
                raise

    @property
    def detections(self) -> Detections:
        """The objects, in the order of ``selected``."""
        return self._detections

    @property
    def maps(self) -> HeatMaps:
        """The raw maps of all objects for what is chosen now; waits for a computation under way.

        Raises ``RuntimeError`` where there are none: no object, a failed or a cancelled computation.
        """
        self.wait()
        with self._lock:
            maps = self._maker.kept.get(self._request.key)
        if maps is None:
            raise RuntimeError(f"there are no maps to return: {self.status['text'] or self.notice}") from self.error
        return maps

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being computed, at most ``timeout`` seconds; whether that is so."""
        return self._maker.wait(timeout)

    def cancel(self) -> None:
        """Stop the computation under way, if there is one, and go back to the choice whose maps are shown."""
        with self._lock:
            if not self._maker.drop():
                return
            self.status = {**_IDLE, "key": self._request.key}
            shown = self._shown
            if shown is not None:
                with self.hold_trait_notifications():
                    self.method, self.target, self.layer = shown.method, shown.target, shown.layer
                    self.direction = shown.direction or self.direction
                self._maker.ask(shown)

    def to_code(self) -> str:
        """The Python that makes the maps for what is chosen now, and takes out the selected one."""
        return self._recipe.code(self._offer.call(self._request), self.selected)

    def save_png(self, path: str | os.PathLike[str]) -> Path:
        """Write the photograph with boxes and the selected map as PNG, at the photograph's resolution."""
        path = Path(path)
        view = still.draw_view(self._scene())
        write_atomically(path, lambda file: view.save(file, "PNG"))
        return path

    def close(self) -> None:
        """End the widget: its computation is cancelled and its maps are given up."""
        if hasattr(self, "_maker"):  # also closed where the constructor raised
            self._ready = False
            self._maker.drop()
            self._maker.kept.clear()
        super().close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser sent, one message at a time."""
        with self._lock:
            super().set_state(sync_data)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "image/png": still.draw_figure(self._scene(), self._caption())}, metadata

    @traitlets.validate("method", "target", "layer", *_OPTIONS)
    def _allowed(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        problem = self._offer.problem(name, value, len(self._detections))
        if problem:
            raise TraitError(problem)
        return value

    @property
    def _request(self) -> Request:
        return self._offer.request(self.method, self.target, self.layer, self.direction)

    @traitlets.observe("method", "target", "layer", "direction", "selected")
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        if change["name"] != "selected" and len(self._detections):
            self._maker.ask(self._request)
        self.code = self.to_code()

    def _compute(self, request: Request, progress: Progress | None) -> HeatMaps:
        call = self._offer.arguments(request)
        return explain(self._detector, self._image, self._detections, progress=progress, **call)

    def show_busy(self, request: Request) -> None:
        """For the calculator: this computation has begun."""
        self.error = None
        self.status = {**_IDLE, "state": "busy", "key": request.key, "text": f"Computing {request.title}"}

    def show_progress(self, done: int, total: int) -> None:
        """For the calculator: so far it has come."""
        self.status = {**self.status, "done": done, "total": total}

    def show_maps(self, request: Request, maps: HeatMaps, new: bool) -> None:
        """For the calculator: publish maps. Arrays go out only where new; the browser asks for others that it lacks."""
        packed = packing.pack_maps(request.key, request.title, maps) if new else None
        self._shown, self.error = request, None
        with self.hold_sync():
            if packed is not None:
                self.map_data = packed
            self.map_key = request.key
            self.status = {**_IDLE, "key": request.key}

    def show_error(self, request: Request, error: Exception) -> None:
        """For the calculator: publish what went wrong, in words."""
        self.error = error
        reason = str(error) or type(error).__name__
        with self.hold_sync():
            self.map_key = ""
            text = f"{request.title} could not be computed: {reason}"
            self.status = {**_IDLE, "state": "error", "key": request.key, "text": text}

    def _scene(self) -> still.Scene:
        """What the browser shows, to be drawn here."""
        with self._lock:
            maps = None if self.selected is None else self._maker.kept.get(self.map_key)
        signed = maps is not None and maps.signed
        look = still.Look(
            self.opacity,
            self.threshold,
            self.signed_colormap if signed else self.colormap,
            self.scale == "shared",
            self.boxes == "all",
        )
        return still.Scene(self._image, self.objects, self.selected, maps, look)

    def _caption(self) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.selected is None:
            return self.notice or f"{len(self.objects)} objects"
        thing = self.objects[self.selected]
        title = "" if self._shown is None else f": {self._shown.title}"
        return f"{thing['name']}, score {thing['score']:.2f}{title}"

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """What the browser asks for besides traits: to cancel, or for kept maps that it no longer holds."""
        if content.get("type") == "cancel":
            self.cancel()
        if content.get("type") == "maps":
            self._send_again(str(content.get("key")))

    def _send_again(self, key: str) -> None:
        with self._lock:
            maps = self._maker.kept.get(key)
            if maps is not None and self._shown is not None and self._shown.key == key:
                self.map_data = {}
                self.map_data = packing.pack_maps(key, self._shown.title, maps)
