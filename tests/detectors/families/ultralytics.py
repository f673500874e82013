"""Ultralytics' YOLOs with random weights, made from the package's own yaml files: nothing is downloaded."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from families.classifier import choose as classes
from families.detr import choose
from families.fcos import neck_of
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.ultralytics.detector import UltralyticsDetector
from detxai_nb.testing import NAMES, Kind, in_common, photograph
from detxai_nb.types import SIDES, Target

INPUT = 160


MODELS = {
    "seg": "SegmentationModel",
    "pose": "PoseModel",
    "obb": "OBBModel",
    "world": "WorldModel",
    "worldv2": "WorldModel",
    "rtdetr": "RTDETRDetectionModel",
    "cls": "ClassificationModel",
}
"""Ultralytics' class of a model by the end of its yaml's name."""


def network(name: str) -> Any:
    """The model of that yaml with 7 classes and lively random weights."""
    from ultralytics.nn import tasks

    made = getattr(tasks, MODELS.get(name.rpartition("-")[2], "DetectionModel"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = made({**tasks.yaml_model_load(f"{name}.yaml"), "nc": len(NAMES)}, nc=len(NAMES), verbose=False)
    return lively(model)


def lively(model: Any) -> Any:
    """Random norms with statistics that fit photographs, and a head whose scores are neither 0 nor 1."""
    random = torch.Generator().manual_seed(1)
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    images = torch.stack([torch.from_numpy(photograph(96, INPUT, seed)) for seed in range(4)])
    head = type(model.model[-1]).__name__
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
            # What a YOLO-World compares with its texts begins at scores of 0.
            if head == "WorldDetect" and name.startswith("cv4.") and name.endswith((".logit_scale", ".bias")):
                weight.fill_(-0.5 if name.endswith("scale") else 0.2)
            # RT-DETR's decoder begins with boxes and scores that depend on nothing.
            if head == "RTDETRDecoder" and weight.ndim > 1:
                weight.normal_(0, (0.4 / weight[0].numel()) ** 0.5, generator=random)
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
    raw = outputs_of(detector.module, *leaves)
    cell = sum(leaf.shape[2] * leaf.shape[3] for leaf in leaves[:level]) + row * leaves[level].shape[3] + column
    if target.part in SIDES:
        return head.dfl(raw["boxes"])[0, SIDES.index(target.part), cell]
    logit = raw["scores"][0, label, cell]
    return logit if target.score == "logit" else logit.sigmoid()


@in_common
def outputs_of(model: Any, *leaves: Tensor) -> dict[str, Tensor]:
    """The head's outputs: all detections of the same maps share one forward pass."""
    head = model.model[-1]
    if hasattr(model, "txt_feats"):
        return head(list(leaves), model.txt_feats.to(leaves[0]))[1]
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
    pyramid: list[Tensor] = []

    def put(part: Any, _: Any, output: Any) -> Any:
        # What lies before the layer reaches the head through the layer alone.
        return given.get(part.i, output if part.i >= start or not isinstance(output, Tensor) else output.detach())

    hooks = [part.register_forward_hook(put) for part in model.model[:-1]]
    hooks.append(model.model[-1].register_forward_pre_hook(lambda _, inputs: pyramid.extend(inputs[0])))
    try:
        model(detector._prepare(photograph())[0])
    finally:
        for hook in hooks:
            hook.remove()
    return pyramid


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
    raw = blocks[int(stop[0]) + 1 if stop else -1 :](leaves[level])
    if branch == "class" and hasattr(detector.module, "txt_feats"):
        raw = head.cv4[level](raw, detector.module.txt_feats.to(raw))
    raw = raw[0, :, row, column]
    if target.part in SIDES:
        return head.dfl(raw[None, :, None])[0, SIDES.index(target.part), 0]
    return raw[label] if target.score == "logit" else raw[label].sigmoid()


