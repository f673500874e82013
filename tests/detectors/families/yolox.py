"""YOLOX: with depthwise convolutions and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from families.fcos import neck_of, outputs_of
from torch import Tensor

import detxai_nb as dx
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, Yolox
from detxai_nb.testing import NAMES, Kind, enliven, in_common, photograph
from detxai_nb.types import SIDES, Target


def build_of(size: str) -> Callable[..., YoloxDetector]:
    def build(dtype: torch.dtype = torch.float32, **settings: Any) -> YoloxDetector:
        torch.manual_seed(0)
        network = enliven(Yolox(7, SIZES[size])).to(dtype)
        for predictor in (*network.head.cls_preds, *network.head.obj_preds):
            torch.nn.init.zeros_(predictor.bias)
        return YoloxDetector(network, NAMES, **{"input_size": (96, 160), **settings})

    return build


def everything(detector: Any, image: np.ndarray) -> dx.Detections:
    """Every location's best class as a detection, by switching suppression off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "nms_threshold", 1.0)
        patch.setattr(detector, "max_detections", 10**6)
        return detector.detect([image], 0.0)[0]


def scalar(detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target) -> Tensor:
    level, row, column = one.origins[0].tolist()
    return scalar_of(outputs_of(detector.module.head, *leaves)[level][0, :, row, column], label, target)


def scalar_of(outputs: Tensor, label: int, target: Target) -> Tensor:
    x, y, w, h, objectness, *classes = outputs
    if target.part in SIDES:
        return {"x1": w.exp() / 2 - x, "y1": h.exp() / 2 - y, "x2": w.exp() / 2 + x, "y2": h.exp() / 2 + y}[target.part]
    return classes[label] if target.score == "logit" else objectness.sigmoid() * classes[label].sigmoid()


def layer_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    level, row, column = one.origins[0].tolist()
    if trace.layer.startswith("head."):
        outputs = from_tower(detector, trace.layer, level, leaves[level])
        return scalar_of(outputs[0, :, row, column], label, target)
    return scalar(detector, trace, pyramid_from(detector, trace, *leaves), one, label, target)


@in_common
def from_tower(detector: Any, layer: str, level: int, leaf: Tensor) -> Tensor:
    """A level's outputs from the activation of a tower: "head.class" the last, "head.class.0" the first."""
    head = detector.module.head
    x = head.stems[level](neck_of(detector)[level])
    towers = {"class": head.cls_convs[level], "box": head.reg_convs[level]}
    _, branch, *number = layer.split(".")
    seen = {name: tower(x) for name, tower in towers.items() if name != branch}
    seen[branch] = towers[branch][int(number[0]) + 1 :](leaf) if number else leaf
    box, classes = seen["box"], seen["class"]
    return torch.cat([head.reg_preds[level](box), head.obj_preds[level](box), head.cls_preds[level](classes)], dim=1)


@in_common
def pyramid_from(detector: Any, trace: Any, *leaves: Tensor) -> list[Tensor]:
    """The neck's levels from the backbone's stages or from its maps before the bottom-up path."""
    network = detector.module.backbone
    given = {level.name: leaf for level, leaf in zip(trace.levels, leaves)}
    if trace.layer == "neck.before":
        fine, middle, top = (given[f"neck.before.{i}"] for i in range(3))
        out1 = network.C3_n3(torch.cat([network.bu_conv2(fine), middle], dim=1))
        return [fine, out1, network.C3_n4(torch.cat([network.bu_conv1(out1), top], dim=1))]
    every = detector.trace(photograph(), "backbone").levels
    return list(network.neck({x.name.split(".")[1]: given.get(x.name, x.features[None]) for x in every}))


KINDS = {
    size: Kind(build_of(size), scalar, everything, layer_scalar=layer_scalar) for size in ("yolox-nano", "yolox-tiny")
}
