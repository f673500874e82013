"""NmsExplorer: move the thresholds of a suppression and see which boxes of a crowd it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import traitlets
from PIL import Image
from torch import Tensor
from traitlets import TraitError

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import Sample
from detxai_nb.image import ImageSource
from detxai_nb.nms.vectors import MapVectors, layer_of_maps, map_vectors
from detxai_nb.plots.heatmaps import SEQUENTIAL
from detxai_nb.types import Detections, Detector, Progress
from detxai_nb.widgets.nms_explorer_inputs import CandidateInputs, Vectors, feature_vectors
from detxai_nb.widgets.nms_explorer_rules import TITLES, SuppressionTraits, ThresholdOptions
from detxai_nb.widgets.nms_explorer_view import distances, maps_payload, outcome, pairs_of, truth_payload
from detxai_nb.widgets.shared.filters import ClassFilterTraits
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import show_widget_options, split_options
from detxai_nb.widgets.shared.trait_types import Share
from detxai_nb.widgets.shared.traits import Choice, Index, SomeOf
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.snapshots import picture

SHOWN = ("kept", "removed", "present", "map")
COLORS = {"kept": "#56b4e9", "removed": "#e69f00", "present": "#2fd08c"}
"""Of the boxes: light, so that they are seen on a photograph, and told apart by people with colour blindness."""
_AT_ONCE = 10.0
"""Seconds that a cell waits for the maps; they go on beside the kernel then."""


@dataclass(frozen=True)
class PairRequest:
    """One computation: the maps of all predictions.

    Attributes:
        layer: whose maps.
        count: the number of predictions.
    """

    layer: str
    count: int

    @property
    def key(self) -> str:
        """The computation's name in Python and in the browser: the same for the same computation."""
        return f"{self.layer}|{self.count}"

    @property
    def title(self) -> str:
        """The computation in words."""
        return f"the maps of {self.count} predictions"


class NmsExplorerOptions(ThresholdOptions, total=False):
    """Further keyword arguments of the NmsExplorer.

    Attributes:
        layer, most, vectors: as documented there.
        selected, partner, only_class, search, shown, opacity, colormap: as the traits.
    """

    layer: str | None
    most: int
    vectors: Vectors | None
    selected: int | None
    partner: int | None
    only_class: str
    search: str
    shown: list[str]
    opacity: float
    colormap: str


