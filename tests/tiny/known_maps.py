"""A detector whose boxes and maps a test chooses, and pictures with annotations for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.geometry import Placement
from detxai_nb.image import load_image
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

HEIGHT, WIDTH = 20, 30
NAMES = ("light", "board")
BOXES = ((2.0, 3.0, 6.0, 8.0), (6.0, 3.0, 10.0, 8.0), (24.0, 15.0, 30.0, 20.0))
"""Two lights that touch, 20 pixels each, and a board of 30 in the corner; by falling score."""
LABELS = (0, 0, 1)


def given(activation: Tensor, gradient: Tensor, context: Any) -> Tensor:
    """The method: the gradient, which the detector below makes of the map that was asked for."""
    return gradient[:, 0].clamp(min=0)


def signs(activation: Tensor, gradient: Tensor, context: Any) -> Tensor:
    """Another one: everywhere the same."""
    return torch.ones_like(gradient[:, 0])


class KnownMaps:
    """Finds ``BOXES`` in every picture, with the given maps float ``[3,20,30]``; ``canvas``: of its input, if known."""

    names = NAMES
    device = torch.device("cpu")
    layers = ("only",)

    def __init__(self, maps: Tensor, canvas: tuple[float, float] | None = None) -> None:
        self.maps, self.canvas = maps, canvas

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        found = Detections(
            boxes=torch.tensor(BOXES),
            scores=torch.tensor([0.9, 0.8, 0.7]),
            labels=torch.tensor(LABELS),
            names=NAMES,
            image_size=(HEIGHT, WIDTH),
            canvas_size=self.canvas,
        )
        return [found for _ in images]

    def trace(self, image: Any, layer: str | None = None) -> Any:
        return KnownTrace(self.maps, load_image(image).shape[:2])


class KnownTrace:
    """Features of ones at the image's own size; the gradient of a box is its map."""

    layer = "only"

    def __init__(self, maps: Tensor, size: tuple[int, int]) -> None:
        self.maps, self.placement = maps, Placement.identity(*size)
        self.levels = [Level("only", torch.ones(1, *size), (1.0, 1.0))]

    def scalars(self, detections: Detections, target: Target) -> Tensor:
        return detections.scores

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        for row, box in enumerate(detections.boxes.tolist()):
            yield GradientChunk(0, torch.tensor([row]), self.maps[BOXES.index(tuple(box))][None, None])

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        for chunk in self.chunks(detections, target):
            yield 0, chunk.rows, chunk.gradient


def picture(
    boxes: Sequence[Any] = BOXES, labels: Sequence[int] = LABELS, crowd: Sequence[bool] = (), image_id: int = 7
) -> Sample:
    """A grey picture with these annotations."""
    return Sample(
        image=np.full((HEIGHT, WIDTH, 3), 90, np.uint8),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        crowd=np.array(crowd or [False] * len(labels), bool),
        image_id=image_id,
        file_name=f"{image_id}.png",
        names=NAMES,
        load_masks=lambda: np.zeros((len(labels), HEIGHT, WIDTH), bool),
    )
