"""Explorer: click an object of a photograph and see which pixels made the detector find it."""

from __future__ import annotations

from typing import Any

from PIL import Image

from detxai_nb.data.sample import Sample
from detxai_nb.explaining.jobs import COMBINE
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource
from detxai_nb.types import Detections, Detector
from detxai_nb.widgets.explorer_classes import ExplainedOnDemand, picked
from detxai_nb.widgets.explorer_contrasts import ContrastTraits, pack_others
from detxai_nb.widgets.shared.code import keywords, overlay_lines, script_of
from detxai_nb.widgets.shared.filters import FilterOptions, FilterTraits
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.missed import MissedObjects, MissRequest, missed_in_words
from detxai_nb.widgets.shared.options import (
    Request,
    SignedLookOptions,
    WidgetOptions,
    methods_elsewhere,
    show_widget_options,
    split_options,
)
from detxai_nb.widgets.shared.traits import Choice, MethodTraits, ScaleTraits, SignedLookTraits, TargetTraits
from detxai_nb.widgets.shared.typed_classes import class_choices
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.snapshots import picture

_IN_CAPTION = 10
"""As many classes are named below a still picture."""
_CHOICE = ("method", "target", "layer", "direction", "against", "combine")
"""The traits that decide which maps of the objects are shown."""
NO_OTHER_CLASS = "of the very class that the others are explained against"
"""What is said of an object without a map."""


class ExplorerOptions(SignedLookOptions, FilterOptions, total=False):
    """First values of further traits of the Explorer.

    Attributes:
        selected, direction, scale, against, combine: as the traits.
    """

    selected: int | None
    direction: str
    scale: str
    against: str
    combine: str


