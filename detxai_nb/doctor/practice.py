"""Four detectors to practise on: each has a fault as adapters have them, and none raises an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from detxai_nb.detectors import load_detector, wrap_predict
from detxai_nb.detectors.wrapping.black_box import PredictDetector
from detxai_nb.geometry import Placement
from detxai_nb.names import ClassNames
from detxai_nb.types import Detections

_OWN = "tiny-faster-rcnn"


def practice_patients() -> dict[str, PredictDetector]:
    """Return four black boxes for exercises, each with one fault that is found by a check of ``dx.doctor``.

    Around the bundled ``tiny-faster-rcnn`` four adapters were written as people write them, and each got one thing
    wrong: the order of colours, the frame of the boxes, the names of the classes, or the scores. Which patient has
    which is for the reader to find out.

    Returns:
        The detectors by name, "A" to "D".

    Example:
        >>> import detxai_nb as dx
        >>> patients = dx.doctor.practice_patients()
        >>> list(patients)
        ['A', 'B', 'C', 'D']
    """
    own = load_detector(_OWN, device="cpu")

    @cache
    def placement(size: tuple[int, ...]) -> Placement:
        return own.trace(np.zeros((*size, 3), np.uint8)).placement

    adapters: dict[str, tuple[Callable[[np.ndarray], Detections], ClassNames]] = {
        "A": (partial(_from_the_list_without_background, own), (*own.names[1:], "other")),
        "B": (partial(_as_opencv_reads, own), own.names),
        "C": (partial(_of_probabilities, own), own.names),
        "D": (partial(_as_the_network_says, own, placement), own.names),
    }
    return {name: wrap_predict(adapter, names) for name, (adapter, names) in adapters.items()}


def _found(own: Any, image: np.ndarray) -> Detections:
    found: Detections = own.detect([image], 0.0)[0]
    return found


def _from_the_list_without_background(own: Any, image: np.ndarray) -> Detections:
    """All is right, but labels count from a background, and the names that they are given do not."""
    return _found(own, image)


def _as_opencv_reads(own: Any, image: np.ndarray) -> Detections:
    """Blue comes first, as in an image that OpenCV has read."""
    return _found(own, np.ascontiguousarray(image[..., ::-1]))


def _of_probabilities(own: Any, image: np.ndarray) -> Detections:
    """The network's class scores are probabilities, and the adapter takes them for logits."""
    found = _found(own, image)
    probabilities: Any = found.class_scores
    classes = probabilities.softmax(1)
    scores = classes.gather(1, found.labels[:, None])[:, 0]
    return replace(found, scores=scores, class_scores=classes)[scores.argsort(descending=True, stable=True)]


def _as_the_network_says(own: Any, placement: Callable[[tuple[int, ...]], Placement], image: np.ndarray) -> Detections:
    """The image was resized for the network, and boxes were never scaled back."""
    found = _found(own, image)
    return replace(found, boxes=placement(image.shape[:2]).boxes_to_input(found.boxes), found_boxes=None)
