"""The families of ``bench_cost.py``: full-size modules with random weights, N plausible detections, the usual loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection as tv

import detxai_nb as dx
from detxai_nb.detectors.yolox.network import SIZES, Yolox

SHARES = (0.35, 0.29, 0.21, 0.13, 0.02)
"""Of FCOS's five levels, by detections in COCO photographs; see ``bench_cost.py``."""
LONGEST = (128, 256, 512, 1024, 2048)
"""Input pixels of FCOS's short side of 800: the longer side of an object of each of its levels is at most this."""
RPN_STRIDES = (4, 8, 16, 32, 64)

Scores = Callable[[Any, np.ndarray, dx.Detections], tuple[list[Tensor], list[Tensor]]]
"""``scores(detector, image, found)``: each detection's score with a graph, and the leaves it depends on."""


@dataclass(frozen=True)
class Family:
    """``build()``: a detector; ``objects(detector, image, count)``: detections to explain; ``scores``: for the loop.

    ``most``: what explaining 50 objects' classes may cost at most, in plain forward passes, where that was asked for.
    """

    build: Callable[[], Any]
    objects: Callable[[Any, np.ndarray, int], dx.Detections]
    scores: Scores
    most: float | None = None
    targets: tuple[str, ...] = ("class", "combined")


def _wrapped(module: nn.Module, family: str, outputs: int, **settings: Any) -> Any:
    names = [str(i) for i in range(outputs)]
    return dx.wrap(module.requires_grad_(False).eval(), family=family, names=names, **settings)


def _torchvision(name: str, family: str) -> Callable[[], Any]:
    def build() -> Any:
        module = getattr(tv, name)(weights=None, weights_backbone=None, num_classes=91)
        return _wrapped(module, family, 91)

    return build


def _yolox(name: str) -> Callable[[], Any]:
    def build() -> Any:
        return _wrapped(Yolox(80, SIZES[name]), "yolox", 80, input_size=SIZES[name].input_side)

    return build


def _pvt_retinanet() -> Any:
    from detxai_nb.detectors.pvt import pvt_retinanet

    return _wrapped(pvt_retinanet(91), "retinanet", 91)


def _ultralytics(name: str) -> Callable[[], Any]:
    def build() -> Any:
        from ultralytics import YOLO

        return _wrapped(YOLO(f"{name}.yaml").model, "ultralytics", 80)

    return build


def _detr() -> Any:
    import transformers

    backbone = transformers.ResNetConfig(out_features=["stage4"])
    config = transformers.DetrConfig(use_timm_backbone=False, backbone_config=backbone, num_labels=91)
    return _wrapped(transformers.DetrForObjectDetection(config), "detr", 91)


