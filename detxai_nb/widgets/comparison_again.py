"""A Comparison that found nothing goes on with what is found at a lower threshold."""

from __future__ import annotations

from typing import Any

from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.widgets.comparison_slow import SlowMethods
from detxai_nb.widgets.shared.detecting_again import DetectingAgain
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.metric_choices import metric_choices

FIRST_OBJECTS = 4


class DetectingAndComparing(DetectingAgain):
    """What a Comparison does when objects are found after all."""

    def _take_inputs(self, inputs: WidgetInputs) -> None:
        widget: Any = self
        super()._take_inputs(inputs)
        sample, metrics = widget._scored_by
        scorer = MapScorer.of(inputs.image, inputs.detections, sample, metrics)
        widget._scorer, widget._slow = scorer, SlowMethods(inputs, widget._options)
        self.choices = {**self.choices, "metrics": metric_choices(scorer.metrics), "annotated": scorer.annotated}
        widget.metrics = first_metrics(scorer, metrics is not None)

    def _found_again(self) -> None:
        widget: Any = self
        widget.shown = list(range(min(len(self.detections), FIRST_OBJECTS)))


def first_metrics(scorer: MapScorer, all_of_them: bool) -> list[str]:
    """Return the metrics that are shown at first.

    Args:
        scorer: what measures.
        all_of_them: whether they were chosen one by one.

    Returns:
        Their names.
    """
    return [m.name for m in scorer.metrics if all_of_them or m.in_comparison == "shown"]
