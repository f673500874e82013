"""Anchors of dense detectors: where the flat ones lie, what their outputs mean, and which are worth reporting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from detxai_nb.types import SIDES, Target


@dataclass(frozen=True, eq=False)
class AnchorGrid:
    """The anchors of one image in torchvision's order: level by level, cell by cell (row first), anchor by anchor.

    ``boxes`` ``[M,4]``: xyxy in input pixels. ``extents``: (rows, columns, anchors a cell) of each level.
    """

    boxes: Tensor
    extents: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        if len(self.boxes) != sum(self.counts):
            raise ValueError(
                f"expected {sum(self.counts)} anchors on grids of (rows, columns, anchors) {self.extents}, "
                f"the module made {len(self.boxes)}"
            )

    @property
    def counts(self) -> list[int]:
        """How many anchors each level has."""
        return [rows * columns * anchors for rows, columns, anchors in self.extents]

    def origins(self, flat: Tensor) -> Tensor:
        """Level, row, column and anchor ``[n,4]`` of flat numbers ``[n]``."""
        origins = flat.new_zeros(len(flat), 4)
        start = 0
        for level, ((_, columns, anchors), count) in enumerate(zip(self.extents, self.counts)):
            mine = (flat >= start) & (flat < start + count)
            cell = (flat[mine] - start) // anchors
            anchor = (flat[mine] - start) % anchors
            origins[mine] = torch.stack([torch.full_like(cell, level), cell // columns, cell % columns, anchor], dim=1)
            start += count
        return origins

    def flat(self, level: int, at: Tensor) -> Tensor:
        """Flat numbers ``[n]`` of places ``[n,3]`` (row, column, anchor) on a level."""
        _, columns, anchors = self.extents[level]
        return sum(self.counts[:level]) + (at[:, 0] * columns + at[:, 1]) * anchors + at[:, 2]


class AnchorRule:
    """The scalars of a head with a class branch ``[n,A*C]`` and a box branch ``[n,A*4]``.

    ``background``: the first class is none and the score is a softmax, else each class has a sigmoid of its own. A side
    is the decoded one in input pixels, unclipped; that of left and top with its sign flipped, so that more of it grows
    the box.
    """

    def __init__(self, grid: AnchorGrid, box_coder: Any, classes: int, background: bool) -> None:
        self._grid = grid
        self._box_coder = box_coder
        self._classes = classes
        self._background = background

    def needs(self, target: Target) -> tuple[str, ...]:
        """The branches that the target is made of."""
        return ("box",) if target.part in SIDES else ("class",)

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The explained scalars ``[n]`` at ``at`` ``[n,3]`` (row, column, anchor) from the branches' outputs there."""
        row = torch.arange(len(at), device=at.device)
        if target.part in SIDES:
            codes = outputs["box"].unflatten(1, (-1, 4))[row, at[:, 2]]
            sides = self._box_coder.decode_single(codes, self._grid.boxes[self._grid.flat(level, at)])
            found = sides[:, SIDES.index(target.part)]
            return found if target.part in ("x2", "y2") else -found
        logits = outputs["class"].unflatten(1, (-1, self._classes))[row, at[:, 2]]
        if target.score == "prob":
            logits = logits.softmax(dim=1) if self._background else logits.sigmoid()
        return logits[row, labels]


def best_of_levels(scores: Tensor, counts: Sequence[int], threshold: float, most: int) -> tuple[Tensor, Tensor]:
    """Anchor and class of the ``scores`` ``[M,C]`` of at least ``threshold``: at most ``most`` on each level."""
    anchors, labels, start = [], [], 0
    for level in scores.split(list(counts)):
        flat = level.flatten()
        above = _best(flat, threshold, most)
        anchors.append(above // level.shape[1] + start)
        labels.append(above % level.shape[1])
        start += len(level)
    return torch.cat(anchors), torch.cat(labels)


def best_of_classes(scores: Tensor, threshold: float, most: int) -> tuple[Tensor, Tensor]:
    """Anchor and class of the ``scores`` ``[M,C]`` of at least ``threshold``: at most ``most`` of each class.

    The first class is the background and left out.
    """
    anchors = [_best(column, threshold, most) for column in scores.unbind(1)[1:]]
    labels = [torch.full_like(rows, label) for label, rows in enumerate(anchors, start=1)]
    return torch.cat(anchors), torch.cat(labels)


def _best(scores: Tensor, threshold: float, most: int) -> Tensor:
    above = (scores >= threshold).nonzero()[:, 0]
    return above[scores[above].topk(most).indices] if len(above) > most else above


def suppress(
    boxes: Tensor, scores: Tensor, candidates: tuple[Tensor, Tensor], nms_threshold: float, most: int
) -> tuple[Tensor, Tensor]:
    """Anchor and class of the candidates that survive class-wise suppression, the best first, at most ``most``."""
    anchor, label = candidates
    keep = batched_nms(boxes[anchor], scores[anchor, label], label, nms_threshold)[:most]
    return anchor[keep], label[keep]
