"""The losses of torchvision's detectors on a batch of one image size: network in bfloat16, losses in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.ops import box_iou

Targets = Sequence[dict[str, Tensor]]
"""For each image ``boxes`` float ``[n,4]``, xyxy in pixels, and ``labels`` int64 ``[n]``."""

Losses = Callable[[Any, Tensor, Targets, bool], dict[str, Tensor]]
"""``losses(model, images, targets, half)``: uint8 images ``[B,3,h,w]`` to the weighted losses, by name."""


def fcos_losses(model: FCOS, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """torchvision's FCOS losses of a uint8 batch; the network runs in bfloat16 if ``half``."""
    pixels = prepare_batch(model, images)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        features = list(model.backbone(pixels).values())
        # GroupNorm's backward is far slower on channels-last maps.
        outputs = model.head([feature.contiguous() for feature in features])
    anchors = model.anchor_generator(_image_list(pixels), features)
    counts = [feature.shape[2] * feature.shape[3] for feature in features]
    return model.compute_loss(targets, _single(outputs), anchors, counts)


def retinanet_losses(model: RetinaNet, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """torchvision's RetinaNet losses of a uint8 batch; the network runs in bfloat16 if ``half``."""
    pixels = prepare_batch(model, images)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        features = list(model.backbone(pixels).values())
        outputs = model.head(features)
    anchors = model.anchor_generator(_image_list(pixels), features)
    return model.compute_loss(targets, _single(outputs), anchors)


def ssd_losses(model: SSD, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """torchvision's SSD losses of a uint8 batch; the network runs in bfloat16 if ``half``.

    Class 0 is the background there, so a label counts one more. Every batch has to have the model's input size.
    """
    pixels = prepare_batch(model, images)
    targets = _after_background(targets)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        features = list(model.backbone(pixels).values())
        outputs = model.head(features)
    anchors = model.anchor_generator(_image_list(pixels), features)
    matched = []
    for boxes, target in zip(anchors, targets):
        if len(target["boxes"]):
            matched.append(model.proposal_matcher(box_iou(target["boxes"], boxes)))
        else:
            matched.append(torch.full((len(boxes),), -1, dtype=torch.int64, device=boxes.device))
    return model.compute_loss(targets, _single(outputs), anchors, matched)


def faster_rcnn_losses(model: FasterRCNN, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """torchvision's losses of the proposals and of the box head of a uint8 batch; the backbone in bfloat16 if ``half``.

    Class 0 is the background there, so a label counts one more.
    """
    pixels = prepare_batch(model, images)
    listed = _image_list(pixels)
    targets = _after_background(targets)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        features = model.backbone(pixels)
    features = {name: feature.float() for name, feature in features.items()}
    proposals, of_proposals = model.rpn(listed, features, targets)
    _, of_boxes = model.roi_heads(features, proposals, listed.image_sizes, targets)
    return {**of_boxes, **of_proposals}


def prepare_batch(model: Any, images: Tensor) -> Tensor:
    """A uint8 batch as the model's own transform would normalise it, channels last, and of the size it has."""
    mean = torch.tensor(model.transform.image_mean, device=images.device)[:, None, None]
    std = torch.tensor(model.transform.image_std, device=images.device)[:, None, None]
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def _image_list(pixels: Tensor) -> ImageList:
    return ImageList(pixels, [(pixels.shape[2], pixels.shape[3])] * len(pixels))


def _single(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.float() for name, value in outputs.items()}


def _after_background(targets: Targets) -> list[dict[str, Tensor]]:
    return [{"boxes": target["boxes"], "labels": target["labels"] + 1} for target in targets]
