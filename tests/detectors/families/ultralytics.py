"""Ultralytics' YOLOs with random weights, made from the package's own yaml files: nothing is downloaded."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from families.fcos import neck_of
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.ultralytics.detector import UltralyticsDetector
from detxai_nb.testing import NAMES, Kind, in_common, photograph
from detxai_nb.types import SIDES, Target

INPUT = 160


def network(name: str) -> Any:
    """The DetectionModel of that yaml with 7 classes and lively random weights."""
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = DetectionModel({**yaml_model_load(f"{name}.yaml"), "nc": len(NAMES)}, verbose=False)
    return lively(model)


def lively(model: Any) -> Any:
    """Random norms with statistics that fit photographs, and a head whose scores are neither 0 nor 1."""
    random = torch.Generator().manual_seed(1)
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    images = torch.stack([torch.from_numpy(photograph(96, INPUT, seed)) for seed in range(4)])
    with torch.no_grad():
        for norm in norms:
            norm.weight.normal_(1, 0.2, generator=random)
            norm.bias.normal_(0.1, 0.3, generator=random)
            norm.momentum = 1.0
        for name, weight in model.model[-1].named_parameters():
            if name.startswith(("cv", "one2one_cv")) and name.endswith(".2.weight"):
                weight.normal_(0, 0.1 * weight[0].numel() ** -0.5, generator=random)
            if name.startswith(("cv", "one2one_cv")) and name.endswith(".2.bias"):
                weight.normal_(0.2, 0.5, generator=random)
        model.train()(images.permute(0, 3, 1, 2).float() / 255)
        for norm in norms:
            norm.momentum = 0.03
    return model.eval()


def _build(
    name: str, dtype: torch.dtype = torch.float32, *, fused: bool = False, end2end: bool = False, **settings: Any
) -> UltralyticsDetector:
    model = network(name)
    if end2end:
        model.end2end = True
    if fused:
        model.fuse(verbose=False)
    return UltralyticsDetector(model.to(dtype), NAMES, **{"input_size": INPUT, **settings})


def scalar(detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target) -> Tensor:
    """The explained scalar from the maps that enter the head, by the head's own decoding."""
    head = detector.module.model[-1]
    level, row, column = one.origins[0].tolist()
    raw = outputs_of(head, *leaves)
    cell = sum(leaf.shape[2] * leaf.shape[3] for leaf in leaves[:level]) + row * leaves[level].shape[3] + column
    if target.part in SIDES:
        return head.dfl(raw["boxes"])[0, SIDES.index(target.part), cell]
    logit = raw["scores"][0, label, cell]
    return logit if target.score == "logit" else logit.sigmoid()


@in_common
def outputs_of(head: Any, *leaves: Tensor) -> dict[str, Tensor]:
    """The head's outputs: all detections of the same maps share one forward pass."""
    return head.forward_head(list(leaves), **(head.one2one if head.end2end else head.one2many))


def layer_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    """The same from the layer's maps, through the network as ultralytics runs it."""
    if trace.layer.startswith("head."):
        return _tower_scalar(detector, trace.layer.removeprefix("head."), leaves, one, label, target)
    return scalar(detector, trace, pyramid_from(detector, trace, *leaves), one, label, target)


@in_common
def pyramid_from(detector: Any, trace: Any, *leaves: Tensor) -> list[Tensor]:
    """The maps that enter the head, from the layer's, through the network as ultralytics runs it."""
    model = detector.module
    start = len(model.yaml["backbone"])
    given = dict(zip((int(level.name.split(".")[1]) for level in trace.levels), leaves))
    if trace.layer.startswith("neck."):
        start = next(iter(given)) + 1
    outputs: list[Tensor] = []
    x: Any = detector._prepare(photograph())[0]
    for part in model.model[:-1]:
        if part.f != -1:
            x = outputs[part.f] if isinstance(part.f, int) else [x if f == -1 else outputs[f] for f in part.f]
        x = given[part.i] if part.i in given else part(x)
        outputs.append(x if part.i in given or part.i >= start else x.detach())
        x = outputs[-1]
    return [outputs[i] for i in model.model[-1].f]


def _tower_scalar(
    detector: Any, layer: str, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    """What is left of the layer's branch; the other branch does not see the leaves."""
    head = detector.module.model[-1]
    level, row, column = one.origins[0].tolist()
    branch, *stop = layer.split(".")
    branches = head.one2one if head.end2end else head.one2many
    if branch == ("class" if target.part in SIDES else "box"):
        return scalar(detector, None, neck_of(detector), one, label, target) + 0 * sum(leaf.sum() for leaf in leaves)
    blocks = branches["cls_head" if branch == "class" else "box_head"][level]
    raw = blocks[int(stop[0]) + 1 if stop else -1 :](leaves[level])[0, :, row, column]
    if target.part in SIDES:
        return head.dfl(raw[None, :, None])[0, SIDES.index(target.part), 0]
    return raw[label] if target.score == "logit" else raw[label].sigmoid()


def everything(detector: Any, image: np.ndarray) -> dx.Detections:
    """Every location's best class, or end to end every location, as a detection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "nms_threshold", 1.0)
        patch.setattr(detector, "max_detections", 10**6)
        return detector.detect([image], 0.0)[0]


def _kind(name: str, **settings: Any) -> Kind:
    return Kind(partial(_build, name, **settings), scalar, everything, layer_scalar=layer_scalar)


KINDS: dict[str, Kind] = (
    {
        "yolov8n": _kind("yolov8n"),
        "yolo11n-fused": _kind("yolo11n", fused=True),
        "yolov10n-end-to-end": _kind("yolov10n", end2end=True),
    }
    if find_spec("ultralytics")
    else {}
)
