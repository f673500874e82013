"""WhatIf: paint over a part of the picture and see what the detector says then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from detxai_nb.data.sample import Sample
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource, load_image
from detxai_nb.interventions.intervention import Intervention
from detxai_nb.types import Detections, Detector
from detxai_nb.widgets.shared.filters import FilterTraits
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.missed import missed_in_words
from detxai_nb.widgets.shared.options import show_widget_options, split_options
from detxai_nb.widgets.shared.trait_types import Positive, Share, is_whole
from detxai_nb.widgets.shared.traits import Choice
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.shared.worker import COMPUTING, bytes_of_maps
from detxai_nb.widgets.snapshots import picture as still
from detxai_nb.widgets.snapshots import what_if
from detxai_nb.widgets.what_if_asking import AskingWidget
from detxai_nb.widgets.what_if_code import WhatIfOptions, answer_code
from detxai_nb.widgets.what_if_steps import History
from detxai_nb.widgets.what_if_view import fills_offered

TOOLS = ("select", "brush", "box", "lasso")


def _bytes(result: HeatMaps | Intervention) -> int:
    """The bytes of what the widget computes."""
    if isinstance(result, Intervention):
        return int(result.picture.nbytes + result.controls.masks.nbytes + result.region.mask.nbytes)
    return bytes_of_maps(result)


@show_widget_options(WhatIfOptions, settings=False, controls=4, score_threshold=0.3)
class WhatIf(AskingWidget, FilterTraits):
    """The picture with its objects and a heat map: paint over a part and see what the detector says then.

    Draw a region with brush, box or lasso, or take the hottest share of the selected object's map; it is filled as
    chosen, and the detector is asked again: scores before and now, boxes that moved, classes that changed, what
    appeared and what went, and the share of the heat that lay under the region. Whatever is painted over, some score
    falls, so areas of the same size elsewhere, in the object and on the background, are filled likewise right after.

    Each answer is a step of a history: going back and forth loses none, each can have a note, two can be compared.
    Answers are computed in a thread beside the kernel; a newer question supersedes an older one, and after one that was
    cancelled or failed the last answer stands. Do not use the detector in a cell while the widget computes with it.

    With the picture's annotations (``sample``) the objects that were missed are listed greyed below those that were
    found, each with its cause (``dx.misses``); choosing one shows what speaks for its best candidate, and what against.

    By keyboard: with the picture in focus, arrow keys move the region, "]" and "[" let it grow and shrink, "," and "."
    choose the object, "h" takes the hottest pixels, "b" draws a box in the middle, "v" shows the picture before or now.

    What next: ``dx.interventions`` asks the same in a script, ``dx.metrics.heat_effect`` measures over many patches
    whether heat and effect go together, ``Perturbation`` follows a map from its hottest pixel to its coldest.

    Args:
        detector: a detector, or the name of one. Of a black box objects are found again by class and IoU.
        image: the picture, anything that ``load_image`` takes.
        detections: the objects, from ``detector.detect([image])``; by default what the detector finds with at least
            ``score_threshold``. Of a classifier the classes to list.
        method: the name of a method whose maps are shown; by default the first that can explain the detector.
        fill: first value of the trait below.
        maps: heat maps of the objects, from ``dx.explain``, to be shown instead: the only way for a black box.
        picture: another picture, from which the fill "picture" takes pixels.
        sample: the unchanged picture with its annotations: then missed objects are listed too.
        **options: ``controls`` (how many equal areas elsewhere in the object, and on the background, are filled after
            each answer, 4 by default, 0 for none), ``score_threshold`` (0..1, as in the Explorer), and first values of
            the traits.

    Attributes:
        selected: index of the selected object or class, or None; the next question is about it.
        miss: number of the chosen missed object, or None.
        misses: the missed objects, see ``missed`` for all that is known of them.
        method, opacity, hide_below, colormap, signed_colormap: of the heat map, as in the Explorer.
        tool: what a drag does: "select" (click objects and move the picture), "brush", "box" or "lasso".
        radius: of the brush, in pixels of the picture.
        share: of the pixels that "hottest" takes, 0..1.
        fill: what the region is filled with, one of ``dx.interventions.FILLS``; setting it asks again.
        seed: of what is random in fills and of the places of equal areas, 0 or more; setting it asks again.
        view: "before" (the unchanged picture with the heat map) or "now" (the filled one).
        step: the number of the step that is shown, from 0, or None for the unchanged picture.
        other: the number of a step that is compared with it, or None.
        steps: title and note of each step.
        min_score, only_class, search: which objects are listed and drawn, as in the Explorer.

    Raises:
        TypeError: for an unknown option, or what is no detector, Detections or HeatMaps.
        ValueError: for detections, maps or annotations of another picture, maps of another detector, or annotations
            beside an image classifier.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.

    Example:
        >>> import detxai_nb as dx
        >>> scene = dx.data.scenes.make(3, seed=1)
        >>> what_if = dx.widgets.WhatIf(dx.load_detector("tiny-fcos", device="cpu"), scene.image, controls=0)
        >>> box = what_if.detections.boxes[0].tolist()
        >>> one = what_if.ask(dx.interventions.Region.box(scene.image, box), "mean", note="all of it")
        >>> bool(one.lost[0] > 0.1), what_if.step
        (True, 0)
        >>> what_if.undo()
        >>> what_if.close()
    """

    _size: Callable[[Any], int] = staticmethod(_bytes)
    _esm = STATIC / "what_if.js"
    _css = STATIC / "what_if.css"
    tool = Choice(TOOLS, "brush")
    radius = Positive(12.0)
    share = Share(0.1)

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        method: str | None = None,
        fill: str = "blur",
        maps: HeatMaps | None = None,
        picture: ImageSource | None = None,
        sample: Sample | None = None,
        **options: Any,
    ) -> None:
        traits, settings = split_options(options, WhatIfOptions)
        if settings:
            raise TypeError(
                f"{next(iter(settings))!r} is a setting of methods, and no argument of WhatIf; hand in maps="
            )
        self._controls = traits.pop("controls", 4)
        if not is_whole(self._controls) or self._controls < 0:
            raise ValueError(f"controls is a number of areas, 0 or more; got {self._controls!r}")
        self._history = History()
        self._other_picture = None if picture is None else np.asarray(load_image(picture))
        self._fills = fills_offered(picture is not None)
        inputs = WidgetInputs.of(detector, image, detections, traits.pop("score_threshold", 0.3))
        self._check_given(inputs, maps)
        self._given = maps
        self._take_options(inputs)
        with COMPUTING:
            self._take_inputs(inputs)
        self._take_sample(inputs, sample)
        super().__init__(
            inputs,
            choices={**self._map_choices(inputs), "fills": self._fills, "colors": what_if.COLORS},
            method=self._first_method() if method is None else method,
            fill=fill,
            **{"radius": _first_radius(inputs.image), **traits},
        )
        if (wanted := self._wanted) is not None:
            self._compute_first(wanted)

    def to_code(self) -> str:
        """Return the Python code that makes the answer that is shown, exactly.

        Returns:
            Python source.
        """
        drawn = self._drawn()
        maps = None if drawn is None else (self._maps_source(), self._row)
        question = None if self._history.now is None else self._history.now.question
        return answer_code(self._names(), question, maps, self._controls, self._miss_code(), self._filter_code())

    @classmethod
    def _page_traits(cls) -> tuple[str, ...]:
        return "method", "miss", "selected", "step", "other"

    @classmethod
    def _page_apart(cls) -> tuple[str, ...]:
        return ("other",)

    @classmethod
    def _page_state(cls, state: dict[str, Any]) -> dict[str, Any]:
        """Nothing is drawn on a page."""
        return {**state, "tool": "select", "ways": {"back": False, "forth": False}}

    def _page_choices(self) -> list[Mapping[str, Any]]:
        """Every step with every object, and every step beside another."""
        steps = [None, *range(len(self.steps))]
        things = {"selected": [None, *range(len(self.objects))], "miss": [None, *range(len(self.misses))]}
        return [*super()._page_choices(), {**things, "step": steps, "other": steps}]

    def _page_choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        """A missed object is chosen instead of one that was found."""
        return choice if choice.get("miss") is None else {**choice, "selected": None}

    def _scene(self) -> still.Snapshot:
        """The unchanged picture with the heat map, to be drawn here."""
        maps = None if self._thing is None else self._drawn()
        colormap = self.signed_colormap if maps is not None and maps.signed else self.colormap
        look = still.Look(self.opacity, self.hide_below, colormap, False)
        return still.Snapshot(
            self._inputs.image, self._things, self._thing, maps, look, self._row, hidden=self._hidden_things
        )

    def _shown_answer(self) -> Intervention | None:
        """The answer that is shown, as far as it is kept; does not wait."""
        now = self._history.now
        return None if now is None else self._worker.kept.get(now.question.key)

    def _picture(self) -> bytes:
        one = self._shown_answer()
        return (
            still.draw_snapshot(self._scene(), self._caption()) if one is None else still.still_png(self._figure(one))
        )

    def _photo_picture(self) -> Image.Image:
        one = self._shown_answer()
        return still.draw_view(self._scene()) if one is None else self._figure(one)

    def _figure(self, one: Intervention) -> Image.Image:
        now = self._history.now
        heat = "" if self.heat_share is None else f"{self.heat_share:.0%} of the heat lay under the region. "
        return what_if.draw_answer(one, f"{heat}{'' if now is None else now.note}".strip())

    def _caption(self) -> str:
        if self.status["state"] == "error":
            return str(self.status["text"])
        if self.miss is not None:
            return f"{missed_in_words(self.misses[self.miss])}. Nothing was asked yet."
        if self.selected is None:
            missed = f", {len(self.misses)} missed" if self.misses else ""
            return self.notice or f"{self._inputs.subject.counted(len(self.objects))}{missed}"
        title = "" if self._shown is None else f": {self._shown.title}"
        return f"{still.label_of(self.objects[self.selected])}{title}. Nothing was asked yet."


def _first_radius(image: np.ndarray) -> float:
    """A brush of a tenth of the picture's shorter side."""
    return float(max(2, round(min(image.shape[:2]) / 20)))
