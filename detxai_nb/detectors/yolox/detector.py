"""YOLOX of every size, from official checkpoints or safetensors, opened for explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import (
    Adapter,
    batches_of_one_shape,
    detecting,
    evaluating,
    gather_detections,
    tracing,
)
from detxai_nb.detectors.dense.backbone_layers import BEFORE, Place, capture_parts, pyramid_above
from detxai_nb.detectors.dense.branch import Branch, BranchPart
from detxai_nb.detectors.dense.head import DenseHead, head_layers, needs_of
from detxai_nb.detectors.dense.stages import BACKBONE, NECK, Stages, open_stages
from detxai_nb.detectors.dense.trace import ORIGIN_FIELDS, OneStageTrace, PreparedPyramid
from detxai_nb.detectors.trace.budget import check_layer
from detxai_nb.detectors.trace.candidates import Suppressing, survivors
from detxai_nb.detectors.yolox.blocks import BaseConv, DWConv
from detxai_nb.detectors.yolox.network import MEAN, PAD, STAGES, STD, STRIDES, Yolox
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.module_use import exclusive
from detxai_nb.names import ClassNames, as_names
from detxai_nb.scaling import scale_as_opencv
from detxai_nb.targets import class_values, sigmoid_scores
from detxai_nb.types import SIDES, Detections, Target

CONVENTIONS = ("bgr255", "rgb-imagenet", "rgb255", "rgb1", "bgr1", "bgr-imagenet")
"""The order of the channels, and what is done to values in 0..255: nothing, a division by 255, or ImageNet's."""


class YoloxDetector(Suppressing, Adapter):
    """A YOLOX network opened for explanation.

    Images are scaled to fit the input as in the official code (by OpenCV's arithmetic, to whole numbers), placed at the
    top left and padded with grey (114).

    Args:
        module: a ``Yolox`` network of this package.
        names: a name for each class output.
        convention: the pixel values that the network was trained on: "bgr255" (the official checkpoints: BGR, 0..255),
            "rgb-imagenet" (RGB in 0..1, less the ImageNet mean, divided by its standard deviation), or another pair of
            an order and a normalisation ("rgb255", "rgb1" and "bgr1" in 0..1, "bgr-imagenet").
        input_size: the side of the square input in pixels, or (height, width); multiples of 32. By default that of the
            network's size: 416 for nano and tiny, else 640.
        nms_threshold: IoU in 0..1 above which the lower-scoring box of a class is dropped.
        max_detections: the maximum number of detections in an image.

    Raises:
        TypeError: if the module is not a ``Yolox``.
        ValueError: if the number of names differs from that of class outputs, or the convention or the input size is
            none of those above.

    References:
        Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (arXiv:2107.08430).
    """

    family = "yolox"
    side_unit = "strides"
    offers = (RERUN,)

    def __init__(
        self,
        module: Yolox,
        names: ClassNames,
        *,
        convention: str = "bgr255",
        input_size: int | tuple[int, int] | None = None,
        nms_threshold: float = 0.65,
        max_detections: int = 100,
    ) -> None:
        if not isinstance(module, Yolox):
            raise TypeError(f"family 'yolox' expects a Yolox network of this package, got {type(module).__name__}")
        if convention not in CONVENTIONS:
            raise ValueError(f"convention is one of {', '.join(CONVENTIONS)}; got {convention!r}")
        input_size = module.input_side if input_size is None else input_size
        height, width = (input_size, input_size) if isinstance(input_size, int) else input_size
        if height < 32 or width < 32 or height % 32 or width % 32:
            raise ValueError(f"input_size is a multiple of 32 (one side or (height, width)), got {input_size}")
        head: Any = module.head
        outputs: int = head.cls_preds[0].out_channels
        self.module = module
        self.names = as_names(names, outputs, owner="this YOLOX")
        self.convention = convention
        self.input_size = (height, width)
        self.nms_threshold = nms_threshold
        self.max_detections = max_detections

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained; the first is the default.

        "neck" (the PAFPN's levels), "neck.before" (its maps before the bottom-up path; the finest is also the neck's),
        "backbone" (the stage of each prediction's stride), "backbone.<stage>", "head.class" and "head.box" (the last
        activations of the head's towers, in the official names head.cls_convs.<level>.1 and head.reg_convs.<level>.1;
        objectness belongs to the box tower), "head.class.0" and "head.box.0" (those before).
        """
        stages = (f"{BACKBONE}.{name}" for name in STAGES)
        return (NECK, BEFORE, BACKBONE, *stages, *head_layers(_branches(self.module)))

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects in images.

        The score is objectness * class. Each location gives its best class only; class-wise NMS follows, as in the
        official evaluation.

        Args:
            images: anything that ``load_image`` reads, of any sizes.
            score_threshold: the lowest score of a detection, 0..1.

        Returns:
            The detections of each image, sorted by descending score; boxes are xyxy in pixels of the image.
        """
        pixels = as_images(images)
        found: list[Detections] = []
        with evaluating(self.module):
            for rows in batches_of_one_shape([self.input_size] * len(pixels)):
                prepared = [self._prepare(pixels[row]) for row in rows]
                outputs = self.module(torch.stack([tensor for tensor, _ in prepared]))
                for i, (_, placement) in enumerate(prepared):
                    found.append(self._decode([level[i] for level in outputs], placement, score_threshold))
        return found

    @tracing
    def trace(self, image: ImageSource, layer: str | None = None) -> OneStageTrace:
        """Run backbone and neck once without a graph and keep the pass open for explanation.

        Args:
            image: anything that ``load_image`` reads.
            layer: one of ``layers``; None means "neck".

        Returns:
            The trace of this image.

        Raises:
            ValueError: if the layer is unknown; the message lists the known ones.
        """
        layer = check_layer(layer, self.layers)
        with torch.no_grad():
            tensor, placement = self._prepare(load_image(image))
        return self._open_trace(tensor[None], placement, layer)

    @exclusive("module")
    @exact_mode
    def _open_trace(self, batch: Tensor, placement: Placement, layer: str) -> OneStageTrace:
        """The trace of an input ``[1,3,h,w]``."""
        strides = [(float(s), float(s)) for s in STRIDES]
        with evaluating(self.module):
            if layer == BEFORE or layer.startswith(BACKBONE):
                stages = self._open(layer, batch, strides)
                pyramid: Sequence[Tensor] = stages.pyramid
            else:
                stages = None
                with torch.no_grad():
                    pyramid = self.module.backbone(batch)
        levels = [level[0].detach() for level in pyramid]
        head = DenseHead(self.module.head, _branches(self.module), levels, _YoloxRule(), layer)
        again = PreparedPyramid(
            batch,
            black=lambda: self._prepare(np.zeros((*placement.image_size, 3), dtype=np.uint8))[0][None],
            reopen=lambda other: self._open_trace(other, placement, layer),
            pyramid=self.module.backbone,
            module=self.module,
        )
        return OneStageTrace(placement, layer, head.features, strides, head, stages, again=again)

    def _open(self, layer: str, batch: Tensor, strides: Sequence[tuple[float, float]]) -> Stages:
        """The maps of a layer before the neck's levels as leaves, and the levels computed from them."""
        network = self.module.backbone
        if layer != BEFORE:
            with torch.no_grad():
                features = network.backbone(batch)
            return open_stages(layer, features, dict(zip(STAGES, strides)), network.neck)
        parts: dict[str, nn.Module] = {"0": network.C3_p3, "1": network.reduce_conv1, "2": network.lateral_conv0}
        maps, pyramid = capture_parts(lambda: network(batch), parts)
        places: dict[str, Place] = {name: (part, None) for name, part in parts.items()}
        above = pyramid_above(network, network, batch, places)
        return Stages({name: maps[name] for name in parts}, dict(zip(parts, strides)), pyramid, BEFORE, above)

    def _prepare(self, pixels: Any) -> tuple[Tensor, Placement]:
        """The network's input ``[3,h,w]`` for an image, and how the image lies in it."""
        placement = Placement.letterbox(tuple(pixels.shape[:2]), self.input_size)
        image = scale_as_opencv(pixels, placement.resized, self.device).to(next(self.module.parameters()).dtype)
        canvas = image.new_full((3, *self.input_size), PAD)
        canvas[:, : placement.resized[0], : placement.resized[1]] = image
        order, scale = self.convention[:3], self.convention[3:]
        if scale != "255":
            canvas = canvas / 255
        if scale == "-imagenet":
            mean, std = (image.new_tensor(v)[:, None, None] for v in (MEAN, STD))
            canvas = (canvas - mean) / std
        return canvas.flip(0) if order == "bgr" else canvas, placement

    def _decode_trace(self, trace: OneStageTrace, threshold: float) -> Detections:
        outputs = self.module.head([level[None] for level in trace.pyramid])
        return self._decode([level[0] for level in outputs], trace.placement, threshold)

    def _decode(self, levels: Sequence[Tensor], placement: Placement, threshold: float) -> Detections:
        """Detections from the raw outputs ``[5+C,h,w]`` of each level for one image."""
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
        rows = rows[survivors(boxes[rows], score[rows], label[rows], self.nms_threshold, self.max_detections)]
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


