"""FCOS: torchvision's, with COCO weights, the bundled one, or a user's own module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FCOS
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import batched_nms, clip_boxes_to_image

from detxai_nb.detectors.common import batches_of_one_shape, evaluating, gather_detections, to_tensor
from detxai_nb.detectors.fcos_head import NORM_STATISTICS, FcosHead
from detxai_nb.detectors.one_stage import (
    BACKBONE,
    NECK,
    ORIGIN_FIELDS,
    OneStageTrace,
    check_layer,
    grid_stride,
    open_stages,
)
from detxai_nb.geometry import Placement
from detxai_nb.image import load_image
from detxai_nb.types import Detections


class FcosDetector:
    """An FCOS module of torchvision, opened for explanation.

    ``module``: a ``torchvision.models.detection.FCOS``; ``names``: a name for each class output (torchvision's COCO
    model has 91, the background first). The module is used as it is, in evaluation mode, and never changed.

    ``norm_statistics``: the head's GroupNorm takes its statistics from the whole map. "exact" differentiates through
    them. "fixed" treats them as constants on the two finest levels, where a prediction then depends on an 11x11 window
    only and many gradients cost little; the coarser levels stay exact. The error depends on the
    detector (the bundled tiny-fcos: a median of 22 and 38 percent of the gradient's norm on these two levels).
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
        """The FPN's levels, "backbone" (the stage nearest to each prediction's stride), and each stage by its name."""
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
        head = FcosHead(self.module.head, [level[0] for level in pyramid], self.norm_statistics)
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
