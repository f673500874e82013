"""Missed objects of a widget: annotations that no detection answers to, with their cause, below what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import traitlets

from detxai_nb.data.sample import Sample
from detxai_nb.misses.analysis import explain_misses
from detxai_nb.misses.report import MissReport
from detxai_nb.misses.signed_maps import explain_candidate
from detxai_nb.misses.words import candidate_in_words, cause_in_words
from detxai_nb.types import Progress
from detxai_nb.widgets.shared.code import keywords
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import Request, WidgetOptions, method_title
from detxai_nb.widgets.shared.traits import Index
from detxai_nb.widgets.shared.worker import COMPUTING

MISSED_COLOR = "#b4b8be"
"""Of the boxes of missed objects, whatever their class."""
_BOX = ("x1", "y1", "x2", "y2")
_THRESHOLD = 0.3
"""The lowest score of what counts as found, where the detections do not say it."""


@dataclass(frozen=True)
class MissRequest:
    """The map of a miss's best candidate: what speaks for the missed object, and what against.

    Attributes:
        row: the number of the miss.
        name: the class of the annotation.
        maps: how the map is made.
        rows: none: it is no map of the found objects.
    """

    row: int
    name: str
    maps: Request
    rows: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """The computation's name."""
        return f"miss {self.row}|{self.maps.key}"

    @property
    def title(self) -> str:
        """The computation in words."""
        against = " and against" if self.maps.direction == "signed" else ""
        return f"{method_title(self.maps.method)} for{against} {self.name}"


