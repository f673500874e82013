"""Small pictures with objects, and a detector whose answers can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.metrics import MetricInput
from detxai_nb.types import Detections

NAMES = ("cup", "pan")
HEIGHT, WIDTH = 12, 20
PAINT = (200, 100)
"""The value, in all channels, of every pixel of a cup and of a pan."""
BOXES = ((1.0, 2.0, 11.0, 6.0), (14.0, 0.0, 18.0, 10.0))
"""A cup and a pan of 40 pixels each; the pan touches the upper border."""


def box_mask(box: Any, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """The pixels of a box with whole sides."""
    x1, y1, x2, y2 = (int(side) for side in box)
    mask = np.zeros((height, width), bool)
    mask[max(y1, 0) : y2, max(x1, 0) : x2] = True
    return mask


def sample(boxes: Any = BOXES, labels: Any = (0, 1), crowd: Any = None, **about: Any) -> Sample:
    """One colour for each class in its boxes, 7 elsewhere; masks fill the boxes, parts are their first columns."""
    masks = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    parts = np.zeros_like(masks)
    image = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
    for number, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        masks[number] = box_mask(box)
        parts[number] = box_mask((box[0], box[1], box[0] + 1, box[3]))
        image[masks[number]] = PAINT[label]
    settings: dict[str, Any] = {
        "image": image,
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "labels": np.array(labels, np.int64),
        "crowd": np.array(crowd if crowd is not None else [False] * len(boxes), bool),
        "image_id": 5,
        "file_name": "a.png",
        "names": NAMES,
        "load_masks": lambda: masks,
        "load_parts": lambda: parts,
    }
    return Sample(**{**settings, **about})


def found(boxes: Any = BOXES, scores: Any = (1.0, 1.0), labels: Any = (0, 1)) -> Detections:
    """Detections in such a picture."""
    return Detections(
        torch.tensor(boxes).reshape(-1, 4),
        torch.tensor(scores),
        torch.tensor(labels).long(),
        NAMES,
        image_size=(HEIGHT, WIDTH),
    )


def painted(image: np.ndarray) -> dict[str, Any]:
    """The two objects, each with the share of its box that still has its very colour; the weaker one first."""
    scores = [float((image[box_mask(box)] == PAINT[label]).all(1).mean()) for label, box in enumerate(BOXES)]
    order = np.argsort(scores, kind="stable")
    return {"boxes": np.array(BOXES)[order], "scores": np.array(scores)[order], "labels": order}


class Counting:
    """A function from a picture to an answer that counts how often it is asked."""

    def __init__(self, predict: Any = painted) -> None:
        self.predict, self.calls = predict, 0

    def __call__(self, image: np.ndarray) -> Any:
        self.calls += 1
        return self.predict(image)


def detector(predict: Any = painted) -> Any:
    """The function as a detector."""
    return dx.wrap_predict(predict, NAMES)


def falling_in(box: Any) -> Tensor:
    """A map without ties: pixels of the box first, row by row, then all others."""
    values = torch.arange(HEIGHT * WIDTH, 0, -1, dtype=torch.float32).reshape(HEIGHT, WIDTH)
    return values + 1000 * torch.from_numpy(box_mask(box)).float()


def case(maps: Tensor, annotations: Any = (0, 1), **about: Any) -> MetricInput:
    """A Case of the picture's two objects, or of those named in ``about``."""
    settings: dict[str, Any] = {"detections": found(), "sample": sample()}
    return MetricInput(maps, annotations=torch.tensor(annotations).long(), **{**settings, **about})
