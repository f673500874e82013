"""The losses of torchvision's detectors on a batch of images of one size: network in bfloat16, losses in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.ops import box_iou

Targets = Sequence[dict[str, Tensor]]
"""For each image ``boxes``, float ``[n,4]``, xyxy in pixels of the image, and ``labels``, int64 ``[n]``."""

LossFunction = Callable[[Any, Tensor, Targets, bool], dict[str, Tensor]]
"""``losses(model, images, targets, half)``: the weighted losses, by name, of uint8 images ``[B,3,h,w]``."""


def fcos_losses(model: FCOS, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute torchvision's FCOS losses.

    Args:
        model: the detector.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image.
        half: whether the network runs in bfloat16.

    Returns:
        The losses "classification", "bbox_regression" and "bbox_ctrness".
    """
    pixels = prepare_batch(model, images)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        features = list(model.backbone(pixels).values())
        # GroupNorm's backward is far slower on channels-last maps.
        outputs = model.head([feature.contiguous() for feature in features])
    anchors = model.anchor_generator(_image_list(pixels), features)
    counts = [feature.shape[2] * feature.shape[3] for feature in features]
    return cast(dict[str, Tensor], model.compute_loss(targets, _to_float32(outputs), anchors, counts))


def retinanet_losses(model: RetinaNet, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute torchvision's RetinaNet losses.

    Args:
        model: the detector.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image.
        half: whether the network runs in bfloat16.

    Returns:
        The losses "classification" and "bbox_regression".
    """
    pixels = prepare_batch(model, images)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        features = list(model.backbone(pixels).values())
        outputs = model.head(features)
    anchors = model.anchor_generator(_image_list(pixels), features)
    return cast(dict[str, Tensor], model.compute_loss(targets, _to_float32(outputs), anchors))


def ssd_losses(model: SSD, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute torchvision's SSD losses.

    Class 0 of the network is the background, so every label is raised by one.

    Args:
        model: the detector.
        images: uint8 ``[B,3,h,w]``, RGB, of the input size of the model.
        targets: boxes and labels of each image; labels without the background.
        half: whether the network runs in bfloat16.

    Returns:
        The losses "classification" and "bbox_regression".
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
    return cast(dict[str, Tensor], model.compute_loss(targets, _to_float32(outputs), anchors, matched))


def faster_rcnn_losses(model: FasterRCNN, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute torchvision's Faster R-CNN losses, of the proposals and of the box head.

    Class 0 of the network is the background, so every label is raised by one.

    Args:
        model: the detector.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image; labels without the background.
        half: whether the backbone runs in bfloat16; the rest runs in float32.

    Returns:
        The losses "loss_classifier", "loss_box_reg", "loss_objectness" and "loss_rpn_box_reg".
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
    """Normalise a batch as the model's own transform does, without resizing it.

    Args:
        model: a torchvision detector.
        images: uint8 ``[B,3,h,w]``, RGB.

    Returns:
        float32 ``[B,3,h,w]`` in channels-last memory format.
    """
    mean = torch.tensor(model.transform.image_mean, device=images.device)[:, None, None]
    std = torch.tensor(model.transform.image_std, device=images.device)[:, None, None]
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def _image_list(pixels: Tensor) -> ImageList:
    return ImageList(pixels, [(pixels.shape[2], pixels.shape[3])] * len(pixels))


def _to_float32(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.float() for name, value in outputs.items()}


def _after_background(targets: Targets) -> list[dict[str, Tensor]]:
    return [{"boxes": target["boxes"], "labels": target["labels"] + 1} for target in targets]
