"""FCOS: torchvision's, with COCO weights, the bundled one, or a user's own module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.ops import batched_nms, clip_boxes_to_image

from detxai_nb.detectors.common import batches_of_one_shape, evaluating, gather_detections, to_tensor
from detxai_nb.detectors.convolutions import GroupNormTower, Step, cut_windows, reach_of, run_windows
from detxai_nb.detectors.one_stage import (
    BACKBONE,
    NECK,
    ORIGIN_FIELDS,
    OneStageTrace,
    check_layer,
    grid_stride,
    open_stages,
    rows_per_chunk,
)
from detxai_nb.geometry import Placement
from detxai_nb.image import load_image
from detxai_nb.types import SIDES, Detections, GradientChunk, Target

NORM_STATISTICS = ("exact", "fixed")
_SIDE_ORDER = {"x1": 0, "y1": 1, "x2": 2, "y2": 3}


class FcosDetector:
    """An FCOS module of torchvision, opened for explanation.

    ``module``: a ``torchvision.models.detection.FCOS``; ``names``: a name for each class output (torchvision's COCO
    model has 91, the background first). The module is used as it is, in evaluation mode, and never changed.

    ``norm_statistics``: the head's GroupNorm takes its statistics from the whole map. "exact" differentiates through
    them. "fixed" treats them as constants on the two finest levels, where a prediction then depends on an 11x11 window
    only and many gradients cost little; the coarser levels stay exact.
    """

    family = "fcos"

    def __init__(
        self,
        module: FCOS,
        names: Sequence[str],
        *,
        norm_statistics: str = "exact",
        nms_threshold: float | None = None,
        max_detections: int | None = None,
    ) -> None:
        if not isinstance(module, FCOS):
            raise TypeError(f"family 'fcos' expects a torchvision FCOS module, got {type(module).__name__}")
        if norm_statistics not in NORM_STATISTICS:
            raise ValueError(f"norm_statistics is one of {', '.join(NORM_STATISTICS)}; got {norm_statistics!r}")
        outputs = module.head.classification_head.num_classes
        if len(names) != outputs:
            raise ValueError(f"this FCOS has {outputs} class outputs, but {len(names)} names were given")
        self.module = module
        self.names = tuple(names)
        self.norm_statistics = norm_statistics
        self.nms_threshold = module.nms_thresh if nms_threshold is None else nms_threshold
        self.max_detections = module.detections_per_img if max_detections is None else max_detections

    @property
    def device(self) -> torch.device:
        """The device of the module's weights."""
        return next(self.module.parameters()).device

    @property
    def layers(self) -> tuple[str, ...]:
        """"neck" (the FPN's levels), "backbone" (each prediction's nearest stage) and each stage by its name."""
        if not hasattr(self.module.backbone, "body") or not hasattr(self.module.backbone, "fpn"):
            return (NECK,)
        stages = self.module.backbone.body.return_layers
        return (NECK, BACKBONE, *(f"{BACKBONE}.{name}" for name in stages))

    @torch.no_grad()
    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        """What FCOS finds in each image with score >= ``score_threshold``: sqrt(class * centerness), after its NMS."""
        pixels = [load_image(image) for image in images]
        found: list[Detections | None] = [None] * len(pixels)
        with evaluating(self.module):
            for rows in batches_of_one_shape([p.shape[:2] for p in pixels]):
                batch, placement = self._prepare([pixels[row] for row in rows])
                pyramid = list(self._features(batch).values())
                for row, detections in zip(rows, self._decode(pyramid, batch, placement, score_threshold)):
                    found[row] = detections
        return [d for d in found if d is not None]

    @torch.inference_mode(False)
    def trace(self, image: Any, layer: str | None = None) -> OneStageTrace:
        """One forward pass of backbone and neck, kept open. ``layer``: one of ``layers``."""
        layer = check_layer(layer, self.layers)
        with evaluating(self.module):
            with torch.no_grad():
                batch, placement = self._prepare([load_image(image)])
            if layer == NECK:
                stages = None
                with torch.no_grad():
                    pyramid = list(self._features(batch).values())
            else:
                with torch.no_grad():
                    body = self.module.backbone.body(batch)
                strides = {name: grid_stride(placement.input_size, x) for name, x in self._stage_names(body).items()}
                stages = open_stages(layer, self._stage_names(body), strides, self._neck)
                pyramid = [level.detach() for level in stages.pyramid]
        sizes = [grid_stride(placement.input_size, level) for level in pyramid]
        head = _FcosHead(self.module.head, [level[0] for level in pyramid], self.norm_statistics)
        return OneStageTrace(placement, layer, [level[0] for level in pyramid], sizes, head, stages)

    def _prepare(self, pixels: Sequence[Any]) -> tuple[Tensor, Placement]:
        """Images of one shape as the module's own transform makes them, ``[B,3,h,w]``."""
        dtype = next(self.module.parameters()).dtype
        images, _ = self.module.transform([to_tensor(p, self.device, dtype) / 255 for p in pixels])
        height, width = images.tensors.shape[-2:]
        return images.tensors, Placement(tuple(pixels[0].shape[:2]), tuple(images.image_sizes[0]), (height, width))

    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        features = self.module.backbone(batch)
        return {"0": features} if isinstance(features, Tensor) else features

    def _stage_names(self, body: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The body's outputs under the names of the stages that made them."""
        return {name: body[key] for name, key in self.module.backbone.body.return_layers.items()}

    def _neck(self, stages: Mapping[str, Tensor]) -> list[Tensor]:
        keys = self.module.backbone.body.return_layers
        return list(self.module.backbone.fpn({keys[name]: x for name, x in stages.items()}).values())

    def _decode(
        self, pyramid: Sequence[Tensor], batch: Tensor, placement: Placement, threshold: float
    ) -> Iterator[Detections]:
        """The module's own post-processing, keeping where each detection came from."""
        from torchvision.models.detection.image_list import ImageList

        module = self.module
        outputs = module.head(list(pyramid))
        counts = [level.shape[2] * level.shape[3] for level in pyramid]
        anchors = module.anchor_generator(ImageList(batch, [placement.resized] * len(batch)), list(pyramid))
        for i in range(len(batch)):
            scores = (outputs["cls_logits"][i].sigmoid() * outputs["bbox_ctrness"][i].sigmoid()).sqrt()
            boxes = module.box_coder.decode(outputs["bbox_regression"][i], anchors[i])
            boxes = clip_boxes_to_image(boxes, placement.resized)
            anchor, label = self._candidates(scores, counts, threshold)
            keep = batched_nms(boxes[anchor], scores[anchor, label], label, self.nms_threshold)[: self.max_detections]
            anchor, label = anchor[keep], label[keep]
            yield gather_detections(
                placement,
                boxes[anchor],
                scores[anchor, label],
                label,
                self.names,
                class_scores=scores[anchor],
                origins=_locate(anchor, pyramid),
                origin_fields=ORIGIN_FIELDS,
                highest_score=float(scores.max()),
                score_threshold=threshold,
            )

    def _candidates(self, scores: Tensor, counts: Sequence[int], threshold: float) -> tuple[Tensor, Tensor]:
        """Anchor and class of what is above the threshold, at most ``topk_candidates`` a level."""
        anchors, labels, start = [], [], 0
        for level in scores.split(list(counts)):
            flat = level.flatten()
            above = (flat >= threshold).nonzero()[:, 0]
            if len(above) > self.module.topk_candidates:
                above = above[flat[above].topk(self.module.topk_candidates).indices]
            anchors.append(above // level.shape[1] + start)
            labels.append(above % level.shape[1])
            start += len(level)
        return torch.cat(anchors), torch.cat(labels)


def _locate(anchors: Tensor, pyramid: Sequence[Tensor]) -> Tensor:
    """Level, row and column of flat anchor numbers."""
    origins = anchors.new_zeros(len(anchors), 3)
    start = 0
    for i, level in enumerate(pyramid):
        height, width = level.shape[-2:]
        mine = (anchors >= start) & (anchors < start + height * width)
        cell = anchors[mine] - start
        origins[mine] = torch.stack([torch.full_like(cell, i), cell // width, cell % width], dim=1)
        start += height * width
    return origins


class _FcosHead:
    """FCOS's head on one image: which scalars it gives and their gradients on the pyramid."""

    def __init__(self, head: nn.Module, pyramid: Sequence[Tensor], norm_statistics: str) -> None:
        self._pyramid = pyramid
        self._class = _Branch(head.classification_head.conv, [head.classification_head.cls_logits])
        regression = head.regression_head
        self._box = _Branch(regression.conv, [regression.bbox_reg, regression.bbox_ctrness])
        self._norm_statistics = norm_statistics

    def _windowed(self, level: int) -> bool:
        local = self._class.local and self._box.local
        return local or (self._norm_statistics == "fixed" and level < 2)

    @torch.no_grad()
    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        branches = self._branches(target)
        ends = [branch.run(self._pyramid[level]).at_cells(at) for branch in branches]
        return _scalar(dict(zip(branches, ends)), self._class, self._box, labels, target)

    def _branches(self, target: Target) -> list[_Branch]:
        if target.part in SIDES:
            return [self._box]
        return [self._class] if target.score == "logit" else [self._class, self._box]

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        features = self._pyramid[level]
        runs = {branch: branch.run(features) for branch in self._branches(target)}
        local = self._windowed(level)
        reach = self._class.reach if local else 0
        size = features[:, : 2 * reach + 1, : 2 * reach + 1] if local else features
        for rows in torch.arange(len(at), device=at.device).split(rows_per_chunk(size)):
            scalar = self._scalar_of(labels[rows], target)
            if local:
                gradient = _window_gradient(runs, features, at[rows], scalar)
                yield GradientChunk(level, rows, gradient, at[rows] - reach)
            else:
                yield GradientChunk(level, rows, _dense_gradient(runs, features, at[rows], scalar))

    def _scalar_of(self, labels: Tensor, target: Target) -> Callable[[Mapping[_Branch, Tensor]], Tensor]:
        return lambda outputs: _scalar(outputs, self._class, self._box, labels, target)


def _scalar(
    outputs: Mapping[Any, Tensor], class_branch: Any, box_branch: Any, labels: Tensor, target: Target
) -> Tensor:
    """The explained scalar ``[n]`` from the branches' outputs ``[n,K]`` at the predictions' cells."""
    if target.part in SIDES:
        return outputs[box_branch][:, _SIDE_ORDER[target.part]].relu()
    logit = outputs[class_branch].gather(1, labels[:, None])[:, 0]
    if target.score == "logit":
        return logit
    return (logit.sigmoid() * outputs[box_branch][:, 4].sigmoid()).sqrt()


class _Branch:
    """One tower of the head and the convolutions that read it, as one set of outputs."""

    def __init__(self, tower: nn.Sequential, ends: Sequence[nn.Conv2d]) -> None:
        modules = list(tower)
        self.convs, self.norms = modules[0::3], modules[1::3]
        if len(modules) % 3 or not all(isinstance(act, nn.ReLU) for act in modules[2::3]):
            raise ValueError("expected FCOS's head towers to be convolution, normalisation, ReLU, repeated")
        self.local = not any(isinstance(norm, nn.GroupNorm) for norm in self.norms)
        if not self.local and not all(isinstance(norm, nn.GroupNorm) for norm in self.norms):
            raise ValueError("expected FCOS's head to use one kind of normalisation throughout")
        weight = torch.cat([end.weight for end in ends])
        bias = torch.cat([end.bias for end in ends])
        self.end = Step(weight.detach(), bias.detach())
        self.reach = reach_of([Step.of(conv) for conv in self.convs]) + self.end.reach

    def run(self, features: Tensor) -> _Run:
        """The tower on a whole level ``[C,h,w]``."""
        return _Run(self, features)


class _Run:
    """A branch run on one level."""

    def __init__(self, branch: _Branch, features: Tensor) -> None:
        self.branch = branch
        self._steps: list[Step] | None = None
        with torch.no_grad():
            if branch.local:
                x = features[None]
                for conv, norm in zip(branch.convs, branch.norms):
                    x = norm(conv(x)).relu()
                self.output = x[0]
                self.tower = None
            else:
                self.tower = GroupNormTower(branch.convs, branch.norms, features)
                self.output = self.tower.output

    @property
    def steps(self) -> list[Step]:
        """The branch as local steps; GroupNorm with this map's statistics as constants."""
        if self._steps is None:
            if self.tower is None:
                after = [_after(norm) for norm in self.branch.norms]
            else:
                after = self.tower.fixed_norms()
            steps = [Step.of(conv, then) for conv, then in zip(self.branch.convs, after)]
            self._steps = [*steps, self.branch.end]
        return self._steps

    def at_cells(self, at: Tensor) -> Tensor:
        """The branch's outputs ``[n,K]`` at the cells ``at`` ``[n,2]``."""
        windows, _ = cut_windows(self.output, at, self.branch.end.reach)
        return F.conv2d(windows, self.branch.end.weight, self.branch.end.bias)[:, :, 0, 0]


def _after(norm: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda x: norm(x).relu()


Scalar = Callable[[Mapping[_Branch, Tensor]], Tensor]


def _window_gradient(runs: Mapping[_Branch, _Run], features: Tensor, at: Tensor, scalar: Scalar) -> Tensor:
    """Gradients ``[n,C,k,k]`` on windows around ``at``; exactly zero outside of them."""
    reach = next(iter(runs)).reach
    windows, mask = cut_windows(features, at, reach)
    with torch.enable_grad():
        windows.requires_grad_()
        outputs = {branch: run_windows(run.steps, windows, mask) for branch, run in runs.items()}
        (gradient,) = torch.autograd.grad(scalar(outputs).sum(), windows)
    return gradient * mask


def _dense_gradient(runs: Mapping[_Branch, _Run], features: Tensor, at: Tensor, scalar: Scalar) -> Tensor:
    """Gradients ``[n,C,h,w]`` on the whole level, through the statistics of GroupNorm."""
    with torch.enable_grad():
        outputs = {branch: run.at_cells(at).requires_grad_() for branch, run in runs.items()}
        slopes = torch.autograd.grad(scalar(outputs).sum(), list(outputs.values()), allow_unused=True)
    total: Tensor | None = None
    with torch.no_grad():
        for run, slope in zip(runs.values(), slopes):
            if slope is None or run.tower is None:
                continue
            gradient = run.tower.backward(_seed(run, slope, at, features))
            total = gradient if total is None else total.add_(gradient)
    return features.new_zeros(len(at), *features.shape) if total is None else total


def _seed(run: _Run, slope: Tensor, at: Tensor, features: Tensor) -> Tensor:
    """The gradient ``[n,C,h,w]`` at the tower's output: the last convolution's weights around each cell."""
    reach = run.branch.end.reach
    channels, height, width = run.output.shape
    full = features.new_zeros(len(at), channels, height + 2 * reach, width + 2 * reach)
    patches = torch.einsum("nk,kcyx->ncyx", slope, run.branch.end.weight)
    for row, (y, x) in enumerate(at.tolist()):
        full[row, :, y : y + 2 * reach + 1, x : x + 2 * reach + 1] = patches[row]
    return full[:, :, reach : reach + height, reach : reach + width].contiguous()
