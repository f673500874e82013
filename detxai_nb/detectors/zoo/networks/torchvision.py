"""The bundled detectors of torchvision's own classes: FCOS, RetinaNet, Faster R-CNN and SSD."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.detection.ssd import SSD, SSDHead
from torchvision.ops import MultiScaleRoIAlign

from detxai_nb.detectors.zoo.networks.backbone import CHANNELS, INPUT, STRIDES, TOWER, TinyBackbone, TowerBackbone


def tiny_fcos(num_classes: int = 10) -> FCOS:
    """Build torchvision's FCOS on a small backbone, about 1.1 million parameters.

    Three levels (strides 8, 16, 32) of 64 channels, a head of 3 convolutions with GroupNorm. Input: see
    ``backbone.INPUT``.

    Args:
        num_classes: number of classes, at least 1.

    Returns:
        The network with random weights.

    Raises:
        ValueError: if ``num_classes`` is below 1.
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
    """Build torchvision's RetinaNet on a small backbone, about 1.1 million parameters.

    Three levels of 64 channels, a head of 3 convolutions with GroupNorm as in torchvision's second version (which has
    4), 6 anchors per cell. Input: see ``backbone.INPUT``.

    Args:
        num_classes: number of classes, at least 1.

    Returns:
        The network with random weights.

    Raises:
        ValueError: if ``num_classes`` is below 1.
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
    """Rename the tensors of tiny-fcos for tiny-retinanet; its class outputs are repeated for each anchor.

    Args:
        fcos: tiny-fcos's state dict.
        anchors: anchors per cell.

    Returns:
        The tensors by their names in tiny-retinanet.
    """
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
    """Build torchvision's Faster R-CNN on a ``TowerBackbone``, about 2.3 million parameters.

    Proposals come from one anchor size per level in three shapes; regions of 7x7 cells enter two layers of width 192.
    Input: see ``backbone.INPUT``.

    Args:
        num_classes: number of classes, at least 1, the background included, which comes first.

    Returns:
        The network with random weights.

    Raises:
        ValueError: if ``num_classes`` is below 1.
    """
    _check(num_classes)
    anchors = AnchorGenerator(((16,), (40,), (100,)), ((0.5, 1.0, 2.0),) * len(STRIDES))
    # Boxes of up to 80 pixels are pooled from stride 8, of up to 160 pixels from stride 16.
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
    """Build torchvision's SSD on a ``TowerBackbone``, about 1.3 million parameters.

    Every image is resized to 320x256 (width by height). SSD has no feature pyramid and no towers of its own; a
    network as small as this needs them, since its head is a single convolution.

    Args:
        num_classes: number of classes, at least 1, the background included, which comes first.

    Returns:
        The network with random weights.

    Raises:
        ValueError: if ``num_classes`` is below 1.
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
        raise ValueError(f"num_classes must be 1 or more, got {num_classes}")
