"""A stub detector that finds many objects of four classes in a photograph of any proportions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from plain_page import stub

from detxai_nb.types import Detections

NAMES = ("cup", "lid", "<b>tin</b>", "plate")


def photograph(height: int, width: int) -> np.ndarray:
    """A smooth picture, nowhere the same along a row or a column."""
    y, x = np.mgrid[:height, :width]
    return np.stack([60 + 120 * x / width, 80 + 120 * y / height, 200 - 100 * x / width], axis=2).astype(np.uint8)


class Crowd(stub.StubDetector):
    """Finds ``count`` boxes in rows, with falling scores, of the four classes in turn."""

    names = NAMES

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**options)
        self.count = count

    def detect(self, images: Sequence[Any], score_threshold: float = 0.05) -> list[Detections]:
        return [self._find(*image.shape[:2]) for image in images]

    def _find(self, height: int, width: int) -> Detections:
        across = max(1, round((self.count * width / height) ** 0.5))
        down = -(-self.count // across)
        numbers = np.arange(self.count)
        left, top = (numbers % across) * width / across, (numbers // across) * height / down
        edges = [left + 2, top + 2, left + width / across - 2, top + height / down - 2]
        scores = torch.linspace(0.95, 0.3, self.count)
        labels = torch.arange(self.count) % len(NAMES)
        boxes = torch.tensor(np.stack(edges, axis=1), dtype=torch.float32)
        size = (height, width)
        return Detections(boxes, scores, labels, NAMES, highest_score=0.95, score_threshold=0.3, image_size=size)
