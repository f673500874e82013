"""The region proposals of Faster R-CNN: which anchors survive, and a proposal recomputed from its anchor alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead, concat_box_prediction_layers
from torchvision.ops import batched_nms, clip_boxes_to_image, remove_small_boxes

from detxai_nb.detectors.dense.convolutions import ConvStep, cut_windows, reach_of, run_windows


def propose(
    rpn: Any, images: ImageList, pyramid: Sequence[Tensor], size: tuple[int, int]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Compute the proposals of each image and the anchors they came from.

    As ``RegionProposalNetwork.forward`` in evaluation mode: the best of each level, clipped to ``size``, then NMS by
    level.

    Args:
        rpn: torchvision's ``RegionProposalNetwork``.
        images: the batch of B images.
        pyramid: maps ``[B,C,h,w]``, a level each.
        size: (height, width) of the resized images, without padding.

    Yields:
        For each image its proposals ``[P,4]``, xyxy in input pixels, and their anchors int64 ``[P,4]``: level, row,
        column and number within that cell.
    """
    objectness, deltas = rpn.head(list(pyramid))
    anchors = rpn.anchor_generator(images, list(pyramid))
    per_cell = [level.shape[1] for level in objectness]
    counts = [level[0].numel() for level in objectness]
    flat_objectness, flat_deltas = concat_box_prediction_layers(objectness, deltas)
    boxes = rpn.box_coder.decode(flat_deltas, anchors).reshape(len(anchors), -1, 4)
    grids = [(a, level.shape[-2], level.shape[-1]) for a, level in zip(per_cell, pyramid)]
    where = torch.cat([_anchors_of(i, grid, boxes.device) for i, grid in enumerate(grids)])
    for image_boxes, scores in zip(boxes, flat_objectness.reshape(len(anchors), -1)):
        chosen = _survivors(rpn, image_boxes, scores, counts, where[:, 0], size)
        yield clip_boxes_to_image(image_boxes[chosen], size), where[chosen]


def _anchors_of(level: int, grid: tuple[int, int, int], device: torch.device) -> Tensor:
    """Level, row, column and number of every anchor of a level with ``grid`` (anchors per cell, rows, columns)."""
    per_cell, height, width = grid
    number = torch.arange(height * width * per_cell, device=device)
    cell = number // per_cell
    return torch.stack([torch.full_like(cell, level), cell // width, cell % width, number % per_cell], dim=1)


def _survivors(
    rpn: Any, boxes: Tensor, objectness: Tensor, counts: Sequence[int], levels: Tensor, size: tuple[int, int]
) -> Tensor:
    """Flat numbers of the anchors whose boxes become proposals, highest objectness first."""
    most = rpn.pre_nms_top_n()
    starts = [0, *accumulate(counts)]
    levelwise = torch.split(objectness, list(counts))
    best = [o.topk(min(most, len(o))).indices + start for o, start in zip(levelwise, starts)]
    chosen = torch.cat(best)
    boxes, scores = clip_boxes_to_image(boxes[chosen], size), objectness[chosen].sigmoid()
    keep = remove_small_boxes(boxes, rpn.min_size)
    keep = keep[scores[keep] >= rpn.score_thresh]
    keep = keep[batched_nms(boxes[keep], scores[keep], levels[chosen[keep]], rpn.nms_thresh)]
    return chosen[keep[: rpn.post_nms_top_n()]]


class AnchorProposals:
    """The proposals of one image, each recomputed from the anchor it came from.

    torchvision's RPN head is local, so it runs on the few cells around each anchor only; any other head runs once on
    all levels.

    Args:
        rpn: torchvision's ``RegionProposalNetwork``.
        images: the batch with this one image.
        pyramid: maps ``[1,C,h,w]``, a level each.
        size: (height, width) of the resized image, without padding.
        held: proposals ``[4]`` by their anchor (level, row, column, number) that stay as given, whatever the head
            computes.
    """

    def __init__(
        self,
        rpn: Any,
        images: ImageList,
        pyramid: Sequence[Tensor],
        size: tuple[int, int],
        held: Mapping[tuple[int, ...], Tensor] | None = None,
    ) -> None:
        self._held = dict(held or {})
        self._rpn = rpn
        self._images = images
        self._pyramid = pyramid
        self._size = size
        self._anchors: list[Tensor] | None = None
        self._steps = _local_steps(rpn.head)
        self._deltas: list[Tensor] | None = None

    @property
    def anchors(self) -> list[Tensor]:
        """The anchors of each level, ``[h,w,A,4]``, xyxy in input pixels."""
        if self._anchors is None:
            flat = self._rpn.anchor_generator(self._images, list(self._pyramid))[0]
            per_cell = self._rpn.anchor_generator.num_anchors_per_location()
            sizes = [tuple(level.shape[-2:]) for level in self._pyramid]
            parts = torch.split(flat, [h * w * a for (h, w), a in zip(sizes, per_cell)])
            self._anchors = [part.reshape(h, w, -1, 4) for part, (h, w) in zip(parts, sizes)]
        return self._anchors

    @torch.no_grad()
    def boxes(self, origins: Tensor) -> Tensor:
        """Return the proposals of some anchors.

        Args:
            origins: anchors int64 ``[n,4]``: level, row, column and number within that cell.

        Returns:
            Proposals ``[n,4]``, xyxy in input pixels, clipped to the image.
        """
        found = self._pyramid[0].new_empty(len(origins), 4)
        for level in torch.unique(origins[:, 0]).tolist():
            mine = (origins[:, 0] == level).nonzero()[:, 0]
            row, column, number = origins[mine, 1:].unbind(1)
            anchors = self.anchors[level][row, column, number]
            deltas = self._deltas_at(level, origins[mine, 1:3])[torch.arange(len(mine), device=mine.device), number]
            boxes = self._rpn.box_coder.decode(deltas, [anchors])[:, 0]
            found[mine] = clip_boxes_to_image(boxes, self._size)
        for i, origin in enumerate(map(tuple, origins.tolist()) if self._held else ()):
            if origin in self._held:
                found[i] = self._held[origin]
        return found

    def _deltas_at(self, level: int, at: Tensor) -> Tensor:
        """The head's box outputs ``[n,A,4]`` for all anchors of the cells ``at`` ``[n,2]``."""
        if self._steps is not None:
            windows, mask = cut_windows(self._pyramid[level][0], at, reach_of(self._steps))
            return torch.unflatten(run_windows(self._steps, windows, mask), 1, (-1, 4))
        if self._deltas is None:
            outputs: list[Tensor] = self._rpn.head(list(self._pyramid))[1]
            self._deltas = outputs
        return torch.unflatten(self._deltas[level][0][:, at[:, 0], at[:, 1]].T, 1, (-1, 4))


def _local_steps(head: Any) -> list[ConvStep] | None:
    """The box branch of torchvision's head as local steps; None for any other head."""
    if type(head) is not RPNHead:
        return None
    parts = [list(part) for part in head.conv if isinstance(part, nn.Sequential)]
    plain = len(parts) == len(head.conv) and all(
        len(part) == 2 and isinstance(part[0], nn.Conv2d) and isinstance(part[1], nn.ReLU) for part in parts
    )
    if not plain:
        return None
    return [*(ConvStep.of(conv, F.relu) for conv, _ in parts), ConvStep.of(head.bbox_pred)]
