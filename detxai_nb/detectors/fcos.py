"""FCOS: torchvision's, with COCO weights, the bundled one, or a user's own module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FCOS
from torchvision.ops import clip_boxes_to_image

from detxai_nb.detectors.base import Adapter, Family
from detxai_nb.detectors.catalogue import SCENES, bundled, from_torchvision
from detxai_nb.detectors.dense.anchors import best_of_levels, suppress
from detxai_nb.detectors.dense.branch import Branch, tower_branches
from detxai_nb.detectors.dense.torchvision import DenseModule, DenseOutput
from detxai_nb.detectors.dense.trace import OneStageTrace
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.types import SIDES, Detections, Target

NORM_STATISTICS = ("exact", "fixed")


def fcos_branches(head: Any) -> dict[str, Branch]:
    """The branches of torchvision's ``FCOSHead``; the box branch gives four distances and the centre-ness."""
    return tower_branches(
        head,
        {
            "class": ("classification_head", ["cls_logits"]),
            "box": ("regression_head", ["bbox_reg", "bbox_ctrness"]),
        },
    )


class FcosRule:
    """FCOS's scalars: sqrt(class * centre-ness), the class logit, and the distance to each side in strides."""

    def needs(self, target: Target) -> tuple[str, ...]:
        """The branches that the target is made of: a probability needs centre-ness from the box branch too."""
        if target.part in SIDES:
            return ("box",)
        return ("class",) if target.score == "logit" else ("class", "box")

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The explained scalars ``[n]`` at ``at`` ``[n,2]`` (row, column) from the branches' outputs there."""
        if target.part in SIDES:
            return outputs["box"][:, SIDES.index(target.part)].relu()
        logit = outputs["class"].gather(1, labels[:, None])[:, 0]
        if target.score == "logit":
            return logit
        return (logit.sigmoid() * outputs["box"][:, 4].sigmoid()).sqrt()


class FcosDetector(Adapter):
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
        fcos_branches(module.head)
        outputs = module.head.classification_head.num_classes
        if len(names) != outputs:
            raise ValueError(f"this FCOS has {outputs} class outputs, but {len(names)} names were given")
        self.module = module
        self.names = tuple(names)
        self.norm_statistics = norm_statistics
        self.nms_threshold = module.nms_thresh if nms_threshold is None else nms_threshold
        self.max_detections = module.detections_per_img if max_detections is None else max_detections

    @property
    def _dense(self) -> DenseModule:
        return DenseModule(self.module, anchored=False)

    @property
    def device(self) -> torch.device:
        """The device of the module's weights."""
        return self._dense.device

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers on offer.

        "neck" (the FPN's levels), "neck.before" (its lateral outputs before the merge), "backbone" (the stage nearest
        to each prediction's stride), "backbone.<stage>", "head.class" and "head.box" (the last activations of the
        head's towers; centre-ness belongs to the box tower), "head.class.0" and so on (the earlier ones).
        """
        return self._dense.layers([fcos_branches(self.module.head)])

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        """What FCOS finds in each image with score >= ``score_threshold``: sqrt(class * centerness), after its NMS."""
        return self._dense.detect(images, lambda output: self._decode(output, score_threshold))

    @torch.inference_mode(False)
    def trace(self, image: Any, layer: str | None = None) -> OneStageTrace:
        """One forward pass of backbone and neck, kept open. ``layer``: one of ``layers``."""
        fixed = 2 if self.norm_statistics == "fixed" else 0
        return self._dense.trace(image, layer, [fcos_branches(self.module.head)], lambda _: FcosRule(), fixed)

    def _decode(self, output: DenseOutput, threshold: float) -> Detections:
        """The module's own post-processing, keeping where each detection came from."""
        classes, centerness, codes = (
            output.outputs[name] for name in ("cls_logits", "bbox_ctrness", "bbox_regression")
        )
        scores = (classes.sigmoid() * centerness.sigmoid()).sqrt()
        boxes = self.module.box_coder.decode(codes, output.grid.boxes)
        boxes = clip_boxes_to_image(boxes, output.placement.resized)
        candidates = best_of_levels(scores, output.grid.counts, threshold, self.module.topk_candidates)
        picked = suppress(boxes, scores, candidates, self.nms_threshold, self.max_detections)
        return self._dense.report(output, boxes, scores, picked, self.names, threshold)


_LOGITS = "head.classification_head.cls_logits.bias"

FAMILY = Family(
    name="fcos",
    adapter=FcosDetector,
    entries=(
        bundled("tiny-fcos", FcosDetector, f"small FCOS {SCENES}", lambda names: tiny_fcos(len(names))),
        bundled(
            "tiny-fcos-shortcut",
            FcosDetector,
            "tiny-fcos that learnt a mark in the picture's corner instead of one class",
            lambda names: tiny_fcos(len(names)),
            group="bundled control",
        ),
        from_torchvision("fcos_resnet50_fpn", FcosDetector, "FCOS, ResNet-50 FPN", 124, _LOGITS),
    ),
    stage_patterns=(
        ("outputs", r"head\..*(cls_logits|bbox_reg|bbox_ctrness)\b"),
        ("head", r"head\."),
        ("neck", r"backbone\.fpn\."),
    ),
)
