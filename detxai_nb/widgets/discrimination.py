"""Discrimination: which pixels speak for the clicked object alone, and which neighbour takes the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from detxai_nb.data.sample import Sample
from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource
from detxai_nb.metrics.neighbours import NOBODY, NeighbourContrast, neighbour_contrast
from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.subjects import require_places
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets.discrimination_view import contrast_payload, for_screen
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.code import keywords, overlay_lines
from detxai_nb.widgets.shared.filters import FilterOptions, FilterTraits
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.metric_choices import metric_choices
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import (
    KINDS,
    Request,
    SignedLookOptions,
    WidgetOptions,
    show_widget_options,
    split_options,
)
from detxai_nb.widgets.shared.traits import Choice, MethodTraits, SignedLookTraits, TargetTraits
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.shared.worker import ResultStore, bytes_of_maps
from detxai_nb.widgets.snapshots import picture

VIEWS = ("difference", "neighbours", "map")
COLORS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#f0e442", "#0072b2")
"""Of the neighbours, in the order of what they take: Okabe and Ito's, which people with colour blindness tell apart."""
OWN_COLOR, OTHER_COLOR = "#56b4e9", "#999999"


@dataclass(frozen=True)
class NeighbourRequest:
    """One computation: an object against the others.

    Attributes:
        request: the maps.
        index: the object.
    """

    request: Request
    index: int

    @property
    def key(self) -> str:
        """The computation's name in Python and in the browser: the same for the same computation."""
        return f"{self.request.key}#{self.index}"

    @property
    def title(self) -> str:
        """The computation in words."""
        return f"{self.request.title} against the other objects"


@dataclass(frozen=True, eq=False)
class ContrastScores:
    """A contrast and its scores.

    Attributes:
        contrast: the object against the others.
        own: by metric the score of the object's own map; None if undefined.
        difference: by metric the score of the positive difference; None if undefined.
    """

    contrast: NeighbourContrast
    own: Mapping[str, float | None]
    difference: Mapping[str, float | None]


class DiscriminationOptions(SignedLookOptions, FilterOptions, total=False):
    """First values of further traits of the Discrimination.

    Attributes:
        selected, view: as the traits.
    """

    selected: int | None
    view: str


