"""FCOS: torchvision's with a ResNet-50, and the bundled small one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from families.faster_rcnn import pyramid_from
from full_size import smaller
from torch import Tensor, nn
from torchvision.models.detection import FCOS, fcos_resnet50_fpn

import detxai_nb as dx
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.testing import NAMES, Kind, enliven, in_common, photograph, spread
from detxai_nb.types import SIDES, Target


def small_fcos() -> FCOS:
    """torchvision's FCOS-R50 at a small input."""
    torch.manual_seed(0)
    with smaller():
        module = fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=7, min_size=96, max_size=400)
    return enliven(module)


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
    outputs = outputs_of(detector.module.head, leaves[level])
    cell = row * leaves[level].shape[3] + column
    return scalar_of({name: output[0, cell] for name, output in outputs.items()}, label, target)


@in_common
def outputs_of(head: nn.Module, *pyramid: Tensor) -> Any:
    """The head's outputs: all detections of the same maps share one forward pass."""
    return head(list(pyramid))


@in_common
def neck_of(detector: Any) -> list[Tensor]:
    """The pyramid for the photograph of the contract."""
    return [level.features[None] for level in detector.trace(photograph()).levels]


def scalar_of(outputs: dict[str, Tensor], label: int, target: Target) -> Tensor:
    if target.part in SIDES:
        return outputs["bbox_regression"][SIDES.index(target.part)]
    logit = outputs["cls_logits"][label]
    return logit if target.score == "logit" else (logit.sigmoid() * outputs["bbox_ctrness"][0].sigmoid()).sqrt()


def layer_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    if not trace.layer.startswith("head."):
        return scalar(detector, trace, pyramid_from(detector, trace, *leaves), one, label, target)
    level, row, column = one.origins[0].tolist()
    outputs = outputs_from(detector, trace.layer, level, leaves[level])
    return scalar_of({name: output[0, :, row, column] for name, output in outputs.items()}, label, target)


@in_common
def outputs_from(detector: Any, layer: str, level: int, leaf: Tensor) -> dict[str, Tensor]:
    """A level's outputs ``[1,K,h,w]`` from the activation of one of the head's towers."""
    classes, boxes = detector.module.head.classification_head, detector.module.head.regression_head
    towers = {"class": classes.conv, "box": boxes.conv}
    seen = {
        name: from_tower(tower, 3, layer, leaf) if layer.startswith(f"head.{name}") else tower(neck_of(detector)[level])
        for name, tower in towers.items()
    }
    return {
        "cls_logits": classes.cls_logits(seen["class"]),
        "bbox_regression": boxes.bbox_reg(seen["box"]).relu(),
        "bbox_ctrness": boxes.bbox_ctrness(seen["box"]),
    }


def from_tower(tower: Sequence[nn.Module], each: int, layer: str, leaf: Tensor) -> Tensor:
    """What a tower makes of the activation that the layer names: "head.class" the last, "head.class.0" the first."""
    number = layer.split(".")[2:]
    for part in list(tower)[each * (int(number[0]) + 1) :] if number else []:
        leaf = part(leaf)
    return leaf


KINDS = {"fcos": kind_of(small_fcos), "tiny-fcos": kind_of(bundled_fcos)}
