"""RetinaNet: torchvision's v1 (no normalisation in the head), v2 (group normalisation), and the bundled small one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from families.faster_rcnn import pyramid_from, tame
from families.fcos import everything, from_tower, neck_of, outputs_of
from full_size import smaller
from torch import Tensor
from torchvision.models.detection import RetinaNet, retinanet_resnet50_fpn, retinanet_resnet50_fpn_v2
from torchvision.models.detection.image_list import ImageList

import detxai_nb as dx
from detxai_nb.detectors.retinanet import RetinaNetDetector
from detxai_nb.detectors.zoo.networks.torchvision import tiny_retinanet
from detxai_nb.testing import NAMES, Kind, enliven, in_common
from detxai_nb.types import SIDES, Target

SMALL = {"weights": None, "weights_backbone": None, "num_classes": 7, "min_size": 96, "max_size": 400}


def v1() -> RetinaNet:
    """torchvision's at a small input."""
    with smaller():
        return retinanet_resnet50_fpn(**SMALL)


def v2() -> RetinaNet:
    """torchvision's at a small input."""
    with smaller():
        return retinanet_resnet50_fpn_v2(**SMALL)


def bundled() -> RetinaNet:
    module = tiny_retinanet(len(NAMES))
    module.transform.min_size = (128,)
    return module


def kind_of(make: Callable[[], RetinaNet]) -> Kind:
    def build(dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
        torch.manual_seed(0)
        module = enliven(make())
        tame(module.backbone)
        return RetinaNetDetector(module.to(dtype), NAMES, **settings)

    return Kind(build, scalar, everything, layer_scalar=layer_scalar)


def scalar(detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target) -> Tensor:
    outputs = outputs_of(detector.module.head, *leaves)
    return scalar_of(detector, trace, leaves, outputs, one, (label, target))


def scalar_of(
    detector: Any,
    trace: Any,
    grids: list[Tensor],
    outputs: dict[str, Tensor],
    one: dx.Detections,
    asked: tuple[int, Target],
) -> Tensor:
    """From the outputs of all levels; ``grids`` are maps of the pyramid's sizes."""
    module, (label, target) = detector.module, asked
    level, row, column, anchor = one.origins[0].tolist()
    each = module.anchor_generator.num_anchors_per_location()
    before = sum(x.shape[2] * x.shape[3] * count for x, count in zip(grids[:level], each))
    number = before + (row * grids[level].shape[3] + column) * each[level] + anchor
    if target.part in SIDES:
        images = ImageList(torch.empty(1, 3, *trace.placement.input_size), [trace.placement.resized])
        anchors = module.anchor_generator(images, grids)[0][number, None]
        side = module.box_coder.decode_single(outputs["bbox_regression"][0, number, None], anchors)
        return side[0, SIDES.index(target.part)] * (1 if target.part in ("x2", "y2") else -1)
    logits = outputs["cls_logits"][0, number]
    if target.score == "prob":
        logits = logits.softmax(dim=0) if detector.family == "ssd" else logits.sigmoid()
    return logits[label]


def layer_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    if not trace.layer.startswith("head."):
        return scalar(detector, trace, pyramid_from(detector, trace, *leaves), one, label, target)
    outputs = outputs_from(detector, trace.layer, *leaves)
    return scalar_of(detector, trace, neck_of(detector), outputs, one, (label, target))


@in_common
def outputs_from(detector: Any, layer: str, *leaves: Tensor) -> dict[str, Tensor]:
    """The head's outputs from the activations of one of its towers."""
    classes, boxes = detector.module.head.classification_head, detector.module.head.regression_head

    def seen(name: str, tower: Any) -> list[Tensor]:
        if layer.startswith(f"head.{name}"):
            return [from_tower(tower, 1, layer, leaf) for leaf in leaves]
        return [tower(features) for features in neck_of(detector)]

    return {
        "cls_logits": flat([classes.cls_logits(x) for x in seen("class", classes.conv)], len(NAMES)),
        "bbox_regression": flat([boxes.bbox_reg(x) for x in seen("box", boxes.conv)], 4),
    }


def flat(maps: list[Tensor], values: int) -> Tensor:
    """Outputs ``[1,A*K,h,w]`` of each level as ``[1,M,K]``."""
    return torch.cat([x.unflatten(1, (-1, values)).permute(0, 3, 4, 1, 2).reshape(1, -1, values) for x in maps], dim=1)


KINDS = {
    "retinanet": kind_of(v1),
    "retinanet-v2": kind_of(v2),
    "tiny-retinanet": kind_of(bundled),
}