class _YoloxRule:
    """YOLOX's scalars: objectness * class, the class logit, and the distance to each side in strides.

    The outputs of the box branch are x, y, log w, log h and objectness, which cancels in the difference of two classes'
    log probabilities.
    """

    def needs(self, target: Target) -> tuple[str, ...]:
        return needs_of(target)

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        if target.part in SIDES:
            axis = SIDES.index(target.part) % 2
            outward = 1 if target.part in ("x2", "y2") else -1
            return outward * outputs["box"][:, axis] + outputs["box"][:, 2 + axis].exp() / 2

        def value_of(classes: Tensor) -> Tensor:
            own = sigmoid_scores(outputs["class"].gather(1, classes[:, None])[:, 0], target.score)
            if target.score == "prob":
                return outputs["box"][:, 4].sigmoid() * own
            alone = target.score == "logit" or target.against is not None
            return own if alone else F.logsigmoid(outputs["box"][:, 4]) + own

        return class_values(value_of, labels, target)


def _branches(module: Yolox) -> list[dict[str, Branch]]:
    """The class and the box branch of each level; both begin with the level's stem."""
    head: Any = module.head
    found = []
    for level, stem in enumerate(head.stems):
        ends = {"class": [head.cls_preds[level]], "box": [head.reg_preds[level], head.obj_preds[level]]}
        towers = {"class": head.cls_convs[level], "box": head.reg_convs[level]}
        found.append({name: _branch(stem, towers[name], ends[name]) for name in ends})
    return found


def _branch(stem: nn.Module, tower: Sequence[nn.Module], ends: Sequence[nn.Conv2d]) -> Branch:
    parts, stops = _parts(stem), []
    for block in tower:
        parts += _parts(block)
        stops.append(len(parts))
    return Branch(parts, ends, stops)


def _parts(module: Any) -> list[BranchPart]:
    if isinstance(module, DWConv):
        return [*_parts(module.dconv), *_parts(module.pconv)]
    if not isinstance(module, BaseConv):
        raise ValueError(f"expected YOLOX's convolution blocks in its head, got {type(module).__name__}")
    return [BranchPart(module.conv, after=module.after)]
