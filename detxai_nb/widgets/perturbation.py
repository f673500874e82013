"""Perturbation: scrub through deletion and insertion; see the picture, what the detector finds in it and the curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from detxai_nb.data.sample import Sample
from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource
from detxai_nb.metrics import DetectionCache, PerturbationSchedule
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
from detxai_nb.widgets.perturbation_view import others_of, path_payload, shown_answers
from detxai_nb.widgets.shared.code import keywords
from detxai_nb.widgets.shared.filters import FilterOptions, FilterTraits
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import (
    KINDS,
    Request,
    WidgetOptions,
    method_title,
    show_widget_options,
    split_options,
)
from detxai_nb.widgets.shared.traits import Choice, Count, LayerTraits, MethodTraits
from detxai_nb.widgets.shared.typed_classes import TypedClasses, class_choices
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.shared.worker import ResultStore, bytes_of_maps
from detxai_nb.widgets.snapshots import curve, picture

_TITLES = {"box": "Area of its box", "image": "Whole image"}
_TITLES_OF_CLASSES = {"box": "All, 11 pictures", "image": "All, 51 pictures"}
"""Of predictions whose box is the whole image, or the part of it that the classifier sees."""


@dataclass(frozen=True)
class PerturbationRequest:
    """One computation: one object's path through the changed photographs.

    Attributes:
        request: the map whose order is followed.
        index: the object.
        mode: "deletion" or "insertion".
        area: "box" or "image".
        fill: a name of ``FILLS``, or "" for the one that the papers use.
    """

    request: Request
    index: int
    mode: str
    area: str
    fill: str

    @property
    def key(self) -> str:
        """The computation's name in Python and in the browser: the same for the same computation."""
        return f"{self.request.key}#{self.index}#{self.mode}#{self.area}#{self.fill}"

    @property
    def title(self) -> str:
        """The computation in words, such as "Deletion by ODAM"."""
        return f"{self.mode.capitalize()} by {method_title(self.request.method)}"

    @property
    def schedule(self) -> PerturbationSchedule:
        """How the photograph is changed."""
        steps, every = AREAS[self.area]
        return PerturbationSchedule(self.mode, steps, every, self.fill or None)


class PerturbationOptions(FilterOptions, total=False):
    """Further keyword arguments of the Perturbation.

    Attributes:
        layer, seed, answer_threshold, score_threshold, selected, step: as documented there.
    """

    layer: str | None
    seed: int
    answer_threshold: float
    score_threshold: float
    selected: int | None
    step: int


