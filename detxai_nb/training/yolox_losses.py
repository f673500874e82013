"""The losses of YOLOX: SimOTA assigns anchor points to objects; box, objectness and class losses follow.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", section 2.1. The details are those of the official code: candidates
are the anchor points within ``RADIUS`` strides of an object's centre, an object gets as many of them as the sum of its
ten best IoUs, and the class target is the IoU. The L1 loss of the last epochs is left out. All images of a batch are
assigned at once: their objects are padded to the largest number in an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.detectors.yolox.network import MEAN, PAD, STD, STRIDES, Yolox
from detxai_nb.statistics import paired_iou

RADIUS = 1.5
"""The radius around an object's centre in which anchor points are candidates, in strides."""
CANDIDATES = 10
"""The number of best IoUs whose sum is the number of anchor points of an object."""
BOX_WEIGHT = 5.0
"""The weight of the box loss."""
_IOU_COST = 3.0
_OUTSIDE_COST = 1e6
_NEVER = 1e9
_GREATEST_STRIDE = STRIDES[-1]
_EPSILON = 1e-16  # keeps the gradient of two empty boxes finite


@dataclass(frozen=True, eq=False)
class AnchorPoints:
    """The anchor points of all pyramid levels: the centres of their cells.

    Attributes:
        centre: ``[A,2]``, (x, y) in input pixels.
        stride: ``[A]``, in input pixels.
    """

    centre: Tensor
    stride: Tensor


@dataclass(frozen=True, eq=False)
class PaddedTargets:
    """The objects of a batch, padded to the same number in each image.

    Attributes:
        boxes: ``[B,G,4]``, xyxy in input pixels; zeros where padded.
        labels: int64 ``[B,G]``; 0 where padded.
        real: bool ``[B,G]``, False where padded.
    """

    boxes: Tensor
    labels: Tensor
    real: Tensor

    @classmethod
    def pad(cls, targets: Sequence[dict[str, Tensor]], device: torch.device) -> PaddedTargets:
        """Pad the objects of a batch.

        Args:
            targets: for each image ``boxes`` ``[n,4]`` and ``labels`` ``[n]``.
            device: the device of the result.

        Returns:
            The padded objects, at least one in each image, so that no tensor is empty.
        """
        most = max(1, *(len(target["labels"]) for target in targets))
        boxes = torch.zeros(len(targets), most, 4, device=device)
        labels = torch.zeros(len(targets), most, dtype=torch.int64, device=device)
        real = torch.zeros(len(targets), most, dtype=torch.bool, device=device)
        for row, target in enumerate(targets):
            count = len(target["labels"])
            boxes[row, :count] = target["boxes"].to(boxes)
            labels[row, :count] = target["labels"].to(device)
            real[row, :count] = True
        return cls(boxes, labels, real)


def yolox_losses(model: Yolox, images: Tensor, targets: Sequence[dict[str, Tensor]], half: bool) -> dict[str, Tensor]:
    """Compute the weighted losses of a batch, divided by the number of assigned anchor points.

    Args:
        model: the network.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: for each image ``boxes``, float ``[n,4]``, xyxy in pixels, and ``labels``, int64 ``[n]``.
        half: whether the network runs in bfloat16; the losses are computed in float32.

    Returns:
        The losses "box", "objectness" and "class".
    """
    pixels = prepare_yolox_batch(images)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        levels = model(pixels)
    return losses_from_outputs(levels, targets)


