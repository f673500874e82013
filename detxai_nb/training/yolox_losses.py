"""YOLOX's losses: SimOTA chooses which places answer for which object, then box, objectness and class losses.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", section 2.1; the details are those of the official code: candidates
are the places within ``RADIUS`` strides of an object's centre, an object gets as many places as its ten best overlaps
add up to, and a class target is the overlap. The L1 loss of its last epochs is left out. Every image of a batch is
assigned at once: objects are padded to the largest number in an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.detectors.yolox.network import MEAN, PAD, STD, STRIDES, Yolox

RADIUS = 1.5
CANDIDATES = 10
BOX_WEIGHT = 5.0
_IOU_COST = 3.0
_OUTSIDE_COST = 1e6
_NEVER = 1e9
_GREATEST_STRIDE = STRIDES[-1]


@dataclass(frozen=True, eq=False)
class Places:
    """The cells of all levels in a row: ``centre`` ``[A,2]`` (x, y) in input pixels and ``stride`` ``[A]``."""

    centre: Tensor
    stride: Tensor


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of a batch, padded: ``boxes`` ``[B,G,4]`` xyxy in input pixels, ``labels`` ``[B,G]``, ``real``."""

    boxes: Tensor
    labels: Tensor
    real: Tensor

    @classmethod
    def pad(cls, targets: Sequence[dict[str, Tensor]], device: torch.device) -> Objects:
        """From each image's ``boxes`` and ``labels``; at least one object wide, so that nothing is of size 0."""
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
    """The weighted losses ``box``, ``objectness`` and ``class`` of a batch, each divided by the chosen places.

    ``images``: uint8 ``[B,3,h,w]``, RGB; ``targets``: for each image ``boxes`` float ``[n,4]``, xyxy in pixels, and
    ``labels`` int64 ``[n]``. The network runs in bfloat16 if ``half``, the losses in float32.
    """
    pixels = prepare_yolox_batch(images)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        levels = model(pixels)
    return losses_of(levels, targets)


def losses_of(levels: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The losses of a network's raw outputs, a tensor ``[B,5+C,h,w]`` for each level."""
    raw = torch.cat([level.float().flatten(2) for level in levels], dim=2).transpose(1, 2)
    places = places_of([level.shape[2:] for level in levels], raw.device)
    boxes = decode(raw[..., :4], places)
    objects = Objects.pad(targets, raw.device)
    chosen, overlap = assign(boxes.detach(), raw[..., 4:].detach(), objects, places)
    found = chosen >= 0
    count = found.sum().clamp(min=1)
    image, place = found.nonzero(as_tuple=True)
    number = chosen[image, place]
    overlap = overlap[image, place]
    iou = paired_iou(boxes[image, place], objects.boxes[image, number])
    classes = raw[image, place, 5:]
    wanted = torch.zeros_like(classes).scatter_(1, objects.labels[image, number][:, None], overlap[:, None])
    return {
        "box": BOX_WEIGHT * (1 - iou.square()).sum() / count,
        "objectness": F.binary_cross_entropy_with_logits(raw[..., 4], found.float(), reduction="sum") / count,
        "class": F.binary_cross_entropy_with_logits(classes, wanted, reduction="sum") / count,
    }


def prepare_yolox_batch(images: Tensor) -> Tensor:
    """A uint8 batch ``[B,3,h,w]`` as ``YoloxDetector`` with convention "rgb-imagenet" would hand it to the network.

    Padded at the right and below with grey to whole cells of the coarsest level, normalised, channels last.
    """
    short = [-side % _GREATEST_STRIDE for side in images.shape[2:]]
    padded = F.pad(images.float(), (0, short[1], 0, short[0]), value=PAD)
    mean, std = (padded.new_tensor(value)[:, None, None] for value in (MEAN, STD))
    return ((padded / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def places_of(sizes: Sequence[Any], device: torch.device) -> Places:
    """The cells of levels of these (height, width), level by level, row by row."""
    centres, strides = [], []
    for (height, width), stride in zip(sizes, STRIDES):
        y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
        centres.append((torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5) * stride)
        strides.append(torch.full((height * width,), float(stride), device=device))
    return Places(torch.cat(centres), torch.cat(strides))


def decode(raw: Tensor, places: Places) -> Tensor:
    """Boxes ``[B,A,4]``, xyxy in input pixels, from the raw box outputs ``[B,A,4]`` (offset from the cell's corner)."""
    stride = places.stride[:, None]
    centre = (raw[..., :2] - 0.5) * stride + places.centre
    half = raw[..., 2:].exp() * stride / 2
    return torch.cat([centre - half, centre + half], dim=-1)


@torch.no_grad()
def assign(boxes: Tensor, logits: Tensor, objects: Objects, places: Places) -> tuple[Tensor, Tensor]:
    """SimOTA: for each place the number of its object or -1, ``[B,A]``, and its overlap with that object, ``[B,A]``.

    ``boxes`` ``[B,A,4]``: what the network finds now; ``logits`` ``[B,A,1+C]``: objectness and classes.
    """
    near = _near_centre(objects, places)
    candidate = near.any(1, keepdim=True) & objects.real[:, :, None]
    iou = paired_iou(boxes[:, None], objects.boxes[:, :, None]) * candidate
    cost = _class_cost(logits, objects.labels) - _IOU_COST * (iou + 1e-8).log() + _OUTSIDE_COST * ~near
    cost = torch.where(candidate, cost, _NEVER)
    most = min(CANDIDATES, cost.shape[2])
    wanted = iou.topk(most, dim=2).values.sum(2).int().clamp(min=1)
    cheapest = cost.topk(most, dim=2, largest=False)
    taken = (torch.arange(most, device=cost.device) < wanted[:, :, None]) & (cheapest.values < _NEVER)
    match = torch.zeros_like(cost, dtype=torch.bool).scatter_(2, cheapest.indices, taken)
    # Of several objects that want one place, the one that it suits best among all gets it, as in the official code.
    best = cost.argmin(1)
    chosen = torch.where(match.sum(1) > 1, best, match.int().argmax(1))
    chosen = torch.where(match.any(1), chosen, -1)
    return chosen, iou.gather(1, chosen.clamp(min=0)[:, None])[:, 0]


def paired_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes ``[...,4]``, pair by pair (shapes broadcast)."""
    top_left = torch.maximum(one[..., :2], other[..., :2])
    bottom_right = torch.minimum(one[..., 2:], other[..., 2:])
    both = (bottom_right - top_left).clamp(min=0).prod(-1)
    areas = (one[..., 2:] - one[..., :2]).prod(-1) + (other[..., 2:] - other[..., :2]).prod(-1)
    return both / (areas - both + 1e-16)


def _near_centre(objects: Objects, places: Places) -> Tensor:
    """Which places lie within ``RADIUS`` of their strides around each object's centre, ``[B,G,A]``."""
    centre = (objects.boxes[..., :2] + objects.boxes[..., 2:]) / 2
    distance = (centre[:, :, None] - places.centre).abs().amax(-1)
    return (distance < RADIUS * places.stride) & objects.real[:, :, None]


def _class_cost(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy of the joint scores against each object's class, ``[B,G,A]``.

    The joint score of a class is the root of objectness times class probability.
    """
    joint = (logits[..., :1].sigmoid() * logits[..., 1:].sigmoid()).sqrt().clamp(1e-7, 1 - 1e-7)
    absent = -torch.log1p(-joint)
    swap = (-joint.log() - absent).transpose(1, 2)
    return absent.sum(-1)[:, None] + swap.gather(1, labels[:, :, None].expand(-1, -1, swap.shape[2]))
