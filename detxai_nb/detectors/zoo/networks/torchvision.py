"""The bundled detectors' networks: small enough to ship, built from torchvision's own parts."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.detection.ssd import SSD, SSDHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

STRIDES = (8, 16, 32)
CHANNELS = 64
TOWER = 3
"""Convolutions in each of the two towers of tiny-fcos's head."""
INPUT: dict[str, Any] = {
    "min_size": 256,
    "max_size": 448,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.25, 0.25, 0.25],
}
"""Images in 0..1 are scaled to a short side of 256 pixels, the long side at most 448; 320x256 passes as it is."""


def _normed(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two 3x3 convolutions beside a short cut (He et al., 2016, the basic block)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _normed(inputs, outputs, stride)
        self.second = _normed(outputs, outputs, 1)
        self.act = nn.ReLU()
        narrow = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else nn.Sequential(narrow, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.second(self.act(self.first(x))) + self.short(x))


class TinyBackbone(nn.Module):
    """A small residual network with a feature pyramid: 64 channels at strides 8, 16 and 32, named "0", "1", "2"."""

    out_channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        stages = OrderedDict(
            stem=nn.Sequential(_normed(3, 24, 2), nn.ReLU()),
            stage4=Block(24, 40, 2),
            stage8=nn.Sequential(Block(40, 80, 2), Block(80, 80)),
            stage16=Block(80, 112, 2),
            stage32=Block(112, 128, 2),
        )
        self.body = IntermediateLayerGetter(nn.Sequential(stages), {"stage8": "0", "stage16": "1", "stage32": "2"})
        self.fpn = FeaturePyramidNetwork([80, 112, 128], CHANNELS)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Normalised images [B,3,h,w] to the pyramid's maps [B,64,h/8,w/8], [B,64,h/16,w/16] and [B,64,h/32,w/32]."""
        return self.fpn(self.body(x))


class TowerBackbone(TinyBackbone):
    """TinyBackbone followed on each level by two towers like those of tiny-fcos's head, for class and for box.

    Maps of 128 channels, the class tower's 64 first. With the weights of tiny-fcos they tell classes and sides apart
    almost by themselves, so that the heads of other families learn quickly to read them.
    """

    out_channels = 2 * CHANNELS

    def __init__(self) -> None:
        super().__init__()
        head = FCOSHead(CHANNELS, 1, 1, num_convs=TOWER)
        self.class_tower, self.box_tower = head.classification_head.conv, head.regression_head.conv

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Normalised images [B,3,h,w] to maps of 128 channels at strides 8, 16 and 32."""
        levels = super().forward(x).items()
        return OrderedDict((name, torch.cat([self.class_tower(x), self.box_tower(x)], dim=1)) for name, x in levels)


def tower_weights(fcos: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of tiny-fcos under the names that they have in a model on a ``TowerBackbone``."""
    renamed = {}
    for name, tensor in fcos.items():
        name = name.replace("head.classification_head.conv.", "backbone.class_tower.")
        renamed[name.replace("head.regression_head.conv.", "backbone.box_tower.")] = tensor
    return renamed


def tiny_fcos(num_classes: int = 10) -> FCOS:
    """torchvision's FCOS on a small backbone, about 1.1 million parameters, with random weights.

    Three levels (strides 8, 16, 32) of 64 channels, a head of 3 convolutions with GroupNorm. Input: see ``INPUT``.
    """
    _check(num_classes)
    return FCOS(
        TinyBackbone(),
        num_classes,
        anchor_generator=AnchorGenerator(tuple((stride,) for stride in STRIDES), ((1.0,),) * len(STRIDES)),
        head=FCOSHead(CHANNELS, 1, num_classes, num_convs=TOWER),
        score_thresh=0.05,
        nms_thresh=0.6,
        detections_per_img=100,
        topk_candidates=500,
        **INPUT,
    )


def tiny_retinanet(num_classes: int = 10) -> RetinaNet:
    """torchvision's RetinaNet on a small backbone, about 1.1 million parameters, with random weights.

    Three levels of 64 channels, a head of 3 convolutions with GroupNorm as in torchvision's second version (which has
    4), 6 anchors a cell. Input: see ``INPUT``.
    """
    _check(num_classes)
    anchors = AnchorGenerator(((12, 19), (31, 49), (79, 126)), ((0.5, 1.0, 2.0),) * len(STRIDES))
    number = anchors.num_anchors_per_location()[0]
    head = RetinaNetHead(CHANNELS, number, num_classes, norm_layer=partial(nn.GroupNorm, 32))
    for part in (head.classification_head, head.regression_head):
        part.conv = part.conv[:TOWER]
    return RetinaNet(
        TinyBackbone(),
        num_classes,
        anchor_generator=anchors,
        head=head,
        score_thresh=0.05,
        nms_thresh=0.5,
        detections_per_img=100,
        topk_candidates=500,
        **INPUT,
    )


def retinanet_weights(fcos: Mapping[str, Tensor], anchors: int = 6) -> dict[str, Tensor]:
    """The tensors of tiny-fcos under the names that they have in tiny-retinanet; each anchor gets its class outputs."""
    renamed = {}
    for name, tensor in fcos.items():
        tower = re.fullmatch(r"(head\.\w+_head\.conv)\.(\d+)\.(\w+)", name)
        if tower:
            layer, part = divmod(int(tower[2]), 3)
            name = f"{tower[1]}.{layer}.{part}.{tower[3]}"
        elif name.startswith("head.classification_head.cls_logits."):
            tensor = tensor.repeat(anchors, *[1] * (tensor.ndim - 1))
        renamed[name] = tensor
    return renamed


def tiny_faster_rcnn(num_classes: int = 11) -> FasterRCNN:
    """torchvision's Faster R-CNN on a ``TowerBackbone``, about 2.3 million parameters, with random weights.

    ``num_classes`` counts the background, which comes first. Proposals from one anchor size a level in three shapes;
    regions of 7x7 cells into two layers of 192. Input: see ``INPUT``.
    """
    _check(num_classes)
    anchors = AnchorGenerator(((16,), (40,), (100,)), ((0.5, 1.0, 2.0),) * len(STRIDES))
    # A box of up to 80 pixels is pooled from stride 8, of up to 160 from stride 16.
    pool = MultiScaleRoIAlign(["0", "1", "2"], output_size=7, sampling_ratio=2, canonical_scale=80, canonical_level=4)
    return FasterRCNN(
        TowerBackbone(),
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(2 * CHANNELS, anchors.num_anchors_per_location()[0]),
        rpn_pre_nms_top_n_train=600,
        rpn_pre_nms_top_n_test=400,
        rpn_post_nms_top_n_train=300,
        rpn_post_nms_top_n_test=200,
        rpn_batch_size_per_image=128,
        box_roi_pool=pool,
        box_head=TwoMLPHead(2 * CHANNELS * 7 * 7, 192),
        box_predictor=FastRCNNPredictor(192, num_classes),
        box_batch_size_per_image=64,
        box_detections_per_img=100,
        **INPUT,
    )


def tiny_ssd(num_classes: int = 11) -> SSD:
    """torchvision's SSD on a ``TowerBackbone``, about 1.3 million parameters, with random weights.

    ``num_classes`` counts the background, which comes first. Every image is resized to 320x256. SSD has no feature
    pyramid and no towers of its own; a network as small as this needs them, since its head is a single convolution.
    """
    _check(num_classes)
    backbone = TowerBackbone()
    anchors = DefaultBoxGenerator([[2], [2], [2]], scales=[0.06, 0.15, 0.35, 0.7], steps=list(STRIDES))
    return SSD(
        backbone,
        anchors,
        size=(320, 256),
        num_classes=num_classes,
        head=SSDHead([backbone.out_channels] * len(STRIDES), anchors.num_anchors_per_location(), num_classes),
        image_mean=INPUT["image_mean"],
        image_std=INPUT["image_std"],
        score_thresh=0.05,
        nms_thresh=0.45,
        detections_per_img=100,
    )


def _check(num_classes: int) -> None:
    if num_classes < 1:
        raise ValueError(f"num_classes is 1 or more, got {num_classes}")
