"""A detector made by hand, which knows the truth and predicts it several times over, with a fault if one is planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torchvision.ops import batched_nms

from detxai_nb.data.sample import Sample
from detxai_nb.types import Detections

FAULTS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "a dropped level": ({"dropped": 1}, "proposal"),
    "an NMS threshold of 0.2": ({"nms_threshold": 0.2}, "suppressed"),
    "two swapped classes": ({"swapped": (0, 1)}, "confused"),
    "a shifted regressor": ({"shift": 0.6}, "regressor"),
    "a timid classifier": ({"timid": 2}, "background"),
    "a limit of two detections": ({"max_detections": 2}, "over the limit"),
}
"""By what is planted: the settings of ``MadeUpDetector`` and the cause that its misses are to have."""
LEVELS = (24, 48)
"""Pixels of an object's longer side from which the second and the third level predict it."""


class MadeUpDetector:
    """A one-stage detector of samples that it knows: four predictions of every object, then class-wise NMS.

    Args:
        samples: the images that it may be shown.
        dropped: the level that predicts nothing.
        swapped: two classes that the classifier takes for each other.
        shift: by how much of their width all boxes lie to the right.
        timid: the class that never reaches 0.3.
        nms_threshold, max_detections: of the suppression.
    """

    device = torch.device("cpu")
    layers = ("cells",)

    def __init__(
        self,
        samples: Sequence[Sample],
        dropped: int | None = None,
        swapped: tuple[int, int] | None = None,
        shift: float = 0.0,
        timid: int | None = None,
        nms_threshold: float = 0.6,
        max_detections: int = 100,
    ) -> None:
        self.names = samples[0].names
        self._known = {sample.image.tobytes(): sample for sample in samples}
        self.dropped, self.swapped, self.shift, self.timid = dropped, swapped, shift, timid
        self.nms_threshold, self.max_detections = nms_threshold, max_detections

    def trace(self, image: Any, layer: str | None = None) -> Any:
        return np.asarray(image)

    def candidates(self, trace: Any, score_threshold: float = 0.05) -> Detections:
        sample = self._known[trace.tobytes()]
        height, width = trace.shape[:2]
        rows = []
        for number, (box, label) in enumerate(zip(sample.boxes.astype(float), sample.labels.tolist())):
            x1, y1, x2, y2 = box
            level = sum(max(x2 - x1, y2 - y1) >= side for side in LEVELS)
            if level == self.dropped:
                continue
            if self.swapped and label in self.swapped:
                label = sum(self.swapped) - label
            for cell, (across, score) in enumerate(((0.0, 0.9), (0.08, 0.7), (-0.08, 0.5), (0.02, 0.15))):
                moved = (across + self.shift) * (x2 - x1)
                # Scores differ from object to object, so that no two are equal.
                score = (0.25 if label == self.timid else 1.0) * score - 0.002 * number
                where = (x1 + moved, y1, x2 + moved, y2)
                rows.append((min(where[0], width - 1), y1, min(where[2], width), y2, score, label, level, cell, number))
        found = torch.tensor([row for row in rows if row[4] >= score_threshold], dtype=torch.float64).reshape(-1, 9)
        found = found[found[:, 4].argsort(descending=True, stable=True)]
        boxes = found[:, :4].float().clamp(min=0)
        return Detections(
            boxes,
            found[:, 4].float(),
            found[:, 5].long(),
            self.names,
            origins=found[:, 6:].long(),
            origin_fields=("level", "cell", "number"),
            image_size=(height, width),
            score_threshold=score_threshold,
        )

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        answers = []
        for image in images:
            found = self.candidates(self.trace(image), score_threshold)
            kept = batched_nms(found.boxes, found.scores, found.labels, self.nms_threshold)
            answers.append(found[kept[: self.max_detections]])
        return answers
