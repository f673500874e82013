"""Discrimination: which pixels speak for the clicked object alone, and which neighbour takes the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets

from detxai_nb.data.sample import Sample
from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.neighbours import NOBODY, NeighbourContrast, neighbour_contrast
from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets.discrimination_view import for_screen, to_payload
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.code import keywords
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.metric_choices import metric_choices
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import Request, WidgetOptions, split_options
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.shared.worker import ResultStore, bytes_of_maps
from detxai_nb.widgets.snapshots import picture

VIEWS = ("difference", "neighbours", "map")
KINDS = ("gradient", "trace", "perturbation")
COLORS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#f0e442", "#0072b2")
"""Of the neighbours, in the order of what they take: Okabe and Ito's, which people with colour blindness tell apart."""
OWN_COLOR, OTHER_COLOR = "#56b4e9", "#999999"
_OPTIONS = ("selected", "view", "opacity", "threshold", "colormap", "signed_colormap", "boxes")


@dataclass(frozen=True)
class NeighbourRequest:
    """One computation: the object of that index against the others, in the maps of ``request``."""

    request: Request
    index: int

    @property
    def key(self) -> str:
        """The same for the same computation."""
        return f"{self.request.key}#{self.index}"

    @property
    def title(self) -> str:
        """In words."""
        return f"{self.request.title} against the other objects"


@dataclass(frozen=True, eq=False)
class ContrastScores:
    """A contrast, and by metric what it is worth: of the object's own map, and of the positive difference."""

    contrast: NeighbourContrast
    own: Mapping[str, float | None]
    difference: Mapping[str, float | None]


