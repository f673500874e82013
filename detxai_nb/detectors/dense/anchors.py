"""Anchors of dense detectors: where flat outputs lie, which scalars they give, and which become detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.trace.candidates import survivors
from detxai_nb.targets import class_values, sigmoid_scores, softmax_scores
from detxai_nb.types import SIDES, Target


@dataclass(frozen=True, eq=False)
class AnchorGrid:
    """The anchors of one image in torchvision's order: level by level, cell by cell (row first), anchor by anchor.

    Attributes:
        boxes: ``[M,4]``, xyxy in input pixels.
        extents: (rows, columns, anchors at a cell) of each level, the finest first.

    Raises:
        ValueError: if the number of boxes does not match the extents.
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
        """The number of anchors of each level."""
        return [rows * columns * anchors for rows, columns, anchors in self.extents]

    def origins(self, flat: Tensor) -> Tensor:
        """Return level, row, column and anchor of flat anchor indices.

        Args:
            flat: int64 ``[n]``, indices into ``boxes``.

        Returns:
            int64 ``[n,4]``: level, row, column, anchor.
        """
        origins = flat.new_zeros(len(flat), 4)
        start = 0
        for level, ((_, columns, anchors), count) in enumerate(zip(self.extents, self.counts)):
            on_level = (flat >= start) & (flat < start + count)
            cell = (flat[on_level] - start) // anchors
            anchor = (flat[on_level] - start) % anchors
            origins[on_level] = torch.stack(
                [torch.full_like(cell, level), cell // columns, cell % columns, anchor], dim=1
            )
            start += count
        return origins

    def flat(self, level: int, at: Tensor) -> Tensor:
        """Return the flat indices of anchors on one level.

        Args:
            level: the index of the level.
            at: int64 ``[n,3]``: row, column, anchor.

        Returns:
            int64 ``[n]``, indices into ``boxes``.
        """
        _, columns, anchors = self.extents[level]
        return sum(self.counts[:level]) + (at[:, 0] * columns + at[:, 1]) * anchors + at[:, 2]


class AnchorRule:
    """The scalars of a head with a class branch ``[n,A*C]`` and a box branch ``[n,A*4]``.

    A box side is the decoded one in input pixels, unclipped. Left and top have their sign flipped, so that a greater
    value grows the box.

    Args:
        grid: the anchors of the image.
        box_coder: the module's own, which decodes box outputs relative to anchors.
        classes: the number C of class outputs of an anchor, the background included.
        background: whether the first class is the background and the score a softmax over an anchor's classes;
            otherwise each class has its own sigmoid.
    """

    def __init__(self, grid: AnchorGrid, box_coder: Any, classes: int, background: bool) -> None:
        self._grid = grid
        self._box_coder = box_coder
        self._classes = classes
        self._background = background

    def needs(self, target: Target) -> tuple[str, ...]:
        """Return the branches that the target depends on.

        Args:
            target: which scalar.

        Returns:
            ``("box",)`` for a box side, else ``("class",)``.
        """
        return ("box",) if target.part in SIDES else ("class",)

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Return the explained scalars of predictions from the branches' outputs at their cells.

        Args:
            outputs: raw outputs ``[n,A*C]`` of "class" or ``[n,A*4]`` of "box", whichever the target needs.
            level: the index of the pyramid level.
            at: int64 ``[n,3]`` (row, column, anchor) of each prediction.
            labels: int64 ``[n]``, the explained class of each.
            target: which scalar.

        Returns:
            Scalars ``[n]``: a probability in 0..1, its logarithm, a class logit, a difference of two classes', or a box
            side in input pixels.
        """
        row = torch.arange(len(at), device=at.device)
        if target.part in SIDES:
            codes = torch.unflatten(outputs["box"], 1, (-1, 4))[row, at[:, 2]]
            sides = self._box_coder.decode_single(codes, self._grid.boxes[self._grid.flat(level, at)])
            side: Tensor = sides[:, SIDES.index(target.part)]
            return side if target.part in ("x2", "y2") else -side
        logits = torch.unflatten(outputs["class"], 1, (-1, self._classes))[row, at[:, 2]]
        scores = (softmax_scores if self._background else sigmoid_scores)(logits, target.score)
        return class_values(lambda of: scores[row, of], labels, target)


def best_of_levels(scores: Tensor, counts: Sequence[int], threshold: float, most: int) -> tuple[Tensor, Tensor]:
    """Return the candidates with the highest scores of each pyramid level.

    Args:
        scores: ``[M,C]`` in 0..1, anchors by classes.
        counts: the number of anchors of each level, M in all.
        threshold: the lowest score of a candidate.
        most: the maximum number of candidates from one level.

    Returns:
        Anchor and class of each candidate, int64 ``[n]`` each.
    """
    anchors, labels, start = [], [], 0
    for level in torch.split(scores, list(counts)):
        flat = level.flatten()
        above = _highest(flat, threshold, most)
        anchors.append(above // level.shape[1] + start)
        labels.append(above % level.shape[1])
        start += len(level)
    return torch.cat(anchors), torch.cat(labels)


def best_of_classes(scores: Tensor, threshold: float, most: int) -> tuple[Tensor, Tensor]:
    """Return the candidates with the highest scores of each class, without the background, which is class 0.

    Args:
        scores: ``[M,C]`` in 0..1, anchors by classes.
        threshold: the lowest score of a candidate.
        most: the maximum number of candidates of one class.

    Returns:
        Anchor and class of each candidate, int64 ``[n]`` each.
    """
    anchors = [_highest(column, threshold, most) for column in scores.unbind(1)[1:]]
    labels = [torch.full_like(rows, label) for label, rows in enumerate(anchors, start=1)]
    return torch.cat(anchors), torch.cat(labels)


def _highest(scores: Tensor, threshold: float, most: int) -> Tensor:
    above = (scores >= threshold).nonzero()[:, 0]
    return above[scores[above].topk(most).indices] if len(above) > most else above


def suppress(
    boxes: Tensor, scores: Tensor, candidates: tuple[Tensor, Tensor], nms_threshold: float | None, most: int | None
) -> tuple[Tensor, Tensor]:
    """Return the candidates that survive class-wise non-maximum suppression, sorted by descending score.

    Args:
        boxes: ``[M,4]``, xyxy, of every anchor.
        scores: ``[M,C]`` of every anchor and class.
        candidates: anchor and class of each candidate, int64 ``[n]`` each.
        nms_threshold: IoU in 0..1 above which the lower-scoring box of a class is dropped; None drops nothing.
        most: the maximum number of survivors; None for all.

    Returns:
        Anchor and class of each survivor, int64 ``[n]`` each.
    """
    anchor, label = candidates
    kept = survivors(boxes[anchor], scores[anchor, label], label, nms_threshold, most)
    return anchor[kept], label[kept]
