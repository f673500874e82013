"""D-RISE written out, in float64 and one mask at a time, and a detector whose answers depend on every pixel value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import detxai_nb as dx
from detxai_nb.image import FloatImage, load_image
from detxai_nb.methods.d_rise.masks import Drawn

CPU = torch.device("cpu")
NAMES = ("cat", "dog", "owl")
HEIGHT, WIDTH = IMAGE_SIZE = 45, 70
BOXES = torch.tensor([[0.0, 0.0, 24.0, 20.0], [30.0, 12.0, 62.0, 40.0], [50.0, 20.0, 70.0, 45.0]])


def photograph() -> np.ndarray:
    """Random uint8 [45,70,3]."""
    return np.random.default_rng(0).integers(30, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@dataclass
class Glow:
    """Finds three fixed boxes, each as surely as its inside is bright; open, as far as a black-box method looks.

    ``fails``: called before every batch with the number of its images.
    """

    objectness: bool = True
    fails: Callable[[int], None] = lambda count: None
    names: tuple[str, ...] = NAMES
    device: torch.device = CPU
    layers: tuple[str, ...] = ()
    batches: list[int] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[dx.Detections]:
        """What it finds with score >= ``score_threshold``."""
        self.fails(len(images))
        self.batches.append(len(images))
        self.seen += images
        return [self._one(load_image(image), score_threshold) for image in images]

    def trace(self, image: Any, layer: str | None = None) -> Any:
        """It has none."""
        raise AssertionError("a black-box method looked inside")

    def _one(self, image: Any, threshold: float) -> dx.Detections:
        exact = isinstance(image, FloatImage)
        pixels = image.values.double() if exact else torch.from_numpy(image).permute(2, 0, 1).double()
        inside = [pixels[:, int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in BOXES]
        score = torch.stack([part.mean() / 255 for part in inside]).float()
        moved = BOXES + (1 - score[:, None]) * torch.tensor([1.0, 2.0, -3.0, 1.0])
        rest = (1 - score[:, None]) / 2 * torch.tensor([[1.0, 1.0, 1.0], [0.5, 1.0, 1.5], [1.0, 0.2, 1.8]])
        classes = rest.scatter(1, torch.arange(3)[:, None], score[:, None])
        rows = (score >= threshold).nonzero()[:, 0]
        rows = rows[score[rows].argsort(descending=True)]
        return dx.Detections(
            moved[rows],
            score[rows],
            rows,
            self.names,
            class_scores=classes[rows],
            objectness=score.sqrt()[rows] if self.objectness else None,
            image_size=(HEIGHT, WIDTH),
        )


def masks_by_hand(drawn: Drawn, cells: int, size: tuple[int, int]) -> Tensor:
    """The masks, float64 ``[n,H,W]``: the grid upsampled to cells + 1 cells and cropped, by torch's own resizing."""
    cell = [-(-side // cells) for side in size]
    whole = [(cells + 1) * side for side in cell]
    found = []
    for kept, (y, x) in zip(drawn.kept, drawn.offsets.tolist()):
        big = F.interpolate(kept[None, None].double(), size=whole, mode="bilinear", align_corners=False)[0, 0]
        found.append(big[y : y + size[0], x : x + size[1]])
    return torch.stack(found)


def weights_by_hand(targets: dx.Detections, found: dx.Detections) -> Tensor:
    """The weight of each target, float64 ``[T]``, pair by pair."""
    weights = torch.zeros(len(targets), dtype=torch.float64)
    for t in range(len(targets)):
        for d in range(len(found)):
            a, b = targets.boxes[t].double(), found.boxes[d].double()
            sides = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0)
            areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
            iou = sides.prod() / (areas - sides.prod())
            p, q = targets.class_scores[t].double(), found.class_scores[d].double()
            value = iou * (p @ q) / (p.norm() * q.norm())
            value *= 1.0 if found.objectness is None else found.objectness[d].double()
            weights[t] = torch.maximum(weights[t], value)
    return weights


def maps_by_hand(
    detector: Any, image: np.ndarray, targets: dx.Detections, masks: Tensor, threshold: float, expected: float | None
) -> Tensor:
    """The maps, float64 ``[T,H,W]``: the paper's with ``expected`` masks for each pixel, else centred."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)
    weights = [
        weights_by_hand(targets, detector.detect([FloatImage((mask * pixels).float())], threshold)[0]) for mask in masks
    ]
    if expected is not None:
        return sum(w[:, None, None] * m for w, m in zip(weights, masks)) / expected
    mean = sum(weights) / len(masks)
    centred = sum((w - mean)[:, None, None] * m for w, m in zip(weights, masks))
    return mean[:, None, None] + centred / masks.sum(dim=0)
