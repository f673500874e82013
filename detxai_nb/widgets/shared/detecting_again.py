"""The way out where nothing was found: detecting once more with a lower threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.options import empty_notice
from detxai_nb.widgets.shared.widget import PhotoWidget


class DetectingAgain(PhotoWidget):
    """A widget with a photograph and a button beside the notice that nothing was found.

    Args:
        inputs: detector, photograph and objects.
        **traits: first values of traits.

    Attributes:
        lower_score: if nothing was found, a threshold with which something is; else None. For the browser.
    """

    lower_score = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(self, inputs: WidgetInputs, **traits: Any) -> None:
        super().__init__(inputs, lower_score=inputs.lower_score, **traits)

    def detect_again(self) -> None:
        """Detect with ``lower_score`` if nothing was found, and go on with what is found then; else nothing happens.

        It is what the button beside the notice does.
        """
        with self._lock:
            if self.lower_score is None:
                return
            inputs = self._inputs.with_threshold(self.lower_score)
            with self.hold_sync():
                self._take_inputs(inputs)
                self.lower_score = inputs.lower_score
                self.notice = empty_notice(inputs.detections)
                self.objects = serialize.pack_objects(inputs.detections)
                self.selected = 0 if len(inputs.detections) else None
                self._found_again()
                self.code = self.to_code()

    def _take_inputs(self, inputs: WidgetInputs) -> None:
        """Go on with other objects; a subclass that keeps more of them than ``_inputs`` replaces that too."""
        self._inputs = inputs

    def _found_again(self) -> None:
        """Go on with the objects that are there now."""

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """Handle what the browser sends besides traits: also to detect again."""
        super()._message(_, content, buffers)
        if content.get("type") == "detect":
            self.detect_again()
