"""What a widget shows: a detector, a photograph, and the objects found in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from math import floor

import numpy as np

from detxai_nb.data.sample import Sample
from detxai_nb.detections import as_detections
from detxai_nb.detectors import load_detector
from detxai_nb.doubts import warn_of_doubts
from detxai_nb.image import ImageSource, load_image
from detxai_nb.subjects import Subject, first_predictions, subject_of, with_class
from detxai_nb.types import Detections, Detector
from detxai_nb.widgets.shared.code import CodeRecipe


@dataclass(frozen=True, eq=False)
class WidgetInputs:
    """A detector, a photograph and its detections, checked.

    Attributes:
        detector: loaded.
        image: the photograph, uint8 ``[H,W,3]``.
        detections: those of this image.
        recipe: where the three came from.
    """

    detector: Detector
    image: np.ndarray
    detections: Detections
    recipe: CodeRecipe

    @classmethod
    def of(
        cls, detector: Detector | str, image: ImageSource, detections: Detections | None, score_threshold: float
    ) -> WidgetInputs:
        """Load and check what a widget was given.

        Args:
            detector: an object or the name of one.
            image: what ``load_image`` takes.
            detections: those of this image; None for what the detector finds (a classifier: the most probable classes).
            score_threshold: the lowest score that is found, 0..1, if ``detections`` is None; of a classifier as for
                ``first_predictions``.

        Returns:
            The inputs.

        Raises:
            TypeError, ValueError: if the first is no detector, or the third are no Detections of this image.
        """
        recipe = CodeRecipe(
            detector if isinstance(detector, str) else None,
            os.fspath(image) if isinstance(image, (str, os.PathLike)) else None,
            score_threshold if detections is None else None,
        )
        opened = open_detector(detector)
        pixels = np.asarray(load_image(image))
        if detections is None:
            detections = first_predictions(opened, pixels, score_threshold)
            if subject_of(opened).whole:
                recipe = replace(recipe, first=len(detections))
        as_detections(detections).require_image(*pixels.shape[:2])
        warn_of_doubts(opened, [pixels], always=True)
        return cls(opened, pixels, detections, recipe)

    @property
    def subject(self) -> Subject:
        """What the predictions are, in words."""
        return subject_of(self.detector)

    def with_class(self, number: int) -> WidgetInputs:
        """Return the same with one more class of a classifier at the end of its predictions.

        Args:
            number: of the class.

        Returns:
            The inputs with that class.
        """
        found = with_class(self.detector, self.image, self.detections, number)
        names = list(found.names)
        named = [name if names.count(name := names[label]) == 1 else label for label in found.labels.tolist()]
        return replace(self, detections=found, recipe=replace(self.recipe, classes=tuple(named)))

    @property
    def lower_score(self) -> float | None:
        """A threshold with which something is found, if nothing was and the detector says how much it would take."""
        highest = self.detections.highest_score
        if len(self.detections) or self.recipe.score_threshold is None or highest is None or not highest > 0:
            return None
        # A fifth lower, so that more than one object has a chance, in whole hundredths where there are any.
        return max(floor(80 * highest) / 100, 0.01) if highest > 0.01 else highest

    def with_threshold(self, score_threshold: float) -> WidgetInputs:
        """Return what the detector finds in the same photograph with another threshold.

        Args:
            score_threshold: the lowest score that is found, 0..1.

        Returns:
            The inputs with these objects.
        """
        found = self.detector.detect([self.image], score_threshold=score_threshold)[0]
        as_detections(found).require_image(*self.image.shape[:2])
        recipe = replace(self.recipe, score_threshold=score_threshold)
        return replace(self, detections=found, recipe=recipe)

    def check_sample(self, sample: object) -> None:
        """Raise an error unless this is the photograph of a dataset's sample, as far as its size tells.

        Args:
            sample: anything.

        Raises:
            TypeError: if it is no Sample.
            ValueError: if it has another size than the photograph.
        """
        if not isinstance(sample, Sample):
            raise TypeError(f"sample is one photograph of a dataset, a Sample; got {type(sample).__name__}")
        height, width = self.image.shape[:2]
        if sample.image.shape[:2] != (height, width):
            raise ValueError(
                f"the sample is a photograph of {sample.image.shape[1]}x{sample.image.shape[0]} pixels, this one has "
                f"{width}x{height}; hand in sample.image with its sample"
            )


def open_detector(detector: Detector | str) -> Detector:
    """Return the detector, loaded if it is given by name.

    Args:
        detector: an object or a name.

    Returns:
        The detector.

    Raises:
        TypeError: if it is no detector.
    """
    opened: object = load_detector(detector) if isinstance(detector, str) else detector
    if not isinstance(opened, Detector):
        raise TypeError(
            f"a detector has names, device and detect(images, score_threshold), {type(opened).__name__} has not; "
            "take one from load_detector, or wrap your module"
        )
    return opened
