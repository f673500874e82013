"""Classes by name: a classifier's widget lists a few, and explains any other once its name is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from detxai_nb.names import nearest_names
from detxai_nb.subjects import number_of_class
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.detecting_again import DetectingAgain
from detxai_nb.widgets.shared.filters import FILTERS
from detxai_nb.widgets.shared.inputs import WidgetInputs


class TypedClasses(DetectingAgain):
    """A widget that lists a classifier's most probable classes, and any other that is asked for by name.

    Attributes:
        class_answer: what became of the name that was typed last: "typed", "text" (what is wrong, "" if nothing is) and
            "near" (the names that are most like it); for the browser.
    """

    class_answer = traitlets.Dict({"typed": "", "text": "", "near": []}).tag(sync=True)

    def add_class(self, named: str | int) -> int:
        """List one more class of an image classifier, select it, and have it explained.

        It is what the text field below the list of classes does.

        Args:
            named: its name; or its number, for classes that share a name.

        Returns:
            Its index in ``detections``; that of a class that is listed already stays as it is.

        Raises:
            TypeError: if it is neither a text nor a whole number.
            ValueError: for a class that there is not, naming those that are most like it; for a detector, whose
                predictions have places.
        """
        if not self._inputs.subject.whole:
            raise ValueError(
                "a detector's objects are found, not asked for by name; an image classifier's classes are added "
                "by name. For fewer or more objects, make the widget with another score_threshold"
            )
        number = number_of_class(self._inputs.detector, named)
        with self._lock:
            labels = self.detections.labels.tolist()
            if number in labels:
                index = labels.index(number)
                self._show_class(index, new=False)
                return index
            inputs, index = self._inputs.with_class(number), len(labels)
            with self.hold_sync():
                self._take_class(inputs)
                self.notice = ""
                self.objects = serialize.pack_objects(inputs.detections)
                self._show_class(index, new=True)
                self.code = self.to_code()
            return index

    def _take_class(self, inputs: WidgetInputs) -> None:
        """Go on with one more class; a subclass that keeps more of them than ``_inputs`` adds it there too."""
        self._inputs = inputs

    def _show_class(self, index: int, new: bool) -> None:
        """Select a class, whatever the filters hide."""
        if index in self._hidden:
            for name in FILTERS:
                self.set_trait(name, 0.0 if name == "min_score" else "")
        self.selected = index

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """Handle what the browser sends besides traits: also to list a class by its name or number."""
        super()._message(_, content, buffers)
        if content.get("type") != "class":
            return
        typed = content.get("name")
        answer: dict[str, Any] = {"typed": str(typed), "text": "", "near": []}
        try:
            self.add_class(typed)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            answer["text"] = str(error)
            if isinstance(typed, str):
                answer["near"] = list(nearest_names(typed, list(self._inputs.detector.names)))
        self.class_answer = answer


def class_choices(inputs: WidgetInputs) -> dict[str, Any]:
    """Return the names that can be typed, for the browser.

    Args:
        inputs: of the widget.

    Returns:
        "classes": the name of every class of a classifier, by its number; none of a detector.
    """
    return {"classes": [str(name) for name in inputs.detector.names] if inputs.subject.whole else []}