class MissedObjects(OneResultWidget):
    """A widget that lists missed objects, and shows the map of the best candidate of the one that is chosen.

    What a subclass sets before this constructor is called: ``_sample``, by ``_take_sample``. It has "miss" among its
    ``_choice``.

    Args:
        inputs: detector, photograph and objects.
        **traits: first values of traits.

    Attributes:
        misses: of each annotated object that no detection answers to: "name", "box" (xyxy, pixels of the photograph),
            "missed" (the cause, one of ``dx.misses.CAUSES``) and "why" (the cause in words); of its best candidate
            "about" (in words), "score" (of the annotation's class; 0 if there is none), "candidate" (name, score and
            box, or None); and whether it can be "explained".
        miss: the number of the chosen miss, or None; choosing one leaves the selected object, and the other way round.
    """

    _sample: Sample | None = None
    _report: MissReport | None = None
    _left: int | None = None
    """The object that was selected last."""
    _options: WidgetOptions | None

    misses: Any = traitlets.List().tag(sync=True)
    miss = Index(
        lambda widget: len(widget.misses),
        "no object was missed; hand in the annotations with sample= to have them listed",
    )

    def __init__(self, inputs: WidgetInputs, **traits: Any) -> None:
        super().__init__(inputs, misses=self._packed_misses(inputs), **traits)

    def cancel(self) -> None:
        """Stop the running computation, if there is one; from a miss go back to the object that was selected before."""
        with self._lock:
            leaves = isinstance(self._worker.busy, MissRequest)
            super().cancel()
            if leaves and self.miss is None and self.selected is None:
                self.selected = self._left

    def _take_sample(self, inputs: WidgetInputs, sample: Sample | None) -> None:
        """Look for what was missed; raises as ``WidgetInputs.check_sample`` and ``explain_misses``."""
        if sample is not None:
            inputs.check_sample(sample)
            with COMPUTING:
                self._report = explain_misses(inputs.detector, sample, score_threshold=_threshold(inputs))
            self._sample = sample

    def _take_inputs(self, inputs: WidgetInputs) -> None:
        super()._take_inputs(inputs)
        if self._sample is not None and self._ready:
            self._take_sample(inputs, self._sample)
            self.miss = self._left = None
            self.misses = self._packed_misses(inputs)

    def _packed_misses(self, inputs: WidgetInputs) -> list[dict[str, Any]]:
        if self._report is None:
            return []
        able = self._options is not None
        return [_packed(miss, able) for _, miss in self._report.misses.iterrows()]

    @property
    def missed(self) -> MissReport:
        """The misses as ``dx.misses.explain_misses`` returns them, in the order of ``misses``.

        Raises:
            RuntimeError: if the widget was not given ``sample=``.
        """
        if self._report is None:
            raise RuntimeError(
                "what was missed is told by annotations: hand in the photograph with its annotations as sample="
            )
        return self._report

    def _map_of_misses(self) -> Request | None:
        """How the map of a miss is made; None where there is no way."""
        raise NotImplementedError

    @property
    def _wanted(self) -> Any:
        if self.miss is None:
            return super()._wanted
        one, how = self.misses[self.miss], self._map_of_misses()
        return MissRequest(self.miss, one["name"], how) if one["explained"] and how is not None else None

    def _compute(self, request: Any, progress: Progress | None) -> Any:
        if not isinstance(request, MissRequest):
            return super()._compute(request, progress)
        options: WidgetOptions = self._options  # type: ignore[assignment]
        call, inputs = options.arguments(request.maps), self._inputs
        return explain_candidate(inputs.detector, inputs.image, self.missed, request.row, progress=progress, **call)

    def _page_choices(self) -> list[Mapping[str, Any]]:
        """All misses: their best candidates are few."""
        return [*super()._page_choices(), {"miss": [None, *range(len(self.misses))]}]

    def _miss_source(self) -> str:
        """Python that makes the map of the chosen miss from ``report``."""
        options: WidgetOptions = self._options  # type: ignore[assignment]
        how: Request = self._map_of_misses()  # type: ignore[assignment]
        call = keywords(options.call(how))
        return f"dx.misses.explain_candidate(detector, image, report, {self.miss}, {call})"

    def _miss_code(self) -> list[str]:
        """Lines of ``to_code`` that say what was missed; none without annotations."""
        if self._sample is None:
            return []
        given = f"score_threshold={_threshold(self._inputs)!r}"
        return [f"report = dx.misses.explain_misses(detector, sample, {given})  # the missed objects"]

    def _names(self) -> dict[str, str | None]:
        """The sources of detector, image and detections, and of the annotations if there are any."""
        return {**self._inputs.recipe.names(), **({} if self._sample is None else {"sample": None})}

    @property
    def _things(self) -> list[dict[str, Any]]:
        """The found objects, and the missed ones after them, to be drawn."""
        return [*self.objects, *self.misses]

    @property
    def _thing(self) -> int | None:
        """The number among them of what is selected or chosen; None for nothing."""
        return self.selected if self.miss is None else len(self.objects) + self.miss

    @property
    def _row(self) -> int | None:
        """The number of its map among those that are shown; None for nothing."""
        return self.selected if self.miss is None else 0

    @property
    def _hidden_things(self) -> frozenset[int]:
        """The numbers of those that do not pass the filters of class and name."""
        hidden: frozenset[int] = self._hidden
        count, words = len(self.objects), self.search.strip().lower()
        only: str = self.only_class
        return hidden | {
            count + row
            for row, miss in enumerate(self.misses)
            if words not in miss["name"].lower() or only not in ("", miss["name"])
        }

    @traitlets.observe("miss")
    def _chose_miss(self, change: Any) -> None:
        if change["new"] is not None and self.selected is not None:
            self.selected = None

    @traitlets.observe("selected")
    def _chose_object(self, change: Any) -> None:
        if change["new"] is None:
            self._left = change["old"]
        elif self.miss is not None:
            self.miss = None


def _threshold(inputs: WidgetInputs) -> float:
    """The lowest score of what counts as found."""
    known = (inputs.recipe.score_threshold, inputs.detections.score_threshold, _THRESHOLD)
    return float(next(value for value in known if value is not None))


def _packed(miss: Mapping[str, Any], able: bool) -> dict[str, Any]:
    known = bool(miss["iou"] == miss["iou"])
    candidate = {
        "name": str(miss["predicted"]),
        "score": float(miss["predicted_score"]),
        "box": [float(miss[f"candidate_{side}"]) for side in _BOX],
    }
    return {
        "name": str(miss["label"]),
        "score": float(miss["score"]) if miss["score"] == miss["score"] else 0.0,
        "box": [float(miss[side]) for side in _BOX],
        "color": MISSED_COLOR,
        "missed": str(miss["cause"]),
        "why": cause_in_words(miss),
        "about": candidate_in_words(miss),
        "candidate": candidate if known else None,
        "explained": known and able,
    }


def missed_in_words(thing: Mapping[str, Any]) -> str:
    """Return what became of a missed object, and what is known of its best candidate.

    Args:
        thing: one of ``MissedObjects.misses``.

    Returns:
        Such as "mug, missed: regressor: something near, but no box that fits (IoU 0.42, score 0.55)".
    """
    about = f" ({thing['about']})" if thing["about"] else ""
    return f"{thing['name']}, missed, {thing['why']}{about}"
