"""What a widget looks at: a detector, a photograph, and the objects found in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from detxai_nb.data.sample import Sample
from detxai_nb.detectors import load_detector
from detxai_nb.image import load_image
from detxai_nb.types import Detections, Detector
from detxai_nb.widgets.shared.code import CodeRecipe


@dataclass(frozen=True, eq=False)
class WidgetInputs:
    """``image`` uint8 ``[H,W,3]``; ``detections`` are those of this image; ``recipe`` says where they came from."""

    detector: Detector
    image: np.ndarray
    detections: Detections
    recipe: CodeRecipe

    @classmethod
    def of(cls, detector: Any, image: Any, detections: Any, score_threshold: float) -> WidgetInputs:
        """``detector``: an object or the name of one; ``image``: what ``load_image`` takes; ``detections``: None for
        what the detector finds with at least ``score_threshold``.

        Raises ``TypeError`` or ``ValueError`` for what is no detector, or no Detections of this image.
        """
        recipe = CodeRecipe(
            detector if isinstance(detector, str) else None,
            os.fspath(image) if isinstance(image, (str, os.PathLike)) else None,
            score_threshold if detections is None else None,
        )
        opened = opened_detector(detector)
        pixels = load_image(image)
        if detections is None:
            detections = opened.detect([pixels], score_threshold=score_threshold)[0]
        _check_detections(detections, pixels)
        return cls(opened, pixels, detections, recipe)

    def check_sample(self, sample: Any) -> None:
        """Raise ``TypeError`` or ``ValueError`` for what is no Sample, or not one of this photograph's size."""
        if not isinstance(sample, Sample):
            raise TypeError(f"sample is one photograph of a dataset, a Sample; got {type(sample).__name__}")
        height, width = self.image.shape[:2]
        if sample.image.shape[:2] != (height, width):
            raise ValueError(
                f"the sample is a photograph of {sample.image.shape[1]}x{sample.image.shape[0]} pixels, this one has "
                f"{width}x{height}; hand in sample.image with its sample"
            )


def opened_detector(detector: Any) -> Detector:
    """The detector, loaded where it is a name; ``TypeError`` for what is none."""
    opened = load_detector(detector) if isinstance(detector, str) else detector
    if not isinstance(opened, Detector):
        raise TypeError(
            f"a detector has names, device and detect(images, score_threshold), {type(opened).__name__} has not; "
            "take one from load_detector, or wrap your module"
        )
    return opened


def _check_detections(detections: Any, image: np.ndarray) -> None:
    if not isinstance(detections, Detections):
        raise TypeError(
            f"detections are what detector.detect([image]) gives for the image, one Detections; "
            f"got {type(detections).__name__}"
        )
    detections.require_image(*image.shape[:2])
