"""Perturbation: scrub through deletion and insertion, and see the picture, the detector's answer and the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import traitlets

from detxai_nb.data.sample import Sample
from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics import DetectionCache
from detxai_nb.metrics import PerturbationSchedule as Protocol
from detxai_nb.metrics.detection_cache import SCORE_THRESHOLD
from detxai_nb.metrics.perturbation import FILLS, MODES
from detxai_nb.metrics.perturbation_path import (
    AREAS,
    PathPlan,
    PerturbationPath,
    follow_path,
    plan_path,
)
from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets.perturbation_view import shown_answers, to_payload
from detxai_nb.widgets.shared.code import keywords
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import Request, WidgetOptions, method_title, split_options
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.shared.worker import ResultStore, bytes_of_maps
from detxai_nb.widgets.snapshots import curve, picture

KINDS = ("gradient", "trace", "perturbation")
_CHOSEN = ("method", "layer", "mode", "area", "fill", "selected")
_OPTIONS = ("selected", "step")
_TITLES = {"box": "Area of its box", "image": "Whole image"}


@dataclass(frozen=True)
class PerturbationRequest:
    """One computation: the object of that index, its map from ``request``, and how the photograph is changed."""

    request: Request
    index: int
    mode: str
    area: str
    fill: str

    @property
    def key(self) -> str:
        """The same for the same computation."""
        return f"{self.request.key}#{self.index}#{self.mode}#{self.area}#{self.fill}"

    @property
    def title(self) -> str:
        """In words, such as "Deletion by ODAM"."""
        return f"{self.mode.capitalize()} by {method_title(self.request.method)}"

    @property
    def protocol(self) -> Protocol:
        """How the photograph is changed."""
        steps, every = AREAS[self.area]
        return Protocol(self.mode, steps, every, self.fill or None)


class Perturbation(OneResultWidget):
    """The photograph changed step by step in the order of the selected object's map, and what the detector says of it.

    Traits that go both ways: ``selected`` (index or None), ``method``, ``layer``, ``mode`` ("deletion" or "insertion"),
    ``area`` ("box": as many pixels as the object's box has, anywhere in the image, in 11 pictures, ODAM's protocol;
    "image": all pixels in 51 pictures, SSGrad-CAM++'s), ``fill`` ("random", "black", "mean", or "": random for deletion
    and black for insertion) and ``step``, the picture that is shown, from 0, the unchanged one. Scores and pictures are
    those of the metrics "deletion-odam", "insertion-odam", "deletion" and "insertion".

    The first walk is computed when the widget is made where that is quick, later ones in a thread beside the kernel;
    walks are kept, and no picture is asked about twice. Do not use the detector in a cell while the widget computes
    with it.
    """

    _size: Callable[[Any], int] = staticmethod(lambda found: found.nbytes)
    _esm = STATIC / "perturbation.js"
    _css = STATIC / "perturbation.css"

    method = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    mode = traitlets.Unicode().tag(sync=True)
    area = traitlets.Unicode().tag(sync=True)
    fill = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image: Any,
        detections: Detections | None = None,
        *,
        method: str | None = None,
        layer: str | None = None,
        mode: str = "deletion",
        area: str = "box",
        fill: str = "",
        sample: Sample | None = None,
        seed: int = 0,
        answer_threshold: float = SCORE_THRESHOLD,
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        """``detector``, ``image``, ``detections``, ``score_threshold``, ``options``: as for Explorer. ``method``: by
        default the first that can run. ``sample``: the photograph with its annotations, whose boxes then say how many
        pixels are changed. ``seed``: of tied pixels and of a random fill, also of methods that have one.
        ``answer_threshold``: of what the detector finds in changed pictures.
        """
        traits, settings = split_options(options, _OPTIONS)
        subject = WidgetInputs.of(detector, image, detections, score_threshold)
        if sample is not None:
            subject.check_sample(sample)
        self._offer = WidgetOptions.of(subject.detector, {**settings, "seed": seed}, KINDS)
        self._judge = MapScorer.of(subject.image, subject.detections, sample, [])
        self._answers = DetectionCache(subject.detector)
        self._answer_threshold = answer_threshold
        self._bases = ResultStore(bytes_of_maps)
        fills = [{"name": "", "title": "As the papers do"}, *({"name": f, "title": f.capitalize()} for f in FILLS)]
        super().__init__(
            subject,
            choices={
                **self._offer.packed(),
                "modes": [{"name": name, "title": name.capitalize()} for name in MODES],
                "areas": [{"name": name, "title": title} for name, title in _TITLES.items()],
                "fills": fills,
            },
            method=next(iter(self._offer.methods)) if method is None else method,
            layer=self._offer.layers[0] if layer is None else layer,
            mode=mode,
            area=area,
            fill=fill,
            **traits,
        )
        if (way := self._wanted) is not None:
            slow = self._offer.methods[self.method].kind == "perturbation"
            (self._maker.ask if slow else self._first)(way)

    @property
    def walk(self) -> PerturbationPath:
        """The pictures and the answers for what is chosen now; waits for a computation under way.

        Raises ``RuntimeError`` where there is none: nothing is selected, or the computation failed.
        """
        found: PerturbationPath = self._result()
        return found

    def to_code(self) -> str:
        """The Python that makes the pictures and the curve of the selected object."""
        call = self._offer.call(self._request)
        lines = [f"maps = dx.explain(detector, image, detections, {keywords(call)})"]
        way, found = self._wanted, self._kept()
        if way is not None and found is not None:
            plan: PathPlan = found.plan
            how = plan.schedule
            lines += [
                f"heat = maps.values[{way.index}]",
                f"how = dx.metrics.PerturbationSchedule({how.mode!r}, steps={how.steps}, every={how.every}, "
                f"fill={how.fill!r})",
                f"order = dx.metrics.pixel_order(heat, seed={plan.order_seed})",
                f"counts = how.counts({plan.area!r}, heat.numel())  # pixels changed in each picture",
                f"pictures = list(how.images(maps.image, order, counts, seed={plan.fill_seed}))",
                f"answers = dx.metrics.DetectionCache(detector).ask(pictures, {self._answer_threshold!r})",
                f"scores = [float(answer.follow(detections)[0][{way.index}]) for answer in answers]",
            ]
        return self._subject.recipe.script(lines)

    def close(self) -> None:
        """End the widget: its computation is cancelled and its maps are given up."""
        if hasattr(self, "_bases"):
            self._bases.clear()
        super().close()

    def _problem(self, trait: str, value: Any) -> str | None:
        allowed = {"mode": MODES, "area": tuple(AREAS), "fill": ("", *FILLS)}
        if trait in allowed:
            known = ", ".join(map(repr, allowed[trait]))
            return None if value in allowed[trait] else f"{trait} is one of {known}; got {value!r}"
        if trait == "step":
            return None if value >= 0 else f"step is the number of a picture, 0 or more; got {value!r}"
        return self._offer.problem(trait, value, len(self._subject.detections))

    @traitlets.validate("method", "layer", "mode", "area", "fill", *_OPTIONS)
    def _allowed(self, proposal: Any) -> Any:
        return self._validated(proposal)

    @property
    def _request(self) -> Request:
        return self._offer.request(self.method, "class", self.layer, "")

    @property
    def _wanted(self) -> PerturbationRequest | None:
        if self.selected is None:
            return None
        return PerturbationRequest(self._request, self.selected, self.mode, self.area, self.fill)

    def _go_back(self, request: PerturbationRequest) -> None:
        self.method = request.request.method
        self.layer = self._offer.layer_after(request.request, self.layer)
        self.selected, self.mode, self.area, self.fill = request.index, request.mode, request.area, request.fill

    @traitlets.observe(*_CHOSEN)
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        if (way := self._wanted) is not None:
            self._maker.ask(way)
        self.code = self.to_code()

    def _compute(self, way: PerturbationRequest, progress: Progress | None) -> PerturbationPath:
        maps: HeatMaps | None = self._bases.get(way.request.key)
        if maps is None:
            call = self._offer.arguments(way.request)
            maps = explain(self._subject.detector, self._subject.image, self.detections, progress=progress, **call)
            self._bases.add(way.request.key, maps)
        annotation = int(self._judge.annotations[way.index]) if self._judge.annotated else -1
        plan = plan_path(maps, way.index, annotation, self._judge.sample, way.protocol, way.area == "image")
        return follow_path(maps, way.index, plan, self._answers, self._answer_threshold, progress)

    def _pack(self, request: PerturbationRequest, result: PerturbationPath) -> dict[str, Any]:
        return {"key": request.key, "title": request.title, **to_payload(result, self.detections)}

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here: the picture of this step with what was found in it."""
        found: PerturbationPath | None = self._drawn()
        image = self._subject.image
        look = picture.Look(0.0, 0.0, "viridis", False, True)
        if found is None:
            return picture.Snapshot(image, self.objects, self.selected, None, look)
        step = min(self.step, len(found.counts) - 1)
        answers, chosen = shown_answers(found, step, self.detections)
        return picture.Snapshot(found.picture(step, image), answers, chosen, None, look)

    def _picture(self) -> bytes:
        found: PerturbationPath | None = self._drawn()
        if found is None:
            return picture.draw_snapshot(self._scene(), self._caption(found))
        curves = [found.relative.tolist(), found.others.tolist()]
        return curve.draw_curve_snapshot(self._scene(), self._caption(found), curves, self.step)

    def _photo_picture(self) -> Any:
        """The picture of this step with what was found in it, at the photograph's resolution."""
        return picture.draw_view(self._scene())

    def _caption(self, found: PerturbationPath | None) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.selected is None or found is None or self._shown is None:
            return self.notice or f"{len(self.objects)} objects"
        step = min(self.step, len(found.counts) - 1)
        thing, score = self.objects[self.selected], float(found.scores[step, found.index])
        said = f"score {score:.2f} of {thing['score']:.2f}" if score else "no longer found"
        return (
            f"{thing['name']}: {self._shown.title}, picture {step} of {len(found.counts) - 1}, "
            f"{found.counts[step]} pixels changed: {said}. Area below the curve {100 * found.area:.1f}%."
        )
