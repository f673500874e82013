"""Faster R-CNN: torchvision's with a ResNet-50 (both versions), one on MobileNetV3, the bundled small one, and the
boxes of Mask R-CNN and Keypoint R-CNN."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
import pytest
import torch
from full_size import smaller
from torch import Tensor, nn
from torchvision.models.detection import (
    FasterRCNN,
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fasterrcnn_resnet50_fpn,
    keypointrcnn_resnet50_fpn,
    maskrcnn_resnet50_fpn,
)
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead, concat_box_prediction_layers
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, clip_boxes_to_image
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

import detxai_nb as dx
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.zoo.networks.torchvision import tiny_faster_rcnn
from detxai_nb.testing import NAMES, Kind, enliven, in_common, photograph
from detxai_nb.types import SIDES, Target

CLASSES = ("background", *NAMES)
SMALL: dict[str, Any] = {
    "weights": None,
    "weights_backbone": None,
    "num_classes": len(CLASSES),
    "min_size": 96,
    "max_size": 400,
    "rpn_pre_nms_top_n_test": 16,
}


def lively(module: FasterRCNN) -> FasterRCNN:
    """Random weights with proposals of every size and distinct classes."""
    enliven(module)
    tame(module.backbone)
    random = torch.Generator().manual_seed(2)
    heads = module.roi_heads
    with torch.no_grad():
        module.rpn.head.bbox_pred.weight.mul_(0.15)
        for layer in heads.box_head.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(0, (2 / layer.in_features) ** 0.5, generator=random)
        heads.box_predictor.cls_score.weight.normal_(0, 0.1, generator=random)
        heads.box_predictor.bbox_pred.weight.normal_(0, 0.05, generator=random)
    return module


@torch.no_grad()
def tame(backbone: Any) -> None:
    """Scale the convolutions after the stages so that the pyramid's values are about 1: random norms let them grow."""
    stages = backbone.body(torch.randn(1, 3, 96, 160, generator=torch.Generator().manual_seed(3)))
    if hasattr(backbone.fpn.extra_blocks, "p6"):
        backbone.fpn.extra_blocks.p6.weight.div_(list(stages.values())[-1].std())
    for block, stage in zip(backbone.fpn.inner_blocks, stages.values()):
        size, last = block(stage).std(), list(block.modules())[-1]
        last.weight.div_(size)
        last.bias.div_(size)


def pooling(**settings: Any) -> MultiScaleRoIAlign:
    """A pooling that reads every level of the pyramid of a small image."""
    usual = {"featmap_names": ["0", "1", "2", "3"], "output_size": 7, "sampling_ratio": 2, "canonical_scale": 60}
    return MultiScaleRoIAlign(**{**usual, **settings})


def version_1(**settings: Any) -> FasterRCNN:
    """torchvision's R50-FPN at a small input."""
    torch.manual_seed(0)
    with smaller():
        return lively(fasterrcnn_resnet50_fpn(**SMALL, **{"box_roi_pool": pooling(), **settings}))


def version_2() -> FasterRCNN:
    """Built as torchvision's second version, but narrow: norms in the pyramid and the box head, two proposal layers."""
    torch.manual_seed(0)
    backbone = _resnet_fpn_extractor(ResNet(BasicBlock, [1, 1, 1, 1]), 5, norm_layer=nn.BatchNorm2d)
    backbone.fpn = FeaturePyramidNetwork([64, 128, 256, 512], 24, LastLevelMaxPool(), norm_layer=nn.BatchNorm2d)
    backbone.out_channels = 24
    settings = {name: value for name, value in SMALL.items() if not name.startswith("weights")}
    module = FasterRCNN(
        backbone,
        rpn_anchor_generator=AnchorGenerator(((16,), (32,), (64,), (96,), (128,)), ((0.5, 1.0, 2.0),) * 5),
        rpn_head=RPNHead(24, 3, conv_depth=2),
        box_head=FastRCNNConvFCHead((24, 7, 7), [24, 32], [64], norm_layer=nn.BatchNorm2d),
        box_predictor=FastRCNNPredictor(64, settings.pop("num_classes")),
        box_roi_pool=pooling(sampling_ratio=0),
        **settings,
    )
    return lively(module)


def mobile() -> FasterRCNN:
    torch.manual_seed(0)
    with smaller():
        return lively(fasterrcnn_mobilenet_v3_large_320_fpn(**SMALL, rpn_score_thresh=0.0))


def mask() -> FasterRCNN:
    torch.manual_seed(0)
    with smaller():
        return lively(maskrcnn_resnet50_fpn(**SMALL, box_roi_pool=pooling()))


def keypoint() -> FasterRCNN:
    torch.manual_seed(0)
    with smaller():
        return lively(keypointrcnn_resnet50_fpn(**SMALL, num_keypoints=5, box_roi_pool=pooling()))


def bundled() -> FasterRCNN:
    torch.manual_seed(0)
    module = lively(tiny_faster_rcnn(len(CLASSES)))
    module.rpn._pre_nms_top_n["testing"] = 16
    module.transform.min_size = (128,)
    return module


def kind_of(make: Callable[[], FasterRCNN]) -> Kind:
    def build(dtype: torch.dtype = torch.float32, **settings: Any) -> FasterRcnnDetector:
        return FasterRcnnDetector(make().to(dtype), CLASSES, **settings)

    return Kind(build, scalar, everything, choose, layer_scalar)


