"""FCOS: torchvision's with a ResNet-50, and the bundled small one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from models import NAMES, Kind, enliven, photograph, spread
from torch import Tensor, nn
from torchvision.models.detection import FCOS, fcos_resnet50_fpn

import detxai_nb as dx
from detxai_nb.detectors.tiny import tiny_fcos
from detxai_nb.types import SIDES, Target


def small_fcos() -> FCOS:
    """The full-size FCOS-R50 architecture at a small input."""
    torch.manual_seed(0)
    return enliven(fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=7, min_size=96, max_size=400))


def bundled_fcos() -> FCOS:
    torch.manual_seed(0)
    module = tiny_fcos(7)
    module.transform.min_size = (128,)
    return enliven(module)


def kind_of(make: Callable[[], FCOS]) -> Kind:
    def build(dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
        module = make().to(dtype)
        # Most sides beyond their cell, as in a trained detector.
        torch.nn.init.constant_(module.head.regression_head.bbox_reg.bias, 1.0)
        return dx.wrap(module, family="fcos", names=NAMES, **settings)

    return Kind(build, scalar, everything, choose, layer_scalar)


def everything(detector: Any, image: np.ndarray) -> dx.Detections:
    """The best predictions of every level (of SSD: of every class), by switching suppression off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "nms_threshold", 1.0)
        patch.setattr(detector, "max_detections", 10**6)
        patch.setattr(detector.module, "topk_candidates", 2000)
        return detector.detect([image], 0.0)[0]


def choose(found: dx.Detections, trace: Any) -> dx.Detections:
    """Those with all four sides beyond the cell: where the ReLU of a side's output is 0, so is its gradient."""
    sides = torch.stack([trace.scalars(found, Target(side)) for side in SIDES])
    return spread(found[(sides > 0).all(dim=0)], trace)


def scalar(detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target) -> Tensor:
    level, row, column = one.origins[0].tolist()
    outputs = detector.module.head([leaves[level]])
    cell = row * leaves[level].shape[3] + column
    return scalar_of({name: output[0, cell] for name, output in outputs.items()}, label, target)


def scalar_of(outputs: dict[str, Tensor], label: int, target: Target) -> Tensor:
    if target.part in SIDES:
        return outputs["bbox_regression"][SIDES.index(target.part)]
    logit = outputs["cls_logits"][label]
    return logit if target.score == "logit" else (logit.sigmoid() * outputs["bbox_ctrness"][0].sigmoid()).sqrt()


def layer_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    if not trace.layer.startswith("head."):
        return scalar(detector, trace, pyramid_from(detector, trace, leaves), one, label, target)
    level, row, column = one.origins[0].tolist()
    features = detector.trace(photograph()).levels[level].features[None]
    classes, boxes = detector.module.head.classification_head, detector.module.head.regression_head
    towers = {"class": classes.conv, "box": boxes.conv}
    seen = {
        name: from_tower(tower, 3, trace.layer, leaves[level])
        if trace.layer.startswith(f"head.{name}")
        else tower(features)
        for name, tower in towers.items()
    }
    outputs = {
        "cls_logits": classes.cls_logits(seen["class"]),
        "bbox_regression": boxes.bbox_reg(seen["box"]).relu(),
        "bbox_ctrness": boxes.bbox_ctrness(seen["box"]),
    }
    return scalar_of({name: output[0, :, row, column] for name, output in outputs.items()}, label, target)


def from_tower(tower: Sequence[nn.Module], each: int, layer: str, leaf: Tensor) -> Tensor:
    """What a tower makes of the activation that the layer names: "head.class" the last, "head.class.0" the first."""
    number = layer.split(".")[2:]
    for part in list(tower)[each * (int(number[0]) + 1) :] if number else []:
        leaf = part(leaf)
    return leaf


class Constant(nn.Module):
    """Gives a tensor whatever it gets."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, _: Any) -> Tensor:
        return self.value


def pyramid_from(detector: Any, trace: Any, leaves: list[Tensor]) -> list[Tensor]:
    """The neck's maps from backbone stages or from the lateral outputs of the feature pyramid."""
    backbone = copy.deepcopy(detector.module.backbone)
    images, _ = detector.module.transform([torch.from_numpy(photograph()).permute(2, 0, 1).to(leaves[0].dtype) / 255])
    stages = backbone.body(images.tensors)
    given = {level.name: leaf for level, leaf in zip(trace.levels, leaves)}
    if trace.layer == "neck.before":
        for i in range(len(backbone.fpn.inner_blocks)):
            backbone.fpn.inner_blocks[i] = Constant(given[f"neck.before.{i}"])
    keys = backbone.body.return_layers
    backbone.body = Constant({key: given.get(f"backbone.{name}", stages[key]) for name, key in keys.items()})
    return list(backbone(images.tensors).values())


KINDS = {"fcos": kind_of(small_fcos), "tiny-fcos": kind_of(bundled_fcos)}
