"""YOLOX of every size, with official checkpoints or safetensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import batched_nms

from detxai_nb.detectors.common import batches_of_one_shape, evaluating, gather_detections, to_tensor
from detxai_nb.detectors.convolutions import Step, cut_windows, reach_of, run_windows
from detxai_nb.detectors.one_stage import (
    BACKBONE,
    NECK,
    ORIGIN_FIELDS,
    OneStageTrace,
    check_layer,
    open_stages,
    rows_per_chunk,
)
from detxai_nb.detectors.yolox_network import STAGES, STRIDES, BaseConv, DWConv, Yolox
from detxai_nb.geometry import Placement
from detxai_nb.image import load_image
from detxai_nb.types import SIDES, Detections, GradientChunk, Target

CONVENTIONS = ("bgr255", "rgb-imagenet")
_PAD = 114.0
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class YoloxDetector:
    """A YOLOX network opened for explanation.

    ``convention``: how the network was trained to see pixels: "bgr255" (the official checkpoints: BGR, 0..255) or
    "rgb-imagenet" (RGB in 0..1, less the ImageNet mean, over its standard deviation). ``input_size``: side of the
    square input, or (height, width), multiples of 32; images are scaled to fit, put at the top left, padded with 114.
    """

    family = "yolox"

    def __init__(
        self,
        module: Yolox,
        names: Sequence[str],
        *,
        convention: str = "bgr255",
        input_size: int | tuple[int, int] = 640,
        nms_threshold: float = 0.65,
        max_detections: int = 100,
    ) -> None:
        if not isinstance(module, Yolox):
            raise TypeError(f"family 'yolox' expects a Yolox network of this package, got {type(module).__name__}")
        if convention not in CONVENTIONS:
            raise ValueError(f"convention is one of {', '.join(CONVENTIONS)}; got {convention!r}")
        height, width = (input_size, input_size) if isinstance(input_size, int) else input_size
        if height < 32 or width < 32 or height % 32 or width % 32:
            raise ValueError(f"input_size is a multiple of 32 (one side or (height, width)), got {input_size}")
        outputs = module.head.cls_preds[0].out_channels
        if len(names) != outputs:
            raise ValueError(f"this YOLOX has {outputs} class outputs, but {len(names)} names were given")
        self.module = module
        self.names = tuple(names)
        self.convention = convention
        self.input_size = (height, width)
        self.nms_threshold = nms_threshold
        self.max_detections = max_detections

    @property
    def device(self) -> torch.device:
        """The device of the network's weights."""
        return next(self.module.parameters()).device

    @property
    def layers(self) -> tuple[str, ...]:
        """The neck's levels, "backbone" (the stage of each prediction's stride), and each stage by its name."""
        return (NECK, BACKBONE, *(f"{BACKBONE}.{name}" for name in STAGES))

    @torch.no_grad()
    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        """What YOLOX finds in each image with objectness * class >= ``score_threshold``.

        The best class of each location, then class-wise NMS, as in the official evaluation.
        """
        pixels = [load_image(image) for image in images]
        found: list[Detections] = []
        with evaluating(self.module):
            for rows in batches_of_one_shape([self.input_size] * len(pixels)):
                prepared = [self._prepare(pixels[row]) for row in rows]
                outputs = self.module(torch.stack([tensor for tensor, _ in prepared]))
                for i, (_, placement) in enumerate(prepared):
                    found.append(self._decode([level[i] for level in outputs], placement, score_threshold))
        return found

    @torch.inference_mode(False)
    def trace(self, image: Any, layer: str | None = None) -> OneStageTrace:
        """One forward pass of backbone and neck, kept open. ``layer``: one of ``layers``."""
        layer = check_layer(layer, self.layers)
        strides = [(float(s), float(s)) for s in STRIDES]
        with evaluating(self.module):
            with torch.no_grad():
                tensor, placement = self._prepare(load_image(image))
                features = self.module.backbone.backbone(tensor[None])
            if layer == NECK:
                stages = None
                with torch.no_grad():
                    pyramid: Sequence[Tensor] = self.module.backbone.neck(features)
            else:
                stages = open_stages(layer, features, dict(zip(STAGES, strides)), self.module.backbone.neck)
                pyramid = stages.pyramid
        levels = [level[0].detach() for level in pyramid]
        return OneStageTrace(placement, layer, levels, strides, _YoloxWindows(self.module, levels), stages)

    def _prepare(self, pixels: Any) -> tuple[Tensor, Placement]:
        """The image as the network takes it, ``[3,h,w]``."""
        dtype = next(self.module.parameters()).dtype
        placement = Placement.letterbox(tuple(pixels.shape[:2]), self.input_size)
        image = to_tensor(pixels, self.device, dtype)[None]
        if placement.resized != placement.image_size:
            image = F.interpolate(image, size=placement.resized, mode="bilinear", align_corners=False)
        canvas = image.new_full((1, 3, *self.input_size), _PAD)
        canvas[:, :, : placement.resized[0], : placement.resized[1]] = image
        if self.convention == "bgr255":
            return canvas[0].flip(0), placement
        mean, std = (image.new_tensor(v)[:, None, None] for v in (_MEAN, _STD))
        return (canvas[0] / 255 - mean) / std, placement

    def _decode(self, levels: Sequence[Tensor], placement: Placement, threshold: float) -> Detections:
        raw = torch.cat([level.flatten(1).T for level in levels])
        origins = torch.cat([_cells(i, level) for i, level in enumerate(levels)])
        stride = torch.tensor(STRIDES, device=raw.device, dtype=raw.dtype)[origins[:, 0], None]
        centre = (raw[:, :2] + origins[:, [2, 1]]) * stride
        half = raw[:, 2:4].exp() * stride / 2
        classes = raw[:, 5:].sigmoid()
        best, label = classes.max(dim=1)
        objectness = raw[:, 4].sigmoid()
        score = objectness * best
        rows = (score >= threshold).nonzero()[:, 0]
        boxes = torch.cat([centre - half, centre + half], dim=1)
        rows = rows[batched_nms(boxes[rows], score[rows], label[rows], self.nms_threshold)[: self.max_detections]]
        return gather_detections(
            placement,
            boxes[rows],
            score[rows],
            label[rows],
            self.names,
            class_scores=classes[rows],
            objectness=objectness[rows],
            origins=origins[rows],
            origin_fields=ORIGIN_FIELDS,
            highest_score=float(score.max()),
            score_threshold=threshold,
        )


