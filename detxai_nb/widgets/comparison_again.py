"""A Comparison goes on with other predictions: what is found at a lower threshold, or one more class by name."""

from __future__ import annotations

from typing import Any

from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.widgets.comparison_slow import SlowMethods
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.metric_choices import metric_choices
from detxai_nb.widgets.shared.typed_classes import TypedClasses, class_choices

FIRST_OBJECTS = 4


class DetectingAndComparing(TypedClasses):
    """What a Comparison does when there are other objects, or more classes."""

    def _take_inputs(self, inputs: WidgetInputs) -> None:
        widget: Any = self
        super()._take_inputs(inputs)
        self._measure_anew(inputs)
        self.choices = {**self.choices, **score_choices(widget._scorer)}
        widget.metrics = first_metrics(widget._scorer, widget._scored_by[1] is not None)

    def _found_again(self) -> None:
        widget: Any = self
        widget.shown = list(range(min(len(self.detections), FIRST_OBJECTS)))

    def _take_class(self, inputs: WidgetInputs) -> None:
        """Go on with one more class; methods that take long are asked about before they explain it."""
        widget: Any = self
        super()._take_class(inputs)
        self._measure_anew(inputs)
        for request in map(widget._request, widget.methods):
            busy = widget._worker.busy is not None and widget._worker.busy.request.key == request.key
            if request.key in widget._held and not busy:
                said = widget._slow.question(request, widget._worker.kept)
                widget._ended.update({request.key: ("asked", said)} if said else {})

    def _show_class(self, index: int, new: bool) -> None:
        widget: Any = self
        super()._show_class(index, new)
        if index not in widget.shown:
            widget.shown = [*widget.shown, index]

    def _measure_anew(self, inputs: WidgetInputs) -> None:
        widget: Any = self
        widget._scorer = MapScorer.of(inputs.image, inputs.detections, *widget._scored_by)
        widget._slow = SlowMethods(inputs, widget._options)


def score_choices(scorer: MapScorer) -> dict[str, Any]:
    """Return what the browser offers of metrics.

    Args:
        scorer: what measures.

    Returns:
        "metrics", and "annotated": whether they compare with annotations.
    """
    return {"metrics": metric_choices(scorer.metrics), "annotated": scorer.annotated}


def comparison_choices(inputs: WidgetInputs, options: dict[str, Any], scorer: MapScorer) -> dict[str, Any]:
    """Return all that the browser offers.

    Args:
        inputs: detector, photograph and predictions.
        options: methods, targets and layers.
        scorer: what measures.

    Returns:
        By name.
    """
    return {**options, **score_choices(scorer), **class_choices(inputs)}


def first_metrics(scorer: MapScorer, all_of_them: bool) -> list[str]:
    """Return the metrics that are shown at first.

    Args:
        scorer: what measures.
        all_of_them: whether they were chosen one by one.

    Returns:
        Their names.
    """
    return [m.name for m in scorer.metrics if all_of_them or m.in_comparison == "shown"]
