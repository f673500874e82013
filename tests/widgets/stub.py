"""A detector whose right heat maps are known, as slow or as broken as a test wants it. Needs no weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from detxai_nb.geometry import Placement
from detxai_nb.image import load_image
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

SIZE = (120, 200)
"""Height and width of `photograph`."""

BOXES = ((20.0, 15.0, 90.0, 100.0), (30.0, 30.0, 60.0, 60.0), (110.0, 40.0, 190.0, 110.0))
"""A large box, a small one inside it, and one apart."""

NAMES = ("cup", "lid", "<b>tin</b>")
SCORES = (0.91, 0.8, 0.55)
INPUT = (96, 160)
STRIDES = {"neck": (8.0, 8.0), "fine": (4.0, 4.0)}
_CENTRES = {"class": (0.5, 0.5), "x1": (0.0, 0.5), "y1": (0.5, 0.0), "x2": (1.0, 0.5), "y2": (0.5, 1.0)}


def photograph() -> np.ndarray:
    """A smooth picture uint8 ``[120,200,3]``, nowhere the same along a row or a column."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([60 + x * 0.6, 80 + y, 200 - x * 0.5], axis=2).astype(np.uint8)


def evidence(box: Sequence[float], part: str, placement: Placement, layer: str) -> torch.Tensor:
    """The signed evidence ``[h,w]`` for a box: a positive hill at the box's middle or side, a weak negative plain."""
    stride = STRIDES[layer]
    height, width = int(placement.input_size[0] / stride[0]), int(placement.input_size[1] / stride[1])
    x1, y1, x2, y2 = placement.boxes_to_input(torch.tensor([list(box)], dtype=torch.float64))[0].tolist()
    across, down = _CENTRES[part]
    centre = (y1 + down * (y2 - y1)) / stride[0] - 0.5, (x1 + across * (x2 - x1)) / stride[1] - 0.5
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    spread = max(1.0, (x2 - x1) / stride[1] / 4)
    distance = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
    return (torch.exp(-distance / (2 * spread**2)) - 0.15).float()


class StubTrace:
    """Features of ones, so that a gradient is its own ODAM map."""

    def __init__(self, detector: StubDetector, placement: Placement, layer: str) -> None:
        self._detector, self.placement, self.layer = detector, placement, layer
        stride = STRIDES[layer]
        grid = [int(side / step) for side, step in zip(placement.input_size, stride)]
        self.levels = [Level(layer, torch.ones(1, *grid), stride)]

    def scalars(self, detections: Detections, target: Target) -> torch.Tensor:
        return detections.scores

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        if target.part in self._detector.fails:
            raise RuntimeError(self._detector.fails[target.part])
        for row, box in enumerate(detections.boxes.tolist()):
            time.sleep(self._detector.pause.get(target.part, 0))
            gradient = evidence(box, target.part, self.placement, self.layer)
            yield GradientChunk(0, torch.tensor([row]), gradient[None, None])

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        for chunk in self.chunks(detections, target):
            yield 0, chunk.rows, chunk.gradient


class StubDetector:
    """Always finds `BOXES`. ``pause``: seconds an object takes, by target; ``fails``: what is raised, by target."""

    names = NAMES
    device = torch.device("cpu")
    layers = tuple(STRIDES)

    def __init__(self, pause: Mapping[str, float] | None = None, fails: Mapping[str, str] | None = None) -> None:
        self.pause, self.fails = dict(pause or {}), dict(fails or {})
        self.traces = 0

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        keep = torch.tensor(SCORES) >= score_threshold
        found = Detections(
            boxes=torch.tensor(BOXES)[keep],
            scores=torch.tensor(SCORES)[keep],
            labels=torch.arange(len(BOXES))[keep],
            names=self.names,
            highest_score=max(SCORES),
            score_threshold=score_threshold,
            image_size=SIZE,
        )
        return [found for _ in images]

    def candidates(self, trace: StubTrace, score_threshold: float = 0.05) -> Detections:
        """It suppresses nothing."""
        return self.detect([None], score_threshold)[0]

    def trace(self, image: Any, layer: str | None = None) -> StubTrace:
        self.traces += 1
        height, width = load_image(image).shape[:2]
        return StubTrace(self, Placement((height, width), INPUT, INPUT), layer or self.layers[0])


class Dimming(StubDetector):
    """Finds a box again with a score that falls as its pixels differ from the photograph; not below 0.3."""

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        return [self._look(np.asarray(image, float), max(score_threshold, 0.3)) for image in images]

    def _look(self, image: np.ndarray, threshold: float) -> Detections:
        far = np.abs(image - photograph()).mean(axis=2)
        boxes = torch.tensor(BOXES)
        likeness = [max(0.0, 1 - far[y1:y2, x1:x2].mean() / 127) for x1, y1, x2, y2 in boxes.int().tolist()]
        scores = torch.tensor(SCORES) * torch.tensor(likeness).float()
        order = scores.argsort(descending=True)
        order = order[scores[order] >= threshold]
        return Detections(boxes[order], scores[order], order, self.names, highest_score=max(SCORES), image_size=SIZE)