class Discrimination(OneResultWidget):
    """The photograph with its objects; of the selected one the signed difference map against all others.

    Traits that go both ways: ``selected`` (index or None), ``method``, ``target``, ``layer``, ``view`` ("difference",
    "neighbours": every pixel in the colour of whom it speaks for most, or "map": the object's own), ``opacity`` and
    ``threshold`` (0..1), ``colormap``, ``signed_colormap``, ``boxes`` ("all" or "selected"). ``facts``: what each
    neighbour takes, and the object discrimination index of map and difference map (0: all energy on objects lies on
    this one; lower is better) in the detected boxes, or with ``sample=`` in the annotated boxes and masks.

    The maps of all objects are computed together and kept: the first ones when the widget is made, unless the method is
    a slow one that only asks the detector, later ones in a thread beside the kernel. Do not use the detector in a cell
    while the widget computes with it.
    """

    _size: Callable[[Any], int] = staticmethod(lambda told: told.contrast.nbytes)
    _esm = STATIC / "discrimination.js"
    _css = STATIC / "discrimination.css"

    method = traitlets.Unicode().tag(sync=True)
    target = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode("difference").tag(sync=True)
    opacity = traitlets.Float(0.75).tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)
    colormap = traitlets.Unicode("viridis").tag(sync=True)
    signed_colormap = traitlets.Unicode("RdBu_r").tag(sync=True)
    boxes = traitlets.Unicode("all").tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image: Any,
        detections: Detections | None = None,
        *,
        method: str | None = None,
        target: str = "class",
        layer: str | None = None,
        sample: Sample | None = None,
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        """``detector``, ``image``, ``detections``, ``score_threshold``, ``options``: as for Explorer. ``method``: by
        default the first that can run, "odam" for a detector that can be looked into. ``sample``: the photograph with
        its annotations, for the object discrimination index.
        """
        traits, settings = split_options(options, _OPTIONS)
        subject = WidgetInputs.of(detector, image, detections, score_threshold)
        if sample is not None:
            subject.check_sample(sample)
        self._offer = WidgetOptions.of(subject.detector, settings, KINDS)
        self._judge = MapScorer.of(subject.image, subject.detections, sample, None).only("odi-box", "odi-mask")
        self._bases = ResultStore(bytes_of_maps)
        super().__init__(
            subject,
            choices={
                **self._offer.packed(),
                "metrics": metric_choices(self._judge.metrics),
                "annotated": self._judge.annotated,
                "colors": {"own": OWN_COLOR, "neighbours": list(COLORS), "others": OTHER_COLOR},
            },
            method=next(iter(self._offer.methods)) if method is None else method,
            target=target,
            layer=self._offer.layers[0] if layer is None else layer,
            **traits,
        )
        if (pair := self._wanted) is not None:
            slow = self._offer.methods[self.method].kind == "perturbation"
            (self._maker.ask if slow else self._first)(pair)

    @property
    def contrast(self) -> NeighbourContrast:
        """The selected object against the others; waits for a computation under way.

        Raises ``RuntimeError`` where there is none: nothing is selected, or the computation failed.
        """
        told: ContrastScores = self._result()
        return told.contrast

    @property
    def facts(self) -> dict[str, Any]:
        """What is said of the selected object: "kept" and "taken" as in ``NeighbourContrast``, and by metric "own" and
        "difference"; waits and raises as ``contrast``.
        """
        told: ContrastScores = self._result()
        return {**to_payload(told.contrast), "own": dict(told.own), "difference": dict(told.difference)}

    def to_code(self) -> str:
        """The Python that makes the difference maps for what is chosen now, and takes out the selected one."""
        call = self._offer.call(self._request)
        positive = ".positive()" if self._offer.is_signed(self._request) else ""
        lines = [
            f"maps = dx.explain(detector, image, detections, {keywords(call)})",
            f"difference = maps{positive}.difference()",
        ]
        if self.selected is not None:
            lines.append(f"heat_map = difference.values[{self.selected}]  # float32 [H, W], -1..1")
        return self._subject.recipe.script(lines)

    def close(self) -> None:
        """End the widget: its computation is cancelled and its maps are given up."""
        if hasattr(self, "_bases"):
            self._bases.clear()
        super().close()

    def _problem(self, trait: str, value: Any) -> str | None:
        if trait == "view":
            return None if value in VIEWS else f"view is one of {', '.join(map(repr, VIEWS))}; got {value!r}"
        return self._offer.problem(trait, value, len(self._subject.detections))

    @traitlets.validate("method", "target", "layer", *_OPTIONS)
    def _allowed(self, proposal: Any) -> Any:
        return self._validated(proposal)

    @property
    def _request(self) -> Request:
        return self._offer.request(self.method, self.target, self.layer, "")

    @property
    def _wanted(self) -> NeighbourRequest | None:
        return None if self.selected is None else NeighbourRequest(self._request, self.selected)

    def _go_back(self, request: NeighbourRequest) -> None:
        of = request.request
        self.method, self.target, self.selected = of.method, of.target, request.index
        self.layer = self._offer.layer_after(of, self.layer)

    @traitlets.observe("method", "target", "layer", "selected")
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        if (pair := self._wanted) is not None:
            self._maker.ask(pair)
        self.code = self.to_code()

    def _compute(self, pair: NeighbourRequest, progress: Progress | None) -> ContrastScores:
        key = pair.request.key
        maps: HeatMaps | None = self._bases.get(key)
        if maps is None:
            call = self._offer.arguments(pair.request)
            maps = explain(self._subject.detector, self._subject.image, self.detections, progress=progress, **call)
            self._bases.add(key, maps)
        found = neighbour_contrast(maps, pair.index, progress)
        judge = self._judge
        return ContrastScores(
            found,
            judge.of_object(found.own, pair.index),
            judge.of_object(found.difference, pair.index),
        )

    def _pack(self, request: NeighbourRequest, result: ContrastScores) -> dict[str, Any]:
        difference, takers, step = for_screen(result.contrast)
        return {
            "key": request.key,
            "title": request.title,
            "own": serialize.pack_maps(request.key, request.request.title, result.contrast.own),
            "difference": serialize.pack_maps(request.key, request.title, difference),
            "takers": {"shape": list(takers.shape), "step": step, "data": takers.numpy().astype("<i2").tobytes()},
            "facts": {**to_payload(result.contrast), "own": dict(result.own), "difference": dict(result.difference)},
        }

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here."""
        told: ContrastScores | None = self._drawn()
        image, maps, colors = self._subject.image, None, {}
        if told is not None and self.view == "neighbours":
            image, colors = paint_takers(image, told.contrast, self.opacity), tints(told.contrast)
        elif told is not None:
            maps = told.contrast.own if self.view == "map" else told.contrast.difference
        colormap = self.signed_colormap if maps is not None and maps.signed else self.colormap
        look = picture.Look(self.opacity, self.threshold, colormap, False, self.boxes == "all")
        return picture.Snapshot(image, self.objects, self.selected, maps, look, 0, colors)

    def _picture(self) -> bytes:
        return picture.draw_snapshot(self._scene(), self._caption())

    def _photo_picture(self) -> Any:
        """The photograph with boxes and the view of the selected object, at the photograph's resolution."""
        return picture.draw_view(self._scene())

    def _caption(self) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.selected is None or self._shown is None or self.map_key != self._shown.key:
            return self.notice or f"{len(self.objects)} objects"
        thing, told = self.objects[self.selected], self._drawn()
        said = [f"{thing['name']}, score {thing['score']:.2f}: {self._shown.title}"]
        if told is not None:
            for metric in self._judge.metrics:
                before, after = told.own[metric.name], told.difference[metric.name]
                said.append(f"{metric.title} {_number(before)}, of the difference {_number(after)}")
            said += [
                f"{self.objects[t.index]['name']} takes {t.inside:.0%} of the box" for t in told.contrast.taken[:3]
            ]
        return "; ".join(said)


def tints(found: NeighbourContrast) -> dict[int, str]:
    """The colour of the object, and of each neighbour that takes something, the one that takes most first."""
    rest = {t.index: COLORS[rank] if rank < len(COLORS) else OTHER_COLOR for rank, t in enumerate(found.taken)}
    return {found.index: OWN_COLOR, **rest}


def paint_takers(image: np.ndarray, found: NeighbourContrast, opacity: float) -> np.ndarray:
    """The photograph uint8 ``[H,W,3]``, each pixel tinted with the colour of the object for which it speaks most.

    The tint fades in over a quarter of the range of the difference, as evidence does everywhere.
    """
    lead = found.difference.grids[0].detach().cpu().numpy()
    takers = found.takers.numpy()
    colors = np.zeros((*takers.shape, 3), np.float32)
    colors[lead > 0] = picture.parse_rgb(OWN_COLOR)
    for index, color in tints(found).items():
        if index != found.index:
            colors[takers == index] = picture.parse_rgb(color)
    alpha = (opacity * np.minimum(np.abs(lead) / 0.25, 1) * ((lead > 0) | (takers != NOBODY)))[..., None]
    return np.round(image * (1 - alpha) + colors * alpha).astype(np.uint8)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
