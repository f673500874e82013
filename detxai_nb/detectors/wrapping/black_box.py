"""A black box as a detector: any function from an image to boxes, scores and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.detection_rows import as_values, require_predictions
from detxai_nb.detectors.base import detecting, gather_detections, pick_device
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images
from detxai_nb.names import ClassNames, as_names
from detxai_nb.types import Detections

FIELDS = ("boxes", "scores", "labels", "class_scores", "objectness")
_NEEDED = 3


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
        self.predict = predict
        self.names = as_names(names, owner="a black-box detector")
        self._numbers = {int(key) for key in names} if isinstance(names, Mapping) else set(range(len(self.names)))
        self.batched = batched
        self._device = pick_device(device)

    @property
    def device(self) -> torch.device:
        """Where the results are kept."""
        return self._device

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
        return [self.read(answer, image.shape[:2], score_threshold) for answer, image in zip(answers, pixels)]

    def _ask_for_all(self, pixels: list[np.ndarray]) -> Sequence[Any]:
        answers = self.predict(list(pixels))
        if isinstance(answers, (Mapping, Tensor, np.ndarray)) or not isinstance(answers, Sequence):
            raise ValueError(
                f"with batched=True predict returns a list with an answer for each image, got {type(answers).__name__}"
            )
        if len(answers) != len(pixels):
            raise ValueError(f"predict got {len(pixels)} images and returned {len(answers)} answers; expected as many")
        return answers

    def read(self, answer: Any, size: tuple[int, ...], threshold: float, **about: Any) -> Detections:
        """Return one answer of ``predict`` as Detections.

        Args:
            answer: boxes, scores, labels and the rest, as ``wrap_predict`` says.
            size: (height, width) of the image.
            threshold: the lowest score to report.
            **about: further fields of ``Detections``; tensors have a row for each box of the answer.

        Returns:
            The detections, sorted by falling score.

        Raises:
            ValueError: if the answer has another form, size or range.
        """
        found = {name: self._tensor(name, value) for name, value in _parts(answer).items()}
        count = require_predictions(found, self.names, "predict")
        for name in ("scores", "class_scores", "objectness"):
            if name in found:
                found[name] = found[name].clamp(0, 1)
        first, second = found["boxes"][:, :2], found["boxes"][:, 2:]
        found["boxes"] = torch.cat([first, torch.maximum(first, second)], dim=1)
        if unknown := sorted(set(found["labels"].long().tolist()) - self._numbers):
            raise ValueError(
                f"predict returned the label {unknown[0]}, which names does not hold: it has the class numbers "
                f"{', '.join(map(str, sorted(self._numbers)[:9]))}; do both count from the same number?"
            )
        for name, value in about.items():
            if isinstance(value, Tensor) and len(value) != count:
                raise ValueError(f"predict's {name} have {len(value)} rows for {count} boxes; expected as many")
        scores = found.pop("scores")
        keep = scores >= threshold
        rows = {name: value[keep] for name, value in found.items()}
        rows |= {name: value[keep] if isinstance(value, Tensor) else value for name, value in about.items()}
        return gather_detections(
            Placement.identity(size[0], size[1]),
            rows.pop("boxes"),
            scores[keep],
            rows.pop("labels").long(),
            self.names,
            highest_score=float(scores.max()) if count else None,
            score_threshold=threshold,
            **rows,
        )

    def _tensor(self, name: str, value: Any) -> Tensor:
        """The value on the device, float32 (labels as they come), an empty one of the shape that it should have."""
        tensor = as_values(value, f"predict's {name}").to(self._device)
        if tensor.numel() == 0 and tensor.ndim < 2:
            shapes = {"boxes": (0, 4), "class_scores": (0, len(self.names))}
            tensor = tensor.reshape(shapes.get(name, (0,)))
        return tensor if name == "labels" else tensor.float()


def _parts(answer: Any) -> dict[str, Any]:
    """The fields of an answer by name, without those that are None."""
    if isinstance(answer, Mapping):
        found = {name: answer[name] for name in FIELDS if name in answer}
    elif isinstance(answer, (tuple, list)):
        if not _NEEDED <= len(answer) <= len(FIELDS):
            raise ValueError(
                f"predict returned {len(answer)} things; expected ({', '.join(FIELDS[:_NEEDED])}), "
                f"then if it has them {' and '.join(FIELDS[_NEEDED:])}"
            )
        found = dict(zip(FIELDS, answer))
    else:
        found = {name: getattr(answer, name) for name in FIELDS if hasattr(answer, name)}
    found = {name: value for name, value in found.items() if value is not None}
    missing = [name for name in FIELDS[:_NEEDED] if name not in found]
    if missing:
        raise ValueError(
            f"predict returned a {type(answer).__name__} without {', '.join(missing)}; "
            f"expected {', '.join(FIELDS[:_NEEDED])} as a dict, an object or a tuple"
        )
    return found