def _rt_detr() -> Any:
    import transformers

    config = transformers.RTDetrConfig(num_labels=80)
    module = transformers.RTDetrForObjectDetection(config)
    return _wrapped(module, "detr", 80, fixed_size=(640, 640), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def _classifier() -> Any:
    return _wrapped(torchvision.models.resnet50(weights=None), "classifier", 1000)


def boxes_of(count: int, height: int, width: int) -> Tensor:
    """Boxes ``[count,4]`` of sizes as objects in COCO photographs have, somewhere in a picture of that size, xyxy."""
    random = np.random.default_rng(count)
    levels = np.repeat(np.arange(5), np.diff(np.round(np.cumsum([0, *SHARES]) * count).astype(int)))
    longest = np.array(LONGEST)[levels] * (min(height, width) / 800)
    octaves = np.where(levels == 0, 2.0, 1.0)
    longer = np.minimum(longest * 2 ** -(octaves * random.random(count)), max(height, width))
    shorter = longer * random.uniform(0.4, 1, count)
    lying = random.random(count) < 0.5
    sides = np.stack([np.where(lying, longer, shorter), np.where(lying, shorter, longer)], axis=1)
    sides = np.minimum(sides, [width, height])
    corner = random.random((count, 2)) * ([width, height] - sides)
    return torch.from_numpy(np.concatenate([corner, corner + sides], axis=1)).float()


def _detections(detector: Any, image: np.ndarray, boxes: Tensor, origins: Tensor, fields: Any) -> dx.Detections:
    count = len(boxes)
    random = torch.Generator().manual_seed(count)
    return dx.Detections(
        boxes=boxes,
        scores=torch.full((count,), 0.5),
        labels=torch.randint(1, len(detector.names), (count,), generator=random),
        names=detector.names,
        origins=origins,
        origin_fields=fields,
        image_size=image.shape[:2],
    ).to(detector.device)


def on_levels(detector: Any, image: np.ndarray, count: int) -> dx.Detections:
    """Of a detector with one prediction a cell: on FCOS's level for the size, the coarsest where it has fewer."""
    trace = detector.trace(image)
    strides = [level.stride for level in trace.levels]
    boxes = boxes_of(count, *image.shape[:2])
    longer = (boxes[:, 2:] - boxes[:, :2]).amax(1) * (800 / min(image.shape[:2]))
    levels = torch.searchsorted(torch.tensor(LONGEST), longer).clamp(max=len(strides) - 1)
    origins = torch.cat([levels[:, None], _cells(trace.placement, boxes, levels, strides)], dim=1)
    return _detections(detector, image, boxes, origins, ("level", "row", "column"))


def on_anchors(detector: Any, image: np.ndarray, count: int) -> dx.Detections:
    """Of a detector with anchors: at the centre's cell of the level whose anchors are nearest in size."""
    trace = detector.trace(image)
    module, placement = detector.module, trace.placement
    boxes = boxes_of(count, *image.shape[:2])
    generator = module.rpn.anchor_generator if hasattr(module, "rpn") else module.anchor_generator
    if hasattr(generator, "sizes"):
        sizes = torch.tensor([float(np.exp(np.log(level).mean())) for level in generator.sizes])
    else:
        sizes = torch.tensor(generator.scales[: len(trace.levels)]) * float(np.prod(placement.input_size)) ** 0.5
    inside = placement.boxes_to_input(boxes)
    side = (inside[:, 2:] - inside[:, :2]).prod(1).sqrt()
    levels = (side[:, None] / sizes).log().abs().argmin(1)
    strides = [(s, s) for s in RPN_STRIDES] if hasattr(module, "rpn") else [level.stride for level in trace.levels]
    random = torch.Generator().manual_seed(count)
    anchors = torch.tensor(generator.num_anchors_per_location())[levels]
    anchor = (torch.rand(count, generator=random) * anchors).long()
    origins = torch.cat([levels[:, None], _cells(placement, boxes, levels, strides), anchor[:, None]], dim=1)
    return _detections(detector, image, boxes, origins, ("level", "row", "column", "anchor"))


def _cells(placement: Any, boxes: Tensor, levels: Tensor, strides: Any) -> Tensor:
    """Row and column of the cell that holds each box's centre, ``[N,2]``."""
    inside = placement.boxes_to_input(boxes)
    centre = (inside[:, [1, 0]] + inside[:, [3, 2]]) / 2
    return (centre / torch.tensor(strides)[levels]).long()


def of_queries(detector: Any, image: np.ndarray, count: int) -> dx.Detections:
    """Of a detector of queries, or of a classifier: random ones of all, each at most once."""
    everything = detector.detect([image], 0.0)[0]
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(count))
    seen: dict[int, int] = {}
    for row in order.tolist():
        seen.setdefault(int(everything.origins[row, 0]), row)
    if len(seen) < count:
        raise ValueError(f"there are {len(seen)} predictions, too few for {count} objects")
    return everything[list(seen.values())[:count]]


def _leaves(detector: Any, image: np.ndarray) -> list[Tensor]:
    return [level.features[None].clone().requires_grad_() for level in detector.trace(image).levels]


def dense_scores(detector: Any, image: np.ndarray, found: dx.Detections) -> tuple[list[Tensor], list[Tensor]]:
    """FCOS, RetinaNet, SSD: the module's own head on all levels."""
    leaves = _leaves(detector, image)
    outputs = detector.module.head(leaves)
    logits = outputs["cls_logits"][0]
    anchors = detector.module.anchor_generator.num_anchors_per_location()
    sizes = [(leaf.shape[2], leaf.shape[3], a) for leaf, a in zip(leaves, anchors)]
    starts = np.cumsum([0, *(int(np.prod(size)) for size in sizes)])
    scores = []
    for origin, label in zip(found.origins.tolist(), found.labels.tolist()):
        level, row, column, anchor = (*origin, 0)[:4]
        place = starts[level] + (row * sizes[level][1] + column) * sizes[level][2] + anchor
        if "bbox_ctrness" in outputs:
            centreness = outputs["bbox_ctrness"][0, place, 0].sigmoid()
            scores.append((logits[place, label].sigmoid() * centreness).sqrt())
        elif detector.family == "ssd":
            scores.append(logits[place].softmax(0)[label])
        else:
            scores.append(logits[place, label].sigmoid())
    return scores, leaves


def yolox_scores(detector: Any, image: np.ndarray, found: dx.Detections) -> tuple[list[Tensor], list[Tensor]]:
    """YOLOX: the head on all levels."""
    leaves = _leaves(detector, image)
    outputs = detector.module.head(leaves)
    at = zip(found.origins.tolist(), found.labels.tolist())
    cells = ((outputs[level][0, :, row, column], label) for (level, row, column), label in at)
    return [cell[4].sigmoid() * cell[5 + label].sigmoid() for cell, label in cells], leaves