@show_widget_options(DiscriminationOptions)
class Discrimination(OneResultWidget, FilterTraits, MethodTraits, TargetTraits, SignedLookTraits):
    """The photograph with its objects, and the signed difference map of the selected one against all others.

    The maps of all objects are computed together and kept: the first ones when the widget is made, unless the method is
    a slow black-box one, later ones in a thread beside the kernel. Do not use the detector in a cell while the widget
    computes with it.

    What next: ``Explorer`` shows the map itself, ``Comparison`` other methods, ``TinyObjects`` many touching objects.

    Args:
        detector: a detector, or the name of one.
        image: the photograph, anything that ``load_image`` takes.
        detections: the objects, from ``detector.detect([image])``; by default what the detector finds with at least
            ``score_threshold``.
        method: a name of ``dx.methods``; by default the first that can explain the detector, "odam" for an open one.
        target: what is explained: "class", "x1", "y1", "x2", "y2" or "combined".
        layer: a name of ``detector.layers``; by default the one that the method prefers.
        sample: the photograph with its annotations, for the object discrimination index.
        score_threshold: the lowest score of an object, 0..1.
        **options: first values of the traits below, and settings of methods, which go to the methods that have them.

    Attributes:
        selected: index of the selected object, or None.
        method, target, layer: as above; setting one computes other maps.
        view: "difference"; "neighbours" (every pixel in the colour of the object that it speaks for most); or "map"
            (the object's own).
        opacity: of the map, 0..1.
        hide_below: evidence below this share of the range of colours is not drawn, 0..1.
        percentile: values from this percentile of a map's cells on have the last colour, above 0, up to 100.
        colormap, signed_colormap: names of a sequential and a diverging colour map.
        boxes: "all" or "selected".
        min_score, only_class, search: which objects are listed and drawn: those with at least this score (0..1), of
            this class ("" for all), whose name holds this text or whose number it is ("#3").

    Raises:
        TypeError: for an unknown option, or what is no detector or Detections.
        ValueError: for a wrong setting of a method, a sample of another size, or an image classifier.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.
    """

    _size: Callable[[Any], int] = staticmethod(lambda scores: scores.contrast.nbytes)
    _esm = STATIC / "discrimination.js"
    _css = STATIC / "discrimination.css"
    _choice = ("method", "target", "layer", "selected")

    view = Choice(VIEWS, "difference")

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        method: str | None = None,
        target: str = "class",
        layer: str | None = None,
        sample: Sample | None = None,
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        traits, settings = split_options(options, DiscriminationOptions)
        inputs = WidgetInputs.of(detector, image, detections, score_threshold)
        require_places(
            inputs.detector,
            "Discrimination asks which of several objects in different places a map belongs to",
            "dx.widgets.Comparison(detector, image), whose columns are classes, and maps.difference() for what speaks "
            "for one class and not for others",
        )
        if sample is not None:
            inputs.check_sample(sample)
        self._options = WidgetOptions.of(inputs.detector, settings, KINDS)
        self._sample = sample
        self._take_inputs(inputs)
        self._bases = ResultStore(bytes_of_maps)
        super().__init__(
            inputs,
            choices={
                **self._options.to_payload(),
                "metrics": metric_choices(self._scorer.metrics),
                "annotated": self._scorer.annotated,
                "colors": {"own": OWN_COLOR, "neighbours": list(COLORS), "others": OTHER_COLOR},
            },
            method=self._options.first(1)[0] if method is None else method,
            target=target,
            layer=self._options.layers[0] if layer is None else layer,
            **traits,
        )
        if (request := self._wanted) is not None:
            slow = self._options.methods[self.method].kind == "perturbation"
            (self._worker.ask if slow else self._compute_first)(request)

    @property
    def contrast(self) -> NeighbourContrast:
        """The selected object against the others; waits for a running computation.

        Raises:
            RuntimeError: if there is none: nothing is selected, or the computation failed.
        """
        scores: ContrastScores = self._result()
        return scores.contrast

    @property
    def facts(self) -> dict[str, Any]:
        """Figures of the selected object; waits and raises as ``contrast``.

        "kept" and "taken" are those of ``NeighbourContrast``: the shares of the box that are the object's own and each
        neighbour's. "own" and "difference" hold, by metric, the object discrimination index of its map and of the
        difference map (0: all energy on objects lies on this one; lower is better), in the detected boxes, or with
        ``sample=`` in the annotated boxes and masks.
        """
        return _facts(self._result())

    def to_code(self) -> str:
        """Return the Python code that makes the difference maps for what is chosen now, and picks out the selected one.

        Returns:
            Python source.
        """
        call = self._options.call(self._request)
        positive = ".positive()" if self._options.is_signed(self._request) else ""
        lines = [
            f"maps = dx.explain(detector, image, detections, {keywords(call)})",
            f"difference = maps{positive}.difference()",
            *self._filter_code(),
        ]
        if self.selected is not None and self.view == "map":
            lines.append(f"heat_map = maps.values[{self.selected}]  # float32 [H, W], raw values")
            lines += overlay_lines(self, "maps", self.selected, bool(positive))
        elif self.selected is not None:
            lines.append(f"heat_map = difference.values[{self.selected}]  # float32 [H, W], -1..1")
            lines += overlay_lines(self, "difference", self.selected, True)
        return self._inputs.recipe.script(lines)

    def _take_inputs(self, inputs: WidgetInputs) -> None:
        super()._take_inputs(inputs)
        scorer = MapScorer.of(inputs.image, inputs.detections, self._sample, None)
        self._scorer = scorer.only("odi-box", "odi-mask")

    def _page_choices(self) -> list[Mapping[str, Any]]:
        """Every object against the others: their maps are there together."""
        return [*super()._page_choices(), {"selected": [None, *range(len(self.detections))]}]

    def close(self) -> None:
        """Close the widget: cancel its computation and drop its maps."""
        if hasattr(self, "_bases"):
            self._bases.clear()
        super().close()

    @property
    def _request(self) -> Request:
        return self._options.request(self.method, self.target, self.layer, "")

    @property
    def _wanted(self) -> NeighbourRequest | None:
        return None if self.selected is None else NeighbourRequest(self._request, self.selected)

    def _choice_of(self, request: NeighbourRequest) -> dict[str, Any]:
        return {
            "method": request.request.method,
            "target": request.request.target,
            "layer": self._options.layer_after(request.request, self.layer),
            "selected": request.index,
        }

    def _compute(self, pair: NeighbourRequest, progress: Progress | None) -> ContrastScores:
        key = pair.request.key
        maps: HeatMaps | None = self._bases.get(key)
        if maps is None:
            call = self._options.arguments(pair.request)
            maps = explain(self._inputs.detector, self._inputs.image, self.detections, progress=progress, **call)
            self._bases.add(key, maps)
        found = neighbour_contrast(maps, pair.index, progress)
        scorer = self._scorer
        return ContrastScores(
            found,
            scorer.of_object(found.own, pair.index),
            scorer.of_object(found.difference, pair.index),
        )

    def _pack(self, request: NeighbourRequest, result: ContrastScores) -> dict[str, Any]:
        difference, takers, step = for_screen(result.contrast)
        return {
            "key": request.key,
            "title": request.title,
            "own": serialize.pack_maps(request.key, request.request.title, result.contrast.own),
            "difference": serialize.pack_maps(request.key, request.title, difference),
            "takers": {"shape": list(takers.shape), "step": step, "data": takers.numpy().astype("<i2").tobytes()},
            "facts": _facts(result),
        }

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here."""
        told: ContrastScores | None = self._drawn()
        image, maps, colors = self._inputs.image, None, {}
        if told is not None and self.view == "neighbours":
            image = paint_takers(image, told.contrast, self.opacity)
            # Where colours say whose the pixels are, those of the classes would say something else.
            colors = {**dict.fromkeys(range(len(self.objects)), "#ffffff"), **tints(told.contrast)}
        elif told is not None:
            maps = told.contrast.own if self.view == "map" else told.contrast.difference
        look = picture.look_of(self, maps)
        return picture.Snapshot(image, self.objects, self.selected, maps, look, 0, colors, self._hidden)

    def _picture(self) -> bytes:
        return picture.draw_snapshot(self._scene(), self._caption())

    def _photo_picture(self) -> Image.Image:
        """The photograph with boxes and the view of the selected object, at the photograph's resolution."""
        return picture.draw_view(self._scene())

    def _caption(self) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.selected is None or self._shown is None or self.map_key != self._shown.key:
            return self.notice or f"{len(self.objects)} objects"
        thing, told = self.objects[self.selected], self._drawn()
        said = [f"{picture.label_of(thing)}: {self._shown.title}"]
        if told is not None:
            for metric in self._scorer.metrics:
                before, after = told.own[metric.name], told.difference[metric.name]
                said.append(f"{metric.title} {_number(before)}, of the difference {_number(after)}")
            said += [
                f"#{t.index} {self.objects[t.index]['name']} takes {t.inside:.0%} of the box"
                for t in told.contrast.taken[:3]
            ]
        return "; ".join(said)