def everything(detector: Any, image: np.ndarray) -> dx.Detections:
    """Every class of every proposal as a detection, by switching suppression off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "nms_threshold", 1.0)
        patch.setattr(detector, "max_detections", 10**6)
        return detector.detect([image], 0.0)[0]


def choose(found: dx.Detections, trace: Any) -> dx.Detections:
    """Of each map that is pooled from, the largest, the smallest and a middle region, and of one region two classes."""
    rows: list[int] = []
    best = found[[i for i, origin in enumerate(found.origins) if not (found.origins[:i] == origin).all(1).any()]]
    at = torch.empty(len(best), dtype=torch.int64)
    for level, some, _ in trace.gradients(best, Target()):
        at[some] = level
    sides = best.boxes[:, 2:] - best.boxes[:, :2]
    for level in at.unique():
        mine = (at == level).nonzero()[:, 0]
        mine = mine[sides[mine].prod(dim=1).argsort()]
        rows += {int(mine[0]), int(mine[len(mine) // 2]), int(mine[-1])}
    return best[rows]


@in_common
def features_of(detector: Any, *leaves: Tensor) -> dict[str, Tensor]:
    """The pyramid by name, from its levels; with the one that torchvision puts on top."""
    levels, names = list(leaves), [str(i) for i in range(len(leaves))]
    extra = detector.module.backbone.fpn.extra_blocks
    if extra is not None and len(levels) == len(detector.module.backbone.body.return_layers):
        levels, names = extra(levels, [], names)
    return dict(zip(names, levels))


def proposal_of(detector: Any, features: dict[str, Tensor], trace: Any, one: dx.Detections) -> Tensor:
    """The proposal ``[1,4]`` by torchvision's proposal network on all anchors."""
    sizes, boxes = proposals_of(detector, trace.placement, *features.values())
    level, row, column, anchor = one.origins[0].tolist()
    before = sum(anchors * height * width for anchors, height, width in sizes[:level])
    flat = (row * sizes[level][2] + column) * sizes[level][0] + anchor + before
    return clip_boxes_to_image(boxes[flat], trace.placement.resized)


@in_common
@torch.no_grad()
def proposals_of(detector: Any, placement: Any, *pyramid: Tensor) -> tuple[list[torch.Size], Tensor]:
    """Each level's anchors a cell, height and width, and the proposals of all anchors, ``[M,1,4]``."""
    rpn = detector.module.rpn
    images = ImageList(pyramid[0].new_zeros(1, 3, *placement.input_size), [placement.resized])
    objectness, deltas = rpn.head(list(pyramid))
    sizes = [x.shape[1:] for x in objectness]
    _, deltas = concat_box_prediction_layers(objectness, deltas)
    return sizes, rpn.box_coder.decode(deltas, rpn.anchor_generator(images, list(pyramid)))


def scalar(detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target) -> Tensor:
    features, heads = features_of(detector, *leaves), detector.module.roi_heads
    proposal = proposal_of(detector, features, trace, one)
    pooled = heads.box_roi_pool(features, [proposal], [trace.placement.resized])
    return scalar_of(detector, pooled, proposal, label, target)


def scalar_of(detector: Any, pooled: Tensor, proposal: Tensor, label: int, target: Target) -> Tensor:
    heads = detector.module.roi_heads
    logits, deltas = heads.box_predictor(heads.box_head(pooled))
    if target.part in SIDES:
        side = SIDES.index(target.part)
        return heads.box_coder.decode(deltas, [proposal])[0, label, side] * (1 if side >= 2 else -1)
    return logits[0, label] if target.score == "logit" else logits[0].softmax(dim=0)[label]


def layer_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    if trace.layer != "roi":
        return scalar(detector, trace, pyramid_from(detector, trace, *leaves), one, label, target)
    pyramid = pyramid_from(detector, trace, *leaves)
    proposal = proposal_of(detector, features_of(detector, *pyramid), trace, one)
    corners = torch.tensor([level.corner for level in trace.levels])
    number = int((corners - proposal[0, [1, 0]]).abs().sum(dim=1).argmin())
    return scalar_of(detector, leaves[number], proposal, label, target)


@in_common
def stages_of(detector: Any) -> dict[str, Tensor]:
    """The backbone's outputs for the photograph of the contract."""
    dtype = next(detector.module.parameters()).dtype
    images, _ = detector.module.transform([torch.from_numpy(photograph()).permute(2, 0, 1).to(dtype) / 255])
    return detector.module.backbone.body(images.tensors)


class Constant(nn.Module):
    """Gives the same whatever it gets."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def forward(self, _: Any) -> Any:
        return self.value


@in_common
def pyramid_from(detector: Any, trace: Any, *leaves: Tensor) -> list[Tensor]:
    """The pyramid's levels with their extra one, from backbone stages or lateral outputs, by the module's own code."""
    backbone = detector.module.backbone
    given = {level.name: leaf for level, leaf in zip(trace.levels, leaves)}
    names = {key: name for name, key in backbone.body.return_layers.items()}
    stages = {key: given.get(f"backbone.{names[key]}", x.detach()) for key, x in stages_of(detector).items()}
    backbone, fpn = copy(backbone), copy(backbone.fpn)
    if trace.layer == "neck.before":
        laterals = nn.ModuleList(Constant(given[f"neck.before.{i}"]) for i in range(len(stages)))
        fpn._modules = {**fpn._modules, "inner_blocks": laterals}
    backbone._modules = {**backbone._modules, "body": Constant(stages), "fpn": fpn}
    return list(backbone(torch.empty(0)).values())


KINDS = {
    "faster-rcnn": kind_of(version_1),
    "faster-rcnn-v2": kind_of(version_2),
    "faster-rcnn-mobile": kind_of(mobile),
    "tiny-faster-rcnn": kind_of(bundled),
    "mask-rcnn": kind_of(mask),
    "keypoint-rcnn": kind_of(keypoint),
}
