"""ScoreThreshold: move a score threshold and see which detections pass it."""

from __future__ import annotations

import traitlets
from PIL import Image

from detxai_nb.image import ImageSource
from detxai_nb.subjects import require_places
from detxai_nb.types import Detections, Detector
from detxai_nb.widgets.shared.filters import ClassFilterTraits
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.trait_types import Share
from detxai_nb.widgets.shared.widget import STATIC, PhotoTraits, SnapshotWidget
from detxai_nb.widgets.snapshots import picture


class ScoreThreshold(PhotoTraits, ClassFilterTraits, SnapshotWidget):
    """The photograph with the boxes and names of everything found with at least a score; a slider moves that score.

    The detector runs once, when the widget is made. Boxes appear and vanish in the browser.

    What next: ``Explorer`` with that ``score_threshold`` explains what passes.

    Args:
        detector: a detector, or the name of one.
        image: the photograph, anything that ``load_image`` takes.
        detections: the objects, from ``detector.detect([image])``; by default what the detector finds with at least
            ``lowest_score``.
        score_threshold: first value of the trait.
        lowest_score: the lowest score that the detector reports, 0..1, and so the lowest end of the slider.

    Attributes:
        score_threshold: detections with at least this score are shown, 0..1.
        selected: index of the selected detection, or None; an index of ``detections``.
        only_class, search: which of the detections are listed and drawn: those of this class ("" for all), whose name
            holds this text or whose number it is ("#3").
        lowest_score: as above; with ``detections`` the threshold that they passed.

    Raises:
        TypeError, ValueError: for what is no detector, an image classifier, or no Detections of this image.
        TraitError: for a wrong value of a trait, also later; the message names the allowed ones.

    Example:
        >>> import detxai_nb as dx
        >>> scene = dx.data.scenes.Scenes(1)[0]
        >>> widget = dx.widgets.ScoreThreshold("tiny-fcos", scene.image, score_threshold=0.5)
        >>> bool((widget.detections.scores >= 0.5).all())
        True
    """

    _esm = STATIC / "score_threshold.js"
    _css = STATIC / "score_threshold.css"

    score_threshold = Share(0.3)
    lowest_score = Share(0.05)

    def __init__(
        self,
        detector: Detector | str,
        image: ImageSource,
        detections: Detections | None = None,
        *,
        score_threshold: float = 0.3,
        lowest_score: float = 0.05,
    ) -> None:
        inputs = WidgetInputs.of(detector, image, detections, lowest_score)
        require_places(
            inputs.detector,
            "ScoreThreshold shows which boxes a score threshold lets pass",
            "dx.widgets.Explorer(detector, image), which lists classes with their probabilities",
        )
        lowest = inputs.detections.score_threshold if detections is not None else lowest_score
        super().__init__(inputs, score_threshold=score_threshold, lowest_score=lowest or 0.0, selected=None)
        self.code = self.to_code()

    @property
    def detections(self) -> Detections:
        """The detections with at least ``score_threshold``, by falling score."""
        found = self._inputs.detections
        return found[found.scores >= self.score_threshold]

    def to_code(self) -> str:
        """Return the Python code that makes the detections that are shown.

        Returns:
            Python source.
        """
        passed = f"detections = detections[detections.scores >= {self.score_threshold!r}]"
        return self._inputs.recipe.script([passed, *self._filter_code()])

    @traitlets.observe("score_threshold", "only_class", "search")
    def _changed(self, change: object) -> None:
        if self.selected is not None and self.selected >= len(self.detections):
            self.selected = None
        self.code = self.to_code()

    def _scene(self) -> picture.Snapshot:
        """What the browser shows, to be drawn here."""
        look = picture.Look(0.0, 0.0, "viridis", False, all_names=True)
        shown = self.objects[: len(self.detections)]
        return picture.Snapshot(self._inputs.image, shown, self.selected, None, look, hidden=self._hidden)

    def _picture(self) -> bytes:
        shown, every = len(self.detections), len(self.objects)
        return picture.draw_snapshot(
            self._scene(),
            self.notice or f"{shown} of {every} detections with a score of at least {self.score_threshold:g}",
        )

    def _photo_picture(self) -> Image.Image:
        """The photograph with boxes and names, at the photograph's resolution."""
        return picture.draw_view(self._scene())