@show_widget_options(PerturbationOptions, layer=None, seed=0, answer_threshold=SCORE_THRESHOLD, score_threshold=0.3)
class Perturbation(TypedClasses, OneResultWidget, FilterTraits, MethodTraits, LayerTraits):
    """The photograph changed step by step in the order of the selected object's map, and what the detector finds in it.

    Scores and pictures are those of the metrics "deletion-odam", "insertion-odam", "deletion" and "insertion". The
    first path is computed when the widget is made if that is quick, later ones in a thread beside the kernel. Paths are
    kept, and the detector sees no picture twice. Do not use the detector in a cell while the widget computes with it.

    Of an image classifier a class takes the place of the object: its own probability is followed in every picture, and
    all pixels are changed. Any class besides the most probable ones is listed once its name is typed, or by
    ``add_class``.

    What next: ``Explorer`` shows the map whose pixels go, ``Comparison`` what other metrics say of it.

    Args:
        detector: a detector, or the name of one.
        image: the photograph, anything that ``load_image`` takes.
        detections: the objects, from ``detector.detect([image])``; by default what the detector finds with at least
            ``score_threshold``. Of a classifier the classes to list.
        method: a name of ``dx.methods``; by default the first that can explain the detector.
        mode, area, fill: first values of the traits below.
        sample: the photograph with its annotations, whose boxes then say how many pixels are changed.
        **options: ``layer`` (a name of ``detector.layers``; by default the one that the method prefers); ``seed`` (of
            the order of tied pixels and of a random fill, also of methods that have one); ``answer_threshold`` (the
            lowest score of what the detector finds in changed pictures, 0..1; a class is followed below it too);
            ``score_threshold`` (0..1, as in the Explorer); first values of ``selected`` and ``step``; and settings of
            methods.

    Attributes:
        selected: index of the selected object or class, or None.
        method, layer: as above; setting one computes another path.
        mode: "deletion" or "insertion".
        area: "box" (as many pixels as the object's box has, anywhere in the image, in 11 pictures: ODAM's protocol) or
            "image" (all pixels in 51 pictures: SSGrad-CAM++'s).
        fill: "random", "black", "mean", or "" (random for deletion and black for insertion).
        step: the number of the picture that is shown, from 0, the unchanged one.
        min_score, only_class, search: which objects are listed and drawn: those with at least this score (0..1), of
            this class ("" for all), whose name holds this text or whose number it is ("#3").

    Raises:
        TypeError: for an unknown option, or what is no detector or Detections.
        ValueError: for a wrong setting of a method, or a sample of another size.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.
    """

    _size: Callable[[Any], int] = staticmethod(lambda path: path.nbytes)
    _esm = STATIC / "perturbation.js"
    _css = STATIC / "perturbation.css"
    _choice = ("method", "layer", "mode", "area", "fill", "selected")

    mode = Choice(MODES, "deletion")
    area = Choice(tuple(AREAS), "box")
    fill = Choice(("", *FILLS))
    step = Count(0, "the number of a picture")

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        method: str | None = None,
        mode: str = "deletion",
        area: str = "box",
        fill: str = "",
        sample: Sample | None = None,
        **options: Any,
    ) -> None:
        traits, settings = split_options(options, PerturbationOptions)
        layer, seed = traits.pop("layer", None), traits.pop("seed", 0)
        inputs = WidgetInputs.of(detector, image, detections, traits.pop("score_threshold", 0.3))
        if sample is not None:
            inputs.check_sample(sample)
        self._options = WidgetOptions.of(inputs.detector, {**settings, "seed": seed}, KINDS)
        self._sample = sample
        self._take_inputs(inputs)
        self._answers = DetectionCache(inputs.detector)
        self._answer_threshold = traits.pop("answer_threshold", SCORE_THRESHOLD)
        self._bases = ResultStore(bytes_of_maps)
        titles = _TITLES_OF_CLASSES if inputs.subject.whole and sample is None else _TITLES
        fills = [{"name": "", "title": "As in the papers"}, *({"name": f, "title": f.capitalize()} for f in FILLS)]
        super().__init__(
            inputs,
            choices={
                **self._options.to_payload(),
                **class_choices(inputs),
                "modes": [{"name": name, "title": name.capitalize()} for name in MODES],
                "areas": [{"name": name, "title": title} for name, title in titles.items()],
                "fills": fills,
            },
            method=self._options.first(1)[0] if method is None else method,
            layer=self._options.layers[0] if layer is None else layer,
            mode=mode,
            area=area,
            fill=fill,
            **traits,
        )
        if (request := self._wanted) is not None:
            slow = self._options.methods[self.method].kind == "perturbation"
            (self._worker.ask if slow else self._compute_first)(request)

    @property
    def walk(self) -> PerturbationPath:
        """The pictures and what was found in them, for what is chosen now; waits for a running computation.

        Raises:
            RuntimeError: if there is none: nothing is selected, or the computation failed.
        """
        found: PerturbationPath = self._result()
        return found

    def to_code(self) -> str:
        """Return the Python code that makes the pictures and the curve of the selected object.

        Returns:
            Python source.
        """
        call = self._options.call(self._request)
        lines = [f"maps = dx.explain(detector, image, detections, {keywords(call)})"]
        request, found = self._wanted, self._kept()
        if request is not None and found is not None:
            plan: PathPlan = found.plan
            how, least = plan.schedule, 0.0 if self._inputs.subject.whole else self._answer_threshold
            lines += [
                f"heat = maps.values[{request.index}]",
                f"how = dx.metrics.PerturbationSchedule({how.mode!r}, steps={how.steps}, every={how.every}, "
                f"fill={how.fill!r})",
                f"order = dx.metrics.pixel_order(heat, seed={plan.order_seed})",
                f"counts = how.counts({plan.area!r}, heat.numel())  # pixels changed in each picture",
                f"pictures = list(how.images(maps.image, order, counts, seed={plan.fill_seed}))",
                f"answers = dx.metrics.DetectionCache(detector).ask(pictures, {least!r})",
                f"scores = [float(answer.follow(detections, by={plan.by!r})[0][{request.index}]) "
                "for answer in answers]",
            ]
        return self._inputs.recipe.script([*lines, *self._filter_code()])

    def _take_inputs(self, inputs: WidgetInputs) -> None:
        super()._take_inputs(inputs)
        self._scorer = MapScorer.of(inputs.image, inputs.detections, self._sample, [])

    def _take_class(self, inputs: WidgetInputs) -> None:
        """Go on with one more class: what was found for the others stays."""
        self._take_inputs(inputs)

    def _page_choices(self) -> list[Mapping[str, Any]]:
        """The objects whose path is there already; further ones take a while, and are kept where they are asked for."""
        now = self._wanted
        paths = [] if now is None else [replace(now, index=index) for index in range(len(self.detections))]
        there = [path.index for path in paths if self._worker.kept.get(path.key) is not None]
        return [*super()._page_choices(), {"selected": [None, *there]}]

    def close(self) -> None:
        """Close the widget: cancel its computation and drop its maps."""
        if hasattr(self, "_bases"):
            self._bases.clear()
        super().close()

    @property
    def _request(self) -> Request:
        return self._options.request(self.method, "class", self.layer, "")

    @property
    def _wanted(self) -> PerturbationRequest | None:
        if self.selected is None:
            return None
        return PerturbationRequest(self._request, self.selected, self.mode, self.area, self.fill)

    def _choice_of(self, request: PerturbationRequest) -> dict[str, Any]:
        return {
            "method": request.request.method,
            "layer": self._options.layer_after(request.request, self.layer),
            "mode": request.mode,
            "area": request.area,
            "fill": request.fill,
            "selected": request.index,
        }

    def _compute(self, request: PerturbationRequest, progress: Progress | None) -> PerturbationPath:
        maps: HeatMaps | None = self._bases.get(request.request.key)
        if maps is None or len(maps) <= request.index:
            call = self._options.arguments(request.request)
            maps = explain(self._inputs.detector, self._inputs.image, self.detections, progress=progress, **call)
            self._bases.add(request.request.key, maps)
        annotation = int(self._scorer.annotations[request.index]) if self._scorer.annotated else -1
        plan = plan_path(
            maps, request.index, annotation, self._scorer.sample, request.schedule, request.area == "image"
        )
        return follow_path(maps, request.index, plan, self._answers, self._answer_threshold, progress)

    def _pack(self, request: PerturbationRequest, result: PerturbationPath) -> dict[str, Any]:
        return {"key": request.key, "title": request.title, **path_payload(result, self.detections)}

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here: the picture of this step with what was found in it."""
        found: PerturbationPath | None = self._drawn()
        image = self._inputs.image
        look = picture.Look(0.0, 0.0, "viridis", False, True)
        if found is None:
            return picture.Snapshot(image, self.objects, self.selected, None, look, hidden=self._hidden)
        step = min(self.step, len(found.counts) - 1)
        answers, chosen = shown_answers(found, step, self.detections)
        return picture.Snapshot(found.picture(step, image), answers, chosen, None, look)

    def _picture(self) -> bytes:
        found: PerturbationPath | None = self._drawn()
        if found is None:
            return picture.draw_snapshot(self._scene(), self._caption(found))
        curves = [found.relative.tolist(), others_of(found, self.detections).tolist()]
        return curve.draw_curve_snapshot(self._scene(), self._caption(found), curves, self.step)

    def _photo_picture(self) -> Image.Image:
        """The picture of this step with what was found in it, at the photograph's resolution."""
        return picture.draw_view(self._scene())

    def _caption(self, found: PerturbationPath | None) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.selected is None or found is None or self._shown is None:
            return self.notice or self._inputs.subject.counted(len(self.objects))
        step, subject = min(self.step, len(found.counts) - 1), self._inputs.subject
        thing, score = self.objects[self.selected], float(found.scores[step, found.index])
        words, original = subject.score_in_words(score), subject.score_in_words(thing["score"])
        said = f"{subject.score} {words} of {original}" if score or subject.whole else "no longer found"
        number = "" if subject.whole else f"#{self.selected} "
        return (
            f"{number}{thing['name']}: {self._shown.title}, picture {step} of {len(found.counts) - 1}, "
            f"{found.counts[step]} pixels changed: {said}. Area below the curve {100 * found.area:.1f}%."
        )