def tints(found: NeighbourContrast) -> dict[int, str]:
    """Return the colours of the object and of each neighbour that takes something.

    Args:
        found: an object against the others.

    Returns:
        Colours such as "#d55e00" by index; the neighbour that takes most has the first of ``COLORS``.
    """
    rest = {t.index: COLORS[rank] if rank < len(COLORS) else OTHER_COLOR for rank, t in enumerate(found.taken)}
    return {found.index: OWN_COLOR, **rest}


def paint_takers(image: np.ndarray, found: NeighbourContrast, opacity: float) -> np.ndarray:
    """Return the photograph, each pixel tinted with the colour of the object that it speaks for most.

    The tint fades in over a quarter of the range of the difference, as evidence does everywhere.

    Args:
        image: the photograph, uint8 ``[H,W,3]``.
        found: an object against the others.
        opacity: of the tint, 0..1.

    Returns:
        uint8 ``[H,W,3]``.
    """
    lead = found.difference.grids[0].detach().cpu().numpy()
    takers = found.takers.numpy()
    colors = np.zeros((*takers.shape, 3), np.float32)
    colors[lead > 0] = picture.parse_rgb(OWN_COLOR)
    for index, color in tints(found).items():
        if index != found.index:
            colors[takers == index] = picture.parse_rgb(color)
    alpha = (opacity * np.minimum(np.abs(lead) / 0.25, 1) * ((lead > 0) | (takers != NOBODY)))[..., None]
    painted: np.ndarray = np.round(image * (1 - alpha) + colors * alpha).astype(np.uint8)
    return painted


def _facts(scores: ContrastScores) -> dict[str, Any]:
    return {**contrast_payload(scores.contrast), "own": dict(scores.own), "difference": dict(scores.difference)}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
