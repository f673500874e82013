"""Soft-NMS: overlapping predictions lose score in place of being dropped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from detxai_nb.float32 import exact_mode
from detxai_nb.nms.inputs import Compared, read_predictions, require_fraction, require_positive
from detxai_nb.nms.rules import Kept
from detxai_nb.nms.similarity import at_least, iou_of_pairs

DECAYS = ("gaussian", "linear")


@dataclass(frozen=True)
class SoftNms:
    """Soft-NMS: the best prediction is taken, the score of every other falls with its IoU to it, and so on.

    Args:
        decay: "gaussian": a score is multiplied by ``exp(-IoU^2 / sigma)``; "linear": by ``1 - IoU`` where the IoU is
            at least ``iou_threshold``.
        sigma: of the Gaussian, above 0.
        iou_threshold: in 0..1, for "linear" only.
        score_threshold: in 0..1; predictions whose score falls below it are dropped.

    Raises:
        TypeError: if a setting is no number.
        ValueError: if one is out of its range, or the decay is unknown.

    References:
        Bodla et al., "Soft-NMS: Improving Object Detection With One Line of Code" (ICCV 2017). Gaussian, sigma 0.5 and
        the final threshold 0.05 are the settings of ODAM's table 5; 0.3 for "linear" is Bodla's.
    """

    decay: str = "gaussian"
    sigma: float = 0.5
    iou_threshold: float = 0.3
    score_threshold: float = 0.05

    vectors_of: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.decay not in DECAYS:
            raise ValueError(f"decay is one of {', '.join(DECAYS)}; got {self.decay!r}")
        require_positive("sigma", self.sigma)
        require_fraction("iou_threshold", self.iou_threshold)
        require_fraction("score_threshold", self.score_threshold)

    @exact_mode
    @torch.no_grad()
    def __call__(
        self,
        boxes: Tensor,
        scores: Tensor,
        labels: Tensor | None = None,
        images: Tensor | None = None,
        vectors: Tensor | None = None,
    ) -> Kept:
        """Return the predictions to keep with their lowered scores; see ``Suppression``.

        Args:
            boxes: ``[N,4]``, xyxy in any unit.
            scores: ``[N]``, not negative; of equal ones the first in the list goes first.
            labels: int64 ``[N]``, the class of each; None: all are of one class.
            images: int64 ``[N]``, the number of each one's image; None: all are of one image.
            vectors: None.

        Returns:
            Their rows and lowered scores, by falling score.

        Raises:
            TypeError: for what are no tensors of numbers.
            ValueError: for shapes that do not fit together, boxes or scores that are not finite, boxes whose sides are
                the wrong way round, negative scores, and for vectors, which the rule has no use for.
        """
        given = read_predictions(boxes, scores, labels, images, vectors, "", type(self).__name__)
        if bool((given.scores < 0).any()):
            raise ValueError("Soft-NMS lowers scores, which have to be at least 0; these have negative ones (logits?)")
        lowered = torch.full_like(given.scores, -math.inf)
        for rows in given.rows_of_images():
            self._lower(given, rows, lowered)
        found = (lowered >= at_least(self.score_threshold, lowered.dtype)).nonzero()[:, 0]
        found = found[lowered[found].argsort(descending=True, stable=True)]
        return Kept(found, lowered[found].to(scores.dtype))

    def _lower(self, given: Compared, rows: Tensor, lowered: Tensor) -> None:
        """Write the final scores of one image's predictions; all its classes take a step together."""
        rows = rows.sort().values
        places = _by_class(given.labels[rows])
        row, each = rows[places], torch.arange(len(places), device=rows.device)
        boxes, waiting = given.boxes[row], places >= 0
        scores = torch.where(waiting, given.scores[row], -math.inf)
        least = at_least(self.score_threshold, scores.dtype)
        for _ in range(places.shape[1]):
            best, at = scores.max(dim=1)
            going = best >= least
            if not bool(going.any()):
                return
            lowered[row[each, at][going]] = best[going]
            waiting[each, at] = False
            factor = self._factor(iou_of_pairs(boxes[each, at][:, None], boxes))
            scores = torch.where(waiting, scores * factor, -math.inf)

    def _factor(self, iou: Tensor) -> Tensor:
        if self.decay == "gaussian":
            return torch.exp(-(iou * iou) / self.sigma)
        return torch.where(iou >= at_least(self.iou_threshold, iou.dtype), 1 - iou, 1)


def _by_class(labels: Tensor) -> Tensor:
    """int64 ``[classes,most]``: the places of each class's predictions in their order, -1 behind the last."""
    _, number = torch.unique(labels, return_inverse=True)
    order = number.argsort(stable=True)
    counts = torch.bincount(number)
    starts = counts.cumsum(0) - counts
    column = torch.arange(len(labels), device=labels.device) - starts[number[order]]
    places = torch.full((len(counts), int(counts.max())), -1, dtype=torch.int64, device=labels.device)
    places[number[order], column] = order
    return places