def everything(detector: Any, image: np.ndarray) -> dx.Detections:
    """Every location's best class, or end to end every location, as a detection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "nms_threshold", 1.0)
        patch.setattr(detector, "max_detections", 10**6)
        return detector.detect([image], 0.0)[0]


def build_rtdetr(dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    """An RT-DETR with 9 queries, whose answers are those of its second decoder layer."""
    model = network("yolov8n-rtdetr").to(dtype)
    model.model[-1].num_queries, model.model[-1].decoder.eval_idx = 9, 1
    # Anchors of the passes that made it lively are of float32.
    model.model[-1].shapes = []
    return dx.wrap(model, family="ultralytics", names=NAMES, **{"input_size": (96, INPUT), **settings})


def scalar_of_query(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    """The explained scalar of an RT-DETR, from the layer's map on."""
    boxes, logits, cells = outputs_from_layer(detector, trace.layer, leaves[0])
    query = int((cells == one.origins[0, 1]).nonzero())
    if target.part in SIDES:
        x, y, width, height = boxes[query].unbind()
        height_of_input, width_of_input = trace.placement.input_size
        sides = {"x1": width / 2 - x, "y1": height / 2 - y, "x2": width / 2 + x, "y2": height / 2 + y}
        return sides[target.part] * (width_of_input if target.part[0] == "x" else height_of_input)
    logit = logits[query, label]
    return logit if target.score == "logit" else logit.sigmoid()


@in_common
def outputs_from_layer(detector: Any, layer: str, leaf: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, logits and cells of the queries from the whole model, with the leaf in place of the layer's output."""
    model = detector.module
    number = len(model.yaml["backbone"]) - 1 if layer == "backbone" else int(layer.partition(".")[2])
    seen: list[Tensor] = []
    hooks = [
        model.model[number].register_forward_hook(lambda *_: leaf),
        model.model[-1].enc_score_head.register_forward_hook(lambda _, __, scores: seen.append(scores)),
    ]
    try:
        outputs = model(detector.prepare(photograph())[0])[1]
    finally:
        for hook in hooks:
            hook.remove()
    return outputs[0][0, 0], outputs[1][0, 0], seen[0][0].amax(dim=1).topk(outputs[0].shape[2]).indices


def build_classification(dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    """A YOLO11 for classification."""
    return dx.wrap(network("yolo11n-cls").to(dtype), family="ultralytics", **{"input_size": 96, **settings})


def scalar_of_class(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    """The explained scalar of a classification model, from the layer's map on."""
    logits = logits_from_layer(detector, trace.layer, leaves[0])
    return logits[0, label] if target.score == "logit" else logits.softmax(1)[0, label]


@in_common
def logits_from_layer(detector: Any, layer: str, leaf: Tensor) -> Tensor:
    """The logits from the whole model, with the leaf in place of the layer's output."""
    hook = detector.module.get_submodule(layer).register_forward_hook(lambda *_: leaf)
    try:
        return detector.module.model(detector._prepare(photograph()))[1]
    finally:
        hook.remove()


def every_class(detector: Any, image: np.ndarray) -> dx.Detections:
    """Every prediction: what is not suppressed afterwards."""
    return detector.detect([image], 0.0)[0]


def _kind(name: str, float32: float = 1e-4, **settings: Any) -> Kind:
    return Kind(partial(_build, name, **settings), scalar, everything, layer_scalar=layer_scalar, float32=float32)


KINDS: dict[str, Kind] = (
    {
        "yolov8n": _kind("yolov8n"),
        "yolo11n-fused": _kind("yolo11n", fused=True),
        "yolov10n-end-to-end": _kind("yolov10n", end2end=True),
        "yolo12n": _kind("yolo12n"),
        "yolo26n-end-to-end": _kind("yolo26n", end2end=True),
        "yolo11n-segment": _kind("yolo11n-seg"),
        "yolo26n-pose": _kind("yolo26n-pose", end2end=True),
        "yolov8n-world": _kind("yolov8n-world"),
        "yolov8n-worldv2": _kind("yolov8n-worldv2", float32=5e-4),
        "yolo11n-obb": _kind("yolo11n-obb"),
        "yolo26n-obb": _kind("yolo26n-obb", end2end=True),
        "yolov8n-rtdetr": Kind(
            build_rtdetr, scalar_of_query, every_class, choose, layer_scalar=scalar_of_query, float32=3e-4
        ),
        "yolo11n-classify": Kind(
            build_classification, scalar_of_class, every_class, classes, layer_scalar=scalar_of_class, sides=False
        ),
    }
    if find_spec("ultralytics")
    else {}
)