@show_widget_options(NmsExplorerOptions, settings=False, layer=None, most=500, vectors=None, shown=list(SHOWN[:3]))
class NmsExplorer(OneResultWidget, ClassFilterTraits, SuppressionTraits):
    """The photograph with all predictions before suppression, and which of them a rule keeps as its thresholds move.

    The browser has boxes, scores and the correlations of all pairs of maps, and decides by itself as ``dx.nms`` does: a
    box appears or vanishes while the slider moves, without the kernel. The scores that the Gaussian Soft-NMS lowers can
    differ in their last digit. The maps are computed beside the kernel, so that the browser shows progress and can
    cancel; NMS and Soft-NMS need none. Do not use the detector in a cell while the widget computes with it.

    Two predictions are compared in words: their IoU, the correlation of their maps, and why the rule keeps or removes.
    All pairs are points of a plane of IoU against correlation, in which the thresholds are lines that can be dragged.

    What next: ``dx.nms.NmsDetector`` puts the rule into a detector, ``dx.metrics.jaccard_index`` measures it on many
    photographs.

    Args:
        detector: a detector that suppresses (see ``dx.nms.candidates``), or the name of one.
        image: the photograph, anything that ``load_image`` takes.
        detections: the predictions, from ``dx.nms.candidates``; by default all with at least ``lowest_score``.
        rule, score_threshold: first values of the traits below.
        sample: the photograph with its annotations: then objects that are found, lost and doubled are counted.
        lowest_score: the lowest score of a prediction, 0..1, and so the lowest end of the slider. FCOS takes a second
            or more for each 20 maps.
        **options: ``layer`` (whose maps are compared, a name of ``detector.layers``; by default "roi" where there is
            one, else the first); ``most`` (of more predictions than this, 500 by default and up to 1000, those with the
            lowest scores are left out, and the widget says so); ``vectors`` (what FeatureNMS compares, which is offered
            only then: ``[N,D]``, a row for each prediction, or ``vectors(trace, detections)``, which returns it); and
            first values of the traits.

    Attributes:
        rule: "nms", "soft-nms", "odam-nms", or "feature-nms" where there are ``vectors``.
        score_threshold: predictions below it take no part, from ``lowest_score`` to 1.
        iou_threshold: of NMS, ODAM-NMS and the linear Soft-NMS, 0..1.
        t_low, t_high: of ODAM-NMS, 0..1, the first at most the second.
        decay, sigma, final_score: of Soft-NMS: "gaussian" or "linear"; above 0; the score below which a prediction is
            removed, 0..1.
        low_iou, high_iou, distance: of FeatureNMS, see ``dx.nms.FeatureNms``.
        selected: the number of a prediction, an index of ``detections``, or None.
        partner: the number of the one that it is compared with; None for the one that decided, else the nearest.
        layer: as above; setting it computes other maps.
        shown: what is drawn, some of "kept", "removed", "present" (annotated boxes) and "map" (of the selected one).
        only_class, search: which predictions are listed and drawn: those of this class ("" for all), whose name holds
            this text or whose number it is ("#3").
        opacity: of the maps, 0..1.
        colormap: of the maps, the name of a sequential colour map.
        lowest_score: as above, or more where predictions are left out.

    Raises:
        TypeError: for an unknown option, what is no detector or Detections, or a detector without predictions before
            suppression.
        ValueError: for an image classifier, a sample of another size, vectors of other predictions, or ``most`` out of
            its range.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.

    References:
        Zhao & Chan, ODAM (ICLR 2023), sec. 3.3 and figure 9.
    """

    _size: Callable[[Any], int] = staticmethod(lambda maps: maps.values.numel() * maps.values.element_size())
    _esm = STATIC / "nms_explorer.js"
    _css = STATIC / "nms_explorer.css"
    _choice = ("layer",)

    score_threshold = Share(0.3)
    lowest_score = Share(0.1)
    partner = Index(lambda widget: len(widget.detections))
    layer = Choice(lambda widget: widget._layers)
    shown = SomeOf(SHOWN)
    opacity = Share(0.75)
    colormap = Choice(SEQUENTIAL, "viridis")
    truth = traitlets.Dict().tag(sync=True)
    remark = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        rule: str | None = None,
        sample: Sample | None = None,
        score_threshold: float = 0.3,
        lowest_score: float = 0.1,
        **options: Any,
    ) -> None:
        traits, settings = split_options(options, NmsExplorerOptions)
        if settings:
            raise TypeError(f"{next(iter(settings))!r} is a setting of methods, and no argument of the NmsExplorer")
        inputs = CandidateInputs.of_candidates(detector, image, detections, lowest_score, traits.pop("most", 500))
        if sample is not None:
            inputs.check_sample(sample)
        self._sample, self._given = sample, traits.pop("vectors", None)
        about = Capabilities(inputs.detector)
        self._layers = about.layers if about.traceable else ("",)
        self._take_inputs(inputs)
        maps = ("odam-nms",) if about.traceable else ()
        features = () if self._features is None else ("feature-nms",)
        self._rules = ("nms", "soft-nms", *features, *maps)
        layer = traits.pop("layer", None)
        shown = [name for name in SHOWN[:3] if sample is not None or name != "present"]
        super().__init__(
            inputs,
            **self._about_predictions(),
            choices=self._offered(),
            rule=(*maps, "nms")[0] if rule is None else rule,
            # What was left out is out of reach, whatever the first threshold is.
            score_threshold=max(score_threshold, inputs.lowest_score) if inputs.left_out else score_threshold,
            layer=layer_of_maps(self._layers, layer) or self._layers[0],
            **{"selected": None, "shown": shown, **traits},
        )
        self.observe(self._moved, [*SuppressionTraits.class_own_traits(), "score_threshold", "partner"])
        self._begin()

    @property
    def maps(self) -> MapVectors:
        """The maps of all predictions; waits for a running computation.

        Raises:
            RuntimeError: if there are none: no prediction, a failed or a cancelled computation, or a black box.
        """
        found: MapVectors = self._result()
        return found

    @property
    def kept(self) -> Detections:
        """What the rule keeps, by falling score; of Soft-NMS with lowered scores. ODAM-NMS waits for the maps.

        Raises:
            RuntimeError: for ODAM-NMS, if there are no maps, as ``maps`` does.
        """
        decided = self._decide(self.maps if self.rule == "odam-nms" and len(self.detections) else None)
        rows, scores = cast(tuple[Tensor, Tensor], decided)
        return replace(self.detections[rows], scores=scores)

    @property
    def counts(self) -> dict[str, int]:
        """How many predictions are "kept" and "removed"; waits and raises as ``kept``.

        With ``sample=`` also how many objects are "found" and "lost" (IoU above 0.5, as ``dx.metrics.match``), how many
        of the lost ones had a prediction ("suppressed"), and how many that are kept are "double" (of an object that
        another one has found) or "elsewhere" (on no object).
        """
        return outcome(self._passing, self.kept, self._sample)

    def to_code(self) -> str:
        """Return the Python code that makes what the rule keeps.

        Returns:
            Python source.
        """
        lines, more = [], ""
        if self.rule == "feature-nms":
            call = "" if not callable(self._given) else "(detector.trace(image), detections)"
            lines.append(f"vectors = vectors{call}  # the feature vectors that the widget was given")
        lines += [f"passes = detections.scores >= {self.score_threshold!r}", "detections = detections[passes]"]
        if self.rule == "odam-nms":
            lines.append(f"maps = dx.nms.map_vectors(detector, image, detections, layer={self.layer!r})")
            more = ", maps"
        elif self.rule == "feature-nms":
            more = ", vectors[: len(passes)][passes]"
        lines.append(f"kept = dx.nms.remove_duplicates(detections, dx.nms.{self.suppression!r}{more})")
        return self._inputs.recipe.script([*lines, *self._filter_code()])

    @property
    def _passing(self) -> Detections:
        found = self.detections
        return found[found.scores >= self.score_threshold]

    def _decide(self, maps: MapVectors | None) -> tuple[Tensor, Tensor] | None:
        """The numbers of the predictions that are kept, and their scores; None where maps are lacking."""
        found, vectors = self.detections, None
        rows = (found.scores >= self.score_threshold).nonzero()[:, 0]
        if self.rule == "odam-nms":
            if maps is None and len(found):
                return None
            vectors = found.scores.new_zeros(0, 1) if maps is None else maps.vectors[rows]
        elif self._features is not None and self.rule == "feature-nms":
            vectors = self._features[rows]
        kept = self.suppression(found.boxes[rows], found.scores[rows], found.labels[rows], None, vectors)
        return rows[kept.rows], kept.scores

    def _begin(self) -> None:
        """Compute the maps in a thread, and give it a while; if that is interrupted, no half-made widget stays."""
        if (request := self._wanted) is None:
            return
        self._worker.ask(request)
        try:
            self.wait(_AT_ONCE)
        except BaseException:
            self.close()
            raise

    def _offered(self) -> dict[str, Any]:
        return {
            "rules": [{"name": name, "title": TITLES[name]} for name in self._rules],
            "layers": list(self._layers),
            "colormaps": list(SEQUENTIAL),
            "colors": COLORS,
            "labels": self._inputs.detections.labels.tolist(),
            "distances": b"" if self._features is None else pairs_of(distances(self._features)),
        }

    def _about_predictions(self) -> dict[str, Any]:
        """The traits that say what there is of the predictions besides ``objects``."""
        inputs = cast(CandidateInputs, self._inputs)
        return {
            "lowest_score": inputs.lowest_score,
            "remark": inputs.remark,
            "truth": truth_payload(inputs.detections, self._sample),
        }

    def _take_inputs(self, inputs: Any) -> None:
        super()._take_inputs(inputs)
        self._features = feature_vectors(inputs, self._given)

    def _found_again(self) -> None:
        with self.hold_trait_notifications():
            for name, value in self._about_predictions().items():
                setattr(self, name, value)
            self.score_threshold = self.lowest_score
        self.choices = self._offered()
        self.selected = self.partner = None
        super()._found_again()

    @traitlets.validate("score_threshold")
    def _in_reach(self, proposal: dict[str, Any]) -> float:
        value: float = proposal["value"]
        if value < self.lowest_score:
            raise TraitError(
                f"score_threshold lies between {self.lowest_score:g} and 1, since predictions with lower scores are "
                f"not here; got {value!r}. Make the widget with a lower lowest_score, or a greater most"
            )
        return value

    def _moved(self, change: Any) -> None:
        if not self._ready:
            return
        self.code = self.to_code()
        # After a computation that was cancelled or failed, the rule that needs maps is the way to have them after all.
        if change["name"] == "rule" and self.rule == "odam-nms" and (request := self._wanted) is not None:
            self._worker.ask(request)

    @property
    def _wanted(self) -> PairRequest | None:
        count = len(self.detections)
        return PairRequest(self.layer, count) if count and self.layer else None

    def _choice_of(self, request: PairRequest) -> dict[str, Any]:
        return {"layer": request.layer}

    def _compute(self, request: PairRequest, progress: Progress | None) -> MapVectors:
        inputs = self._inputs
        return map_vectors(
            inputs.detector,  # type: ignore[arg-type]
            inputs.image,
            inputs.detections,
            layer=request.layer,
            progress=progress,
        )

    def _pack(self, request: PairRequest, result: MapVectors) -> dict[str, Any]:
        return {"key": request.key, "title": request.title, **maps_payload(result)}

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here: the boxes only."""
        decided = self._decide(self._drawn())
        kept = frozenset() if decided is None else frozenset(decided[0].tolist())
        passes = (self.detections.scores >= self.score_threshold).tolist()
        drawn: dict[str, list[dict[str, Any]]] = {"removed": [], "present": [], "kept": []}
        for index in self.listed:
            state = "kept" if index in kept else "removed"
            if passes[index] and state in self.shown:
                drawn[state].append(self.objects[index])
        if "present" in self.shown:
            drawn["present"] = [{**one, "score": 1.0} for one in self.truth.get("objects", ())]
        # What is kept lies over the others.
        objects = [{**thing, "color": COLORS[state]} for state, things in drawn.items() for thing in things]
        tints = dict.fromkeys(range(len(objects) - len(drawn["kept"]), len(objects)), COLORS["kept"])
        numbers = [thing.get("number") for thing in objects]
        chosen = numbers.index(self.selected) if self.selected is not None and self.selected in numbers else None
        look = picture.Look(0.0, 0.0, self.colormap, False)
        return picture.Snapshot(self._inputs.image, objects, chosen, None, look, tints=tints)

    def _picture(self) -> bytes:
        return picture.draw_snapshot(self._scene(), self._caption())

    def _photo_picture(self) -> Image.Image:
        """The photograph with the boxes, at the photograph's resolution."""
        return picture.draw_view(self._scene())

    def _caption(self) -> str:
        decided = self._decide(self._drawn())
        if self.status["state"] == "error" and decided is None:
            return str(self.status["text"])
        if not len(self.detections):
            return str(self.notice)
        if decided is None:
            return f"{TITLES[self.rule]} compares maps, and they are not computed yet."
        before = self._passing
        told = outcome(before, replace(self.detections[decided[0]], scores=decided[1]), self._sample)
        doubt = f"{self.notice} " if self.notice else ""
        said = f"{doubt}{TITLES[self.rule]} keeps {told['kept']} of {len(before)} predictions"
        if self._sample is None:
            return f"{said}."
        return (
            f"{said}: {told['found']} objects found, {told['lost']} lost ({told['suppressed']} of them had "
            f"a prediction), {told['double']} double, {told['elsewhere']} elsewhere."
        )
