"""A black box as a detector: any function from an image to boxes, scores and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.detectors.base import detecting, pick_device
from detxai_nb.detectors.wrapping.reading import PredictionReader
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images
from detxai_nb.names import ClassNames
from detxai_nb.types import Detections


def wrap_predict(
    predict: Callable[[Any], Any],
    names: ClassNames,
    *,
    batched: bool = False,
    device: str | torch.device = "cpu",
) -> PredictDetector:
    """Wrap a function as a detector, for the methods that need nothing but its predictions.

    ``predict`` returns ``boxes`` ``[N,4]``, xyxy in pixels of the image; ``scores`` ``[N]`` in 0..1; ``labels``
    ``[N]``, integer indices into ``names``; and optionally ``class_scores`` ``[N,C]``, the probability of every class,
    and ``objectness`` ``[N]`` (or None). They come as a dict or an object with these names, or as a tuple in this
    order; as tensors, arrays or lists. It should return low scores too: ``detect`` drops those below its threshold.

    Args:
        predict: ``predict(image)`` takes RGB uint8 ``[H,W,3]`` and returns its predictions.
        names: the name of each class: a list, or a dict {number: name} such as Ultralytics' ``model.names``.
        batched: whether ``predict(images)`` takes a list of images, of any sizes, and returns a list of predictions.
        device: where the results are kept; "auto" is the first of CUDA, MPS and CPU that exists.

    Returns:
        A black-box detector.

    Raises:
        TypeError: if ``predict`` is not callable, or ``names`` are no list or dict of texts.
        ValueError: if ``names`` is empty.

    Example:
        >>> detector = wrap_predict(lambda image: ([[0, 0, 8, 4]], [0.9], [0]), ["cat"])
        >>> detector.detect([np.zeros((6, 9, 3), np.uint8)])
        [Detections(1: cat 0.90)]
    """
    return PredictDetector(predict, names, batched=batched, device=device)


class PredictDetector:
    """What ``wrap_predict`` returns: a detector without layers and trace.

    Args:
        predict, names, batched, device: as in ``wrap_predict``.
    """

    family = "black box"

    def __init__(
        self,
        predict: Callable[[Any], Any],
        names: ClassNames,
        *,
        batched: bool = False,
        device: str | torch.device = "cpu",
    ) -> None:
        if not callable(predict):
            raise TypeError(f"predict is a function from an image to what it finds, got {type(predict).__name__}")
        self._reader = PredictionReader(names, pick_device(device))
        self.predict = predict
        self.names = self._reader.names
        self.batched = batched

    @property
    def device(self) -> torch.device:
        """Where the results are kept."""
        return self._reader.device

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Return what the function finds in each image.

        Args:
            images: what ``load_image`` takes, of any sizes.
            score_threshold: the lowest score to report, 0..1.

        Returns:
            One ``Detections`` for each image, sorted by falling score, with boxes clipped to the image.

        Raises:
            ValueError: if a prediction has another form, size or range than ``wrap_predict`` says.
        """
        pixels = [np.asarray(image) for image in as_images(images)]
        if not pixels:
            return []
        answers = self._ask_for_all(pixels) if self.batched else [self.predict(image) for image in pixels]
        places = [Placement.identity(*image.shape[:2]) for image in pixels]
        return [self._reader.read(answer, place, score_threshold) for answer, place in zip(answers, places)]

    def _ask_for_all(self, pixels: list[np.ndarray]) -> Sequence[Any]:
        answers = self.predict(list(pixels))
        if isinstance(answers, (Mapping, Tensor, np.ndarray)) or not isinstance(answers, Sequence):
            raise ValueError(
                f"with batched=True predict returns a list with an answer for each image, got {type(answers).__name__}"
            )
        if len(answers) != len(pixels):
            raise ValueError(f"predict got {len(pixels)} images and returned {len(answers)} answers; expected as many")
        return answers