def losses_from_outputs(levels: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Compute the losses from the raw outputs of a network.

    Args:
        levels: for each pyramid level ``[B,5+C,h,w]``: box, objectness and class logits.
        targets: for each image ``boxes``, float ``[n,4]``, xyxy in input pixels, and ``labels``, int64 ``[n]``.

    Returns:
        The weighted losses "box", "objectness" and "class", divided by the number of assigned anchor points.
    """
    raw = torch.cat([level.float().flatten(2) for level in levels], dim=2).transpose(1, 2)
    points = anchor_points([level.shape[2:] for level in levels], raw.device)
    boxes = decode(raw[..., :4], points)
    objects = PaddedTargets.pad(targets, raw.device)
    chosen, overlap = assign_simota(boxes.detach(), raw[..., 4:].detach(), objects, points)
    found = chosen >= 0
    count = found.sum().clamp(min=1)
    image, point = found.nonzero(as_tuple=True)
    number = chosen[image, point]
    overlap = overlap[image, point]
    iou = paired_iou(boxes[image, point], objects.boxes[image, number], _EPSILON)
    classes = raw[image, point, 5:]
    wanted = torch.zeros_like(classes).scatter_(1, objects.labels[image, number][:, None], overlap[:, None])
    return {
        "box": BOX_WEIGHT * (1 - iou.square()).sum() / count,
        "objectness": F.binary_cross_entropy_with_logits(raw[..., 4], found.float(), reduction="sum") / count,
        "class": F.binary_cross_entropy_with_logits(classes, wanted, reduction="sum") / count,
    }


def prepare_yolox_batch(images: Tensor) -> Tensor:
    """Pad and normalise a batch as ``YoloxDetector`` with the convention "rgb-imagenet" does.

    Args:
        images: uint8 ``[B,3,h,w]``, RGB.

    Returns:
        float32 ``[B,3,H,W]`` in channels-last memory format, padded with grey at the right and at the bottom to a
        multiple of the coarsest stride.
    """
    short = [-side % _GREATEST_STRIDE for side in images.shape[2:]]
    padded = F.pad(images.float(), (0, short[1], 0, short[0]), value=PAD)
    mean, std = (padded.new_tensor(value)[:, None, None] for value in (MEAN, STD))
    return ((padded / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def anchor_points(sizes: Sequence[Any], device: torch.device) -> AnchorPoints:
    """Return the anchor points of all pyramid levels, level by level and row by row.

    Args:
        sizes: (height, width) of each level, in cells.
        device: the device of the result.

    Returns:
        The anchor points.
    """
    centres, strides = [], []
    for (height, width), stride in zip(sizes, STRIDES):
        y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
        centres.append((torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5) * stride)
        strides.append(torch.full((height * width,), float(stride), device=device))
    return AnchorPoints(torch.cat(centres), torch.cat(strides))


def decode(raw: Tensor, points: AnchorPoints) -> Tensor:
    """Decode the raw box outputs.

    Args:
        raw: ``[B,A,4]``: the offset from the corner of the cell, in strides, and the logarithm of the size, in strides.
        points: the anchor points.

    Returns:
        Boxes ``[B,A,4]``, xyxy in input pixels.
    """
    stride = points.stride[:, None]
    centre = (raw[..., :2] - 0.5) * stride + points.centre
    half = raw[..., 2:].exp() * stride / 2
    return torch.cat([centre - half, centre + half], dim=-1)


@torch.no_grad()
def assign_simota(boxes: Tensor, logits: Tensor, objects: PaddedTargets, points: AnchorPoints) -> tuple[Tensor, Tensor]:
    """Assign anchor points to objects by SimOTA.

    Args:
        boxes: predicted boxes ``[B,A,4]``, xyxy in input pixels.
        logits: ``[B,A,1+C]``: objectness and classes.
        objects: the objects.
        points: the anchor points.

    Returns:
        For each anchor point the number of its object in the image, or -1, int64 ``[B,A]``; and the IoU of its box
        with that object (of no meaning for -1), ``[B,A]``.
    """
    near = _near_centre(objects, points)
    candidate = near.any(1, keepdim=True) & objects.real[:, :, None]
    iou = paired_iou(boxes[:, None], objects.boxes[:, :, None], _EPSILON) * candidate
    cost = _class_cost(logits, objects.labels) - _IOU_COST * (iou + 1e-8).log() + _OUTSIDE_COST * ~near
    cost = torch.where(candidate, cost, _NEVER)
    most = min(CANDIDATES, cost.shape[2])
    wanted = iou.topk(most, dim=2).values.sum(2).int().clamp(min=1)
    cheapest = cost.topk(most, dim=2, largest=False)
    taken = (torch.arange(most, device=cost.device) < wanted[:, :, None]) & (cheapest.values < _NEVER)
    match = torch.zeros_like(cost, dtype=torch.bool).scatter_(2, cheapest.indices, taken)
    # If several objects claim a point, it goes to the object of the lowest cost among all, as in the official code.
    best = cost.argmin(1)
    chosen = torch.where(match.sum(1) > 1, best, match.int().argmax(1))
    chosen = torch.where(match.any(1), chosen, -1)
    return chosen, iou.gather(1, chosen.clamp(min=0)[:, None])[:, 0]


def _near_centre(objects: PaddedTargets, points: AnchorPoints) -> Tensor:
    """Which anchor points lie within ``RADIUS`` of their strides around each object's centre, bool ``[B,G,A]``."""
    centre = (objects.boxes[..., :2] + objects.boxes[..., 2:]) / 2
    distance = (centre[:, :, None] - points.centre).abs().amax(-1)
    return (distance < RADIUS * points.stride) & objects.real[:, :, None]


def _class_cost(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of the joint scores against each object's class, ``[B,G,A]``.

    The joint score of a class is the square root of objectness times class probability.
    """
    joint = (logits[..., :1].sigmoid() * logits[..., 1:].sigmoid()).sqrt().clamp(1e-7, 1 - 1e-7)
    absent = -torch.log1p(-joint)
    swap = (-joint.log() - absent).transpose(1, 2)
    return absent.sum(-1)[:, None] + swap.gather(1, labels[:, :, None].expand(-1, -1, swap.shape[2]))