def ultralytics_scores(detector: Any, image: np.ndarray, found: dx.Detections) -> tuple[list[Tensor], list[Tensor]]:
    """An Ultralytics YOLO: the class branch on all levels."""
    leaves = _leaves(detector, image)
    logits = [branch(leaf)[0] for branch, leaf in zip(detector.module.model[-1].cv3, leaves)]
    at = zip(found.origins.tolist(), found.labels.tolist())
    return [logits[level][label, row, column].sigmoid() for (level, row, column), label in at], leaves


def region_scores(detector: Any, image: np.ndarray, found: dx.Detections) -> tuple[list[Tensor], list[Tensor]]:
    """Faster R-CNN as its authors' code goes about it: the box head on every proposal, N of which are explained."""
    module = detector.module
    with torch.no_grad():
        images, _ = module.transform([torch.from_numpy(image).to(detector.device).permute(2, 0, 1) / 255])
        features = module.backbone(images.tensors)
        proposals, _ = module.rpn(images, features)
    leaves = {name: x.clone().requires_grad_() for name, x in features.items()}
    heads = module.roi_heads
    logits, _ = heads.box_predictor(heads.box_head(heads.box_roi_pool(leaves, proposals, images.image_sizes)))
    rows = torch.randperm(len(logits), generator=torch.Generator().manual_seed(0))[: len(found)]
    labels = found.labels.tolist()
    return [logits[row].softmax(0)[label] for row, label in zip(rows.tolist(), labels)], list(leaves.values())


def query_scores(detector: Any, image: np.ndarray, found: dx.Detections) -> tuple[list[Tensor], list[Tensor]]:
    """DETR: everything after the backbone's last stage."""
    network = detector.module.model
    part = getattr(network.backbone, "conv_encoder", network.backbone)
    with _cut(part, lambda output: output[-1][0], lambda output, x: [*output[:-1], (x, output[-1][1])]) as leaves:
        outputs = detector.module(pixel_values=detector._prepare([image])[0])
    softmax = type(detector.module).__name__ == "DetrForObjectDetection"
    scores = outputs.logits[0].softmax(-1) if softmax else outputs.logits[0].sigmoid()
    return [scores[o[0], label] for o, label in zip(found.origins.tolist(), found.labels.tolist())], leaves


def class_scores(detector: Any, image: np.ndarray, found: dx.Detections) -> tuple[list[Tensor], list[Tensor]]:
    """A classifier: everything after the default layer."""
    part = detector.module.get_submodule(detector.layers[0])
    with _cut(part, lambda output: output, lambda output, x: x) as leaves:
        scores = detector.module(detector._prepare(image))[0].softmax(0)
    return [scores[label] for label in found.labels.tolist()], leaves


@contextmanager
def _cut(part: nn.Module, take: Callable[[Any], Tensor], put: Callable[[Any, Tensor], Any]) -> Iterator[list[Tensor]]:
    """Inside, the part's map becomes a leaf, which is in the list afterwards; before it no graph is kept."""
    leaves: list[Tensor] = []

    def cut(_: nn.Module, __: Any, output: Any) -> Any:
        leaves.append(take(output).detach().clone().requires_grad_())
        return put(output, leaves[0].clone())

    hook = part.register_forward_hook(cut)
    try:
        yield leaves
    finally:
        hook.remove()


FAMILIES: dict[str, Family] = {
    "fcos-r50": Family(_torchvision("fcos_resnet50_fpn", "fcos"), on_levels, dense_scores),
    "retinanet-r50": Family(_torchvision("retinanet_resnet50_fpn", "retinanet"), on_anchors, dense_scores, 1.3),
    "retinanet-r50-v2": Family(_torchvision("retinanet_resnet50_fpn_v2", "retinanet"), on_anchors, dense_scores),
    "faster-rcnn-r50": Family(_torchvision("fasterrcnn_resnet50_fpn", "faster_rcnn"), on_anchors, region_scores, 1.3),
    "ssd300-vgg16": Family(_torchvision("ssd300_vgg16", "ssd"), on_anchors, dense_scores, 1.6),
    "ssdlite320": Family(_torchvision("ssdlite320_mobilenet_v3_large", "ssd"), on_anchors, dense_scores, 1.6),
    "yolox-nano": Family(_yolox("yolox-nano"), on_levels, yolox_scores, 1.6),
    "yolox-s": Family(_yolox("yolox-s"), on_levels, yolox_scores, 1.6),
    "yolox-l": Family(_yolox("yolox-l"), on_levels, yolox_scores, 1.6),
    "yolov8n": Family(_ultralytics("yolov8n"), on_levels, ultralytics_scores),
    "yolov8s": Family(_ultralytics("yolov8s"), on_levels, ultralytics_scores),
    "detr-r50": Family(_detr, of_queries, query_scores),
    "rt-detr-r50": Family(_rt_detr, of_queries, query_scores),
    "pvt-small-retinanet": Family(_pvt_retinanet, on_anchors, dense_scores),
    "resnet50": Family(_classifier, of_queries, class_scores, targets=("class",)),
}