@show_widget_options(ExplorerOptions)
class Explorer(
    MissedObjects,
    ExplainedOnDemand,
    ContrastTraits,
    FilterTraits,
    MethodTraits,
    TargetTraits,
    SignedLookTraits,
    ScaleTraits,
):
    """The photograph with its detected objects, and the heat map of the selected one.

    The maps of all objects are computed together: the first ones when the widget is made, later ones in a thread beside
    the kernel, so that the browser can show progress and cancel. A newer choice supersedes an older one. Computed maps
    are kept, so that choosing them again costs nothing. Do not use the detector in a cell while the widget computes
    with it.

    Of an image classifier there are no objects: a list of classes with their probabilities takes their place, the five
    most probable first. Any other class is explained once its name is typed, or by ``add_class``. Maps are computed for
    the first five classes and for those that are selected.

    "Rather than" asks why an object is of its class and not of another one, the most probable others first: the map
    explains the difference of the two classes' logits, and objects of the other class itself have none. "Class and
    sides" joins five maps whose units differ by their maximum, as the ODAM paper does, so that the part with the
    largest numbers decides nearly everywhere; which one it is stands below the colour bar, and "Join: normalized" gives
    all parts the same range. Below the colour bar stands the unit of what is explained.

    With the photograph's annotations (``sample``) the objects that were missed are listed greyed below those that were
    found, each with its cause (``dx.misses``). Choosing one shows the map of its best candidate, a prediction that was
    not reported: what speaks for the annotated class, and what against.

    What next: ``Comparison`` puts methods side by side, ``Discrimination`` shows what sets an object apart from its
    neighbours, ``Perturbation`` what happens when the marked pixels go, ``SanityCheck`` whether a map depends on what
    the detector has learnt, ``TinyObjects`` whether the maps of small objects stay on them.

    Args:
        detector: an open detector, or the name of one.
        image: the photograph, anything that ``load_image`` takes.
        detections: the objects, from ``detector.detect([image])``; by default what the detector finds with at least
            ``score_threshold``. Of a classifier the classes to list, in this order.
        method: a name of ``dx.methods``, of one that looks inside the detector; those that ask it hundreds of times
            (D-RISE, SODEx) are in the ``Comparison``.
        target: what is explained: "class", "x1", "y1", "x2", "y2" or "combined".
        layer: a name of ``detector.layers``; by default the one that the method prefers.
        sample: the photograph with its annotations: then missed objects are listed too.
        score_threshold: the lowest score of an object, 0..1. Of a classifier the five most probable classes are there
            whatever their probabilities, and further ones with at least this one.
        **options: first values of the traits below (``opacity=0.5``), and settings of methods (``smooth="box"``), which
            go to the methods that have them.

    Attributes:
        selected: index of the selected object or class, or None.
        miss: number of the chosen missed object, or None; its map is of the chosen method and layer, signed where the
            method has signs, and of the class score.
        misses: the missed objects, see ``missed`` for all that is known of them.
        method, target, layer: as above; setting one computes other maps.
        against: the name of another class, "" for none: why the class rather than this one, for the target "class".
        combine: how the target "combined" joins its parts, "maximum" (the papers') or "normalized".
        direction: the sign of the evidence, "positive", "negative", "signed" or "absolute", for methods that have it.
        opacity: of the map, 0..1.
        hide_below: evidence below this share of the range of colours is not drawn, 0..1.
        percentile: values from this percentile of a map's cells on have the last colour, above 0, up to 100.
        colormap, signed_colormap: names of a sequential and a diverging colour map, the second for signed maps.
        scale: "object" (each map over its own range) or "shared" (all maps over one).
        boxes: "all" or "selected".
        min_score, only_class, search: which objects are listed and drawn: those with at least this score (0..1), of
            this class ("" for all), whose name holds this text or whose number it is ("#3").

    Raises:
        TypeError: for an unknown option, or what is no detector or Detections.
        ValueError: for a black-box detector, a wrong setting of a method, a sample of another size, or one of an image
            classifier.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.
    """

    _esm = STATIC / "explorer.js"
    _css = STATIC / "explorer.css"
    _choice = (*_CHOICE, "miss")
    _options: WidgetOptions

    direction = Choice(lambda widget: widget._options.directions or ("positive",), "positive")

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        method: str = "odam",
        target: str = "class",
        layer: str | None = None,
        sample: Sample | None = None,
        score_threshold: float = 0.3,
        **options: Any,
    ) -> None:
        traits, settings = split_options(options, ExplorerOptions)
        inputs = WidgetInputs.of(detector, image, detections, score_threshold)
        self._options = WidgetOptions.of(inputs.detector, settings, ("gradient", "trace"))
        self._take_sample(inputs, sample)
        super().__init__(
            inputs,
            choices={
                **self._options.to_payload(),
                "elsewhere": methods_elsewhere(inputs.subject),
                **class_choices(inputs),
            },
            method=method,
            target=target,
            layer=self._options.layers[0] if layer is None else layer,
            others=pack_others(inputs.detections),
            **traits,
        )
        self._begin()

    @property
    def maps(self) -> HeatMaps:
        """The raw maps of all objects or classes for what is chosen now; waits for a running computation.

        Of a missed object it is one map, that of its best candidate.

        Raises:
            RuntimeError: if there are none: no object, a failed or a cancelled computation.
        """
        return self._all_maps() if self.miss is None else self._result()

    def to_code(self) -> str:
        """Return the Python code that makes the maps for what is chosen now, and paints the selected one.

        Returns:
            Python source.
        """
        request, lines = self._request, [*self._miss_code(), *self._filter_code()]
        place = self._place_of_thing
        if self.miss is not None:
            if self._wanted is not None:
                lines.append(f"maps = {self._miss_source()}")
        elif self._wanted is None and len(self.detections):
            lines.insert(0, f"# every object is of the class {request.against!r} itself: nothing to explain")
        else:
            call, of = self._options.call(request), picked(request.rows, len(self.detections))
            lines.insert(0, f"maps = dx.explain(detector, image, detections{of}, {keywords(call)})")
        if place is not None:
            lines.append(f"heat_map = maps.values[{place}]  # float32 [H, W], raw values")
            how = self._request if self.miss is None else self._map_of_misses()
            lines += overlay_lines(self, "maps", place, self._options.is_signed(how), self.scale)
        return script_of(self._names(), lines)

    @property
    def _place_of_thing(self) -> int | None:
        """Which of the maps is that of what is selected or chosen; None where it has none."""
        if self.miss is not None:
            return 0 if self._wanted is not None else None
        return None if self.selected is None else self._place(self.selected)

    def _map_of_misses(self) -> Request:
        return self._options.request(self.method, "class", self.layer, "signed")

    def _choice_of(self, request: Request | MissRequest) -> dict[str, Any]:
        if isinstance(request, MissRequest):
            now = {name: getattr(self, name) for name in self._choice}
            return {**now, "method": request.maps.method, "layer": request.maps.layer, "miss": request.row}
        return {
            "method": request.method,
            "target": request.target,
            "layer": self._options.layer_after(request, self.layer),
            "direction": request.direction or self.direction,
            "against": request.against if self._contrasts(request) else self.against,
            "combine": (request.combine or COMBINE[0]) if request.target == "combined" else self.combine,
            "miss": None,
        }

    def _contrasts(self, request: Request) -> bool:
        """Whether a request could be of a class rather than another."""
        return request.target == "class" and self._options.methods[request.method].contrasts

    @property
    def _request(self) -> Request:
        choice = (getattr(self, name) for name in _CHOICE)
        return self._with_rows(self._options.request(*choice))

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here."""
        with self._lock:
            maps = None if self._thing is None else self._worker.kept.get(self.map_key)
            place = self._place_of_thing
        if maps is not None and (place is None or place >= len(maps)):
            maps = None  # of a class that is still being explained, or of a miss without a candidate
        look = picture.look_of(self, maps, self.scale == "shared")
        return picture.Snapshot(
            self._inputs.image, self._things, self._thing, maps, look, place, hidden=self._hidden_things
        )

    def _picture(self) -> bytes:
        return picture.draw_snapshot(self._scene(), self._caption())

    def _photo_picture(self) -> Image.Image:
        """The photograph with boxes and the selected map, at the photograph's resolution."""
        return picture.draw_view(self._scene())

    def _caption(self) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.miss is not None:
            title = f". {self._shown.title}" if self._wanted is not None and self._shown is not None else ""
            return f"{missed_in_words(self.misses[self.miss])}{title}"
        if self.selected is None:
            return (
                self.notice
                or f"{self._inputs.subject.counted(len(self.objects))}{self._counted_misses()}{self._listed_classes()}"
            )
        thing = self.objects[self.selected]
        title = "" if self._shown is None else f": {self._shown.title}"
        if self._request.against and self._place(self.selected) is None:
            title = f": {NO_OTHER_CLASS}"
        return f"{picture.label_of(thing)}{title}{self._listed_classes()}"

    def _counted_misses(self) -> str:
        return f", {len(self.misses)} missed" if self.misses else ""

    def _listed_classes(self) -> str:
        """The list of classes as a saved notebook has it; nothing of a detector, whose objects are in the picture."""
        if not self._inputs.subject.whole:
            return ""
        named = [picture.label_of(thing) for thing in self.objects]
        more = f" and {len(named) - _IN_CAPTION} more" if len(named) > _IN_CAPTION else ""
        return f". Listed: {', '.join(named[:_IN_CAPTION])}{more}"