def _cells(index: int, level: Tensor) -> Tensor:
    """Level, row and column of every cell of a level ``[K,h,w]``, row by row."""
    height, width = level.shape[1:]
    cell = torch.arange(height * width, device=level.device)
    return torch.stack([torch.full_like(cell, index), cell // width, cell % width], dim=1)


class _YoloxWindows:
    """YOLOX's head on one image: it is local, so all gradients come from small windows."""

    def __init__(self, module: Yolox, pyramid: Sequence[Tensor]) -> None:
        self._module = module
        self._pyramid = pyramid
        self._steps = [_branches(module, level) for level in range(len(pyramid))]

    def _outputs(self, level: int, windows: Tensor, mask: Tensor, target: Target) -> tuple[Tensor, Tensor, Tensor]:
        """Box ``[n,4]``, objectness ``[n]`` and class logits ``[n,C]``; what the target does not need is empty."""
        head = self._module.head
        class_steps, box_steps = self._steps[level]
        box = objectness = logits = windows.new_empty(0)
        if target.part in SIDES or target.score == "prob":
            x = run_windows(box_steps, windows, mask)[:, :, None, None]
            box, objectness = head.reg_preds[level](x)[:, :, 0, 0], head.obj_preds[level](x)[:, 0, 0, 0]
        if target.part == "class":
            x = run_windows(class_steps, windows, mask)[:, :, None, None]
            logits = head.cls_preds[level](x)[:, :, 0, 0]
        return box, objectness, logits

    def _scalar(self, level: int, windows: Tensor, mask: Tensor, labels: Tensor, target: Target) -> Tensor:
        box, objectness, logits = self._outputs(level, windows, mask, target)
        if target.part in SIDES:
            axis = SIDES.index(target.part) % 2
            outward = 1 if target.part in ("x2", "y2") else -1
            return outward * box[:, axis] + box[:, 2 + axis].exp() / 2
        logit = logits.gather(1, labels[:, None])[:, 0]
        return logit if target.score == "logit" else objectness.sigmoid() * logit.sigmoid()

    @torch.no_grad()
    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        windows, mask = cut_windows(self._pyramid[level], at, reach_of(self._steps[level][0]))
        with evaluating(self._module):
            return self._scalar(level, windows, mask, labels, target)

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        reach = reach_of(self._steps[level][0])
        size = self._pyramid[level][:, : 2 * reach + 1, : 2 * reach + 1]
        for rows in torch.arange(len(at), device=at.device).split(rows_per_chunk(size)):
            windows, mask = cut_windows(self._pyramid[level], at[rows], reach)
            with torch.enable_grad(), evaluating(self._module):
                windows.requires_grad_()
                scalar = self._scalar(level, windows, mask, labels[rows], target)
                (gradient,) = torch.autograd.grad(scalar.sum(), windows)
            yield GradientChunk(level, rows, gradient * mask, at[rows] - reach)


def _branches(module: Yolox, level: int) -> tuple[list[Step], list[Step]]:
    """The class and the box branch of a level up to their 1x1 predictions, as local steps."""
    head: Any = module.head
    stem = _steps(head.stems[level])
    classes = [step for conv in head.cls_convs[level] for step in _steps(conv)]
    boxes = [step for conv in head.reg_convs[level] for step in _steps(conv)]
    return [*stem, *classes], [*stem, *boxes]


def _steps(module: Any) -> list[Step]:
    if isinstance(module, DWConv):
        return [*_steps(module.dconv), *_steps(module.pconv)]
    if not isinstance(module, BaseConv):
        raise ValueError(f"expected YOLOX's convolution blocks in its head, got {type(module).__name__}")
    return [Step.of(module.conv, module.after)]
